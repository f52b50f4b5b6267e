#include "update_image.h"
#include <base/fd.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <update/boot_header.h>
#include <update/image_encode.h>

enum { HEX_ROOM = 2 * SV_TARGET_HASH_BYTES + 1, FILE_ROOM = SV_ENCODING_NAME_ROOM + 8 };

/// What one image is made into.
typedef struct making {
    const update_folder *folder;
    update_image *image;
    update_file file;
    sv_image_key key;
} making;

static void making_drop(making **m) {
    update_file_drop(&(*m)->file);
    sv_image_key_wipe(&(*m)->key);
    free(*m);
}

sv_err update_artifact_path(const char *dir, const uint8_t digest[SV_TARGET_HASH_BYTES],
                            const char *file, char room[SV_PATH_MAX], sv_why *why) {
    sv_textbuf path = { .at = room, .cap = SV_PATH_MAX };
    sv_textbuf_addf(&path, "%s/artifacts/", dir);
    sv_hex_add(&path, digest, SV_TARGET_HASH_BYTES);
    if (file != NULL) {
        sv_textbuf_addf(&path, "/%s", file);
    }
    return sv_textbuf_end(&path) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", dir);
}

// ---- the content key ----------------------------------------------------------------------------

static sv_err key_path(const update_folder *folder, const uint8_t digest[SV_TARGET_HASH_BYTES],
                       char room[SV_PATH_MAX], sv_why *why) {
    char file[HEX_ROOM + sizeof ".key"];
    sv_textbuf name = SV_TEXTBUF(file);
    sv_hex_add(&name, digest, SV_TARGET_HASH_BYTES);
    sv_textbuf_add_str(&name, ".key");
    SV_TRY(sv_textbuf_end(&name));
    return update_folder_path(folder, "content", file, room, why);
}

sv_err update_content_key(const update_folder *folder, const uint8_t digest[SV_TARGET_HASH_BYTES],
                          sv_image_key *out, sv_why *why) {
    char path[SV_PATH_MAX];
    char room[SV_IMAGE_KEY_FILE_MAX + 1];
    sv_textbuf text = SV_TEXTBUF(room);
    SV_TRY(key_path(folder, digest, path, why));
    sv_err err = sv_disk_read(path, &text, why);
    if (err == SV_OK) {
        err = sv_image_key_read(sv_textbuf_text(&text), out, why);
    }
    explicit_bzero(room, sizeof room);
    return err;
}

static sv_err save_key(const making *m, sv_why *why) {
    char path[SV_PATH_MAX];
    char room[SV_IMAGE_KEY_FILE_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    SV_TRY(key_path(m->folder, m->image->target.digest, path, why));
    sv_image_key_write(&m->key, &text);
    sv_err err = sv_disk_replace(path, sv_textbuf_text(&text), 0600, why);
    explicit_bzero(room, sizeof room);
    return err;
}

/// The one that the image has already, or a new one.
static sv_err open_key(making *m, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(update_folder_path(m->folder, NULL, "content", path, why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    sv_err err = update_content_key(m->folder, m->image->target.digest, &m->key, why);
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    sv_image_key_make(m->image->target.digest, &m->key);
    return save_key(m, why);
}

// ---- one encoding -------------------------------------------------------------------------------

typedef struct outlet {
    int fd;
    const char *path;
} outlet;

static sv_err put(void *arg, sv_text stored, sv_why *why) {
    const outlet *to = arg;
    while (stored.len > 0) {
        ssize_t done = write(to->fd, stored.at, stored.len);
        if (done < 0 && errno != EINTR) {
            return sv_fail(why, errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO,
                           "cannot write '%s': %m", to->path);
        }
        size_t step = done > 0 ? (size_t) done : 0;
        stored = (sv_text){ .at = stored.at + step, .len = stored.len - step };
    }
    return SV_OK;
}

static sv_err write_chunks(const sv_image_encoding *what, const char *path, sv_encoding *out,
                           sv_textbuf *index, sv_why *why) {
    SV_DEFER(sv_fd_drop)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot create '%s': %m", path);
    }
    outlet to = { .fd = fd, .path = path };
    sv_image_encoding with = *what;
    with.sink = (sv_image_sink){ .arg = &to, .put = put };
    SV_TRY(sv_image_encode(&with, out, index, why));
    return fsync(fd) == 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot sync '%s': %m", path);
}

// ---- opened again -------------------------------------------------------------------------------

static sv_err compare_chunk(making *m, sv_image_reader *reader, update_file *stored, uint64_t chunk,
                            sv_why *why) {
    uint8_t packed[SV_CHUNK_STORED_MAX];
    uint8_t opened[SV_CHUNK_BYTES];
    uint8_t wanted[SV_CHUNK_BYTES];
    size_t bytes = 0;
    sv_image_range range = sv_image_stored(sv_image_reader_index(reader), chunk);
    SV_TRY(stored->bytes.read(stored, range.at, packed, (size_t) range.bytes, why));
    sv_text text = { .at = (const char *) packed, .len = (size_t) range.bytes };
    SV_TRY(sv_image_chunk_open(reader, chunk, text, opened, &bytes, why));
    SV_TRY(m->file.bytes.read(&m->file, chunk * SV_CHUNK_BYTES, wanted, bytes, why));
    return memcmp(opened, wanted, bytes) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "chunk %llu is not the image's",
                         (unsigned long long) chunk);
}

/// What devices will open is opened once before it is signed: every chunk of it is the image's.
/// [repo-15]
static sv_err open_again(making *m, const sv_image_encoding *what, const char *path,
                         const sv_encoding *made, sv_text index, sv_why *why) {
    SV_DEFER(update_file_drop) update_file stored = { .fd = -1 };
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    const sv_image_opening opening = { .target = &m->image->target,
                                       .encoding = made,
                                       .index = index,
                                       .content_key = m->image->plain ? NULL : m->key.bytes,
                                       .old = what->old,
                                       .old_digest = what->old_digest };
    sv_why inner = { 0 };
    SV_TRY(update_file_open(path, &stored, why));
    sv_err err = sv_image_reader_open(&opening, &reader, &inner);
    for (uint64_t i = 0; err == SV_OK && i < sv_chunk_count(m->image->target.length); i++) {
        err = compare_chunk(m, reader, &stored, i, &inner);
    }
    return err == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_IO,
                         "'%.200s' does not open to the image it was made of: %.140s. Is the "
                         "disk sound?",
                         path, inner.text);
}

