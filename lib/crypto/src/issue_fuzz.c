// An sv_issue of random bytes: it is refused with a sentence, or the certificate says exactly who
// it is for and can sign nothing.
#include "issue_internal.h"
#include "pki_internal.h"
#include <crypto/identity.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const sv_issuer *issuer(void) {
    static sv_issuer made = { .domain = "fuzz.example" };
    if (made.certificate == NULL) {
        EVP_PKEY *key = NULL;
        if (sv_pkey_make(SV_KEY_EC, &key, NULL) != SV_OK
            || sv_ca_make(&(sv_ca){ .org = "Fuzz", .name = "ca", .days = 30, .key = key }, NULL,
                          &made.certificate, NULL)
                   != SV_OK) {
            abort();
        }
        made.key = key;
    }
    return &made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_issue issue = { 0 };
    memcpy(&issue, data, size < sizeof issue ? size : sizeof issue);
    const sv_issuer *by = issuer();
    int64_t now_us = sv_asn1_time_us(X509_get0_notBefore(by->certificate));
    sv_why why = { 0 };
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    if (sv_issue_certify(by, &issue, now_us, &certificate, &why) != SV_OK) {
        if (why.text[0] == '\0' || certificate != NULL) {
            abort();
        }
        return 0;
    }
    sv_identity who;
    if (sv_identity_of(certificate, false, &who, NULL) != SV_OK || strcmp(who.id, issue.id) != 0
        || who.role != (sv_role) issue.role || X509_check_ca(certificate) != 0) {
        abort();
    }
    return 0;
}
