#include "content_key_trial.h"
#include "key_token.h"
#include "pki_internal.h"
#include <base/test.h>
#include <crypto/request.h>
#include <crypto/test_token.h>
#include <crypto/test_tpm.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/disk.h>
#include <sys/stat.h>

enum { URI_ROOM = 1024 };

static char folder[] = "/tmp/sv-token-XXXXXX";

static const char *in(const char *name) {
    static char rooms[4][PATH_MAX];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

static const char *uri(const char *token, const char *object) {
    static char rooms[4][URI_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    (void) snprintf(room, URI_ROOM, "pkcs11:token=%s;object=%s?module-path=%s&pin-source=file:%s",
                    token, object, SV_TEST_TOKEN_MODULE, in("pin"));
    return room;
}

static void write_pin(const char *pin) {
    assert_int_equal(sv_disk_replace(in("pin"), sv_text_of(pin), 0600, NULL), SV_OK);
}

static int make(void **state) {
    (void) state;
    if (!sv_test_has(SV_TEST_TOKEN_TOOL)) {
        exit(0);
    }
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in("tokens"), 0700, NULL), SV_OK);
    sv_test_tokens_in(in("tokens"));
    sv_test_token_make("hall", "271828");
    sv_test_token_make("spare", "314159");
    write_pin("271828\n");
    return 0;
}

static int drop(void **state) {
    (void) state;
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

static bool signs(EVP_PKEY *key, const EVP_MD *digest) {
    static const unsigned char WORDS[] = "23.5";
    unsigned char signature[128];
    size_t len = sizeof signature;
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *sign = EVP_MD_CTX_new();
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *verify = EVP_MD_CTX_new();
    return EVP_DigestSignInit(sign, NULL, digest, NULL, key) == 1
           && EVP_DigestSign(sign, signature, &len, WORDS, sizeof WORDS) == 1
           && EVP_DigestVerifyInit(verify, NULL, digest, NULL, key) == 1
           && EVP_DigestVerify(verify, signature, len, WORDS, sizeof WORDS) == 1;
}

static sv_why refused(const char *where) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    assert_int_not_equal(sv_key_open(where, &key, &why), SV_OK);
    assert_null(key);
    return why;
}

// [keys-6] [keys-2]
static void a_key_is_made_on_the_token_once_and_signs_there(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(uri("hall", "press-17"));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *again = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *opened = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_key_make(uri("hall", "press-17"), SV_KEY_EC, &again, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "holds a key 'press-17' already"));
    assert_int_equal(sv_key_open(uri("hall", "press-17"), &opened, NULL), SV_OK);
    assert_int_equal(EVP_PKEY_eq(key, opened), 1);
    const EVP_MD *digests[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };
    for (size_t i = 0; i < SV_COUNT(digests); i++) {
        assert_true(signs(key, digests[i]));
        assert_true(signs(opened, digests[i]));
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    assert_int_not_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(sv_key_make(uri("hall", "rsa"), SV_KEY_RSA, &again, &why), SV_ERR_INVALID);
}

// [keys-10]
static void a_key_in_the_token_receives_content_keys(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(uri("hall", "receiving"));
    opens_its_content_key(key, SV_OK, "");
    opens_its_content_key(key, SV_OK, "");
    assert_true(signs(key, EVP_sha256()));
}

