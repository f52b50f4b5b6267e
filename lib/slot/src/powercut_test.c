// Power cuts. A device lives through updates on a medium that keeps every write and flush: from the
// factory to a release that proves itself, one that does not, and an older one that is refused.
// Then the power goes before each event: of what was not flushed every subset (all of up to six
// writes, else prefixes and random ones) may be on the medium, writes torn at sectors and inside
// one, names lost from the last one back. From each of these media the device lives on, power goes
// once more, and it lives on again. Engines that are broken on purpose have to be found the same
// way.
//
// SV_POWERCUT_STATES: media to look at (docs/spec/slot.md); `./dev powercut` sets many.
#include "test_device.h"

enum {
    STATES = 5000, ///< where nobody asks for more
    STATES_OF_BROKEN = 40000,
    SUBSET_MAX = 6, ///< writes of which every subset is looked at
    RANDOM_SUBSETS = 24,
    TEARS = 5,        ///< ways to tear a write, of each subset
    SECOND_CUTS = 12, ///< of each medium that lives on
    LIVES_MAX = 60,   ///< starts until the end of the story
    SEEN = 1 << 20,
    MARKS_MAX = 64,
};

// ---- signatures are judged once
// -------------------------------------------------------------------

typedef struct known_signature {
    uint8_t bytes[SV_BOOT_SIGNED_BYTES];
    uint8_t signature[SV_BOOT_SIGNATURE_BYTES];
    bool good;
} known_signature;

static known_signature KNOWN[512];
static size_t KNOWN_COUNT;

// The linker puts the second before sv_boot_key_signed: the same answer, found once for each
// header.
bool judge_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                  const uint8_t *signature) __asm__("__real_sv_boot_key_signed");
bool recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                   const uint8_t *signature) __asm__("__wrap_sv_boot_key_signed");

bool recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                   const uint8_t *signature) {
    assert_int_equal(len, SV_BOOT_SIGNED_BYTES);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (memcmp(KNOWN[i].signature, signature, SV_BOOT_SIGNATURE_BYTES) == 0
            && memcmp(KNOWN[i].bytes, bytes, len) == 0) {
            return KNOWN[i].good;
        }
    }
    bool good = judge_signed(key, bytes, len, signature);
    if (KNOWN_COUNT < SV_COUNT(KNOWN)) {
        known_signature *known = &KNOWN[KNOWN_COUNT++];
        memcpy(known->bytes, bytes, len);
        memcpy(known->signature, signature, SV_BOOT_SIGNATURE_BYTES);
        known->good = good;
    }
    return good;
}

// ---- the story
// ------------------------------------------------------------------------------------

/// What has been promised by some moment; it stays true whatever happens then.
typedef struct truth {
    bool first_confirmed; ///< release 1
    bool healthy;         ///< release 2 was found so
    bool confirmed;       ///< release 2
    bool bad;             ///< release 3 was rolled back
    unsigned starts;      ///< of release 3
} truth;

/// A way in which an engine is broken.
typedef struct fault {
    const char *name;
    const char *no_sync_of;
    bool no_sync_folder, in_place, no_checksum;
    bool forgets;  ///< the boot loader does not count tries
    bool confirms; ///< arming confirms
    bool raises;   ///< arming raises the counter
    bool keeps;    ///< releasing does nothing
} fault;

typedef struct life {
    medium m;
    device d;
    const fault *fault;
    sv_boot_control inner; ///< before it was broken
    truth now;
    bool silent; ///< release 3 hangs when it is started; else it says that it is not healthy
    size_t at[MARKS_MAX];
    truth marks[MARKS_MAX]; ///< promised when so many events had happened
    size_t mark_count;
} life;

static release R[4]; ///< by counter
static platter FACTORY;

static void mark(life *l) {
    assert_true(l->mark_count < MARKS_MAX);
    l->at[l->mark_count] = l->m.count;
    l->marks[l->mark_count++] = l->now;
}

static truth truth_at(const life *l, size_t events) {
    truth last = { 0 };
    for (size_t i = 0; i < l->mark_count && l->at[i] <= events; i++) {
        last = l->marks[i];
    }
    return last;
}

static sv_err broken_arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    life *l = arg;
    sv_boot_state state;
    SV_TRY(l->inner.arm(l->inner.arg, slot, tries, why));
    uint32_t counter = l->d.engine.journal.trial.release.counter;
    if (l->fault->confirms) {
        return l->inner.confirm(l->inner.arg, slot, counter, why);
    }
    SV_TRY(l->inner.state(l->inner.arg, &state, why));
    state.counter = l->fault->raises ? counter : state.counter;
    return sv_boot_file_keep(&l->d.file, &state, why);
}

