#include <string.h>
#include <update/trial.h>

const char *sv_trial_state_name(sv_trial_state state) {
    static const char *const NAMES[SV_TRIAL_STATE__COUNT] = {
        "idle",  "notified",  "downloading", "verified", "installed",
        "trial", "confirmed", "rolled-back", "failed",
    };
    return (unsigned) state < SV_TRIAL_STATE__COUNT ? NAMES[state] : "unknown";
}

/// Text that comes from elsewhere, cut to its room.
static void say(sv_trial *trial, const char *why) {
    size_t len = strnlen(why, sizeof trial->why - 1);
    memset(trial->why, 0, sizeof trial->why);
    memcpy(trial->why, why, len);
}

static sv_trial_act next_of_trial(const sv_trial *trial) {
    switch ((sv_trial_verdict) trial->verdict) {
    case SV_TRIAL_HEALTHY:
        return SV_TRIAL_CONFIRM;
    case SV_TRIAL_UNHEALTHY:
        return SV_TRIAL_GIVE_UP;
    case SV_TRIAL_NO_VERDICT:
        break;
    }
    return SV_TRIAL_ASK_HEALTH;
}

sv_trial_act sv_trial_next(const sv_trial *trial) {
    switch ((sv_trial_state) trial->state) {
    case SV_TRIAL_NOTIFIED:
        return SV_TRIAL_RELEASE;
    case SV_TRIAL_DOWNLOADING:
        return trial->sealed                                 ? SV_TRIAL_READ_BACK
               : trial->written < trial->release.image_bytes ? SV_TRIAL_WRITE
                                                             : SV_TRIAL_SEAL;
    case SV_TRIAL_VERIFIED:
        return SV_TRIAL_ARM;
    case SV_TRIAL_INSTALLED:
        return trial->verdict != SV_TRIAL_UNHEALTHY && trial->reboots < SV_TRIAL_REBOOTS_MAX
                   ? SV_TRIAL_REBOOT
                   : SV_TRIAL_GIVE_UP;
    case SV_TRIAL_TRIAL:
        return next_of_trial(trial);
    case SV_TRIAL_ROLLED_BACK: // judged while it runs: the old one is still to be started
        return trial->verdict == SV_TRIAL_UNHEALTHY ? SV_TRIAL_REBOOT : SV_TRIAL_WAIT;
    case SV_TRIAL_IDLE:
    case SV_TRIAL_CONFIRMED:
    case SV_TRIAL_FAILED:
    case SV_TRIAL_STATE__COUNT:
        break;
    }
    return SV_TRIAL_WAIT;
}

static bool is_same(const sv_trial_release *a, const sv_trial_release *b) {
    return a->counter == b->counter && a->image_bytes == b->image_bytes
           && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static bool is_under_way(const sv_trial *trial) {
    return trial->state >= SV_TRIAL_NOTIFIED && trial->state <= SV_TRIAL_INSTALLED;
}

bool sv_trial_offer(sv_trial *trial, const sv_trial_release *release, unsigned slot) {
    if (slot >= SV_BOOT_SLOTS || release->image_bytes == 0 || trial->state == SV_TRIAL_TRIAL) {
        return false;
    }
    if (is_under_way(trial) && trial->slot == slot && is_same(&trial->release, release)) {
        memcpy(trial->release.encoding, release->encoding, sizeof release->encoding);
        trial->release.action = release->action;
        return true;
    }
    *trial = (sv_trial){ .state = SV_TRIAL_NOTIFIED, .slot = (uint8_t) slot, .release = *release };
    return true;
}

bool sv_trial_released(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_RELEASE) {
        return false;
    }
    trial->state = SV_TRIAL_DOWNLOADING;
    trial->writes = trial->writes == 0 ? 1 : trial->writes;
    return true;
}

bool sv_trial_wrote(sv_trial *trial, uint64_t bytes) {
    if (sv_trial_next(trial) != SV_TRIAL_WRITE || bytes < trial->written
        || bytes > trial->release.image_bytes) {
        return false;
    }
    trial->written = bytes;
    return true;
}

bool sv_trial_sealed(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_SEAL) {
        return false;
    }
    trial->sealed = true;
    return true;
}

bool sv_trial_was_read_back(sv_trial *trial, bool good) {
    if (sv_trial_next(trial) != SV_TRIAL_READ_BACK) {
        return false;
    }
    if (good) {
        trial->state = SV_TRIAL_VERIFIED;
        return true;
    }
    trial->sealed = false;
    trial->written = 0;
    if (trial->writes >= SV_TRIAL_WRITES_MAX) {
        trial->state = SV_TRIAL_FAILED;
        say(trial, "the slot gives back other bytes than were written");
    } else {
        trial->writes++;
    }
    return true;
}

