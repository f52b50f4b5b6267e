#include "image_keys.h"

#include "audit_keep.h"
#include "beside_key.h"
#include "images_store.h"

#include <base/fd.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>
#include <unistd.h>
#include <update/image.h>

enum {
    SEALED_BYTES = SV_AEAD_NONCE_BYTES + SV_CONTENT_KEY_BYTES + SV_AEAD_TAG_BYTES,
    PEM_MAX = 16 * 1024,
    FILE_ROOM = SV_ENCODING_NAME_ROOM + 8,
};

sv_err sv_image_keys_open(const char *store, sv_aead **out, sv_why *why) {
    return sv_beside_key_open(store, SV_IMAGE_KEYS_FILE,
                              "no content key can be read (move it away, and upload the keys "
                              "again: selvedge update upload --keys KEYS)",
                              out, why);
}

// ---- does it fit? -------------------------------------------------------------------------------

static sv_err read_entry(sv_fleet *fleet, sv_text sha256, sv_target *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT entry FROM image WHERE sha256 = ?1 AND kind = 'selvedge'"
                      " AND sealed = 1 LIMIT 1",
                      &row, why));
    sv_stmt_bind_text(row, 1, sha256);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err,
                       "no sealed image here has the SHA-256 " SV_TEXT_FMT
                       "; publish it before its key is uploaded",
                       SV_TEXT_ARG(sha256));
    }
    SV_TRY(err);
    err = sv_target_parse(sv_stmt_text(row, 0), out, why);
    sv_stmt_reset(row);
    return err;
}

/// A chunk that the key has to open, and the index that tells how long it is.
static sv_err read_first(const sv_fleet *fleet, const char *sha256, const sv_target *target,
                         sv_textbuf *index, char *stored, size_t *bytes, sv_why *why) {
    char name[SV_ENCODING_NAME_ROOM];
    char file[FILE_ROOM];
    char path[SV_PATH_MAX];
    const char *dir = sv_images_folder_of(fleet->images)->dir;
    sv_encoding_file(&target->encodings[0], name);
    (void) snprintf(file, sizeof file, "%s.index", name);
    SV_TRY(sv_images_path(dir, "artifacts", sha256, file, path, why));
    SV_TRY(sv_disk_read(path, index, why));
    SV_TRY(sv_images_path(dir, "artifacts", sha256, name, path, why));
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, stored, SV_CHUNK_STORED_MAX, 0);
    *bytes = got > 0 ? (size_t) got : 0;
    return got > 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "'%.160s' cannot be read", path);
}

static sv_err try_key(const sv_target *target, sv_text index, const uint8_t *key, sv_text stored,
                      sv_why *why) {
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    SV_DEFER(sv_mem_drop) uint8_t *chunk = sv_mem_new(SV_CHUNK_BYTES);
    size_t bytes = 0;
    const sv_image_opening opening = {
        .target = target, .encoding = &target->encodings[0], .index = index, .content_key = key
    };
    SV_TRY(sv_image_reader_open(&opening, &reader, why));
    sv_image_range first = sv_image_stored(sv_image_reader_index(reader), 0);
    stored.len = first.bytes < stored.len ? (size_t) first.bytes : stored.len;
    return sv_image_chunk_open(reader, 0, stored, chunk, &bytes, why);
}

/// Only where the bytes are here; raw or zstd, which lean on no other image, come first.
static sv_err check_fits(sv_fleet *fleet, const char *sha256, const sv_target *target,
                         const uint8_t *key, sv_why *why) {
    char stored[SV_CHUNK_STORED_MAX];
    size_t bytes = 0;
    sv_why inner = { 0 };
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf index = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(target->length) + 1);
    if (target->encodings[0].kind == SV_ENCODING_DELTA
        || !sv_images_has(sv_images_folder_of(fleet->images)->dir, target, &target->encodings[0])
        || read_first(fleet, sha256, target, &index, stored, &bytes, &inner) != SV_OK) {
        return SV_OK;
    }
    return try_key(target, sv_textbuf_text(&index), key, (sv_text){ .at = stored, .len = bytes },
                   &inner)
                   == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the key does not open the image %s", sha256);
}

// ---- rows ---------------------------------------------------------------------------------------

