#include "issue_internal.h"
#include "pki_internal.h"
#include <base/test.h>
#include <string.h>

typedef STACK_OF(X509_EXTENSION) extension_stack;

static EVP_PKEY *key;

static int make(void **state) {
    (void) state;
    return sv_pkey_make(SV_KEY_EC, &key, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    EVP_PKEY_free(key);
    return 0;
}

typedef struct part {
    int nid;
    const char *text;
} part;

typedef struct request {
    part subject[12];
    part asked[3]; ///< extensions, in OpenSSL's words
    EVP_PKEY *carried, *signer;
    bool damaged;
} request;

static void ask(X509_REQ *made, const part *asked) {
    extension_stack *stack = NULL;
    for (size_t i = 0; i < 3 && asked[i].text != NULL; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, asked[i].nid, asked[i].text);
        assert_non_null(extension);
        assert_non_null(X509v3_add_ext(&stack, extension, -1));
        X509_EXTENSION_free(extension);
    }
    assert_int_equal(X509_REQ_add_extensions(made, stack), 1);
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}

static sv_text der_of(const request *wanted) {
    static unsigned char room[SV_PKI_CSR_MAX + 1];
    SV_DEFER(sv_req_drop) X509_REQ *made = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(made);
    for (size_t i = 0; i < SV_COUNT(wanted->subject) && wanted->subject[i].text != NULL; i++) {
        assert_int_equal(
            sv_name_put(name, wanted->subject[i].nid, sv_text_of(wanted->subject[i].text), NULL),
            SV_OK);
    }
    if (wanted->asked[0].text != NULL) {
        ask(made, wanted->asked);
    }
    EVP_PKEY *signer = wanted->signer != NULL ? wanted->signer : key;
    assert_int_equal(X509_REQ_set_pubkey(made, wanted->carried != NULL ? wanted->carried : key), 1);
    assert_true(X509_REQ_sign(made, signer, sv_pkey_digest(signer)) > 0);
    unsigned char *at = room;
    int len = i2d_X509_REQ(made, &at);
    assert_true(len > 0);
    if (wanted->damaged) {
        room[len - 1] ^= 1;
    }
    return (sv_text){ .at = (const char *) room, .len = (size_t) len };
}