bool sv_trial_armed(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_ARM) {
        return false;
    }
    trial->state = SV_TRIAL_INSTALLED;
    return true;
}

bool sv_trial_rebooting(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_REBOOT) {
        return false;
    }
    if (trial->state == SV_TRIAL_INSTALLED) {
        trial->reboots++;
    }
    return true;
}

bool sv_trial_judged(sv_trial *trial, bool healthy, const char *why) {
    if (sv_trial_next(trial) != SV_TRIAL_ASK_HEALTH || (healthy && trial->unread)) {
        return false;
    }
    trial->verdict = healthy ? SV_TRIAL_HEALTHY : SV_TRIAL_UNHEALTHY;
    say(trial, healthy ? "" : why);
    return true;
}

bool sv_trial_confirmed(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_CONFIRM) {
        return false;
    }
    trial->state = SV_TRIAL_CONFIRMED;
    trial->verdict = SV_TRIAL_NO_VERDICT;
    return true;
}

bool sv_trial_given_up(sv_trial *trial) {
    if (sv_trial_next(trial) != SV_TRIAL_GIVE_UP) {
        return false;
    }
    if (trial->state == SV_TRIAL_INSTALLED) {
        trial->state = SV_TRIAL_FAILED;
        if (trial->verdict != SV_TRIAL_UNHEALTHY) {
            say(trial, "the boot loader did not start it");
        }
    } else {
        trial->state = SV_TRIAL_ROLLED_BACK;
    }
    return true;
}

bool sv_trial_fail(sv_trial *trial, const char *why) {
    if (trial->state < SV_TRIAL_NOTIFIED || trial->state > SV_TRIAL_VERIFIED) {
        return false;
    }
    trial->state = SV_TRIAL_FAILED;
    say(trial, why);
    return true;
}

bool sv_trial_withdrawn(sv_trial *trial, const char *why) {
    if (trial->state != SV_TRIAL_INSTALLED) {
        return false;
    }
    trial->state = SV_TRIAL_FAILED;
    say(trial, why);
    return true;
}

static void roll_back(sv_trial *trial, const char *why) {
    trial->state = SV_TRIAL_ROLLED_BACK;
    if (trial->why[0] == '\0') {
        say(trial, why);
    }
}

static void fail(sv_trial *trial, const char *why) {
    trial->state = SV_TRIAL_FAILED;
    say(trial, why);
}

/// Nobody knows whether it is what was armed: it cannot prove itself, for no fault of its own.
/// True: that is settled.
static bool settle_unknown(sv_trial *trial, const sv_boot_state *boot,
                           const sv_trial_found *found) {
    sv_boot_slot_state slot = (sv_boot_slot_state) boot->slots[trial->slot].state;
    bool runs = found->running == trial->slot;
    trial->blameless = true;
    if (slot == SV_BOOT_SLOT_BAD) {
        say(trial, found->why);
        return false;
    }
    if (slot != SV_BOOT_SLOT_TRIAL) {
        return false;
    }
    if (boot->slots[1 - trial->slot].state != SV_BOOT_SLOT_CONFIRMED) {
        fail(trial, found->why); // and stays: there is nothing to go back to
        return true;
    }
    trial->state = runs ? SV_TRIAL_TRIAL : SV_TRIAL_INSTALLED;
    trial->verdict = SV_TRIAL_UNHEALTHY;
    say(trial, found->why);
    return true;
}

/// Nobody can read what it is: the boot loader says what became of it. True: that is settled.
static bool settle_unread(sv_trial *trial, const sv_boot_state *boot, const sv_trial_found *found) {
    const sv_boot_slot slot = boot->slots[trial->slot];
    bool runs = found->running == trial->slot;
    bool had_its_starts = found->running < SV_BOOT_SLOTS && !runs && slot.tries_left == 0;
    trial->blameless = true;
    trial->unread = runs;
    if (slot.state == SV_BOOT_SLOT_BAD || (slot.state == SV_BOOT_SLOT_TRIAL && had_its_starts)) {
        say(trial, found->why);
    } else if (slot.state == SV_BOOT_SLOT_TRIAL && runs
               && boot->slots[1 - trial->slot].state != SV_BOOT_SLOT_CONFIRMED) {
        fail(trial, found->why); // and stays: there is nothing to go back to
        return true;
    }
    return false;
}

/// What was armed is not what lies there. True: that is settled.
static bool settle_lies(sv_trial *trial, const sv_boot_state *boot, const sv_trial_found *found) {
    switch (found->armed) {
    case SV_TRIAL_LIES_ANOTHER:
        fail(trial, found->why);
        return true;
    case SV_TRIAL_LIES_UNKNOWN:
        return settle_unknown(trial, boot, found);
    case SV_TRIAL_LIES_UNREAD:
        return settle_unread(trial, boot, found);
    case SV_TRIAL_LIES_THERE:
        break;
    }
    return false;
}

