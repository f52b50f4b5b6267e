// Who comes through a door for newcomers, as whom, and who does not; real handshakes. [profile-1]
#include <sys/queue.h> // before libevent, which takes some of it away

#include "http_internal.h"
#include "listener_fixture.h"

#include <crypto/test.h>
#include <net/http_server.h>

enum { DAY_S = SV_FORGED_DAY_S, TWO_DAYS_S = 2 * DAY_S };

/// A server and what its newest request was told about who asks.
typedef struct door {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    char who[512];
    size_t der;
} door;

static void on_request(sv_http_request *request, void *arg) {
    static const char *const KINDS[] = { "none", "expired", "manufacturer" };
    door *d = arg;
    const sv_identity *known = sv_http_identity(request);
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    d->der = sv_http_certificate(request, &der) == SV_OK ? der.len : 0;
    assert_true(known == NULL || newcomer == NULL);
    if (known != NULL) {
        (void) snprintf(d->who, sizeof d->who, "known %s", known->id);
    } else if (newcomer != NULL) {
        (void) snprintf(d->who, sizeof d->who, "%s '%s' '%s' '%s'", KINDS[newcomer->kind],
                        newcomer->identity.id, newcomer->name, newcomer->serial);
    } else {
        (void) snprintf(d->who, sizeof d->who, "nobody");
    }
    sv_http_reply(request, 200, "text/plain", SV_TEXT("you"));
}