static sv_err broken_release(void *arg, unsigned slot, sv_why *why) {
    life *l = arg;
    return l->fault->keeps ? SV_OK : l->inner.release(l->inner.arg, slot, why);
}

static sv_err inner_current(void *arg, unsigned *slot, sv_why *why) {
    life *l = arg;
    return l->inner.current(l->inner.arg, slot, why);
}

static sv_err inner_state(void *arg, sv_boot_state *out, sv_why *why) {
    life *l = arg;
    return l->inner.state(l->inner.arg, out, why);
}

static sv_err inner_confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    life *l = arg;
    return l->inner.confirm(l->inner.arg, slot, counter, why);
}

static sv_err inner_fail(void *arg, unsigned slot, sv_why *why) {
    life *l = arg;
    return (l->inner.fail)(l->inner.arg, slot, why);
}

static void begin_life(life *l, const platter *from, const truth *known, const fault *f,
                       bool silent) {
    l->fault = f;
    l->silent = silent;
    l->mark_count = 0;
    l->now = *known;
    medium_begin(&l->m, from);
    l->m.no_sync_of = f->no_sync_of;
    l->m.no_sync_folder = f->no_sync_folder;
    l->m.in_place = f->in_place;
    l->m.no_checksum = f->no_checksum;
    device_on(&l->d, &l->m);
    if (f->confirms || f->raises || f->keeps) {
        l->inner = l->d.boot;
        l->d.boot = (sv_boot_control){ .arg = l,
                                       .current = inner_current,
                                       .state = inner_state,
                                       .release = broken_release,
                                       .arm = f->keeps ? NULL : broken_arm,
                                       .confirm = inner_confirm,
                                       .fail = inner_fail };
        if (f->keeps) {
            l->d.boot.arm = broken_arm;
        }
    }
    mark(l);
}

