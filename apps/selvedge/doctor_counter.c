// The counter of the highest release in the TPM, held against what the state folder remembers. The
// TPM is read and nothing in it made or raised.
#include "doctor.h"

#include <crypto/tpm_counter.h>
#include <inttypes.h>
#include <slot/boot_control.h>
#include <stdio.h>

static const char *remedy_of(sv_err err) {
    switch ((int) err) {
    case SV_ERR_UNAVAILABLE:
        return "load the TPM's driver, and let root use its device (group tss); until then no new "
               "release is taken";
    case SV_ERR_STATE:
        return "name an NV index that is free, and the next one too: `counter: {tpm: 0x…}`";
    default:
        return "put the file `tpm-counter` of the state folder back, or take the TPM owner's "
               "password away until the updater has started once";
    }
}

/// What the boot loader's file remembers; U-Boot keeps it elsewhere.
static sv_err remembered(const doctor_updater *updater, uint32_t *out, sv_why *why) {
    SV_DEFER(sv_slot_folder_drop) sv_slot_folder *folder = NULL;
    sv_boot_state state;
    SV_TRY(sv_slot_folder_open(updater->state, &folder, why));
    const sv_boot_file file = { .disk = sv_slot_folder_disk(folder) };
    SV_TRY(sv_boot_file_read(&file, &state, NULL, why));
    *out = state.counter;
    return SV_OK;
}

static void compare(const doctor_updater *updater, uint32_t counted, const char *of,
                    doctor_report *report) {
    uint32_t confirmed = counted;
    bool known = updater->uboot[0] == '\0' && remembered(updater, &confirmed, NULL) == SV_OK;
    if (counted > confirmed) {
        doctor_bad(report, DOCTOR_COUNTER, of,
                   "somebody has put an old copy of the disk back, or the TPM has counted for "
                   "others: publish the release to run with a counter that is not below the TPM's",
                   "the TPM is at %" PRIu32 ", and %" PRIu32 " is the highest that was confirmed "
                   "by what is on the disk",
                   counted, confirmed);
    } else if (counted < confirmed) {
        doctor_bad(report, DOCTOR_COUNTER, of,
                   "start the updater again, which counts on; it goes no further than 1000 at once "
                   "(its log says so): sign releases with counters that go up by one",
                   "the TPM is at %" PRIu32 ", and %" PRIu32 " was confirmed", counted, confirmed);
    } else {
        doctor_good(report, DOCTOR_COUNTER, of,
                    "the TPM's counter at 0x%08" PRIx32 " is at %" PRIu32 "%s", updater->counter,
                    counted, known ? ", as what was confirmed" : "");
    }
}

void doctor_look_at_counter(const doctor_updater *updater, const char *of, doctor_report *report) {
    char secret[SV_PATH_MAX];
    uint32_t counted = 0;
    sv_why warning = { .code = SV_OK };
    sv_why why = { .text = "" };
    if (updater->counter == 0) {
        return;
    }
    sv_err err = sv_disk_join(secret, sizeof secret, updater->state, "tpm-counter");
    if (err == SV_OK) {
        err = sv_tpm_counter_look(updater->counter, secret, &counted, &warning, &why);
    }
    if (err == SV_ERR_NOT_FOUND) {
        doctor_skip(report, DOCTOR_COUNTER, of, "%s: the updater makes it at its start", why.text);
    } else if (err != SV_OK) {
        doctor_bad(report, DOCTOR_COUNTER, of, remedy_of(err), "%s", why.text);
    } else if (warning.code != SV_OK) {
        doctor_bad(report, DOCTOR_COUNTER, of, remedy_of(warning.code), "%s", warning.text);
    } else {
        compare(updater, counted, of, report);
    }
}
