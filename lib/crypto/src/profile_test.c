// Chains that OpenSSL takes and the profile does not; and those of `selvedge pki`, which it takes.
#include "profile_fixture.h"

/// P-256, but spelt out in numbers.
static EVP_PKEY *spelt_out_key(void) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"),
                     1);
    return key;
}

static EVP_PKEY *dsa_key(void) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *parameters = NULL;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, NULL);
    assert_int_equal(EVP_PKEY_paramgen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024), 1);
    assert_int_equal(EVP_PKEY_paramgen(context, &parameters), 1);
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(parameters, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

// [profile-2]
static void odd_leaves_are_refused_with_what_is_wanted(void **state) {
    (void) state;
    const odd ODD[] = {
        { "a CA",
          { .cn = "x", .extensions = { { NID_basic_constraints, "critical,CA:TRUE" } } },
          "'x' is a CA (CA:TRUE)",
          CLIENT },
        { "a path length",
          { .cn = "x",
            .extensions = { { NID_basic_constraints, "critical,CA:FALSE,pathlen:3" },
                            { NID_ext_key_usage, "clientAuth" } } },
          "a CA's by its path length",
          CLIENT },
        { "no usage", { .cn = "x" }, "no extended key usage; clientAuth is wanted", CLIENT },
        { "any usage",
          { .cn = "x", .extensions = { { NID_ext_key_usage, "clientAuth,anyExtendedKeyUsage" } } },
          "any extended key usage; clientAuth by name",
          CLIENT },
        { "a server as client",
          { .cn = "x", .extensions = { { NID_ext_key_usage, "serverAuth" } } },
          "without clientAuth",
          CLIENT },
        { "a client as server", LEAF, "without serverAuth", { .use = SV_PROFILE_SERVER } },
        { "neither",
          { .cn = "x", .extensions = { { NID_ext_key_usage, "codeSigning" } } },
          "without clientAuth or serverAuth",
          { .use = SV_PROFILE_ROLE } },
        { "no key identifiers",
          { .cn = "x", .bare = true, .extensions = { LEAF_EXTENSIONS } },
          "no authority key identifier",
          CLIENT },
        { "an issuer by name alone",
          { .cn = "x",
            .bare = true,
            .extensions = { LEAF_EXTENSIONS, { NID_authority_key_identifier, "issuer:always" } } },
          "no authority key identifier",
          CLIENT },
        { "serial 0",
          { .cn = "x", .serial = "00", .extensions = { LEAF_EXTENSIONS } },
          "that is 0",
          CLIENT },
        { "a negative serial",
          { .cn = "x", .serial = "-4711", .extensions = { LEAF_EXTENSIONS } },
          "that is negative",
          CLIENT },
        { "a long serial",
          { .cn = "x",
            .serial = "8000000000000000000000000000000000000000",
            .extensions = { LEAF_EXTENSIONS } },
          "of 21 octets",
          CLIENT },
        { "v1", { .cn = "x", .v1 = true }, "is X.509 v1 (classic", CLIENT },
        { "v1 as server",
          { .cn = "x", .v1 = true },
          "is X.509 v1",
          { .use = SV_PROFILE_SERVER, .allow_classic = true } },
        { "v1 of a maker",
          { .cn = "x", .v1 = true },
          "is X.509 v1",
          { .use = SV_PROFILE_PATH, .allow_classic = true } },
        { "SHA-1",
          { .cn = "x", .digest = EVP_sha1(), .extensions = { LEAF_EXTENSIONS } },
          "signed with ecdsa-with-SHA1",
          CLIENT },
        { "SHA-1 on a classic",
          { .cn = "x", .digest = EVP_sha1(), .v1 = true },
          "signed with ecdsa-with-SHA1",
          { .use = SV_PROFILE_CLIENT, .allow_classic = true } },
        { "SHA-224",
          { .cn = "x", .digest = EVP_sha224(), .extensions = { LEAF_EXTENSIONS } },
          "signed with ecdsa-with-SHA224",
          CLIENT },
        { "RSA 1024",
          { .cn = "x", .key = key_of("rsa"), .extensions = { LEAF_EXTENSIONS } },
          "has 1024 bits",
          CLIENT },
        { "RSA 1024 on a classic",
          { .cn = "x", .key = key_of("rsa"), .v1 = true },
          "has 1024 bits",
          { .use = SV_PROFILE_CLIENT, .allow_classic = true } },
        { "DSA",
          { .cn = "x", .key = dsa_key(), .extensions = { LEAF_EXTENSIONS } },
          "type is not accepted",
          CLIENT },
        { "P-224",
          { .cn = "x", .key = key_of("P-224"), .extensions = { LEAF_EXTENSIONS } },
          "curve is not accepted",
          CLIENT },
        { "secp256k1",
          { .cn = "x", .key = key_of("secp256k1"), .extensions = { LEAF_EXTENSIONS } },
          "curve is not accepted",
          CLIENT },
        { "v1 with extensions",
          { .cn = "x", .v1 = true, .extensions = { LEAF_EXTENSIONS } },
          "is X.509 v1; v3",
          { .use = SV_PROFILE_CLIENT, .allow_classic = true } },
        { "a CA's key usage",
          { .cn = "x",
            .extensions = { { NID_key_usage, "digitalSignature,keyCertSign" },
                            { NID_ext_key_usage, "clientAuth" } } },
          "key usage of a CA (keyCertSign)",
          CLIENT },
        { "a CRL's key usage",
          { .cn = "x",
            .extensions = { { NID_key_usage, "digitalSignature,cRLSign" },
                            { NID_ext_key_usage, "clientAuth" } } },
          "key usage of a CA (cRLSign)",
          CLIENT },
        { "no signing",
          { .cn = "x",
            .extensions = { { NID_key_usage, "keyEncipherment" },
                            { NID_ext_key_usage, "clientAuth" } } },
          "lacks the key usage digitalSignature",
          CLIENT },
        { "a critical policy",
          { .cn = "x",
            .extensions = { LEAF_EXTENSIONS, { NID_certificate_policies, "critical,1.2.3.4" } } },
          "critical extension 'X509v3 Certificate Policies'",
          CLIENT },
        { "a critical inhibition",
          { .cn = "x",
            .extensions = { LEAF_EXTENSIONS, { NID_inhibit_any_policy, "critical,0" } } },
          "critical extension 'X509v3 Inhibit Any Policy'",
          CLIENT },
        { "name constraints",
          { .cn = "x",
            .extensions = { LEAF_EXTENSIONS, { NID_name_constraints, "permitted;DNS:a.b" } } },
          "name constraints",
          CLIENT },
        { "an extension twice",
          { .cn = "x",
            .extensions = { LEAF_EXTENSIONS,
                            { NID_netscape_comment, "one" },
                            { NID_netscape_comment, "two" } } },
          "'Netscape Comment' twice",
          CLIENT },
        { "a name to hide behind", { .cn = "press\x1b[2J" }, "'press\\x1b[2J'", CLIENT },
    };
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        sv_forged leaf = sv_forge(&ODD[i].forgery, &issuing);
        must_refuse(&ODD[i], leaf.certificate, issuing.certificate, root.certificate);
        sv_forged_drop(&leaf);
    }
}

