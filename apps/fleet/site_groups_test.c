#include "site_groups_fixture.h"

#include "inventory.h"
#include "push.h"

#include <edge/rules_file.h>

static const char RULES[] = "groups: {c: {group: pilots}, s: {group: spare}, g: {group: ghosts}}\n";

/// What is given after a number, cut before its "revision"; that in *revision.
static void given(door *d, int64_t *after, char *room, size_t bytes) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_SITE_GROUPS_GIVEN_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_site_groups_give(&d->f.fleet, north(d), *after, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_int(sv_json_get(root, "revision"), after));
    const char *devices = strstr(json.at, "\"devices\":");
    const char *end = strstr(json.at, ",\"revision\"");
    assert_true(devices != NULL && end != NULL);
    (void) snprintf(room, bytes, "%.*s", (int) (end - devices - 10), devices + 10);
}

static void says(door *d, int64_t *after, const char *devices) {
    char room[1024];
    given(d, after, room, sizeof room);
    assert_string_equal(room, devices);
}

// [members-4] [members-5]
static void who_is_in_the_groups_that_rules_name_is_known_with_the_rules(void **state) {
    door *d = *state;
    int64_t after = 0;
    group(d, "pilots", "{\"devices\":[\"press-1\",\"saw-1\",\"nobody\"]}");
    group(d, "spare", "{\"query\":\"id ~ press-*\"}");
    group(d, "unnamed", "{\"query\":\"all\"}");
    says(d, &after, "[]");
    put_rules(d, RULES, 0);
    says(d, &after,
         "[{\"id\":\"press-1\",\"in\":[\"pilots\",\"spare\"]},"
         "{\"id\":\"press-2\",\"in\":[\"spare\"]}]");
    says(d, &after, "[]");
    shows(d, "[{\"name\":\"pilots\",\"known\":true,\"devices\":1},"
             "{\"name\":\"spare\",\"known\":true,\"devices\":2},"
             "{\"name\":\"ghosts\",\"known\":false,\"devices\":0}]");
    assert_int_equal(events(d), 1);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM push WHERE gateway = 'gw-b'"), 0);
    turns(d);
    assert_int_equal(events(d), 1); // nothing new
    assert_int_equal(door_admin(d, "GET", "/api/v1/sites/north/rules", ""), 200);
    assert_true(door_says(d, "\"groups\":[{\"name\":\"pilots\",\"known\":true,\"devices\":1}"));
}

// [members-5] [members-6]
static void what_has_changed_alone_is_given(void **state) {
    door *d = *state;
    int64_t after = 0;
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    group(d, "spare", "{\"query\":\"tag = t\"}");
    put_rules(d, RULES, 0);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[\"pilots\"]}]");
    group(d, "pilots", "{\"devices\":[\"press-2\"]}");
    turns(d);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[]},{\"id\":\"press-2\",\"in\":[\"pilots\"]}]");
    assert_int_equal(events(d), 2);
    // A tag at once.
    assert_int_equal(door_admin(d, "PUT", "/api/v1/devices/press-1/tags", "{\"tags\":[\"t\"]}"),
                     200);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[\"spare\"]}]");
    assert_int_equal(events(d), 3);
    // A new device with the next turn, what devices say of themselves within a minute.
    group(d, "spare", "{\"query\":\"version = 2\"}");
    add_device(&d->f, "gw-a", "press-3");
    turns(d);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[]}]");
    sv_running running = { .version = "2", .product = "p", .at_us = fixture_now_us };
    assert_int_equal(sv_running_store(&d->f.fleet, "press-3", &running, NULL), SV_OK);
    turns(d);
    says(d, &after, "[]");
    fixture_now_us += SV_SITE_GROUPS_EVERY_US;
    turns(d);
    says(d, &after, "[{\"id\":\"press-3\",\"in\":[\"spare\"]}]");
    after = 0;
    says(d, &after,
         "[{\"id\":\"press-2\",\"in\":[\"pilots\"]},{\"id\":\"press-1\",\"in\":[]},"
         "{\"id\":\"press-3\",\"in\":[\"spare\"]}]");
}

// [members-3]
static void nobody_is_in_a_group_that_is_removed(void **state) {
    door *d = *state;
    int64_t after = 0;
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    put_rules(d, RULES, 0);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[\"pilots\"]}]");
    group(d, "pilots", NULL);
    int64_t before = after;
    turns(d);
    says(d, &after, "[]"); // that it is not known says it
    assert_true(after > before);
    shows(d, "[{\"name\":\"pilots\",\"known\":false,\"devices\":0},"
             "{\"name\":\"spare\",\"known\":false,\"devices\":0},"
             "{\"name\":\"ghosts\",\"known\":false,\"devices\":0}]");
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    turns(d);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[\"pilots\"]}]");
}

