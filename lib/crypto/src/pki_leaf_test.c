#include "pki_internal.h"
#include <base/test.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

static char folder[] = "/tmp/sv-leaf-XXXXXX";

static int make(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    return sv_pki_init(&(sv_pki_setup){ .dir = folder, .domain = "plant.example" }, NULL) == SV_OK
               ? 0
               : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

/// Certificate number `index` of a PEM file in the folder.
static X509 *loaded(const char *name, int index) {
    char path[PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, folder, name), SV_OK);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    assert_non_null(bio);
    for (int i = 0; i < index; i++) {
        X509_free(PEM_read_bio_X509(bio, NULL, NULL, NULL));
    }
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(certificate);
    return certificate;
}

static X509 *issued(sv_pki_leaf leaf) {
    leaf.out = folder;
    assert_int_equal(sv_pki_issue(folder, &leaf, NULL), SV_OK);
    char name[80];
    (void) snprintf(name, sizeof name, "%s.crt", leaf.id);
    return loaded(name, 0);
}

static bool is_critical(const X509 *certificate, int nid) {
    int at = X509_get_ext_by_NID(certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

// [pki-2]
static void the_authority_may_sign_and_the_issuing_one_has_no_authority_below_it(void **state) {
    (void) state;
    for (int i = 0; i < 2; i++) {
        SV_DEFER(sv_x509_drop) X509 *ca = loaded("ca.crt", i);
        assert_int_equal(X509_get_version(ca), X509_VERSION_3);
        assert_int_equal(X509_check_ca(ca), 1);
        assert_int_equal(X509_get_pathlen(ca), i == 0 ? 0 : -1);
        assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_true(is_critical(ca, NID_basic_constraints));
        assert_true(is_critical(ca, NID_key_usage));
        int days = 0;
        assert_int_equal(
            ASN1_TIME_diff(&days, NULL, X509_get0_notBefore(ca), X509_get0_notAfter(ca)), 1);
        assert_int_equal(days, i == 0 ? SV_PKI_ISSUING_DAYS : SV_PKI_ROOT_DAYS);
    }
}

static void names_are(const X509 *certificate, const char *uri, const char *dns) {
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(names), dns != NULL ? 2 : 1);
    const GENERAL_NAME *first = sk_GENERAL_NAME_value(names, 0);
    assert_int_equal(first->type, GEN_URI);
    assert_string_equal(ASN1_STRING_get0_data(first->d.uniformResourceIdentifier), uri);
    if (dns != NULL) {
        const GENERAL_NAME *second = sk_GENERAL_NAME_value(names, 1);
        assert_int_equal(second->type, GEN_DNS);
        assert_string_equal(ASN1_STRING_get0_data(second->d.dNSName), dns);
    }
}

// [pki-4] [pki-5]
static void a_leaf_carries_what_its_role_needs_and_no_more(void **state) {
    (void) state;
    static const struct {
        const char *id, *uri, *dns;
        sv_role role;
        uint32_t usage;
    } CASES[] = {
        { "d-1", "spiffe://plant.example/device/d-1", NULL, SV_ROLE_DEVICE, XKU_SSL_CLIENT },
        { "g-1", "spiffe://plant.example/gateway/g-1", "g-1", SV_ROLE_GATEWAY,
          XKU_SSL_CLIENT | XKU_SSL_SERVER },
        { "s-1", "spiffe://plant.example/server/s-1", "s-1", SV_ROLE_SERVER, XKU_SSL_SERVER },
        { "a-1", "spiffe://plant.example/app/a-1", NULL, SV_ROLE_APP, XKU_SSL_CLIENT },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_x509_drop)
        X509 *leaf = issued((sv_pki_leaf){ .id = CASES[i].id, .role = CASES[i].role });
        assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
        assert_int_equal(X509_check_ca(leaf), 0);
        assert_true(is_critical(leaf, NID_basic_constraints));
        assert_true(is_critical(leaf, NID_key_usage));
        assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
        assert_int_equal(X509_get_extended_key_usage(leaf), CASES[i].usage);
        names_are(leaf, CASES[i].uri, CASES[i].dns);
        char id[SV_ID_ROOM];
        assert_int_equal(sv_name_id(X509_get_subject_name(leaf), id, NULL), SV_OK);
        assert_string_equal(id, CASES[i].id);
        int days = 0;
        int seconds = 0;
        assert_int_equal(
            ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf), X509_get0_notAfter(leaf)),
            1);
        assert_int_equal(days, SV_PKI_LEAF_DAYS);
        assert_true(X509_cmp_current_time(X509_get0_notBefore(leaf)) < 0);
    }
}

