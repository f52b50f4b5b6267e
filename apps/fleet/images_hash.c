#include "images_hash.h"

#include <base/fd.h>
#include <codec/encode.h>
#include <crypto/digest.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, SHA256_BYTES = 32, SHA1_BYTES = 20, MD5_BYTES = 16 };

typedef struct digests {
    sv_digest *sha256, *sha1, *md5;
} digests;

static void drop_digests(digests *all) {
    sv_digest_drop(&all->sha256);
    sv_digest_drop(&all->sha1);
    sv_digest_drop(&all->md5);
}

static sv_err read_all(sv_images_hashing *h, int fd, const digests *all, sv_why *why) {
    char room[PIECE_BYTES];
    for (;;) {
        ssize_t got = read(fd, room, sizeof room);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return sv_fail(why, SV_ERR_IO, "'%s' cannot be read: %m", h->part.name);
        }
        if (got == 0) {
            return SV_OK;
        }
        if (atomic_load(&h->stop)) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "the server is ending; ask again");
        }
        sv_text piece = { .at = room, .len = (size_t) got };
        sv_digest_add(all->sha256, piece);
        sv_digest_add(all->sha1, piece);
        sv_digest_add(all->md5, piece);
        (void) atomic_fetch_add(&h->checked, (uint64_t) got);
        h->length += (uint64_t) got;
    }
}

static sv_err write_hex(sv_digest *digest, size_t bytes, char *room, size_t room_bytes) {
    uint8_t hash[SHA256_BYTES];
    sv_textbuf hex = { .at = room, .cap = room_bytes };
    sv_digest_end(digest, hash);
    sv_hex_add(&hex, hash, bytes);
    return sv_textbuf_end(&hex);
}

static sv_err hash_file(sv_images_hashing *h, const char *path, sv_why *why) {
    SV_DEFER(drop_digests)
    digests all = { .sha256 = sv_digest_new(SV_DIGEST_SHA256),
                    .sha1 = sv_digest_new(SV_DIGEST_SHA1),
                    .md5 = sv_digest_new(SV_DIGEST_MD5) };
    char sha256[2 * SHA256_BYTES + 1];
    struct stat info;
    SV_DEFER(sv_fd_drop) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_IO, "'%s' cannot be opened: %m", h->part.name);
    }
    atomic_store(&h->of, (uint64_t) info.st_size);
    SV_TRY(read_all(h, fd, &all, why));
    SV_TRY(write_hex(all.sha256, SHA256_BYTES, sha256, sizeof sha256));
    SV_TRY(write_hex(all.sha1, SHA1_BYTES, h->sha1, sizeof h->sha1));
    SV_TRY(write_hex(all.md5, MD5_BYTES, h->md5, sizeof h->md5));
    return strcmp(sha256, h->part.sha256) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'%s' has the SHA-256 %s, not %s: it was thrown away, upload it again",
                         h->part.name, sha256, h->part.sha256);
}

static sv_err hash(sv_images_hashing *h, sv_why *why) {
    char part[SV_PATH_MAX];
    char place[SV_PATH_MAX];
    SV_TRY(sv_images_part_path(h->dir, &h->part, part, why));
    SV_TRY(sv_images_path(h->dir, "artifacts", h->part.sha256, h->part.name, place, why));
    if (sv_disk_exists(place)) {
        return hash_file(h, place, why); // of a file whose row was lost
    }
    sv_err err = hash_file(h, part, why);
    if (err == SV_ERR_INVALID) {
        (void) unlink(part);
    }
    return err == SV_OK ? sv_images_settle(part, place, why) : err;
}

void sv_images_hash(sv_images_hashing *hashing) {
    sv_why why = { 0 };
    hashing->err = hash(hashing, &why);
    hashing->why = why;
}