// [profile-2]
static void odd_issuers_are_refused_under_a_good_leaf(void **state) {
    (void) state;
    odd ODD[] = {
        { "no key usage", { 0 }, "key usage is not stated", CLIENT },
        { "SHA-1", { 0 }, "signed with ecdsa-with-SHA1", CLIENT },
        { "serial 0", { 0 }, "that is 0", CLIENT },
        { "P-521", { 0 }, "curve is not accepted", CLIENT },
        { "no authority", { 0 }, "'issuing' has no authority key identifier", CLIENT },
        { "a policy constraint", { 0 }, "critical extension 'X509v3 Policy Constraints'", CLIENT },
    };
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        ODD[i].forgery = issuing_forgery();
    }
    ODD[0].forgery.extensions[1].value = NULL;
    ODD[1].forgery.digest = EVP_sha1();
    ODD[2].forgery.serial = "0";
    ODD[3].forgery.key = key_of("P-521");
    ODD[4].forgery.bare = true;
    ODD[4].forgery.extensions[2] = (sv_forged_extension){ NID_subject_key_identifier, "hash" };
    ODD[5].forgery.extensions[2] =
        (sv_forged_extension){ NID_policy_constraints, "critical,requireExplicitPolicy:9" };
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        sv_forged between = sv_forge(&ODD[i].forgery, &root);
        sv_forged leaf = sv_forge(&LEAF, &between);
        must_refuse(&ODD[i], leaf.certificate, between.certificate, root.certificate);
        sv_forged_drop(&leaf);
        sv_forged_drop(&between);
    }
}

/// A v1 leaf names no issuer's key, so that nothing but the anchor can be wrong. [profile-2]
static void odd_anchors_are_refused_as_well(void **state) {
    (void) state;
    odd ODD[] = {
        { "v1", { .cn = "root", .v1 = true }, "'root' is X.509 v1; v3", CLIENT },
        { "RSA 1024", ROOT, "has 1024 bits", CLIENT },
        { "no identifier", ROOT, "'root' is a CA without a subject key identifier", CLIENT },
        { "no basic constraints", ROOT, "'root' signs others and is no CA", CLIENT },
        { "no key usage", ROOT, "'root' is a CA whose key usage is not stated", CLIENT },
    };
    ODD[1].forgery.key = key_of("rsa");
    ODD[2].forgery.bare = true;
    ODD[3].forgery.extensions[0] = ROOT.extensions[1];
    ODD[3].forgery.extensions[1].value = ODD[4].forgery.extensions[1].value = NULL;
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        sv_forged anchor = sv_forge(&ODD[i].forgery, NULL);
        sv_forged leaf = sv_forge(&(sv_forgery){ .cn = "press-1", .v1 = true }, &anchor);
        ODD[i].profile.allow_classic = true;
        must_refuse(&ODD[i], leaf.certificate, NULL, anchor.certificate);
        sv_forged_drop(&leaf);
        sv_forged_drop(&anchor);
    }
}

