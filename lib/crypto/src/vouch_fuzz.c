// Whatever is said to be vouched for: two bytes say how long the request is, the certificate
// follows. What is refused is refused with a sentence.
#include <crypto/reissue.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_why why = { 0 };
    sv_vouched vouched = SV_VOUCHED_NOT;
    if (size < 2) {
        return 0;
    }
    size_t len = (size_t) data[0] << 8 | data[1];
    len = len < size - 2 ? len : size - 2;
    const sv_text request = { .at = (const char *) data + 2, .len = len };
    const sv_text certificate = { .at = request.at + len, .len = size - 2 - len };
    sv_err err = sv_request_vouched(request, certificate, &vouched, &why);
    if ((err == SV_OK) != (why.text[0] == '\0') || (err != SV_OK && vouched != SV_VOUCHED_NOT)) {
        abort();
    }
    return 0;
}
