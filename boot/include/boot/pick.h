// From two slots as they lie on a medium to the one that is started: what a boot loader calls.
#ifndef SV_BOOT_PICK_H
#define SV_BOOT_PICK_H

#include <boot/choose.h>
#include <boot/verify.h>

/// Where a slot is: its header, and its image.
typedef struct sv_boot_place {
    const uint8_t *header; ///< SV_BOOT_HEADER_BYTES, the begin of its trailer; NULL: cannot be read
    uint64_t image_max;    ///< bytes in front of the trailer
    sv_boot_source image;
} sv_boot_place;

/// All of it: judge both headers, choose, judge the image of the choice, choose again where it is
/// not the one that was signed. No release counts that is below `state`'s counter or `device`'s.
/// [boot-12]
void sv_boot_pick(const sv_boot_state *state, const sv_boot_place places[SV_BOOT_SLOTS],
                  const sv_boot_keys *keys, const sv_boot_device *device, bool can_keep,
                  uint8_t *block, size_t block_bytes, sv_boot_choice *out);

#endif
