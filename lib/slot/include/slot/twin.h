// A small record that is there whole, the old or the new one, whenever the power goes: two copies
// in one file, each with a sequence and a checksum, and the older one is written. A file has
//
//   at 0 and at 4096, 4096 bytes each, numbers little-endian:
//   0   4  kind, letters        4   4  format: 1
//   8   8  sequence, from 1     16  4  bytes of the payload
//   20  4  CRC-32 (zip's) of these 24 bytes, with 0 here, and the payload
//   24     payload, then zeros
//
// [slot-3] [slot-4]
#ifndef SV_SLOT_TWIN_H
#define SV_SLOT_TWIN_H

#include <slot/disk.h>

enum {
    SV_TWIN_COPY_BYTES = 4096,
    SV_TWIN_FILE_BYTES = 2 * SV_TWIN_COPY_BYTES,
    SV_TWIN_HEAD_BYTES = 24,
    SV_TWIN_PAYLOAD_MAX = SV_TWIN_COPY_BYTES - SV_TWIN_HEAD_BYTES - 1,
    SV_TWIN_KIND_BYTES = 4,
    SV_TWIN_FORMAT = 1,
};

typedef struct sv_twin {
    const sv_slot_disk *disk;
    const char *name; ///< of the file; beside it NAME.new while it is made
    const char *kind; ///< SV_TWIN_KIND_BYTES letters
    size_t bytes;     ///< of the payload, 1 … SV_TWIN_PAYLOAD_MAX
} sv_twin;

/// The newest copy. `out` gets twin->bytes. SV_ERR_NOT_FOUND when it was never written,
/// SV_ERR_INVALID when neither copy is one.
sv_err sv_twin_read(const sv_twin *twin, uint8_t *out, sv_why *why);
/// It is on the medium when this returns SV_OK; otherwise the old or the new one is. The file is
/// made when there is none, and made good when no copy is one.
sv_err sv_twin_write(const sv_twin *twin, const uint8_t *payload, sv_why *why);

/// What one who was killed has written is on the medium when this returns, name included; no file
/// is fine.
sv_err sv_twin_flush(const sv_twin *twin, sv_why *why);

/// The sequence of a copy, 0 when it is none; `payload` gets `bytes`. NULL: not wanted.
uint64_t sv_twin_copy_read(const uint8_t copy[SV_TWIN_COPY_BYTES], const char *kind, size_t bytes,
                           uint8_t *payload);
void sv_twin_copy_write(uint8_t copy[SV_TWIN_COPY_BYTES], const char *kind, uint64_t sequence,
                        const uint8_t *payload, size_t bytes);

#endif
