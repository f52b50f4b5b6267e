#include "standing.h"

#include "device_list_fixture.h"
#include "fleet_fixture.h"
#include "offline.h"
#include "standing_folder.h"

#include <crypto/pki.h>

#include <sys/log.h>

static sv_err decide(fixture *f, const char *id, sv_standing_state to, sv_standing_change *out,
                     sv_why *why) {
    const sv_standing_order order = { .id = sv_text_of(id),
                                      .state = to,
                                      .reason = "it was stolen",
                                      .by = "ada",
                                      .from = "192.0.2.7" };
    return sv_standing_set(&f->fleet, &order, out, why);
}

static sv_standing_change decided(fixture *f, const char *id, sv_standing_state to) {
    sv_standing_change change;
    sv_why why = { 0 };
    if (decide(f, id, to, &change, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return change;
}

static sv_standing_state state_of(fixture *f, const char *id) {
    return sv_standing_of(f->fleet.standing, sv_text_of(id)).state;
}

static bool allows(fixture *f, const char *id, int64_t not_before_us) {
    return sv_standing_allows(f->fleet.standing, id, not_before_us, NULL) == SV_OK;
}

/// The page after `after` is what leads from the hash before it to its own.
static void check_page(fixture *f, int64_t after, int64_t newest) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page before = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
    uint8_t hash[SV_STANDING_HASH_BYTES] = { 0 };
    assert_int_equal(sv_standing_page_read(f->fleet.standing, f->fleet.db, 0, &before, NULL),
                     SV_OK);
    for (int64_t i = 0; i < after; i++) {
        assert_int_equal(sv_standing_chain(hash, &before.changes[i], NULL), SV_OK);
    }
    assert_int_equal(sv_standing_page_read(f->fleet.standing, f->fleet.db, after, &page, NULL),
                     SV_OK);
    assert_int_equal(page.from, after);
    assert_int_equal(page.newest, newest);
    for (size_t i = 0; i < page.count; i++) {
        assert_int_equal(sv_standing_chain(hash, &page.changes[i], NULL), SV_OK);
    }
    assert_memory_equal(hash, page.head.hash, sizeof hash);
}

// ---- what holds ---------------------------------------------------------------------------------

static void what_was_issued_in_the_second_of_the_revocation_does_not_count(void **state) {
    fixture *f = *state; // [standing-8]
    int64_t second_us = fixture_now_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US;
    assert_true(allows(f, "press-1", 0));
    sv_standing_change change = decided(f, "press-1", SV_STANDING_REVOKED);
    assert_int_equal(change.version, 1);
    assert_false(allows(f, "press-1", second_us));
    assert_true(allows(f, "press-1", second_us + SV_TIME_SECOND_US));
    assert_int_equal(sv_standing_floor_us(f->fleet.standing, SV_TEXT("press-1")),
                     second_us + SV_TIME_SECOND_US);
    assert_true(allows(f, "press-2", 0));
    sv_why why = { 0 };
    assert_int_equal(sv_standing_allows(f->fleet.standing, "PRESS-1", 5, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "'PRESS-1' is revoked: certificates that began before 20"));
}

static void a_quarantine_ends_and_nothing_else_does(void **state) { // [standing-8]
    fixture *f = *state;
    static const struct {
        sv_standing_state from, to;
        bool goes;
    } STEPS[] = {
        { SV_STANDING_ACTIVE, SV_STANDING_QUARANTINED, true },
        { SV_STANDING_QUARANTINED, SV_STANDING_ACTIVE, true },
        { SV_STANDING_QUARANTINED, SV_STANDING_REVOKED, true },
        { SV_STANDING_REVOKED, SV_STANDING_ACTIVE, false },
        { SV_STANDING_REVOKED, SV_STANDING_QUARANTINED, false },
        { SV_STANDING_REVOKED, SV_STANDING_RETIRED, true },
        { SV_STANDING_RETIRED, SV_STANDING_ACTIVE, false },
        { SV_STANDING_RETIRED, SV_STANDING_QUARANTINED, false },
        { SV_STANDING_RETIRED, SV_STANDING_REVOKED, false },
    };
    for (size_t i = 0; i < SV_COUNT(STEPS); i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%zu", i);
        if (STEPS[i].from != SV_STANDING_ACTIVE) {
            decided(f, id, STEPS[i].from);
        }
        sv_standing_change change;
        sv_why why = { 0 };
        assert_int_equal(decide(f, id, STEPS[i].to, &change, &why),
                         STEPS[i].goes ? SV_OK : SV_ERR_STATE);
        assert_int_equal(state_of(f, id), STEPS[i].goes ? STEPS[i].to : STEPS[i].from);
        assert_true(STEPS[i].goes || strstr(why.text, "selvedge device replace press-") != NULL);
    }
}

static void a_quarantine_and_its_end_bring_no_revoked_certificate_back(void **state) {
    fixture *f = *state; // [standing-8]
    sv_standing_change change = decided(f, "press-1", SV_STANDING_REVOKED);
    const sv_standing_order replaces = {
        .id = SV_TEXT("press-1"), .state = SV_STANDING_ACTIVE, .replaces = true, .by = "ada"
    };
    fixture_now_us += 60 * SV_TIME_SECOND_US;
    assert_int_equal(sv_standing_set(&f->fleet, &replaces, &change, NULL), SV_OK);
    int64_t before_us = change.before_us;
    assert_true(before_us > fixture_now_us);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_ACTIVE);
    assert_int_equal(decided(f, "press-1", SV_STANDING_QUARANTINED).before_us, before_us);
    assert_int_equal(decided(f, "press-1", SV_STANDING_ACTIVE).before_us, before_us);
    assert_false(allows(f, "press-1", before_us - 1));
    assert_true(allows(f, "press-1", before_us));
}

