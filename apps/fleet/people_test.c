#include "fleet_fixture.h"

#include "people.h"
#include "tokens.h"
#include "users.h"

#include <string.h>

static const int64_t START_US = INT64_C(1800000000000000);
static const sv_visitor HERE = { .from = "192.0.2.1", .agent = "a browser" };

static void add_user(fixture *f, const char *name, sv_person_role role) {
    sv_user user = { .role = role };
    (void) snprintf(user.name, sizeof user.name, "%s", name);
    assert_int_equal(sv_user_add(f->fleet.db, &user, "test", START_US, NULL), SV_OK);
}

static void make_link(fixture *f, const char *user, sv_link_kind kind, const char *by,
                      char token[SV_SECRET_ROOM]) {
    const sv_link link = { .user = user, .kind = kind, .made_by = by };
    assert_int_equal(sv_people_make_link(f->fleet.db, &link, START_US, token, NULL), SV_OK);
}

static sv_err use_link(fixture *f, const char *token, int64_t at_us, char session[SV_SECRET_ROOM],
                       sv_person *out) {
    sv_why why = { 0 };
    sv_err err =
        sv_people_login(f->fleet.db, sv_text_of(token), &HERE, at_us, session, out, NULL, &why);
    if (err != SV_OK) {
        assert_string_equal(why.text,
                            "this login link is wrong, used or expired; ask for a new one");
    }
    return err;
}

static sv_err ask_session(fixture *f, const char *session, int64_t at_us) {
    sv_person person;
    return sv_people_session(f->fleet.db, sv_text_of(session), at_us, &person, NULL);
}

/// A session of a new user.
static void begin(fixture *f, const char *user, char session[SV_SECRET_ROOM]) {
    char link[SV_SECRET_ROOM];
    sv_person person;
    make_link(f, user, SV_LINK_INVITE, "admin", link);
    assert_int_equal(use_link(f, link, START_US, session, &person), SV_OK);
}

// ---- links --------------------------------------------------------------------------------------

// [people-2]
static void a_login_link_works_once(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    add_user(f, "ada", SV_PERSON_OPERATOR);
    make_link(f, "ada", SV_LINK_INVITE, "admin", link);
    assert_int_equal(strlen(link), SV_SECRET_LEN);
    assert_int_equal(use_link(f, link, START_US, session, &person), SV_OK);
    assert_string_equal(person.user, "ada");
    assert_int_equal(person.role, SV_PERSON_OPERATOR);
    assert_true(person.session > 0);
    assert_int_equal(use_link(f, link, START_US, session, &person), SV_ERR_UNTRUSTED);
}

