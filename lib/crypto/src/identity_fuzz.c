// Whatever the certificate: who is recognised has an id of the grammar and a role, and a stranger's
// certificate without a role is never more than a classic device.
#include "own.h"
#include <crypto/identity.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const X509 *certificate, bool allow_classic) {
    sv_identity who = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_identity_of(certificate, allow_classic, &who, &why);
    if (err != SV_OK) {
        if (err != SV_ERR_UNTRUSTED || why.code != err || why.text[0] == '\0'
            || who.id[0] != '\0') {
            abort();
        }
        return;
    }
    if (!sv_id_is_valid(sv_text_of(who.id)) || (unsigned) who.role >= SV_ROLE__COUNT
        || (who.classic && (!allow_classic || who.role != SV_ROLE_DEVICE))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const unsigned char *at = data;
    SV_DEFER(sv_x509_drop) X509 *certificate = d2i_X509(NULL, &at, (long) size);
    if (certificate != NULL) {
        check(certificate, false);
        check(certificate, true);
    }
    return 0;
}
