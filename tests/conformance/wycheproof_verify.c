// Judges signatures one a line: scheme, key, message and signature in hexadecimal, a tab between
// them; the key's text in hexadecimal as well. Answers 1 or 0. Scheme "boot" is how a boot loader
// judges, its signatures r and s.
#include <boot/key.h>
#include <codec/encode.h>
#include <crypto/verifier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 64 * 1024 };

static sv_text unhex(sv_text hex, char *room) {
    size_t len = hex.len / 2;
    if (len > BYTES_MAX || sv_hex_parse(hex, (uint8_t *) room, len) != SV_OK) {
        (void) fprintf(stderr, "not hexadecimal: " SV_TEXT_FMT "\n", SV_TEXT_ARG(hex));
        exit(2);
    }
    return (sv_text){ .at = room, .len = len };
}

static bool boot_takes(sv_text key, sv_text message, sv_text signature) {
    sv_boot_key read;
    return sv_boot_key_read((const uint8_t *) key.at, key.len, &read)
           && signature.len == SV_BOOT_SIGNATURE_BYTES
           && sv_boot_key_signed(&read, (const uint8_t *) message.at, message.len,
                                 (const uint8_t *) signature.at);
}

static bool metadata_takes(sv_text scheme, sv_text key, sv_text message, sv_text signature) {
    SV_DEFER(sv_verifier_drop) sv_verifier *verifier = NULL;
    return sv_verifier_open(scheme, key, &verifier, NULL) == SV_OK
           && sv_verifier_check(verifier, message, signature, NULL) == SV_OK;
}

int main(void) {
    static char rooms[3][BYTES_MAX];
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        sv_text rest = { .at = line, .len = (size_t) len - 1 };
        sv_text scheme = sv_text_cut(&rest, '\t');
        sv_text key = unhex(sv_text_cut(&rest, '\t'), rooms[0]);
        sv_text message = unhex(sv_text_cut(&rest, '\t'), rooms[1]);
        sv_text signature = unhex(rest, rooms[2]);
        bool good = sv_text_is(scheme, "boot") ? boot_takes(key, message, signature)
                                               : metadata_takes(scheme, key, message, signature);
        (void) puts(good ? "1" : "0");
    }
    free(line);
    return 0;
}
