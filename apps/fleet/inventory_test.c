#include "inventory.h"

#include "door_fixture.h"

#include <base/prng.h>

static void add_device(fixture *f, const char *gateway, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
    sv_registry_settle(f->fleet.registry, true);
}

static int setup(void **state) {
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    sv_running running = { .version = "1.0", .product = "lathe", .at_us = fixture_now_us };
    add_device(&d->f, "gw-a", "press-1");
    add_device(&d->f, "gw-a", "press-2");
    add_device(&d->f, "gw-b", "saw-1");
    assert_int_equal(sv_running_store(&d->f.fleet, "press-2", &running, NULL), SV_OK);
    return 0;
}

/// How many the query means.
static void means(door *d, const char *q, const char *answer) {
    char path[512];
    (void) snprintf(path, sizeof path, "/api/v1/query?q=%s", q);
    int status = door_admin(d, "GET", path, "");
    if (status != 200 || !door_says(d, answer)) {
        fail_msg("%s: %d %s", q, status, door_body(d));
    }
}

static void a_query_is_asked_of_all_that_is_known(void **state) { // [campaign-3] [campaign-7]
    door *d = *state;
    means(d, "all",
          "{\"query\":\"all\",\"devices\":3,\"sample\":[\"press-1\",\"press-2\","
          "\"saw-1\"]}");
    means(d, "site=north", "\"devices\":2");
    means(d, "version<1.1", "\"sample\":[\"press-2\"]");
    means(d, "product=lathe", "\"devices\":1");
    means(d, "not%20version=1.0", "\"devices\":2");
    means(d, "gateway=gw-b", "\"sample\":[\"saw-1\"]");
    means(d, "health=unknown", "\"devices\":3");
    assert_int_equal(door_admin(d, "GET", "/api/v1/query?q=sit=north", ""), 400);
    assert_true(door_says(d, "query, line 1, column 1: 'sit' is nothing that can be asked of a "
                             "device; did you mean site?"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/query?q=group=canary", ""), 400);
    assert_true(door_says(d, "there is no group 'canary'"));
}

static void groups_and_tags_are_kept(void **state) { // [campaign-5] [campaign-7]
    door *d = *state;
    assert_int_equal(
        door_admin(d, "PUT", "/api/v1/groups/canary", "{\"devices\":[\"press-1\",\"ghost\"]}"),
        200);
    assert_true(door_says(d, "\"count\":2"));
    assert_int_equal(
        door_admin(d, "PUT", "/api/v1/groups/a", "{\"query\":\"group = canary or tag = spare\"}"),
        200);
    assert_true(door_says(d, "\"count\":1"));
    assert_int_equal(
        door_admin(d, "PUT", "/api/v1/devices/saw-1/tags", "{\"tags\":[\"spare\",\"loud\"]}"), 200);
    assert_true(door_says(d, "{\"tags\":[\"loud\",\"spare\"]}"));
    means(d, "group=a", "\"devices\":2");
    sv_fleet_drop(&d->f.fleet);
    fixture_start(&d->f); // a group whose query asks for one that comes later in the alphabet
    sv_query query;
    assert_int_equal(sv_inventory_read(&d->f.fleet, SV_TEXT("group = a"), &query, NULL), SV_OK);
    sv_inventory_device asked;
    sv_device *saw = sv_registry_device(d->f.fleet.registry, SV_TEXT("saw-1"));
    assert_int_equal(sv_inventory_of(&d->f.fleet, saw, &asked, NULL), SV_OK);
    assert_true(sv_query_fits(&query, &asked.asked));
}

static void what_is_no_group_is_refused_and_changes_nothing(void **state) { // [campaign-6]
    static const struct {
        const char *name, *body, *why;
        int status;
    } CASES[] = {
        { "x", "{}", "the body must be", 400 },
        { "x", "{\"query\":\"site <\"}", "query, line 1, column 6", 400 },
        { "x", "{\"query\":\"group = x\"}", "group x would ask for itself", 400 },
        { "x", "{\"devices\":[\"a b\"]}", "a b", 400 },
        { "x%20y", "{\"query\":\"all\"}", "group", 400 },
    };
    door *d = *state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char path[64];
        (void) snprintf(path, sizeof path, "/api/v1/groups/%s", CASES[i].name);
        assert_int_equal(door_admin(d, "PUT", path, CASES[i].body), CASES[i].status);
        if (!door_says(d, CASES[i].why)) {
            fail_msg("%s: %s", CASES[i].body, door_body(d));
        }
    }
    assert_int_equal(door_admin(d, "GET", "/api/v1/groups", ""), 200);
    assert_true(door_says(d, "{\"items\":[],\"next\":null}"));
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM device_group_member"), 0);
}

static void groups_that_are_asked_for_stay(void **state) { // [campaign-6]
    door *d = *state;
    assert_int_equal(door_admin(d, "PUT", "/api/v1/groups/b", "{\"query\":\"all\"}"), 200);
    assert_int_equal(door_admin(d, "PUT", "/api/v1/groups/a", "{\"query\":\"group = b\"}"), 200);
    assert_int_equal(door_admin(d, "DELETE", "/api/v1/groups/b", ""), 409);
    assert_int_equal(door_admin(d, "DELETE", "/api/v1/groups/a", ""), 204);
    assert_int_equal(door_admin(d, "DELETE", "/api/v1/groups/b", ""), 204);
    assert_int_equal(door_admin(d, "GET", "/api/v1/groups/b", ""), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what LIKE"
                                          " 'group.%' AND outcome = 'done'"),
                     4);
}

