// What boot/ answers: yes, or the one reason why not. [boot-3]
#ifndef SV_BOOT_VERDICT_H
#define SV_BOOT_VERDICT_H

#if defined(__clang__)
#define SV_BOOT_NODISCARD __attribute__((warn_unused_result))
#else
#define SV_BOOT_NODISCARD [[nodiscard]]
#endif

typedef enum SV_BOOT_NODISCARD sv_boot_verdict {
    SV_BOOT_GOOD = 0,
    SV_BOOT_NO_HEADER,    ///< too short, or does not begin as one
    SV_BOOT_OTHER_FORMAT, ///< a header of another format
    SV_BOOT_REVOKED_KEY,  ///< signed by a key that counts no more
    SV_BOOT_UNKNOWN_KEY,  ///< nobody trusted has signed it
    SV_BOOT_WRONG_SIGNATURE,
    SV_BOOT_MALFORMED, ///< signed, and still not as a header has to be
    SV_BOOT_OTHER_PRODUCT,
    SV_BOOT_OTHER_HARDWARE,
    SV_BOOT_OTHER_SLOT,
    SV_BOOT_OTHER_VERSION,
    SV_BOOT_OLDER,        ///< its counter is below the device's
    SV_BOOT_OTHER_LENGTH, ///< the image is shorter or longer than the header says
    SV_BOOT_OTHER_DIGEST, ///< the image is not the one that was signed
    SV_BOOT_UNREADABLE,   ///< the medium did not give the image's bytes
    SV_BOOT_VERDICT__COUNT
} sv_boot_verdict;

/// A short sentence without values, for a console; never NULL.
const char *sv_boot_verdict_text(sv_boot_verdict verdict);

#endif
