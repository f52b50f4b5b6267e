// The bytes of an image, held against what is signed, and moved to their place.
#include "images_judge_own.h"

#include <base/fd.h>
#include <codec/encode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <update/image.h>

enum { FILE_ROOM = SV_ENCODING_NAME_ROOM + 16, HASH_ROOM = 2 * SV_TARGET_HASH_BYTES + 1 };

/// Where an encoding and its index lie, or are to lie.
typedef struct place {
    char bytes[SV_PATH_MAX];
    char index[SV_PATH_MAX];
} place;

static sv_err place_of(const char *dir, const char *end, const sv_target *target,
                       const sv_encoding *encoding, place *out, sv_why *why) {
    char hash[HASH_ROOM];
    char name[SV_ENCODING_NAME_ROOM];
    char bytes[FILE_ROOM];
    char index[FILE_ROOM];
    sv_textbuf hex = SV_TEXTBUF(hash);
    sv_hex_add(&hex, target->digest, sizeof target->digest);
    SV_TRY(sv_textbuf_end(&hex));
    sv_encoding_file(encoding, name);
    (void) snprintf(bytes, sizeof bytes, "%s%s", name, end);
    (void) snprintf(index, sizeof index, "%s.index%s", name, end);
    SV_TRY(sv_images_path(dir, "artifacts", hash, bytes, out->bytes, why));
    return sv_images_path(dir, "artifacts", hash, index, out->index, why);
}

static bool has_length(const char *path, uint64_t length) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t) info.st_size == length;
}

static bool is_whole(const place *at, const sv_target *target, const sv_encoding *encoding) {
    return has_length(at->bytes, encoding->length)
           && has_length(at->index, sv_image_index_bytes(target->length));
}

/// The index, whose root is the one that is signed.
static sv_err read_index(const place *at, const sv_target *target, const sv_encoding *encoding,
                         sv_textbuf *bytes, sv_image_index **out, sv_why *why) {
    *bytes = SV_TEXTBUF_HEAP((size_t) sv_image_index_bytes(target->length) + 1);
    SV_TRY(sv_disk_read(at->index, bytes, why));
    return sv_image_index_read(sv_textbuf_text(bytes), target, encoding, out, why);
}

bool sv_images_has(const char *dir, const sv_target *target, const sv_encoding *encoding) {
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = { 0 };
    place at;
    return place_of(dir, "", target, encoding, &at, NULL) == SV_OK
           && is_whole(&at, target, encoding)
           && read_index(&at, target, encoding, &bytes, &index, NULL) == SV_OK;
}

static sv_err read_at(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const int *fd = arg;
    while (bytes > 0) {
        ssize_t got = pread(*fd, out, bytes, (off_t) at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got == 0) {
            return sv_fail(why, SV_ERR_IO, "it ends too soon");
        }
        if (got < 0) {
            return sv_fail(why, SV_ERR_IO, "it cannot be read: %m");
        }
        at += (uint64_t) got;
        out += got;
        bytes -= (size_t) got;
    }
    return SV_OK;
}

static sv_err judge_chunks(sv_images_judging *j, int *fd, const sv_image_index *index,
                           sv_why *why) {
    uint8_t stored[SV_CHUNK_STORED_MAX];
    uint64_t count = sv_image_index_count(index);
    for (uint64_t i = 0; i < count; i++) {
        sv_image_range range = sv_image_stored(index, i);
        if (atomic_load(&j->stop)) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "the server is ending; publish again");
        }
        SV_TRY(read_at(fd, range.at, stored, (size_t) range.bytes, why));
        SV_TRY(sv_image_chunk_judge(
            index, i, (sv_text){ .at = (const char *) stored, .len = (size_t) range.bytes }, why));
        (void) atomic_fetch_add(&j->checked, range.bytes);
    }
    return SV_OK;
}

/// Of what is not sealed the image itself is held against its hash.
static sv_err judge_bare(int *fd, const sv_target *target, const sv_encoding *encoding,
                         sv_why *why) {
    const sv_image_bytes image = { .arg = fd, .length = target->length, .read = read_at };
    return !target->sealed && encoding->kind == SV_ENCODING_RAW
               ? sv_image_check(&image, target, why)
               : SV_OK;
}

static sv_err judge_file(sv_images_judging *j, const place *at, const sv_target *target,
                         const sv_encoding *encoding, sv_why *why) {
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = { 0 };
    SV_DEFER(sv_fd_drop) int fd = open(at->bytes, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return sv_fail(why, SV_ERR_IO, "it cannot be opened: %m");
    }
    SV_TRY(read_index(at, target, encoding, &bytes, &index, why));
    SV_TRY(judge_chunks(j, &fd, index, why));
    return judge_bare(&fd, target, encoding, why);
}

/// The index last: where it is, everything is.
static sv_err settle(const place *from, const place *to, sv_why *why) {
    SV_TRY(sv_images_settle(from->bytes, to->bytes, why));
    return sv_images_settle(from->index, to->index, why);
}

static sv_err take(sv_images_judging *j, const sv_target *target, const sv_encoding *encoding,
                   const place *from, sv_why *why) {
    place to;
    sv_why inner = { 0 };
    SV_TRY(place_of(j->dir, "", target, encoding, &to, why));
    sv_err err = judge_file(j, from, target, encoding, &inner);
    if (err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID) {
        (void) unlink(from->bytes);
        (void) unlink(from->index);
        return sv_fail(why, err, "%.200s: %.200s; it was thrown away, upload it again",
                       strstr(to.bytes, "artifacts/"), inner.text);
    }
    return err == SV_OK
               ? settle(from, &to, why)
               : sv_fail(why, err, "%.200s: %.200s", strstr(to.bytes, "artifacts/"), inner.text);
}

uint64_t sv_images_awaits(const char *dir, const sv_target *target, const sv_encoding *encoding) {
    place from;
    return !sv_images_has(dir, target, encoding)
                   && place_of(dir, SV_IMAGES_PART_END, target, encoding, &from, NULL) == SV_OK
                   && is_whole(&from, target, encoding)
               ? encoding->length
               : 0;
}

sv_err sv_images_take(sv_images_judging *j, const sv_target *target, const sv_encoding *encoding,
                      bool *here, sv_why *why) {
    place from;
    place to;
    *here = sv_images_has(j->dir, target, encoding);
    if (*here) {
        return SV_OK;
    }
    SV_TRY(place_of(j->dir, SV_IMAGES_PART_END, target, encoding, &from, why));
    SV_TRY(place_of(j->dir, "", target, encoding, &to, why));
    if (!is_whole(&from, target, encoding)) {
        return SV_OK; // not yet
    }
    if (sv_disk_exists(to.index)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%.200s is here with other chunks than are signed now; what devices may be "
                       "fetching does not change: remove the image first",
                       strstr(to.bytes, "artifacts/"));
    }
    SV_TRY(take(j, target, encoding, &from, why));
    *here = true;
    return SV_OK;
}
