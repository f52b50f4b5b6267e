// Whatever comes over the socket: every request gets an answer whose numbers hold together, and
// only what the policy allows is issued.
#include "service_fixture.h"

#include <string.h>
#include <sys/log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fixture f;
    if (f.dir[0] == '\0') {
        sv_log_open("fuzz", SV_LOG_error);
        if (!fixture_begin(&f)) {
            abort();
        }
    }
    sv_signer_request request;
    if (sv_signer_request_read(data, size, &request, NULL) != SV_OK) {
        // Behind the doorkeeper all the same.
        memset(&request, 0, sizeof request);
        memcpy(&request, data, size < sizeof request ? size : sizeof request);
    }
    sv_signer_answer answer, read;
    if (service_answer(&f.service, &f.draft, &request, 1, &answer, NULL) != SV_OK) {
        abort();
    }
    answer.head.magic = SV_SIGNER_MAGIC;
    answer.head.version = SV_SIGNER_VERSION;
    answer.head.verb = SV_SIGNER_ISSUE;
    if (sv_signer_answer_read(&answer, sizeof answer, &read, NULL) != SV_OK
        || (read.err != SV_OK && read.sentence[0] == '\0')) {
        abort();
    }
    return 0;
}
