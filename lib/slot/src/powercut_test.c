// Power cuts. A device with each of the boot loaders lives through updates (test_life.h) on a
// medium that keeps every write and flush. Then the power goes before each event: of what was not
// flushed every subset (all of up to six writes, else prefixes and random ones) may be on the
// medium, writes torn at sectors and inside one, names lost from the last one back. From each of
// these media the device lives on, power goes once more, and it lives on again. Or the updater is
// killed, goes on, and the power goes then, when what it had not flushed is still not flushed.
// Engines that are broken on purpose have to be found the same way.
//
// SV_POWERCUT_STATES: media to look at (docs/spec/slot.md); `./dev powercut` sets many.
#include "test_loaders.h"

enum {
    STATES = 5000, ///< where nobody asks for more
    STATES_OF_BROKEN = 40000,
    SUBSET_MAX = 6, ///< writes of which every subset is looked at
    RANDOM_SUBSETS = 24,
    TEARS = 5,        ///< ways to tear a write, of each subset
    SECOND_CUTS = 12, ///< of each medium that lives on
    AFTER_KILL = 16,  ///< events after it, in which the power goes
    SEEN = 1 << 20,
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

// ---- cutting
// --------------------------------------------------------------------------------------

typedef struct search {
    const loader *loader;
    const fault *fault;
    const platter *factory;
    bool silent;
    size_t wanted;   ///< media
    size_t media;    ///< that were looked at
    size_t distinct; ///< of them, no two alike
    unsigned depth;  ///< cuts before the one that is made
    sv_prng prng;
    uint64_t *seen;
    const char *wrong;
} search;

static platter FACTORIES[SV_COUNT(LOADERS)];
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
    hash = (hash ^ (flags | t->starts << 8 | (uint64_t) p->ticks << 16)) * 1099511628211U;
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
        } else if (event->kind == MEDIUM_TICK) {
            out->ticks++;
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
    s->wrong = check_platter(s->loader, p, &known, s->fault);
    if (s->wrong == NULL) {
        life *next = &LIVES[s->depth + 1];
        begin_life(next, s->loader, p, &known, s->fault, s->silent);
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
    begin_life(&LIVES[1], s->loader, &first, &known, s->fault, s->silent);
    s->wrong = live(&LIVES[1]);
    for (unsigned i = 0; i < SECOND_CUTS && goes_on(s); i++) {
        cut_at(s, &LIVES[1], (size_t) (sv_prng_next(&s->prng) % (LIVES[1].m.count + 1)));
    }
}

/// The updater is killed anywhere, and begins again on a machine that runs on: what it had not
/// flushed may still be lost. A boot loader is not killed.
static void kill_and_cut(search *s) {
    const truth nothing = { 0 };
    life *l = &LIVES[1];
    begin_life(l, s->loader, s->factory, &nothing, s->fault, s->silent);
    l->m.fail_at = 1 + (size_t) (sv_prng_next(&s->prng) % LIVES[0].m.calls);
    l->m.fail_for = SIZE_MAX / 2;
    s->wrong = live(l);
    if (s->wrong == NULL || l->starting) {
        s->wrong = NULL;
        return;
    }
    size_t killed_at = l->m.count;
    l->m.fail_at = 0;
    l->runs = true;
    attach(l);
    s->wrong = live(l);
    for (unsigned i = 0; i < SECOND_CUTS && goes_on(s); i++) {
        size_t cut = killed_at + (size_t) (sv_prng_next(&s->prng) % AFTER_KILL);
        cut_at(s, l, cut < l->m.count ? cut : l->m.count);
    }
}

static void run(search *s, const loader *by, const fault *f, bool silent, size_t wanted) {
    const truth nothing = { 0 };
    memset(SEEN_ROOM, 0, sizeof SEEN_ROOM);
    *s = (search){ .loader = by,
                   .factory = &FACTORIES[by - LOADERS],
                   .fault = f,
                   .silent = silent,
                   .wanted = wanted,
                   .seen = SEEN_ROOM };
    begin_life(&LIVES[0], by, s->factory, &nothing, f, silent);
    s->wrong = live(&LIVES[0]);
    if (s->wrong == NULL && !f->killed) {
        cut_once(s);
    }
    s->depth = 1;
    for (unsigned i = 0; goes_on(s); i++) {
        (f->killed || i % 3 == 0 ? kill_and_cut : cut_twice)(s);
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
    void **state) { // [slot-14] [slot-21] [slot-19] attacks row 32
    (void) state;
    static const fault NONE = { .name = "none" };
    static search s;
    const size_t share = states_wanted() / SV_COUNT(LOADERS);
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        size_t media = 0;
        size_t distinct = 0;
        for (unsigned silent = 0; silent < 2; silent++) {
            run(&s, &LOADERS[i], &NONE, silent != 0, share / 2);
            if (s.wrong != NULL) {
                fail_msg("%s: after %zu media, %u cuts: %s", LOADERS[i].name, s.media, s.depth + 1,
                         s.wrong);
            }
            media += s.media;
            distinct += s.distinct;
        }
        print_message("%s: %zu media after one or two cuts, %zu of them different: all good\n",
                      LOADERS[i].name, media, distinct);
        assert_true(media * 10 >= share * 9);
    }
}

/// Found with one of the ways that release 3 does not prove itself.
static void is_found(const loader *by, const fault *f) {
    static search s;
    for (unsigned silent = 0; silent < 2; silent++) {
        run(&s, by, f, silent != 0, STATES_OF_BROKEN);
        if (s.wrong != NULL) {
            print_message("%s, %s: found in medium %zu: %s\n", by->name, f->name, s.media, s.wrong);
            return;
        }
    }
    fail_msg("%s, %s: nobody found it", by->name, f->name);
}

/// The program is told, and what it does not keep is noted after that: cut between the two, nobody
/// knows whether the slot had its starts.
static sv_err told_before_noted(life *l, unsigned slot, unsigned tries, sv_why *why) {
    sv_boot_state state;
    SV_TRY(sv_boot_file_read(&l->script.file, &state, NULL, why));
    (void) sv_boot_arm(&state, slot, tries);
    SV_TRY(run_verb(l, "set-primary", SCRIPT_NAMES[slot], NULL, NULL, why));
    return sv_boot_file_keep(&l->script.file, &state, why);
}

static void engines_that_are_broken_are_found(void **state) { // [slot-15]
    (void) state;
    static const fault FAULTS[] = {
        { .name = "armed before the image is flushed", .no_sync_of = "slot-b" },
        { .name = "names are not flushed", .no_sync_folder = true },
        { .name = "tries are not counted", .forgets = true },
        { .name = "confirmed before the gate", .confirms = true },
        { .name = "the counter is raised too early", .raises = true },
        { .name = "a slot that counts is written", .keeps = true },
        { .name = "the hardware counts before it is confirmed", .hasty = true },
        { .name = "records are written in place", .in_place = true, .keeping = true },
        { .name = "records without a checksum", .no_checksum = true, .keeping = true },
        { .name = "what was left unflushed stays so",
          .sleeps = true,
          .killed = true,
          .keeping = true },
    };
    static const fault OF_UBOOT = { .name = "the environment is not flushed", .no_sync_of = "env" };
    static const fault OF_SCRIPT = { .name = "told before it is noted", .arm = told_before_noted };
    bool all = getenv("SV_POWERCUT_STATES") != NULL;
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        for (size_t k = 0; k < SV_COUNT(FAULTS); k++) {
            if (i == 0 || FAULTS[k].keeping || all) {
                is_found(&LOADERS[i], &FAULTS[k]);
            }
        }
    }
    is_found(&LOADERS[1], &OF_UBOOT);
    is_found(&LOADERS[2], &OF_SCRIPT);
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        factory(&FACTORIES[i], &R[1]);
        LOADERS[i].factory(&FACTORIES[i]);
    }
    env_make();
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(LIVES); i++) {
        medium_forget_events(&LIVES[i].m);
    }
    env_remove();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_power_goes_something_good_starts_and_nothing_lies),
        cmocka_unit_test(engines_that_are_broken_are_found),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
