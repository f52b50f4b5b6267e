#include "est_fixture.h"

#include <crypto/key_store.h>
#include <crypto/request.h>
#include <net/est.h>

static int make(void **state) {
    *state = est_door_new();
    return 0;
}

static int drop(void **state) {
    est_door_drop(*state);
    return 0;
}

/// A question, and what became of it.
typedef struct talk {
    bool done;
    int status;
    sv_conn_step step;
    size_t certs;
    int64_t server_us;
    sv_why why;
} talk;

static void told(void *arg, const sv_est_reply *reply, const sv_why *why) {
    talk *t = arg;
    assert_true((reply->certs == NULL) == (why != NULL));
    *t = (talk){ .done = true,
                 .status = reply->status,
                 .step = reply->step,
                 .certs = reply->certs != NULL ? reply->certs->count : 0,
                 .server_us = reply->server_us };
    t->why = why != NULL ? *why : t->why;
}

/// NULL id: without a certificate.
static sv_tls *tls_of(const est_door *door, const char *id) {
    char cert[EST_ROOM + 64];
    char key[EST_ROOM + 64];
    sv_tls_files files = { .ca = est_path(door, "pki/ca.crt") };
    if (id != NULL) {
        (void) snprintf(cert, sizeof cert, "%s/leaves/%s.crt", door->folder, id);
        (void) snprintf(key, sizeof key, "%s/leaves/%s.key", door->folder, id);
        files.cert = cert;
        files.key = key;
    }
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_client(&files, &tls, NULL), SV_OK);
    return tls;
}

static talk authorities(const est_door *door, const char *host, uint16_t port, sv_tls *tls) {
    SV_DEFER(sv_est_drop) sv_est *est = NULL;
    talk t = { 0 };
    assert_int_equal(sv_est_open(door->loop, host, port, tls, &est, NULL), SV_OK);
    assert_int_equal(sv_est_authorities(est, told, &t), SV_OK);
    assert_int_equal(sv_est_authorities(est, told, &t), SV_ERR_STATE); // one at a time
    assert_true(est_until(door, &t.done));
    return t;
}

static talk enrol(const est_door *door, sv_tls *tls, sv_est_ask ask) {
    SV_DEFER(sv_est_drop) sv_est *est = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    talk t = { 0 };
    assert_int_equal(sv_request_new(key, &(sv_applicant){ .id = "press-1" }, &request, NULL),
                     SV_OK);
    EVP_PKEY_free(key);
    ask.request = sv_textbuf_text(&request);
    assert_int_equal(sv_est_open(door->loop, "127.0.0.1", door->port, tls, &est, NULL), SV_OK);
    assert_int_equal(sv_est_enrol(est, &ask, told, &t), SV_OK);
    assert_true(est_until(door, &t.done));
    return t;
}

static void who_knows_nobody_hears_the_authorities_and_the_time(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    assert_int_equal(sv_tls_client_unproven(&tls, NULL), SV_OK);
    talk t = authorities(door, "127.0.0.1", door->port, tls);
    assert_int_equal(t.status, 200);
    assert_int_equal(t.certs, 2);
    int64_t apart_us = t.server_us - sv_clock_wall_us();
    assert_true(apart_us < 5 * SV_TIME_SECOND_US && apart_us > -5 * SV_TIME_SECOND_US);
}

static void a_token_travels_as_the_password_of_the_id(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, NULL);
    talk t = enrol(door, tls, (sv_est_ask){ .id = "press-1", .token = "s3cret" });
    assert_int_equal(t.status, 200);
    assert_int_equal(t.certs, 2);
    assert_string_equal(door->authorization, "Basic cHJlc3MtMTpzM2NyZXQ=");
    assert_non_null(strstr(door->path, "/.well-known/est/simpleenroll"));
    assert_string_equal(door->who, "");
}

static void a_certificate_speaks_for_the_next_one(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, "press-1");
    talk t = enrol(door, tls, (sv_est_ask){ .again = true });
    assert_int_equal(t.certs, 2);
    assert_string_equal(door->authorization, "");
    assert_non_null(strstr(door->path, "/.well-known/est/simplereenroll"));
    assert_string_equal(door->who, "press-1");
    t = enrol(door, tls, (sv_est_ask){ .again = true, .label = "gateway" });
    assert_int_equal(t.certs, 2);
    assert_non_null(strstr(door->path, "/.well-known/est/gateway/simplereenroll"));
}

static void a_refusal_is_told_in_the_servers_words(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, NULL);
    door->refuse = 403;
    door->words = "the token was used on 2026-11-28\n";
    talk t = enrol(door, tls, (sv_est_ask){ .id = "press-1", .token = "s3cret" });
    door->refuse = 0;
    assert_int_equal(t.why.code, SV_ERR_UNTRUSTED);
    assert_string_equal(t.why.text, "the token was used on 2026-11-28 (403)");
}

static void a_failure_names_its_step(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, NULL);
    talk t = authorities(door, "no.such.name.invalid", door->port, tls);
    assert_int_equal(t.status, 0);
    assert_int_equal(t.step, SV_CONN_NAME);
    t = authorities(door, "127.0.0.1", 1, tls);
    assert_int_equal(t.step, SV_CONN_CONNECT);
    assert_non_null(strstr(t.why.text, "refused"));
    t = authorities(door, "localhost", door->port, tls); // its certificate says 127.0.0.1
    assert_int_equal(t.step, SV_CONN_TLS);
    assert_int_equal(t.why.code, SV_ERR_UNTRUSTED);
}

static void an_answer_has_its_bound(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, NULL);
    door->flood = SV_EST_BODY_MAX + 1;
    talk t = authorities(door, "127.0.0.1", door->port, tls);
    door->flood = 0;
    assert_int_equal(t.status, 0);
    assert_non_null(strstr(t.why.text, "larger than"));
}

static void a_question_that_was_dropped_is_not_called_back(void **state) {
    est_door *door = *state;
    SV_DEFER(sv_tls_drop) sv_tls *tls = tls_of(door, NULL);
    SV_DEFER(sv_est_drop) sv_est *est = NULL;
    talk t = { 0 };
    assert_int_equal(sv_est_open(door->loop, "127.0.0.1", door->port, tls, &est, NULL), SV_OK);
    assert_int_equal(sv_est_authorities(est, told, &t), SV_OK);
    sv_loop_turn(door->loop, 0);
    sv_est_drop(&est);
    sv_loop_turn(door->loop, EST_TURN_US);
    assert_false(t.done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_knows_nobody_hears_the_authorities_and_the_time),
        cmocka_unit_test(a_token_travels_as_the_password_of_the_id),
        cmocka_unit_test(a_certificate_speaks_for_the_next_one),
        cmocka_unit_test(a_refusal_is_told_in_the_servers_words),
        cmocka_unit_test(a_failure_names_its_step),
        cmocka_unit_test(an_answer_has_its_bound),
        cmocka_unit_test(a_question_that_was_dropped_is_not_called_back),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