typedef struct search {
    const char *id;
    sv_pki_record found;
    int count;
} search;

static void look(void *arg, const sv_pki_record *record) {
    search *s = arg;
    if (strcmp(record->id, s->id) == 0) {
        s->found = *record;
        s->count++;
    }
}

// [pki-6]
static void serial_numbers_have_16_bytes_and_stand_in_the_index(void **state) {
    (void) state;
    static char seen[8][41];
    for (size_t i = 0; i < SV_COUNT(seen); i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "serial-%zu", i);
        SV_DEFER(sv_x509_drop) X509 *leaf = issued((sv_pki_leaf){ .id = id });
        const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
        assert_int_equal(ASN1_STRING_length(serial), 16);
        assert_int_equal(ASN1_STRING_get0_data(serial)[0] & 0xC0, 0x40);
        search s = { .id = id };
        assert_int_equal(sv_pki_list(folder, look, &s, NULL), SV_OK);
        assert_int_equal(s.count, 1);
        assert_int_equal(strlen(s.found.serial), 32);
        char name[80];
        (void) snprintf(name, sizeof name, "issued/%s.crt", s.found.serial);
        SV_DEFER(sv_x509_drop) X509 *kept = loaded(name, 0);
        assert_int_equal(X509_cmp(kept, leaf), 0);
        for (size_t before = 0; before < i; before++) {
            assert_string_not_equal(seen[before], s.found.serial);
        }
        assert_int_equal(sv_text_copy(sv_text_of(s.found.serial), seen[i], sizeof seen[i]), SV_OK);
    }
}

/// A request for `id` with the key `carried`, signed with `signer`, in the folder.
static const char *requested(const char *id, EVP_PKEY *carried, EVP_PKEY *signer) {
    static char path[PATH_MAX];
    SV_DEFER(sv_req_drop) X509_REQ *request = X509_REQ_new();
    assert_int_equal(X509_REQ_set_pubkey(request, carried), 1);
    assert_int_equal(
        sv_name_put(X509_REQ_get_subject_name(request), NID_commonName, sv_text_of(id), NULL),
        SV_OK);
    assert_true(X509_REQ_sign(request, signer, sv_pkey_digest(signer)) > 0);
    assert_int_equal(sv_disk_join(path, sizeof path, folder, "request.csr"), SV_OK);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
    return path;
}

// [pki-7]
static void a_request_must_be_signed_with_the_key_it_carries(void **state) {
    (void) state;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *own = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *other = NULL;
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &own, NULL), SV_OK);
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &other, NULL), SV_OK);
    char out[PATH_MAX];
    assert_int_equal(sv_disk_join(out, sizeof out, folder, "request.crt"), SV_OK);
    sv_why why = { 0 };
    assert_int_equal(sv_pki_sign(folder, requested("r-1", other, own), out, 0, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "proof of possession"));
    assert_false(sv_disk_exists(out));
    assert_int_equal(sv_pki_sign(folder, requested("r-1", own, own), out, 0, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authority_may_sign_and_the_issuing_one_has_no_authority_below_it),
        cmocka_unit_test(a_leaf_carries_what_its_role_needs_and_no_more),
        cmocka_unit_test(serial_numbers_have_16_bytes_and_stand_in_the_index),
        cmocka_unit_test(a_request_must_be_signed_with_the_key_it_carries),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
