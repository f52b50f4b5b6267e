#include "gateway_token.h"

#include "asker_fixture.h"
#include "door_fixture.h"
#include "standing.h"
#include "target_token.h"

#define PATH "/api/v1/sites/north/gateway-token"
#define DDI "/default/controller/v1/"
#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void bind_device(door *d, const char *gateway, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, gateway),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
}

static int setup(void **state) {
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    bind_device(d, "gw-a", "press-1");
    bind_device(d, "gw-a", "press-2");
    bind_device(d, "gw-b", "pump-1");
    return 0;
}

static void make(door *d, char token[SV_SECRET_ROOM]) {
    assert_int_equal(door_admin(d, "POST", PATH, ""), 201);
    door_cut(d, "\"token\":\"", '"', token, SV_SECRET_ROOM);
}

static sv_why why;

static sv_err judge(door *d, const char *token, const char *path, sv_asker *out) {
    why.text[0] = '\0';
    return sv_gateway_token_judge(&d->f.fleet, sv_text_of(token), sv_text_of(path), out, &why);
}

static void sql(door *d, const char *text) {
    assert_int_equal(sv_db_exec(d->f.fleet.db, text, NULL), SV_OK);
}

// [ddi-21]
static void a_token_speaks_for_the_devices_of_its_site_until_there_is_another(void **state) {
    door *d = *state;
    char first[SV_SECRET_ROOM];
    char second[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, first);
    assert_true(door_says(d, "\"taken\":false") && door_says(d, "\"site\":\"north\""));
    for (int i = 1; i <= 2; i++) {
        char path[64];
        (void) snprintf(path, sizeof path, DDI "press-%d/deploymentBase/7", i);
        assert_int_equal(judge(d, first, path, &asker), SV_OK);
        assert_true(asker.who.role == SV_ROLE_DEVICE && asker.gateway == NULL);
        assert_int_equal(asker.who.id[6], '0' + i);
        assert_string_equal(asker.site->name, "north");
    }
    make(d, second);
    assert_int_equal(judge(d, first, DDI "press-1", &asker), SV_ERR_UNTRUSTED);
    assert_int_equal(judge(d, second, DDI "press-1", &asker), SV_OK);
    assert_int_equal(judge(d, "", DDI "press-1", &asker), SV_ERR_UNTRUSTED);
    assert_int_equal(door_admin(d, "DELETE", PATH, ""), 204);
    assert_int_equal(judge(d, second, DDI "press-1", &asker), SV_ERR_UNTRUSTED);
    assert_int_equal(door_admin(d, "DELETE", PATH, ""), 404);
    assert_int_equal(door_admin(d, "POST", "/api/v1/sites/none/gateway-token", ""), 404);
}

// [ddi-21] It is in no log, and not in the database; who may make one is an admin.
static void a_token_is_shown_once(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    char cookie[DOOR_HEAD_MAX];
    make(d, token);
    assert_int_equal(door_admin(d, "GET", "/api/v1/audit?about=north", ""), 200);
    assert_true(door_says(d, "gateway-token.make"));
    assert_false(door_says(d, token));
    assert_int_equal(fixture_count(&d->f, "SELECT length(hash) FROM gateway_token"), 64);
    door_user(d, "ola", "release", "null", cookie);
    assert_int_equal(door_ask(d, "POST", PATH, cookie, ""), 403);
    assert_int_equal(door_ask(d, "DELETE", PATH, cookie, ""), 403);
}

// [ddi-22] attack: another site's device, one that nobody knows, another's part of the door
static void a_token_is_good_for_no_other_site_and_nothing_but_updates(void **state) {
    static const char *const PATHS[] = {
        DDI "pump-1",
        DDI "press-3",
        DDI "",
        DDI "press-1%2f",
        "/artifacts/" SHA256 "/a.swu",
        "/artifacts/",
        "/v1/self",
        "/tuf/image/metadata/timestamp.json",
    };
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        if (judge(d, token, PATHS[i], &asker) != SV_ERR_STATE) {
            fail_msg("%s is let in", PATHS[i]);
        }
        assert_true(why.text[0] != '\0');
    }
}

// [ddi-22] attack: who has the token poses as a device that can prove who it is
static void who_has_something_of_its_own_is_spoken_for_by_nobody(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    char own[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    assert_int_equal(
        sv_ddi_token_store(&d->f.fleet, &SV_TARGET_TOKENS, "press-1", "ann", own, NULL), SV_OK);
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "press-1 has a certificate or a target token of its own"));
    sql(d,
        "INSERT INTO certificate (serial, id, role, key_hash, issuer, not_before_us, not_after_us,"
        " how, issued_us) VALUES ('01', 'press-2', 'device', '', '', 1, 2, 'enrolled', 1)");
    assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_ERR_STATE);
}

