#include "vouch.h"

#include "pki_internal.h"
#include <base/test.h>
#include <crypto/reissue.h>
#include <crypto/request.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>

static char folder[] = "/tmp/sv-vouch-XXXXXX";

static int make(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    return sv_pki_init(&(sv_pki_setup){ .dir = folder }, NULL) == SV_OK ? 0 : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

/// A certificate, the key it is for, and the one that is to follow.
typedef struct holder {
    char path[PATH_MAX];
    EVP_PKEY *old, *next;
    X509 *certificate;
    sv_textbuf der;
    char room[SV_PKI_CSR_MAX];
} holder;

static void holder_open(holder *h, const char *id, sv_key_kind kind) {
    char csr[PATH_MAX];
    char name[SV_ID_ROOM + 8];
    const sv_applicant applicant = { .id = id };
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    assert_int_equal(sv_pkey_make(kind, &h->old, NULL), SV_OK);
    assert_int_equal(sv_pkey_make(kind, &h->next, NULL), SV_OK);
    (void) snprintf(name, sizeof name, "%s.csr", id);
    assert_int_equal(sv_disk_join(csr, sizeof csr, folder, name), SV_OK);
    (void) snprintf(name, sizeof name, "%s.crt", id);
    assert_int_equal(sv_disk_join(h->path, sizeof h->path, folder, name), SV_OK);
    assert_int_equal(sv_request_new(h->old, &applicant, &request, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(csr, sv_textbuf_text(&request), 0600, NULL), SV_OK);
    assert_int_equal(sv_pki_sign(folder, csr, h->path, 1, NULL), SV_OK);
    assert_int_equal(sv_cert_of_file(h->path, &h->certificate, NULL), SV_OK);
    unsigned char *at = (unsigned char *) h->room;
    int len = i2d_X509(h->certificate, &at);
    assert_true(len > 0 && (size_t) len <= sizeof h->room);
    h->der = SV_TEXTBUF(h->room);
    h->der.len = (size_t) len;
}

static void holder_close(holder *h) {
    EVP_PKEY_free(h->old);
    EVP_PKEY_free(h->next);
    X509_free(h->certificate);
}

/// The request for `key`, for which `old` vouches.
static void ask(const holder *h, EVP_PKEY *key, EVP_PKEY *old, sv_textbuf *out) {
    sv_why why = { 0 };
    out->len = 0;
    if (sv_request_follow(key, old, h->path, out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void expect(const holder *h, const sv_textbuf *request, sv_vouched wanted) {
    sv_vouched found = SV_VOUCHED_NOT;
    sv_why why = { 0 };
    if (sv_request_vouched(sv_textbuf_text(request), sv_textbuf_text(&h->der), &found, &why)
        != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(found, wanted);
}

static void refused(const holder *h, sv_text request, const char *sentence) {
    sv_vouched found = SV_VOUCHED_NOT;
    sv_why why = { 0 };
    assert_int_equal(sv_request_vouched(request, sv_textbuf_text(&h->der), &found, &why),
                     SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, sentence);
    assert_int_equal(found, SV_VOUCHED_NOT);
}

// [renewal-7]
static void the_old_key_vouches_for_the_next_one_whatever_its_kind(void **state) {
    (void) state;
    static const sv_key_kind KINDS[] = { SV_KEY_EC, SV_KEY_RSA, SV_KEY_ED25519 };
    static const char *const IDS[] = { "ec-1", "rsa-1", "ed-1" };
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        static holder h;
        static sv_issue issue;
        SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
        holder_open(&h, IDS[i], KINDS[i]);
        ask(&h, h.next, h.old, &request);
        expect(&h, &request, SV_VOUCHED_SIGNED);
        assert_int_equal(sv_issue_from_csr(sv_textbuf_text(&request), &issue, NULL), SV_OK);
        ask(&h, h.next, NULL, &request);
        expect(&h, &request, SV_VOUCHED_NOT);
        ask(&h, h.old, h.old, &request);
        expect(&h, &request, SV_VOUCHED_SAME);
        ask(&h, h.old, NULL, &request);
        expect(&h, &request, SV_VOUCHED_SAME);
        holder_close(&h);
    }
}

// [renewal-7]
static void what_another_key_signed_or_for_another_one_vouches_for_nobody(void **state) {
    (void) state;
    static const char WRONG[] = "the old certificate's key has not signed for this one";
    static holder h;
    static holder other;
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    holder_open(&h, "press-1", SV_KEY_EC);
    holder_open(&other, "press-2", SV_KEY_EC);
    ask(&h, h.next, other.old, &request); // who has no old key takes one of its own
    refused(&h, sv_textbuf_text(&request), WRONG);
    ask(&other, other.next, other.old, &request); // another's signature
    refused(&h, sv_textbuf_text(&request), WRONG);
    holder_close(&h);
    holder_close(&other);
}

/// The signature of a request for h->next, in one for other->next, `times` times.
static sv_text carried_over(const holder *h, const holder *other, int times, int type) {
    static unsigned char room[SV_PKI_CSR_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_DEFER(sv_req_drop) X509_REQ *honest = NULL;
    SV_DEFER(sv_req_drop) X509_REQ *made = X509_REQ_new();
    ask(h, h->next, h->old, &request);
    assert_int_equal(sv_request_parse(sv_textbuf_text(&request), "test", &honest, NULL), SV_OK);
    ASN1_OBJECT *oid = OBJ_txt2obj(SV_VOUCH_OID, 1);
    X509_ATTRIBUTE *attribute =
        X509_REQ_get_attr(honest, X509_REQ_get_attr_by_OBJ(honest, oid, -1));
    const ASN1_OCTET_STRING *signature =
        X509_ATTRIBUTE_get0_data(attribute, 0, V_ASN1_OCTET_STRING, NULL);
    X509_ATTRIBUTE *again = X509_ATTRIBUTE_create_by_OBJ(
        NULL, oid, type, ASN1_STRING_get0_data(signature), ASN1_STRING_length(signature));
    for (int i = 1; i < times; i++) {
        assert_int_equal(X509_ATTRIBUTE_set1_data(again, type, ASN1_STRING_get0_data(signature),
                                                  ASN1_STRING_length(signature)),
                         1);
    }
    assert_int_equal(X509_REQ_add1_attr(made, again), 1);
    X509_ATTRIBUTE_free(again);
    ASN1_OBJECT_free(oid);
    assert_int_equal(X509_REQ_set_subject_name(made, X509_get_subject_name(h->certificate)), 1);
    assert_int_equal(X509_REQ_set_pubkey(made, other->next), 1);
    assert_true(X509_REQ_sign(made, other->next, sv_pkey_digest(other->next)) > 0);
    unsigned char *at = room;
    int len = i2d_X509_REQ(made, &at);
    assert_true(len > 0 && (size_t) len <= sizeof room);
    return (sv_text){ .at = (const char *) room, .len = (size_t) len };
}

// [renewal-7]
static void a_signature_is_of_no_use_for_another_key_and_stands_once(void **state) {
    (void) state;
    static holder h;
    static holder other;
    static const char MANY[] = "what the old key is to have signed is not one signature";
    holder_open(&h, "press-3", SV_KEY_EC);
    holder_open(&other, "press-4", SV_KEY_EC);
    refused(&h, carried_over(&h, &other, 1, V_ASN1_OCTET_STRING),
            "the old certificate's key has not signed for this one");
    refused(&h, carried_over(&h, &other, 1, V_ASN1_UTF8STRING), MANY);
    refused(&h, carried_over(&h, &other, 2, V_ASN1_OCTET_STRING), MANY);
    holder_close(&h);
    holder_close(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_key_vouches_for_the_next_one_whatever_its_kind),
        cmocka_unit_test(what_another_key_signed_or_for_another_one_vouches_for_nobody),
        cmocka_unit_test(a_signature_is_of_no_use_for_another_key_and_stands_once),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
