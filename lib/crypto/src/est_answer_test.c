#include "pki_internal.h"
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/est_answer.h>
#include <crypto/identity.h>
#include <crypto/issue.h>
#include <crypto/key_store.h>
#include <crypto/request.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

// Two authorities with the same names: ours, and somebody else's.
static char ours[] = "/tmp/sv-est-XXXXXX";
static char theirs[] = "/tmp/sv-est-XXXXXX";

static int make(void **state) {
    (void) state;
    const sv_pki_leaf leaf = { .id = "press-1", .out = ours };
    assert_non_null(mkdtemp(ours));
    assert_non_null(mkdtemp(theirs));
    assert_int_equal(sv_pki_init(&(sv_pki_setup){ .dir = ours }, NULL), SV_OK);
    assert_int_equal(sv_pki_init(&(sv_pki_setup){ .dir = theirs }, NULL), SV_OK);
    return sv_pki_issue(ours, &leaf, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    bool gone =
        sv_disk_remove_tree(ours, NULL) == SV_OK && sv_disk_remove_tree(theirs, NULL) == SV_OK;
    return gone ? 0 : -1;
}

static const char *in(char room[PATH_MAX], const char *folder, const char *name) {
    assert_int_equal(sv_disk_join(room, PATH_MAX, folder, name), SV_OK);
    return room;
}

/// Every certificate of a PEM file, after those that are there.
static void load(const char *folder, const char *name, sv_certs *out) {
    char path[PATH_MAX];
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(in(path, folder, name), "r");
    assert_non_null(bio);
    X509 *one = NULL;
    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        out->at[out->count++] = one;
    }
}

static sv_pin root_pin(const char *folder) {
    SV_DEFER(sv_certs_drop) sv_certs root = { 0 };
    load(folder, "root/root.crt", &root);
    sv_pin pin;
    unsigned int len = sizeof pin.sha256;
    assert_int_equal(X509_digest(root.at[0], EVP_sha256(), pin.sha256, &len), 1);
    return pin;
}

static size_t certificates_in(const sv_textbuf *pem) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(pem->at, (int) pem->len);
    size_t count = 0;
    for (X509 *one = NULL; (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; count++) {
        X509_free(one);
    }
    return count;
}

static void a_pin_is_read_with_or_without_colons_and_nothing_else_is(void **state) {
    (void) state;
    static const char BARE[] =
        "sha256:00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100";
    char spaced[200];
    sv_textbuf buf = SV_TEXTBUF(spaced);
    sv_textbuf_add_str(&buf, "sha256");
    for (size_t i = 7; BARE[i] != '\0'; i += 2) {
        sv_textbuf_addf(&buf, ":%.2s", BARE + i);
    }
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    sv_pin bare;
    sv_pin colons;
    assert_int_equal(sv_pin_parse(sv_text_of(BARE), &bare, NULL), SV_OK);
    assert_int_equal(sv_pin_parse(sv_text_of(spaced), &colons, NULL), SV_OK);
    assert_memory_equal(&bare, &colons, sizeof bare);
    static const char *const BAD[] = {
        "", "sha256:", "sha1:00", "0011", "sha256:00112233", "sha256"
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_pin_parse(sv_text_of(BAD[i]), &bare, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "64 hexadecimal digits"));
    }
}

// [est-2]
static void only_what_the_pinned_root_vouches_for_is_kept(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs shown = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(65536);
    load(theirs, "ca.crt", &shown);
    load(ours, "ca.crt", &shown);
    load(ours, "press-1.crt", &shown); // no authority
    const sv_pin pin = root_pin(ours);
    assert_int_equal(sv_est_anchor(&shown, &pin, &pem, NULL), SV_OK);
    assert_int_equal(certificates_in(&pem), 3); // the issuing one twice, as it was shown
}

// [est-2]
static void another_root_of_the_same_name_is_refused_with_its_hash(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs shown = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_textbuf_drop) sv_textbuf hash = SV_TEXTBUF_HEAP(100);
    load(theirs, "ca.crt", &shown);
    const sv_pin pin = root_pin(ours);
    const sv_pin other = root_pin(theirs);
    sv_why why = { 0 };
    assert_int_equal(sv_est_anchor(&shown, &pin, &pem, &why), SV_ERR_UNTRUSTED);
    sv_pin_add(&hash, &other);
    assert_int_equal(sv_textbuf_end(&hash), SV_OK);
    assert_non_null(strstr(why.text, hash.at));
    assert_int_equal(pem.len, 0);
}

static void a_pin_of_anything_but_a_root_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs shown = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(65536);
    load(ours, "ca.crt", &shown);
    sv_pin pin;
    unsigned int len = sizeof pin.sha256;
    sv_why why = { 0 };
    assert_int_equal(X509_digest(shown.at[0], EVP_sha256(), pin.sha256, &len), 1);
    assert_int_equal(sv_est_anchor(&shown, &pin, &pem, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "pin the root"));
}

