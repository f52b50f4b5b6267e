// A boot loader in which nothing happens but what boot/ does: where it would read flash and keys,
// there are arrays. It is linked and looked at, not run.
#include <boot/pick.h>

void start(void) __asm__("_start");

static const uint8_t FLASH[2][SV_BOOT_HEADER_BYTES];
static volatile unsigned started;

static bool read_flash(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    (void) arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = FLASH[0][(offset + i) % SV_BOOT_HEADER_BYTES];
    }
    return true;
}

void start(void) {
    static uint8_t block[4096];
    static sv_boot_key key;
    sv_boot_state state = { .counter = 1 };
    const sv_boot_place places[SV_BOOT_SLOTS] = {
        { .header = FLASH[0], .image_max = 1 << 20, .image = { .read = read_flash } },
        { .header = FLASH[1], .image_max = 1 << 20, .image = { .read = read_flash } },
    };
    const sv_boot_device device = { .product = "lathe-ctl", .hardware = "rev-b" };
    bool has_key = sv_boot_key_read(FLASH[0], SV_BOOT_POINT_BYTES, &key);
    const sv_boot_keys keys = { .trusted = &key, .trusted_count = has_key };
    sv_boot_choice choice;
    sv_boot_pick(&state, places, &keys, &device, true, block, sizeof block, &choice);
    started = choice.slot + (unsigned) sv_boot_verdict_text(SV_BOOT_OLDER)[0];
    if (sv_boot_arm(&state, 1, 3) && sv_boot_confirm(&state, 1, 2)) {
        started += sv_boot_release(&state, 0) && sv_boot_fail(&state, 0);
    }
    for (;;) {
    }
}