/// The server's own table and the PKI's folder know nothing of it: it was issued elsewhere.
static sv_err come(door *d, const char *device, const char *gateway) {
    char der_room[SV_CERTIFICATE_MAX];
    char field_room[2 * SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(der_room);
    sv_textbuf field = SV_TEXTBUF(field_room);
    sv_identity peer = { .role = gateway != NULL ? SV_ROLE_GATEWAY : SV_ROLE_DEVICE };
    sv_asker_claim claim = { .peer = &peer };
    sv_asker asker;
    (void) snprintf(peer.id, sizeof peer.id, "%s", gateway != NULL ? gateway : device);
    if (gateway != NULL) {
        asker_der(&d->f, device, &der);
        sv_field_bytes_add(&field, sv_textbuf_text(&der));
        assert_int_equal(sv_textbuf_end(&field), SV_OK);
        claim.client_cert = field_room;
        claim.client_certs = 1;
    }
    return sv_asker_judge(&d->f.fleet, d->f.fleet.device_tls, &claim, &asker, &why);
}

// [ddi-22] attack: as above, where certificates were issued by hand, with no `pki:` configured
static void who_has_once_come_with_a_certificate_is_spoken_for_by_nobody(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    asker_setup(&d->f); // press-1 has a certificate
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_OK);
    assert_int_equal(come(d, "press-1", "gw-b"), SV_ERR_UNTRUSTED); // not its gateway
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_OK);
    assert_int_equal(come(d, "press-1", "gw-a"), SV_OK);
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_ERR_STATE);
    assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_OK);
    assert_int_equal(come(d, "press-2", NULL), SV_OK);
    assert_int_equal(come(d, "press-2", NULL), SV_OK);
    assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_ERR_STATE);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM certificate_shown"), 2);
    sv_tls_drop(&d->f.fleet.device_tls);
}

static void decide(door *d, const char *what) {
    char body[128];
    fixture_now_us += SV_TIME_SECOND_US;
    (void) snprintf(body, sizeof body, "{\"state\":\"%s\",\"reason\":\"stolen\"}", what);
    assert_int_equal(door_admin(d, "POST", "/api/v1/devices/press-1/standing", body), 200);
}

// [ddi-22] attack: a device that was revoked comes back with a token that was made since
static void who_is_revoked_comes_with_no_token_either(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    decide(d, "revoked");
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_ERR_STATE);
    fixture_now_us += SV_TIME_SECOND_US;
    make(d, token);
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "press-1 is not active"));
    assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_OK);
}

// [ddi-22]
static void files_are_for_a_site_one_of_whose_devices_is_to_install_them(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    static const char FILE_PATH[] = "/artifacts/" SHA256 "/app.swu";
    sql(d, "INSERT INTO action (id, device, path, version, sha256, state, attempt, forced, user,"
           " created_us, updated_us) VALUES (1, 'pump-1', 'a', '1', '" SHA256
           "', 0, 1, 0, 'x', 0, 0)");
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
    sql(d, "INSERT INTO action (id, device, path, version, sha256, state, attempt, forced, user,"
           " created_us, updated_us) VALUES (2, 'press-2', 'a', '1', '" SHA256
           "', 0, 1, 0, 'x', 0, 0)");
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_OK);
    assert_string_equal(asker.who.id, "press-2");
    sql(d, "UPDATE action SET state = 6 WHERE id = 2");
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
}

/// As a server does that starts.
static void forget_who_asked(door *d) {
    sv_site *north = sv_registry_site(d->f.fleet.registry, SV_TEXT("north"));
    memset(north->wants, 0, sizeof north->wants);
    north->wants_next = 0;
}