// ---- all of one ---------------------------------------------------------------------------------

static sv_err keep_index(const making *m, const char *name, sv_text index, sv_why *why) {
    char file[FILE_ROOM];
    char path[SV_PATH_MAX];
    (void) snprintf(file, sizeof file, "%s.index", name);
    SV_TRY(update_artifact_path(m->folder->dir, m->image->target.digest, file, path, why));
    return sv_disk_replace(path, index, 0644, why);
}

static sv_err write_and_open(making *m, const sv_image_encoding *what, const char *path,
                             sv_encoding *made, sv_textbuf *index, sv_why *why) {
    SV_TRY(write_chunks(what, path, made, index, why));
    if (!m->image->plain) {
        SV_TRY(save_key(m, why));
    }
    return open_again(m, what, path, made, sv_textbuf_text(index), why);
}

/// Chunks go to a neighbour of `path`, which takes its place when they are what they should be.
static sv_err fill(making *m, const sv_image_encoding *what, const char *path, sv_encoding *made,
                   sv_textbuf *index, sv_why *why) {
    char fresh[SV_PATH_MAX + sizeof ".new"];
    (void) snprintf(fresh, sizeof fresh, "%s.new", path);
    sv_err err = write_and_open(m, what, fresh, made, index, why);
    if (err == SV_OK && rename(fresh, path) != 0) {
        err = sv_fail(why, SV_ERR_IO, "cannot keep '%s': %m", path);
    }
    if (err != SV_OK) {
        (void) unlink(fresh);
    }
    return err;
}

static sv_err make_encoding(making *m, sv_image_encoding *what, sv_why *why) {
    char name[SV_ENCODING_NAME_ROOM];
    char path[SV_PATH_MAX];
    sv_target *target = &m->image->target;
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(target->length) + 1);
    sv_encoding called = { .kind = what->kind };
    if (what->old_digest != NULL) {
        memcpy(called.from, what->old_digest, sizeof called.from);
    }
    sv_encoding_file(&called, name);
    what->image = &m->file.bytes;
    what->digest = target->digest;
    what->key = m->image->plain ? NULL : &m->key;
    SV_TRY(update_artifact_path(m->folder->dir, target->digest, name, path, why));
    update_progress_begin(&m->file.progress, name);
    sv_err err = fill(m, what, path, &target->encodings[target->encoding_count], &index, why);
    update_progress_end(&m->file.progress);
    SV_TRY(err);
    SV_TRY(keep_index(m, name, sv_textbuf_text(&index), why));
    target->encoding_count++;
    return SV_OK;
}

