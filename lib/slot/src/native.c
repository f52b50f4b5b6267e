#include <inttypes.h>
#include <slot/installer.h>
#include <stdio.h>
#include <string.h>

static unsigned how_of(const sv_native *native, unsigned how) {
    return how | (native->devices ? SV_SLOT_DEVICE : 0);
}

static sv_err read_header(const sv_native *native, int file, uint8_t out[SV_BOOT_HEADER_BYTES],
                          sv_why *why) {
    uint64_t bytes = 0;
    SV_TRY(native->disk->length(native->disk->arg, file, &bytes, why));
    if (bytes < SV_BOOT_TRAILER_BYTES) {
        return SV_OK;
    }
    return native->disk->read(native->disk->arg, file, bytes - SV_BOOT_TRAILER_BYTES, out,
                              SV_BOOT_HEADER_BYTES, why);
}

static sv_err header(void *arg, unsigned slot, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    const sv_native *native = arg;
    int file = -1;
    sv_why fault = { 0 };
    memset(out, 0, SV_BOOT_HEADER_BYTES);
    sv_err err = native->disk->open(native->disk->arg, native->names[slot], how_of(native, 0),
                                    &file, &fault);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s", fault.text);
    }
    err = read_header(native, file, out, why);
    native->disk->close(native->disk->arg, file);
    return err;
}

static void end(void *arg) {
    sv_native *native = arg;
    if (native->file >= 0) {
        native->disk->close(native->disk->arg, native->file);
        native->file = -1;
    }
}

static sv_err begin(void *arg, unsigned slot, uint64_t image_bytes, sv_why *why) {
    sv_native *native = arg;
    end(native);
    SV_TRY(native->disk->open(native->disk->arg, native->names[slot], how_of(native, SV_SLOT_WRITE),
                              &native->file, why));
    sv_err err = native->disk->length(native->disk->arg, native->file, &native->slot_bytes, why);
    uint64_t room =
        native->slot_bytes < SV_BOOT_TRAILER_BYTES ? 0 : native->slot_bytes - SV_BOOT_TRAILER_BYTES;
    if (err == SV_OK && image_bytes > room) {
        err = sv_fail(why, SV_ERR_NO_SPACE,
                      "an image of %" PRIu64
                      " bytes does not fit into '%s': it has room for %" PRIu64,
                      image_bytes, native->names[slot], room);
    }
    if (err != SV_OK) {
        end(native);
    }
    return err;
}

static sv_err write_image(void *arg, uint64_t at, const uint8_t *bytes, size_t len, sv_why *why) {
    const sv_native *native = arg;
    if (native->file < 0 || at > native->slot_bytes - SV_BOOT_TRAILER_BYTES
        || len > native->slot_bytes - SV_BOOT_TRAILER_BYTES - at) {
        return sv_fail(why, SV_ERR_STATE, "byte %" PRIu64 " is not one of the slot's image", at);
    }
    return native->disk->write(native->disk->arg, native->file, at, bytes, len, why);
}

static sv_err flush(void *arg, sv_why *why) {
    const sv_native *native = arg;
    return native->disk->sync(native->disk->arg, native->file, why);
}

static sv_err seal(void *arg, const uint8_t header[SV_BOOT_HEADER_BYTES], sv_why *why) {
    const sv_native *native = arg;
    uint8_t trailer[SV_BOOT_TRAILER_BYTES] = { 0 };
    memcpy(trailer, header, SV_BOOT_HEADER_BYTES);
    SV_TRY(native->disk->write(native->disk->arg, native->file, native->slot_bytes - sizeof trailer,
                               trailer, sizeof trailer, why));
    return flush(arg, why);
}

static sv_err read_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const sv_native *native = arg;
    return native->disk->read(native->disk->arg, native->file, at, out, bytes, why);
}

static sv_err read_back(void *arg, const uint8_t header[SV_BOOT_HEADER_BYTES], sv_why *why) {
    sv_native *native = arg;
    uint8_t there[SV_BOOT_HEADER_BYTES] = { 0 };
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    sv_boot_header said;
    SV_TRY(native->disk->forget(native->disk->arg, native->file, why));
    SV_TRY(read_header(native, native->file, there, why));
    if (memcmp(there, header, sizeof there) != 0
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

static sv_err read_open_image(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const sv_native_image *image = arg;
    return image->disk->read(image->disk->arg, image->file, at, out, bytes, why);
}

sv_err sv_native_image_open(const sv_native *native, unsigned slot, sv_native_image *out,
                            sv_why *why) {
    SV_DEFER(sv_native_image_drop) sv_native_image image = { .disk = NULL };
    uint8_t bytes[SV_BOOT_HEADER_BYTES] = { 0 };
    uint64_t slot_bytes = 0;
    sv_boot_header said;
    SV_TRY(native->disk->open(native->disk->arg, native->names[slot], how_of(native, 0),
                              &image.file, why));
    image.disk = native->disk;
    SV_TRY(read_header(native, image.file, bytes, why));
    SV_TRY(native->disk->length(native->disk->arg, image.file, &slot_bytes, why));
    if (sv_boot_header_read(bytes, sizeof bytes, &said) != SV_BOOT_GOOD
        || said.image_bytes > slot_bytes - SV_BOOT_TRAILER_BYTES) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "no image lies in '%s'", native->names[slot]);
    }
    *out = image;
    out->bytes =
        (sv_image_bytes){ .arg = out, .length = said.image_bytes, .read = read_open_image };
    image.disk = NULL;
    return SV_OK;
}

void sv_native_image_drop(sv_native_image *image) {
    if (image->disk != NULL) {
        image->disk->close(image->disk->arg, image->file);
        image->disk = NULL;
    }
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
                           .end = end };
}
