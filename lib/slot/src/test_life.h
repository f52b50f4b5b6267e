// For tests: the life of a device that gets updates, whatever boot loader it has: from the factory
// to a release that proves itself, one that does not, and an older one that is refused. And what
// may be on a medium at any moment of it.
#ifndef SV_SLOT_TEST_LIFE_H
#define SV_SLOT_TEST_LIFE_H

#include "test_device.h"

enum {
    LIVES_MAX = 60, ///< starts until the end of the story
    MARKS_MAX = 128,
};

/// What has been promised by some moment; it stays true whatever happens then.
typedef struct truth {
    bool first_confirmed; ///< release 1
    bool healthy;         ///< release 2 was found so
    bool confirmed;       ///< release 2
    bool bad;             ///< release 3 was rolled back
    unsigned starts;      ///< of release 3
} truth;

typedef struct life life;

/// A way in which an engine is broken.
typedef struct fault {
    const char *name;
    bool killed;  ///< it is only seen when the updater is killed
    bool keeping; ///< it is about how things are kept, which is another way for each boot loader
    const char *no_sync_of;
    bool no_sync_folder, in_place, no_checksum;
    bool forgets;  ///< the boot loader does not count tries
    bool confirms; ///< arming confirms
    bool raises;   ///< arming raises the counter
    bool keeps;    ///< releasing does nothing
    bool sleeps;   ///< coming up does nothing
    bool hasty;    ///< the hardware counts before it is confirmed
    sv_err (*arm)(life *l, unsigned slot, unsigned tries, sv_why *why); ///< so, and not as it is
} fault;

/// Who chooses what starts, and how that is remembered.
typedef struct loader {
    const char *name;
    void (*factory)(platter *p);
    /// `l->d` is on a medium: give it its boot control.
    void (*attach)(life *l);
    /// Choose, keep, run: l->d.file.running. `forgets`: it does not count the tries.
    sv_err (*start)(life *l, bool forgets, sv_why *why);
    /// What would start, where nothing may be kept or where it may.
    unsigned (*would_start)(life *l, bool can_keep);
    /// The counter alone is changed, as only a broken engine does.
    sv_err (*raise)(life *l, uint32_t counter, sv_why *why);
} loader;

struct life {
    medium m;
    device d;
    const loader *loader;
    sv_boot_uboot uboot;
    sv_boot_script script;
    const fault *fault;
    sv_boot_control inner; ///< before it was broken
    truth now;
    bool silent;   ///< release 3 hangs when it is started; else it says that it is not healthy
    bool starting; ///< the boot loader runs, which nobody kills
    bool runs;     ///< it was killed, and the machine did not start meanwhile
    size_t at[MARKS_MAX];
    truth marks[MARKS_MAX]; ///< promised when so many events had happened
    size_t mark_count;
};

static release R[4]; ///< by counter

static inline void mark(life *l) {
    assert_true(l->mark_count < MARKS_MAX);
    l->at[l->mark_count] = l->m.count;
    l->marks[l->mark_count++] = l->now;
}

static inline truth truth_at(const life *l, size_t events) {
    truth last = { 0 };
    for (size_t i = 0; i < l->mark_count && l->at[i] <= events; i++) {
        last = l->marks[i];
    }
    return last;
}

// ---- engines that are broken --------------------------------------------------------------------

static inline sv_err broken_arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    life *l = arg;
    if (l->fault->arm != NULL) {
        return l->fault->arm(l, slot, tries, why);
    }
    SV_TRY(l->inner.arm(l->inner.arg, slot, tries, why));
    uint32_t counter = l->d.engine.journal.trial.release.counter;
    return l->fault->confirms ? l->inner.confirm(l->inner.arg, slot, counter, why)
           : l->fault->raises ? l->loader->raise(l, counter, why)
                              : SV_OK;
}

static inline sv_err broken_release(void *arg, unsigned slot, sv_why *why) {
    life *l = arg;
    return l->fault->keeps ? SV_OK : l->inner.release(l->inner.arg, slot, why);
}

static inline sv_err broken_up(void *arg, sv_why *why) {
    life *l = arg;
    return l->fault->sleeps ? SV_OK : l->inner.up(l->inner.arg, why);
}

static inline sv_err inner_confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    life *l = arg;
    if (l->fault->hasty) {
        SV_TRY(medium_raise(&l->m, counter, why));
    }
    return l->inner.confirm(l->inner.arg, slot, counter, why);
}

static inline sv_err inner_current(void *arg, unsigned *slot, sv_why *why) {
    life *l = arg;
    return l->inner.current(l->inner.arg, slot, why);
}

static inline sv_err inner_state(void *arg, sv_boot_state *out, sv_why *why) {
    life *l = arg;
    return l->inner.state(l->inner.arg, out, why);
}

static inline sv_err inner_fail(void *arg, unsigned slot, sv_why *why) {
    life *l = arg;
    return (l->inner.fail)(l->inner.arg, slot, why);
}

