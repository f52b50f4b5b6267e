// Whatever the request: what is taken from it passes the check that certifying begins with, and
// what is refused is refused with a sentence. No fuzzer can sign, so the subject and what a request
// asks for are tried without the proof of possession too.
#include "issue_internal.h"
#include "pki_internal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_say(sv_err err, const sv_why *why) {
    if (err != SV_OK && why->text[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text bytes = { .at = (const char *) data, .len = size };
    sv_why why = { 0 };
    sv_issue issue;
    sv_err err = sv_issue_from_csr(bytes, &issue, &why);
    must_say(err, &why);
    if (err == SV_OK && sv_issue_check(&issue, NULL) != SV_OK) {
        abort();
    }
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    if (sv_request_parse(bytes, "fuzz", &request, NULL) == SV_OK) {
        why = (sv_why){ 0 };
        must_say(sv_request_check_asked(request, "press-1", &why), &why);
        why = (sv_why){ 0 };
        must_say(sv_issue_from_request(request, &issue, &why), &why);
    }
    return 0;
}
