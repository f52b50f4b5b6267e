#include "fleet_fixture.h"

#include "people.h"

static const sv_person ADA = { .user = "ada", .role = SV_PERSON_OPERATOR };
static const int64_t START_US = INT64_C(1800000000000000);

static void a_login_link_works_once(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    assert_int_equal(sv_people_make_link(f->fleet.db, &ADA, START_US, link, NULL), SV_OK);
    assert_int_equal(strlen(link), SV_SECRET_LEN);
    assert_int_equal(
        sv_people_login(f->fleet.db, sv_text_of(link), START_US, session, &person, NULL), SV_OK);
    assert_string_equal(person.user, "ada");
    assert_int_equal(person.role, SV_PERSON_OPERATOR);
    sv_why why;
    assert_int_equal(
        sv_people_login(f->fleet.db, sv_text_of(link), START_US, session, &person, &why),
        SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "this login link is wrong, used or expired; ask for a new one");
}

static void a_login_link_ends_after_a_day(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    assert_int_equal(sv_people_make_link(f->fleet.db, &ADA, START_US, link, NULL), SV_OK);
    assert_int_equal(sv_people_login(f->fleet.db, sv_text_of(link), START_US + SV_LOGIN_LINK_US,
                                     session, &person, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_people_login(f->fleet.db, sv_text_of(link), START_US + SV_LOGIN_LINK_US - 1,
                                     session, &person, NULL),
                     SV_OK);
}

static void begin(fixture *f, char session[SV_SECRET_ROOM]) {
    char link[SV_SECRET_ROOM];
    sv_person person;
    assert_int_equal(sv_people_make_link(f->fleet.db, &ADA, START_US, link, NULL), SV_OK);
    assert_int_equal(
        sv_people_login(f->fleet.db, sv_text_of(link), START_US, session, &person, NULL), SV_OK);
}

static void a_session_ends_when_idle_and_after_a_week_in_any_case(void **state) {
    fixture *f = *state;
    char idle[SV_SECRET_ROOM];
    char busy[SV_SECRET_ROOM];
    sv_person person;
    begin(f, idle);
    begin(f, busy);
    int64_t step_us = SV_SESSION_IDLE_US - SV_TIME_MINUTE_US;
    for (int64_t at_us = step_us; at_us < SV_SESSION_LIFE_US; at_us += step_us) {
        assert_int_equal(
            sv_people_session(f->fleet.db, sv_text_of(busy), START_US + at_us, &person, NULL),
            SV_OK);
    }
    assert_int_equal(sv_people_session(f->fleet.db, sv_text_of(busy), START_US + SV_SESSION_LIFE_US,
                                       &person, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_people_session(f->fleet.db, sv_text_of(idle), START_US + SV_SESSION_IDLE_US,
                                       &person, NULL),
                     SV_ERR_UNTRUSTED);
}

static void after_signing_out_the_cookie_is_worth_nothing(void **state) {
    fixture *f = *state;
    char session[SV_SECRET_ROOM];
    sv_person person;
    begin(f, session);
    assert_int_equal(sv_people_logout(f->fleet.db, sv_text_of(session), NULL), SV_OK);
    assert_int_equal(sv_people_session(f->fleet.db, sv_text_of(session), START_US, &person, NULL),
                     SV_ERR_UNTRUSTED);
}

static void the_token_file_is_kept_and_no_secret_is_in_the_database(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf before = SV_TEXTBUF_HEAP(4096);
    SV_DEFER(sv_textbuf_drop) sv_textbuf after = SV_TEXTBUF_HEAP(4096);
    sv_person person;
    assert_int_equal(sv_disk_read(f->fleet.config.admin_token_file, &before, NULL), SV_OK);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_int_equal(sv_disk_read(f->fleet.config.admin_token_file, &after, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&before), sv_textbuf_text(&after)));
    sv_text token = sv_text_trim(sv_textbuf_text(&after));
    assert_int_equal(sv_people_token(f->fleet.db, token, &person, NULL), SV_OK);
    assert_int_equal(person.role, SV_PERSON_ADMIN);
    assert_int_equal(sv_people_token(f->fleet.db, SV_TEXT("x"), &person, NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM api_token WHERE length(hash) = 64"), 1);
}

static void who_is_wrong_too_often_waits_a_minute_and_others_do_not(void **state) {
    (void) state;
    static sv_throttle throttle;
    for (int i = 0; i < SV_THROTTLE_FAILURES; i++) {
        assert_true(sv_throttle_allows(&throttle, "192.0.2.1", START_US));
        sv_throttle_failed(&throttle, "192.0.2.1", START_US);
    }
    assert_false(sv_throttle_allows(&throttle, "192.0.2.1", START_US + SV_TIME_MINUTE_US));
    assert_true(sv_throttle_allows(&throttle, "192.0.2.2", START_US));
    assert_true(sv_throttle_allows(&throttle, "192.0.2.1", START_US + SV_TIME_MINUTE_US + 1));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_login_link_works_once),
        TEST(a_login_link_ends_after_a_day),
        TEST(a_session_ends_when_idle_and_after_a_week_in_any_case),
        TEST(after_signing_out_the_cookie_is_worth_nothing),
        TEST(the_token_file_is_kept_and_no_secret_is_in_the_database),
        cmocka_unit_test(who_is_wrong_too_often_waits_a_minute_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