static sv_err store(sv_fleet *fleet, const char *sha256, const uint8_t *key, sv_why *why) {
    uint8_t sealed[SEALED_BYTES];
    sv_stmt *stmt;
    sv_random(sealed, SV_AEAD_NONCE_BYTES);
    sv_aead_seal(fleet->image_keys, sealed, sv_text_of(sha256),
                 (sv_text){ .at = (const char *) key, .len = SV_CONTENT_KEY_BYTES },
                 sealed + SV_AEAD_NONCE_BYTES);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO image_key (sha256, sealed, at_us) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT (sha256) DO UPDATE SET sealed = ?2, at_us = ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, sha256);
    sv_stmt_bind_bytes(stmt, 2, (sv_text){ .at = (const char *) sealed, .len = sizeof sealed });
    sv_stmt_bind_int(stmt, 3, fleet->wall_us());
    return sv_stmt_run(stmt, why);
}

static sv_err commit(sv_fleet *fleet, const char *sha256, const uint8_t *key, const char *user,
                     sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = store(fleet, sha256, key, why);
    err = err == SV_OK ? sv_audit_deed(
              fleet, &(sv_audit_event){ .who = user, .what = "images.key", .about = sha256 }, why)
                       : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

sv_err sv_image_key_put(sv_fleet *fleet, sv_text sha256, const uint8_t key[SV_CONTENT_KEY_BYTES],
                        const char *user, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    char name[SV_IMAGE_HEX_ROOM];
    if (sv_text_copy(sha256, name, sizeof name) != SV_OK) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "that is no SHA-256");
    }
    SV_TRY(read_entry(fleet, sha256, target, why));
    SV_TRY(check_fits(fleet, name, target, key, why));
    SV_TRY(commit(fleet, name, key, user, why));
    SV_LOG(info, "images.key", "%s by %s", name, user);
    return SV_OK;
}

static sv_err load(sv_fleet *fleet, sv_text sha256, uint8_t out[SV_CONTENT_KEY_BYTES],
                   sv_why *why) {
    uint8_t sealed[SEALED_BYTES];
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT sealed FROM image_key WHERE sha256 = ?1", &row, why));
    sv_stmt_bind_text(row, 1, sha256);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "no content key of " SV_TEXT_FMT " is here", SV_TEXT_ARG(sha256));
    }
    SV_TRY(err);
    sv_text bytes = sv_stmt_bytes(row, 0);
    bool whole = bytes.len == sizeof sealed;
    memcpy(sealed, whole ? bytes.at : "", whole ? sizeof sealed : 0);
    sv_stmt_reset(row);
    sv_text rest = { .at = (const char *) sealed + SV_AEAD_NONCE_BYTES,
                     .len = sizeof sealed - SV_AEAD_NONCE_BYTES };
    return whole && sv_aead_open(fleet->image_keys, sealed, sha256, rest, out, NULL) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_IO,
                         "the content key of " SV_TEXT_FMT
                         " is sealed with another key than '%s' holds: upload it again",
                         SV_TEXT_ARG(sha256), SV_IMAGE_KEYS_FILE);
}

static void write_pem(sv_text der, sv_textbuf *out) {
    sv_textbuf_add_str(out, "-----BEGIN CERTIFICATE-----\n");
    while (der.len > 0) {
        sv_text line = { .at = der.at, .len = der.len < 48 ? der.len : 48 };
        sv_base64_add(out, line);
        sv_textbuf_add_char(out, '\n');
        der.at += line.len;
        der.len -= line.len;
    }
    sv_textbuf_add_str(out, "-----END CERTIFICATE-----\n");
}

sv_err sv_image_key_wrap(sv_fleet *fleet, sv_text sha256, sv_text certificate, sv_textbuf *cms,
                         sv_why *why) {
    uint8_t key[SV_CONTENT_KEY_BYTES];
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(PEM_MAX);
    SV_TRY(load(fleet, sha256, key, why));
    write_pem(certificate, &pem);
    sv_err err = sv_content_wrap(key, sv_textbuf_text(&pem), cms, why);
    explicit_bzero(key, sizeof key);
    return err == SV_ERR_INVALID ? SV_ERR_STATE : err;
}
