#include "firmware_power.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512 };

typedef enum undo_kind { UNDO_WRITE, UNDO_LENGTH, UNDO_MADE, UNDO_RENAMED } undo_kind;

/// How to take back what has not been flushed.
struct firmware_undo {
    firmware_undo *older;
    undo_kind kind;
    char name[SV_SLOT_NAME_MAX + 1]; ///< as the file is called now
    char was[SV_SLOT_NAME_MAX + 1];  ///< of a name: as it was called
    uint64_t at, len;                ///< of a length: what it was
    uint8_t *bytes;                  ///< what was there
};

static bool is_name(const firmware_undo *undo) {
    return undo->kind == UNDO_MADE || undo->kind == UNDO_RENAMED;
}

static firmware_undo *remember(firmware_power *power, undo_kind kind, const char *name) {
    firmware_undo *undo = sv_mem_new(sizeof *undo);
    *undo = (firmware_undo){ .older = power->undo, .kind = kind };
    (void) snprintf(undo->name, sizeof undo->name, "%s", name);
    power->undo = undo;
    return undo;
}

static void forget(firmware_undo **at) {
    firmware_undo *undo = *at;
    *at = undo->older;
    free(undo->bytes);
    free(undo);
}

/// Flushed: what is of this file, or with NULL every name, cannot be lost any more.
static void settle(firmware_power *power, const char *name) {
    for (firmware_undo **at = &power->undo; *at != NULL;) {
        bool is = name == NULL ? is_name(*at) : !is_name(*at) && strcmp((*at)->name, name) == 0;
        if (is) {
            forget(at);
        } else {
            at = &(*at)->older;
        }
    }
}

static void rename_all(firmware_power *power, const char *from, const char *to) {
    for (firmware_undo *undo = power->undo; undo != NULL; undo = undo->older) {
        if (strcmp(undo->name, from) == 0) {
            (void) snprintf(undo->name, sizeof undo->name, "%s", to);
        }
    }
}

static void restore(firmware_power *power, const firmware_undo *undo, bool tear) {
    const sv_slot_disk *under = power->under;
    int file = -1;
    if (under->open(under->arg, undo->name, SV_SLOT_WRITE, &file, NULL) != SV_OK) {
        power->broken = true;
        return;
    }
    for (uint64_t at = 0; at < undo->len; at += SECTOR_BYTES) {
        uint64_t left = undo->len - at;
        size_t len = left < SECTOR_BYTES ? (size_t) left : (size_t) SECTOR_BYTES;
        uint64_t chance = tear ? sv_prng_next(&power->prng) : 1;
        // A sector is old, or new, or old up to a byte inside.
        size_t from = tear && chance % 8 == 2 ? (size_t) (chance >> 8) % len : 0;
        if ((chance & 1) != 0 || from > 0) {
            sv_err err = under->write(under->arg, file, undo->at + at + from,
                                      undo->bytes + at + from, len - from, NULL);
            power->broken = power->broken || err != SV_OK;
        }
    }
    power->broken = power->broken || under->sync(under->arg, file, NULL) != SV_OK;
    under->close(under->arg, file);
}

static void restore_length(firmware_power *power, const firmware_undo *undo) {
    const sv_slot_disk *under = power->under;
    int file = -1;
    sv_err err = under->open(under->arg, undo->name, SV_SLOT_WRITE, &file, NULL);
    if (err == SV_OK) {
        err = under->set_length(under->arg, file, undo->len, NULL);
        under->close(under->arg, file);
    }
    power->broken = power->broken || err != SV_OK;
}

static void take_back_name(firmware_power *power, const firmware_undo *undo) {
    const sv_slot_disk *under = power->under;
    sv_err err = undo->kind == UNDO_MADE ? under->unlink(under->arg, undo->name, NULL)
                                         : under->rename(under->arg, undo->name, undo->was, NULL);
    power->broken = power->broken || err != SV_OK;
    if (undo->kind == UNDO_RENAMED) {
        char name[SV_SLOT_NAME_MAX + 1];
        (void) snprintf(name, sizeof name, "%s", undo->name);
        rename_all(power, name, undo->was);
    }
}

static void take_back_bytes(firmware_power *power, const firmware_undo *undo) {
    uint64_t fate = sv_prng_next(&power->prng) % 3;
    power->kept += fate == 0 ? 1 : 0;
    power->lost += fate == 1 ? 1 : 0;
    power->torn += fate == 2 ? 1 : 0;
    if (fate == 0) {
        return;
    }
    if (undo->kind == UNDO_LENGTH) {
        restore_length(power, undo);
    } else {
        restore(power, undo, fate == 2);
    }
}