/// Which release lies whole in a slot of a platter; 0: none.
static unsigned whole_in(const platter *p, unsigned slot) {
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

static const char *ask_health(life *l, sv_why *why) {
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
static const char *go_on(life *l, bool *ended, sv_why *why) {
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

static const char *check_end(life *l, sv_why *why) {
    sv_engine *engine = &l->d.engine;
    sv_boot_state state;
    if (l->d.boot.state(l->d.boot.arg, &state, why) != SV_OK) {
        return why->text;
    }
    if (sv_engine_offer(engine, R[1].header, sizeof R[1].header, "raw", why) != SV_ERR_UNTRUSTED) {
        return "an older release was taken";
    }
    bool fine = state.counter == 2 && whole_in(&l->m.now, state.primary) == 2
                && l->d.file.running == state.primary
                && sv_journal_is_bad(&engine->journal, R[3].said.digest);
    return fine ? NULL : "the story ends otherwise";
}

/// From whatever lies on the medium to the end. NULL, or what is wrong.
static const char *live(life *l) {
    static sv_why why;
    why = (sv_why){ 0 };
    for (unsigned lives = 0; lives < LIVES_MAX; lives++) {
        bool ended = false;
        if (device_start(&l->d, l->fault->forgets, &why) != SV_OK) {
            return why.text;
        }
        bool third = whole_in(&l->m.now, l->d.file.running) == 3;
        l->now.starts += third ? 1 : 0;
        mark(l);
        if (l->now.starts > SV_TRIAL_TRIES) {
            return "a release that does not prove itself is started more often than was armed for";
        }
        if (third && l->silent) {
            continue; // the watchdog
        }
        if (sv_engine_wake(&l->d.engine, &why) != SV_OK) {
            return why.text;
        }
        const char *wrong = NULL;
        l->now.first_confirmed = true; // at the latest when it woke up
        l->now.bad = sv_journal_is_bad(&l->d.engine.journal, R[3].said.digest);
        mark(l);
        wrong = go_on(l, &ended, &why);
        if (wrong != NULL || ended) {
            return wrong != NULL ? wrong : check_end(l, &why);
        }
    }
    return "the story has no end";
}

// ---- what may be on a medium
// ----------------------------------------------------------------------

static const char *check_boot(const platter *p, const truth *t, const sv_boot_state *state) {
    sv_boot_choice choice;
    pick_on(p, state, true, &choice);
    unsigned started = choice.slot == SV_BOOT_NO_SLOT ? 0 : whole_in(p, choice.slot);
    if (started == 0) {
        return "nothing whole is started";
    }
    if (t->confirmed && started == 1) {
        return "an older release is started";
    }
    if (t->bad && started == 3) {
        return "a release that was rolled back is started";
    }
    pick_on(p, state, false, &choice);
    if (t->first_confirmed && choice.slot == SV_BOOT_NO_SLOT) {
        return "nothing confirmed can be started";
    }
    return NULL;
}

static const char *check_state(const platter *p, const truth *t, const sv_boot_state *state) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        unsigned there = whole_in(p, i);
        if (state->slots[i].state == SV_BOOT_SLOT_CONFIRMED
            && (there == 0 || there == 3 || (there == 2 && !t->healthy))) {
            return "what has not proved itself is confirmed";
        }
    }
    if (state->counter > 2 || (state->counter == 2 && !t->healthy)) {
        return "the counter is higher than what has proved itself";
    }
    if (state->counter < (t->confirmed ? 2U : t->first_confirmed ? 1U : 0U)) {
        return "the counter is lower than what was confirmed";
    }
    return NULL;
}

static const char *check_journal(const platter *p, const sv_boot_state *state,
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

/// Nothing unbootable, nothing lying, nothing that nobody signed. NULL, or what is wrong.
static const char *check_platter(const platter *p, const truth *t, const fault *f) {
    static life look;
    uint8_t bytes[SV_JOURNAL_BYTES];
    sv_boot_state state;
    sv_journal journal = { 0 };
    bool damaged = false;
    begin_life(&look, p, t, f, false);
    if (sv_boot_file_read(&look.d.file, &state, &damaged, NULL) != SV_OK || damaged) {
        return "what the boot loader remembers is damaged";
    }
    const sv_twin twin = {
        .disk = &look.m.disk, .name = "journal", .kind = "SvJn", .bytes = sizeof bytes
    };
    sv_err err = sv_twin_read(&twin, bytes, NULL);
    if (err == SV_OK) {
        err = sv_journal_read(bytes, &journal, NULL);
    }
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return "the journal is damaged";
    }
    const char *wrong = check_boot(p, t, &state);
    wrong = wrong != NULL ? wrong : check_state(p, t, &state);
    return wrong != NULL ? wrong : check_journal(p, &state, &journal);
}

// ---- cutting
// --------------------------------------------------------------------------------------

typedef struct search {
    const fault *fault;
    bool silent;
    size_t wanted;   ///< media
    size_t media;    ///< that were looked at
    size_t distinct; ///< of them, no two alike
    unsigned depth;  ///< cuts before the one that is made
    sv_prng prng;
    uint64_t *seen;
    const char *wrong;
} search;

static life LIVES[3];
static uint64_t SEEN_ROOM[SEEN];

/// Was it looked at already? What is on it, and what was promised.
static bool is_new(search *s, const platter *p, const truth *t) {
    uint64_t hash = 1469598103934665603U;
    for (int i = 0; i < p->made; i++) {
        for (const char *at = p->names[i]; *at != '\0'; at++) {
            hash = (hash ^ (uint8_t) *at) * 1099511628211U;
        }
        for (size_t at = 0; p->names[i][0] != '\0' && at < p->files[i].bytes; at += 8) {
            uint64_t word = 0;
            memcpy(&word, p->files[i].data + at, sizeof word);
            hash = (hash ^ word) * 1099511628211U;
            hash ^= hash >> 32;
        }
    }
    unsigned flags = (t->first_confirmed ? 1U : 0) | (t->healthy ? 2U : 0) | (t->confirmed ? 4U : 0)
                     | (t->bad ? 8U : 0) | (s->silent ? 16U : 0);
    hash = (hash ^ (flags | t->starts << 8)) * 1099511628211U;
    hash = hash == 0 ? 1 : hash;
    for (size_t at = hash % SEEN;; at = (at + 1) % SEEN) {
        if (s->seen[at] == hash) {
            return false;
        }
        if (s->seen[at] == 0) {
            assert_true(s->distinct < SEEN / 2);
            s->seen[at] = hash;
            s->distinct++;
            return true;
        }
    }
}

static bool is_flushed(const medium *m, size_t i, size_t cut) {
    const medium_event *event = &m->events[i];
    bool name = event->kind == MEDIUM_NAME;
    for (size_t k = i + 1; k < cut; k++) {
        const medium_event *later = &m->events[k];
        if (name ? later->kind == MEDIUM_SYNC_FOLDER
                 : later->kind == MEDIUM_SYNC && later->file == event->file) {
            return true;
        }
    }
    return false;
}

/// A write arrives: whole, or sector by sector as chance has it.
static void arrive(platter *p, const medium_event *event, bool torn, sv_prng *prng) {
    uint8_t *to = p->files[event->file].data + event->at;
    for (size_t at = 0; at < event->len; at += MEDIUM_SECTOR) {
        size_t len = event->len - at < MEDIUM_SECTOR ? event->len - at : MEDIUM_SECTOR;
        uint64_t chance = torn ? sv_prng_next(prng) : 1;
        if (torn && chance % 16 < 4) { // inside the sector
            len = (size_t) (chance >> 8) % len;
        } else if ((chance & 1) == 0) {
            continue;
        }
        memcpy(to + at, event->data + at, len);
    }
}

typedef struct pending {
    size_t data[MEDIUM_EVENTS_MAX], names[MEDIUM_EVENTS_MAX];
    size_t data_count, name_count;
} pending;

static void find_pending(const medium *m, size_t cut, pending *out) {
    out->data_count = 0;
    out->name_count = 0;
    for (size_t i = 0; i < cut; i++) {
        medium_kind kind = m->events[i].kind;
        if (kind == MEDIUM_NAME && !is_flushed(m, i, cut)) {
            out->names[out->name_count++] = i;
        } else if ((kind == MEDIUM_WRITE || kind == MEDIUM_LENGTH) && !is_flushed(m, i, cut)) {
            out->data[out->data_count++] = i;
        }
    }
}

/// Which of what was not flushed is on the medium, and how.
typedef struct outcome {
    uint64_t mask; ///< of pending->data; from the 64th on all or none, as the highest bit
    size_t names;  ///< so many of pending->names
    bool torn;     ///< the last write of the mask
} outcome;

static bool in_mask(const outcome *o, size_t i) {
    return (o->mask >> (i < 63 ? i : 63) & 1) != 0;
}

static void make_platter(const medium *m, size_t cut, const pending *pend, const outcome *o,
                         sv_prng *prng, platter *out) {
    size_t next_data = 0;
    size_t next_name = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < pend->data_count; i++) {
        last = in_mask(o, i) ? pend->data[i] : last;
    }
    *out = m->begin;
    out->made = m->now.made;
    for (size_t i = 0; i < cut; i++) {
        const medium_event *event = &m->events[i];
        bool is_data = next_data < pend->data_count && pend->data[next_data] == i;
        bool is_name = next_name < pend->name_count && pend->names[next_name] == i;
        if ((is_data && !in_mask(o, next_data++)) || (is_name && next_name++ >= o->names)) {
            continue;
        }
        if (event->kind == MEDIUM_WRITE) {
            arrive(out, event, o->torn && i == last, prng);
        } else if (event->kind == MEDIUM_LENGTH) {
            out->files[event->file].bytes = event->len;
        } else if (event->kind == MEDIUM_NAME) {
            memcpy(out->names[event->file], event->name, sizeof event->name);
        }
    }
}

