#include "fleet_fixture.h"

#include "users.h"

#include <string.h>

static const int64_t START_US = INT64_C(1800000000000000);
static const sv_visitor HERE = { .from = "192.0.2.1" };

static sv_user make(const char *name, sv_person_role role, const char *sites) {
    sv_user user = { .role = role };
    (void) snprintf(user.name, sizeof user.name, "%s", name);
    (void) snprintf(user.sites, sizeof user.sites, "%s", sites);
    return user;
}

static void add(fixture *f, const char *name, sv_person_role role) {
    const sv_user user = make(name, role, "");
    assert_int_equal(sv_user_add(f->fleet.db, &user, "test", START_US, NULL), SV_OK);
}

static void refused(sv_err err, sv_err want, const sv_why *why, const char *sentence) {
    assert_int_equal(err, want);
    assert_string_equal(why->text, sentence);
}

static void a_user_is_added_once_under_a_name_that_is_an_id(void **state) {
    fixture *f = *state;
    sv_why why;
    add(f, "ada", SV_PERSON_OPERATOR);
    const sv_user again = make("ada", SV_PERSON_VIEWER, "");
    const sv_user bad = make("a da", SV_PERSON_VIEWER, "");
    const sv_user some = make("eve", SV_PERSON_ADMIN, "[\"north\"]");
    refused(sv_user_add(f->fleet.db, &again, "test", START_US, &why), SV_ERR_STATE, &why,
            "there is a user 'ada' already");
    assert_int_equal(sv_user_add(f->fleet.db, &bad, "test", START_US, &why), SV_ERR_INVALID);
    refused(sv_user_add(f->fleet.db, &some, "test", START_US, &why), SV_ERR_INVALID, &why,
            "an admin is for all sites: leave sites out");
    static const char *const OURS[] = { "fleet", "console", "Fleet" };
    for (size_t i = 0; i < SV_COUNT(OURS); i++) { // [people-1]
        const sv_user ours = make(OURS[i], SV_PERSON_VIEWER, "");
        assert_int_equal(sv_user_add(f->fleet.db, &ours, "test", START_US, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "is what the audit log calls the server itself"));
    }
}

// [people-4]
static void the_last_admin_can_be_neither_removed_nor_disabled_nor_made_less(void **state) {
    fixture *f = *state;
    sv_db *db = f->fleet.db;
    static const char LAST[] = "root is the last admin who can sign in: make another one first";
    sv_why why;
    add(f, "root", SV_PERSON_ADMIN);
    add(f, "ada", SV_PERSON_OPERATOR);
    for (int turn = 0; turn < 4; turn++) {
        sv_user less = make("root", SV_PERSON_RELEASE, "");
        sv_user off = make("root", SV_PERSON_ADMIN, "");
        off.disabled = true;
        refused(sv_user_remove(db, "root", &why), SV_ERR_STATE, &why, LAST);
        refused(sv_user_change(db, &less, &why), SV_ERR_STATE, &why, LAST);
        refused(sv_user_change(db, &off, &why), SV_ERR_STATE, &why, LAST);
        if (turn == 0) { // nor while the other admin has never been here,
            add(f, "next", SV_PERSON_ADMIN);
        } else if (turn == 1) { // or cannot come in,
            assert_int_equal(sv_db_exec(db,
                                        "UPDATE user SET password = '$x', disabled = 1"
                                        " WHERE name = 'next'",
                                        NULL),
                             SV_OK);
        } else if (turn == 2) { // or is none any more
            assert_int_equal(
                sv_db_exec(db, "UPDATE user SET role = 2, disabled = 0 WHERE name = 'next'", NULL),
                SV_OK);
        }
    }
    assert_int_equal(sv_db_exec(db, "UPDATE user SET role = 3 WHERE name = 'next'", NULL), SV_OK);
    assert_int_equal(sv_user_remove(db, "root", &why), SV_OK);
    assert_int_equal(sv_user_remove(db, "next", &why), SV_ERR_STATE);
    assert_int_equal(sv_user_remove(db, "ada", &why), SV_OK);
}