static void refused(const request *wanted, sv_err code, const char *reason) {
    sv_why why = { 0 };
    sv_issue issue = { .role = 99 };
    assert_int_equal(sv_issue_from_csr(der_of(wanted), &issue, &why), code);
    assert_int_equal(issue.role, 99); // untouched
    if (strstr(why.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", why.text, reason);
    }
}

// [pki-8]
static void key_id_and_texts_are_taken_and_nothing_else(void **state) {
    (void) state;
    const request wanted = { .subject = { { NID_organizationName, "Weaver" },
                                          { NID_pkcs9_emailAddress, "a@b.example" },
                                          { NID_countryName, "IN" },
                                          { NID_commonName, "press-17" },
                                          { NID_organizationalUnitName, "Hall 1" },
                                          { NID_organizationalUnitName, "Line 2" } },
                             .asked = { { NID_subject_alt_name,
                                          "URI:spiffe://plant.example/device/press-17" },
                                        { NID_basic_constraints, "critical,CA:FALSE" },
                                        { NID_ext_key_usage, "serverAuth" } } };
    sv_issue issue;
    assert_int_equal(sv_issue_from_csr(der_of(&wanted), &issue, NULL), SV_OK);
    assert_string_equal(issue.id, "press-17");
    assert_int_equal(issue.role, SV_ROLE_DEVICE);
    assert_true(issue.lifetime_s == SV_ISSUE_LIFETIME_DEVICE_S);
    static const part taken[] = { { SV_SUBJECT_C, "IN" },
                                  { SV_SUBJECT_O, "Weaver" },
                                  { SV_SUBJECT_OU, "Hall 1" },
                                  { SV_SUBJECT_OU, "Line 2" } };
    assert_int_equal(issue.texts, SV_COUNT(taken));
    for (size_t i = 0; i < SV_COUNT(taken); i++) {
        assert_int_equal(issue.subject[i].part, taken[i].nid);
        assert_string_equal(issue.subject[i].text, taken[i].text);
    }
    assert_int_equal(issue.dns_names + issue.ips, 0);
    sv_public_key own;
    assert_int_equal(sv_public_key_of(key, &own, NULL), SV_OK);
    assert_memory_equal(&issue.key, &own, sizeof own);
}

// [pki-11]
static void who_asks_for_an_authority_or_a_foreign_name_is_refused(void **state) {
    (void) state;
    static const struct {
        int nid;
        const char *asked, *reason;
    } cases[] = {
        { NID_basic_constraints, "CA:TRUE", "certificate authority (CA:TRUE)" },
        { NID_basic_constraints, "critical,CA:TRUE,pathlen:0", "certificate authority" },
        { NID_key_usage, "digitalSignature,keyCertSign", "keyCertSign" },
        { NID_key_usage, "cRLSign", "certificate authority" },
        { NID_subject_alt_name, "URI:spiffe://plant.example/device/press-18", "not its own" },
        { NID_subject_alt_name, "URI:spiffe://plant.example/press-17", "not its own" },
        { NID_subject_alt_name, "URI:spiffe:///device/press-17", "not its own" },
        { NID_subject_alt_name, "URI:spiffe://plant.example/device/press-17/x", "not its own" },
        { NID_subject_alt_name, "URI:spiffe://plant.example/root/press-17", "not its own" },
        { NID_subject_alt_name, "DNS:press-17", "not its own" },
        { NID_subject_alt_name, "IP:192.0.2.1", "not its own" },
        { NID_subject_alt_name, "email:a@b.example", "not its own" },
        { NID_subject_alt_name, "DNS:a,URI:spiffe://plant.example/device/press-17", "not its own" },
        { NID_subject_alt_name, "DER:30:03:02:01:01", "cannot be read" },
        { NID_basic_constraints, "DER:04:00", "certificate authority" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        const request wanted = { .subject = { { NID_commonName, "press-17" } },
                                 .asked = { { cases[i].nid, cases[i].asked } } };
        refused(&wanted, SV_ERR_INVALID, cases[i].reason);
    }
}

// [pki-8] [pki-3]
static void a_subject_names_exactly_one_id(void **state) {
    (void) state;
    const request none = { .subject = { { NID_organizationName, "Weaver" } } };
    refused(&none, SV_ERR_INVALID, "no CN");
    const request two = { .subject = { { NID_commonName, "a" }, { NID_commonName, "b" } } };
    refused(&two, SV_ERR_INVALID, "more than one CN");
    static const char *const ids[] = {
        "a/b", "a+b", "#", "$SYS", "a.b", "a\r\nb", "ca", "Ca", "a b"
    };
    for (size_t i = 0; i < SV_COUNT(ids); i++) {
        const request bad = { .subject = { { NID_commonName, ids[i] } } };
        refused(&bad, SV_ERR_INVALID, i == 6 || i == 7 ? "CA's own files" : "CN");
    }
    const request control = { .subject = { { NID_commonName, "a" },
                                           { NID_localityName, "x\ny" } } };
    refused(&control, SV_ERR_INVALID, "L in the subject holds control characters");
    request many = { .subject = { { NID_commonName, "a" } } };
    for (size_t i = 1; i <= SV_ISSUE_TEXTS_MAX + 1; i++) {
        many.subject[i] = (part){ NID_organizationalUnitName, "x" };
    }
    refused(&many, SV_ERR_INVALID, "more than 8 parts");
}

// [pki-7]
static void a_request_without_proof_or_with_a_weak_key_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *other = EVP_EC_gen("P-256");
    const request foreign = { .subject = { { NID_commonName, "a" } }, .carried = other };
    refused(&foreign, SV_ERR_UNTRUSTED, "proof of possession");
    const request damaged = { .subject = { { NID_commonName, "a" } }, .damaged = true };
    refused(&damaged, SV_ERR_UNTRUSTED, "proof of possession");

    SV_DEFER(sv_pkey_drop) EVP_PKEY *small = EVP_RSA_gen(1024);
    const request weak = { .subject = { { NID_commonName, "a" } },
                           .carried = small,
                           .signer = small };
    refused(&weak, SV_ERR_INVALID, "1024 bits");
    SV_DEFER(sv_pkey_drop) EVP_PKEY *curve = EVP_EC_gen("secp256k1");
    const request strange = { .subject = { { NID_commonName, "a" } },
                              .carried = curve,
                              .signer = curve };
    refused(&strange, SV_ERR_INVALID, "curve is not accepted");
}

static void bytes_that_are_no_request_are_refused(void **state) {
    (void) state;
    const request good = { .subject = { { NID_commonName, "press-17" } } };
    sv_text der = der_of(&good);
    sv_issue issue;
    sv_why why = { 0 };
    for (size_t len = 0; len < der.len; len++) {
        assert_int_equal(sv_issue_from_csr((sv_text){ der.at, len }, &issue, &why), SV_ERR_INVALID);
    }
    assert_int_equal(sv_issue_from_csr((sv_text){ der.at, der.len + 1 }, &issue, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "more than a request"));
    assert_int_equal(sv_issue_from_csr((sv_text){ der.at, SV_PKI_CSR_MAX + 1 }, &issue, &why),
                     SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "16385 bytes"));
    assert_int_equal(sv_issue_from_csr(der, &issue, &why), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_id_and_texts_are_taken_and_nothing_else),
        cmocka_unit_test(who_asks_for_an_authority_or_a_foreign_name_is_refused),
        cmocka_unit_test(a_subject_names_exactly_one_id),
        cmocka_unit_test(a_request_without_proof_or_with_a_weak_key_is_refused),
        cmocka_unit_test(bytes_that_are_no_request_are_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