// [profile-2]
static void a_leaf_that_is_its_own_anchor_is_refused(void **state) {
    (void) state;
    sv_forged alone = sv_forge(&LEAF, NULL);
    const odd o = { "its own", LEAF, "is its own issuer", CLIENT };
    must_refuse(&o, alone.certificate, NULL, alone.certificate);
    sv_forged_drop(&alone);
}

// [profile-2]
static void a_certificate_with_too_many_extensions_is_refused(void **state) {
    (void) state;
    sv_forged leaf = sv_forge(&LEAF, &issuing);
    for (int i = X509_get_ext_count(leaf.certificate); i <= SV_PROFILE_EXTENSIONS_MAX; i++) {
        char oid[32];
        (void) snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%d", i);
        ASN1_OBJECT *kind = OBJ_txt2obj(oid, 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *) "\x05", 2), 1);
        X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, kind, 0, value);
        assert_int_equal(X509_add_ext(leaf.certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(kind);
    }
    assert_true(X509_sign(leaf.certificate, issuing.key, EVP_sha256()) > 0);
    const odd o = { "too many", LEAF, "has 33 extensions; at most 32", CLIENT };
    must_refuse(&o, leaf.certificate, issuing.certificate, root.certificate);
    sv_forged_drop(&leaf);
}

/// OpenSSL would not build such a chain; the profile does not rely on it. [profile-2]
static void an_authority_that_is_not_the_issuer_is_refused(void **state) {
    (void) state;
    sv_forged leaf = sv_forge(&LEAF, &issuing);
    SV_DEFER(stack_drop) stack *chain = sk_X509_new_null();
    X509 *const ORDER[] = { leaf.certificate, root.certificate };
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        assert_true(X509_up_ref(ORDER[i]) == 1 && sk_X509_push(chain, ORDER[i]) > 0);
    }
    sv_why why = { 0 };
    assert_int_equal(sv_profile_check(chain, &CLIENT, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "that is not its issuer's subject key identifier"));
    sv_forged_drop(&leaf);
}

/// What OpenSSL refuses, it refuses here as well, with its own words.
static void what_openssl_refuses_stays_refused(void **state) {
    (void) state;
    sv_why why = { 0 };
    sv_forged leaf = sv_forge(&LEAF, &issuing);
    sv_forged below = sv_forge(&LEAF, &leaf);
    assert_int_equal(judge(below.certificate, leaf.certificate, issuing.certificate, &CLIENT, &why),
                     SV_ERR_UNTRUSTED);
    sv_forgery second = issuing_forgery();
    sv_forged deeper = sv_forge(&second, &issuing);
    sv_forged under = sv_forge(&LEAF, &deeper);
    assert_int_equal(
        judge(under.certificate, deeper.certificate, issuing.certificate, &CLIENT, &why),
        SV_ERR_UNTRUSTED);
    sv_forgery spelt_out = LEAF;
    spelt_out.key = spelt_out_key();
    sv_forged strange = sv_forge(&spelt_out, &issuing);
    assert_int_equal(
        judge(strange.certificate, issuing.certificate, root.certificate, &CLIENT, &why),
        SV_ERR_UNTRUSTED);
    sv_forged_drop(&strange);
    sv_forgery narrow = issuing_forgery();
    narrow.extensions[2] =
        (sv_forged_extension){ NID_name_constraints, "critical,permitted;URI:site.example" };
    sv_forged bound = sv_forge(&narrow, &root);
    sv_forgery named = LEAF;
    static const char *const URIS[] = { "URI:spiffe://site.example/device/press-1",
                                        "URI:spiffe://other.example/device/press-1" };
    for (size_t i = 0; i < SV_COUNT(URIS); i++) {
        named.extensions[3] = (sv_forged_extension){ NID_subject_alt_name, URIS[i] };
        sv_forged one = sv_forge(&named, &bound);
        assert_int_equal(judge(one.certificate, bound.certificate, root.certificate, &CLIENT, &why),
                         i == 0 ? SV_OK : SV_ERR_UNTRUSTED);
        sv_forged_drop(&one);
    }
    sv_forged_drop(&bound);
    assert_int_equal(judge(leaf.certificate, NULL, root.certificate, &CLIENT, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "unable to get local issuer certificate"));
    sv_forged_drop(&under);
    sv_forged_drop(&deeper);
    sv_forged_drop(&below);
    sv_forged_drop(&leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_leaves_are_refused_with_what_is_wanted),
        cmocka_unit_test(odd_issuers_are_refused_under_a_good_leaf),
        cmocka_unit_test(odd_anchors_are_refused_as_well),
        cmocka_unit_test(a_leaf_that_is_its_own_anchor_is_refused),
        cmocka_unit_test(a_certificate_with_too_many_extensions_is_refused),
        cmocka_unit_test(an_authority_that_is_not_the_issuer_is_refused),
        cmocka_unit_test(what_openssl_refuses_stays_refused),
    };
    return cmocka_run_group_tests(tests, make_chain, drop_chain);
}
