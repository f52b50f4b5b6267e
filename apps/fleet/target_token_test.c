#include "target_token.h"

#include "door_fixture.h"

#define PATH "/api/v1/devices/press-1/target-token"

static int setup(void **state) {
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    return 0;
}

static void make(door *d, char token[SV_SECRET_ROOM]) {
    assert_int_equal(door_admin(d, "POST", PATH, ""), 201);
    door_cut(d, "\"token\":\"", '"', token, SV_SECRET_ROOM);
}

static sv_err judge(const door *d, const char *token, sv_asker *out) {
    return sv_target_token_judge(&d->f.fleet, sv_text_of(token), out, NULL);
}

// [ddi-12]
static void a_token_is_one_devices_until_there_is_another_or_none(void **state) {
    door *d = *state;
    char first[SV_SECRET_ROOM];
    char second[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, first);
    assert_int_equal(judge(d, first, &asker), SV_OK);
    assert_string_equal(asker.who.id, "press-1");
    assert_string_equal(asker.site->name, "north");
    assert_true(asker.who.role == SV_ROLE_DEVICE && asker.gateway == NULL);
    make(d, second);
    assert_int_equal(judge(d, first, &asker), SV_ERR_UNTRUSTED);
    assert_int_equal(judge(d, second, &asker), SV_OK);
    assert_int_equal(door_admin(d, "DELETE", PATH, ""), 204);
    assert_int_equal(judge(d, second, &asker), SV_ERR_UNTRUSTED);
    assert_int_equal(door_admin(d, "DELETE", PATH, ""), 404);
}

/// It asks on and on, from an address that it shares: a token that was its own is no guess.
/// [ddi-12]
static void what_ends_a_devices_certificates_ends_its_token_and_is_no_guess(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    fixture_now_us += SV_TIME_SECOND_US;
    assert_int_equal(door_admin(d, "POST", "/api/v1/devices/press-1/standing",
                                "{\"state\":\"revoked\",\"reason\":\"stolen\"}"),
                     200);
    assert_int_equal(judge(d, token, &asker), SV_ERR_STATE);
    assert_int_equal(judge(d, "x", &asker), SV_ERR_UNTRUSTED);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_one_devices_until_there_is_another_or_none),
        TEST(what_ends_a_devices_certificates_ends_its_token_and_is_no_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
