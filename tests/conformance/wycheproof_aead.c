// Judges AES-256-GCM one message a line: key, nonce, what is authenticated with it, plain text, and
// what it is sealed, in hexadecimal, a tab between them. Answers 1 when that opens, and to just the
// plain text, and the plain text seals to just that; 0 when it does not open.
#include <codec/encode.h>
#include <crypto/aead.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 64 * 1024, FIELDS = 5 };

static sv_text unhex(sv_text hex, char *room) {
    size_t len = hex.len / 2;
    if (len > BYTES_MAX || sv_hex_parse(hex, (uint8_t *) room, len) != SV_OK) {
        (void) fprintf(stderr, "not hexadecimal: " SV_TEXT_FMT "\n", SV_TEXT_ARG(hex));
        exit(2);
    }
    return (sv_text){ .at = room, .len = len };
}

/// "?" is an answer that no vector asks for.
static const char *judge(const sv_text fields[FIELDS]) {
    static uint8_t opened[BYTES_MAX];
    static uint8_t sealed[BYTES_MAX + SV_AEAD_TAG_BYTES];
    SV_DEFER(sv_aead_drop) sv_aead *aead = sv_aead_new((const uint8_t *) fields[0].at);
    const uint8_t *nonce = (const uint8_t *) fields[1].at;
    if (sv_aead_open(aead, nonce, fields[2], fields[4], opened, NULL) != SV_OK) {
        return "0";
    }
    sv_aead_seal(aead, nonce, fields[2], fields[3], sealed);
    bool same = fields[4].len == fields[3].len + SV_AEAD_TAG_BYTES
                && memcmp(opened, fields[3].at, fields[3].len) == 0
                && memcmp(sealed, fields[4].at, fields[4].len) == 0;
    return same ? "1" : "?";
}

int main(void) {
    static char rooms[FIELDS][BYTES_MAX];
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        sv_text rest = { .at = line, .len = (size_t) len - 1 };
        sv_text fields[FIELDS];
        for (size_t i = 0; i < FIELDS; i++) {
            fields[i] = unhex(sv_text_cut(&rest, '\t'), rooms[i]);
        }
        bool fits = fields[0].len == SV_AEAD_KEY_BYTES && fields[1].len == SV_AEAD_NONCE_BYTES;
        (void) puts(fits ? judge(fields) : "?");
    }
    free(line);
    return 0;
}
