#include "certify_fixture.h"

// [enrol-12]
static void a_token_gives_one_certificate_for_the_devices_own_key(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_enrol_grant grant = added(f, "press-1", "north");
    enrol(f, "press-1", grant.token, 0, &end);
    assert_int_equal(end.status, 0); // the signer has it
    certify_answer(fixture_now_us);
    assert_int_equal(end.status, 0); // signed, and not given before it is stored
    assert_int_equal(certificates(f), 0);
    sv_certify_commit(f->fleet.certify);
    expect(&end, 200, NULL);
    assert_string_equal(end.facts.id, "press-1");
    assert_true(end.facts.not_after_us - end.facts.not_before_us == 90 * SV_TIME_DAY_US);
    assert_int_equal(certificates(f), 1);
    assert_int_equal(open_tokens(f), 0);
    assert_int_equal(lines(f, "enrolment.use", "done"), 1);
    enrol(f, "press-1", grant.token, 0, &end);
    finish(f);
    expect(&end, 403,
           "token: the token for press-1 was used on 2027-01-15T08:00:00Z; ask for a new one");
    assert_int_equal(lines(f, "enrolment.use", "refused"), 1);
}

// [standing-1]
static void upper_and_lower_case_make_no_other_id(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_why why = { 0 };
    sv_enrol_grant first = added(f, "Mill-1", "north");
    sv_enrol_grant second = added(f, "mill-1", "north");
    enrol(f, "Mill-1", first.token, 0, &end);
    finish(f);
    expect(&end, 200, NULL);
    enrol(f, "mill-1", second.token, 1, &end);
    finish(f);
    expect(&end, 409,
           "request: 'mill-1' is there already, as 'Mill-1': ids that differ in upper and lower "
           "case alone are one");
    assert_int_equal(certificates(f), 1);
    const sv_enrol_wish wish = { .id = "MILL-1", .site = "south" };
    assert_int_equal(sv_enrol_check(&f->fleet, &wish, false, &why), SV_ERR_STATE);
}

// [enrol-13]
static void of_a_hundred_at_once_one_wins(void **state) {
    fixture *f = *state;
    certify_end *ends = sv_mem_array(100, sizeof *ends);
    sv_enrol_grant grant = added(f, "press-1", "north");
    int won = 0;
    for (int i = 0; i < 100; i++) {
        enrol(f, "press-1", grant.token, i % CERTIFY_KEYS, &ends[i]);
        if (i == 40) {
            certify_answer(fixture_now_us);
        }
        if (i == 70) {
            sv_certify_commit(f->fleet.certify);
        }
    }
    finish(f);
    for (int i = 0; i < 100; i++) {
        won += ends[i].status == 200;
        assert_true(ends[i].status == 200 || ends[i].status == (i > 70 ? 403 : 409));
    }
    assert_int_equal(won, 1);
    assert_int_equal(certificates(f), 1);
    free(ends);
}

// [enrol-13]
static void of_two_servers_with_one_database_one_wins(void **state) {
    fixture *f = *state;
    fixture second = { 0 };
    certify_end mine;
    certify_end theirs;
    sv_enrol_grant grant = added(f, "press-1", "north");
    memcpy(second.dir, f->dir, sizeof second.dir);
    fixture_start(&second);
    sv_certify_sign_with(second.fleet.certify, certify_sign, &certify_it);
    enrol(f, "press-1", grant.token, 0, &mine);
    enrol(&second, "press-1", grant.token, 1, &theirs);
    certify_answer(fixture_now_us); // both are signed
    sv_certify_commit(second.fleet.certify);
    sv_certify_commit(f->fleet.certify);
    expect(&theirs, 200, NULL);
    expect(&mine, 403, "token: the token for press-1 was used, withdrawn or out of time meanwhile");
    assert_int_equal(certificates(f), 1);
    sv_fleet_drop(&second.fleet);
}