// [people-2]
static void a_login_link_ends_after_a_day(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    add_user(f, "ada", SV_PERSON_OPERATOR);
    make_link(f, "ada", SV_LINK_OPEN, "ada", link);
    assert_int_equal(use_link(f, link, START_US + SV_LOGIN_LINK_US, session, &person),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(use_link(f, link, START_US + SV_LOGIN_LINK_US - 1, session, &person), SV_OK);
}

// [people-3]
static void the_first_link_makes_the_first_admin_and_nobody_after(void **state) {
    fixture *f = *state;
    char links[2][SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    make_link(f, SV_FIRST_ADMIN, SV_LINK_FIRST, "fleet", links[0]);
    make_link(f, SV_FIRST_ADMIN, SV_LINK_FIRST, "fleet", links[1]);
    assert_int_equal(use_link(f, links[1], START_US, session, &person), SV_OK);
    assert_string_equal(person.user, "admin");
    assert_int_equal(person.role, SV_PERSON_ADMIN);
    assert_int_equal(use_link(f, links[0], START_US, session, &person), SV_ERR_UNTRUSTED);
    make_link(f, SV_FIRST_ADMIN, SV_LINK_FIRST, "fleet", links[0]);
    assert_int_equal(use_link(f, links[0], START_US, session, &person), SV_ERR_UNTRUSTED);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM user"), 1);
}

// [people-2]
static void a_link_lets_nobody_in_who_is_gone_disabled_or_has_a_password_by_now(void **state) {
    fixture *f = *state;
    char links[3][SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    sv_db *db = f->fleet.db;
    make_link(f, "gone", SV_LINK_OPEN, "admin", links[0]);
    add_user(f, "off", SV_PERSON_VIEWER);
    assert_int_equal(sv_db_exec(db, "UPDATE user SET disabled = 1", NULL), SV_OK);
    make_link(f, "off", SV_LINK_RECOVER, "admin", links[1]);
    add_user(f, "old", SV_PERSON_VIEWER);
    assert_int_equal(sv_user_set_password(db, "old", "$x", START_US, NULL), SV_OK);
    make_link(f, "old", SV_LINK_INVITE, "admin", links[2]);
    for (size_t i = 0; i < SV_COUNT(links); i++) {
        assert_int_equal(use_link(f, links[i], START_US, session, &person), SV_ERR_UNTRUSTED);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session"), 0);
}

// [people-5]
static void recovering_forgets_what_was_asked_for_and_ends_every_session(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char old[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    sv_user user;
    add_user(f, "ada", SV_PERSON_ADMIN);
    assert_int_equal(sv_user_set_password(f->fleet.db, "ada", "$x", START_US, NULL), SV_OK);
    assert_int_equal(sv_session_begin(f->fleet.db, "ada", "password", &HERE, START_US, old, NULL),
                     SV_OK);
    assert_int_equal(
        sv_db_exec(f->fleet.db, "UPDATE user SET totp_secret = x'00', disabled = 1", NULL), SV_OK);
    make_link(f, "ada", SV_LINK_RECOVER, "console", link); // it alone opens what is disabled
    assert_int_equal(use_link(f, link, START_US, session, &person), SV_OK);
    assert_int_equal(sv_user_find(f->fleet.db, SV_TEXT("ada"), &user, NULL), SV_OK);
    assert_string_equal(user.password, "");
    assert_false(user.totp);
    assert_false(user.disabled);
    assert_int_equal(ask_session(f, old, START_US), SV_ERR_UNTRUSTED);
    assert_int_equal(ask_session(f, session, START_US), SV_OK);
}

static void links_of_one_user_are_bounded_and_the_newest_works(void **state) {
    fixture *f = *state;
    char link[SV_SECRET_ROOM];
    char session[SV_SECRET_ROOM];
    sv_person person;
    add_user(f, "ada", SV_PERSON_VIEWER);
    for (int i = 0; i < 3 * SV_LINKS_MAX; i++) {
        const sv_link made = { .user = "ada", .kind = SV_LINK_OPEN, .made_by = "ada" };
        assert_int_equal(sv_people_make_link(f->fleet.db, &made, START_US + i, link, NULL), SV_OK);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM user_link"), SV_LINKS_MAX);
    assert_int_equal(use_link(f, link, START_US, session, &person), SV_OK);
}

// ---- sessions -----------------------------------------------------------------------------------

// [people-8]
static void a_session_ends_when_idle_and_after_a_week_in_any_case(void **state) {
    fixture *f = *state;
    char idle[SV_SECRET_ROOM];
    char busy[SV_SECRET_ROOM];
    add_user(f, "ada", SV_PERSON_OPERATOR);
    begin(f, "ada", idle);
    begin(f, "ada", busy);
    int64_t step_us = SV_SESSION_IDLE_US - SV_TIME_MINUTE_US;
    for (int64_t at_us = step_us; at_us < SV_SESSION_LIFE_US; at_us += step_us) {
        assert_int_equal(ask_session(f, busy, START_US + at_us), SV_OK);
    }
    assert_int_equal(ask_session(f, busy, START_US + SV_SESSION_LIFE_US), SV_ERR_UNTRUSTED);
    assert_int_equal(ask_session(f, idle, START_US + SV_SESSION_IDLE_US), SV_ERR_UNTRUSTED);
}

static void after_signing_out_the_cookie_is_worth_nothing(void **state) {
    fixture *f = *state;
    char session[SV_SECRET_ROOM];
    add_user(f, "ada", SV_PERSON_OPERATOR);
    begin(f, "ada", session);
    assert_int_equal(sv_people_logout(f->fleet.db, sv_text_of(session), NULL), SV_OK);
    assert_int_equal(ask_session(f, session, START_US), SV_ERR_UNTRUSTED);
}

// [people-8]
static void sessions_are_bounded_listed_and_ended_one_by_one(void **state) {
    fixture *f = *state;
    char first[SV_SECRET_ROOM];
    char last[SV_SECRET_ROOM];
    sv_person person;
    add_user(f, "ada", SV_PERSON_VIEWER);
    begin(f, "ada", first);
    for (int i = 0; i < SV_SESSIONS_MAX; i++) {
        assert_int_equal(
            sv_session_begin(f->fleet.db, "ada", "link", &HERE, START_US + 1 + i, last, NULL),
            SV_OK);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session"), SV_SESSIONS_MAX);
    assert_int_equal(ask_session(f, first, START_US), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_people_session(f->fleet.db, sv_text_of(last), START_US, &person, NULL),
                     SV_OK);

    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(65536);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_session_list(f->fleet.db, "ada", person.session, START_US, &out, NULL),
                     SV_OK);
    SV_DEFER(sv_json_drop) sv_json *list = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &list, NULL, NULL), SV_OK);
    const sv_json *items = sv_json_get(list, "items");
    bool current = false;
    sv_text from;
    assert_int_equal(sv_json_count(items), SV_SESSIONS_MAX);
    assert_true(sv_json_bool(sv_json_get(sv_json_at(items, 0), "current"), &current) && current);
    assert_true(sv_json_text(sv_json_get(sv_json_at(items, 0), "from"), &from)
                && sv_text_is(from, "192.0.2.1"));

    assert_int_equal(sv_session_end(f->fleet.db, "eve", person.session, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_session_end_all(f->fleet.db, "ada", person.session, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session"), 1);
    assert_int_equal(sv_session_end(f->fleet.db, "ada", person.session, NULL), SV_OK);
    assert_int_equal(ask_session(f, last, START_US), SV_ERR_UNTRUSTED);
}

// ---- the server's own token ---------------------------------------------------------------------

// [people-1]
static void the_token_file_is_kept_and_no_secret_is_in_the_database(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf before = SV_TEXTBUF_HEAP(4096);
    SV_DEFER(sv_textbuf_drop) sv_textbuf after = SV_TEXTBUF_HEAP(4096);
    sv_person person;
    sv_db *db;
    assert_int_equal(sv_disk_read(f->fleet.config.admin_token_file, &before, NULL), SV_OK);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    db = f->fleet.db;
    assert_int_equal(sv_disk_read(f->fleet.config.admin_token_file, &after, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&before), sv_textbuf_text(&after)));
    sv_text token = sv_text_trim(sv_textbuf_text(&after));
    assert_int_equal(sv_people_token(db, token, "", START_US, &person, NULL), SV_OK);
    assert_int_equal(person.role, SV_PERSON_ADMIN);
    assert_int_equal(person.session, 0);
    assert_int_equal(sv_people_token(db, SV_TEXT("x"), "", START_US, &person, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM api_token WHERE length(hash) = 64"), 1);
}

// ---- a database of before -----------------------------------------------------------------------

extern const char sv_fleet_schema[];
extern const char sv_fleet_schema_people[];

// [people-1]
static void a_database_of_before_keeps_its_token_its_sessions_and_its_links(void **state) {
    fixture *f = *state;
    static const sv_db_migration STEPS[] = { { .name = "first", .sql = sv_fleet_schema },
                                             { .name = "people", .sql = sv_fleet_schema_people } };
    char path[SV_PATH_MAX];
    char hash[SV_SECRET_HASH_ROOM];
    char sql[512];
    char session[SV_SECRET_ROOM];
    sv_person person;
    sv_db *db = NULL;
    assert_int_equal(sv_disk_join(path, sizeof path, f->dir, "before.db"), SV_OK);
    assert_int_equal(sv_db_open(path, STEPS, 1, &db, NULL), SV_OK);
    sv_secret_hash(SV_TEXT("a secret"), hash);
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO session VALUES ('%s', 'admin', 3, %lld, %lld);"
                    "INSERT INTO login_link VALUES ('%s', 'admin', 3, %lld);"
                    "INSERT INTO api_token VALUES ('%s', 'admin', 3)",
                    hash, (long long) START_US, (long long) START_US, hash,
                    (long long) START_US + 2, hash);
    assert_int_equal(sv_db_exec(db, sql, NULL), SV_OK);
    sv_db_drop(&db);
    assert_int_equal(sv_db_open(path, STEPS, SV_COUNT(STEPS), &db, NULL), SV_OK);
    assert_int_equal(sv_people_session(db, SV_TEXT("a secret"), START_US + 1, &person, NULL),
                     SV_OK);
    assert_string_equal(person.user, "admin");
    assert_int_equal(person.role, SV_PERSON_ADMIN);
    assert_int_equal(sv_people_token(db, SV_TEXT("a secret"), "", START_US, &person, NULL), SV_OK);
    assert_string_equal(person.token, SV_OWN_TOKEN);
    assert_int_equal(
        sv_people_login(db, SV_TEXT("a secret"), &HERE, START_US + 1, session, &person, NULL, NULL),
        SV_OK);
    sv_db_drop(&db);
}

// ---- throttle -----------------------------------------------------------------------------------

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
    sv_throttle_forgive(&throttle, "192.0.2.1");
    assert_true(sv_throttle_allows(&throttle, "192.0.2.1", START_US));
}

static int wrong_until_held_up(sv_throttle *throttle, const char *const *peers, size_t count) {
    int wrong = 0;
    while (wrong < 1000 && sv_throttle_allows(throttle, peers[(size_t) wrong % count], START_US)) {
        sv_throttle_failed(throttle, peers[(size_t) wrong % count], START_US);
        wrong++;
    }
    return wrong;
}

// [people-7]
static void all_addresses_of_one_ipv6_network_are_one_stranger(void **state) {
    (void) state;
    static const char *const SAME[] = { "2001:db8:1:2::1", "2001:db8:1:2:ffff::9",
                                        "2001:0DB8:1:2:3:4:5:6" };
    static const char *const OTHERS[] = { "2001:db8:1:3::1", "::ffff:192.0.2.1", "192.0.2.1" };
    static const char *const LINK[] = { "fe80::1%eth0", "fe80::2%eth0" };
    static sv_throttle throttle;
    assert_int_equal(wrong_until_held_up(&throttle, SAME, SV_COUNT(SAME)), SV_THROTTLE_FAILURES);
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        assert_int_equal(wrong_until_held_up(&throttle, &OTHERS[i], 1), SV_THROTTLE_FAILURES);
    }
    assert_int_equal(wrong_until_held_up(&throttle, LINK, SV_COUNT(LINK)), SV_THROTTLE_FAILURES);
    sv_throttle_forgive(&throttle, "2001:db8:1:2::77");
    assert_int_equal(wrong_until_held_up(&throttle, SAME, SV_COUNT(SAME)), 1);
}

// [people-14]
static void the_longest_name_is_counted_like_any_other(void **state) {
    (void) state;
    static sv_throttle throttle;
    char name[SV_ID_ROOM];
    const char *names[] = { name };
    memset(name, 'n', SV_ID_MAX);
    name[SV_ID_MAX] = '\0';
    assert_int_equal(wrong_until_held_up(&throttle, names, 1), SV_THROTTLE_FAILURES);
}

// [people-7]
static void wrong_passwords_of_a_user_count_wherever_they_come_from(void **state) {
    (void) state;
    static sv_user_throttle throttle;
    sv_user_throttle_open(&throttle);
    for (int i = 0; i < SV_THROTTLE_USER_FAILURES; i++) {
        assert_true(sv_user_throttle_allows(&throttle, SV_TEXT("ada"), START_US));
        sv_user_throttle_failed(&throttle, SV_TEXT("ada"), START_US);
    }
    for (int i = 0; i < 5000; i++) { // no number of other names makes it be forgotten
        char name[16];
        (void) snprintf(name, sizeof name, "user-%d", i);
        sv_user_throttle_failed(&throttle, sv_text_of(name), START_US);
    }
    assert_false(sv_user_throttle_allows(&throttle, SV_TEXT("ada"), START_US));
    assert_true(
        sv_user_throttle_allows(&throttle, SV_TEXT("ada"), START_US + SV_TIME_MINUTE_US + 1));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_login_link_works_once),
        TEST(a_login_link_ends_after_a_day),
        TEST(the_first_link_makes_the_first_admin_and_nobody_after),
        TEST(a_link_lets_nobody_in_who_is_gone_disabled_or_has_a_password_by_now),
        TEST(recovering_forgets_what_was_asked_for_and_ends_every_session),
        TEST(links_of_one_user_are_bounded_and_the_newest_works),
        TEST(a_session_ends_when_idle_and_after_a_week_in_any_case),
        TEST(after_signing_out_the_cookie_is_worth_nothing),
        TEST(sessions_are_bounded_listed_and_ended_one_by_one),
        TEST(the_token_file_is_kept_and_no_secret_is_in_the_database),
        TEST(a_database_of_before_keeps_its_token_its_sessions_and_its_links),
        cmocka_unit_test(who_is_wrong_too_often_waits_a_minute_and_others_do_not),
        cmocka_unit_test(all_addresses_of_one_ipv6_network_are_one_stranger),
        cmocka_unit_test(the_longest_name_is_counted_like_any_other),
        cmocka_unit_test(wrong_passwords_of_a_user_count_wherever_they_come_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
