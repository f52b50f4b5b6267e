#include <slot/boot_control.h>

/// A slot that is being armed: good and noted so, and the boot loader may know that it is primary
/// or not. [slot-19]
static const sv_boot_slot ARMING = { .state = SV_BOOT_SLOT_TRIAL, .tries_left = 0 };

static bool is_arming(sv_boot_slot kept) {
    return kept.state == ARMING.state && kept.tries_left == ARMING.tries_left;
}

/// One slot as the file has it, and what the boot loader says of it.
static sv_boot_slot merge(sv_boot_slot kept, bool good, bool primary) {
    const sv_boot_slot trial = { .state = SV_BOOT_SLOT_TRIAL, .tries_left = SV_BOOT_TRIES };
    const sv_boot_slot idle = { .state = SV_BOOT_SLOT_IDLE };
    const sv_boot_slot bad = { .state = SV_BOOT_SLOT_BAD };
    if (is_arming(kept) && good) {
        return primary ? trial : idle;
    }
    bool over = kept.state == SV_BOOT_SLOT_TRIAL && (!good || !primary);
    bool spoilt = kept.state == SV_BOOT_SLOT_CONFIRMED && !good;
    return over || spoilt ? bad : kept;
}

/// What runs may count as bad already, by its last start: then what is kept counts. One that is
/// kept as bad, and good and primary, somebody has written and made so since.
static sv_err merge_running(const sv_boot_verbs *verbs, const sv_boot_said *said,
                            sv_boot_state *state, sv_why *why) {
    const unsigned slot = said->running;
    sv_boot_slot unnoted = { .state = SV_BOOT_SLOT_TRIAL };
    bool anew =
        state->slots[slot].state == SV_BOOT_SLOT_BAD && said->good[slot] && said->primary == slot;
    if (state->slots[slot].state != SV_BOOT_SLOT_IDLE && !anew) {
        return SV_OK;
    }
    if (verbs->unnoted != NULL) {
        SV_TRY(verbs->unnoted(verbs->arg, slot, &unnoted, why));
    }
    state->slots[slot] = unnoted;
    state->primary = unnoted.state == SV_BOOT_SLOT_CONFIRMED ? (uint8_t) slot : state->primary;
    return SV_OK;
}

/// What somebody else has written over is nothing that is noted here.
static sv_err forget_others(const sv_boot_verbs *verbs, sv_boot_state *state, sv_why *why) {
    for (unsigned i = 0; verbs->armed != NULL && i < SV_BOOT_SLOTS; i++) {
        bool armed = true;
        if (state->slots[i].state == SV_BOOT_SLOT_TRIAL) {
            SV_TRY(verbs->armed(verbs->arg, i, &armed, why));
        }
        if (!armed) {
            state->slots[i] = (sv_boot_slot){ .state = SV_BOOT_SLOT_IDLE };
        }
    }
    return SV_OK;
}

static sv_err read_state(const sv_boot_verbs *verbs, sv_boot_said *said, sv_boot_state *out,
                         sv_why *why) {
    sv_boot_state state;
    SV_TRY(sv_boot_file_read(verbs->file, &state, NULL, why));
    SV_TRY(verbs->ask(verbs->arg, said, why));
    SV_TRY(forget_others(verbs, &state, why));
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if (i == said->running) {
            SV_TRY(merge_running(verbs, said, &state, why));
        } else {
            state.slots[i] = merge(state.slots[i], said->good[i], i == said->primary);
        }
    }
    *out = state;
    return SV_OK;
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    return verbs->current(verbs->arg, slot, why);
}

/// As RAUC does for the slot that runs, where it is confirmed.
static sv_err up(void *arg, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    sv_boot_said said;
    sv_boot_state state;
    SV_TRY(sv_boot_file_flush(verbs->file, why));
    SV_TRY(read_state(verbs, &said, &state, why));
    return said.running < SV_BOOT_SLOTS && state.slots[said.running].state == SV_BOOT_SLOT_CONFIRMED
               ? verbs->set_good(verbs->arg, said.running, true, why)
               : SV_OK;
}

static sv_err state_of(void *arg, sv_boot_state *out, sv_why *why) {
    sv_boot_said said;
    return read_state(arg, &said, out, why);
}

static sv_err refuse(unsigned slot, const char *what, sv_why *why) {
    return sv_fail(why, SV_ERR_STATE,
                   "slot %s cannot be %s: it is the way back, or is not on trial",
                   sv_slot_letter(slot), what);
}

// The boot loader first, which decides what is started; then what it does not keep.

static sv_err release(void *arg, unsigned slot, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    sv_boot_state state;
    sv_boot_said said;
    SV_TRY(read_state(verbs, &said, &state, why));
    if (!sv_boot_release(&state, slot)) {
        return refuse(slot, "given up", why);
    }
    if (said.primary == slot) {
        SV_TRY(verbs->set_primary(verbs->arg, 1 - slot, why));
    }
    if (!verbs->spoils_itself) {
        SV_TRY(verbs->set_good(verbs->arg, slot, false, why));
    }
    return sv_boot_file_keep(verbs->file, &state, why);
}

static sv_err arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    sv_boot_state state;
    SV_TRY(state_of(arg, &state, why));
    if (!sv_boot_arm(&state, slot, tries)) {
        return refuse(slot, "armed", why);
    }
    const sv_boot_slot armed = state.slots[slot];
    if (!verbs->spoils_itself) { // else whoever wrote it has made it good and primary by itself
        // Good before it is primary, and noted between the two: cut anywhere, it is seen whether
        // it had its starts.
        SV_TRY(verbs->set_good(verbs->arg, slot, true, why));
        state.slots[slot] = ARMING;
        SV_TRY(sv_boot_file_keep(verbs->file, &state, why));
        state.slots[slot] = armed;
    }
    SV_TRY(verbs->set_primary(verbs->arg, slot, why));
    return sv_boot_file_keep(verbs->file, &state, why);
}

static sv_err confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    sv_boot_state state;
    SV_TRY(state_of(arg, &state, why));
    if (!sv_boot_confirm(&state, slot, counter)) {
        return refuse(slot, "confirmed", why);
    }
    SV_TRY(verbs->set_good(verbs->arg, slot, true, why));
    return sv_boot_file_keep(verbs->file, &state, why);
}

static sv_err fail(void *arg, unsigned slot, sv_why *why) {
    const sv_boot_verbs *verbs = arg;
    sv_boot_state state;
    SV_TRY(state_of(arg, &state, why));
    if (!sv_boot_fail(&state, slot)) {
        return refuse(slot, "called bad", why);
    }
    SV_TRY(verbs->set_good(verbs->arg, slot, false, why));
    SV_TRY(verbs->set_primary(verbs->arg, 1 - slot, why));
    return sv_boot_file_keep(verbs->file, &state, why);
}

sv_boot_control sv_boot_verbs_control(sv_boot_verbs *verbs) {
    return (sv_boot_control){ .arg = verbs,
                              .current = current,
                              .state = state_of,
                              .up = up,
                              .release = release,
                              .arm = arm,
                              .confirm = confirm,
                              .fail = fail };
}