static sv_tls *door_context(sv_tls_clients clients, const char *crl, const char *makers) {
    sv_tls_files files = { .ca = in_folder("site/ca.crt"),
                           .cert = leaf_file("hub", "crt"),
                           .key = leaf_file("hub", "key"),
                           .crl = crl != NULL ? in_folder(crl) : NULL,
                           .manufacturers = makers != NULL ? in_folder(makers) : NULL };
    sv_tls *tls = NULL;
    sv_why why;
    if (sv_tls_server(&files, clients, false, &tls, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return tls;
}

static door *door_open(sv_tls *tls) {
    door *d = sv_mem_new(sizeof *d);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    d->tls = tls;
    sv_http_server_options options = {
        .bind = "127.0.0.1", .tls = d->tls, .body_max = 1024, .connections_max = 64
    };
    assert_int_equal(sv_http_server_open(d->loop, &options, on_request, d, &d->server, NULL),
                     SV_OK);
    return d;
}

static door *newcomers_door(void) {
    return door_open(door_context(SV_TLS_CLIENTS_NEWCOMERS, "crl.pem", "makers.pem"));
}

static void door_drop(door **d) {
    sv_http_server_drop(&(*d)->server);
    sv_tls_drop(&(*d)->tls);
    sv_loop_drop(&(*d)->loop);
    free(*d);
}

static void door_reload(door *d, sv_tls *tls) {
    sv_http_server_tls(d->server, tls);
    sv_tls_drop(&d->tls);
    d->tls = tls;
}

static SSL_CTX *context_of(const char *leaf, int version) {
    SSL_CTX *ctx = client_ctx(leaf != NULL ? leaf_file(leaf, "crt") : NULL,
                              leaf != NULL ? leaf_file(leaf, "key") : NULL);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    return ctx;
}

/// Politely: OpenSSL forgets sessions that ended otherwise.
static void hang_up(SSL **ssl) {
    int fd = SSL_get_fd(*ssl);
    SSL_set_shutdown(*ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(*ssl);
    (void) close(fd);
}

/// A connection whose handshake is for the first question to do; it resumes `session` if it may.
static SSL *dial(const door *d, SSL_CTX *ctx, SSL_SESSION *session) {
    SSL *ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    assert_true(session == NULL || SSL_set_session(ssl, session) == 1);
    assert_int_equal(SSL_set_fd(ssl, call_port(sv_http_server_port(d->server))), 1);
    return ssl;
}

static bool goes_on(const SSL *ssl, int result) {
    int fault = SSL_get_error(ssl, result);
    return fault == SSL_ERROR_WANT_READ || fault == SSL_ERROR_WANT_WRITE;
}

/// The status of the answer, the first line of its body in `said`; 0: TLS has refused.
static int ask(door *d, SSL *ssl, char said[SV_WHY_MAX]) {
    static const char QUESTION[] = "GET /x HTTP/1.1\r\nHost: hub\r\n\r\n";
    char got[4096] = "";
    size_t len = 0;
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    d->who[0] = said[0] = '\0';
    bool asked = false;
    while (strstr(got, "you") == NULL && strstr(got, "}") == NULL) {
        assert_true(sv_clock_monotonic_us() < end_us && len < sizeof got - 1);
        ERR_clear_error(); // the server's, on the same thread
        int result = asked ? SSL_read(ssl, got + len, (int) (sizeof got - 1 - len))
                           : SSL_write(ssl, QUESTION, sizeof QUESTION - 1);
        if (result <= 0 && !goes_on(ssl, result)) {
            return 0;
        }
        len += asked && result > 0 ? (size_t) result : 0;
        asked = asked || result > 0;
        sv_loop_turn(d->loop, TURN_US);
    }
    const char *body = strstr(got, "\r\n\r\n");
    (void) snprintf(said, SV_WHY_MAX, "%s", body != NULL ? body + 4 : "");
    return (int) strtol(got + sizeof "HTTP/1.1", NULL, 10);
}

static void redate(const char *id, const char *to, long begin_s, long end_s) {
    sv_forged ca = sv_forged_read(in_folder("site/ca.crt"), in_folder("site/ca.key"));
    sv_forged leaf = sv_forged_read(leaf_file(id, "crt"), leaf_file(id, "key"));
    sv_forge_times(&leaf, begin_s, end_s, &ca);
    sv_forged_write(&leaf, leaf_file(to, "crt"), leaf_file(to, "key"));
    sv_forged_drop(&leaf);
    sv_forged_drop(&ca);
}

static void forge(const char *name, const char *ca, const sv_forgery *forgery) {
    char cert[PATH_ROOM], key[PATH_ROOM];
    (void) snprintf(cert, sizeof cert, "%s/%s/ca.crt", folder, ca);
    (void) snprintf(key, sizeof key, "%s/%s/ca.key", folder, ca);
    sv_forged by = sv_forged_read(cert, key);
    sv_forged made = sv_forge(forgery, &by);
    sv_forged_write(&made, leaf_file(name, "crt"), leaf_file(name, "key"));
    sv_forged_drop(&made);
    sv_forged_drop(&by);
}

/// What factories give, and do not.
static void make_manufactured(void) {
    sv_pki_setup setup = { .dir = in_folder("maker"),
                           .org = "Acme Presses",
                           .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    // Nothing but the issuing CA: the first of the file.
    sv_forged maker = sv_forged_read(in_folder("maker/ca.crt"), in_folder("maker/ca.key"));
    sv_forged_write(&maker, in_folder("makers.pem"), in_folder("unused.key"));
    sv_forged_drop(&maker);
    char whole[41] = "";
    memset(whole, 1, sizeof whole - 1); // each is four characters
    const struct {
        const char *name;
        sv_forgery forgery;
    } CASES[] = {
        { "made", { .cn = "Press\\17\xc3\xa4", .serial_number = "SN-0017" } },
        { "made-plain", { .serial_number = "SN 18" } },
        { "made-twice", { .cn = "press-19", .other_cn = "press-20" } },
        { "made-nameless", { .cn = NULL } },
        { "made-long", { .cn = whole } },
        { "made-old", { .cn = "press-21", .begin_s = -TWO_DAYS_S, .end_s = -DAY_S } },
        { "made-server",
          { .cn = "press-22", .extensions = { { NID_ext_key_usage, "serverAuth" } } } },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        forge(CASES[i].name, "maker", &CASES[i].forgery);
    }
}

static int make_all(void **state) {
    int failed = make_certificates(state);
    for (int i = 2; i <= 4; i++) {
        char id[] = "press-0";
        id[6] = (char) ('0' + i);
        issue("site", id, SV_ROLE_DEVICE);
    }
    assert_int_equal(sv_pki_revoke(in_folder("site"), "press-2", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl.pem"), NULL), SV_OK);
    assert_int_equal(sv_pki_revoke(in_folder("site"), "press-3", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl-2.pem"), NULL), SV_OK);
    redate("press-1", "ended", -TWO_DAYS_S, -DAY_S);
    redate("press-3", "ended-3", -TWO_DAYS_S, -DAY_S);
    redate("press-1", "young", DAY_S, TWO_DAYS_S);
    redate("press-2", "ended-revoked", -TWO_DAYS_S, -DAY_S);
    redate("hub", "ended-server", -TWO_DAYS_S, -DAY_S);
    forge("ended-roleless", "site",
          &(sv_forgery){ .cn = "press-5",
                         .begin_s = -TWO_DAYS_S,
                         .end_s = -DAY_S,
                         .extensions = { { NID_ext_key_usage, "clientAuth" } } });
    make_manufactured();
    return failed;
}

typedef struct visit {
    const char *leaf;
    int status;
    const char *who;  ///< what the handler sees
    const char *said; ///< in the body of a refusal
} visit;

static void must_meet(door *d, const visit *v, int version) {
    char said[SV_WHY_MAX];
    SSL_CTX *ctx = context_of(v->leaf, version);
    SV_DEFER(hang_up) SSL *ssl = dial(d, ctx, NULL);
    SSL_CTX_free(ctx);
    int status = ask(d, ssl, said);
    bool good = status == v->status && strcmp(d->who, v->who) == 0
                && (v->said == NULL || strstr(said, v->said) != NULL);
    if (!good) {
        fail_msg("%s in TLS %x: status %d, '%s', %s", v->leaf != NULL ? v->leaf : "nobody",
                 (unsigned) version, status, d->who, said);
    }
    assert_int_equal(d->der > 0, v->status == 200 && v->leaf != NULL);
    d->der = 0;
}

static void everybody_is_met_as_who_it_is(void **state) {
    (void) state;
    static const visit VISITS[] = {
        { "press-1", 200, "known press-1", NULL },
        { NULL, 200, "none '' '' ''", NULL },
        { "ended", 200, "expired 'press-1' 'press-1' ''", NULL },
        { "made", 200, "manufacturer '' 'Press\\x5c17\\xc3\\xa4' 'SN-0017'", NULL },
        { "made-plain", 200, "manufacturer '' '' 'SN 18'", NULL },
        { "made-twice", 403, "", "more than one commonName" },
        { "made-nameless", 403, "", "neither a CN nor a serialNumber" },
        { "made-long", 403, "", "longer than 128" },
        { "ended-roleless", 403, "", "names no role" },
        // in the handshake
        { "intruder", 0, "", NULL },
        { "press-2", 0, "", NULL },
        { "ended-revoked", 0, "", NULL },
        { "hub", 0, "", NULL },
        { "ended-server", 0, "", NULL },
        { "young", 0, "", NULL },
        { "made-old", 0, "", NULL },
        { "made-server", 0, "", NULL },
    };
    SV_DEFER(door_drop) door *d = newcomers_door();
    for (size_t i = 0; i < SV_COUNT(VISITS); i++) {
        must_meet(d, &VISITS[i], TLS1_2_VERSION);
        must_meet(d, &VISITS[i], TLS1_3_VERSION);
    }
}

static void other_doors_know_no_newcomers(void **state) {
    (void) state;
    static const visit STRICT[] = {
        { "press-1", 200, "known press-1", NULL },
        { NULL, 0, "", NULL },
        { "ended", 0, "", NULL },
        { "made", 0, "", NULL },
        { "press-2", 0, "", NULL },
    };
    SV_DEFER(door_drop)
    door *strict = door_open(door_context(SV_TLS_CLIENTS_TRUSTED, "crl.pem", "makers.pem"));
    for (size_t i = 0; i < 2 * SV_COUNT(STRICT); i++) {
        must_meet(strict, &STRICT[i / 2], i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    }
    // Without manufacturers theirs is a stranger's; without a door for clients all are nobody.
    static const visit MADE = { "made", 0, "", NULL };
    SV_DEFER(door_drop)
    door *makerless = door_open(door_context(SV_TLS_CLIENTS_NEWCOMERS, "crl.pem", NULL));
    must_meet(makerless, &MADE, TLS1_3_VERSION);
    static const visit OPEN = { NULL, 200, "nobody", NULL };
    SV_DEFER(door_drop)
    door *open = door_open(door_context(SV_TLS_CLIENTS_NONE, NULL, NULL));
    must_meet(open, &OPEN, TLS1_3_VERSION);
}

/// A session of `first` is offered by a connection that has the certificate of `then`. Whether it
/// was taken up.
static bool offer_session(door *d, const char *first, const visit *then, int version) {
    char said[SV_WHY_MAX];
    SSL_CTX *ctx = context_of(first, version);
    SSL *ssl = dial(d, ctx, NULL);
    (void) ask(d, ssl, said);
    SSL_SESSION *session = SSL_get1_session(ssl);
    hang_up(&ssl);
    SSL_CTX_free(ctx);
    ctx = context_of(then->leaf, version);
    ssl = dial(d, ctx, session);
    int status = ask(d, ssl, said);
    if (status != then->status || strcmp(d->who, then->who) != 0) {
        fail_msg("%s after %s: status %d, '%s', %s", then->leaf != NULL ? then->leaf : "nobody",
                 first != NULL ? first : "nobody", status, d->who, said);
    }
    bool taken_up = SSL_session_reused(ssl) == 1;
    hang_up(&ssl);
    SSL_CTX_free(ctx);
    SSL_SESSION_free(session);
    return taken_up;
}

static const visit COMERS[] = {
    { "press-3", 200, "known press-3", NULL },
    { NULL, 200, "none '' '' ''", NULL },
    { "ended", 200, "expired 'press-1' 'press-1' ''", NULL },
    { "made-plain", 200, "manufacturer '' '' 'SN 18'", NULL },
};

static void a_session_carries_nobody_into_anothers_place(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = newcomers_door();
    for (size_t i = 0; i < SV_COUNT(COMERS); i++) {
        for (size_t k = 0; k < SV_COUNT(COMERS); k++) {
            assert_false(offer_session(d, COMERS[i].leaf, &COMERS[k], TLS1_2_VERSION));
            assert_false(offer_session(d, COMERS[i].leaf, &COMERS[k], TLS1_3_VERSION));
        }
    }
}

/// Should a context ever hand out tickets: what comes back by one has been judged by nobody. The
/// certificate may have been revoked, renewed or have ended since.
static void even_a_resumed_session_is_nobody(void **state) {
    (void) state;
    static const int VERSIONS[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    SV_DEFER(door_drop) door *d = newcomers_door();
    (void) SSL_CTX_clear_options(d->tls->ctx, SSL_OP_NO_TICKET);
    assert_int_equal(SSL_CTX_set_num_tickets(d->tls->ctx, 1), 1);
    assert_int_equal(SSL_CTX_set_session_id_context(d->tls->ctx, (const unsigned char *) "x", 1),
                     1);
    static const visit REFUSED = { "press-3", 403, "", NULL };
    for (size_t i = 0; i < SV_COUNT(VERSIONS); i++) {
        assert_true(offer_session(d, "press-3", &REFUSED, VERSIONS[i]));
        assert_true(offer_session(d, "ended", &REFUSED, VERSIONS[i]));
        assert_true(offer_session(d, "made-plain", &REFUSED, VERSIONS[i]));
    }
}

static void who_is_there_is_judged_again_when_the_files_are_read_again(void **state) {
    (void) state;
    char said[SV_WHY_MAX];
    static const struct {
        const char *leaf, *crl, *makers;
        sv_tls_clients clients;
        int status;
        const char *said;
    } CASES[] = {
        { "press-3", "crl-2.pem", "makers.pem", SV_TLS_CLIENTS_NEWCOMERS, 403, "revoked" },
        { "ended-3", "crl-2.pem", "makers.pem", SV_TLS_CLIENTS_NEWCOMERS, 403, "revoked" },
        { "ended-3", "crl.pem", "makers.pem", SV_TLS_CLIENTS_NEWCOMERS, 200, "you" },
        { "made", "crl-2.pem", NULL, SV_TLS_CLIENTS_NEWCOMERS, 403, "not from a CA we trust" },
        { "made", "crl-2.pem", "makers.pem", SV_TLS_CLIENTS_NEWCOMERS, 200, "you" },
        { "made", "crl-2.pem", "site/ca.crt", SV_TLS_CLIENTS_NEWCOMERS, 403, "not from a CA" },
        { NULL, "crl-2.pem", NULL, SV_TLS_CLIENTS_NEWCOMERS, 200, "you" },
        { NULL, "crl-2.pem", NULL, SV_TLS_CLIENTS_TRUSTED, 403, "not for newcomers any more" },
        { "ended-3", NULL, NULL, SV_TLS_CLIENTS_TRUSTED, 403, "not for newcomers any more" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(door_drop) door *d = newcomers_door();
        SSL_CTX *ctx = context_of(CASES[i].leaf, TLS1_3_VERSION);
        SV_DEFER(hang_up) SSL *ssl = dial(d, ctx, NULL);
        SSL_CTX_free(ctx);
        assert_int_equal(ask(d, ssl, said), 200);
        door_reload(d, door_context(CASES[i].clients, CASES[i].crl, CASES[i].makers));
        int status = ask(d, ssl, said);
        if (status != CASES[i].status || strstr(said, CASES[i].said) == NULL) {
            fail_msg("case %zu: status %d, %s", i, status, said);
        }
    }
}

static size_t der_of(const char *leaf, char room[SV_CERTIFICATE_MAX]) {
    sv_forged read = sv_forged_read(leaf_file(leaf, "crt"), leaf_file(leaf, "key"));
    unsigned char *at = (unsigned char *) room;
    int len = i2d_X509(read.certificate, NULL);
    assert_in_range(len, 1, SV_CERTIFICATE_MAX);
    (void) i2d_X509(read.certificate, &at);
    sv_forged_drop(&read);
    return (size_t) len;
}

/// As a gateway passes it on.
static void a_certificate_alone_is_judged_as_at_the_door(void **state) {
    (void) state;
    static const struct {
        const char *leaf;
        sv_err err;
        sv_newcomer_kind kind;
        const char *said;
    } CASES[] = {
        { "ended", SV_OK, SV_NEWCOMER_EXPIRED, "press-1" },
        { "made", SV_OK, SV_NEWCOMER_MANUFACTURER, "Press\\x5c17\\xc3\\xa4" },
        { "press-1", SV_ERR_STATE, SV_NEWCOMER_NONE, "the certificate of 'press-1' has not" },
        { "ended-revoked", SV_ERR_UNTRUSTED, SV_NEWCOMER_NONE, "revoked" },
        { "ended-server", SV_ERR_UNTRUSTED, SV_NEWCOMER_NONE, "a server's" },
        { "intruder", SV_ERR_UNTRUSTED, SV_NEWCOMER_NONE, "not from a CA we trust" },
        { "made-old", SV_ERR_UNTRUSTED, SV_NEWCOMER_NONE, "expired" },
    };
    char room[SV_CERTIFICATE_MAX];
    SV_DEFER(sv_tls_drop)
    sv_tls *tls = door_context(SV_TLS_CLIENTS_NEWCOMERS, "crl.pem", "makers.pem");
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_newcomer found = { .kind = SV_NEWCOMER_NONE };
        sv_identity known;
        sv_why why = { .text = "" };
        sv_text der = { .at = room, .len = der_of(CASES[i].leaf, room) };
        assert_int_equal(sv_tls_judge_newcomer(tls, der, &found, &why), CASES[i].err);
        assert_int_equal(found.kind, CASES[i].kind);
        const char *said = CASES[i].err == SV_OK ? found.name : why.text;
        if (strstr(said, CASES[i].said) == NULL) {
            fail_msg("%s: %s", CASES[i].leaf, said);
        }
        bool good = strcmp(CASES[i].leaf, "press-1") == 0;
        assert_int_equal(sv_tls_judge(tls, der, &known, NULL) == SV_OK, good);
    }
    SV_DEFER(sv_tls_drop)
    sv_tls *strict = door_context(SV_TLS_CLIENTS_TRUSTED, NULL, "makers.pem");
    sv_newcomer found;
    sv_text der = { .at = room, .len = der_of("made", room) };
    assert_int_equal(sv_tls_judge_newcomer(strict, der, &found, NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_tls_judge_newcomer(tls, SV_TEXT("no DER"), &found, NULL), SV_ERR_INVALID);
}

static void a_manufacturers_file_that_is_none_is_named(void **state) {
    (void) state;
    static const struct {
        const char *file;
        sv_err err;
    } CASES[] = { { "nowhere.pem", SV_ERR_NOT_FOUND }, { "site/ca.key", SV_ERR_INVALID } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_tls_files files = { .ca = in_folder("site/ca.crt"),
                               .cert = leaf_file("hub", "crt"),
                               .key = leaf_file("hub", "key"),
                               .manufacturers = in_folder(CASES[i].file) };
        sv_tls *tls = NULL;
        sv_why why;
        assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_NEWCOMERS, false, &tls, &why),
                         CASES[i].err);
        assert_non_null(strstr(why.text, CASES[i].file));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_met_as_who_it_is),
        cmocka_unit_test(other_doors_know_no_newcomers),
        cmocka_unit_test(a_session_carries_nobody_into_anothers_place),
        cmocka_unit_test(even_a_resumed_session_is_nobody),
        cmocka_unit_test(who_is_there_is_judged_again_when_the_files_are_read_again),
        cmocka_unit_test(a_certificate_alone_is_judged_as_at_the_door),
        cmocka_unit_test(a_manufacturers_file_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, make_all, remove_certificates);
}