/// As another program may make one.
static void make_signing_key(const char *where) {
    sv_token_uri at;
    SV_DEFER(sv_token_session_drop) sv_token_session session = { 0 };
    uint8_t curve[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    uint8_t id[] = { 1, 7 };
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    assert_int_equal(sv_token_uri_parse(sv_text_of(where + strlen("pkcs11:")), &at, NULL), SV_OK);
    assert_int_equal(sv_token_session_open(&at, true, &session, NULL), SV_OK);
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_ATTRIBUTE label = { CKA_LABEL, at.object, strlen(at.object) };
    CK_ATTRIBUTE known = { CKA_ID, id, sizeof id };
    CK_ATTRIBUTE kept = { CKA_TOKEN, &yes, sizeof yes };
    CK_ATTRIBUTE open[] = { kept, label, known, { CKA_EC_PARAMS, curve, sizeof curve } };
    CK_ATTRIBUTE secret[] = {
        kept, label, known, { CKA_SIGN, &yes, sizeof yes }, { CKA_DERIVE, &no, sizeof no }
    };
    CK_OBJECT_HANDLE made[2];
    assert_int_equal(session.call->C_GenerateKeyPair(session.at, &mechanism, open, SV_COUNT(open),
                                                     secret, SV_COUNT(secret), &made[0], &made[1]),
                     CKR_OK);
}

// [keys-10]
static void a_key_made_for_signing_alone_says_so(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    make_signing_key(uri("hall", "signing"));
    assert_int_equal(sv_key_open(uri("hall", "signing"), &key, NULL), SV_OK);
    assert_true(signs(key, EVP_sha256()));
    opens_its_content_key(key, SV_ERR_UNAVAILABLE, "may not be used to agree on a secret");
}

static void what_stands_in_the_way_is_told_with_its_remedy(void **state) {
    (void) state;
    char no_pin[URI_ROOM];
    char no_module[URI_ROOM];
    char any_token[URI_ROOM];
    (void) snprintf(no_pin, sizeof no_pin, "pkcs11:token=spare;object=a?module-path=%s",
                    SV_TEST_TOKEN_MODULE);
    (void) snprintf(no_module, sizeof no_module, "pkcs11:object=a?module-path=/nowhere.so");
    (void) snprintf(any_token, sizeof any_token, "pkcs11:object=a?module-path=%s",
                    SV_TEST_TOKEN_MODULE);
    const struct {
        const char *where, *words;
    } cases[] = {
        { uri("hall", "nothing"), "holds no key 'nothing'" },
        { uri("attic", "a"), "there is no token 'attic'" },
        { no_pin, "wants its PIN" },
        { no_module, "'/nowhere.so' is no PKCS#11 module" },
        { any_token, "2 tokens fit" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_why why = refused(cases[i].where);
        if (strstr(why.text, cases[i].words) == NULL) {
            fail_msg("%s: '%s' instead of '%s'", cases[i].where, why.text, cases[i].words);
        }
    }
}

// [keys-7]
static void a_pin_comes_from_a_file_that_nobody_else_reads(void **state) {
    (void) state;
    assert_int_equal(chmod(in("pin"), 0644), 0);
    sv_why why = refused(uri("spare", "a"));
    assert_non_null(strstr(why.text, "chmod 600 it"));
    write_pin("\n");
    assert_non_null(strstr(refused(uri("spare", "a")).text, "holds no PIN"));
    write_pin("271828\n");
}

static void a_wrong_pin_is_told_and_not_repeated(void **state) {
    (void) state;
    write_pin("000000");
    sv_why why = refused(uri("spare", "a"));
    assert_int_equal(why.code, SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "the token refuses the PIN"));
    assert_null(strstr(why.text, "000000"));
    write_pin("314159");
    assert_non_null(strstr(refused(uri("spare", "a")).text, "holds no key"));
    write_pin("271828");
}

// [keys-7]
static void the_last_try_of_a_pin_is_left_to_a_person(void **state) {
    (void) state;
    sv_why why = { 0 };
    assert_int_equal(sv_token_check_tries(CKF_LOGIN_REQUIRED | CKF_USER_PIN_COUNT_LOW, &why),
                     SV_OK);
    assert_int_equal(sv_token_check_tries(CKF_USER_PIN_FINAL_TRY, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "it is left to you"));
    assert_int_equal(sv_token_check_tries(CKF_USER_PIN_LOCKED, &why), SV_ERR_UNTRUSTED);
}

/// This program again, as another process that signs once with the key: 0 when it could.
static pid_t begin_signer(const char *where) {
    pid_t signer = fork();
    if (signer == 0) {
        (void) execl("/proc/self/exe", "signer", where, (char *) NULL);
        _exit(127);
    }
    return signer;
}

static int end_signer(pid_t signer) {
    int status = -1;
    assert_int_equal(waitpid(signer, &status, 0), signer);
    return status;
}

static int be_signer(const char *where) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why why = { 0 };
    if (sv_key_open(where, &key, &why) != SV_OK) {
        (void) fprintf(stderr, "%s\n", why.text);
        return 3;
    }
    return signs(key, EVP_sha256()) ? 0 : 4;
}

static void a_token_that_is_gone_fails_and_serves_again_when_it_is_back(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(uri("hall", "away"));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *beside = made(uri("hall", "beside"));
    assert_true(signs(key, EVP_sha256()));
    assert_int_equal(rename(in("tokens"), in("gone")), 0);
    assert_int_equal(sv_disk_make_folder(in("tokens"), 0700, NULL), SV_OK);
    assert_false(signs(key, EVP_sha256()));
    opens_its_content_key(key, SV_ERR_UNAVAILABLE, "there is no token 'hall'");
    assert_non_null(strstr(refused(uri("hall", "away")).text, "there is no token 'hall'"));
    assert_int_equal(rmdir(in("tokens")), 0);
    assert_int_equal(rename(in("gone"), in("tokens")), 0);
    assert_true(signs(key, EVP_sha256()));
    assert_true(signs(beside, EVP_sha256()));
    assert_int_equal(end_signer(begin_signer(uri("hall", "away"))), 0);
}

