// A fleet of two sites, an image, and campaigns over them in virtual time.
#ifndef SV_FLEET_CAMPAIGNS_FIXTURE_H
#define SV_FLEET_CAMPAIGNS_FIXTURE_H

#include "campaigns_own.h"
#include "fleet_fixture.h"

#include <stdio.h>

enum { NORTH = 24, SOUTH = 12, TURNS_MAX = 4000 };

#define IMAGE "lathe/1.1"
#define ALL "\"target\":{\"query\":\"all\"}"

// ---- a fleet ------------------------------------------------------------------------------------

static inline void sql(fixture *f, const char *text) {
    sv_why why = { 0 };
    if (sv_db_exec(f->fleet.db, text, &why) != SV_OK) {
        fail_msg("%s: %s", text, why.text);
    }
}

static inline void add_device(fixture *f, const char *gateway, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
    sv_registry_settle(f->fleet.registry, true);
}

static inline void runs(fixture *f, const char *device, const char *version) {
    sv_running running = { .at_us = fixture_now_us };
    (void) snprintf(running.product, sizeof running.product, "lathe");
    (void) snprintf(running.version, sizeof running.version, "%s", version);
    assert_int_equal(sv_running_store(&f->fleet, device, &running, NULL), SV_OK);
}

static inline int campaigns_setup(void **state) {
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(fixture_setup(state), 0);
    fixture *f = *state;
    for (int i = 0; i < NORTH + SOUTH; i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "%c-%02d", i < NORTH ? 'n' : 's', i);
        add_device(f, i < NORTH ? "gw-a" : "gw-b", id);
        runs(f, id, "1.0");
    }
    sql(f, "INSERT INTO image (path, kind, product, version, hardware, length, sha256, complete,"
           " at_us) VALUES ('" IMAGE "', 'file', 'lathe', '1.1', '', 10, '', 1, 1)");
    return 0;
}

/// All slices of it.
static inline sv_err survey_all(fixture *f, const sv_campaign_plan *plan, const char *sites,
                                sv_campaign_survey *out, sv_why *why) {
    SV_TRY(sv_campaigns_survey_begin(&f->fleet, plan, out, why));
    while (!out->is_whole) {
        SV_TRY(sv_campaigns_survey_go_on(&f->fleet, plan, sites, out, why));
    }
    return SV_OK;
}

static inline sv_err try_start(fixture *f, const char *body, const char *sites, int64_t *id,
                               sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *json = NULL;
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(body), &json, NULL, NULL), SV_OK);
    SV_TRY(sv_campaign_plan_parse(json, &plan, why));
    sv_campaign_survey survey;
    SV_TRY(survey_all(f, plan, sites, &survey, why));
    return sv_campaigns_start(&f->fleet, plan, &survey, sv_text_of(body), sites, "ann", id, why);
}

static inline int64_t start(fixture *f, const char *body) {
    sv_why why = { 0 };
    int64_t id = 0;
    if (try_start(f, body, "", &id, &why) != SV_OK) {
        fail_msg("%s: %s", body, why.text);
    }
    return id;
}

static inline void turn(fixture *f) {
    fixture_now_us += SV_TIME_SECOND_US;
    while (sv_campaigns_turn(&f->fleet)) {
    }
}

/// One slice: it has its devices, and nobody has an assignment.
static inline void turn_once(fixture *f) {
    fixture_now_us += SV_TIME_SECOND_US;
    (void) sv_campaigns_turn(&f->fleet);
}

static inline sv_campaign_row load(fixture *f, int64_t id) {
    sv_campaign_row row;
    assert_int_equal(sv_campaign_row_load(&f->fleet, id, &row, NULL), SV_OK);
    return row;
}

static inline sv_err do_it(fixture *f, int64_t id, sv_campaign_verb verb, const char *user,
                           sv_why *why) {
    return sv_campaigns_do(&f->fleet, id, verb, user, NULL, why);
}

/// The counts are what a recount gives. [campaign-19] [campaign-31]
static inline void check_counts(fixture *f, int64_t id) {
    sv_campaign_row row = load(f, id);
    for (size_t wave = 0; wave < row.c.wave_count; wave++) {
        for (int place = 0; place < SV_STAGE__COUNT; place++) {
            sv_stmt *stmt;
            assert_int_equal(sv_db_stmt(f->fleet.db,
                                        "SELECT count(*) FROM campaign_device WHERE campaign = ?1"
                                        " AND wave = ?2 AND place = ?3",
                                        &stmt, NULL),
                             SV_OK);
            sv_stmt_bind_int(stmt, 1, id);
            sv_stmt_bind_int(stmt, 2, (int64_t) wave);
            sv_stmt_bind_int(stmt, 3, place);
            assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
            assert_int_equal(row.c.waves[wave].count[place], sv_stmt_int(stmt, 0));
            sv_stmt_reset(stmt);
        }
    }
}

static inline void say(fixture *f, const char *device, sv_action_said said) {
    sv_action action;
    const sv_action_word word = { .said = said, .bytes = -1 };
    assert_int_equal(sv_actions_open_of(&f->fleet, device, &action, NULL), SV_OK);
    assert_int_equal(sv_actions_feedback(&f->fleet, device, action.id, &word, NULL), SV_OK);
}

/// It says success, and that it runs the image.
static inline void confirm(fixture *f, const char *device) {
    say(f, device, SV_SAID_INSTALLED);
    say(f, device, SV_SAID_SUCCESS);
    runs(f, device, "1.1");
}

/// The devices of an open action of the campaign, one after the other; how many.
static inline size_t assigned(fixture *f, int64_t id, char out[NORTH + SOUTH + 8][SV_ID_ROOM]) {
    sv_stmt *row;
    size_t count = 0;
    assert_int_equal(sv_db_stmt(f->fleet.db,
                                "SELECT device FROM campaign_device WHERE campaign = ?1"
                                " AND place BETWEEN 1 AND 4",
                                &row, NULL),
                     SV_OK);
    sv_stmt_bind_int(row, 1, id);
    while (sv_stmt_next(row, NULL) == SV_OK) {
        assert_int_equal(sv_text_copy(sv_stmt_text(row, 0), out[count++], SV_ID_ROOM), SV_OK);
    }
    return count;
}

static inline void confirm_all(fixture *f, int64_t id) {
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    size_t count = assigned(f, id, devices);
    for (size_t i = 0; i < count; i++) {
        confirm(f, devices[i]);
        check_counts(f, id);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, campaigns_setup, fixture_teardown)

#endif
