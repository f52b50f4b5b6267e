#include <inttypes.h>
#include <slot/installer.h>
#include <stdio.h>
#include <string.h>

static unsigned how_of(const sv_native *native, unsigned how) {
    return how | (native->devices ? SV_SLOT_DEVICE : 0);
}

static void tick(const sv_native *native) {
    if (native->tick != NULL) {
        native->tick(native->tick_arg);
    }
}

// ---- headers ------------------------------------------------------------------------------------

enum { HEADER_NAME_ROOM = SV_SLOT_NAME_MAX + 6 };

/// Of the file that a header lies in, apart from its image.
static void header_name(const sv_native *native, unsigned slot, char out[HEADER_NAME_ROOM]) {
    (void) snprintf(out, HEADER_NAME_ROOM, "%s.boot", native->names[slot]);
}

/// Zeros where the file is too short for one.
static sv_err read_there(const sv_native *native, int file, uint8_t out[SV_BOOT_HEADER_BYTES],
                         sv_why *why) {
    uint64_t bytes = 0;
    uint64_t least = native->apart ? SV_BOOT_HEADER_BYTES : SV_BOOT_TRAILER_BYTES;
    SV_TRY(native->disk->length(native->disk->arg, file, &bytes, why));
    return bytes < least ? SV_OK
                         : native->disk->read(native->disk->arg, file,
                                              native->apart ? 0 : bytes - SV_BOOT_TRAILER_BYTES,
                                              out, SV_BOOT_HEADER_BYTES, why);
}

/// `fresh`: from the medium, not from memory.
static sv_err read_header(const sv_native *native, unsigned slot, bool fresh,
                          uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    char apart[HEADER_NAME_ROOM];
    int file = -1;
    sv_why fault = { 0 };
    memset(out, 0, SV_BOOT_HEADER_BYTES);
    header_name(native, slot, apart);
    sv_err err = native->disk->open(native->disk->arg, native->apart ? apart : native->names[slot],
                                    how_of(native, 0), &file, &fault);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s", fault.text);
    }
    err = fresh ? native->disk->forget(native->disk->arg, file, why) : SV_OK;
    err = err == SV_OK ? read_there(native, file, out, why) : err;
    native->disk->close(native->disk->arg, file);
    return err;
}

static sv_err header(void *arg, unsigned slot, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    return read_header(arg, slot, false, out, why);
}

static sv_err write_apart(const sv_native *native, const uint8_t bytes[SV_BOOT_HEADER_BYTES],
                          const char *name, sv_why *why) {
    int file = -1;
    SV_TRY(native->disk->open(native->disk->arg, name, SV_SLOT_WRITE | SV_SLOT_MAKE, &file, why));
    sv_err err = native->disk->set_length(native->disk->arg, file, SV_BOOT_HEADER_BYTES, why);
    if (err == SV_OK) {
        err = native->disk->write(native->disk->arg, file, 0, bytes, SV_BOOT_HEADER_BYTES, why);
    }
    if (err == SV_OK) {
        err = native->disk->sync(native->disk->arg, file, why);
    }
    native->disk->close(native->disk->arg, file);
    return err;
}

/// Nothing in the slot counts: one that a cut leaves without a header is written again.
static sv_err seal_apart(const sv_native *native, const uint8_t bytes[SV_BOOT_HEADER_BYTES],
                         sv_why *why) {
    char name[HEADER_NAME_ROOM];
    header_name(native, native->slot, name);
    SV_TRY(native->disk->unlink(native->disk->arg, name, why));
    SV_TRY(write_apart(native, bytes, name, why));
    return native->disk->sync_folder(native->disk->arg, why);
}

// ---- the slot that is being written -------------------------------------------------------------

static void end(void *arg) {
    sv_native *native = arg;
    if (native->file >= 0) {
        native->disk->close(native->disk->arg, native->file);
        native->file = -1;
    }
}

