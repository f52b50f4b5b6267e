#include "content_key_trial.h"
#include "key_store_internal.h"
#include "pki_internal.h"
#include <base/test.h>
#include <crypto/request.h>
#include <crypto/test_tpm.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/disk.h>

static char folder[] = "/tmp/sv-tpm-XXXXXX";
static sv_test_tpm tpm, another;

static const char *in(const char *name) {
    static char rooms[4][PATH_MAX];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

static const char *place(const char *name) {
    static char rooms[4][PATH_MAX + 8];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    (void) snprintf(room, sizeof rooms[0], "tpm2:%s", in(name));
    return room;
}

static void use(const sv_test_tpm *which) {
    assert_int_equal(setenv("SELVEDGE_TPM", which->name, 1), 0);
}

static int make(void **state) {
    (void) state;
    if (!sv_test_has("/usr/bin/swtpm")) {
        exit(0);
    }
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in("state"), 0700, NULL), SV_OK);
    assert_int_equal(sv_disk_make_folder(in("other"), 0700, NULL), SV_OK);
    sv_test_tpm_start(&another, in("other"));
    sv_test_tpm_start(&tpm, in("state"));
    return sv_pki_init(&(sv_pki_setup){ .dir = in("pki") }, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    sv_test_tpm_stop(&tpm);
    sv_test_tpm_stop(&another);
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static EVP_PKEY *made(const char *where) {
    EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    if (sv_key_make(where, SV_KEY_EC, &key, &why) != SV_OK) {
        fail_msg("%s: %s", where, why.text);
    }
    return key;
}

static EVP_PKEY *opened(const char *where) {
    EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    if (sv_key_open(where, &key, &why) != SV_OK) {
        fail_msg("%s: %s", where, why.text);
    }
    return key;
}

/// Whether `key` signs, judged by the public half alone.
static bool signs(EVP_PKEY *key, const EVP_MD *digest) {
    static const unsigned char WORDS[] = "23.5";
    unsigned char signature[128];
    size_t len = sizeof signature;
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *sign = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(sign, NULL, digest, NULL, key) != 1
        || EVP_DigestSign(sign, signature, &len, WORDS, sizeof WORDS) != 1) {
        return false;
    }
    unsigned char *der = NULL;
    int der_len = i2d_PUBKEY(key, &der);
    const unsigned char *at = der;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *open = d2i_PUBKEY(NULL, &at, der_len);
    OPENSSL_free(der);
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *verify = EVP_MD_CTX_new();
    return EVP_DigestVerifyInit(verify, NULL, digest, NULL, open) == 1
           && EVP_DigestVerify(verify, signature, len, WORDS, sizeof WORDS) == 1;
}

// [keys-10]
static void a_key_in_the_tpm_receives_content_keys(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("receiving.tpm"));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *again = opened(place("receiving.tpm"));
    opens_its_content_key(key, SV_OK, "");
    opens_its_content_key(again, SV_OK, "");
    assert_true(signs(key, EVP_sha256()));
    use(&another);
    opens_its_content_key(key, SV_ERR_UNAVAILABLE, "was made in another TPM");
    use(&tpm);
}

// [keys-3]
static void a_key_made_in_the_tpm_signs_digests_of_every_length(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("press.tpm"));
    assert_int_equal(sv_pkey_check(key, NULL), SV_OK);
    const EVP_MD *digests[] = { EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(),
                                EVP_sha512() };
    for (size_t i = 0; i < SV_COUNT(digests); i++) {
        assert_true(signs(key, digests[i]));
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *again = opened(place("press.tpm"));
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    assert_true(signs(again, EVP_sha256()));
}

// [keys-3]
static void the_file_of_a_key_holds_no_private_key_that_anybody_could_use(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("sealed.tpm"));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *read = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_key_open(in("sealed.tpm"), &read, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "holds no private key"));
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    assert_int_not_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
}

static void write_request(EVP_PKEY *key, const char *id, const char *path) {
    SV_DEFER(sv_req_drop) X509_REQ *request = X509_REQ_new();
    assert_int_equal(
        sv_name_put(X509_REQ_get_subject_name(request), NID_commonName, sv_text_of(id), NULL),
        SV_OK);
    assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
    assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
}

static void a_request_by_the_tpm_proves_that_it_holds_the_key(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("request.tpm"));
    write_request(key, "press-17", in("press.csr"));
    sv_why why = { 0 };
    if (sv_pki_sign(in("pki"), in("press.csr"), in("press.crt"), 90, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    sv_identity who;
    assert_int_equal(sv_pki_verify(in("pki/ca.crt"), in("press.crt"), &who, NULL), SV_OK);
    assert_string_equal(who.id, "press-17");
}

static sv_why refused(const char *where) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    assert_int_not_equal(sv_key_open(where, &key, &why), SV_OK);
    assert_null(key);
    return why;
}

// [keys-4]
static void a_copy_of_the_disk_is_worth_nothing_beside_another_tpm(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("stolen.tpm"));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *kept = made("tpm2:handle=0x81000007");
    use(&another);
    assert_non_null(strstr(refused(place("stolen.tpm")).text, "was made in another TPM"));
    assert_non_null(strstr(refused("tpm2:handle=0x81000007").text, "holds no key at the handle"));
    // A program that has the key open already gets nothing out of the wrong TPM either.
    assert_false(signs(key, EVP_sha256()));
    assert_false(signs(kept, EVP_sha256()));
    use(&tpm);
    assert_true(signs(key, EVP_sha256()));
    assert_true(signs(kept, EVP_sha256()));
}

