// Whatever the body: certificates within the bound that go out and come in again the same, or a
// sentence.
#include "own.h"
#include <crypto/est.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const sv_certs *left, const sv_certs *right) {
    if (left->count != right->count) {
        abort();
    }
    for (size_t i = 0; i < left->count; i++) {
        if (X509_cmp(left->at[i], right->at[i]) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    SV_DEFER(sv_certs_drop) sv_certs again = { 0 };
    sv_why why = { 0 };
    sv_text body = { .at = (const char *) data, .len = size };
    if (sv_est_certs_parse(body, &certs, &why) != SV_OK) {
        if (why.text[0] == '\0' || certs.count != 0) {
            abort();
        }
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP((size_t) 4 * SV_EST_BODY_MAX);
    if (certs.count == 0 || certs.count > SV_EST_CERTS_MAX
        || sv_est_certs_add(&out, certs.at, certs.count, &why) != SV_OK || out.overflowed) {
        abort();
    }
    if (out.len <= SV_EST_BODY_MAX) {
        if (sv_est_certs_parse(sv_textbuf_text(&out), &again, &why) != SV_OK) {
            abort();
        }
        check_same(&certs, &again);
    }
    return 0;
}