/// One medium: is it what may be, and does the device live on from it?
static void look_at(search *s, const life *l, size_t cut, const pending *pend, const outcome *o) {
    static platter made;
    platter *p = &made;
    const truth known = truth_at(l, cut);
    make_platter(&l->m, cut, pend, o, &s->prng, p);
    s->media++;
    if (!is_new(s, p, &known)) {
        return;
    }
    s->wrong = check_platter(p, &known, s->fault);
    if (s->wrong == NULL) {
        life *next = &LIVES[s->depth + 1];
        begin_life(next, p, &known, s->fault, s->silent);
        s->wrong = live(next);
    }
}

static bool goes_on(const search *s) {
    return s->wrong == NULL && (s->depth == 0 || s->media < s->wanted);
}

/// All ways to tear the last write of a subset, and all names that may be lost.
static void look_at_subset(search *s, const life *l, size_t cut, const pending *pend,
                           uint64_t mask) {
    for (size_t names = 0; names <= pend->name_count && goes_on(s); names++) {
        outcome o = { .mask = mask, .names = names };
        look_at(s, l, cut, pend, &o);
        o.torn = true;
        for (unsigned tear = 0; mask != 0 && tear < TEARS && goes_on(s); tear++) {
            look_at(s, l, cut, pend, &o);
        }
    }
}

static void cut_at(search *s, const life *l, size_t cut) {
    pending pend;
    find_pending(&l->m, cut, &pend);
    size_t k = pend.data_count;
    assert_true(k < 63);
    if (k <= SUBSET_MAX) {
        for (uint64_t mask = 0; mask < UINT64_C(1) << k && goes_on(s); mask++) {
            look_at_subset(s, l, cut, &pend, mask);
        }
        return;
    }
    for (size_t prefix = 0; prefix <= k && goes_on(s); prefix++) {
        look_at_subset(s, l, cut, &pend, (UINT64_C(1) << prefix) - 1);
    }
    for (unsigned i = 0; i < RANDOM_SUBSETS && goes_on(s); i++) {
        look_at_subset(s, l, cut, &pend, sv_prng_next(&s->prng) & ((UINT64_C(1) << k) - 1));
    }
}