/// The device as it is when the machine has power, or when what was killed begins again.
static inline void attach(life *l) {
    unsigned running = l->d.file.running;
    device_on(&l->d, &l->m);
    l->d.file.running = running;
    l->loader->attach(l);
    l->inner = l->d.boot;
    l->d.boot = (sv_boot_control){ .arg = l,
                                   .current = inner_current,
                                   .state = inner_state,
                                   .up = broken_up,
                                   .release = broken_release,
                                   .arm = broken_arm,
                                   .confirm = inner_confirm,
                                   .fail = inner_fail };
}

static inline void begin_life(life *l, const loader *by, const platter *from, const truth *known,
                              const fault *f, bool silent) {
    l->loader = by;
    l->fault = f;
    l->silent = silent;
    l->mark_count = 0;
    l->now = *known;
    l->runs = false;
    medium_begin(&l->m, from);
    l->m.fault = SV_ERR_IO;
    l->m.no_sync_of = f->no_sync_of;
    l->m.no_sync_folder = f->no_sync_folder;
    l->m.in_place = f->in_place;
    l->m.no_checksum = f->no_checksum;
    l->d.file.running = SV_BOOT_NO_SLOT;
    attach(l);
    mark(l);
}

// ---- the story ----------------------------------------------------------------------------------

/// Which release lies whole in a slot of a platter; 0: none.
static inline unsigned whole_in(const platter *p, unsigned slot) {
    const uint8_t *data = p->files[slot].data;
    for (unsigned i = 1; i < SV_COUNT(R); i++) {
        if (memcmp(data, R[i].image, IMAGE_BYTES) == 0
            && memcmp(data + SLOT_BYTES - SV_BOOT_TRAILER_BYTES, R[i].header, SV_BOOT_HEADER_BYTES)
                   == 0) {
            return i;
        }
    }
    return 0;
}

static inline const char *ask_health(life *l, sv_why *why) {
    unsigned counter = l->d.engine.journal.trial.release.counter;
    l->now.healthy = l->now.healthy || counter == 2;
    mark(l);
    if (sv_engine_health(&l->d.engine, counter != 3, "it does not move", why) != SV_OK) {
        return why->text;
    }
    l->now.confirmed = l->now.confirmed || counter == 2;
    l->now.bad = l->now.bad || counter == 3;
    mark(l);
    return NULL;
}

/// What an updater does next, until it wants a start. NULL and *ended at the end of the story.
static inline const char *go_on(life *l, bool *ended, sv_why *why) {
    sv_engine *engine = &l->d.engine;
    const sv_trial *trial = &engine->journal.trial;
    sv_boot_state state;
    switch ((int) sv_engine_next(engine)) {
    case SV_TRIAL_ASK_HEALTH:
        return ask_health(l, why);
    case SV_TRIAL_REBOOT:
        return sv_engine_rebooting(engine, why) == SV_OK ? NULL : why->text;
    case SV_TRIAL_WAIT:
        break;
    default:
        return install(engine, &R[trial->release.counter], why) == SV_OK ? NULL : why->text;
    }
    if (l->d.boot.state(l->d.boot.arg, &state, why) != SV_OK) {
        return why->text;
    }
    unsigned next = state.counter < 2 ? 2 : 3;
    sv_err err = install(engine, &R[next], why);
    *ended = err == SV_ERR_UNTRUSTED && next == 3;
    return err == SV_OK || *ended ? NULL : why->text;
}

static inline const char *check_end(life *l, sv_why *why) {
    sv_engine *engine = &l->d.engine;
    sv_boot_state state;
    if (l->d.boot.state(l->d.boot.arg, &state, why) != SV_OK) {
        return why->text;
    }
    if (sv_engine_offer(engine, R[1].header, sizeof R[1].header, "raw", why) != SV_ERR_UNTRUSTED) {
        return "an older release was taken";
    }
    bool fine = state.counter == 2 && l->m.now.ticks == 2 && whole_in(&l->m.now, state.primary) == 2
                && l->d.file.running == state.primary
                && sv_journal_is_bad(&engine->journal, R[3].said.digest);
    return fine ? NULL : "the story ends otherwise";
}

/// The updater wakes up: what it finds noted then is a promise too.
static inline const char *wake(life *l, sv_why *why) {
    sv_boot_state state;
    if (sv_engine_wake(&l->d.engine, why) != SV_OK
        || l->d.boot.state(l->d.boot.arg, &state, why) != SV_OK) {
        return why->text;
    }
    l->now.first_confirmed = true; // at the latest then
    l->now.confirmed = l->now.confirmed || state.counter == 2;
    l->now.bad = sv_journal_is_bad(&l->d.engine.journal, R[3].said.digest);
    mark(l);
    return NULL;
}