/// However many others are to install it: their rows are not read, after a restart neither.
/// [ddi-22]
static void a_file_is_found_by_who_has_asked_among_many(void **state) {
    static const char FILE_PATH[] = "/artifacts/" SHA256 "/app.swu";
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    sql(d, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
           " INSERT INTO action (id, device, path, version, sha256, state, attempt, forced, user,"
           " created_us, updated_us) SELECT i, 'other-' || i, 'a', '1', '" SHA256
           "', 0, 1, 0, 'x', 0, 0 FROM n");
    sql(d, "INSERT INTO action (id, device, path, version, sha256, state, attempt, forced, user,"
           " created_us, updated_us) VALUES (2000, 'press-2', 'a', '1', '" SHA256
           "', 0, 1, 0, 'x', 0, 0)");
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE); // 1000 are looked at
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_OK);
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
    assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_OK);
        assert_string_equal(asker.who.id, "press-2");
        forget_who_asked(d);
        assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
        assert_int_equal(sv_gateway_token_load(&d->f.fleet, NULL), SV_OK);
    }
    sql(d, "UPDATE action SET state = 6 WHERE id = 2000"); // attack: what is remembered is past
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
    sql(d, "UPDATE action SET state = 0 WHERE id = 2000");
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_OK);
    assert_int_equal(come(d, "press-2", NULL), SV_OK);
    assert_int_equal(judge(d, token, FILE_PATH, &asker), SV_ERR_STATE);
}

/// What is kept of it does not grow with devices, nor is it written when nothing is new. [ddi-22]
static void one_device_stands_for_an_image_until_it_is_done(void **state) {
    door *d = *state;
    char token[SV_SECRET_ROOM];
    sv_asker asker;
    make(d, token);
    for (int i = 0; i < 2 * SV_FLEET_WANTS; i++) {
        char text[512];
        (void) snprintf(text, sizeof text,
                        "DELETE FROM action; INSERT INTO action (id, device, path, version, sha256,"
                        " state, attempt, forced, user, created_us, updated_us) SELECT value,"
                        " 'press-' || value, 'a', '1', 'image-%d', 0, 1, 0, 'x', 0, 0 FROM"
                        " json_each('[1, 2]')",
                        i);
        sql(d, text);
        assert_int_equal(judge(d, token, DDI "press-2", &asker), SV_OK);
        assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_OK);
    }
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"),
                     SV_FLEET_WANTS);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"
                                          " WHERE device = 'press-2'"),
                     SV_FLEET_WANTS);
    sql(d, "UPDATE action SET state = 6 WHERE id = 2");
    assert_int_equal(judge(d, token, DDI "press-1", &asker), SV_OK);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"
                                          " WHERE device = 'press-1'"),
                     1);
}

/// Attack: a site with more images than places asks for all of them again and again: not a write
/// for each, and who asked last gets its files. [ddi-22]
static void more_images_than_places_are_not_written_again_and_again(void **state) {
    enum { IMAGES = SV_FLEET_WANTS + 3, ROUNDS = 3 };
    door *d = *state;
    char token[SV_SECRET_ROOM];
    char text[256];
    sv_asker asker;
    int64_t before = 0;
    make(d, token);
    for (int i = 1; i <= IMAGES; i++) {
        (void) snprintf(text, sizeof text, "m-%d", i);
        bind_device(d, "gw-a", text);
        (void) snprintf(text, sizeof text,
                        "INSERT INTO action (device, path, version, sha256, state, attempt, forced,"
                        " user, created_us, updated_us) VALUES ('m-%d', 'a', '1', 'image-%d', 0, 1,"
                        " 0, 'x', 0, 0)",
                        i, i);
        sql(d, text);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 1; i <= IMAGES; i++) {
            (void) snprintf(text, sizeof text, DDI "m-%d", i);
            assert_int_equal(judge(d, token, text, &asker), SV_OK);
        }
        if (round > 0) {
            assert_int_equal(fixture_count(&d->f, "SELECT total_changes()"), before);
        }
        before = fixture_count(&d->f, "SELECT total_changes()");
    }
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"),
                     SV_FLEET_WANTS);
    sql(d, "UPDATE action SET state = 6");
    sql(d, "UPDATE action SET state = 0 WHERE device = 'm-1'");
    assert_int_equal(judge(d, token, DDI "m-1", &asker), SV_OK);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"
                                          " WHERE device = 'm-1'"),
                     1);
    assert_in_range(fixture_count(&d->f, "SELECT count(*) FROM gateway_token_want"), 1,
                    SV_FLEET_WANTS);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_speaks_for_the_devices_of_its_site_until_there_is_another),
        TEST(a_token_is_shown_once),
        TEST(a_token_is_good_for_no_other_site_and_nothing_but_updates),
        TEST(who_has_something_of_its_own_is_spoken_for_by_nobody),
        TEST(who_has_once_come_with_a_certificate_is_spoken_for_by_nobody),
        TEST(who_is_revoked_comes_with_no_token_either),
        TEST(files_are_for_a_site_one_of_whose_devices_is_to_install_them),
        TEST(a_file_is_found_by_who_has_asked_among_many),
        TEST(more_images_than_places_are_not_written_again_and_again),
        TEST(one_device_stands_for_an_image_until_it_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