static void asking_twice_decides_once_but_a_revocation_covers_what_came_meanwhile(void **state) {
    fixture *f = *state; // [standing-8]
    assert_int_equal(decided(f, "press-1", SV_STANDING_QUARANTINED).version, 1);
    assert_int_equal(decided(f, "press-1", SV_STANDING_QUARANTINED).version, 1);
    assert_int_equal(decided(f, "press-2", SV_STANDING_ACTIVE).version, 0);
    int64_t first_us = decided(f, "press-1", SV_STANDING_REVOKED).before_us;
    fixture_now_us += 10 * SV_TIME_SECOND_US;
    sv_standing_change again = decided(f, "press-1", SV_STANDING_REVOKED);
    assert_int_equal(again.version, 3);
    assert_int_equal(again.before_us, first_us + 10 * SV_TIME_SECOND_US);
}

static void a_clock_that_goes_back_uncovers_nothing(void **state) { // [standing-8]
    fixture *f = *state;
    int64_t first_us = decided(f, "press-1", SV_STANDING_REVOKED).before_us;
    fixture_now_us -= SV_TIME_DAY_US;
    assert_int_equal(decided(f, "press-1", SV_STANDING_REVOKED).before_us, first_us);
    // Nor does it leave out a certificate that is known to have begun later, within reason.
    sv_standing_order order = { .id = SV_TEXT("press-2"),
                                .state = SV_STANDING_REVOKED,
                                .known_us = fixture_now_us + SV_TIME_HOUR_US,
                                .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(change.before_us, order.known_us + SV_TIME_SECOND_US);
    order.id = SV_TEXT("press-3");
    order.known_us = fixture_now_us + 3 * SV_TIME_DAY_US;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_true(change.before_us <= fixture_now_us + SV_TIME_SECOND_US);
    fixture_now_us += SV_TIME_DAY_US;
}

static void what_the_folder_revoked_long_ago_does_not_undo_a_replacement(void **state) {
    fixture *f = *state; // [standing-8]
    sv_standing_change change;
    sv_standing_order order = {
        .id = SV_TEXT("press-1"), .state = SV_STANDING_REVOKED, .folder_us = 5000000, .by = "folder"
    };
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(change.before_us, 5000000);
    const sv_standing_order replaces = {
        .id = SV_TEXT("press-1"), .state = SV_STANDING_ACTIVE, .replaces = true, .by = "ada"
    };
    assert_int_equal(sv_standing_set(&f->fleet, &replaces, &change, NULL), SV_OK);
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_ACTIVE);
    assert_int_equal(sv_standing_version(f->fleet.standing), 2);
}

