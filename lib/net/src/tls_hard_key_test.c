// Mutual TLS whose keys lie in a TPM and in a token, on both sides and in both versions; the way
// there is the ordinary one: request, certificate, handshake. [keys-8]
#include "tls_internal.h"

#include <base/test.h>
#include <crypto/issue.h>
#include <crypto/key_store.h>
#include <crypto/test_token.h>
#include <crypto/test_tpm.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/clock.h>
#include <sys/disk.h>

enum { PATH_ROOM = 128, PLACE_ROOM = 512, CSR_ROOM = 4096 };

static char folder[] = "/tmp/sv-hard-XXXXXX";
static sv_test_tpm tpm;

static const char *in(const char *name) {
    static char rooms[8][PATH_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_ROOM, folder, name), SV_OK);
    return room;
}

/// Where a key of that name is, in the TPM ("tpm2") or in the token.
static const char *place(const char *store, const char *name) {
    static char rooms[8][PLACE_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    if (strcmp(store, "tpm2") == 0) {
        (void) snprintf(room, PLACE_ROOM, "tpm2:%s", in(name));
    } else {
        (void) snprintf(room, PLACE_ROOM,
                        "pkcs11:token=hall;object=%s?module-path=%s&pin-source=file:%s", name,
                        SV_TEST_TOKEN_MODULE, in("pin"));
    }
    return room;
}

static EVP_PKEY *issuing_key;
static X509 *issuing;

static void load_issuer(void) {
    BIO *bio = BIO_new_file(in("site/ca.crt"), "r");
    issuing = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(issuing);
    assert_int_equal(sv_key_open(in("site/ca.key"), &issuing_key, NULL), SV_OK);
}

/// What a door does with the key's request: its numbers, once the proof holds.
static void request(EVP_PKEY *key, const char *id, sv_issue *out) {
    X509_REQ *csr = X509_REQ_new();
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN", MBSTRING_ASC,
                                                (const unsigned char *) id, -1, -1, 0),
                     1);
    assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
    assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(csr, &der);
    sv_why why = { 0 };
    if (sv_issue_from_csr((sv_text){ (const char *) der, (size_t) len }, out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    OPENSSL_free(der);
    X509_REQ_free(csr);
}

static void certify(EVP_PKEY *key, const char *id, sv_role role, const char *path) {
    sv_issue issue = { 0 };
    request(key, id, &issue);
    issue.role = (uint32_t) role;
    if (role == SV_ROLE_GATEWAY) {
        assert_int_equal(sv_issue_add_dns(&issue, SV_TEXT("localhost"), NULL), SV_OK);
    }
    X509 *leaf = NULL;
    sv_issuer by = { .certificate = issuing, .key = issuing_key, .domain = "selvedge.local" };
    sv_why why = { 0 };
    if (sv_issue_certify(&by, &issue, sv_clock_wall_us(), &leaf, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    BIO *bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_X509(bio, leaf), 1);
    assert_int_equal(PEM_write_bio_X509(bio, issuing), 1);
    BIO_free(bio);
    X509_free(leaf);
}

static void make_leaf(const char *store, const char *id, sv_role role, const char *crt) {
    EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    if (sv_key_make(place(store, id), SV_KEY_EC, &key, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    certify(key, id, role, in(crt));
    EVP_PKEY_free(key);
}

static int make(void **state) {
    (void) state;
    if (!sv_test_has("/usr/bin/swtpm") || !sv_test_has(SV_TEST_TOKEN_TOOL)) {
        exit(0);
    }
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in("tpm"), 0700, NULL), SV_OK);
    assert_int_equal(sv_disk_make_folder(in("tokens"), 0700, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(in("pin"), SV_TEXT("271828"), 0600, NULL), SV_OK);
    sv_test_tpm_start(&tpm, in("tpm"));
    sv_test_tokens_in(in("tokens"));
    sv_test_token_make("hall", "271828");
    assert_int_equal(sv_pki_init(&(sv_pki_setup){ .dir = in("site") }, NULL), SV_OK);
    load_issuer();
    make_leaf("tpm2", "press-1", SV_ROLE_DEVICE, "press-1.crt");
    make_leaf("pkcs11", "press-2", SV_ROLE_DEVICE, "press-2.crt");
    make_leaf("tpm2", "hub-1", SV_ROLE_GATEWAY, "hub-1.crt");
    make_leaf("pkcs11", "hub-2", SV_ROLE_GATEWAY, "hub-2.crt");
    return 0;
}

static int drop(void **state) {
    (void) state;
    EVP_PKEY_free(issuing_key);
    X509_free(issuing);
    sv_test_tpm_stop(&tpm);
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static sv_tls_files files_of(const char *store, const char *id, const char *crt) {
    return (sv_tls_files){ .ca = in("site/ca.crt"), .cert = in(crt), .key = place(store, id) };
}

static sv_tls *server_of(const char *store, const char *id, const char *crt) {
    sv_tls *tls = NULL;
    sv_why why = { 0 };
    sv_tls_files files = files_of(store, id, crt);
    if (sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, false, &tls, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return tls;
}

static sv_tls *client_of(const char *store, const char *id, const char *crt) {
    sv_tls *tls = NULL;
    sv_why why = { 0 };
    sv_tls_files files = files_of(store, id, crt);
    if (sv_tls_client(&files, &tls, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return tls;
}

static bool step(SSL *end, bool *failed) {
    int done = SSL_do_handshake(end);
    if (done != 1) {
        int reason = SSL_get_error(end, done);
        *failed = *failed || (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE);
    }
    return done == 1;
}

/// Both ends on this thread, through memory.
static bool shake(const sv_tls *client, const sv_tls *server, int version) {
    SSL *left = sv_tls_client_ssl(client, "localhost");
    SSL *right = sv_tls_server_ssl(server);
    BIO *left_end = NULL;
    BIO *right_end = NULL;
    assert_int_equal(BIO_new_bio_pair(&left_end, 65536, &right_end, 65536), 1);
    SSL_set_bio(left, left_end, left_end);
    SSL_set_bio(right, right_end, right_end);
    SSL_set_connect_state(left);
    SSL_set_accept_state(right);
    assert_int_equal(SSL_set_min_proto_version(left, version), 1);
    assert_int_equal(SSL_set_max_proto_version(left, version), 1);
    bool failed = false;
    bool both = false;
    for (int i = 0; i < 20 && !both && !failed; i++) {
        bool left_done = step(left, &failed);
        both = step(right, &failed) && left_done;
    }
    both = both && SSL_version(left) == version && SSL_get0_peer_certificate(right) != NULL;
    SSL_free(left);
    SSL_free(right);
    return both;
}

// [keys-8]
static void both_ends_keep_their_keys_in_hardware(void **state) {
    (void) state;
    sv_tls *clients[] = { client_of("tpm2", "press-1", "press-1.crt"),
                          client_of("pkcs11", "press-2", "press-2.crt") };
    sv_tls *servers[] = { server_of("tpm2", "hub-1", "hub-1.crt"),
                          server_of("pkcs11", "hub-2", "hub-2.crt") };
    for (size_t i = 0; i < SV_COUNT(clients); i++) {
        for (size_t j = 0; j < SV_COUNT(servers); j++) {
            assert_true(shake(clients[i], servers[j], TLS1_2_VERSION));
            assert_true(shake(clients[i], servers[j], TLS1_3_VERSION));
        }
    }
    for (size_t i = 0; i < SV_COUNT(clients); i++) {
        sv_tls_drop(&clients[i]);
        sv_tls_drop(&servers[i]);
    }
}

typedef struct shaker {
    const sv_tls *client, *server;
    int good;
} shaker;

static void *shake_often(void *arg) {
    shaker *own = arg;
    for (int i = 0; i < 10; i++) {
        own->good += shake(own->client, own->server, TLS1_3_VERSION) ? 1 : 0;
    }
    return NULL;
}

// [keys-5]
static void handshakes_on_threads_share_one_key(void **state) {
    (void) state;
    sv_tls *client = client_of("tpm2", "press-1", "press-1.crt");
    sv_tls *server = server_of("pkcs11", "hub-2", "hub-2.crt");
    pthread_t threads[3];
    shaker shakers[SV_COUNT(threads)];
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        shakers[i] = (shaker){ .client = client, .server = server };
        assert_int_equal(pthread_create(&threads[i], NULL, shake_often, &shakers[i]), 0);
    }
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(shakers[i].good, 10);
    }
    sv_tls_drop(&client);
    sv_tls_drop(&server);
}

static void a_handshake_fails_while_the_tpm_is_away_and_the_next_one_works(void **state) {
    (void) state;
    sv_tls *client = client_of("tpm2", "press-1", "press-1.crt");
    sv_tls *server = server_of("pkcs11", "hub-2", "hub-2.crt");
    sv_test_tpm_stop(&tpm);
    assert_false(shake(client, server, TLS1_3_VERSION));
    ERR_clear_error();
    sv_test_tpm_start(&tpm, in("tpm"));
    assert_true(shake(client, server, TLS1_3_VERSION));
    sv_tls_drop(&client);
    sv_tls_drop(&server);
}

// [keys-8]
static void a_key_that_is_not_the_certificates_is_refused(void **state) {
    (void) state;
    sv_tls *tls = NULL;
    sv_why why = { 0 };
    sv_tls_files files = files_of("tpm2", "press-1", "press-2.crt");
    assert_int_equal(sv_tls_client(&files, &tls, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "is not the key of"));
    assert_null(tls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_keep_their_keys_in_hardware),
        cmocka_unit_test(handshakes_on_threads_share_one_key),
        cmocka_unit_test(a_handshake_fails_while_the_tpm_is_away_and_the_next_one_works),
        cmocka_unit_test(a_key_that_is_not_the_certificates_is_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