static bool has_delta(const sv_target *target, const uint8_t from[SV_TARGET_HASH_BYTES]) {
    for (size_t i = 0; i < target->encoding_count; i++) {
        const sv_encoding *encoding = &target->encodings[i];
        if (encoding->kind == SV_ENCODING_DELTA
            && memcmp(encoding->from, from, SV_TARGET_HASH_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static sv_err make_delta(making *m, const char *from, sv_why *why) {
    SV_DEFER(update_file_drop) update_file old = { .fd = -1 };
    uint8_t digest[SV_TARGET_HASH_BYTES];
    SV_TRY(update_file_open(from, &old, why));
    SV_TRY(update_file_digest(&old, digest, why));
    if (memcmp(digest, m->image->target.digest, sizeof digest) == 0) {
        return sv_fail(why, SV_ERR_INVALID, "--from '%s' is the image itself", from);
    }
    if (has_delta(&m->image->target, digest)) {
        return sv_fail(why, SV_ERR_INVALID, "--from '%s' has the bytes of another --from", from);
    }
    if (m->image->target.encoding_count == SV_TARGET_ENCODINGS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "an image can have %d --from at most", UPDATE_FROM_MAX);
    }
    update_progress_begin(&old.progress, "delta");
    sv_image_encoding what = { .kind = SV_ENCODING_DELTA, .old = &old.bytes, .old_digest = digest };
    return make_encoding(m, &what, why);
}

// ---- the boot header ----------------------------------------------------------------------------

static sv_err fill_header(const sv_target *target, sv_boot_header *out, sv_why *why) {
    *out = (sv_boot_header){ .image_bytes = target->length,
                             .counter = target->counter,
                             .hardware_count = (unsigned) target->hardware_count };
    memcpy(out->digest, target->digest, sizeof out->digest);
    bool fits =
        sv_text_copy(sv_text_of(target->product), out->product, sizeof out->product) == SV_OK
        && sv_text_copy(sv_text_of(target->version), out->version, sizeof out->version) == SV_OK
        && sv_text_copy(sv_text_of(target->slot), out->slot, sizeof out->slot) == SV_OK;
    for (size_t i = 0; fits && i < target->hardware_count; i++) {
        fits =
            sv_text_copy(sv_text_of(target->hardware[i]), out->hardware[i], sizeof out->hardware[i])
            == SV_OK;
    }
    return fits ? SV_OK : sv_fail(why, SV_ERR_INVALID, "a name is too long for a boot header");
}

static sv_err sign_boot(const making *m, sv_why *why) {
    sv_target *target = &m->image->target;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *opened = NULL;
    const update_key *key = update_folder_key(m->folder, m->image->boot_key);
    sv_boot_header header;
    if (key == NULL) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "'%s' has no key '%.80s'; make one with: selvedge update keys new %.80s --key "
            "ec --keys %.80s",
            m->folder->dir, m->image->boot_key, m->image->boot_key, m->folder->dir);
    }
    SV_TRY(fill_header(target, &header, why));
    SV_TRY(update_folder_key_open(m->folder, key, &opened, why));
    SV_TRY(sv_boot_header_sign(&header, opened, target->boot, why));
    target->boot_len = SV_BOOT_HEADER_BYTES;
    return SV_OK;
}

// ---- all of it ----------------------------------------------------------------------------------

static sv_err make_all(making *m, sv_why *why) {
    update_image *image = m->image;
    char path[SV_PATH_MAX];
    sv_image_encoding raw = { .kind = SV_ENCODING_RAW };
    sv_image_encoding packed = { .kind = SV_ENCODING_ZSTD };
    SV_TRY(update_file_open(image->file, &m->file, why));
    SV_TRY(update_file_digest(&m->file, image->target.digest, why));
    image->target.length = m->file.bytes.length;
    image->target.sealed = !image->plain;
    SV_TRY(image->check(image->check_arg, &image->target, why));
    SV_TRY(update_artifact_path(m->folder->dir, image->target.digest, NULL, path, why));
    SV_TRY(sv_disk_make_folder(path, 0755, why));
    if (!image->plain) {
        SV_TRY(open_key(m, why));
    }
    SV_TRY(make_encoding(m, &raw, why));
    SV_TRY(make_encoding(m, &packed, why));
    for (size_t i = 0; image->from[i] != NULL; i++) {
        SV_TRY(make_delta(m, image->from[i], why));
    }
    return image->boot_key != NULL ? sign_boot(m, why) : SV_OK;
}

sv_err update_image_make(const update_folder *folder, update_image *image, sv_why *why) {
    SV_DEFER(making_drop) making *m = sv_mem_new(sizeof *m);
    m->folder = folder;
    m->image = image;
    return make_all(m, why);
}