/// As long as its image has to be, with the old one's room given back. One that has the length
/// already is gone on with.
static sv_err fit(sv_native *native, uint64_t image_bytes, sv_why *why) {
    uint64_t bytes = 0;
    SV_TRY(native->disk->length(native->disk->arg, native->file, &bytes, why));
    native->room = image_bytes;
    if (bytes == image_bytes) {
        return SV_OK;
    }
    SV_TRY(native->disk->set_length(native->disk->arg, native->file, 0, why));
    return native->disk->set_length(native->disk->arg, native->file, image_bytes, why);
}

static sv_err begin_apart(sv_native *native, unsigned slot, uint64_t image_bytes, sv_why *why) {
    sv_why fault = { 0 };
    if (image_bytes > native->image_max) {
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "an image of %" PRIu64 " bytes is larger than the %" PRIu64
                       " that may be kept here",
                       image_bytes, native->image_max);
    }
    sv_err err = native->disk->open(native->disk->arg, native->names[slot], SV_SLOT_WRITE,
                                    &native->file, &fault);
    if (err == SV_ERR_NOT_FOUND) {
        SV_TRY(native->disk->open(native->disk->arg, native->names[slot],
                                  SV_SLOT_WRITE | SV_SLOT_MAKE, &native->file, why));
        err = native->disk->sync_folder(native->disk->arg, &fault);
    }
    return err == SV_OK ? fit(native, image_bytes, why) : sv_fail(why, err, "%s", fault.text);
}

static sv_err begin_fixed(sv_native *native, unsigned slot, uint64_t image_bytes, sv_why *why) {
    uint64_t bytes = 0;
    SV_TRY(native->disk->open(native->disk->arg, native->names[slot], how_of(native, SV_SLOT_WRITE),
                              &native->file, why));
    SV_TRY(native->disk->length(native->disk->arg, native->file, &bytes, why));
    native->room = bytes < SV_BOOT_TRAILER_BYTES ? 0 : bytes - SV_BOOT_TRAILER_BYTES;
    return image_bytes <= native->room
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE,
                         "an image of %" PRIu64
                         " bytes does not fit into '%s': it has room for %" PRIu64,
                         image_bytes, native->names[slot], native->room);
}

static sv_err begin(void *arg, unsigned slot, uint64_t image_bytes, sv_why *why) {
    sv_native *native = arg;
    end(native);
    native->slot = slot;
    sv_err err = native->apart ? begin_apart(native, slot, image_bytes, why)
                               : begin_fixed(native, slot, image_bytes, why);
    if (err != SV_OK) {
        end(native);
    }
    return err;
}

static sv_err write_image(void *arg, uint64_t at, const uint8_t *bytes, size_t len, sv_why *why) {
    const sv_native *native = arg;
    if (native->file < 0 || at > native->room || len > native->room - at) {
        return sv_fail(why, SV_ERR_STATE, "byte %" PRIu64 " is not one of the slot's image", at);
    }
    tick(native);
    return native->disk->write(native->disk->arg, native->file, at, bytes, len, why);
}

static sv_err flush(void *arg, sv_why *why) {
    const sv_native *native = arg;
    return native->disk->sync(native->disk->arg, native->file, why);
}

static sv_err seal(void *arg, const uint8_t header[SV_BOOT_HEADER_BYTES], sv_why *why) {
    const sv_native *native = arg;
    uint8_t trailer[SV_BOOT_TRAILER_BYTES] = { 0 };
    if (native->apart) {
        return seal_apart(native, header, why);
    }
    memcpy(trailer, header, SV_BOOT_HEADER_BYTES);
    SV_TRY(native->disk->write(native->disk->arg, native->file, native->room, trailer,
                               sizeof trailer, why));
    return flush(arg, why);
}

static sv_err read_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const sv_native *native = arg;
    tick(native);
    return native->disk->read(native->disk->arg, native->file, at, out, bytes, why);
}

