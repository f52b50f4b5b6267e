#include "asker_fixture.h"
#include "standing.h"

enum { FIELD_MAX = 2 * SV_CERTIFICATE_MAX };

static int setup(void **state) {
    int failed = fixture_setup(state);
    asker_setup(*state);
    return failed;
}

static int teardown(void **state) {
    fixture *f = *state;
    sv_tls_drop(&f->fleet.device_tls);
    return fixture_teardown(state);
}

static sv_identity peer(const char *id, sv_role role) {
    sv_identity who = { .role = role };
    (void) snprintf(who.id, sizeof who.id, "%s", id);
    return who;
}

/// `from` asks with a Client-Cert of so many headers, each `field`.
static sv_err judge(const fixture *f, const sv_identity *from, const char *field, size_t count,
                    sv_asker *out, sv_why *why) {
    const sv_asker_claim claim = { .peer = from, .client_cert = field, .client_certs = count };
    *why = (sv_why){ 0 };
    return sv_asker_judge(&f->fleet, f->fleet.device_tls, &claim, out, why);
}

static void field_of(const fixture *f, const char *name, char room[FIELD_MAX]) {
    char der_room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(der_room);
    sv_textbuf field = { .at = room, .cap = FIELD_MAX };
    asker_der(f, name, &der);
    sv_field_bytes_add(&field, sv_textbuf_text(&der));
    assert_int_equal(sv_textbuf_end(&field), SV_OK);
}

static void without_a_header_the_peer_asks_for_itself(void **state) { // [relay-1]
    const fixture *f = *state;
    const sv_identity device = peer("press-1", SV_ROLE_DEVICE);
    const sv_identity stray = peer("stray", SV_ROLE_DEVICE);
    const sv_identity gateway = peer("gw-b", SV_ROLE_GATEWAY);
    sv_asker asker;
    sv_why why;
    assert_int_equal(judge(f, &device, NULL, 0, &asker, &why), SV_OK);
    assert_string_equal(asker.who.id, "press-1");
    assert_null(asker.gateway);
    assert_string_equal(asker.site->name, "north");
    assert_int_equal(judge(f, &stray, NULL, 0, &asker, &why), SV_OK);
    assert_null(asker.site);
    assert_int_equal(judge(f, &gateway, NULL, 0, &asker, &why), SV_OK);
    assert_string_equal(asker.gateway->id, "gw-b");
    assert_int_equal(asker.who.role, SV_ROLE_GATEWAY);
}

static void a_gateway_speaks_for_a_device_of_its_site(void **state) { // [relay-1]
    const fixture *f = *state;
    const sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    char field[FIELD_MAX];
    sv_asker asker;
    sv_why why;
    field_of(f, "press-1", field);
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_OK);
    assert_string_equal(asker.who.id, "press-1");
    assert_int_equal(asker.who.role, SV_ROLE_DEVICE);
    assert_string_equal(asker.gateway->id, "gw-a");
    assert_string_equal(asker.site->name, "north");
    assert_true(asker.who.not_after_us > 0);
}

