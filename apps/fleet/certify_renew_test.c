#include "certify_fixture.h"

#include "inbox.h"
#include "standing.h"

// [enrol-17]
static void a_certificate_is_renewed_with_its_own_or_a_new_key(void **state) {
    fixture *f = *state;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    fixture_now_us += 60 * SV_TIME_DAY_US;
    renew(f, caller_of(&old, SV_CERTIFY_TRUSTED), "press-1", 0, &end);
    expect(&end, 200, NULL);
    renew(f, caller_of(&old, SV_CERTIFY_TRUSTED), "press-1", 1, &end);
    expect(&end, 200, NULL);
    renew(f, caller_of(&old, SV_CERTIFY_TRUSTED), "press-2", 2, &end);
    expect(&end, 403, "request: it asks for 'press-2'; the certificate is 'press-1'");
    renew(f, nobody(), "press-1", 2, &end);
    expect(&end, 401, "certificate: simplereenroll goes by the one that is renewed; show it");
    assert_int_equal(lines(f, "certificate.renew", "done"), 2);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM certificate WHERE replaced_us IS NULL"),
                     1);
    fixture_now_us -= 60 * SV_TIME_DAY_US;
}

// [enrol-18]
static void after_its_end_a_certificate_is_renewed_for_a_while_with_the_same_key(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    fixture_now_us = old.facts.not_after_us + 30 * SV_TIME_DAY_US + 1;
    renew(f, caller_of(&old, SV_CERTIFY_EXPIRED), "press-1", 0, &end);
    expect(&end, 403,
           "certificate: it ended on 2027-04-15T08:00:00Z, longer ago than is forgiven; an "
           "operator has to add press-1 anew (device replace)");
    fixture_now_us = old.facts.not_after_us + 29 * SV_TIME_DAY_US;
    renew(f, caller_of(&old, SV_CERTIFY_EXPIRED), "press-1", 1, &end);
    expect(&end, 403,
           "key: after its end (2027-04-15T08:00:00Z) a certificate is renewed with the same key "
           "alone");
    renew(f, caller_of(&old, SV_CERTIFY_EXPIRED), "press-1", 0, &end);
    expect(&end, 200, NULL);
    assert_int_equal(lines(f, "certificate.grace", "done"), 1);
    // Once there is a newer one, the old is nothing any more.
    fixture_now_us += SV_TIME_DAY_US / 2;
    renew(f, caller_of(&old, SV_CERTIFY_EXPIRED), "press-1", 0, &end);
    expect(&end, 403, "certificate: press-1 has a newer one than this, which has ended");
    fixture_now_us = start_us;
}

static sv_certify_caller through_gateway(fixture *f, const certify_end *old, sv_certify_kind kind) {
    sv_certify_caller caller = caller_of(old, kind);
    caller.gateway = fixture_gateway(f, "gw-a");
    return caller;
}

static void renew_proved(fixture *f, const certify_end *old, int old_key, int key, bool relayed,
                         certify_end *end) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CERTIFY_BODY_MAX);
    certify_following(old, old_key, key, &body);
    renew_by(f,
             relayed ? through_gateway(f, old, SV_CERTIFY_TRUSTED)
                     : caller_of(old, SV_CERTIFY_TRUSTED),
             &body, end);
}

static const char UNPROVED[] = "key: through a gateway press-1 renews with the key it has, or with "
                               "one that this key has signed for; else at the fleet server's own "
                               "door";

// [enrol-26]
static void a_gateway_cannot_have_a_key_of_its_own_certified_for_a_device(void **state) {
    fixture *f = *state;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    renew(f, through_gateway(f, &old, SV_CERTIFY_TRUSTED), "press-1", 1, &end);
    expect(&end, 403, UNPROVED);
    renew_proved(f, &old, 2, 1, true, &end); // signed for by another key than the device's
    expect(&end, 403, "key: the old certificate's key has not signed for this one");
    renew_proved(f, &old, 2, 1, false, &end); // a false word is one at the own door too
    expect(&end, 403, "key: the old certificate's key has not signed for this one");
    assert_int_equal(certificates(f), 1);
    assert_int_equal(lines(f, "certificate.renew", "refused"), 3);
    renew(f, through_gateway(f, &old, SV_CERTIFY_TRUSTED), "press-1", 0, &end);
    expect(&end, 200, NULL);
    renew_proved(f, &old, 0, 1, true, &end);
    expect(&end, 200, NULL);
    renew(f, caller_of(&end, SV_CERTIFY_TRUSTED), "press-1", 2, &end); // at the own door
    expect(&end, 200, NULL);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM certificate WHERE proved = 1"), 1);
}

