// Headers of ustar archives (POSIX.1-1988), as bundles have them: plain files, one spelling.
#ifndef SV_UPDATE_TAR_H
#define SV_UPDATE_TAR_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_TAR_BLOCK_BYTES = 512,
    SV_TAR_NAME_ROOM = 100 + 1 + 155 + 1,
};

#define SV_TAR_FILE_MAX ((UINT64_C(1) << 33) - 1) ///< bytes of a file that ustar can say

typedef struct sv_tar_member {
    char name[SV_TAR_NAME_ROOM];
    uint64_t bytes;
} sv_tar_member;

/// SV_ERR_INVALID for a name that does not fit, or a file over SV_TAR_FILE_MAX.
sv_err sv_tar_write(const sv_tar_member *member, uint8_t out[SV_TAR_BLOCK_BYTES], sv_why *why);
/// Takes only what sv_tar_write makes, byte for byte: no links, devices, folders, owners, set-id
/// bits, times, extensions. SV_ERR_INVALID with what it is instead.
sv_err sv_tar_read(const uint8_t block[SV_TAR_BLOCK_BYTES], sv_tar_member *out, sv_why *why);
/// Bytes of zeroes after a file.
size_t sv_tar_padding(uint64_t bytes);

#endif
