#include <boot/choose.h>

/// What was remembered, without what nobody could have remembered.
static sv_boot_state sane(const sv_boot_state *state) {
    sv_boot_state out = *state;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        sv_boot_slot *slot = &out.slots[i];
        if (slot->state > SV_BOOT_SLOT_BAD) {
            slot->state = SV_BOOT_SLOT_BAD;
        }
        if (slot->state != SV_BOOT_SLOT_TRIAL) {
            slot->tries_left = 0;
        } else if (slot->tries_left > SV_BOOT_TRIES_MAX) {
            slot->tries_left = SV_BOOT_TRIES_MAX;
        }
    }
    out.primary = out.primary < SV_BOOT_SLOTS ? out.primary : 0;
    return out;
}

static bool may_start(const sv_boot_state *state, const sv_boot_candidate *candidate) {
    return candidate->good && candidate->counter >= state->counter;
}

/// Is there a slot that may be started and has starts left?
static bool any_has_starts(const sv_boot_state *state, const sv_boot_candidate *slots) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        const sv_boot_slot *slot = &state->slots[i];
        if (slot->state != SV_BOOT_SLOT_BAD && may_start(state, &slots[i])
            && (slot->state != SV_BOOT_SLOT_TRIAL || slot->tries_left > 0)) {
            return true;
        }
    }
    return false;
}

/// A trial that had its tries, or cannot be started, is over. Where nothing else can be started it
/// has them again: a new device that is switched off and on before it has proved itself.
static void end_trials(sv_boot_state *state, const sv_boot_candidate *slots) {
    bool goes_on = any_has_starts(state, slots);
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        sv_boot_slot *slot = &state->slots[i];
        if (slot->state != SV_BOOT_SLOT_TRIAL) {
            continue;
        }
        if (!may_start(state, &slots[i]) || (slot->tries_left == 0 && goes_on)) {
            *slot = (sv_boot_slot){ .state = SV_BOOT_SLOT_BAD };
        } else if (slot->tries_left == 0) {
            slot->tries_left = SV_BOOT_TRIES;
        }
    }
}

/// Of the slots in that state that may be started the newest release; of two alike `first`.
static unsigned newest(const sv_boot_state *state, const sv_boot_candidate *slots,
                       sv_boot_slot_state in, unsigned first) {
    unsigned found = SV_BOOT_NO_SLOT;
    for (unsigned k = 0; k < SV_BOOT_SLOTS; k++) {
        unsigned i = (first + k) % SV_BOOT_SLOTS;
        if (state->slots[i].state == in && may_start(state, &slots[i])
            && (found == SV_BOOT_NO_SLOT || slots[i].counter > slots[found].counter)) {
            found = i;
        }
    }
    return found;
}

static unsigned confirmed(const sv_boot_state *state, const sv_boot_candidate *slots) {
    for (unsigned k = 0; k < SV_BOOT_SLOTS; k++) {
        unsigned i = (state->primary + k) % SV_BOOT_SLOTS;
        if (state->slots[i].state == SV_BOOT_SLOT_CONFIRMED && may_start(state, &slots[i])) {
            return i;
        }
    }
    return SV_BOOT_NO_SLOT;
}

void sv_boot_choose(const sv_boot_state *state, const sv_boot_candidate slots[SV_BOOT_SLOTS],
                    bool can_keep, sv_boot_choice *out) {
    sv_boot_choice choice = { .slot = SV_BOOT_NO_SLOT, .after = sane(state) };
    sv_boot_state *after = &choice.after;
    if (can_keep) {
        end_trials(after, slots);
        choice.slot = newest(after, slots, SV_BOOT_SLOT_TRIAL, 1U - after->primary);
        choice.trial = choice.slot != SV_BOOT_NO_SLOT;
    }
    if (choice.slot == SV_BOOT_NO_SLOT) {
        choice.slot = confirmed(after, slots);
    }
    if (choice.slot == SV_BOOT_NO_SLOT && can_keep) {
        choice.slot = newest(after, slots, SV_BOOT_SLOT_IDLE, after->primary);
        if (choice.slot != SV_BOOT_NO_SLOT) {
            after->slots[choice.slot] = (sv_boot_slot){ SV_BOOT_SLOT_TRIAL, SV_BOOT_TRIES };
            choice.trial = true;
        }
    }
    if (choice.trial) {
        after->slots[choice.slot].tries_left--;
    }
    *out = choice;
}

/// May what is in the slot be given up?
static bool is_free(const sv_boot_state *state, unsigned slot) {
    return slot < SV_BOOT_SLOTS
           && !(slot == state->primary && state->slots[slot].state == SV_BOOT_SLOT_CONFIRMED);
}

static bool set(sv_boot_state *state, unsigned slot, sv_boot_slot to) {
    if (!is_free(state, slot)) {
        return false;
    }
    state->slots[slot] = to;
    return true;
}

bool sv_boot_release(sv_boot_state *state, unsigned slot) {
    return set(state, slot, (sv_boot_slot){ .state = SV_BOOT_SLOT_IDLE });
}

bool sv_boot_fail(sv_boot_state *state, unsigned slot) {
    return set(state, slot, (sv_boot_slot){ .state = SV_BOOT_SLOT_BAD });
}

bool sv_boot_arm(sv_boot_state *state, unsigned slot, unsigned tries) {
    return tries >= 1 && tries <= SV_BOOT_TRIES_MAX
           && set(state, slot, (sv_boot_slot){ SV_BOOT_SLOT_TRIAL, (uint8_t) tries });
}

bool sv_boot_confirm(sv_boot_state *state, unsigned slot, uint32_t counter) {
    if (slot >= SV_BOOT_SLOTS
        || (state->slots[slot].state != SV_BOOT_SLOT_TRIAL
            && state->slots[slot].state != SV_BOOT_SLOT_CONFIRMED)) {
        return false;
    }
    state->slots[slot] = (sv_boot_slot){ .state = SV_BOOT_SLOT_CONFIRMED };
    state->primary = (uint8_t) slot;
    state->counter = counter > state->counter ? counter : state->counter;
    return true;
}