static sv_err read_back(void *arg, const uint8_t sealed[SV_BOOT_HEADER_BYTES], sv_why *why) {
    sv_native *native = arg;
    uint8_t there[SV_BOOT_HEADER_BYTES] = { 0 };
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    sv_boot_header said;
    SV_TRY(native->disk->forget(native->disk->arg, native->file, why));
    SV_TRY(read_header(native, native->slot, true, there, why));
    if (memcmp(there, sealed, sizeof there) != 0
        || sv_boot_header_read(there, sizeof there, &said) != SV_BOOT_GOOD) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the slot gives back another header than was written");
    }
    const sv_image_bytes image = { .arg = native, .length = said.image_bytes, .read = read_image };
    SV_TRY(sv_image_digest(&image, digest, why));
    return memcmp(digest, said.digest, sizeof digest) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "what lies in the slot is not the image that was signed");
}

sv_err sv_native_make(const sv_slot_disk *disk, const char *name, uint64_t bytes, sv_why *why) {
    char fresh[SV_SLOT_NAME_MAX + 5];
    int file = -1;
    sv_why fault = { 0 };
    sv_err err = disk->open(disk->arg, name, 0, &file, &fault);
    if (err == SV_OK) {
        disk->close(disk->arg, file);
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err == SV_OK ? err : sv_fail(why, err, "%s", fault.text);
    }
    (void) snprintf(fresh, sizeof fresh, "%s.new", name);
    SV_TRY(disk->unlink(disk->arg, fresh, why));
    SV_TRY(disk->open(disk->arg, fresh, SV_SLOT_WRITE | SV_SLOT_MAKE, &file, why));
    err = disk->set_length(disk->arg, file, bytes, why);
    err = err == SV_OK ? disk->sync(disk->arg, file, why) : err;
    disk->close(disk->arg, file);
    SV_TRY(err);
    SV_TRY(disk->rename(disk->arg, fresh, name, why));
    return disk->sync_folder(disk->arg, why);
}

// ---- an image that lies there -------------------------------------------------------------------

static sv_err read_open_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const sv_slot_image *image = arg;
    if (image->tick != NULL) {
        image->tick(image->tick_arg);
    }
    return image->disk->read(image->disk->arg, image->file, at, out, bytes, why);
}

static sv_err open_image(void *arg, unsigned slot, sv_slot_image *out, sv_why *why) {
    const sv_native *native = arg;
    SV_DEFER(sv_slot_image_drop) sv_slot_image image = { .disk = NULL };
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    uint64_t slot_bytes = 0;
    sv_boot_header said;
    SV_TRY(header(arg, slot, bytes, why));
    SV_TRY(native->disk->open(native->disk->arg, native->names[slot], how_of(native, 0),
                              &image.file, why));
    image.disk = native->disk;
    SV_TRY(native->disk->length(native->disk->arg, image.file, &slot_bytes, why));
    uint64_t trailer = native->apart ? 0 : SV_BOOT_TRAILER_BYTES;
    if (sv_boot_header_read(bytes, sizeof bytes, &said) != SV_BOOT_GOOD || slot_bytes < trailer
        || said.image_bytes > slot_bytes - trailer) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "no image lies in '%s'", native->names[slot]);
    }
    *out = image;
    out->tick = native->tick;
    out->tick_arg = native->tick_arg;
    out->bytes =
        (sv_image_bytes){ .arg = out, .length = said.image_bytes, .read = read_open_image };
    image.disk = NULL;
    return SV_OK;
}

void sv_slot_image_drop(sv_slot_image *image) {
    if (image->disk != NULL) {
        image->disk->close(image->disk->arg, image->file);
        image->disk = NULL;
    }
}

/// A slot of fixed length has no room to give back.
static sv_err drop_image(void *arg, unsigned slot, sv_why *why) {
    sv_native *native = arg;
    if (!native->apart) {
        return SV_OK;
    }
    end(native);
    SV_TRY(native->disk->unlink(native->disk->arg, native->names[slot], why));
    return native->disk->sync_folder(native->disk->arg, why);
}

sv_installer sv_native_installer(sv_native *native) {
    return (sv_installer){ .arg = native,
                           .header = header,
                           .begin = begin,
                           .write = write_image,
                           .read = read_image,
                           .flush = flush,
                           .seal = seal,
                           .read_back = read_back,
                           .image = open_image,
                           .drop_image = drop_image,
                           .end = end };
}
