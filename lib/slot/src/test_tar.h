// For tests: archives, made by hand so that they may be wrong.
#ifndef SV_SLOT_TEST_TAR_H
#define SV_SLOT_TEST_TAR_H

#include <base/test.h>
#include <crypto/random.h>
#include <slot/tree.h>
#include <stdio.h>
#include <string.h>

enum { TAR_ROOM = 64 * 1024 };

typedef struct archive {
    char at[TAR_ROOM];
    size_t len;
    uint8_t digest[SV_TARGET_HASH_BYTES];
} archive;

static inline sv_text tar_text(const archive *a) {
    return (sv_text){ .at = a->at, .len = a->len };
}

static inline void tar_zeros(archive *a, size_t bytes) {
    assert_true(bytes <= sizeof a->at - a->len);
    memset(a->at + a->len, 0, bytes);
    a->len += bytes;
}

/// The checksum of the header that begins there.
static inline void tar_sum(archive *a, size_t header) {
    unsigned sum = 0;
    memset(a->at + header + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++) {
        sum += (unsigned char) a->at[header + i];
    }
    (void) snprintf(a->at + header + 148, 8, "%06o", sum);
}

/// Where its header begins.
static inline size_t tar_add(archive *a, char type, const char *path, unsigned mode,
                             const char *target, sv_text bytes) {
    size_t header = a->len;
    tar_zeros(a, 512);
    assert_true(strlen(path) <= 100 && strlen(target) <= 100);
    memcpy(a->at + header, path, strlen(path));
    (void) snprintf(a->at + header + 100, 8, "%07o", mode);
    (void) snprintf(a->at + header + 108, 8, "%07o", 1000);
    (void) snprintf(a->at + header + 116, 8, "%07o", 1000);
    (void) snprintf(a->at + header + 124, 12, "%011zo", bytes.len);
    (void) snprintf(a->at + header + 136, 12, "%011o", 0);
    a->at[header + 156] = type;
    memcpy(a->at + header + 157, target, strlen(target));
    memcpy(a->at + header + 257,
           "ustar\0"
           "00",
           8);
    tar_sum(a, header);
    size_t padded = (bytes.len + 511) / 512 * 512;
    tar_zeros(a, padded);
    if (bytes.len > 0) {
        memcpy(a->at + a->len - padded, bytes.at, bytes.len);
    }
    return header;
}

static inline void tar_folder(archive *a, const char *path) {
    (void) tar_add(a, '5', path, 0755, "", SV_TEXT(""));
}

static inline void tar_file(archive *a, const char *path, const char *text) {
    (void) tar_add(a, '0', path, 0644, "", sv_text_of(text));
}

static inline void tar_link(archive *a, const char *path, const char *target) {
    (void) tar_add(a, '2', path, 0777, target, SV_TEXT(""));
}

static inline void tar_close(archive *a) {
    tar_zeros(a, 1024);
    sv_sha256(tar_text(a), a->digest);
}

static inline sv_err tar_read(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const archive *a = arg;
    (void) why;
    assert_true(at + bytes <= a->len);
    memcpy(out, a->at + at, bytes);
    return SV_OK;
}

static inline sv_image_bytes tar_image(archive *a) {
    return (sv_image_bytes){ .arg = a, .length = a->len, .read = tar_read };
}

#endif
