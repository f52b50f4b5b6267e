// Enrolment through the device door.
#include "relay_fixture.h"

#include "relay_est.h"
#include "relay_rate.h"
#include <crypto/est.h>

static void ask_for_certificate(device *d, const char *path, sv_text body) {
    const sv_http_field fields[] = {
        { "Authorization", "Basic cHJlc3MtOTpzZWNyZXQ=" },
        { "Content-Type", "application/pkcs10" },
        { "Content-Transfer-Encoding", "base64" },
    };
    const sv_http_errand errand = { .method = "POST",
                                    .path = path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .body = body };
    d->done = false;
    assert_int_equal(sv_http_client_ask(d->http, &errand, answered, d), SV_OK);
}

static void a_token_goes_up_with_a_request_for_a_certificate_alone(void **state) { // [relay-10]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    device_open(s, "press-1", &d);
    static const struct {
        const char *path;
        bool goes_up;
    } CASES[] = {
        { "/.well-known/est/simpleenroll", true },   { "/.well-known/est/simplereenroll", true },
        { "/.well-known/%65st/simpleenroll", true }, { "/tuf/image/root.json", false },
        { "/default/controller/v1/press-1", false }, { "/v1/self", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        ask_for_certificate(&d, CASES[i].path, SV_TEXT("body"));
        turn_until(s, &d.done);
        assert_int_equal(d.status, 206);
        assert_string_equal(s->authorization,
                            CASES[i].goes_up ? "Basic cHJlc3MtOTpzZWNyZXQ=" : "-");
    }
}

static void who_asks_for_a_certificate_hears_one_sentence(void **state) { // [relay-11] [relay-8]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    device_open(s, "press-1", &d);
    static char large[GW_EST_BODY_MAX + 1];
    memset(large, 'a', sizeof large);
    ask_for_certificate(&d, "/.well-known/est/simpleenroll",
                        (sv_text){ .at = large, .len = sizeof large });
    turn_until(s, &d.done);
    assert_int_equal(d.status, 413);
    assert_string_equal(d.body, "a request for a certificate has at most 65536 bytes, not 65537\n");
    assert_string_equal(d.type, "text/plain; charset=utf-8");
    sv_http_server_drop(&s->fleet);
    ask_for_certificate(&d, "/.well-known/est/simpleenroll", SV_TEXT("body"));
    turn_until(s, &d.done);
    assert_int_equal(d.status, 503);
    assert_string_equal(d.body, "the gateway cannot reach the fleet server, which alone gives "
                                "certificates; try again in 5 seconds\n");
    assert_string_equal(d.retry_after, "5");
    ask(&d, "/v1/self");
    turn_until(s, &d.done);
    assert_int_equal(d.status, 503);
    assert_string_equal(d.type, "application/problem+json");
}

static void who_has_no_certificate_may_ask_for_one_and_for_nothing_else(void **state) {
    (void) state; // [relay-12]
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    stranger_open(s, &d);
    static const char *const EST[] = { "cacerts", "csrattrs", "simpleenroll", "simplereenroll" };
    static const char *const OTHERS[] = {
        "/v1/self",       "/tuf/image/root.json",     "/default/controller/v1/press-1",
        "/artifacts/a/b", "/.well-known/est/fullcmc", "/.well-known/est",
    };
    for (size_t i = 0; i < SV_COUNT(EST); i++) {
        char path[64];
        (void) snprintf(path, sizeof path, "/.well-known/est/%s", EST[i]);
        ask_for_certificate(&d, path, SV_TEXT("csr"));
        turn_until(s, &d.done);
        assert_int_equal(d.status, 206);
        assert_string_equal(s->authorization, "Basic cHJlc3MtOTpzZWNyZXQ=");
        assert_non_null(strstr(s->seen, "? 0 -|-|-|-|application/pkcs10 csr")); // no Client-Cert
    }
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        ask_for_certificate(&d, OTHERS[i], SV_TEXT(""));
        turn_until(s, &d.done);
        assert_int_equal(d.status, 401);
        assert_non_null(strstr(d.body, "to get one, enrol"));
    }
    assert_int_equal(s->asked, SV_COUNT(EST));
}

static void newcomers_leave_room_for_devices(void **state) { // [relay-13]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    s->slow_est = true;
    static device strangers[GW_RELAY_PER_DEVICE];
    for (size_t i = 0; i < SV_COUNT(strangers); i++) {
        stranger_open(s, &strangers[i]);
        ask_for_certificate(&strangers[i], "/.well-known/est/simpleenroll", SV_TEXT("csr"));
    }
    turn_until_kept(s, GW_RELAY_NEWCOMER_CLIENTS);
    SV_DEFER(device_drop) device more;
    stranger_open(s, &more);
    ask_for_certificate(&more, "/.well-known/est/simpleenroll", SV_TEXT("csr"));
    turn_until(s, &more.done);
    assert_int_equal(more.status, 429);
    s->slow_est = false;
    SV_DEFER(device_drop) device trusted;
    device_open(s, "press-1", &trusted);
    ask(&trusted, "/v1/self");
    turn_until(s, &trusted.done);
    assert_int_equal(trusted.status, 206);
    assert_int_equal(s->kept_count, GW_RELAY_NEWCOMER_CLIENTS);
    release(s);
    for (size_t i = 0; i < SV_COUNT(strangers); i++) {
        turn_until(s, &strangers[i].done);
        device_drop(&strangers[i]);
    }
}

static void an_address_asks_so_often(void **state) { // [relay-13]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    SV_DEFER(device_drop) device trusted;
    stranger_open(s, &d);
    size_t taken = 0;
    do {
        ask(&d, "/.well-known/est/csrattrs");
        turn_until(s, &d.done);
        taken += d.status == 206;
    } while (d.status == 206 && taken < (size_t) GW_RATE_BURST * 10);
    assert_int_equal(d.status, 429);
    assert_string_equal(d.retry_after, "5");
    assert_in_range(taken, GW_RATE_BURST, 2 * GW_RATE_BURST);
    device_open(s, "press-1", &trusted);
    ask(&trusted, "/.well-known/est/csrattrs");
    turn_until(s, &trusted.done);
    assert_int_equal(trusted.status, 206);
}

static void the_authorities_are_told_while_the_fleet_server_is_away(void **state) { // [relay-11]
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(0);
    SV_DEFER(device_drop) device d;
    stranger_open(s, &d);
    sv_http_server_drop(&s->fleet);
    ask(&d, "/.well-known/est/cacerts");
    turn_until(s, &d.done);
    assert_int_equal(d.status, 200);
    assert_string_equal(d.type, "application/pkcs7-mime; smime-type=certs-only");
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    assert_int_equal(sv_est_certs_parse(sv_text_of(d.body), &certs, NULL), SV_OK);
    assert_int_equal(certs.count, 2);
    ask(&d, "/.well-known/est/csrattrs");
    turn_until(s, &d.done);
    assert_int_equal(d.status, 503);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_goes_up_with_a_request_for_a_certificate_alone),
        cmocka_unit_test(who_asks_for_a_certificate_hears_one_sentence),
        cmocka_unit_test(who_has_no_certificate_may_ask_for_one_and_for_nothing_else),
        cmocka_unit_test(newcomers_leave_room_for_devices),
        cmocka_unit_test(an_address_asks_so_often),
        cmocka_unit_test(the_authorities_are_told_while_the_fleet_server_is_away),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