static void what_the_folder_revokes_is_taken_over_once_however_much_it_is(void **state) {
    fixture *f = *state; // [standing-10]
    enum { MANY = SV_STANDING_FOLDER_TURN + 10 };
    assert_int_equal(sv_disk_join(f->fleet.config.pki, sizeof f->fleet.config.pki, f->dir, "pki"),
                     SV_OK);
    const sv_pki_setup setup = { .dir = f->fleet.config.pki };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    sv_standing_folder_turn(&f->fleet);
    assert_int_equal(sv_standing_version(f->fleet.standing), 0);
    assert_int_equal(sv_pki_revoke(f->fleet.config.pki, "press-1", NULL), SV_OK);
    sv_standing_folder_turn(&f->fleet); // not looked at again yet
    assert_int_equal(sv_standing_version(f->fleet.standing), 0);
    fixture_now_us += SV_STANDING_FOLDER_US;
    sv_standing_folder_turn(&f->fleet);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_REVOKED);

    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, f->fleet.config.pki, "revoked.ndjson"), SV_OK);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    for (int i = 0; i < MANY; i++) {
        assert_true(fprintf(file, "{\"id\":\"lathe-%d\",\"before\":\"2026-11-28T10:00:00Z\"}\n", i)
                    > 0);
    }
    assert_int_equal(fclose(file), 0);
    fixture_now_us += SV_STANDING_FOLDER_US;
    sv_standing_folder_turn(&f->fleet);
    assert_int_equal(sv_standing_version(f->fleet.standing), 1 + SV_STANDING_FOLDER_TURN);
    for (int turn = 0; turn < 3; turn++) {
        fixture_now_us += SV_TIME_SECOND_US;
        sv_standing_folder_turn(&f->fleet);
    }
    assert_int_equal(sv_standing_version(f->fleet.standing), 1 + MANY);
    assert_false(allows(f, "lathe-7", INT64_C(1795859999000000)));
    assert_true(allows(f, "lathe-7", INT64_C(1795860000000000)));
    check_page(f, 0, 1 + MANY);
}

// ---- the list -----------------------------------------------------------------------------------

static sv_device *add_device(fixture *f, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"), sv_text_of(id),
                                      &device, NULL),
                     SV_OK);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_registry_settle(f->fleet.registry, true);
    return device;
}

static int64_t listed(fixture *f, int standing) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_json_drop) sv_json *page = NULL;
    sv_json_out out = SV_JSON_OUT(&text);
    const sv_device_query query = { .text = "",
                                    .site = "",
                                    .version = "",
                                    .cursor = "",
                                    .online = -1,
                                    .health = -1,
                                    .standing = standing,
                                    .limit = 10 };
    list_devices(&f->fleet, &query, &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &page, NULL, NULL), SV_OK);
    return (int64_t) sv_json_count(sv_json_get(page, "items"));
}

static void a_retired_device_leaves_the_list_and_is_found_when_asked_for(void **state) {
    fixture *f = *state; // [standing-8]
    (void) add_device(f, "press-1");
    (void) add_device(f, "press-2");
    (void) add_device(f, "press-3");
    decided(f, "press-2", SV_STANDING_REVOKED);
    decided(f, "press-3", SV_STANDING_RETIRED);
    assert_int_equal(listed(f, SV_DEVICES_STANDING), 2);
    assert_int_equal(listed(f, SV_DEVICES_OF_ALL_TIMES), 3);
    assert_int_equal(listed(f, SV_STANDING_REVOKED), 1);
    assert_int_equal(listed(f, SV_STANDING_RETIRED), 1);
    assert_int_equal(listed(f, SV_STANDING_QUARANTINED), 0);
}

