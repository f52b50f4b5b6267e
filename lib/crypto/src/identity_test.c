#include "pki_internal.h"
#include <base/test.h>
#include <crypto/identity.h>

/// A certificate as somebody else's CA might have made it; texts may be NULL.
static X509 *made(const char *cn, const char *second_cn, const char *san, const char *usage) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    assert_int_equal(sv_pkey_make(SV_KEY_EC, &key, NULL), SV_OK);
    assert_int_equal(sv_cert_begin(key, 1, &certificate, NULL), SV_OK);
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(sv_name_put(name, NID_commonName, sv_text_of(cn), NULL), SV_OK);
    if (second_cn != NULL) {
        assert_int_equal(sv_name_put(name, NID_commonName, sv_text_of(second_cn), NULL), SV_OK);
    }
    if (san != NULL) {
        assert_int_equal(sv_cert_extend(certificate, certificate, NID_subject_alt_name, san, NULL),
                         SV_OK);
    }
    if (usage != NULL) {
        assert_int_equal(sv_cert_extend(certificate, certificate, NID_ext_key_usage, usage, NULL),
                         SV_OK);
    }
    assert_int_equal(sv_cert_sign(certificate, key, NULL), SV_OK);
    return certificate;
}

// [pki-10]
static void id_role_and_usage_must_agree(void **state) {
    (void) state;
    static const struct {
        const char *cn, *second_cn, *san, *usage, *reason;
    } cases[] = {
        { "a", "b", "URI:spiffe://d/device/a", "clientAuth", "more than one CN" },
        { "a/b", NULL, "URI:spiffe://d/device/a/b", "clientAuth", "a/b" },
        { "a", NULL, "URI:spiffe://d/device/b", "clientAuth", "another id" },
        { "a", NULL, "URI:spiffe://d/king/a", "clientAuth", "no role we know" },
        { "a", NULL, "URI:spiffe:///device/a", "clientAuth", "no domain" },
        { "a", NULL, "URI:spiffe://d/device/a,URI:spiffe://d/app/a", "clientAuth", "2 role URIs" },
        { "a", NULL, "URI:https://d/device/a", "clientAuth", "0 role URIs" },
        { "a", NULL, "URI:spiffe://d/device/a", "serverAuth", "lacks clientAuth" },
        { "a", NULL, "URI:spiffe://d/gateway/a", "clientAuth", "lacks serverAuth" },
        { "a", NULL, "URI:spiffe://d/device/a", NULL, "lacks clientAuth" },
        { "a", NULL, NULL, "clientAuth", "names no role" },
        { "a", NULL, NULL, NULL, "classic_certificates" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(sv_x509_drop)
        X509 *certificate = made(cases[i].cn, cases[i].second_cn, cases[i].san, cases[i].usage);
        sv_identity who = { 0 };
        sv_why why = { 0 };
        assert_int_equal(sv_identity_of(certificate, false, &who, &why), SV_ERR_UNTRUSTED);
        assert_non_null(strstr(why.text, cases[i].reason));
        assert_string_equal(who.id, "");
    }
}

// [pki-10]
static void every_role_is_recognised(void **state) {
    (void) state;
    static const char *const sans[] = { "URI:spiffe://d/device/a", "URI:spiffe://d/gateway/a",
                                        "URI:spiffe://d/server/a", "URI:spiffe://d/app/a" };
    for (size_t i = 0; i < SV_COUNT(sans); i++) {
        SV_DEFER(sv_x509_drop)
        X509 *certificate = made("a", NULL, sans[i], "clientAuth,serverAuth");
        sv_identity who;
        assert_int_equal(sv_identity_of(certificate, false, &who, NULL), SV_OK);
        assert_int_equal(who.role, (sv_role) i);
        assert_string_equal(who.id, "a");
        assert_false(who.classic);
        assert_true(who.not_before_us > 0 && who.not_before_us < who.not_after_us);
    }
}

// [pki-10]
static void a_bare_certificate_is_a_device_only_where_allowed(void **state) {
    (void) state;
    SV_DEFER(sv_x509_drop) X509 *certificate = made("press-1", NULL, NULL, NULL);
    sv_identity who;
    assert_int_equal(sv_identity_of(certificate, false, &who, NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(sv_identity_of(certificate, true, &who, NULL), SV_OK);
    assert_true(who.classic);
    assert_int_equal(who.role, SV_ROLE_DEVICE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_role_and_usage_must_agree),
        cmocka_unit_test(every_role_is_recognised),
        cmocka_unit_test(a_bare_certificate_is_a_device_only_where_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
