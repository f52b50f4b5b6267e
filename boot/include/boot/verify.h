// May this image be started on this device? First the header: its signature before a byte behind
// the magic is read, then for whom it is. Then the image, which is read in pieces through a
// function of the caller's, so that it may lie in flash, in a file or in memory.
#ifndef SV_BOOT_VERIFY_H
#define SV_BOOT_VERIFY_H

#include <boot/key.h>

/// Who asks. A name that is NULL is not asked for.
typedef struct sv_boot_device {
    const char *product, *version, *hardware, *slot;
    uint32_t counter; ///< the highest that was confirmed; what is below it is refused. 0: none yet
} sv_boot_device;

/// Judge a header and read it. `out` is written when the signature is good, so that a caller can
/// say what was signed, also when it is not for this device. [boot-3] [boot-5]
sv_boot_verdict sv_boot_header_judge(const uint8_t *bytes, size_t len, const sv_boot_keys *keys,
                                     const sv_boot_device *device, sv_boot_header *out);

/// Where an image is.
typedef struct sv_boot_source {
    void *arg;
    /// All of `len` bytes from `offset`; false when the medium does not give them.
    bool (*read)(void *arg, uint64_t offset, uint8_t *out, size_t len);
} sv_boot_source;

/// Is it the image of a header that was judged? Reads exactly its length, through `block`.
/// SV_BOOT_OTHER_DIGEST, SV_BOOT_UNREADABLE. [boot-6]
sv_boot_verdict sv_boot_image_judge(const sv_boot_header *header, const sv_boot_source *source,
                                    uint8_t *block, size_t block_bytes);

#endif
