#include "shelf.h"

#include <codec/encode.h>
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>

enum { DRAFT_BYTES = 4, DIGEST_BYTES = 20 }; ///< ".new"; as much of a long name's as tells it apart

void shelf_name(const char *shelf, const char *name, char out[SV_SLOT_NAME_MAX + 1]) {
    size_t room = SV_SLOT_NAME_MAX + 1 - DRAFT_BYTES;
    uint8_t digest[32];
    if ((size_t) snprintf(out, room, "%s.%s", shelf, name) < room) {
        return;
    }
    sv_textbuf text = { .at = out, .cap = SV_SLOT_NAME_MAX + 1 };
    sv_sha256(sv_text_of(name), digest);
    sv_textbuf_add_str(&text, shelf);
    sv_textbuf_add_char(&text, '.');
    sv_hex_add(&text, digest, DIGEST_BYTES);
    (void) (sv_textbuf_end(&text) == SV_OK);
}

static sv_err read_open(const sv_slot_disk *disk, int file, sv_textbuf *out, sv_why *why) {
    uint64_t bytes = 0;
    SV_TRY(disk->length(disk->arg, file, &bytes, why));
    char *at = bytes <= SIZE_MAX ? sv_textbuf_grow(out, (size_t) bytes) : NULL;
    if (at == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "it has %llu bytes", (unsigned long long) bytes);
    }
    return disk->read(disk->arg, file, 0, (uint8_t *) at, (size_t) bytes, why);
}

sv_err shelf_read(const sv_slot_disk *disk, const char *name, sv_textbuf *out, sv_why *why) {
    int file = -1;
    SV_TRY(disk->open(disk->arg, name, 0, &file, why));
    sv_err err = read_open(disk, file, out, why);
    disk->close(disk->arg, file);
    return err;
}

static sv_err write_draft(const sv_slot_disk *disk, const char *draft, sv_text bytes, sv_why *why) {
    int file = -1;
    SV_TRY(disk->unlink(disk->arg, draft, why));
    SV_TRY(disk->open(disk->arg, draft, SV_SLOT_WRITE | SV_SLOT_MAKE, &file, why));
    sv_err err = disk->write(disk->arg, file, 0, (const uint8_t *) bytes.at, bytes.len, why);
    if (err == SV_OK) {
        err = disk->sync(disk->arg, file, why);
    }
    disk->close(disk->arg, file);
    return err;
}

sv_err shelf_keep(const sv_slot_disk *disk, const char *name, sv_text bytes, sv_why *why) {
    char draft[SV_SLOT_NAME_MAX + 1];
    (void) snprintf(draft, sizeof draft, "%.*s.new", SV_SLOT_NAME_MAX - DRAFT_BYTES, name);
    sv_err err = write_draft(disk, draft, bytes, why);
    if (err == SV_OK) {
        err = disk->rename(disk->arg, draft, name, why);
    }
    if (err != SV_OK) { // its room is given back, above all where there is none
        (void) (disk->unlink(disk->arg, draft, NULL) == SV_OK);
        return err;
    }
    return disk->sync_folder(disk->arg, why);
}