static void everybody_else_is_refused_with_the_reason(void **state) { // [relay-1] [relay-5]
    const fixture *f = *state;
    const struct {
        sv_identity from;
        const char *certificate; ///< NULL: no header
        size_t count;
        sv_err err;
        const char *says;
    } cases[] = {
        { peer("press-1", SV_ROLE_DEVICE), "press-1", 1, SV_ERR_UNTRUSTED, "is for gateways" },
        { peer("hmi", SV_ROLE_APP), "press-1", 1, SV_ERR_UNTRUSTED, "is for gateways" },
        { peer("hmi", SV_ROLE_APP), NULL, 0, SV_ERR_UNTRUSTED, "'hmi' is a app" },
        { peer("fleet", SV_ROLE_SERVER), NULL, 0, SV_ERR_UNTRUSTED, "'fleet' is a server" },
        { peer("gw-x", SV_ROLE_GATEWAY), NULL, 0, SV_ERR_UNTRUSTED, "add it under gateways:" },
        { peer("gw-x", SV_ROLE_GATEWAY), "press-1", 1, SV_ERR_UNTRUSTED, "add it under gateways:" },
        { peer("gw-b", SV_ROLE_GATEWAY), "press-1", 1, SV_ERR_UNTRUSTED,
          "site north, not to south" },
        { peer("gw-a", SV_ROLE_GATEWAY), "press-1", 2, SV_ERR_INVALID, "one byte sequence" },
        { peer("gw-a", SV_ROLE_GATEWAY), "stray", 1, SV_ERR_STATE, "no site yet" },
        { peer("gw-a", SV_ROLE_GATEWAY), "gw-b", 1, SV_ERR_UNTRUSTED, "for devices alone" },
        { peer("gw-a", SV_ROLE_GATEWAY), "fleet", 1, SV_ERR_UNTRUSTED, "not a client's" },
        { peer("gw-a", SV_ROLE_GATEWAY), "pki/ca", 1, SV_ERR_UNTRUSTED, "" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        char field[FIELD_MAX];
        sv_asker asker;
        sv_why why;
        if (cases[i].certificate != NULL) {
            field_of(f, cases[i].certificate, field);
        }
        const char *sent = cases[i].certificate != NULL ? field : NULL;
        assert_int_equal(judge(f, &cases[i].from, sent, cases[i].count, &asker, &why),
                         cases[i].err);
        assert_non_null(strstr(why.text, cases[i].says));
    }
    sv_asker asker;
    sv_why why;
    assert_int_equal(judge(f, NULL, NULL, 0, &asker, &why), SV_ERR_UNTRUSTED);
}

static void a_header_that_is_no_certificate_is_refused(void **state) { // [relay-2]
    const fixture *f = *state;
    static const char *const FIELDS[] = { "", ":", "::", ":AAAA:", "AAAA", ":AAAA:;a", "\"AAAA\"" };
    const sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    sv_asker asker;
    sv_why why;
    for (size_t i = 0; i < SV_COUNT(FIELDS); i++) {
        assert_int_equal(judge(f, &gateway, FIELDS[i], 1, &asker, &why), SV_ERR_INVALID);
    }
    char large_room[2 * SV_CERTIFICATE_MAX + 8];
    char bytes[SV_CERTIFICATE_MAX + 1] = "";
    sv_textbuf large = SV_TEXTBUF(large_room);
    sv_field_bytes_add(&large, (sv_text){ .at = bytes, .len = sizeof bytes });
    assert_int_equal(sv_textbuf_end(&large), SV_OK);
    assert_int_equal(judge(f, &gateway, large.at, 1, &asker, &why), SV_ERR_INVALID);
}

static void nothing_stands_behind_the_certificate(void **state) { // [relay-2]
    const fixture *f = *state;
    const sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    char der_room[SV_CERTIFICATE_MAX];
    char field_room[FIELD_MAX];
    sv_textbuf der = SV_TEXTBUF(der_room);
    sv_textbuf field = SV_TEXTBUF(field_room);
    sv_asker asker;
    sv_why why;
    asker_der(f, "press-1", &der);
    sv_textbuf_add_char(&der, '\0');
    sv_field_bytes_add(&field, sv_textbuf_text(&der));
    assert_int_equal(sv_textbuf_end(&field), SV_OK);
    assert_int_equal(judge(f, &gateway, field.at, 1, &asker, &why), SV_ERR_INVALID);
}

/// Wherever a bit of the certificate changes, it is no longer that device's.
static void every_bit_of_the_certificate_counts(void **state) { // [relay-1]
    const fixture *f = *state;
    const sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    char der_room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(der_room);
    asker_der(f, "press-1", &der);
    for (size_t i = 0; i < der.len; i++) {
        char field_room[FIELD_MAX];
        sv_textbuf field = SV_TEXTBUF(field_room);
        sv_asker asker;
        sv_why why;
        der_room[i] = (char) (der_room[i] ^ 1 << i % 8);
        sv_field_bytes_add(&field, sv_textbuf_text(&der));
        assert_int_equal(sv_textbuf_end(&field), SV_OK);
        sv_err err = judge(f, &gateway, field.at, 1, &asker, &why);
        assert_true(err == SV_ERR_INVALID || err == SV_ERR_UNTRUSTED);
        der_room[i] = (char) (der_room[i] ^ 1 << i % 8);
    }
}

static void a_stranger_of_the_same_name_and_a_revoked_one_are_refused(void **state) { // [relay-9]
    fixture *f = *state;
    const sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    char field[FIELD_MAX];
    char path[SV_PATH_MAX];
    sv_asker asker;
    sv_why why;
    field_of(f, "press-1", field);
    asker_path(f, path, "pki", "");
    assert_int_equal(sv_pki_revoke(path, "press-1", NULL), SV_OK);
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_OK);
    asker_open_door(f);
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "certificate is revoked (press-1)"));
    static const char *const OLD[] = { ".crt", ".key" };
    for (size_t i = 0; i < SV_COUNT(OLD); i++) {
        asker_path(f, path, "press-1", OLD[i]);
        assert_int_equal(remove(path), 0);
    }
    asker_path(f, path, "ca", ".crt");
    (void) remove(path);
    asker_make_pki(f, "foreign");
    asker_issue(f, "foreign", "press-1", SV_ROLE_DEVICE);
    field_of(f, "press-1", field);
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "not from a CA we trust"));
}

static void decide(fixture *f, const char *id, sv_standing_state to) {
    const sv_standing_order order = { .id = sv_text_of(id), .state = to, .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
}

/// No list has to be read again for it: the decision counts with the next request.
static void whoever_was_revoked_asks_for_nothing_more(void **state) { // [standing-8]
    fixture *f = *state;
    int64_t now_us = f->fleet.wall_us();
    sv_identity device = peer("press-1", SV_ROLE_DEVICE);
    sv_identity gateway = peer("gw-a", SV_ROLE_GATEWAY);
    char field[FIELD_MAX];
    sv_asker asker;
    sv_why why;
    field_of(f, "press-1", field);
    device.not_before_us = gateway.not_before_us = now_us;
    decide(f, "press-1", SV_STANDING_QUARANTINED);
    assert_int_equal(judge(f, &device, NULL, 0, &asker, &why), SV_OK);
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_OK);
    decide(f, "press-1", SV_STANDING_REVOKED);
    assert_int_equal(judge(f, &device, NULL, 0, &asker, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "'press-1' is revoked"));
    assert_int_equal(judge(f, &gateway, field, 1, &asker, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "'press-1' is revoked"));
    device.not_before_us = now_us + SV_TIME_SECOND_US; // issued after it
    assert_int_equal(judge(f, &device, NULL, 0, &asker, &why), SV_OK);
    decide(f, "gw-a", SV_STANDING_REVOKED);
    assert_int_equal(judge(f, &gateway, NULL, 0, &asker, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "'gw-a' is revoked"));
    const sv_identity other = peer("gw-b", SV_ROLE_GATEWAY);
    assert_int_equal(judge(f, &other, NULL, 0, &asker, &why), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_header_the_peer_asks_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gateway_speaks_for_a_device_of_its_site, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_else_is_refused_with_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_header_that_is_no_certificate_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_stands_behind_the_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(every_bit_of_the_certificate_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stranger_of_the_same_name_and_a_revoked_one_are_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_was_revoked_asks_for_nothing_more, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
