#include "walk.h"

#include "door_fixture.h"
#include "inventory.h"
#include "kinds.h"

#include <base/prng.h>

enum { MANY = 8 * SV_WALK_STEP };

/// Time passes with every look at the clock: a go is one step.
static int64_t slow_clock(void) {
    static int64_t now_us = 0;
    return now_us += INT64_C(2) * SV_WALK_US;
}

static void admit(fixture *f, const char *form, int number) {
    sv_device *device = NULL;
    char id[32];
    (void) snprintf(id, sizeof id, "%s-%05d", form, number);
    assert_int_equal(
        sv_registry_admit(f->fleet.registry, sv_text_of(id), SV_TEXT("north"), 1, &device, NULL),
        SV_OK);
    device->online = number % 3 == 0;
}

static int setup(void **state) {
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    for (int i = 0; i < MANY; i++) {
        admit(&d->f, "n", i);
    }
    return 0;
}

typedef struct seen {
    size_t count;
    char ids[MANY + 32][SV_ID_ROOM];
    bool is_over;
    sv_err err;
} seen;

static void look_at(void *arg, sv_device *device) {
    seen *s = arg;
    assert_false(s->is_over);
    assert_true(s->count == 0 || strcmp(s->ids[s->count - 1], device->id) < 0);
    memcpy(s->ids[s->count++], device->id, SV_ID_ROOM);
}

static void over(void *arg, sv_err err, const sv_why *why) {
    seen *s = arg;
    (void) why;
    assert_false(s->is_over);
    s->is_over = true;
    s->err = err;
}

static sv_walk walk_of(seen *s, const sv_query *query) {
    memset(s, 0, sizeof *s);
    return (sv_walk){ .query = query, .each = look_at, .done = over, .arg = s };
}

static seen one, other;

// [running-7]
static void a_walk_takes_one_go_in_a_small_fleet_and_more_in_a_large_one(void **state) {
    door *d = *state;
    sv_walk walk = walk_of(&one, NULL);
    sv_walk_begin(&d->f.fleet, &walk);
    assert_true(one.is_over && one.err == SV_OK && one.count == MANY);
    d->f.fleet.mono_us = slow_clock;
    walk = walk_of(&one, NULL);
    sv_walk_begin(&d->f.fleet, &walk);
    assert_true(!one.is_over && one.count == SV_WALK_STEP);
    sv_walk second = walk_of(&other, NULL);
    sv_walk_begin(&d->f.fleet, &second);
    assert_int_equal(door_admin(d, "GET", "/api/v1/groups", ""), 200); // others are served
    while (!one.is_over || !other.is_over) {
        size_t before = one.count + other.count;
        sv_loop_turn(d->loop, 10000);
        assert_true(one.count + other.count <= before + SV_WALK_STEP);
    }
    assert_true(one.err == SV_OK && one.count == MANY && other.count == MANY);
}

/// Also of the one at which it stands. [running-7]
static void devices_may_come_and_go_while_it_walks(void **state) {
    door *d = *state;
    static const char QUERY[] = "id ~ *-*";
    sv_query query;
    assert_int_equal(sv_query_read(sv_text_of(QUERY), &query, NULL), SV_OK);
    for (int i = 0; i < 2; i++) { // by the registry, and by the database as well
        sv_walk walk = walk_of(&one, i == 0 ? NULL : &query);
        d->f.fleet.mono_us = slow_clock;
        sv_walk_begin(&d->f.fleet, &walk);
        assert_true(one.count >= SV_WALK_STEP);
        sv_registry_forget(d->f.fleet.registry, sv_text_of(one.ids[one.count - 1]));
        sv_registry_forget(d->f.fleet.registry, sv_text_of(one.ids[0]));
        sv_registry_forget(d->f.fleet.registry, SV_TEXT("n-01000"));
        admit(&d->f, "a", 1); // before it
        admit(&d->f, "z", i); // and behind
        while (!one.is_over) {
            sv_loop_turn(d->loop, 10000);
        }
        assert_int_equal(one.err, SV_OK);
        assert_string_equal(one.ids[one.count - 1], i == 0 ? "z-00000" : "z-00001");
        for (int j = 0; j < MANY; j++) {
            admit(&d->f, "n", j);
        }
    }
}

/// A query says the same however it is walked. [running-7]
static void what_is_answered_in_slices_is_what_is_answered_at_once(void **state) {
    door *d = *state;
    static const char *const PATHS[] = {
        "/api/v1/query?q=online",
        "/api/v1/query?q=id%20~%20n-0001*%20and%20not%20online",
        "/api/v1/devices?limit=7&sort=urgency",
        "/api/v1/devices?limit=7&sort=last_seen&query=id%20~%20*7&cursor=0.n-00100",
        "/api/v1/devices?q=n-0101",
        "/api/v1/groups/canary",
    };
    assert_int_equal(
        door_admin(d, "PUT", "/api/v1/groups/canary", "{\"query\":\"id ~ *5 and online\"}"), 200);
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        d->f.fleet.mono_us = fixture_clock;
        assert_int_equal(door_admin(d, "GET", PATHS[i], ""), 200);
        SV_DEFER(sv_textbuf_drop) sv_textbuf at_once = SV_TEXTBUF_HEAP(DOOR_ANSWER_MAX);
        sv_textbuf_add(&at_once, sv_text_of(door_body(d)));
        assert_int_equal(sv_textbuf_end(&at_once), SV_OK);
        d->f.fleet.mono_us = slow_clock;
        assert_int_equal(door_admin(d, "GET", PATHS[i], ""), 200);
        assert_string_equal(door_body(d), at_once.at);
    }
}

