// What was pushed becomes what starts next: sealed, read back, placed, and only then armed.
#include "engine_own.h"

#include <string.h>

static sv_err seal(sv_engine *engine, sv_why *why) {
    engine_tell(engine, SV_TRIAL_SEAL, 0);
    SV_TRY(engine_begin_writing(engine, why));
    SV_TRY(engine->installer->seal(engine->installer->arg, engine->header, why));
    (void) sv_trial_sealed(&engine->journal.trial);
    return engine_keep(engine, why);
}

static sv_err read_back(sv_engine *engine, sv_why *why) {
    engine_tell(engine, SV_TRIAL_READ_BACK, 0);
    sv_why fault = { 0 };
    SV_TRY(engine_begin_writing(engine, why));
    sv_err err = engine->installer->read_back(engine->installer->arg, engine->header, &fault);
    if (err != SV_OK && err != SV_ERR_UNTRUSTED) {
        return sv_fail(why, err, "%s", fault.text);
    }
    (void) sv_trial_was_read_back(&engine->journal.trial, err == SV_OK);
    engine->at = engine->journal.trial.written;
    SV_TRY(engine_keep_state(engine, why));
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
}

/// The image that lies in the slot, which has to be the trial's: it may have been read back before
/// a cut.
static sv_err place_image(const sv_engine *engine, sv_why *why) {
    const sv_installer *installer = engine->installer;
    const sv_trial *trial = &engine->journal.trial;
    SV_DEFER(sv_slot_image_drop) sv_slot_image image = { .disk = NULL };
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said;
    SV_TRY(installer->header(installer->arg, trial->slot, bytes, why));
    if (sv_boot_header_read(bytes, sizeof bytes, &said) != SV_BOOT_GOOD
        || memcmp(said.digest, trial->release.digest, sizeof said.digest) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the header that was read back is gone");
    }
    sv_err err = installer->image(installer->arg, trial->slot, &image, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image that was read back is gone");
    }
    SV_TRY(err);
    return installer->placer->place(installer->placer->arg, trial->slot, &said, &image.bytes, why);
}

/// [slot-23]
static sv_err place(sv_engine *engine, sv_why *why) {
    sv_why fault = { 0 };
    if (engine->installer->placer == NULL) {
        return SV_OK;
    }
    engine->installer->end(engine->installer->arg); // whoever places it opens it
    engine->writing = false;
    sv_err err = place_image(engine, &fault);
    if (err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID) {
        SV_TRY(sv_engine_fail(engine, fault.text, why));
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
}

/// Its room is given back. Where that fails it is by the next image.
static void drop_placed(const sv_engine *engine, unsigned slot) {
    const sv_installer *installer = engine->installer;
    if (installer->placer != NULL && !installer->placer->keeps_image) {
        (void) (installer->drop_image(installer->arg, slot, NULL) == SV_OK);
    }
}

/// What was placed may start next already, by whoever placed it: where nobody wants it, it does
/// not.
static sv_err check_wanted(const sv_engine *engine, sv_why *why) {
    sv_why fault = { 0 };
    sv_err err = engine->wanted == NULL ? SV_OK : engine->wanted(engine->wanted_arg, &fault);
    if (err == SV_OK) {
        return SV_OK;
    }
    SV_TRY(engine->boot->release(engine->boot->arg, engine->journal.trial.slot, why));
    return sv_fail(why, err, "%s", fault.text);
}

static sv_err arm(sv_engine *engine, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    engine_tell(engine, SV_TRIAL_ARM, 0);
    SV_TRY(place(engine, why));
    SV_TRY(check_wanted(engine, why));
    SV_TRY(engine->boot->arm(engine->boot->arg, trial->slot, SV_TRIAL_TRIES, why));
    (void) sv_trial_armed(&engine->journal.trial);
    SV_TRY(engine_keep_state(engine, why));
    drop_placed(engine, trial->slot);
    return SV_OK;
}

/// As long as the next act is one of these.
static sv_err install_step(sv_engine *engine, sv_trial_act act, sv_why *why) {
    switch ((int) act) {
    case SV_TRIAL_RELEASE:
        return engine_release_slot(engine, why);
    case SV_TRIAL_SEAL:
        return seal(engine, why);
    case SV_TRIAL_READ_BACK:
        return read_back(engine, why);
    case SV_TRIAL_ARM:
        return arm(engine, why);
    default:
        return sv_fail(why, SV_ERR_STATE, "nothing can be installed now: the update is %s",
                       sv_trial_state_name((sv_trial_state) engine->journal.trial.state));
    }
}

static sv_err install_until(sv_engine *engine, sv_trial_state last, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    while (trial->state != last && trial->state != SV_TRIAL_INSTALLED) {
        sv_trial_act act = sv_engine_next(engine);
        if (act != SV_TRIAL_ARM && !engine->has_header) {
            return sv_fail(why, SV_ERR_STATE, "its boot header is to be offered first");
        }
        SV_TRY(install_step(engine, act, why));
    }
    sv_engine_end(engine);
    return SV_OK;
}

sv_err sv_engine_prepare(sv_engine *engine, sv_why *why) {
    return install_until(engine, SV_TRIAL_VERIFIED, why);
}

sv_err sv_engine_install(sv_engine *engine, sv_why *why) {
    return install_until(engine, SV_TRIAL_INSTALLED, why);
}
