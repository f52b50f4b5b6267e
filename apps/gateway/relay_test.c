// The relay between devices, which are TLS clients of this process, and a fleet server that does
// what the test wants.
#include "relay_fixture.h"

static void must_be_the_certificate_of(const char *field, const char *id) {
    const sv_tls_files files = files_of("gw");
    SV_DEFER(sv_tls_drop) sv_tls *judge = NULL;
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    sv_identity who;
    assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, false, &judge, NULL), SV_OK);
    assert_int_equal(sv_field_bytes_parse(sv_text_of(field), &der), SV_OK);
    assert_int_equal(sv_tls_judge(judge, sv_textbuf_text(&der), &who, NULL), SV_OK);
    assert_string_equal(who.id, id);
    assert_int_equal(who.role, SV_ROLE_DEVICE);
}

static char certificate_seen[2 * SV_CERTIFICATE_MAX];
static char host_seen[64];

static void fleet_notes_certificate(sv_http_request *request, void *arg) {
    (void) snprintf(certificate_seen, sizeof certificate_seen, "%s", shown(request, "Client-Cert"));
    (void) snprintf(host_seen, sizeof host_seen, "%s", shown(request, "X-Forwarded-Host"));
    fleet_handle(request, arg);
}

static void
the_fleet_server_reads_the_request_and_whose_it_is(void **state) { // [relay-2] [relay-4]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(sv_http_server_drop) sv_http_server *noting = NULL;
    SV_DEFER(gw_relay_drop) gw_relay *relay = NULL;
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = GW_RELAY_UPLOAD_MAX,
                                             .connections_max = 4 };
    assert_int_equal(
        sv_http_server_open(s->loop, &options, fleet_notes_certificate, s, &noting, NULL), SV_OK);
    char fleet[64];
    (void) snprintf(fleet, sizeof fleet, "http://127.0.0.1:%u", sv_http_server_port(noting));
    const gw_relay_options to = { .bind = "127.0.0.1", .tls = files_of("gw"), .fleet_url = fleet };
    assert_int_equal(gw_relay_open(s->loop, &to, &relay, NULL), SV_OK);
    (void) snprintf(s->origin, sizeof s->origin, "https://127.0.0.1:%u", gw_relay_port(relay));
    SV_DEFER(device_drop) device d;
    device_open(s, "press-1", &d);
    const sv_http_field fields[] = {
        { "Client-Cert", ":Zm9v:" },
        { "client-cert", ":Zm9v:" },
        { "Client-Cert-Chain", ":Zm9v:" },
        { "Forwarded", "for=other" },
        { "X-Forwarded-Host", "evil.test" },
        { "Cookie", "a=b" },
        { "Range", "bytes=0-4" },
        { "Content-Type", "x/y" },
    };
    const sv_http_errand errand = { .method = "PUT",
                                    .path = "/artifacts/%61/b?c=d",
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .body = SV_TEXT("body") };
    assert_int_equal(sv_http_client_ask(d.http, &errand, answered, &d), SV_OK);
    turn_until(s, &d.done);
    assert_int_equal(d.status, 206);
    assert_string_equal(d.body, "hello");
    assert_string_equal(d.etag, "\"7\"");
    assert_false(d.told_secret);
    assert_string_equal(s->seen, "PUT /artifacts/a/b?c=d 1 bytes=0-4|-|-|-|x/y body");
    must_be_the_certificate_of(certificate_seen, "press-1");
    assert_string_equal(host_seen, s->origin + strlen("https://"));
    assert_int_equal(gw_relay_count(relay).relayed, 1);
}

static void who_is_no_device_is_not_heard(void **state) { // [relay-4]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    static const char *const IDS[] = { "hmi", "gw" };
    for (size_t i = 0; i < SV_COUNT(IDS); i++) {
        SV_DEFER(device_drop) device d;
        device_open(s, IDS[i], &d);
        ask(&d, "/v1/self");
        turn_until(s, &d.done);
        assert_int_equal(d.status, 403);
    }
    assert_int_equal(s->asked, 0);
}