// [enrol-13] [enrol-22]
static void when_the_signer_or_the_server_goes_the_token_is_as_it_was(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_why gone = { .text = "the signer went away; nothing was issued" };
    sv_enrol_grant grant = added(f, "press-1", "north");
    certify_it.away = true;
    enrol(f, "press-1", grant.token, 0, &end);
    sv_certify_commit(f->fleet.certify);
    expect(&end, 503, "signer: the signer is not there");
    certify_it.away = false;
    enrol(f, "press-1", grant.token, 0, &end);
    certify_it.asked[0].done(certify_it.asked[0].arg, SV_ERR_UNAVAILABLE, SV_TEXT(""), &gone);
    certify_it.count = 0;
    sv_certify_commit(f->fleet.certify);
    expect(&end, 503, "signer: the signer went away; nothing was issued");
    assert_int_equal(lines(f, "enrolment.use", "failed"), 2);

    enrol(f, "press-1", grant.token, 0, &end); // at the signer when the server ends
    sv_fleet_drop(&f->fleet);
    expect(&end, 503, "storing: the fleet server ends; nothing was issued");
    fixture_start(f);
    certify_start(f);
    assert_int_equal(open_tokens(f), 1);
    enrol(f, "press-1", grant.token, 0, &end);
    finish(f);
    expect(&end, 200, NULL);
}

// [enrol-13] [enrol-23]
static void what_cannot_be_stored_is_not_given(void **state) {
    fixture *f = *state;
    certify_end first;
    certify_end second;
    sv_enrol_grant one = added(f, "press-1", "north");
    sv_enrol_grant two = added(f, "press-2", "north");
    assert_int_equal(sv_db_exec(f->fleet.db, "ALTER TABLE event_log RENAME TO away", NULL), SV_OK);
    enrol(f, "press-1", one.token, 0, &first);
    enrol(f, "press-2", two.token, 1, &second);
    finish(f);
    expect(&first, 503, NULL);
    expect(&second, 503, NULL);
    assert_true(strncmp(first.sentence, "storing: ", 9) == 0);
    assert_int_equal(certificates(f), 0);
    assert_int_equal(open_tokens(f), 2);
    assert_int_equal(sv_db_exec(f->fleet.db, "ALTER TABLE away RENAME TO event_log", NULL), SV_OK);
    enrol(f, "press-1", one.token, 0, &first);
    finish(f);
    expect(&first, 200, NULL);
}

// [enrol-12] [enrol-19]
static void a_token_is_good_for_what_it_says_alone(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_enrol_grant grant = added(f, "press-1", "north");
    added(f, "press-2", "north");
    enrol_as(f, nobody(), "press-1", grant.token, "press-2", 0, &end);
    finish(f);
    expect(&end, 403, "request: it asks for 'press-2'; this is for 'press-1' alone");
    enrol_as(f, nobody(), "press-2", grant.token, "press-2", 0, &end);
    finish(f);
    expect(&end, 403, "token: this token is for another id than press-2");
    enrol_as(f, nobody(), "press-1", NULL, "press-1", 0, &end);
    expect(&end, 401, "token: simpleenroll needs one; user name is the id, password the token");
    assert_int_equal(lines(f, "enrolment.use", "refused"), 2);
    assert_int_equal(open_tokens(f), 2);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM enrolment_token WHERE last_outcome LIKE"
                                      " 'token: this token is for another id%' AND id = 'press-1'"),
                     1);
    // The clock of the server lost its time.
    int64_t start_us = fixture_now_us;
    fixture_now_us = 0;
    enrol(f, "press-1", grant.token, 0, &end);
    finish(f);
    expect(&end, 503, NULL);
    assert_true(strncmp(end.sentence, "clock: ", 7) == 0);
    fixture_now_us = start_us;
}

// [enrol-14]
static void a_key_is_for_one_id(void **state) {
    fixture *f = *state;
    certify_end end;
    certify_end both[2];
    certified(f, "press-1", 0, &end);
    sv_enrol_grant grant = added(f, "press-2", "north");
    enrol(f, "press-2", grant.token, 0, &end);
    finish(f);
    expect(&end, 409,
           "key: this key belongs to another certificate already; make a new one, a key is for one "
           "id");
    assert_int_equal(open_tokens(f), 1);
    // Two at once with one key: neither is stored when the other is judged.
    sv_enrol_grant third = added(f, "press-3", "north");
    enrol(f, "press-2", grant.token, 1, &both[0]);
    enrol(f, "press-3", third.token, 1, &both[1]);
    finish(f);
    expect(&both[0], 200, NULL);
    expect(&both[1], 409, NULL);
    assert_int_equal(certificates(f), 2);
}

