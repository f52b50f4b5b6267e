#include "profile_fixture.h"

// [profile-2]
static void good_chains_are_taken(void **state) {
    (void) state;
    const struct {
        sv_forgery forgery;
        sv_profile profile;
    } CASES[] = {
        { LEAF, CLIENT },
        { LEAF, { .use = SV_PROFILE_ROLE } },
        { LEAF, { .use = SV_PROFILE_PATH } },
        { { .cn = "x", .extensions = { { NID_ext_key_usage, "serverAuth" } } },
          { .use = SV_PROFILE_SERVER } },
        { { .cn = "x" }, { .use = SV_PROFILE_PATH } },
        { { .cn = "x", .serial = "01", .extensions = { LEAF_EXTENSIONS } }, CLIENT },
        { { .cn = "x",
            .serial = "7fffffffffffffffffffffffffffffffffffffff",
            .extensions = { LEAF_EXTENSIONS } },
          CLIENT },
        { { .cn = "x", .digest = EVP_sha384(), .extensions = { LEAF_EXTENSIONS } }, CLIENT },
        { { .cn = "x", .key = key_of("P-384"), .extensions = { LEAF_EXTENSIONS } }, CLIENT },
        { { .cn = "x", .v1 = true },
          { .use = SV_PROFILE_CLIENT, .allow_classic = true } }, // [profile-4]
        { { .cn = "x", .v1 = true }, { .use = SV_PROFILE_ROLE, .allow_classic = true } },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_forged leaf = sv_forge(&CASES[i].forgery, &issuing);
        sv_why why = { 0 };
        if (judge(leaf.certificate, issuing.certificate, root.certificate, &CASES[i].profile, &why)
            != SV_OK) {
            fail_msg("case %zu: %s", i, why.text);
        }
        sv_forged_drop(&leaf);
    }
}

static void must_verify(const char *dir, const char *id, const char *ca) {
    char trusted[160], leaf[160];
    sv_identity who;
    sv_why why = { 0 };
    (void) snprintf(trusted, sizeof trusted, "%s/%s", dir, ca);
    (void) snprintf(leaf, sizeof leaf, "%s/out/%s.crt", dir, id);
    if (sv_pki_verify(trusted, leaf, &who, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(who.id, id);
}

/// Whatever `selvedge pki` makes, with every kind of key. [profile-2]
static void our_own_certificates_are_of_the_profile(void **state) {
    (void) state;
    static const sv_key_kind KINDS[] = { SV_KEY_EC, SV_KEY_RSA, SV_KEY_ED25519 };
    static const char *const IDS[] = { "press-1", "gateway-1", "fleet-1", "panel-1" };
    static const sv_role ROLES[] = { SV_ROLE_DEVICE, SV_ROLE_GATEWAY, SV_ROLE_SERVER, SV_ROLE_APP };
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        char dir[] = "/tmp/sv-profile-XXXXXX";
        char out[64], pki[64];
        assert_non_null(mkdtemp(dir));
        (void) snprintf(out, sizeof out, "%s/out", dir);
        (void) snprintf(pki, sizeof pki, "%s/pki", dir);
        const sv_pki_setup setup = { .dir = pki, .key = KINDS[i], .root_passphrase = "only tests" };
        assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
        for (size_t k = 0; k < SV_COUNT(IDS); k++) {
            const sv_pki_leaf leaf = {
                .id = IDS[k], .role = ROLES[k], .key = KINDS[i], .out = out
            };
            assert_int_equal(sv_pki_issue(pki, &leaf, NULL), SV_OK);
            must_verify(dir, IDS[k], "pki/ca.crt");
            must_verify(dir, IDS[k], "pki/root/root.crt");
        }
        assert_int_equal(sv_disk_remove_tree(dir, NULL), SV_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_chains_are_taken),
        cmocka_unit_test(our_own_certificates_are_of_the_profile),
    };
    return cmocka_run_group_tests(tests, make_chain, drop_chain);
}
