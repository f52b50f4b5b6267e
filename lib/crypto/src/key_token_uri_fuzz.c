// The URI of a key in a token: whatever is taken names a key and a module, in texts that end.
#include "key_token_uri.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static size_t text_len(const char *text, size_t room) {
    size_t len = strnlen(text, room);
    if (len == room) {
        abort();
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    sv_token_uri uri;
    sv_why why = { 0 };
    if (sv_token_uri_parse((sv_text){ .at = (const char *) bytes, .len = len }, &uri, &why)
        != SV_OK) {
        return 0;
    }
    (void) text_len(uri.token, sizeof uri.token);
    (void) text_len(uri.serial, sizeof uri.serial);
    size_t object = text_len(uri.object, sizeof uri.object);
    size_t module = text_len(uri.module, sizeof uri.module);
    size_t pin_file = text_len(uri.pin_file, sizeof uri.pin_file);
    if ((object == 0 && uri.id_len == 0) || uri.id_len > sizeof uri.id || module == 0
        || (pin_file > 0 && uri.pin_file[0] != '/')) {
        abort();
    }
    return 0;
}