/// One start, or going on after having been killed. NULL and *ended, or what is wrong.
static inline const char *live_once(life *l, bool *ended, sv_why *why) {
    bool starts = !l->runs;
    l->runs = false;
    if (starts) {
        l->starting = true;
        if (l->loader->start(l, l->fault->forgets, why) != SV_OK) {
            return why->text;
        }
        l->starting = false;
    }
    bool third = whole_in(&l->m.now, l->d.file.running) == 3;
    l->now.starts += third && starts ? 1 : 0;
    mark(l);
    if (l->now.starts > SV_TRIAL_TRIES) {
        return "a release that does not prove itself is started more often than was armed for";
    }
    if (third && l->silent) {
        return NULL; // the watchdog
    }
    const char *wrong = wake(l, why);
    return wrong != NULL ? wrong : go_on(l, ended, why);
}

/// From whatever lies on the medium to the end. NULL, or what is wrong.
static inline const char *live(life *l) {
    static sv_why why;
    why = (sv_why){ 0 };
    for (unsigned lives = 0; lives < LIVES_MAX; lives++) {
        bool ended = false;
        const char *wrong = live_once(l, &ended, &why);
        if (wrong != NULL || ended) {
            return wrong != NULL ? wrong : check_end(l, &why);
        }
    }
    return "the story has no end";
}

// ---- what may be on a medium --------------------------------------------------------------------

static inline const char *check_boot(life *look, const truth *t) {
    unsigned slot = look->loader->would_start(look, true);
    unsigned started = slot == SV_BOOT_NO_SLOT ? 0 : whole_in(&look->m.now, slot);
    if (started == 0) {
        return "nothing whole is started";
    }
    if (t->confirmed && started == 1) {
        return "an older release is started";
    }
    if (t->bad && started == 3) {
        return "a release that was rolled back is started";
    }
    return t->first_confirmed && look->loader->would_start(look, false) == SV_BOOT_NO_SLOT
               ? "nothing confirmed can be started"
               : NULL;
}

static inline const char *check_state(const platter *p, const truth *t,
                                      const sv_boot_state *state) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        unsigned there = whole_in(p, i);
        if (state->slots[i].state == SV_BOOT_SLOT_CONFIRMED
            && (there == 0 || there == 3 || (there == 2 && !t->healthy))) {
            return "what has not proved itself is confirmed";
        }
    }
    if (p->ticks > state->counter) {
        return "the hardware counts what is not confirmed";
    }
    if (state->counter > 2 || (state->counter == 2 && !t->healthy)) {
        return "the counter is higher than what has proved itself";
    }
    return state->counter < (t->confirmed         ? 2U
                             : t->first_confirmed ? 1U
                                                  : 0U)
               ? "the counter is lower than what was confirmed"
               : NULL;
}

static inline const char *check_journal(const platter *p, const sv_boot_state *state,
                                        const sv_journal *journal) {
    const sv_trial *trial = &journal->trial;
    unsigned counter = trial->release.counter;
    const uint8_t *data = p->files[trial->slot].data;
    switch ((sv_trial_state) trial->state) {
    case SV_TRIAL_DOWNLOADING:
        return counter >= SV_COUNT(R)
                       || memcmp(data, R[counter].image, (size_t) trial->written) != 0
                   ? "the journal says that more is written than is there"
                   : NULL;
    case SV_TRIAL_VERIFIED:
    case SV_TRIAL_INSTALLED:
    case SV_TRIAL_TRIAL:
        return whole_in(p, trial->slot) != counter ? "the journal says that it is installed" : NULL;
    case SV_TRIAL_CONFIRMED:
        return state->slots[trial->slot].state != SV_BOOT_SLOT_CONFIRMED
                   ? "the journal says that it is confirmed"
                   : NULL;
    case SV_TRIAL_ROLLED_BACK:
    case SV_TRIAL_IDLE:
    case SV_TRIAL_NOTIFIED:
    case SV_TRIAL_FAILED:
    case SV_TRIAL_STATE__COUNT:
        break;
    }
    return NULL;
}

static inline sv_err read_journal(const sv_slot_disk *disk, sv_journal *out, sv_why *why) {
    uint8_t bytes[SV_JOURNAL_BYTES];
    const sv_twin twin = { .disk = disk, .name = "journal", .kind = "SvJn", .bytes = sizeof bytes };
    SV_TRY(sv_twin_read(&twin, bytes, why));
    return sv_journal_read(bytes, out, why);
}

/// Nothing unbootable, nothing lying, nothing that nobody signed. NULL, or what is wrong.
static inline const char *check_platter(const loader *by, const platter *p, const truth *t,
                                        const fault *f) {
    static life look;
    sv_boot_state state;
    sv_boot_state kept;
    sv_journal journal = { 0 };
    bool damaged = false;
    begin_life(&look, by, p, t, f, false);
    if (sv_boot_file_read(&look.d.file, &kept, &damaged, NULL) != SV_OK || damaged
        || look.d.boot.state(look.d.boot.arg, &state, NULL) != SV_OK) {
        return "what the boot loader remembers is damaged";
    }
    sv_err err = read_journal(&look.m.disk, &journal, NULL);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return "the journal is damaged";
    }
    const char *wrong = check_boot(&look, t);
    wrong = wrong != NULL ? wrong : check_state(p, t, &state);
    return wrong != NULL ? wrong : check_journal(p, &state, &journal);
}

#endif