// [people-8]
static void a_change_ends_the_sessions_of_its_user_and_of_nobody_else(void **state) {
    fixture *f = *state;
    sv_db *db = f->fleet.db;
    char session[SV_SECRET_ROOM];
    const sv_user changes[] = {
        make("ada", SV_PERSON_OPERATOR, ""),
        make("ada", SV_PERSON_OPERATOR, "[\"north\"]"),
        { .name = "ada", .role = SV_PERSON_OPERATOR, .sites = "[\"north\"]", .disabled = true },
    };
    add(f, "ada", SV_PERSON_VIEWER);
    add(f, "eve", SV_PERSON_VIEWER);
    assert_int_equal(sv_session_begin(db, "eve", "link", &HERE, START_US, session, NULL), SV_OK);
    for (size_t i = 0; i < SV_COUNT(changes); i++) {
        const sv_link link = { .user = "ada", .kind = SV_LINK_OPEN, .made_by = "ada" };
        char token[SV_SECRET_ROOM];
        assert_int_equal(sv_session_begin(db, "ada", "link", &HERE, START_US, session, NULL),
                         SV_OK);
        assert_int_equal(sv_people_make_link(db, &link, START_US, token, NULL), SV_OK);
        assert_int_equal(sv_user_change(db, &changes[i], NULL), SV_OK);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM session WHERE user = 'ada'"), 0);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM user_link"), 0);
    }
    assert_int_equal(sv_session_begin(db, "ada", "link", &HERE, START_US, session, NULL), SV_OK);
    assert_int_equal(sv_user_change(db, &changes[2], NULL), SV_OK); // nothing changes
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session WHERE user = 'ada'"), 1);
    assert_int_equal(sv_user_set_password(db, "ada", "$x", START_US, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session WHERE user = 'ada'"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM session WHERE user = 'eve'"), 1);
}

static void who_is_disabled_has_no_session(void **state) {
    fixture *f = *state;
    char session[SV_SECRET_ROOM];
    sv_person person;
    add(f, "ada", SV_PERSON_VIEWER);
    assert_int_equal(sv_session_begin(f->fleet.db, "ada", "link", &HERE, START_US, session, NULL),
                     SV_OK);
    assert_int_equal(sv_db_exec(f->fleet.db, "UPDATE user SET disabled = 1", NULL), SV_OK);
    assert_int_equal(sv_people_session(f->fleet.db, sv_text_of(session), START_US, &person, NULL),
                     SV_ERR_UNTRUSTED);
}

static void the_list_comes_in_pages_by_name(void **state) {
    fixture *f = *state;
    char cursor[SV_ID_ROOM] = "";
    char seen[64] = "";
    for (int i = 0; i < 5; i++) {
        char name[8];
        (void) snprintf(name, sizeof name, "u%d", 4 - i);
        add(f, name, SV_PERSON_VIEWER);
    }
    for (int page = 0; page < 3; page++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(65536);
        SV_DEFER(sv_json_drop) sv_json *list = NULL;
        sv_json_out out = SV_JSON_OUT(&json);
        sv_text next = SV_TEXT("");
        assert_int_equal(sv_user_list(f->fleet.db, cursor, 2, &out, NULL), SV_OK);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &list, NULL, NULL), SV_OK);
        const sv_json *items = sv_json_get(list, "items");
        for (size_t i = 0; i < sv_json_count(items); i++) {
            sv_text name;
            assert_true(sv_json_text(sv_json_get(sv_json_at(items, i), "name"), &name));
            (void) strncat(seen, name.at, name.len);
        }
        assert_int_equal(sv_json_text(sv_json_get(list, "next"), &next), page < 2);
        assert_int_equal(sv_text_copy(next, cursor, sizeof cursor), SV_OK);
    }
    assert_string_equal(seen, "u0u1u2u3u4");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_user_is_added_once_under_a_name_that_is_an_id),
        TEST(the_last_admin_can_be_neither_removed_nor_disabled_nor_made_less),
        TEST(a_change_ends_the_sessions_of_its_user_and_of_nobody_else),
        TEST(who_is_disabled_has_no_session),
        TEST(the_list_comes_in_pages_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