/// It was armed, as far as was noted or as the boot loader says.
static void settle_armed(sv_trial *trial, sv_boot_slot_state slot, unsigned tries_left,
                         unsigned running) {
    switch (slot) {
    case SV_BOOT_SLOT_TRIAL:
        if (running < SV_BOOT_SLOTS && running != trial->slot && tries_left == 0) {
            roll_back(trial, "it had its starts and did not prove itself");
            return;
        }
        trial->state = running == trial->slot ? SV_TRIAL_TRIAL : SV_TRIAL_INSTALLED;
        return;
    case SV_BOOT_SLOT_CONFIRMED:
        trial->state = SV_TRIAL_CONFIRMED;
        return;
    case SV_BOOT_SLOT_BAD:
        roll_back(trial, "it had its starts and did not prove itself");
        trial->verdict = running == trial->slot ? SV_TRIAL_UNHEALTHY : SV_TRIAL_NO_VERDICT;
        return;
    case SV_BOOT_SLOT_IDLE: // the boot loader has forgotten; what lies there is looked at again
        trial->state = running == trial->slot ? SV_TRIAL_FAILED : SV_TRIAL_DOWNLOADING;
        say(trial,
            running == trial->slot ? "the boot loader has forgotten that it is a trial" : "");
        return;
    }
    fail(trial, "the boot loader remembers something unknown of the slot");
}

/// The running slot is on trial, and no update is about it.
static void adopt(sv_trial *trial, unsigned running, const sv_trial_release *there) {
    *trial = (sv_trial){
        .state = SV_TRIAL_TRIAL, .slot = (uint8_t) running, .release = *there, .sealed = true
    };
}

/// What the boot loader remembers of the slot that the update is for, and how many tries it has
/// left.
static sv_boot_slot slot_of(const sv_trial *trial, const sv_boot_state *boot) {
    return trial->slot < SV_BOOT_SLOTS ? boot->slots[trial->slot]
                                       : (sv_boot_slot){ .state = SV_BOOT_SLOT_BAD };
}

bool sv_trial_is_armed(const sv_trial *trial, const sv_boot_state *boot, unsigned running) {
    bool may_be = trial->state == SV_TRIAL_VERIFIED
                  && (slot_of(trial, boot).state != SV_BOOT_SLOT_IDLE || running == trial->slot);
    return trial->slot < SV_BOOT_SLOTS
           && (may_be || trial->state == SV_TRIAL_INSTALLED || trial->state == SV_TRIAL_TRIAL);
}

/// It was being written, or the old one is still to be started.
static void settle_others(sv_trial *trial, sv_boot_slot_state slot, unsigned running) {
    bool runs = running == trial->slot;
    if (trial->state == SV_TRIAL_NOTIFIED || trial->state == SV_TRIAL_DOWNLOADING) {
        if (runs) {
            (void) sv_trial_fail(trial, "the slot that was to be written is the one that runs");
        } else if (slot != SV_BOOT_SLOT_IDLE) {
            trial->state = SV_TRIAL_NOTIFIED;
        }
    } else if (trial->state == SV_TRIAL_ROLLED_BACK && slot == SV_BOOT_SLOT_BAD && runs) {
        trial->verdict = SV_TRIAL_UNHEALTHY;
    }
}

void sv_trial_settle(sv_trial *trial, const sv_boot_state *boot, const sv_trial_found *found) {
    const sv_boot_slot slot = slot_of(trial, boot);
    const unsigned running = found->running;
    bool judged = false;
    trial->verdict = SV_TRIAL_NO_VERDICT;
    trial->blameless = false;
    trial->unread = false;
    if (!sv_trial_is_armed(trial, boot, running)) {
        settle_others(trial, (sv_boot_slot_state) slot.state, running);
    } else if (settle_lies(trial, boot, found)) {
        if (found->armed != SV_TRIAL_LIES_UNKNOWN) {
            return;
        }
        judged = trial->verdict == SV_TRIAL_UNHEALTHY;
    } else {
        settle_armed(trial, (sv_boot_slot_state) slot.state, slot.tries_left, running);
    }
    if (running < SV_BOOT_SLOTS && boot->slots[running].state == SV_BOOT_SLOT_TRIAL
        && found->there != NULL && !(trial->state == SV_TRIAL_TRIAL && trial->slot == running)) {
        adopt(trial, running, found->there);
    }
    if (!judged && trial->state == SV_TRIAL_TRIAL
        && boot->slots[1 - trial->slot].state != SV_BOOT_SLOT_CONFIRMED) {
        trial->verdict = SV_TRIAL_HEALTHY; // to give it up would leave nothing to start
    }
}