static void nobody_waits_for_a_device_that_was_revoked(void **state) {
    fixture *f = *state;
    sv_device *device = add_device(f, "press-1");
    sv_gateway *gateway = fixture_gateway(f, "gw-a");
    fixture_gateway(f, "gw-b")->online = true;
    gateway->online = true;
    device->last_seen_us = 1;
    for (int round = 0; round < 2; round++) { // silent for a day: away; revoked: no more
        sv_offline_turn(&f->fleet);
        fixture_now_us += SV_TIME_DAY_US;
        sv_offline_turn(&f->fleet);
        assert_int_equal(device->away, round == 0);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE type = 'OFFLINE'"
                                          " AND state < 2"),
                         round == 0);
        decided(f, "press-1", SV_STANDING_REVOKED);
    }
}

// ---- the log ------------------------------------------------------------------------------------

static void the_log_holds_across_a_restart_and_goes_on(void **state) { // [standing-4]
    fixture *f = *state;
    decided(f, "press-1", SV_STANDING_REVOKED);
    decided(f, "press-2", SV_STANDING_QUARANTINED);
    for (int64_t after = 0; after <= 2; after++) {
        check_page(f, after, 2);
    }
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_int_equal(sv_standing_version(f->fleet.standing), 2);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_REVOKED);
    assert_int_equal(state_of(f, "press-2"), SV_STANDING_QUARANTINED);
    assert_int_equal(decided(f, "press-2", SV_STANDING_ACTIVE).version, 3);
    for (int64_t after = 0; after <= 3; after++) {
        check_page(f, after, 3);
    }
    sv_standing_page none = { 0 };
    sv_why why = { 0 };
    assert_int_equal(sv_standing_page_read(f->fleet.standing, f->fleet.db, 4, &none, &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "older than what you hold"));
}

static void what_is_rolled_back_was_never_decided(void **state) { // [standing-8]
    fixture *f = *state;
    const sv_standing_order order = { .id = SV_TEXT("press-1"),
                                      .state = SV_STANDING_REVOKED,
                                      .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_standing_store(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_ACTIVE);
    sv_db_rollback(f->fleet.db);
    sv_standing_settle(&f->fleet, false);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_ACTIVE);
    assert_int_equal(decided(f, "press-2", SV_STANDING_REVOKED).version, 1);
    check_page(f, 0, 1);
}

