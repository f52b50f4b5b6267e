// Enrolment through the device door.
#include "relay_fixture.h"

#include "relay_est.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_goes_up_with_a_request_for_a_certificate_alone),
        cmocka_unit_test(who_asks_for_a_certificate_hears_one_sentence),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
