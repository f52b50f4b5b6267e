// The file of a key that a TPM has wrapped: whatever is taken, written again and read again is the
// same key.
#include "key_tpm.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const sv_tpm_functions *call = NULL;
    sv_tpm_wrapped read = { 0 };
    if (sv_tpm_load(&call, NULL) != SV_OK
        || sv_tpm_wrapped_parse(call, (sv_text){ .at = (const char *) bytes, .len = len }, &read,
                                NULL)
               != SV_OK) {
        return 0;
    }
    sv_tpm_wrapped again = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    if (sv_tpm_wrapped_add(call, &read, &pem, NULL) != SV_OK
        || sv_tpm_wrapped_parse(call, sv_textbuf_text(&pem), &again, NULL) != SV_OK
        || read.sealed.size != again.sealed.size
        || memcmp(read.sealed.buffer, again.sealed.buffer, read.sealed.size) != 0
        || memcmp(&read.open.publicArea.unique.ecc, &again.open.publicArea.unique.ecc,
                  sizeof read.open.publicArea.unique.ecc)
               != 0) {
        abort();
    }
    return 0;
}
