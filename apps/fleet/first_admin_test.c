#include "door_fixture.h"

#include "first_admin.h"
#include "users.h"

#include <sys/stat.h>

enum { PORT = 8443 };

static void path_of(const door *d, char path[SV_PATH_MAX]) {
    assert_int_equal(sv_disk_join(path, SV_PATH_MAX, d->f.dir, SV_FIRST_ADMIN_FILE), SV_OK);
}

/// The token in the file; "" when there is no file.
static void read_link(const door *d, char token[SV_SECRET_ROOM]) {
    char path[SV_PATH_MAX];
    char room[512] = "";
    sv_textbuf file = SV_TEXTBUF(room);
    path_of(d, path);
    token[0] = '\0';
    if (sv_disk_read(path, &file, NULL) == SV_OK) {
        assert_int_equal(sv_textbuf_end(&file), SV_OK);
        const char *at = strstr(room, "http://:8443/#login=");
        assert_non_null(at);
        sv_text text = sv_text_trim(sv_text_of(at + strlen("http://:8443/#login=")));
        assert_int_equal(sv_text_copy(text, token, SV_SECRET_ROOM), SV_OK);
    }
}

static int come_in(door *d, const char *token) {
    char body[128];
    (void) snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return door_ask(d, "POST", "/api/v1/session", "", body);
}

// [people-3]
static void the_link_in_the_file_makes_the_first_admin_and_goes(void **state) {
    door *d = *state;
    char path[SV_PATH_MAX];
    char token[SV_SECRET_ROOM];
    char again[SV_SECRET_ROOM];
    struct stat info;
    sv_first_admin_open(&d->f.fleet, PORT);
    path_of(d, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    read_link(d, token);
    sv_first_admin_turn(&d->f.fleet);
    read_link(d, again);
    assert_string_equal(token, again);
    assert_int_equal(come_in(d, token), 204);
    char cookie[DOOR_HEAD_MAX];
    door_keep_cookie(d, cookie);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", cookie, ""), 200);
    assert_true(door_says(d, "{\"user\":\"admin\",\"role\":\"admin\",\"sites\":null"));
    assert_false(sv_disk_exists(path));
    sv_first_admin_turn(&d->f.fleet);
    assert_false(sv_disk_exists(path));
    assert_int_equal(come_in(d, token), 401);
}

// [people-3]
static void a_link_that_nobody_used_is_followed_by_another(void **state) {
    door *d = *state;
    char first[SV_SECRET_ROOM];
    char second[SV_SECRET_ROOM];
    char path[SV_PATH_MAX];
    sv_first_admin_open(&d->f.fleet, PORT);
    read_link(d, first);
    fixture_now_us += SV_LOGIN_LINK_US + 1;
    sv_first_admin_turn(&d->f.fleet);
    read_link(d, second);
    assert_string_not_equal(first, second);
    assert_int_equal(come_in(d, first), 401);
    path_of(d, path);
    assert_int_equal(sv_disk_remove_tree(path, NULL), SV_OK); // what is lost comes again
    sv_first_admin_turn(&d->f.fleet);
    read_link(d, first);
    assert_int_equal(come_in(d, first), 204);
    assert_int_equal(come_in(d, second), 401);
    fixture_now_us -= SV_LOGIN_LINK_US + 1;
}

// [people-3]
static void somebody_who_is_no_admin_does_not_take_the_link_away(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    char again[SV_SECRET_ROOM];
    sv_user user = { .name = "ada", .role = SV_PERSON_RELEASE };
    sv_first_admin_open(&d->f.fleet, PORT);
    read_link(d, token);
    assert_int_equal(sv_user_add(d->f.fleet.db, &user, "test", fixture_now_us, NULL), SV_OK);
    sv_first_admin_turn(&d->f.fleet);
    read_link(d, again);
    assert_string_equal(token, again);
    assert_int_equal(come_in(d, token), 204);
    read_link(d, again);
    assert_string_equal(again, "");
}

// [people-3]
static void an_admin_by_another_name_ends_the_link(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    char again[SV_SECRET_ROOM];
    sv_user user = { .name = "ada", .role = SV_PERSON_ADMIN };
    sv_first_admin_open(&d->f.fleet, PORT);
    read_link(d, token);
    assert_int_equal(sv_user_add(d->f.fleet.db, &user, "test", fixture_now_us, NULL), SV_OK);
    assert_int_equal(come_in(d, token), 401);
    sv_first_admin_turn(&d->f.fleet);
    read_link(d, again);
    assert_string_equal(again, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_link_in_the_file_makes_the_first_admin_and_goes),
        TEST(a_link_that_nobody_used_is_followed_by_another),
        TEST(somebody_who_is_no_admin_does_not_take_the_link_away),
        TEST(an_admin_by_another_name_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