// [keys-4]
static void a_file_that_was_changed_gives_no_other_key(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("changed.tpm"));
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    assert_int_equal(sv_disk_read(in("changed.tpm"), &pem, NULL), SV_OK);
    unsigned refusals = 0;
    size_t start = strlen("-----BEGIN TSS2 PRIVATE KEY-----\n");
    size_t end = pem.len - strlen("-----END TSS2 PRIVATE KEY-----\n");
    for (size_t i = start; i < end; i += 5) {
        char was = pem.at[i];
        if (was == '\n' || was == '=') {
            continue;
        }
        pem.at[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(sv_disk_replace(in("changed.tpm"), sv_textbuf_text(&pem), 0600, NULL),
                         SV_OK);
        SV_DEFER(sv_pkey_drop) EVP_PKEY *read = NULL;
        // Some bits mean nothing: how much above zero "true" is, what is left of the last base64.
        bool taken = sv_key_open(place("changed.tpm"), &read, NULL) == SV_OK;
        assert_true(!taken || EVP_PKEY_eq(read, key) == 1);
        refusals += taken ? 0 : 1;
        pem.at[i] = was;
    }
    assert_true(refusals > 50);
}

static void a_tpm_that_was_away_is_asked_again(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(place("away.tpm"));
    assert_true(signs(key, EVP_sha256()));
    sv_test_tpm_stop(&tpm);
    assert_false(signs(key, EVP_sha256()));
    ERR_clear_error();
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    sv_why why = { 0 };
    assert_int_equal(sv_request_new(key, &(sv_applicant){ .id = "press-17" }, &der, &why),
                     SV_ERR_IO);
    assert_non_null(strstr(why.text, "TPM: no TPM answers at 'swtpm:"));
    assert_non_null(strstr(refused(place("away.tpm")).text, "no TPM answers at 'swtpm:"));
    sv_test_tpm_start(&tpm, in("state"));
    assert_true(signs(key, EVP_sha256()));
    assert_true(signs(key, EVP_sha256()));
}

// [keys-2]
static void no_key_in_the_tpm_is_written_over(void **state) {
    (void) state;
    static const char HANDLE[] = "tpm2:handle=0x81000001";
    const char *const places[] = { place("once.tpm"), HANDLE };
    for (size_t i = 0; i < SV_COUNT(places); i++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *first = made(places[i]);
        SV_DEFER(sv_pkey_drop) EVP_PKEY *second = NULL;
        sv_why why = { 0 };
        assert_int_equal(sv_key_make(places[i], SV_KEY_EC, &second, &why), SV_ERR_STATE);
        assert_non_null(strstr(why.text, "already"));
        SV_DEFER(sv_pkey_drop) EVP_PKEY *again = opened(places[i]);
        assert_int_equal(EVP_PKEY_eq(first, again), 1);
        assert_true(signs(again, EVP_sha256()));
    }
}

static void a_place_that_is_none_is_refused_with_its_remedy(void **state) {
    (void) state;
    assert_int_equal(sv_disk_replace(in("plain"), SV_TEXT("hello"), 0600, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(in("open"), SV_TEXT("hello"), 0644, NULL), SV_OK);
    const struct {
        const char *where, *words;
    } cases[] = {
        { "tpm2:", "write tpm2:PATH or tpm2:handle=0x81000001" },
        { "tpm2:handle=", "is no handle of a kept key" },
        { "tpm2:handle=0x81000000x", "is no handle of a kept key" },
        { "tpm2:handle=0x80fffffe", "is no handle of a kept key" },
        { "tpm2:handle=0x81800000", "is no handle of a kept key" },
        { "tpm2:nowhere/a", "cannot read 'nowhere/a'" },
        { place("plain"), "holds no TPM key" },
        { place("open"), "chmod 600 it" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_why why = refused(cases[i].where);
        if (strstr(why.text, cases[i].words) == NULL) {
            fail_msg("%s: '%s' instead of '%s'", cases[i].where, why.text, cases[i].words);
        }
    }
    EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_key_make(place("rsa"), SV_KEY_RSA, &key, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "ask for ec"));
    assert_false(sv_disk_exists(in("rsa")));
}

static EVP_PKEY *shared;
static atomic_uint good;

static void *sign_often(void *arg) {
    for (int i = 0; i < 20; i++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *own = opened(arg);
        good += signs(shared, EVP_sha256()) ? 1 : 0;
        good += signs(own, EVP_sha256()) ? 1 : 0;
    }
    return NULL;
}

// [keys-5]
static void threads_and_processes_share_one_tpm(void **state) {
    (void) state;
    char where[PATH_MAX + 8];
    (void) snprintf(where, sizeof where, "%s", place("shared.tpm"));
    shared = made(where);
    pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        (void) sign_often(where);
        _exit(good == 40 ? 0 : 1);
    }
    pthread_t threads[4];
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, where), 0);
    }
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    int status = 0;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    assert_int_equal(good, 4 * 40);
    EVP_PKEY_free(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_in_the_tpm_receives_content_keys),
        cmocka_unit_test(a_key_made_in_the_tpm_signs_digests_of_every_length),
        cmocka_unit_test(the_file_of_a_key_holds_no_private_key_that_anybody_could_use),
        cmocka_unit_test(a_request_by_the_tpm_proves_that_it_holds_the_key),
        cmocka_unit_test(a_copy_of_the_disk_is_worth_nothing_beside_another_tpm),
        cmocka_unit_test(a_file_that_was_changed_gives_no_other_key),
        cmocka_unit_test(a_tpm_that_was_away_is_asked_again),
        cmocka_unit_test(no_key_in_the_tpm_is_written_over),
        cmocka_unit_test(a_place_that_is_none_is_refused_with_its_remedy),
        cmocka_unit_test(threads_and_processes_share_one_tpm),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
