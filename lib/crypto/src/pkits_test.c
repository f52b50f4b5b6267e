// NIST's PKITS (Public Key Interoperability Test Suite, 2011) against our path validation, as a
// door uses it for a device of a manufacturer, with the revocation lists looked up as at our doors.
// Each message of the suite carries one path and its lists; its name says whether the path is to
// validate. Where we differ, the table says why. [profile-5]
#include "own.h"

#include <base/test.h>
#include <crypto/profile.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <string.h>

#define SUITE "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"

enum {
    WITHIN_S = 1577836800, ///< 2020-01-01: the suite's certificates count from 2010 to 2030
    SECURITY_LEVEL = 2,    ///< OpenSSL's, as Debian's TLS has it
    PATH_ROOM = 256,
    MESSAGES = 224, ///< in the suite
};

/// Why a case does not come out as the suite has it, or has no one outcome.
typedef enum reason {
    POLICIES,
    CA_AS_LEAF,
    NO_DSA,
    LEAF_LIST,
    WHOLE_LISTS,
    UNASKED,
} reason;

static const char *const REASONS[] = {
    [POLICIES] = "critical policies are refused: nothing here judges them",
    [CA_AS_LEAF] = "a CA speaks for nobody, though its path is good",
    [NO_DSA] = "DSA is not taken",
    [LEAF_LIST] = "the leaf alone is looked up in a revocation list",
    [WHOLE_LISTS] = "a list is one CA's own and whole: not indirect, not a delta, not divided",
    [UNASKED] = "its outcome depends on the policies that are asked for, which here are none",
};

static const struct {
    const char *name; ///< of the message
    reason why;
} DEVIATIONS[] = {
    { "ValidPolicyMappingTest1", POLICIES },
    { "ValidPolicyMappingTest11", POLICIES },
    { "ValidPolicyMappingTest12", POLICIES },
    { "ValidPolicyMappingTest13", POLICIES },
    { "ValidPolicyMappingTest14", POLICIES },
    { "ValidPolicyMappingTest3", POLICIES },
    { "ValidPolicyMappingTest5", POLICIES },
    { "ValidPolicyMappingTest6", POLICIES },
    { "ValidPolicyMappingTest9", POLICIES },
    { "ValidRequireExplicitPolicyTest1", POLICIES },
    { "ValidRequireExplicitPolicyTest2", POLICIES },
    { "ValidRequireExplicitPolicyTest4", POLICIES },
    { "ValidSelfIssuedinhibitAnyPolicyTest7", POLICIES },
    { "ValidSelfIssuedinhibitAnyPolicyTest9", POLICIES },
    { "ValidSelfIssuedinhibitPolicyMappingTest7", POLICIES },
    { "ValidSelfIssuedrequireExplicitPolicyTest6", POLICIES },
    { "ValidinhibitAnyPolicyTest2", POLICIES },
    { "ValidinhibitPolicyMappingTest2", POLICIES },
    { "ValidinhibitPolicyMappingTest4", POLICIES },
    { "ValidonlyContainsCACertsCRLTest13", CA_AS_LEAF },
    { "ValidpathLenConstraintTest14", CA_AS_LEAF },
    { "ValidpathLenConstraintTest8", CA_AS_LEAF },
    { "ValidDSAParameterInheritanceTest5", NO_DSA },
    { "ValidDSASignaturesTest4", NO_DSA },
    { "InvalidRevokedCATest2", LEAF_LIST },
    { "InvaliddeltaCRLTest4", WHOLE_LISTS },
    { "ValidBasicSelfIssuedCRLSigningKeyTest6", WHOLE_LISTS },
    { "ValidBasicSelfIssuedNewWithOldTest4", WHOLE_LISTS },
    { "ValidIDPwithindirectCRLTest22", WHOLE_LISTS },
    { "ValidIDPwithindirectCRLTest24", WHOLE_LISTS },
    { "ValidIDPwithindirectCRLTest25", WHOLE_LISTS },
    { "ValidSeparateCertificateandCRLKeysTest19", WHOLE_LISTS },
    { "ValiddeltaCRLTest5", WHOLE_LISTS },
    { "ValidcRLIssuerTest28", WHOLE_LISTS },
    { "ValidcRLIssuerTest29", WHOLE_LISTS },
    { "ValidcRLIssuerTest30", WHOLE_LISTS },
    { "ValidcRLIssuerTest33", WHOLE_LISTS },
    { "ValidonlySomeReasonsTest18", WHOLE_LISTS },
    { "ValidonlySomeReasonsTest19", WHOLE_LISTS },
    { "DifferentPoliciesTest7", UNASKED },
    { "DifferentPoliciesTest8", UNASKED },
    { "OverlappingPoliciesTest6", UNASKED },
    { "inhibitAnyPolicyTest3", UNASKED },
    { "AllCertificatesAnyPolicyTest11", UNASKED },
    { "AllCertificatesNoPoliciesTest2", UNASKED },
    { "AllCertificatesSamePoliciesTest10", UNASKED },
    { "AllCertificatesSamePoliciesTest13", UNASKED },
    { "AllCertificatesSamePolicyTest1", UNASKED },
    { "AnyPolicyTest14", UNASKED },
    { "CPSPointerQualifierTest20", UNASKED },
    { "DifferentPoliciesTest12", UNASKED },
    { "DifferentPoliciesTest3", UNASKED },
    { "DifferentPoliciesTest4", UNASKED },
    { "DifferentPoliciesTest5", UNASKED },
    { "DifferentPoliciesTest9", UNASKED },
    { "UserNoticeQualifierTest15", UNASKED },
    { "UserNoticeQualifierTest16", UNASKED },
    { "UserNoticeQualifierTest17", UNASKED },
    { "UserNoticeQualifierTest18", UNASKED },
    { "UserNoticeQualifierTest19", UNASKED },
};