/// One that was added by mistake is withdrawn: it is in no group, also when another one comes in
/// its place at once, when the same id comes at another site, and when the server ends before it
/// has looked. [members-1]
static void who_was_withdrawn_is_in_no_group(void **state) {
    static const char ONE[] = "[{\"name\":\"pilots\",\"known\":true,\"devices\":1}]";
    static const char NONE[] = "[{\"name\":\"pilots\",\"known\":true,\"devices\":0}]";
    door *d = *state;
    group(d, "pilots", "{\"devices\":[\"press-3\"]}");
    put_rules(d, "groups: {a: {group: pilots}}\n", 0);
    add_device(&d->f, "gw-a", "press-3");
    turns(d);
    shows(d, ONE);
    sv_registry_forget(d->f.fleet.registry, SV_TEXT("press-3"));
    add_device(&d->f, "gw-a", "press-4");
    turns(d);
    shows(d, NONE);
    add_device(&d->f, "gw-a", "press-3");
    turns(d);
    shows(d, ONE);
    sv_registry_forget(d->f.fleet.registry, SV_TEXT("press-3"));
    add_device(&d->f, "gw-b", "press-3");
    turns(d);
    shows(d, NONE);
    sv_registry_forget(d->f.fleet.registry, SV_TEXT("press-3"));
    add_device(&d->f, "gw-a", "press-3");
    turns(d);
    shows(d, ONE);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "DELETE FROM device WHERE id = 'press-3'", NULL),
                     SV_OK);
    start_again(d);
    turns(d);
    shows(d, NONE);
}

// [members-5]
static void what_was_told_is_known_after_a_restart_and_numbers_only_rise(void **state) {
    door *d = *state;
    int64_t after = 0;
    group(d, "pilots", "{\"devices\":[\"press-1\",\"press-2\"]}");
    put_rules(d, RULES, 0);
    char first[1024];
    given(d, &after, first, sizeof first);
    start_again(d);
    shows(d, "[{\"name\":\"pilots\",\"known\":true,\"devices\":2},"
             "{\"name\":\"spare\",\"known\":false,\"devices\":0},"
             "{\"name\":\"ghosts\",\"known\":false,\"devices\":0}]");
    int64_t again = 0;
    says(d, &again, first);
    assert_int_equal(again, after);
    fixture_now_us -= SV_TIME_HOUR_US; // and when the clock goes back
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    sv_site_groups_turn(&d->f.fleet);
    says(d, &after, "[{\"id\":\"press-2\",\"in\":[]}]");
    assert_true(after > again);
    fixture_now_us += SV_TIME_HOUR_US;
}

// [members-4]
static void groups_of_a_version_that_a_gateway_goes_by_stay(void **state) {
    door *d = *state;
    sv_gateway *gateway = fixture_gateway(&d->f, "gw-a");
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    group(d, "other", "{\"devices\":[\"press-2\"]}");
    put_rules(d, "groups: {a: {group: pilots}}\n", 0);
    SV_DEFER(sv_json_drop) sv_json *told = NULL;
    assert_int_equal(sv_json_parse(SV_TEXT("{\"from\":\"fleet\",\"version\":1,\"at\":1,"
                                           "\"refused\":null}"),
                                   &told, NULL, NULL),
                     SV_OK);
    assert_int_equal(sv_site_rules_told(&d->f.fleet, gateway, told, NULL), SV_OK);
    put_rules(d, "groups: {a: {group: other}}\n", 1);
    shows(d, "[{\"name\":\"other\",\"known\":true,\"devices\":1},"
             "{\"name\":\"pilots\",\"known\":true,\"devices\":1}]");
    SV_DEFER(sv_json_drop) sv_json *later = NULL;
    assert_int_equal(sv_json_parse(SV_TEXT("{\"from\":\"fleet\",\"version\":2,\"at\":2,"
                                           "\"refused\":null}"),
                                   &later, NULL, NULL),
                     SV_OK);
    assert_int_equal(sv_site_rules_told(&d->f.fleet, gateway, later, NULL), SV_OK);
    turns(d);
    shows(d, "[{\"name\":\"other\",\"known\":true,\"devices\":1}]");
    put_rules(d, "# none\n", 2);
    turns(d);
    shows(d, "[{\"name\":\"other\",\"known\":true,\"devices\":1}]"); // version 2 is in force there
}

