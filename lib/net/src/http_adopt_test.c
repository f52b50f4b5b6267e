// A client whose certificate is renewed while it is connected.
#include "listener_fixture.h"

#include <net/http_client.h>
#include <net/http_server.h>

typedef struct line {
    sv_loop *loop;
    sv_tls *server_tls, *client_tls;
    sv_http_server *server;
    sv_http_client *client;
    bool done;
    int status;
    char who[SV_ID_ROOM];
} line;

static void tell_who(sv_http_request *request, void *arg) {
    (void) arg;
    const sv_identity *who = sv_http_identity(request);
    sv_http_reply(request, 200, "text/plain", sv_text_of(who != NULL ? who->id : "nobody"));
}

static sv_tls *tls_of(const char *id) {
    const sv_tls_files files = { .ca = in_folder("site/ca.crt"),
                                 .cert = leaf_file(id, "crt"),
                                 .key = leaf_file(id, "key") };
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_client(&files, &tls, NULL), SV_OK);
    return tls;
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    line *l = arg;
    (void) why;
    l->done = true;
    l->status = reply->status;
    (void) snprintf(l->who, sizeof l->who, SV_TEXT_FMT, SV_TEXT_ARG(reply->body));
}

static const char *ask(line *l) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    l->done = false;
    assert_int_equal(
        sv_http_client_send(l->client, "GET", "/", NULL, NULL, SV_TEXT(""), answered, l), SV_OK);
    while (!l->done) {
        assert_true(sv_clock_monotonic_us() < end_us);
        sv_loop_turn(l->loop, TURN_US);
    }
    assert_int_equal(l->status, 200);
    return l->who;
}

static void the_next_request_is_made_with_the_renewed_certificate(void **state) { // [renewal-20]
    (void) state;
    issue("site", "press-2", SV_ROLE_DEVICE);
    line l = { .server_tls = hub_tls(), .client_tls = tls_of("press-1") };
    assert_int_equal(sv_loop_open(&l.loop, NULL), SV_OK);
    const sv_http_server_options options = {
        .bind = "127.0.0.1", .tls = l.server_tls, .body_max = 1024, .connections_max = 4
    };
    assert_int_equal(sv_http_server_open(l.loop, &options, tell_who, &l, &l.server, NULL), SV_OK);
    char origin[64];
    (void) snprintf(origin, sizeof origin, "https://127.0.0.1:%u", sv_http_server_port(l.server));
    assert_int_equal(
        sv_http_client_open(l.loop, origin, l.client_tls, PATIENCE_US, &l.client, NULL), SV_OK);
    assert_string_equal(ask(&l), "press-1");
    assert_string_equal(ask(&l), "press-1");
    sv_tls *fresh = tls_of("press-2");
    sv_tls_adopt(l.client_tls, &fresh);
    assert_null(fresh);
    assert_string_equal(ask(&l), "press-2");
    assert_string_equal(ask(&l), "press-2");
    sv_http_client_drop(&l.client);
    sv_http_server_drop(&l.server);
    sv_tls_drop(&l.client_tls);
    sv_tls_drop(&l.server_tls);
    sv_loop_drop(&l.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_request_is_made_with_the_renewed_certificate),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
