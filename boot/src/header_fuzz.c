// Whatever 1024 bytes are: what is read is written as the very same bytes, and nothing that a key
// has not signed is judged good.
#include <boot/verify.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// The curve's base point: a key like any other, and nobody has signed this corpus with it.
static const uint8_t POINT[SV_BOOT_POINT_BYTES] = {
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
    0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
    0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
    0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};

static void must(int is_so) {
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sv_boot_key key;
    if (key.point[0] == 0) {
        must(sv_boot_key_read(POINT, sizeof POINT, &key));
    }
    sv_boot_header header;
    uint8_t again[SV_BOOT_HEADER_BYTES];
    if (sv_boot_header_read(data, size, &header) == SV_BOOT_GOOD) {
        must(sv_boot_header_write(&header, again) == SV_BOOT_GOOD && size == sizeof again
             && memcmp(again, data, sizeof again) == 0);
        memcpy(again + SV_BOOT_SIGNED_BYTES - SV_BOOT_KEY_ID_BYTES, key.id, sizeof key.id);
        const sv_boot_keys keys = { .trusted = &key, .trusted_count = 1 };
        must(sv_boot_header_judge(again, sizeof again, &keys, &(sv_boot_device){ 0 }, &header)
             == SV_BOOT_WRONG_SIGNATURE);
    }
    return 0;
}
