#include <boot/verdict.h>

static const char *const TEXTS[SV_BOOT_VERDICT__COUNT] = {
    [SV_BOOT_GOOD] = "may be started",
    [SV_BOOT_NO_HEADER] = "there is no boot header",
    [SV_BOOT_OTHER_FORMAT] = "the boot header has a format that is not known here",
    [SV_BOOT_UNKNOWN_KEY] = "the boot header names a key that is not trusted",
    [SV_BOOT_REVOKED_KEY] = "the boot header is signed by a revoked key",
    [SV_BOOT_WRONG_SIGNATURE] = "the boot header's signature is not the key's over this header",
    [SV_BOOT_MALFORMED] = "the boot header is not as one has to be",
    [SV_BOOT_OTHER_PRODUCT] = "the image is for another product",
    [SV_BOOT_OTHER_HARDWARE] = "the image is for other hardware",
    [SV_BOOT_OTHER_SLOT] = "the image is for another slot",
    [SV_BOOT_OTHER_VERSION] = "the image is another version",
    [SV_BOOT_OLDER] = "the image is older than one that was confirmed",
    [SV_BOOT_OTHER_LENGTH] = "the image does not have the length that was signed",
    [SV_BOOT_OTHER_DIGEST] = "the image is not the one that was signed",
    [SV_BOOT_UNREADABLE] = "the image cannot be read",
};

const char *sv_boot_verdict_text(sv_boot_verdict verdict) {
    return (unsigned) verdict < SV_BOOT_VERDICT__COUNT ? TEXTS[verdict] : "no verdict";
}