// [est-3]
static void a_certificate_is_taken_for_our_key_in_our_name_from_our_authority(void **state) {
    (void) state;
    SV_DEFER(sv_certs_drop) sv_certs answer = { 0 };
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *other = NULL;
    char path[PATH_MAX];
    char ca[PATH_MAX];
    load(ours, "press-1.crt", &answer);
    assert_int_equal(sv_key_open(in(path, ours, "press-1.key"), &key, NULL), SV_OK);
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &other, NULL), SV_OK);
    const struct {
        EVP_PKEY *key;
        const char *id, *authority, *reason; ///< reason NULL: taken
    } CASES[] = {
        { key, "press-1", ours, NULL },
        { other, "press-1", ours, "none of the 2 certificates" },
        { key, "press-2", ours, "is for 'press-1', not 'press-2'" },
        { key, "press-1", theirs, "does not chain" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(65536);
        sv_why why = { 0 };
        sv_err err = sv_est_leaf(&answer, CASES[i].key, CASES[i].id,
                                 in(ca, CASES[i].authority, "ca.crt"), &pem, &why);
        assert_int_equal(err, CASES[i].reason == NULL ? SV_OK : SV_ERR_UNTRUSTED);
        assert_int_equal(certificates_in(&pem), CASES[i].reason == NULL ? 2 : 0); // leaf, issuing
        assert_true(CASES[i].reason == NULL || strstr(why.text, CASES[i].reason) != NULL);
    }
}

// ---- requests -----------------------------------------------------------------------------------

static void a_first_request_proves_its_key_and_asks_for_a_name(void **state) {
    (void) state;
    for (int kind = SV_KEY_EC; kind <= SV_KEY_ED25519; kind++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
        const sv_applicant applicant = { .id = "press-9", .org = "Acme", .unit = "Line 2" };
        sv_public_key ours_as_numbers;
        static sv_issue asked;
        assert_int_equal(sv_pkey_make((sv_key_kind) kind, &key, NULL), SV_OK);
        assert_int_equal(sv_public_key_of(key, &ours_as_numbers, NULL), SV_OK);
        assert_int_equal(sv_request_new(key, &applicant, &der, NULL), SV_OK);
        assert_int_equal(sv_issue_from_csr(sv_textbuf_text(&der), &asked, NULL), SV_OK);
        assert_memory_equal(&asked.key, &ours_as_numbers, sizeof ours_as_numbers);
        assert_string_equal(asked.id, "press-9");
        assert_int_equal(asked.texts, 2);
        assert_string_equal(asked.subject[0].text, "Acme");
        assert_string_equal(asked.subject[1].text, "Line 2");
    }
}

static void no_request_is_made_for_what_is_no_id(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &key, NULL), SV_OK);
    assert_int_equal(sv_request_new(key, &(sv_applicant){ .id = "a/b" }, &der, NULL),
                     SV_ERR_INVALID);
}

static void a_following_request_has_the_subject_and_the_role_and_no_host_names(void **state) {
    (void) state;
    const sv_pki_leaf leaf = {
        .id = "gateway-1", .role = SV_ROLE_GATEWAY, .dns = { "gw.example" }, .out = ours
    };
    char path[PATH_MAX];
    assert_int_equal(sv_pki_issue(ours, &leaf, NULL), SV_OK);
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &key, NULL), SV_OK);
    assert_int_equal(sv_request_follow(key, NULL, in(path, ours, "gateway-1.crt"), &der, NULL),
                     SV_OK);
    static sv_issue asked; // the strict door takes it: no name but its own
    assert_int_equal(sv_issue_from_csr(sv_textbuf_text(&der), &asked, NULL), SV_OK);
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    assert_int_equal(sv_request_parse(sv_textbuf_text(&der), "test", &request, NULL), SV_OK);
    SV_DEFER(sv_certs_drop) sv_certs current = { 0 };
    load(ours, "gateway-1.crt", &current);
    assert_int_equal(
        X509_NAME_cmp(X509_REQ_get_subject_name(request), X509_get_subject_name(current.at[0])), 0);
    X509_EXTENSIONS *extensions = X509_REQ_get_extensions(request);
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    assert_int_equal(sk_GENERAL_NAME_value(names, 0)->type, GEN_URI);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_is_read_with_or_without_colons_and_nothing_else_is),
        cmocka_unit_test(only_what_the_pinned_root_vouches_for_is_kept),
        cmocka_unit_test(another_root_of_the_same_name_is_refused_with_its_hash),
        cmocka_unit_test(a_pin_of_anything_but_a_root_is_refused),
        cmocka_unit_test(a_certificate_is_taken_for_our_key_in_our_name_from_our_authority),
        cmocka_unit_test(a_first_request_proves_its_key_and_asks_for_a_name),
        cmocka_unit_test(no_request_is_made_for_what_is_no_id),
        cmocka_unit_test(a_following_request_has_the_subject_and_the_role_and_no_host_names),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
