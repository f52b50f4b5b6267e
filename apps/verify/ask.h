// What selvedge-verify is asked.
#ifndef VERIFY_ASK_H
#define VERIFY_ASK_H

#include <base/err.h>
#include <boot/verify.h>

typedef struct verify_ask {
    const char *image;                  ///< a file or a block device
    const char *header;                 ///< a file; NULL: the header is in the image's trailer
    const char *keys[SV_BOOT_KEYS_MAX]; ///< files
    size_t key_count;
    const char *revoked[SV_BOOT_KEYS_MAX];
    size_t revoked_count;
    sv_boot_device device;
    bool trailer, help, version;
} verify_ask;

/// SV_ERR_INVALID with what is wrong with the command line.
sv_err verify_ask_read(int argc, char **argv, verify_ask *out, sv_why *why);
/// What --help prints.
const char *verify_ask_help(void);

#endif