static void several_decisions_of_one_transaction_follow_each_other(void **state) { // [standing-4]
    fixture *f = *state;
    sv_standing_change change;
    sv_standing_order order = { .id = SV_TEXT("press-1"),
                                .state = SV_STANDING_QUARANTINED,
                                .by = "ada" };
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_standing_store(&f->fleet, &order, &change, NULL), SV_OK);
    order.state = SV_STANDING_REVOKED;
    assert_int_equal(sv_standing_store(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(change.version, 2);
    order.state = SV_STANDING_ACTIVE;
    assert_int_equal(sv_standing_store(&f->fleet, &order, &change, NULL), SV_ERR_STATE);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_standing_settle(&f->fleet, true);
    assert_int_equal(state_of(f, "press-1"), SV_STANDING_REVOKED);
    check_page(f, 1, 2);
}

static void a_log_with_a_gap_or_a_damaged_row_is_not_opened(void **state) {
    fixture *f = *state;
    static const char *const DAMAGE[] = {
        "DELETE FROM standing WHERE version = 2",
        "UPDATE standing SET version = 7 WHERE version = 3",
        "UPDATE standing SET state = 9 WHERE version = 2",
        "UPDATE standing SET id = 'a/b' WHERE version = 2",
        "UPDATE standing SET hash = x'00' WHERE version = 3",
    };
    for (int i = 0; i < 3; i++) {
        decided(f, "press-1", SV_STANDING_REVOKED);
    }
    for (size_t i = 0; i < SV_COUNT(DAMAGE); i++) {
        sv_standing_log *log = NULL;
        sv_why why = { 0 };
        assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
        assert_int_equal(sv_db_exec(f->fleet.db, DAMAGE[i], NULL), SV_OK);
        assert_int_equal(sv_standing_log_open(f->fleet.db, &log, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "of the standing"));
        assert_null(log);
        sv_db_rollback(f->fleet.db);
    }
}

// ---- literal ------------------------------------------------------------------------------------

static void
what_looks_like_sql_or_html_is_text_and_what_is_no_id_or_no_line_is_refused(void **state) {
    fixture *f = *state;
    static const char *const STRANGE[] = {
        "'; DROP TABLE standing; --", "<script>", "a/b", "press-1\n", "", "..", "press 1",
    };
    sv_standing_change change;
    sv_why why = { 0 };
    for (size_t i = 0; i < SV_COUNT(STRANGE); i++) {
        assert_int_equal(decide(f, STRANGE[i], SV_STANDING_REVOKED, &change, &why), SV_ERR_INVALID);
    }
    static const char REASON[] = "');DELETE FROM standing;-- <img src=x onerror=alert(1)> \"\\";
    sv_standing_order order = {
        .id = SV_TEXT("press-1"), .state = SV_STANDING_REVOKED, .reason = REASON, .by = "ada"
    };
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    char room[512];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_standing_write(&f->fleet, SV_TEXT("press-1"), &out);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text reason;
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_text(sv_json_get(root, "reason"), &reason));
    assert_true(sv_text_is(reason, REASON));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM standing"), 1);
    char longest[SV_STANDING_REASON_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const char *const reasons[] = { longest, "two\nlines", "\xff" };
    for (size_t i = 0; i < SV_COUNT(reasons); i++) {
        order.reason = reasons[i];
        assert_int_equal(sv_standing_set(&f->fleet, &order, &change, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "is not one line of at most 200 bytes"));
    }
}

static void every_decision_has_its_line_in_the_event_log(void **state) { // [standing-8]
    fixture *f = *state;
    decided(f, "press-1", SV_STANDING_QUARANTINED);
    decided(f, "press-1", SV_STANDING_ACTIVE);
    decided(f, "press-1", SV_STANDING_REVOKED);
    decided(f, "press-1", SV_STANDING_RETIRED);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE about = 'press-1'"
                                      " AND who = 'ada' AND \"from\" = '192.0.2.7' AND what IN"
                                      " ('standing.quarantine', 'standing.release',"
                                      " 'standing.revoke', 'standing.retire')"),
                     4);
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = INT64_C(1800000000300000);
    return fixture_setup(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_issued_in_the_second_of_the_revocation_does_not_count),
        TEST(a_quarantine_ends_and_nothing_else_does),
        TEST(a_quarantine_and_its_end_bring_no_revoked_certificate_back),
        TEST(asking_twice_decides_once_but_a_revocation_covers_what_came_meanwhile),
        TEST(a_clock_that_goes_back_uncovers_nothing),
        TEST(what_the_folder_revoked_long_ago_does_not_undo_a_replacement),
        TEST(what_the_folder_revokes_is_taken_over_once_however_much_it_is),
        TEST(a_retired_device_leaves_the_list_and_is_found_when_asked_for),
        TEST(nobody_waits_for_a_device_that_was_revoked),
        TEST(the_log_holds_across_a_restart_and_goes_on),
        TEST(what_is_rolled_back_was_never_decided),
        TEST(several_decisions_of_one_transaction_follow_each_other),
        TEST(a_log_with_a_gap_or_a_damaged_row_is_not_opened),
        TEST(what_looks_like_sql_or_html_is_text_and_what_is_no_id_or_no_line_is_refused),
        TEST(every_decision_has_its_line_in_the_event_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
