#include <base/crc.h>
#include <base/little.h>
#include <slot/twin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { COPIES = 2, NEW_NAME_ROOM = SV_SLOT_NAME_MAX + 5 };

/// Over the head, with the checksum as 0, and the payload.
static uint32_t crc_of(const uint8_t *copy, size_t bytes) {
    uint8_t room[SV_TWIN_COPY_BYTES];
    memcpy(room, copy, SV_TWIN_HEAD_BYTES + bytes);
    memset(room + 20, 0, 4);
    return sv_crc32((sv_text){ .at = (const char *) room, .len = SV_TWIN_HEAD_BYTES + bytes });
}

static bool is_zero_from(const uint8_t *copy, size_t at) {
    return copy[at] == 0 && memcmp(copy + at, copy + at + 1, SV_TWIN_COPY_BYTES - at - 1) == 0;
}

uint64_t sv_twin_copy_read(const uint8_t copy[SV_TWIN_COPY_BYTES], const char *kind, size_t bytes,
                           uint8_t *payload) {
    const char *at = (const char *) copy;
    if (memcmp(copy, kind, SV_TWIN_KIND_BYTES) != 0 || sv_little_get(at + 4, 4) != SV_TWIN_FORMAT
        || sv_little_get(at + 16, 4) != bytes || !is_zero_from(copy, SV_TWIN_HEAD_BYTES + bytes)
        || sv_little_get(at + 20, 4) != crc_of(copy, bytes)) {
        return 0;
    }
    if (payload != NULL) {
        memcpy(payload, copy + SV_TWIN_HEAD_BYTES, bytes);
    }
    return sv_little_get(at + 8, 8);
}

void sv_twin_copy_write(uint8_t copy[SV_TWIN_COPY_BYTES], const char *kind, uint64_t sequence,
                        const uint8_t *payload, size_t bytes) {
    char *at = (char *) copy;
    memset(copy, 0, SV_TWIN_COPY_BYTES);
    memcpy(copy, kind, SV_TWIN_KIND_BYTES);
    sv_little_put(SV_TWIN_FORMAT, 4, at + 4);
    sv_little_put(sequence, 8, at + 8);
    sv_little_put(bytes, 4, at + 16);
    memcpy(copy + SV_TWIN_HEAD_BYTES, payload, bytes);
    sv_little_put(crc_of(copy, bytes), 4, at + 20);
}

/// The sequence of either copy, 0 where there is none; the newest one's payload.
static sv_err look(const sv_twin *twin, int file, uint64_t sequences[COPIES], uint8_t *payload,
                   sv_why *why) {
    uint64_t length = 0;
    SV_TRY(twin->disk->length(twin->disk->arg, file, &length, why));
    for (unsigned i = 0; i < COPIES; i++) {
        uint8_t copy[SV_TWIN_COPY_BYTES];
        sequences[i] = 0;
        if (length >= (uint64_t) (i + 1) * SV_TWIN_COPY_BYTES) {
            SV_TRY(twin->disk->read(twin->disk->arg, file, (uint64_t) i * SV_TWIN_COPY_BYTES, copy,
                                    sizeof copy, why));
            uint8_t there[SV_TWIN_PAYLOAD_MAX];
            sequences[i] = sv_twin_copy_read(copy, twin->kind, twin->bytes, there);
            if (payload != NULL && sequences[i] > (i == 0 ? 0 : sequences[0])) {
                memcpy(payload, there, twin->bytes);
            }
        }
    }
    return SV_OK;
}

sv_err sv_twin_read(const sv_twin *twin, uint8_t *out, sv_why *why) {
    const sv_slot_disk *disk = twin->disk;
    uint64_t sequences[COPIES];
    int file = -1;
    SV_TRY(disk->open(disk->arg, twin->name, 0, &file, why));
    sv_err err = look(twin, file, sequences, out, why);
    disk->close(disk->arg, file);
    SV_TRY(err);
    return sequences[0] == 0 && sequences[1] == 0
               ? sv_fail(why, SV_ERR_INVALID, "'%s' is damaged: neither of its two copies is whole",
                         twin->name)
               : SV_OK;
}

sv_err sv_twin_flush(const sv_twin *twin, sv_why *why) {
    const sv_slot_disk *disk = twin->disk;
    int file = -1;
    sv_why absent = { 0 };
    sv_err err = disk->open(disk->arg, twin->name, 0, &file, &absent);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s", absent.text);
    }
    err = disk->sync(disk->arg, file, why);
    disk->close(disk->arg, file);
    return err == SV_OK ? disk->sync_folder(disk->arg, why) : err;
}

static sv_err put(const sv_twin *twin, int file, unsigned place, uint64_t sequence,
                  const uint8_t *payload, sv_why *why) {
    uint8_t copy[SV_TWIN_COPY_BYTES];
    sv_twin_copy_write(copy, twin->kind, sequence, payload, twin->bytes);
    SV_TRY(twin->disk->write(twin->disk->arg, file, (uint64_t) place * SV_TWIN_COPY_BYTES, copy,
                             sizeof copy, why));
    return twin->disk->sync(twin->disk->arg, file, why);
}

static sv_err renew(const sv_twin *twin, int file, const uint8_t *payload, sv_why *why) {
    uint64_t sequences[COPIES];
    SV_TRY(look(twin, file, sequences, NULL, why));
    unsigned older = sequences[0] <= sequences[1] ? 0 : 1;
    return put(twin, file, older, sequences[1 - older] + 1, payload, why);
}

/// It gets its name when it is whole, and has it for good when the folder is flushed.
static sv_err make(const sv_twin *twin, const uint8_t *payload, sv_why *why) {
    const sv_slot_disk *disk = twin->disk;
    char name[NEW_NAME_ROOM];
    int file = -1;
    (void) snprintf(name, sizeof name, "%s.new", twin->name);
    SV_TRY(disk->unlink(disk->arg, name, why));
    SV_TRY(disk->open(disk->arg, name, SV_SLOT_WRITE | SV_SLOT_MAKE, &file, why));
    sv_err err = disk->set_length(disk->arg, file, SV_TWIN_FILE_BYTES, why);
    err = err == SV_OK ? put(twin, file, 0, 1, payload, why) : err;
    disk->close(disk->arg, file);
    SV_TRY(err);
    SV_TRY(disk->rename(disk->arg, name, twin->name, why));
    return disk->sync_folder(disk->arg, why);
}

sv_err sv_twin_write(const sv_twin *twin, const uint8_t *payload, sv_why *why) {
    const sv_slot_disk *disk = twin->disk;
    int file = -1;
    sv_why absent = { 0 };
    sv_err err = disk->open(disk->arg, twin->name, SV_SLOT_WRITE, &file, &absent);
    if (err == SV_ERR_NOT_FOUND) {
        return make(twin, payload, why);
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", absent.text);
    }
    err = renew(twin, file, payload, why);
    disk->close(disk->arg, file);
    return err;
}