static void what_could_not_be_stored_is_tried_again(void **state) {
    door *d = *state;
    int64_t after = 0;
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    assert_int_equal(sv_db_exec(d->f.fleet.db,
                                "CREATE TRIGGER broken BEFORE INSERT ON site_member BEGIN"
                                " SELECT RAISE(ABORT, 'so it is'); END",
                                NULL),
                     SV_OK);
    put_rules(d, RULES, 0);
    says(d, &after, "[]");
    shows(d, "[]"); // as the database has it
    assert_int_equal(events(d), 0);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "DROP TRIGGER broken", NULL), SV_OK);
    turns(d);
    says(d, &after, "[{\"id\":\"press-1\",\"in\":[\"pilots\"]}]");
    assert_int_equal(events(d), 1);
}

/// As a gateway puts it together: page after page.
static size_t follow(door *d, sv_members *members, bool *last) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_SITE_GROUPS_GIVEN_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    static int64_t after;
    bool more = false;
    sv_json_out out = SV_JSON_OUT(&json);
    after = sv_members_group_count(members) == 0 ? 0 : after;
    assert_int_equal(sv_site_groups_give(&d->f.fleet, north(d), after, &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    const sv_member_group all = { .name = "all", .known = true };
    assert_int_equal(sv_members_groups(members, &all, 1, NULL), SV_OK);
    const sv_json *devices = sv_json_get(root, "devices");
    for (size_t i = 0; i < sv_json_count(devices); i++) {
        sv_text id;
        const sv_text in = SV_TEXT("all");
        assert_true(sv_json_text(sv_json_get(sv_json_at(devices, i), "id"), &id));
        assert_int_equal(sv_members_put(members, id, &in, 1, NULL), SV_OK);
    }
    assert_true(sv_json_int(sv_json_get(root, "revision"), &after)
                && sv_json_bool(sv_json_get(root, "more"), &more));
    *last = !more;
    return sv_json_count(devices);
}

// [members-5] [members-6] 10,000 devices at one site: a few turns, and in pages.
static void a_large_site_is_given_in_pages(void **state) {
    door *d = *state;
    char id[SV_ID_ROOM];
    SV_DEFER(sv_members_drop) sv_members *members = sv_members_new(NULL);
    assert_int_equal(sv_db_begin(d->f.fleet.db, NULL), SV_OK);
    for (int i = 0; i < 10000; i++) {
        (void) snprintf(id, sizeof id, "m-%d", i);
        add_device(&d->f, "gw-a", id);
    }
    assert_int_equal(sv_db_commit(d->f.fleet.db, NULL), SV_OK);
    group(d, "all", "{\"query\":\"id ~ m-*\"}");
    put_rules(d, "groups: {a: {group: all}}\n", 0);
    shows(d, "[{\"name\":\"all\",\"known\":true,\"devices\":10000}]");
    bool last = false;
    size_t pages = 0;
    for (; !last; pages++) {
        assert_true(follow(d, members, &last) <= SV_SITE_GROUPS_PAGE);
    }
    assert_int_equal(pages, 10);
    assert_int_equal(sv_members_device_count(members), 10000);
    // All leave, by another query: never more in one turn than may be.
    group(d, "all", "{\"query\":\"id = m-1\"}");
    int64_t before = fixture_count(&d->f, "SELECT count(*) FROM site_member WHERE names <> ''");
    int used = 0;
    while (before > 1) {
        fixture_now_us += SV_TIME_SECOND_US;
        sv_site_groups_turn(&d->f.fleet);
        int64_t left = fixture_count(&d->f, "SELECT count(*) FROM site_member WHERE names <> ''");
        assert_true(before - left <= SV_SITE_GROUPS_ASKED && used++ < 10);
        before = left;
    }
    assert_int_equal(used, 5);
    assert_int_equal(events(d), 1);
    turns(d); // the rest of the site's devices; told once it is all known
    assert_int_equal(events(d), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            who_is_in_the_groups_that_rules_name_is_known_with_the_rules, site_groups_setup,
            door_teardown),
        cmocka_unit_test_setup_teardown(what_has_changed_alone_is_given, site_groups_setup,
                                        door_teardown),
        cmocka_unit_test_setup_teardown(who_was_withdrawn_is_in_no_group, site_groups_setup,
                                        door_teardown),
        cmocka_unit_test_setup_teardown(nobody_is_in_a_group_that_is_removed, site_groups_setup,
                                        door_teardown),
        cmocka_unit_test_setup_teardown(
            what_was_told_is_known_after_a_restart_and_numbers_only_rise, site_groups_setup,
            door_teardown),
        cmocka_unit_test_setup_teardown(groups_of_a_version_that_a_gateway_goes_by_stay,
                                        site_groups_setup, door_teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_stored_is_tried_again, site_groups_setup,
                                        door_teardown),
        cmocka_unit_test_setup_teardown(a_large_site_is_given_in_pages, site_groups_setup,
                                        door_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
