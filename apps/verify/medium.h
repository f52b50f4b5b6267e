// Files and block devices, as boot/ wants to read them.
#ifndef VERIFY_MEDIUM_H
#define VERIFY_MEDIUM_H

#include <base/err.h>
#include <boot/verify.h>

typedef struct verify_medium {
    const char *path;
    int fd; ///< -1: not open
    uint64_t bytes;
    bool device; ///< a block device, which is as long as it was made
    int failed;  ///< errno of a read that did not work
} verify_medium;

#define VERIFY_MEDIUM_NONE ((verify_medium){ .fd = -1 })

/// SV_ERR_NOT_FOUND when there is no such file or it is of another kind, SV_ERR_IO when this
/// machine does not let us.
sv_err verify_medium_open(const char *path, verify_medium *out, sv_why *why);
void verify_medium_drop(verify_medium *medium);

/// Reads whole, for sv_boot_source; `medium` is a verify_medium.
bool verify_medium_read(void *medium, uint64_t offset, uint8_t *out, size_t len);

/// At most `room` bytes of a small file.
sv_err verify_medium_small(const char *path, uint8_t *out, size_t room, size_t *len, sv_why *why);

#endif