/// Before every event and after the last.
static void cut_once(search *s) {
    const life *l = &LIVES[0];
    for (size_t cut = 0; cut <= l->m.count && goes_on(s); cut++) {
        cut_at(s, l, cut);
    }
}

/// Anywhere, and anywhere in what follows.
static void cut_twice(search *s) {
    static platter first;
    const life *l = &LIVES[0];
    pending pend;
    size_t cut = (size_t) (sv_prng_next(&s->prng) % (l->m.count + 1));
    find_pending(&l->m, cut, &pend);
    const outcome o = { .mask = sv_prng_next(&s->prng),
                        .names = (size_t) (sv_prng_next(&s->prng) % (pend.name_count + 1)),
                        .torn = sv_prng_next(&s->prng) % 2 == 0 };
    const truth known = truth_at(l, cut);
    make_platter(&l->m, cut, &pend, &o, &s->prng, &first);
    begin_life(&LIVES[1], &first, &known, s->fault, s->silent);
    s->wrong = live(&LIVES[1]);
    for (unsigned i = 0; i < SECOND_CUTS && goes_on(s); i++) {
        cut_at(s, &LIVES[1], (size_t) (sv_prng_next(&s->prng) % (LIVES[1].m.count + 1)));
    }
}

static void run(search *s, const fault *f, bool silent, size_t wanted) {
    const truth nothing = { 0 };
    memset(SEEN_ROOM, 0, sizeof SEEN_ROOM);
    *s = (search){ .fault = f, .silent = silent, .wanted = wanted, .seen = SEEN_ROOM };
    begin_life(&LIVES[0], &FACTORY, &nothing, f, silent);
    s->wrong = live(&LIVES[0]);
    if (s->wrong == NULL) {
        cut_once(s);
    }
    for (s->depth = 1; goes_on(s);) {
        cut_twice(s);
    }
}

static size_t states_wanted(void) {
    const char *text = getenv("SV_POWERCUT_STATES");
    uint64_t wanted = STATES;
    if (text != NULL) {
        assert_int_equal(sv_text_u64(sv_text_of(text), 10000000, &wanted), SV_OK);
    }
    return (size_t) wanted;
}

static void wherever_the_power_goes_something_good_starts_and_nothing_lies(
    void **state) { // [slot-14] attacks row 32
    (void) state;
    static const fault NONE = { .name = "none" };
    static search s;
    size_t media = 0;
    size_t distinct = 0;
    for (unsigned silent = 0; silent < 2; silent++) {
        run(&s, &NONE, silent != 0, states_wanted() / 2);
        if (s.wrong != NULL) {
            fail_msg("after %zu media, %u cuts: %s", s.media, s.depth + 1, s.wrong);
        }
        media += s.media;
        distinct += s.distinct;
    }
    print_message("%zu media after one or two cuts, %zu of them different: all good\n", media,
                  distinct);
    assert_true(media * 10 >= states_wanted() * 9);
}

static void engines_that_are_broken_are_found(void **state) { // [slot-15]
    (void) state;
    static const fault FAULTS[] = {
        { .name = "armed before the image is flushed", .no_sync_of = "slot-b" },
        { .name = "names are not flushed", .no_sync_folder = true },
        { .name = "tries are not counted", .forgets = true },
        { .name = "confirmed before the gate", .confirms = true },
        { .name = "records are written in place", .in_place = true },
        { .name = "the counter is raised too early", .raises = true },
        { .name = "records without a checksum", .no_checksum = true },
        { .name = "a slot that counts is written", .keeps = true },
    };
    static search s;
    for (size_t i = 0; i < SV_COUNT(FAULTS); i++) {
        for (unsigned silent = 0; silent < 2; silent++) {
            run(&s, &FAULTS[i], silent != 0, STATES_OF_BROKEN);
            if (s.wrong != NULL) {
                break;
            }
        }
        if (s.wrong == NULL) {
            fail_msg("%s: nobody found it", FAULTS[i].name);
        }
        print_message("%s: found in medium %zu: %s\n", FAULTS[i].name, s.media, s.wrong);
    }
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&FACTORY, &R[1]);
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(LIVES); i++) {
        medium_forget_events(&LIVES[i].m);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_power_goes_something_good_starts_and_nothing_lies),
        cmocka_unit_test(engines_that_are_broken_are_found),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