#define REPORT                                                                                     \
    "{\"metrics\":{\"device_id\":\"%s\",\"timestamp\":\"2026-11-22T06:15:04\","                    \
    "\"firmware_version\":\"2.%d\"}}"

static void says_it_runs(fixture *f, int number, const char *product, const char *version) {
    char id[32];
    sv_running running = { .at_us = 1 };
    (void) snprintf(id, sizeof id, "n-%05d", number);
    (void) snprintf(running.product, sizeof running.product, "%s", product);
    (void) snprintf(running.version, sizeof running.version, "%s", version);
    assert_int_equal(sv_running_store(&f->fleet, id, &running, NULL), SV_OK);
}

static void reports(fixture *f, int number, int version) {
    char id[32];
    char report[256];
    (void) snprintf(id, sizeof id, "n-%05d", number);
    (void) snprintf(report, sizeof report, REPORT, id, version);
    sv_device *device = sv_registry_device(f->fleet.registry, sv_text_of(id));
    sv_device_take_report(device, sv_text_of(report));
    assert_non_null(device->report);
}

static size_t fitting(fixture *f, const char *text) {
    sv_query query;
    assert_int_equal(sv_query_read(sv_text_of(text), &query, NULL), SV_OK);
    const sv_walk walk = walk_of(&one, &query);
    assert_int_equal(sv_walk_now(&f->fleet, &walk, NULL), SV_OK);
    return one.count;
}

/// What was found of kinds before is right for who says something else since. [running-9]
static void kinds_that_cannot_fit_are_passed_over_and_nobody_else_is(void **state) {
    door *d = *state;
    static const char *const QUERIES[] = {
        "version < 1.1", "not version < 1.1",       "product = lathe",          "product != lathe",
        "version = 1.0", "version = 1.1 or online", "site ~ * and version > 1", "version > 1.5",
    };
    sv_prng prng = { .state = 11 };
    assert_int_equal(sv_db_begin(d->f.fleet.db, NULL), SV_OK);
    for (int i = 0; i < MANY / 2; i++) {
        says_it_runs(&d->f, i, "lathe", "1.0");
    }
    for (int round = 0; round < 40; round++) {
        uint64_t chance = sv_prng_next(&prng);
        const char *text = QUERIES[chance % SV_COUNT(QUERIES)];
        int number = (int) ((chance >> 16) % MANY);
        size_t found = fitting(&d->f, text);
        for (size_t i = 0; i < sv_registry_device_count(d->f.fleet.registry); i++) {
            sv_registry_device_at(d->f.fleet.registry, i)->kind = SV_KIND_UNKNOWN;
        }
        assert_int_equal(fitting(&d->f, text), found);
        assert_int_equal(fitting(&d->f, "version = 3"), 0);
        if ((chance >> 40) % 2 == 0) {
            says_it_runs(&d->f, number, "press", (chance >> 48) % 2 == 0 ? "1.1" : "");
        } else {
            reports(&d->f, number, round);
        }
    }
    sv_db_rollback(d->f.fleet.db);
}

// [running-7]
static void there_are_only_so_many_walks_and_none_outlives_the_server(void **state) {
    door *d = *state;
    static seen all[SV_WALKS_MAX];
    d->f.fleet.mono_us = slow_clock;
    for (size_t i = 0; i < SV_WALKS_MAX; i++) {
        const sv_walk walk = walk_of(&all[i], NULL);
        sv_walk_begin(&d->f.fleet, &walk);
        assert_false(all[i].is_over);
    }
    sv_walk walk = walk_of(&one, NULL);
    sv_walk_begin(&d->f.fleet, &walk);
    assert_true(one.is_over && one.err == SV_ERR_UNAVAILABLE);
    assert_int_equal(door_admin(d, "GET", "/api/v1/query?q=online", ""), 503);
    assert_true(door_says(d, "ask again in a second"));
    sv_walks_drop(&d->f.fleet.walks);
    for (size_t i = 0; i < SV_WALKS_MAX; i++) {
        assert_true(all[i].is_over && all[i].err == SV_ERR_UNAVAILABLE);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_walk_takes_one_go_in_a_small_fleet_and_more_in_a_large_one),
        TEST(devices_may_come_and_go_while_it_walks),
        TEST(what_is_answered_in_slices_is_what_is_answered_at_once),
        TEST(kinds_that_cannot_fit_are_passed_over_and_nobody_else_is),
        TEST(there_are_only_so_many_walks_and_none_outlives_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