// [enrol-15]
static void through_a_gateway_devices_of_its_site_alone(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_enrol_grant grant = added(f, "press-1", "north");
    sv_certify_caller south = { .gateway = fixture_gateway(f, "gw-b"), .from = "gw-b" };
    sv_certify_caller north = { .gateway = fixture_gateway(f, "gw-a"), .from = "gw-a" };
    enrol_as(f, south, "press-1", grant.token, "press-1", 0, &end);
    finish(f);
    expect(&end, 403, "token: press-1 is not of site south, which gateway gw-b speaks for");
    enrol_as(f, north, "press-1", grant.token, "press-1", 0, &end);
    finish(f);
    expect(&end, 200, NULL);
    certify_end next;
    sv_certify_caller again = caller_of(&end, SV_CERTIFY_TRUSTED);
    again.gateway = fixture_gateway(f, "gw-b");
    (void) snprintf(again.from, sizeof again.from, "gw-b");
    renew(f, again, "press-1", 1, &next);
    expect(&next, 403, "certificate: press-1 is not of site south, which gateway gw-b speaks for");
    // Whoever shows nothing would renew the gateway's own.
    north = (sv_certify_caller){ .gateway = fixture_gateway(f, "gw-a"), .from = "gw-a" };
    renew(f, north, "gw-a", 1, &next);
    expect(&next, 401, NULL);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE \"from\" = 'gw-b'"), 2);
}

// [enrol-16]
static void a_manufacturers_certificate_stands_for_a_token(void **state) {
    fixture *f = *state;
    certify_end end;
    sv_enrol_wish wish = { .id = "press-1", .site = "north", .idevid = "SN 0815" };
    sv_enrol_grant grant;
    const sv_enrol_order order = { .wishes = &wish, .count = 1, .minutes = 60, .user = "ada" };
    assert_int_equal(sv_enrol_add(&f->fleet, &order, &grant, NULL), SV_OK);
    sv_certify_caller caller = { .kind = SV_CERTIFY_MANUFACTURED,
                                 .names = { "Acme press", "SN 0815" },
                                 .from = "192.0.2.7" };
    sv_certify_caller stranger = { .kind = SV_CERTIFY_MANUFACTURED,
                                   .names = { "Acme press", "SN 0816" },
                                   .from = "192.0.2.7" };
    enrol_as(f, stranger, "", NULL, "press-1", 0, &end);
    finish(f);
    expect(&end, 403,
           "certificate: nobody has added a device for the manufacturer's certificate 'Acme press' "
           "(serial "
           "number 'SN 0816')");
    enrol_as(f, caller, "", NULL, "press-2", 0, &end);
    finish(f);
    expect(&end, 403, "request: it asks for 'press-2'; this is for 'press-1' alone");
    enrol_as(f, caller, "", NULL, "press-1", 0, &end);
    finish(f);
    expect(&end, 200, NULL);
    enrol_as(f, caller, "", NULL, "press-1", 0, &end);
    finish(f);
    expect(&end, 403, NULL);
    assert_int_equal(certificates(f), 1);
}

// [enrol-19]
static void a_request_that_is_none_is_refused_and_the_token_stays(void **state) {
    fixture *f = *state;
    sv_enrol_grant grant = added(f, "press-1", "north");
    static const char *const BODIES[] = { "", "not base64!", "YWJj", "-----BEGIN X-----\n" };
    for (size_t i = 0; i < SV_COUNT(BODIES); i++) {
        certify_end end = { 0 };
        sv_certify_caller caller = nobody();
        const sv_certify_question question = { .caller = &caller,
                                               .credentials = true,
                                               .user = SV_TEXT("press-1"),
                                               .token = sv_text_of(grant.token),
                                               .body = sv_text_of(BODIES[i]) };
        sv_certify_ask(f->fleet.certify, &question, certify_ended, &end);
        sv_certify_commit(f->fleet.certify);
        expect(&end, 400, NULL);
        assert_true(strncmp(end.sentence, "request: ", 9) == 0);
    }
    assert_int_equal(lines(f, "enrolment.use", "refused"), SV_COUNT(BODIES));
    assert_int_equal(open_tokens(f), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, certify_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_gives_one_certificate_for_the_devices_own_key),
        TEST(upper_and_lower_case_make_no_other_id),
        TEST(of_a_hundred_at_once_one_wins),
        TEST(of_two_servers_with_one_database_one_wins),
        TEST(when_the_signer_or_the_server_goes_the_token_is_as_it_was),
        TEST(what_cannot_be_stored_is_not_given),
        TEST(a_token_is_good_for_what_it_says_alone),
        TEST(a_key_is_for_one_id),
        TEST(through_a_gateway_devices_of_its_site_alone),
        TEST(a_manufacturers_certificate_stands_for_a_token),
        TEST(a_request_that_is_none_is_refused_and_the_token_stays),
    };
    return cmocka_run_group_tests(tests, certify_group_setup, certify_group_teardown);
}
