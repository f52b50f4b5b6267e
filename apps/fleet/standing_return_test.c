#include "standing_return.h"

#include "asker_fixture.h"
#include "standing.h"
#include "standing_own.h"
#include "standing_push.h"

#include <crypto/key_store.h>
#include <crypto/standing.h>
#include <sys/log.h>

enum { ANSWER_MAX = 256 };
#define OPEN                                                                                       \
    "SELECT count(*) FROM alert WHERE type = 'SECURITY' AND rule = 'standing' AND state < 2"

static void decide(fixture *f, const char *id, sv_standing_state to) {
    const sv_standing_order order = { .id = sv_text_of(id), .state = to, .by = "ada" };
    sv_standing_change change;
    sv_why why = { 0 };
    if (sv_standing_set(&f->fleet, &order, &change, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void start_anew(fixture *f) {
    fixture_start(f);
    sv_fleet_door *door = &f->fleet.config.devices;
    asker_path(f, door->tls.ca, "pki", "/ca.crt");
    asker_path(f, door->tls.cert, "fleet", ".crt");
}

static void copy(const fixture *f, const char *from, const char *to) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP((size_t) 16 << 20);
    asker_path(f, path, from, ".db");
    assert_int_equal(sv_disk_read(path, &bytes, NULL), SV_OK);
    asker_path(f, path, to, ".db");
    assert_int_equal(sv_disk_replace(path, sv_textbuf_text(&bytes), 0600, NULL), SV_OK);
}

static void sign(const fixture *f, sv_standing_head *head, const char *pki) {
    char path[SV_PATH_MAX];
    struct evp_pkey_st *key = NULL;
    asker_path(f, path, pki, "/ca.key");
    assert_int_equal(sv_key_open(path, &key, NULL), SV_OK);
    assert_int_equal(sv_standing_sign(key, "selvedge.local", head, NULL), SV_OK);
    sv_key_drop(&key);
}

/// What a gateway holds that has followed the log up to here.
static sv_standing_page held(const fixture *f, int64_t after) {
    sv_standing_page page = { 0 };
    assert_int_equal(sv_standing_page_read(f->fleet.standing, f->fleet.db, after, &page, NULL),
                     SV_OK);
    page.head.at_us = fixture_now_us;
    sign(f, &page.head, "pki");
    page.newest = 0;
    return page;
}

static sv_err give(fixture *f, const sv_standing_page *page, sv_why *why) {
    char room[ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_standing_page_add(&out, page);
    return sv_standing_take_lines(&f->fleet, fixture_gateway(f, "gw-a"), sv_textbuf_text(&body),
                                  &answer, why);
}

static void report(fixture *f, const sv_standing_page *page, const char *wanted) {
    char body[256];
    char room[ANSWER_MAX];
    char hex_room[2 * SV_STANDING_HASH_BYTES + 1] = "";
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_textbuf hex = SV_TEXTBUF(hex_room);
    sv_why why = { 0 };
    sv_hex_add(&hex, page->head.hash, sizeof page->head.hash);
    assert_int_equal(sv_textbuf_end(&hex), SV_OK);
    (void) snprintf(body, sizeof body, "{\"version\":%lld,\"hash\":\"%s\"}",
                    (long long) page->head.version, hex_room);
    if (sv_standing_take_report(&f->fleet, fixture_gateway(f, "gw-a"), sv_text_of(body), &answer,
                                &why)
        != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(sv_textbuf_end(&answer), SV_OK);
    assert_string_equal(room, wanted);
}

/// press-1 is revoked, a copy is made, press-2 is revoked and press-3 quarantined, the copy is
/// restored.
static sv_standing_page restored(fixture *f) {
    decide(f, "press-1", SV_STANDING_REVOKED);
    sv_fleet_drop(&f->fleet);
    copy(f, "fleet", "kept");
    start_anew(f);
    decide(f, "press-2", SV_STANDING_REVOKED);
    decide(f, "press-3", SV_STANDING_QUARANTINED);
    sv_standing_page page = held(f, 0);
    sv_fleet_drop(&f->fleet);
    copy(f, "kept", "fleet");
    start_anew(f);
    assert_false(sv_standing_is_out(f->fleet.standing, SV_TEXT("press-2")));
    return page;
}

static bool is_out(const fixture *f, const char *id) {
    return sv_standing_is_out(f->fleet.standing, sv_text_of(id));
}

// [standing-13]
static void what_a_restored_database_has_forgotten_is_taken_back(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = restored(f);
    report(f, &page, "{\"after\":0}");
    report(f, &page, "{\"after\":0}");
    assert_int_equal(fixture_count(f, OPEN), 1); // one alert
    assert_int_equal(give(f, &page, &why), SV_OK);
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(sv_standing_version(f->fleet.standing), 3);
        assert_true(is_out(f, "press-1") && is_out(f, "press-2") && !is_out(f, "press-3"));
        report(f, &page, "{}");
        assert_int_equal(fixture_count(f, OPEN), 0);
        sv_fleet_drop(&f->fleet);
        start_anew(f);
    }
    assert_int_equal(give(f, &page, &why), SV_OK); // another gateway gives the same
    assert_int_equal(sv_standing_version(f->fleet.standing), 3);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'standing.taken_back'"), 1);
}

// [standing-13]
static void what_was_decided_meanwhile_follows_and_undoes_nothing(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = restored(f);
    decide(f, "press-9", SV_STANDING_REVOKED);
    decide(f, "press-2", SV_STANDING_QUARANTINED); // nobody knows that it is revoked
    decide(f, "press-8", SV_STANDING_QUARANTINED);
    assert_int_equal(sv_standing_version(f->fleet.standing), 4);
    report(f, &page, "{\"after\":0}"); // another change 3 than the one here
    assert_int_equal(give(f, &page, &why), SV_OK);
    // The gateway goes on from where it is.
    SV_DEFER(sv_standing_page_drop) sv_standing_page more = held(f, 3);
    SV_DEFER(sv_standing_trust_drop) sv_standing_trust *trust = NULL;
    const sv_fleet_door *door = &f->fleet.config.devices;
    uint8_t hash[SV_STANDING_HASH_BYTES];
    memcpy(hash, page.head.hash, sizeof hash);
    assert_int_equal(sv_standing_trust_open(door->tls.ca, door->tls.cert, &trust, NULL), SV_OK);
    assert_int_equal(sv_standing_follow(trust, &more, 3, hash, fixture_now_us, &why), SV_OK);
    assert_int_equal(more.count, 2);
    for (int restart = 0; restart < 2; restart++) {
        assert_true(is_out(f, "press-1") && is_out(f, "press-2") && is_out(f, "press-9"));
        assert_int_equal(sv_standing_of(f->fleet.standing, SV_TEXT("press-8")).state,
                         SV_STANDING_QUARANTINED);
        assert_int_equal(sv_standing_of(f->fleet.standing, SV_TEXT("press-3")).state,
                         SV_STANDING_QUARANTINED);
        sv_fleet_drop(&f->fleet);
        start_anew(f);
    }
}

// [standing-13]
static void
decisions_that_were_put_behind_others_do_not_come_back_in_their_old_places(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = restored(f);
    decide(f, "press-9", SV_STANDING_QUARANTINED);
    SV_DEFER(sv_standing_page_drop) sv_standing_page between = held(f, 0); // by another gateway
    assert_int_equal(give(f, &page, &why), SV_OK);
    SV_DEFER(sv_standing_page_drop) sv_standing_page merged = held(f, 0);
    decide(f, "press-9", SV_STANDING_ACTIVE);
    int64_t version = sv_standing_version(f->fleet.standing);
    for (int restart = 0; restart < 2; restart++) {
        report(f, &between, "{}"); // nothing of it is missing here
        assert_int_equal(give(f, &between, &why), SV_OK);
        report(f, &merged, "{}");
        assert_int_equal(give(f, &merged, &why), SV_OK);
        assert_int_equal(sv_standing_version(f->fleet.standing), version);
        assert_int_equal(sv_standing_of(f->fleet.standing, SV_TEXT("press-9")).state,
                         SV_STANDING_ACTIVE);
        assert_int_equal(fixture_count(f, OPEN), 0);
        sv_fleet_drop(&f->fleet);
        start_anew(f);
    }
}

typedef struct slow_signer {
    sv_standing_head head;
    sv_standing_signed_fn *done;
    void *arg;
    int asked;
} slow_signer;

static void sign_later(void *signer, const sv_standing_head *head, sv_standing_signed_fn *done,
                       void *arg) {
    slow_signer *slow = signer;
    *slow = (slow_signer){ *head, done, arg, slow->asked + 1 };
}

// [standing-13]
static void a_head_that_was_being_signed_meanwhile_is_told_to_nobody(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    slow_signer slow = { .asked = 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = restored(f);
    decide(f, "press-2", SV_STANDING_QUARANTINED);
    decide(f, "press-2", SV_STANDING_ACTIVE); // both undo a revocation that nobody knows of
    sv_standing_sign_with(f->fleet.standing, sign_later, &slow);
    sv_standing_turn(&f->fleet);
    slow_signer first = slow;
    sign(f, &first.head, "pki");
    assert_int_equal(give(f, &page, &why), SV_OK);
    assert_int_equal(sv_standing_version(f->fleet.standing), first.head.version);
    first.done(first.arg, SV_OK, &first.head, NULL);
    const sv_standing_head *told = &f->fleet.standing->pushing.head;
    assert_int_equal(told->signature_bytes, 0);
    assert_int_equal(slow.asked, 2); // it is signed as it is now
    sign(f, &slow.head, "pki");
    slow.done(slow.arg, SV_OK, &slow.head, NULL);
    assert_memory_equal(told->hash, page.head.hash, sizeof told->hash);
    assert_true(told->signature_bytes > 0);
}

// [standing-13]
static void what_is_not_signed_or_does_not_continue_changes_nothing(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = restored(f);
    asker_make_pki(f, "other");
    sv_standing_head honest = page.head;
    page.changes[1].state = SV_STANDING_ACTIVE; // as a gateway that was broken into would have it
    assert_int_equal(give(f, &page, &why), SV_ERR_INVALID);
    page.changes[1].state = SV_STANDING_REVOKED;
    sign(f, &page.head, "other");
    assert_int_equal(give(f, &page, &why), SV_ERR_INVALID);
    page.head = honest;
    page.from = 2;
    sv_standing_change *all = page.changes;
    page.changes += 2;
    page.count = 1;
    assert_int_equal(give(f, &page, &why), SV_ERR_INVALID);
    assert_string_equal(why.text,
                        "the lines begin after change 2, the log here ends at 1; restore a "
                        "newer copy of the database");
    page.changes = all;
    assert_int_equal(sv_standing_version(f->fleet.standing), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM standing"), 1);
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = INT64_C(1800000000300000);
    int failed = fixture_setup(state);
    fixture *f = *state;
    asker_setup(f);
    asker_path(f, f->fleet.config.devices.tls.ca, "pki", "/ca.crt");
    asker_path(f, f->fleet.config.devices.tls.cert, "fleet", ".crt");
    sv_tls_drop(&f->fleet.device_tls);
    return failed;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_restored_database_has_forgotten_is_taken_back),
        TEST(what_was_decided_meanwhile_follows_and_undoes_nothing),
        TEST(decisions_that_were_put_behind_others_do_not_come_back_in_their_old_places),
        TEST(a_head_that_was_being_signed_meanwhile_is_told_to_nobody),
        TEST(what_is_not_signed_or_does_not_continue_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