// [keys-9]
static void an_authoritys_key_is_in_the_token_and_the_folder_says_where(void **state) {
    (void) state;
    char pki[PATH_MAX];
    (void) snprintf(pki, sizeof pki, "%s", in("pki"));
    sv_pki_setup setup = { .dir = pki, .ca_key = uri("hall", "issuing") };
    sv_why why = { 0 };
    if (sv_pki_init(&setup, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf line = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    assert_int_equal(sv_disk_read(in("pki/ca.key"), &line, NULL), SV_OK);
    assert_string_equal(line.at, setup.ca_key);
    assert_true(sv_key_leads_to_hardware(in("pki/ca.key")));
    assert_true(sv_key_leads_to_hardware(setup.ca_key));
    assert_false(sv_key_leads_to_hardware(in("pki/ca.crt")));
    assert_false(sv_key_leads_to_hardware(in("nothing")));
    sv_pki_leaf leaf = { .id = "press-1", .role = SV_ROLE_DEVICE, .out = in("pki/out") };
    assert_int_equal(sv_pki_issue(pki, &leaf, &why), SV_OK);
    sv_identity who;
    assert_int_equal(sv_pki_verify(in("pki/ca.crt"), in("pki/out/press-1.crt"), &who, NULL), SV_OK);
    assert_string_equal(who.id, "press-1");
    assert_int_equal(sv_pki_crl(pki, in("crl.pem"), &why), SV_OK);
    assert_int_equal(chmod(in("pki/ca.key"), 0644), 0);
    assert_int_equal(sv_pki_issue(pki, &leaf, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "chmod 600 it"));
    assert_int_equal(chmod(in("pki/ca.key"), 0600), 0);
}

// [keys-9]
static void an_authority_that_cannot_have_its_key_there_is_not_made(void **state) {
    (void) state;
    static const char *const places[] = { "keys/ca.key", "", "pkcs11:" };
    for (size_t i = 0; i < SV_COUNT(places); i++) {
        sv_pki_setup setup = { .dir = in("half"), .ca_key = places[i] };
        assert_int_equal(sv_pki_init(&setup, NULL), SV_ERR_INVALID);
        assert_false(sv_disk_exists(in("half/ca.key")));
        assert_false(sv_disk_exists(in("half/ca.crt")));
    }
}

// [keys-9]
static void a_request_makes_its_key_once(void **state) {
    (void) state;
    char file[PATH_MAX];
    (void) snprintf(file, sizeof file, "%s", in("asking.key"));
    const char *const places[] = { uri("hall", "asking"), file };
    for (size_t i = 0; i < SV_COUNT(places); i++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        SV_DEFER(sv_pkey_drop) EVP_PKEY *again = NULL;
        sv_applicant press = { .id = "press-9" };
        sv_why why = { 0 };
        if (sv_request_write(places[i], &press, in("press.csr"), &why) != SV_OK) {
            fail_msg("%s", why.text);
        }
        assert_int_equal(sv_key_open(places[i], &key, NULL), SV_OK);
        assert_int_equal(sv_request_write(places[i], &press, in("press.csr"), NULL), SV_OK);
        assert_int_equal(sv_key_open(places[i], &again, NULL), SV_OK);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        assert_int_equal(sv_pki_sign(in("pki"), in("press.csr"), in("press.crt"), 1, NULL), SV_OK);
        press.id = "a/b";
        assert_int_equal(sv_request_write(places[i], &press, in("bad.csr"), &why), SV_ERR_INVALID);
        assert_false(sv_disk_exists(in("bad.csr")));
    }
}

static EVP_PKEY *shared;
static atomic_uint good;

static void *sign_often(void *arg) {
    for (int i = 0; i < 20; i++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *own = NULL;
        good += sv_key_open(arg, &own, NULL) == SV_OK && signs(shared, EVP_sha256())
                        && signs(own, EVP_sha256())
                    ? 1
                    : 0;
    }
    return NULL;
}

// [keys-5]
static void threads_share_one_token(void **state) {
    (void) state;
    char where[URI_ROOM];
    (void) snprintf(where, sizeof where, "%s", uri("hall", "shared"));
    shared = made(where);
    pthread_t threads[4];
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, where), 0);
    }
    for (size_t i = 0; i < SV_COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    EVP_PKEY_free(shared);
    assert_int_equal(good, 4 * 20);
}

// [keys-5]
static void processes_share_one_token(void **state) {
    (void) state;
    const char *where = uri("hall", "common");
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = made(where);
    assert_true(signs(key, EVP_sha256()));
    pid_t others[] = { begin_signer(where), begin_signer(where) };
    for (int i = 0; i < 200; i++) {
        assert_true(signs(key, EVP_sha256()));
    }
    for (size_t i = 0; i < SV_COUNT(others); i++) {
        assert_int_equal(end_signer(others[i]), 0);
    }
}

int main(int count, char **args) {
    if (count == 2) {
        return be_signer(args[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_made_on_the_token_once_and_signs_there),
        cmocka_unit_test(a_key_in_the_token_receives_content_keys),
        cmocka_unit_test(a_key_made_for_signing_alone_says_so),
        cmocka_unit_test(what_stands_in_the_way_is_told_with_its_remedy),
        cmocka_unit_test(a_pin_comes_from_a_file_that_nobody_else_reads),
        cmocka_unit_test(a_wrong_pin_is_told_and_not_repeated),
        cmocka_unit_test(the_last_try_of_a_pin_is_left_to_a_person),
        cmocka_unit_test(an_authoritys_key_is_in_the_token_and_the_folder_says_where),
        cmocka_unit_test(an_authority_that_cannot_have_its_key_there_is_not_made),
        cmocka_unit_test(a_request_makes_its_key_once),
        cmocka_unit_test(threads_share_one_token),
        cmocka_unit_test(processes_share_one_token),
        cmocka_unit_test(a_token_that_is_gone_fails_and_serves_again_when_it_is_back),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