static void a_slow_request_holds_up_no_other(void **state) { // [relay-6]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device slow;
    SV_DEFER(device_drop) device quick;
    device_open(s, "press-1", &slow);
    device_open(s, "press-1", &quick);
    ask(&slow, "/tuf/slow");
    turn_until_kept(s, 1);
    ask(&quick, "/tuf/quick");
    turn_until(s, &quick.done);
    assert_int_equal(quick.status, 206);
    assert_false(slow.done);
    release(s);
    turn_until(s, &slow.done);
    assert_string_equal(slow.body, "late");
}

static void one_device_does_not_take_the_place_of_the_others(void **state) { // [relay-6]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    device many[GW_RELAY_PER_DEVICE];
    for (size_t i = 0; i < SV_COUNT(many); i++) {
        device_open(s, "press-1", &many[i]);
        ask(&many[i], "/tuf/slow");
    }
    turn_until_kept(s, SV_COUNT(many));
    SV_DEFER(device_drop) device more;
    SV_DEFER(device_drop) device other;
    device_open(s, "press-1", &more);
    device_open(s, "press-2", &other);
    ask(&more, "/tuf/a");
    ask(&other, "/tuf/a");
    turn_until(s, &more.done);
    turn_until(s, &other.done);
    assert_int_equal(more.status, 429);
    assert_int_equal(other.status, 206);
    release(s);
    for (size_t i = 0; i < SV_COUNT(many); i++) {
        turn_until(s, &many[i].done);
        assert_int_equal(many[i].status, 200);
        device_drop(&many[i]);
    }
    ask(&more, "/tuf/a");
    turn_until(s, &more.done);
    assert_int_equal(more.status, 206);
}

static void whatever_the_fleet_server_does_everybody_is_answered(void **state) { // [relay-8]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(1000000);
    static device all[DEVICES * GW_RELAY_PER_DEVICE];
    int64_t began_us = sv_clock_monotonic_us();
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%zu", i % DEVICES + 1);
        device_open(s, id, &all[i]);
        ask(&all[i], "/tuf/slow");
    }
    size_t without_turn = 0;
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        turn_until(s, &all[i].done);
        assert_int_equal(all[i].status, 503);
        without_turn += strstr(all[i].body, "no connection was free") != NULL;
        device_drop(&all[i]);
    }
    assert_true(without_turn > 0);
    assert_true(sv_clock_monotonic_us() - began_us < 10 * INT64_C(1000000));
    assert_int_equal(gw_relay_count(s->relay).failed, SV_COUNT(all));
}

static void a_certificate_counts_as_long_as_it_is_good_not_as_the_connection(void **state) {
    (void) state; // [relay-9]
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    device_open(s, "press-5", &d);
    ask(&d, "/v1/self");
    turn_until(s, &d.done);
    assert_int_equal(d.status, 206);
    assert_int_equal(sv_pki_revoke(in_folder("pki"), "press-5", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("pki"), in_folder("crl.pem"), NULL), SV_OK);
    const sv_tls_files files = files_of("gw");
    assert_int_equal(gw_relay_reload(s->relay, &files, NULL), SV_OK);
    ask(&d, "/v1/self");
    turn_until(s, &d.done);
    assert_int_equal(d.status, 403);
    assert_non_null(strstr(d.body, "revoked"));
}

static void who_goes_and_who_is_left_is_let_go(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device gone;
    SV_DEFER(device_drop) device left;
    device_open(s, "press-1", &gone);
    device_open(s, "press-2", &left);
    ask(&gone, "/tuf/slow");
    ask(&left, "/tuf/slow");
    turn_until_kept(s, 2);
    device_drop(&gone);
    gone = (device){ 0 };
    for (int i = 0; i < 5; i++) {
        sv_loop_turn(s->loop, TURN_US);
    }
    release(s);
    turn_until(s, &left.done);
    assert_string_equal(left.body, "late");
    ask(&left, "/tuf/slow");
    turn_until_kept(s, 1);
    gw_relay_drop(&s->relay);
    turn_until(s, &left.done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fleet_server_reads_the_request_and_whose_it_is),
        cmocka_unit_test(who_is_no_device_is_not_heard),
        cmocka_unit_test(a_slow_request_holds_up_no_other),
        cmocka_unit_test(one_device_does_not_take_the_place_of_the_others),
        cmocka_unit_test(whatever_the_fleet_server_does_everybody_is_answered),
        cmocka_unit_test(a_certificate_counts_as_long_as_it_is_good_not_as_the_connection),
        cmocka_unit_test(who_goes_and_who_is_left_is_let_go),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