/// Names are kept in the order in which they were changed, so that the last ones are lost.
static void lose(firmware_power *power) {
    unsigned names = 0;
    for (const firmware_undo *undo = power->undo; undo != NULL; undo = undo->older) {
        names += is_name(undo) ? 1 : 0;
    }
    unsigned lost = (unsigned) (sv_prng_next(&power->prng) % (names + 1U));
    power->gone = true;
    power->kept += names - lost;
    power->lost += lost;
    while (power->undo != NULL) {
        firmware_undo undo = *power->undo;
        if (!is_name(&undo)) {
            take_back_bytes(power, &undo);
        } else if (lost > 0) {
            lost--;
            take_back_name(power, &undo);
        }
        forget(&power->undo);
    }
}

static sv_err say_gone(sv_why *why) {
    return sv_fail(why, SV_ERR_IO, "the power is gone");
}

/// One more event. SV_ERR_IO when it is the last one.
static sv_err happened(firmware_power *power, sv_why *why) {
    power->events++;
    if (power->after != 0 && power->events >= power->after) {
        lose(power);
        return say_gone(why);
    }
    return SV_OK;
}

#define WHILE_THERE_IS_POWER(power, why)                                                           \
    do {                                                                                           \
        if ((power)->gone) {                                                                       \
            return say_gone(why);                                                                  \
        }                                                                                          \
    } while (0)

static sv_err power_open(void *arg, const char *name, unsigned how, int *file, sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    SV_TRY(power->under->open(power->under->arg, name, how, file, why));
    (void) snprintf(power->names[*file], sizeof power->names[*file], "%s", name);
    if ((how & SV_SLOT_MAKE) != 0) {
        (void) remember(power, UNDO_MADE, name);
        return happened(power, why);
    }
    return SV_OK;
}

static void power_close(void *arg, int file) {
    const firmware_power *power = arg;
    power->under->close(power->under->arg, file);
}

static sv_err power_length(void *arg, int file, uint64_t *bytes, sv_why *why) {
    const firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    return power->under->length(power->under->arg, file, bytes, why);
}

static sv_err power_set_length(void *arg, int file, uint64_t bytes, sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    firmware_undo *undo = remember(power, UNDO_LENGTH, power->names[file]);
    SV_TRY(power->under->length(power->under->arg, file, &undo->len, why));
    SV_TRY(power->under->set_length(power->under->arg, file, bytes, why));
    return happened(power, why);
}

static sv_err power_read(void *arg, int file, uint64_t at, uint8_t *out, size_t len, sv_why *why) {
    const firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    return power->under->read(power->under->arg, file, at, out, len, why);
}

static sv_err power_write(void *arg, int file, uint64_t at, const uint8_t *bytes, size_t len,
                          sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    if (power->after != 0) { // what was there is only wanted where the power goes
        firmware_undo *undo = remember(power, UNDO_WRITE, power->names[file]);
        undo->at = at;
        undo->len = len;
        undo->bytes = sv_mem_new(len);
        SV_TRY(power->under->read(power->under->arg, file, at, undo->bytes, len, why));
    }
    SV_TRY(power->under->write(power->under->arg, file, at, bytes, len, why));
    return happened(power, why);
}

static sv_err power_sync(void *arg, int file, sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    SV_TRY(happened(power, why)); // it goes before the flush is done
    SV_TRY(power->under->sync(power->under->arg, file, why));
    settle(power, power->names[file]);
    return SV_OK;
}

static sv_err power_forget(void *arg, int file, sv_why *why) {
    const firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    return power->under->forget(power->under->arg, file, why);
}

static sv_err power_rename(void *arg, const char *from, const char *to, sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    SV_TRY(power->under->rename(power->under->arg, from, to, why));
    rename_all(power, from, to);
    firmware_undo *undo = remember(power, UNDO_RENAMED, to);
    (void) snprintf(undo->was, sizeof undo->was, "%s", from);
    return happened(power, why);
}

static sv_err power_unlink(void *arg, const char *name, sv_why *why) {
    const firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    return power->under->unlink(power->under->arg, name, why);
}

static sv_err power_sync_folder(void *arg, sv_why *why) {
    firmware_power *power = arg;
    WHILE_THERE_IS_POWER(power, why);
    SV_TRY(happened(power, why));
    SV_TRY(power->under->sync_folder(power->under->arg, why));
    settle(power, NULL);
    return SV_OK;
}

void firmware_power_begin(firmware_power *power, const sv_slot_disk *under, uint64_t after,
                          uint64_t seed) {
    *power = (firmware_power){ .under = under, .after = after, .prng = { .state = seed } };
    power->disk = (sv_slot_disk){ .arg = power,
                                  .open = power_open,
                                  .close = power_close,
                                  .length = power_length,
                                  .set_length = power_set_length,
                                  .read = power_read,
                                  .write = power_write,
                                  .sync = power_sync,
                                  .forget = power_forget,
                                  .rename = power_rename,
                                  .unlink = power_unlink,
                                  .sync_folder = power_sync_folder };
}

void firmware_power_drop(firmware_power *power) {
    while (power->undo != NULL) {
        forget(&power->undo);
    }
}
