// Which connections the profile judges, in handshakes within one process.
#include "listener_fixture.h"
#include "tls_refusal.h"
#include "tls_verify.h"

#include <crypto/test.h>

enum { TRIES = 16 };

#define LEAF_OF(usage, ...)                                                                        \
    {                                                                                              \
        .cn = "localhost",                                                                         \
        .extensions = { { NID_ext_key_usage, usage }, { NID_subject_alt_name, "DNS:localhost" } }, \
        __VA_ARGS__                                                                                \
    }

static void forge(const char *name, const sv_forgery *forgery) {
    sv_forged ca = sv_forged_read(in_folder("site/ca.crt"), in_folder("site/ca.key"));
    sv_forged made = sv_forge(forgery, &ca);
    sv_forged_write(&made, leaf_file(name, "crt"), leaf_file(name, "key"));
    sv_forged_drop(&made);
    sv_forged_drop(&ca);
}

static int make_all(void **state) {
    int failed = make_certificates(state);
    forge("server", &(sv_forgery) LEAF_OF("serverAuth"));
    forge("anything", &(sv_forgery) LEAF_OF("serverAuth,clientAuth,anyExtendedKeyUsage"));
    forge("nameless", &(sv_forgery) LEAF_OF("serverAuth,clientAuth", .bare = true));
    forge("zero", &(sv_forgery) LEAF_OF("serverAuth,clientAuth", .serial = "0"));
    forge("first", &(sv_forgery){ .cn = "localhost", .v1 = true });
    return failed;
}

/// What both sides say in the end; "" when they agree.
typedef struct outcome {
    char server[SV_WHY_MAX], client[SV_WHY_MAX];
} outcome;

static bool step(SSL *ssl, bool *failed) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    *failed = result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ;
    return result == 1;
}

static outcome shake(const sv_tls *served, const sv_tls *asked) {
    outcome o = { .server = "", .client = "" };
    SSL *server = sv_tls_server_ssl(served);
    SSL *client = sv_tls_client_ssl(asked, "localhost");
    BIO *near = NULL;
    BIO *far = NULL;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(server, near, near);
    SSL_set_bio(client, far, far);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    bool server_failed = false;
    bool client_failed = false;
    for (int i = 0; i < TRIES && !server_failed && !client_failed; i++) {
        (void) step(client, &client_failed);
        sv_why why = { 0 };
        if (client_failed) {
            (void) sv_tls_fault(client, ERR_peek_last_error(), false, &why);
            memcpy(o.client, why.text, sizeof o.client);
        } else if (!step(server, &server_failed) && server_failed) {
            sv_tls_refusal(server, SSL_ERROR_SSL, 0, "", &why);
            memcpy(o.server, why.text, sizeof o.server);
        }
    }
    SSL_free(server);
    SSL_free(client);
    return o;
}

static sv_tls *server_of(const char *leaf, bool allow_classic) {
    const sv_tls_files files = { .ca = in_folder("site/ca.crt"),
                                 .cert = leaf_file(leaf, "crt"),
                                 .key = leaf_file(leaf, "key") };
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, allow_classic, &tls, NULL),
                     SV_OK);
    return tls;
}

/// `ca` NULL: the system's store, which is the site's CA here.
static sv_tls *client_of(const char *leaf, const char *ca, bool foreign) {
    const sv_tls_files files = {
        .ca = ca, .cert = leaf_file(leaf, "crt"), .key = leaf_file(leaf, "key"), .foreign = foreign
    };
    sv_tls *tls = NULL;
    assert_int_equal(setenv("SSL_CERT_FILE", in_folder("site/ca.crt"), 1), 0);
    assert_int_equal(sv_tls_client(&files, &tls, NULL), SV_OK);
    return tls;
}

static void must_say(const char *said, const char *wanted, const char *leaf) {
    if (wanted[0] == '\0' ? said[0] != '\0' : strstr(said, wanted) == NULL) {
        fail_msg("%s: '%s' instead of '%s'", leaf, said, wanted);
    }
}

// [profile-3]
static void a_client_out_of_the_profile_does_not_come_in(void **state) {
    (void) state;
    static const struct {
        const char *leaf;
        bool classic;
        const char *said;
    } CASES[] = {
        { "press-1", false, "" },
        { "anything", false, "TLS: certificate 'localhost' is for any extended key usage" },
        { "nameless", true, "TLS: certificate 'localhost' has no authority key identifier" },
        { "zero", false, "TLS: certificate 'localhost' has a serial number that is 0" },
        { "first", false, "TLS: certificate 'localhost' is X.509 v1 (classic_certificates: allow" },
        { "first", true, "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_tls_drop) sv_tls *served = server_of("server", CASES[i].classic);
        SV_DEFER(sv_tls_drop)
        sv_tls *asked = client_of(CASES[i].leaf, in_folder("site/ca.crt"), false);
        must_say(shake(served, asked).server, CASES[i].said, CASES[i].leaf);
    }
}

// [profile-3]
static void a_server_out_of_the_profile_is_left_unless_it_is_not_ours(void **state) {
    (void) state;
    static const struct {
        const char *leaf, *said;
    } CASES[] = {
        { "server", "" },
        { "anything", "verify failed: certificate 'localhost' is for any extended key usage" },
        { "nameless", "verify failed: certificate 'localhost' has no authority key identifier" },
        { "zero", "verify failed: certificate 'localhost' has a serial number that is 0" },
        { "first", "verify failed: certificate 'localhost' is X.509 v1" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const char *leaf = CASES[i].leaf;
        SV_DEFER(sv_tls_drop) sv_tls *served = server_of(leaf, true);
        SV_DEFER(sv_tls_drop) sv_tls *ours = client_of("press-1", in_folder("site/ca.crt"), false);
        SV_DEFER(sv_tls_drop) sv_tls *other = client_of("press-1", in_folder("site/ca.crt"), true);
        SV_DEFER(sv_tls_drop) sv_tls *web = client_of("press-1", NULL, false);
        must_say(shake(served, ours).client, CASES[i].said, leaf);
        must_say(shake(served, other).client, "", leaf);
        must_say(shake(served, web).client, "", leaf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_out_of_the_profile_does_not_come_in),
        cmocka_unit_test(a_server_out_of_the_profile_is_left_unless_it_is_not_ours),
    };
    return cmocka_run_group_tests(tests, make_all, remove_certificates);
}