// [enrol-26]
static void who_has_proved_its_old_key_once_has_to_for_good(void **state) {
    fixture *f = *state;
    certify_end old;
    certify_end end;
    f->fleet.config.enrolment.relayed_renewal = SV_RELAYED_ANY;
    certified(f, "press-1", 0, &old);
    renew(f, through_gateway(f, &old, SV_CERTIFY_TRUSTED), "press-1", 1, &end);
    expect(&end, 200, NULL); // any: one that has never done so
    renew_proved(f, &end, 1, 2, true, &old);
    expect(&old, 200, NULL);
    renew(f, through_gateway(f, &old, SV_CERTIFY_TRUSTED), "press-1", 0, &end);
    expect(&end, 403, UNPROVED);
    f->fleet.config.enrolment.relayed_renewal = SV_RELAYED_PROVED;
}

static void decide(fixture *f, const char *id, sv_standing_state state) {
    const sv_standing_order order = { .id = sv_text_of(id), .state = state, .by = "ada" };
    sv_standing_change change;
    sv_why why = { 0 };
    if (sv_standing_set(&f->fleet, &order, &change, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

// [enrol-15]
static void who_is_revoked_or_set_aside_gets_none(void **state) {
    fixture *f = *state;
    certify_end old;
    certify_end end;
    certified(f, "press-1", 0, &old);
    certified(f, "press-2", 1, &end);
    sv_enrol_grant grant = added(f, "press-3", "north");
    decide(f, "press-1", SV_STANDING_REVOKED);
    decide(f, "press-2", SV_STANDING_QUARANTINED);
    decide(f, "press-3", SV_STANDING_REVOKED);
    renew(f, caller_of(&old, SV_CERTIFY_TRUSTED), "press-1", 0, &old);
    expect(&old, 403,
           "certificate: press-1 is revoked and gets none; an operator can give its place to a new "
           "key (device replace)");
    renew(f, caller_of(&end, SV_CERTIFY_TRUSTED), "press-2", 1, &end);
    expect(&end, 403,
           "certificate: press-2 is quarantined and gets none; an operator can release it");
    enrol(f, "press-3", grant.token, 2, &end);
    finish(f);
    expect(&end, 403, NULL);
    assert_int_equal(lines(f, "certificate.renew", "refused"), 2);
}

// [enrol-15]
static void what_is_issued_in_the_second_of_a_replacement_counts(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_standing_change change;
    certified(f, "press-1", 0, &end);
    fixture_now_us += SV_TIME_SECOND_US / 2;
    const sv_standing_order order = { .id = SV_TEXT("press-1"),
                                      .state = SV_STANDING_ACTIVE,
                                      .replaces = true,
                                      .known_us = end.facts.not_before_us,
                                      .by = "ada" };
    sv_enrol_wish wish = { .id = "press-1", .site = "north" };
    sv_enrol_grant grant;
    const sv_enrol_order anew = {
        .wishes = &wish, .count = 1, .minutes = 60, .replaces = true, .user = "ada"
    };
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
    assert_int_equal(sv_enrol_add(&f->fleet, &anew, &grant, NULL), SV_OK);
    enrol(f, "press-1", grant.token, 0, &end);
    finish(f);
    expect(&end, 409, "key: this key was revoked with a certificate of press-1; make a new one");
    enrol(f, "press-1", grant.token, 1, &end);
    fixture_now_us += SV_TIME_SECOND_US / 4;
    finish(f);
    expect(&end, 200, NULL);
    assert_int_equal(
        sv_standing_allows(f->fleet.standing, "press-1", end.facts.not_before_us, NULL), SV_OK);
    fixture_now_us -= SV_TIME_SECOND_US * 3 / 4;
}

/// Revoked, or replaced by another machine, between the question and the signer's answer.
static void what_is_decided_while_the_signer_works_counts(void **state) { // [enrol-15]
    fixture *f = *state;
    static const bool REPLACES[] = { false, true };
    for (int i = 0; i < 2; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CERTIFY_BODY_MAX);
        char id[SV_ID_ROOM];
        certify_end old;
        certify_end end = { 0 };
        (void) snprintf(id, sizeof id, "press-%d", i);
        certified(f, id, 2 * i, &old);
        sv_certify_caller caller = caller_of(&old, SV_CERTIFY_TRUSTED);
        certify_body(id, 2 * i + 1, &body);
        const sv_certify_question question = { .caller = &caller,
                                               .again = true,
                                               .body = sv_textbuf_text(&body) };
        sv_certify_ask(f->fleet.certify, &question, certify_ended, &end);
        const sv_standing_order order = {
            .id = sv_text_of(id),
            .state = REPLACES[i] ? SV_STANDING_ACTIVE : SV_STANDING_REVOKED,
            .replaces = REPLACES[i],
            .by = "ada",
        };
        sv_standing_change change;
        assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
        certify_answer(fixture_now_us + 5 * SV_TIME_SECOND_US); // the signer took its time
        sv_certify_commit(f->fleet.certify);
        expect(&end, 403, NULL);
        assert_non_null(strstr(end.sentence, REPLACES[i] ? "do not count" : "is revoked"));
    }
    assert_int_equal(certificates(f), 2);
    assert_int_equal(lines(f, "certificate.renew", "refused"), 2);
}

// [enrol-21]
static void who_guesses_has_to_wait_and_one_alert_says_so(void **state) {
    fixture *f = *state;
    certify_end end;
    int64_t start_us = fixture_now_us;
    sv_enrol_grant grant = added(f, "press-1", "north");
    for (int i = 0; i < SV_THROTTLE_FAILURES; i++) {
        enrol(f, "press-1", "wrong", 0, &end);
        sv_certify_commit(f->fleet.certify);
        expect(&end, 401, "token: there is no such token for this id; ask for a new one");
    }
    for (int i = 0; i < 30; i++) {
        enrol(f, "press-1", i == 0 ? grant.token : "wrong", 0, &end);
        expect(&end, 429, "token: too many wrong ones from here; wait a minute");
    }
    static const char OPEN[] = "SELECT count(*) FROM alert WHERE type = 'SECURITY' AND state < 2";
    assert_int_equal(fixture_count(f, OPEN), 1);
    assert_int_equal(lines(f, "enrolment.use", "refused"), SV_THROTTLE_FAILURES);
    // Others are not kept waiting, nor the other devices behind a gateway.
    static const char OTHER[] = "press-in-the-northern-hall-of-pune-1";
    sv_certify_caller gateway = { .gateway = fixture_gateway(f, "gw-a"), .from = "gw-a" };
    for (int i = 0; i <= SV_THROTTLE_FAILURES; i++) {
        enrol_as(f, gateway, OTHER, "wrong", OTHER, 0, &end);
        sv_certify_commit(f->fleet.certify);
    }
    expect(&end, 429, NULL);
    enrol_as(f, gateway, "press-in-the-northern-hall-of-pune-2", "wrong", OTHER, 0, &end);
    sv_certify_commit(f->fleet.certify);
    expect(&end, 401, NULL);
    enrol_as(f, gateway, "press-1", grant.token, "press-1", 0, &end);
    finish(f);
    expect(&end, 200, NULL);
    assert_int_equal(fixture_count(f, OPEN), 1);
    // It outlives a restart, and ends when nobody guesses any more.
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    sv_certify_turn(f->fleet.certify);
    assert_int_equal(fixture_count(f, OPEN), 1);
    fixture_now_us += SV_GUESS_CALM_US;
    sv_certify_turn(f->fleet.certify);
    assert_int_equal(fixture_count(f, OPEN), 0);
    fixture_now_us = start_us;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, certify_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_is_renewed_with_its_own_or_a_new_key),
        TEST(after_its_end_a_certificate_is_renewed_for_a_while_with_the_same_key),
        TEST(a_gateway_cannot_have_a_key_of_its_own_certified_for_a_device),
        TEST(who_has_proved_its_old_key_once_has_to_for_good),
        TEST(who_is_revoked_or_set_aside_gets_none),
        TEST(what_is_issued_in_the_second_of_a_replacement_counts),
        TEST(what_is_decided_while_the_signer_works_counts),
        TEST(who_guesses_has_to_wait_and_one_alert_says_so),
    };
    return cmocka_run_group_tests(tests, certify_group_setup, certify_group_teardown);
}
