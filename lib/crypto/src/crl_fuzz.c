// Whatever the bytes: a list that nobody trusted has signed is never taken, and the answer says
// why.
#include <crypto/crl.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_crl_facts facts;
    sv_why why = { 0 };
    const sv_text der = { .at = (const char *) data, .len = size };
    // Trusted is nobody: the file is empty.
    sv_err err = sv_crl_read(der, "/dev/null", 0, &facts, NULL, &why);
    if ((err != SV_ERR_INVALID && err != SV_ERR_UNTRUSTED) || why.text[0] == '\0') {
        abort();
    }
    return 0;
}