/// Those that a door takes: deltas are refused when they are read.
static STACK_OF(X509_CRL) * whole_lists(PKCS7 *message) {
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    for (int i = 0; i < sk_X509_CRL_num(message->d.sign->crl); i++) {
        X509_CRL *list = sk_X509_CRL_value(message->d.sign->crl, i);
        if (sv_profile_list_is_whole(list)) {
            assert_int_not_equal(sk_X509_CRL_push(lists, list), 0);
        }
    }
    return lists;
}

static sv_err judge(const char *path, X509_STORE *store, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *in = BIO_new_file(path, "r");
    BIO *content = NULL;
    PKCS7 *message = SMIME_read_PKCS7(in, &content);
    assert_non_null(message);
    STACK_OF(X509) *signers = PKCS7_get0_signers(message, NULL, 0);
    SV_DEFER(sv_trust_ctx_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(sk_X509_num(signers), 1);
    assert_int_equal(
        X509_STORE_CTX_init(context, store, sk_X509_value(signers, 0), message->d.sign->cert), 1);
    STACK_OF(X509_CRL) *lists = whole_lists(message);
    X509_STORE_CTX_set0_crls(context, lists);
    assert_int_equal(X509_STORE_CTX_set_default(context, "ssl_client"), 1);
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(rules, WITHIN_S);
    (void) X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK);
    const sv_profile profile = { .use = SV_PROFILE_PATH };
    sv_err err = sv_profile_verify(context, &profile, why);
    sk_X509_free(signers);
    sk_X509_CRL_free(lists);
    PKCS7_free(message);
    BIO_free_all(content);
    ERR_clear_error();
    return err;
}

static X509_STORE *open_store(void) {
    SV_DEFER(sv_bio_drop)
    BIO *in = BIO_new_file(SUITE "/certs/TrustAnchorRootCertificate.crt", "r");
    SV_DEFER(sv_x509_drop) X509 *anchor = d2i_X509_bio(in, NULL);
    X509_STORE *store = X509_STORE_new();
    assert_non_null(anchor);
    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    return store;
}

/// -1: it is none of the table.
static int find_deviation(const char *name) {
    for (size_t i = 0; i < SV_COUNT(DEVIATIONS); i++) {
        if (strcmp(DEVIATIONS[i].name, name) == 0) {
            return (int) i;
        }
    }
    return -1;
}

/// What the table does not name comes out as the suite has it; what it names does not.
static void must_come_out(const char *name, sv_err err, const char *said) {
    int deviation = find_deviation(name);
    bool valid = strncmp(name, "Valid", sizeof "Valid" - 1) == 0;
    bool invalid =
        strncmp(name, "Invalid", sizeof "Invalid" - 1) == 0 || strcmp(name, "MissingCRLTest1") == 0;
    if (deviation >= 0 && DEVIATIONS[deviation].why == UNASKED && !valid && !invalid) {
        return;
    }
    if (!valid && !invalid) {
        fail_msg("%s has no outcome in its name and is not in the table", name);
    }
    bool same = (err == SV_OK) == valid;
    if (same != (deviation < 0)) {
        fail_msg("%s: %s %s; the table says: %s", name, err == SV_OK ? "taken" : "refused", said,
                 deviation >= 0 ? REASONS[DEVIATIONS[deviation].why] : "nothing");
    }
}

/// How many messages there were.
static size_t judge_all(DIR *folder) {
    SV_DEFER(sv_trust_drop) X509_STORE *store = open_store();
    size_t messages = 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_ROOM], name[PATH_ROOM];
        size_t len = strcspn(entry->d_name, ".");
        if (strncmp(entry->d_name, "Signed", sizeof "Signed" - 1) != 0 || len >= sizeof name) {
            continue;
        }
        (void) snprintf(name, sizeof name, "%.*s", (int) (len - (sizeof "Signed" - 1)),
                        entry->d_name + sizeof "Signed" - 1);
        (void) snprintf(path, sizeof path, SUITE "/smime/%.160s", entry->d_name);
        sv_why why = { .text = "" };
        must_come_out(name, judge(path, store, &why), why.text);
        messages++;
    }
    return messages;
}

static void paths_come_out_as_nist_has_it(void **state) {
    (void) state;
    DIR *folder = opendir(SUITE "/smime");
    if (folder != NULL) {
        assert_int_equal(judge_all(folder), MESSAGES);
        (void) closedir(folder);
    } else {
        print_message("skipped: python3-cryptography-vectors, which has NIST's PKITS, is not "
                      "installed\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_come_out_as_nist_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