static bool is_in(const sv_groups *groups, const char *name, const char *device) {
    sv_query_device asked = { 0 };
    asked.field[SV_QUERY_ID] = sv_text_of(device);
    return sv_groups_query(groups, sv_text_of(name)) == NULL
           && sv_groups_have(groups, &asked, sv_text_of(name));
}

static const char *const DEVICES[] = { "press-1", "press-2", "saw-1" };
static const char *const NAMES[] = { "a", "b", "c", "d" };

/// What is in memory is what a restart would read.
static void check_settled(door *d) {
    sv_inventory *now = d->f.fleet.inventory;
    SV_DEFER(sv_inventory_drop) sv_inventory *fresh = NULL;
    assert_int_equal(sv_inventory_open(d->f.fleet.db, &fresh, NULL), SV_OK);
    assert_int_equal(sv_groups_count(now->groups), sv_groups_count(fresh->groups));
    assert_int_equal(sv_groups_count(now->tags), sv_groups_count(fresh->tags));
    for (size_t n = 0; n < SV_COUNT(NAMES); n++) {
        sv_text name = sv_text_of(NAMES[n]);
        assert_int_equal(sv_groups_know(now->groups, name), sv_groups_know(fresh->groups, name));
        assert_int_equal(sv_groups_query(now->groups, name) == NULL,
                         sv_groups_query(fresh->groups, name) == NULL);
        assert_int_equal(sv_groups_know(now->tags, name), sv_groups_know(fresh->tags, name));
        for (size_t i = 0; i < SV_COUNT(DEVICES); i++) {
            assert_int_equal(is_in(now->groups, NAMES[n], DEVICES[i]),
                             is_in(fresh->groups, NAMES[n], DEVICES[i]));
            assert_int_equal(is_in(now->tags, NAMES[n], DEVICES[i]),
                             is_in(fresh->tags, NAMES[n], DEVICES[i]));
        }
    }
}

static void put_tags(door *d, sv_prng *prng) {
    char path[64];
    char body[64];
    (void) snprintf(path, sizeof path, "/api/v1/devices/%s/tags",
                    DEVICES[sv_prng_next(prng) % SV_COUNT(DEVICES)]);
    const char *one = NAMES[sv_prng_next(prng) % SV_COUNT(NAMES)];
    const char *two = NAMES[sv_prng_next(prng) % SV_COUNT(NAMES)];
    int many = (int) (sv_prng_next(prng) % 4); // with 3 one that is refused
    (void) snprintf(body, sizeof body,
                    many == 0   ? "{\"tags\":[]}"
                    : many == 1 ? "{\"tags\":[\"%s\"]}"
                    : many == 2 ? "{\"tags\":[\"%s\",\"%s\"]}"
                                : "{\"tags\":[\"%s\",\"%s\",\"no tag\"]}",
                    one, two);
    assert_int_equal(door_admin(d, "PUT", path, body), many == 3 ? 400 : 200);
}

static void put_group(door *d, sv_prng *prng) {
    char path[64];
    char body[64];
    (void) snprintf(path, sizeof path, "/api/v1/groups/%s",
                    NAMES[sv_prng_next(prng) % SV_COUNT(NAMES)]);
    const char *other = NAMES[sv_prng_next(prng) % SV_COUNT(NAMES)];
    const char *device = DEVICES[sv_prng_next(prng) % SV_COUNT(DEVICES)];
    switch (sv_prng_next(prng) % 4) {
    case 0: // 409 while another one asks for it, 404 when there is none
        (void) door_admin(d, "DELETE", path, "");
        return;
    case 1: // 400 when there is none, or when it would ask for itself
        (void) snprintf(body, sizeof body, "{\"query\":\"group = %s or id = x\"}", other);
        (void) door_admin(d, "PUT", path, body);
        return;
    case 2:
        assert_int_equal(door_admin(d, "PUT", path, "{\"query\":\"site = north\"}"), 200);
        return;
    default:
        (void) snprintf(body, sizeof body, "{\"devices\":[\"%s\",\"ghost\"]}", device);
        assert_int_equal(door_admin(d, "PUT", path, body), 200);
    }
}

static void after_any_changes_what_is_known_is_what_a_restart_knows(void **state) { // [campaign-54]
    door *d = *state;
    sv_prng prng = { .state = 54 };
    for (int i = 0; i < 150; i++) {
        if (sv_prng_next(&prng) % 2 == 0) {
            put_tags(d, &prng);
        } else {
            put_group(d, &prng);
        }
        check_settled(d);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_query_is_asked_of_all_that_is_known),
        TEST(groups_and_tags_are_kept),
        TEST(what_is_no_group_is_refused_and_changes_nothing),
        TEST(groups_that_are_asked_for_stay),
        TEST(after_any_changes_what_is_known_is_what_a_restart_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
