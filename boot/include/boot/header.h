// The boot header: what a boot loader has to know about an image, signed, in 1024 bytes that lie
// beside the image and never in it (docs/spec/boot.md). Read by boot/ before an operating system
// runs, by the updater before it writes, and made by the release engineer's command: one parser.
//
// This header, like all of boot/, asks nothing of a C library: no heap, no stdio, no clock.
#ifndef SV_BOOT_HEADER_H
#define SV_BOOT_HEADER_H

#include <boot/digest.h>
#include <boot/verdict.h>

enum {
    SV_BOOT_HEADER_BYTES = 1024,
    SV_BOOT_SIGNATURE_BYTES = 64, ///< ECDSA P-256, r and s, 32 bytes each, big-endian
    SV_BOOT_SIGNED_BYTES = SV_BOOT_HEADER_BYTES - SV_BOOT_SIGNATURE_BYTES,
    SV_BOOT_TRAILER_BYTES = 4096, ///< the end of a slot; begins with the header
    SV_BOOT_KEY_ID_BYTES = 32,
    SV_BOOT_NAME_MAX = 64,
    SV_BOOT_NAME_ROOM = SV_BOOT_NAME_MAX + 1,
    SV_BOOT_HARDWARE_MAX = 8, ///< hardware ids of one image
    SV_BOOT_FORMAT = 1,
};

#define SV_BOOT_IMAGE_MAX (UINT64_C(1) << 40) ///< bytes of an image

/// What a header says. Names end with NUL.
typedef struct sv_boot_header {
    uint64_t image_bytes; ///< 1 … SV_BOOT_IMAGE_MAX
    uint32_t counter;     ///< from 1; a release never has a smaller one than the one before it
    unsigned hardware_count;
    uint8_t digest[SV_BOOT_DIGEST_BYTES]; ///< of the image
    char product[SV_BOOT_NAME_ROOM];
    char version[SV_BOOT_NAME_ROOM];
    char slot[SV_BOOT_NAME_ROOM]; ///< the slot's class, "rootfs"
    char hardware[SV_BOOT_HARDWARE_MAX][SV_BOOT_NAME_ROOM];
    uint8_t key_id[SV_BOOT_KEY_ID_BYTES]; ///< whose signature it is
    uint8_t signature[SV_BOOT_SIGNATURE_BYTES];
} sv_boot_header;

/// Is this a header of a format that we read? Looks at nothing behind the first 12 bytes: the
/// signature comes before the rest is read. SV_BOOT_NO_HEADER, SV_BOOT_OTHER_FORMAT. [boot-1]
sv_boot_verdict sv_boot_header_look(const uint8_t *bytes, size_t len);

/// Read it whole. Whoever calls this has judged the signature (boot/verify.h), or trusts the bytes
/// for another reason. SV_BOOT_MALFORMED unless it is as sv_boot_header_write makes it, byte for
/// byte. [boot-2]
sv_boot_verdict sv_boot_header_read(const uint8_t *bytes, size_t len, sv_boot_header *out);

/// The inverse: what `header` says, as it is stored, signature included. SV_BOOT_MALFORMED when no
/// header can say so. [boot-2]
sv_boot_verdict sv_boot_header_write(const sv_boot_header *header,
                                     uint8_t out[SV_BOOT_HEADER_BYTES]);

#endif
