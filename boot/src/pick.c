#include <boot/pick.h>

static sv_boot_candidate judge_header(const sv_boot_place *place, const sv_boot_keys *keys,
                                      const sv_boot_device *device, sv_boot_header *out) {
    bool good = place->header != NULL
                && sv_boot_header_judge(place->header, SV_BOOT_HEADER_BYTES, keys, device, out)
                       == SV_BOOT_GOOD
                && out->image_bytes <= place->image_max;
    return (sv_boot_candidate){ .good = good, .counter = good ? out->counter : 0 };
}

void sv_boot_pick(const sv_boot_state *state, const sv_boot_place places[SV_BOOT_SLOTS],
                  const sv_boot_keys *keys, const sv_boot_device *device, bool can_keep,
                  uint8_t *block, size_t block_bytes, sv_boot_choice *out) {
    sv_boot_header headers[SV_BOOT_SLOTS];
    sv_boot_candidate slots[SV_BOOT_SLOTS];
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        slots[i] = judge_header(&places[i], keys, device, &headers[i]);
    }
    // Each round either ends it or finds one more slot that is not good.
    for (unsigned round = 0; round <= SV_BOOT_SLOTS; round++) {
        sv_boot_choose(state, slots, can_keep, out);
        if (out->slot == SV_BOOT_NO_SLOT
            || sv_boot_image_judge(&headers[out->slot], &places[out->slot].image, block,
                                   block_bytes)
                   == SV_BOOT_GOOD) {
            return;
        }
        slots[out->slot].good = false;
    }
}
