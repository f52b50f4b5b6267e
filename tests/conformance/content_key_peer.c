// A content key wrapped and opened by crypto/content_key.h, for other implementations to meet:
//   content_key_peer wrap CERT < 32 bytes > CMS        content_key_peer open CERT KEY < CMS > 32
//   bytes
#include <crypto/content_key.h>
#include <crypto/key_store.h>
#include <stdio.h>
#include <string.h>

static sv_text read_all(FILE *from, char *room, size_t bytes_max) {
    return (sv_text){ .at = room, .len = from == NULL ? 0 : fread(room, 1, bytes_max, from) };
}

static sv_err open_it(sv_text cms, sv_text certificate, const char *key_path, uint8_t *out,
                      sv_why *why) {
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    SV_TRY(sv_key_open(key_path, &key, why));
    return sv_content_unwrap(cms, certificate, key, out, why);
}

int main(int count, char **args) {
    static char certificate_room[SV_KEY_FILE_MAX];
    static char in_room[SV_CONTENT_CMS_MAX];
    static char out_room[SV_CONTENT_CMS_MAX];
    sv_textbuf out = SV_TEXTBUF(out_room);
    sv_why why = { 0 };
    if (count < 3) {
        return 2;
    }
    FILE *file = fopen(args[2], "re");
    sv_text certificate = read_all(file, certificate_room, sizeof certificate_room);
    sv_text in = read_all(stdin, in_room, sizeof in_room);
    sv_err err = SV_ERR_INVALID;
    if (strcmp(args[1], "wrap") == 0 && in.len == SV_CONTENT_KEY_BYTES) {
        err = sv_content_wrap((const uint8_t *) in.at, certificate, &out, &why);
    } else if (strcmp(args[1], "open") == 0 && count == 4) {
        err = open_it(in, certificate, args[3], (uint8_t *) out_room, &why);
        out.len = SV_CONTENT_KEY_BYTES;
    }
    if (file != NULL) {
        (void) fclose(file);
    }
    if (err != SV_OK || fwrite(out_room, 1, out.len, stdout) != out.len) {
        (void) fprintf(stderr, "content_key_peer: %s\n", why.text);
        return 1;
    }
    return 0;
}
