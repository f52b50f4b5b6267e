#include "certify_fixture.h"

#include "audit_door.h"
#include "audit_log.h"
#include "expiry.h"
#include "inbox.h"
#include "issued_door.h"
#include "issued_import.h"
#include "standing.h"

#include <unistd.h>

enum { JSON_MAX = 1024 * 1024 };

static sv_json *listed(fixture *f, const sv_issued_query *query) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json *root = NULL;
    sv_why why = { 0 };
    if (sv_issued_list(&f->fleet, query, &out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    return root;
}

static sv_text word(const sv_json *object, const char *key) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &text);
    return text;
}

static size_t count_of(fixture *f, int state, const char *text) {
    const sv_issued_query query = {
        .state = state, .site = "", .text = text, .cursor = "", .limit = 100
    };
    SV_DEFER(sv_json_drop) sv_json *root = listed(f, &query);
    return sv_json_count(sv_json_get(root, "items"));
}

// [enrol-31]
static void the_list_says_what_becomes_of_each(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    certified(f, "press-2", 1, &end);
    assert_int_equal(count_of(f, SV_ISSUED_VALID, ""), 2);
    assert_int_equal(count_of(f, -1, "PRESS-2"), 1);
    assert_int_equal(count_of(f, -1, end.facts.serial), 1);
    fixture_now_us += 76 * SV_TIME_DAY_US;
    assert_int_equal(count_of(f, SV_ISSUED_EXPIRING, ""), 2);
    renew(f, caller_of(&old, SV_CERTIFY_TRUSTED), "press-1", 0, &end);
    assert_int_equal(count_of(f, SV_ISSUED_REPLACED, ""), 1);
    assert_int_equal(count_of(f, SV_ISSUED_VALID, "press-1"), 1);
    fixture_now_us += 20 * SV_TIME_DAY_US;
    assert_int_equal(count_of(f, SV_ISSUED_EXPIRED, "press-2"), 1);
    const sv_standing_order order = { .id = SV_TEXT("press-1"),
                                      .state = SV_STANDING_REVOKED,
                                      .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(count_of(f, SV_ISSUED_REVOKED, ""), 2);

    char cursor[SV_VISIT_WORD_MAX] = "";
    int64_t last = 0;
    for (int page = 0; page < 3; page++) {
        const sv_issued_query query = {
            .state = -1, .site = "north", .text = "", .cursor = cursor, .limit = 1
        };
        SV_DEFER(sv_json_drop) sv_json *root = listed(f, &query);
        const sv_json *item = sv_json_at(sv_json_get(root, "items"), 0);
        int64_t ends = 0;
        assert_true(sv_json_int(sv_json_get(item, "not_after"), &ends) && ends >= last);
        assert_true(sv_text_is(word(item, "renews"), "itself"));
        assert_true(sv_text_is(word(item, "site"), "north"));
        last = ends;
        assert_int_equal(word(root, "next").len > 0, page < 2);
        (void) sv_text_copy(word(root, "next"), cursor, sizeof cursor);
    }
    fixture_now_us = start_us;
}

static void pki_of(fixture *f) {
    (void) snprintf(f->fleet.config.pki, sizeof f->fleet.config.pki, "%s", certify_dir);
}

static void look_again(fixture *f) {
    fixture_now_us += SV_TIME_HOUR_US;
    sv_import_turn(&f->fleet);
}

// [enrol-32] [enrol-14]
static void what_the_folder_knows_comes_in_and_its_keys_are_taken(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    char out[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    certify_end end;
    const sv_pki_leaf lathe = { .id = "lathe-1", .role = SV_ROLE_DEVICE, .out = out };
    const sv_pki_leaf server = { .id = "Server-9", .role = SV_ROLE_SERVER, .out = out };
    assert_int_equal(sv_disk_join(out, sizeof out, f->dir, "leaves"), SV_OK);
    pki_of(f);
    assert_int_equal(sv_pki_issue(certify_dir, &lathe, NULL), SV_OK);
    assert_int_equal(sv_pki_issue(certify_dir, &server, NULL), SV_OK);
    look_again(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM certificate WHERE how = 'imported'"
                                      " AND length(key_hash) = 64"),
                     2);
    look_again(f); // nothing is new
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM certificate"), 2);

    // Its key and its name are taken.
    assert_int_equal(sv_disk_join(key, sizeof key, out, "lathe-1.key"), SV_OK);
    struct evp_pkey_st *mine = certify_keys[3];
    static struct evp_pkey_st *taken; // kept: it is nobody's to free here
    assert_int_equal(sv_key_open(key, &taken, NULL), SV_OK);
    certify_keys[3] = taken;
    sv_enrol_grant grant = added(f, "press-1", "north");
    enrol(f, "press-1", grant.token, 3, &end);
    finish(f);
    expect(&end, 409, NULL);
    certify_keys[3] = mine;
    sv_enrol_wish wish = { .id = "server-9", .site = "north" };
    sv_why why = { 0 };
    assert_int_equal(sv_enrol_check(&f->fleet, &wish, false, &why), SV_ERR_STATE);

    // What is revoked there is revoked here; a newer one takes the place of the older.
    assert_int_equal(sv_pki_revoke(certify_dir, "lathe-1", NULL), SV_OK);
    look_again(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM certificate WHERE revoked = 1"), 1);
    fixture_now_us = start_us;
}

static int64_t open_alerts(fixture *f, const char *severity) {
    return strcmp(severity, "warning") == 0
               ? fixture_count(f, "SELECT count(*) FROM alert WHERE type = 'HEALTH' AND state < 2"
                                  " AND rule = 'certificate' AND severity = 'warning'")
               : fixture_count(f, "SELECT count(*) FROM alert WHERE type = 'HEALTH' AND state < 2"
                                  " AND rule = 'certificate' AND severity = 'critical'");
}

static void later(fixture *f, int64_t by_us) {
    fixture_now_us += by_us;
    sv_expiry_turn(&f->fleet);
}

// [enrol-33]
static void
a_certificate_that_was_not_renewed_raises_one_alert_and_its_renewal_clears_it(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    later(f, 74 * SV_TIME_DAY_US);
    assert_int_equal(open_alerts(f, "warning"), 0);
    later(f, SV_TIME_DAY_US + SV_TIME_MINUTE_US);
    later(f, SV_TIME_DAY_US);
    assert_int_equal(open_alerts(f, "warning"), 1);
    later(f, 15 * SV_TIME_DAY_US);
    assert_int_equal(open_alerts(f, "warning"), 0);
    assert_int_equal(open_alerts(f, "critical"), 1);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM alert WHERE message = 'The certificate of press-1"
                         " ended on 2027-04-15T08:00:00Z; it should have renewed itself: look at"
                         " its log and at its way to the fleet server'"),
        1);
    renew(f, caller_of(&old, SV_CERTIFY_EXPIRED), "press-1", 0, &end);
    expect(&end, 200, NULL);
    later(f, SV_TIME_MINUTE_US);
    assert_int_equal(open_alerts(f, "critical"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE state = 2"), 1);
    fixture_now_us = start_us;
    f->fleet.expiry_next_us = 0;
}

// [audit-4]
static void the_event_log_is_read_by_what_and_about_whom(void **state) {
    fixture *f = *state;
    certify_end end;
    certified(f, "press-1", 0, &end);
    certified(f, "press-2", 1, &end);
    static const struct {
        const char *what, *about;
        size_t count;
    } CASES[] = {
        { "", "", 5 },         { "enrolment", "", 4 }, { "enrolment.use", "", 2 },
        { "", "press-1", 2 },  { "enrol", "", 0 },     { "enrolment.add", "press-2", 1 },
        { "' OR 1=1", "", 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_audit_query query = { .filter = SV_AUDIT_FILTER_NONE, .cursor = "", .limit = 100 };
        query.filter.what = CASES[i].what;
        query.filter.about = CASES[i].about;
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_json_out out = SV_JSON_OUT(&json);
        assert_int_equal(sv_audit_list(f->fleet.db, &query, &out, NULL), SV_OK);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
        assert_int_equal(sv_json_count(sv_json_get(root, "items")), CASES[i].count);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, certify_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_list_says_what_becomes_of_each),
        TEST(what_the_folder_knows_comes_in_and_its_keys_are_taken),
        TEST(a_certificate_that_was_not_renewed_raises_one_alert_and_its_renewal_clears_it),
        TEST(the_event_log_is_read_by_what_and_about_whom),
    };
    return cmocka_run_group_tests(tests, certify_group_setup, certify_group_teardown);
}
