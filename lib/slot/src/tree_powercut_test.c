// Power cuts where releases are trees: a device lives through updates in a real folder whose every
// change is kept (test_tree_medium.h). Then the power goes before each event: of the bytes, lengths
// and modes that were not flushed every subset (all of up to four, else prefixes and random ones)
// may be on the medium, the last write of it torn, and names lost from the last one back, of all
// folders or of each alone. On each of these media what leads to a tree leads to a whole one, and
// from each the device lives on. Engines that are broken on purpose have to be found the same way.
//
// SV_POWERCUT_STATES: media to look at, as in powercut_test.c.
#include "test_tree_life.h"

#include <base/prng.h>

enum {
    STATES = 1500,
    STATES_OF_BROKEN = 4000,
    SUBSET = 4,
    RANDOM = 6,
    SECOND = 10, ///< cuts of what follows another one
};

// A signature is judged once for each header. `used`: as in test_tree_medium.h.
bool judge_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                  const uint8_t *signature) __asm__("__real_sv_boot_key_signed");
__attribute__((used)) bool
recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
              const uint8_t *signature) __asm__("__wrap_sv_boot_key_signed");
bool recall_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                   const uint8_t *signature) {
    static uint8_t good[16][SV_BOOT_SIGNED_BYTES + SV_BOOT_SIGNATURE_BYTES];
    static size_t count;
    uint8_t asked[sizeof good[0]];
    assert_int_equal(len, SV_BOOT_SIGNED_BYTES);
    memcpy(asked, bytes, len);
    memcpy(asked + len, signature, SV_BOOT_SIGNATURE_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(good[i], asked, sizeof asked) == 0) {
            return true;
        }
    }
    bool is_good = judge_signed(key, bytes, len, signature);
    if (is_good && count < SV_COUNT(good)) {
        memcpy(good[count++], asked, sizeof asked);
    }
    return is_good;
}

// ---- cutting ------------------------------------------------------------------------------------

/// A life that was recorded.
typedef struct record {
    tree_platter begin;
    tree_event events[TREE_EVENTS_MAX];
    size_t count;
    int made;
    life l;
} record;

typedef struct search {
    const fault *fault;
    size_t wanted, media;
    sv_prng prng;
    const char *wrong;
} search;

/// What is kept of a life outlives the next one.
static void keep_record(record *r, const life *l) {
    for (size_t i = 0; i < r->count; i++) {
        free(r->events[i].data);
    }
    r->begin = REC.begin;
    r->made = REC.now.made;
    r->l = *l;
    r->count = REC.count;
    memcpy(r->events, REC.events, sizeof REC.events);
    REC.count = 0; // their bytes are the record's now
}

static bool is_data(const tree_event *e) {
    return e->kind == TREE_WRITE || e->kind == TREE_LENGTH || e->kind == TREE_MODE;
}

static bool is_flushed(const record *r, size_t i, size_t cut) {
    const tree_event *e = &r->events[i];
    int of = e->kind == TREE_NAME ? e->folder : e->node;
    for (size_t k = i + 1; k < cut; k++) {
        const tree_event *later = &r->events[k];
        if (later->kind == TREE_SYNC_ALL || (later->kind == TREE_SYNC && later->node == of)) {
            return true;
        }
    }
    return false;
}

typedef struct pending {
    size_t data[TREE_EVENTS_MAX], data_count, name_count;
} pending;

static void find_pending(const record *r, size_t cut, pending *out) {
    out->data_count = 0;
    out->name_count = 0;
    for (size_t i = 0; i < cut; i++) {
        if (is_data(&r->events[i]) && !is_flushed(r, i, cut)) {
            out->data[out->data_count++] = i;
        } else if (r->events[i].kind == TREE_NAME && !is_flushed(r, i, cut)) {
            out->name_count++;
        }
    }
}

typedef struct outcome {
    uint64_t mask; ///< of pending->data
    size_t names;  ///< so many of those that were not flushed
    bool torn;
    uint64_t apart; ///< a seed: of each folder as many of its names as chance has it; 0: of all
} outcome;

/// Is a name that was not flushed there? `seen` are those of its folder, or of all, before it.
static bool has_name(const outcome *o, const pending *pend, int folder, size_t seen[NODES_MAX]) {
    sv_prng prng = { .state = o->apart + (uint64_t) folder };
    size_t limit =
        o->apart == 0 ? o->names : (size_t) (sv_prng_next(&prng) % (pend->name_count + 1));
    return seen[o->apart == 0 ? 0 : folder]++ < limit;
}

static void make_platter(const record *r, size_t cut, const outcome *o, tree_platter *out) {
    static pending pend;
    size_t data = 0;
    size_t seen[NODES_MAX] = { 0 };
    find_pending(r, cut, &pend);
    *out = r->begin;
    out->made = r->made;
    for (size_t i = 0; i < cut; i++) {
        const tree_event *e = &r->events[i];
        bool pends = (is_data(e) || e->kind == TREE_NAME) && !is_flushed(r, i, cut);
        if (pends && is_data(e)) {
            size_t at = data++;
            if ((o->mask >> (at < 63 ? at : 63) & 1) != 0) {
                apply(out, e, o->torn && (o->mask >> at) == 1);
            }
        } else if (!pends || has_name(o, &pend, e->folder, seen)) {
            apply(out, e, false);
        }
    }
}

/// One medium: is it what may be, and does the device live on from it? What it lived is recorded.
static void look_at(search *s, const record *r, size_t cut, const outcome *o) {
    static life l;
    static tree_platter p;
    sv_boot_state state;
    const truth known = promised_by(&r->l, cut);
    make_platter(r, cut, o, &p);
    s->media++;
    begin(&l, &p, &known, s->fault);
    bool damaged = false;
    if (sv_boot_file_read(&l.d.file, &state, &damaged, NULL) != SV_OK || damaged) {
        s->wrong = "what the boot loader remembers is damaged";
    } else {
        s->wrong = check_platter(&p, &state, &known);
        s->wrong = s->wrong != NULL ? s->wrong : live(&l);
    }
    end_life(&l);
}

static bool goes_on(const search *s) {
    return s->wrong == NULL && s->media < s->wanted;
}

static void look_at_subset(search *s, const record *r, size_t cut, const pending *pend,
                           uint64_t mask) {
    outcome o = { .mask = mask };
    for (size_t names = 0; names <= pend->name_count && goes_on(s); names++) {
        o.names = names;
        o.torn = false;
        look_at(s, r, cut, &o);
        o.torn = mask != 0;
        if (o.torn && goes_on(s) && sv_prng_next(&s->prng) % 4 == 0) {
            look_at(s, r, cut, &o);
        }
    }
}

static void cut_at(search *s, const record *r, size_t cut) {
    static pending pend;
    find_pending(r, cut, &pend);
    size_t k = pend.data_count;
    for (uint64_t mask = 0; k <= SUBSET && mask < UINT64_C(1) << k && goes_on(s); mask++) {
        look_at_subset(s, r, cut, &pend, mask);
    }
    if (k > SUBSET) {
        look_at_subset(s, r, cut, &pend, 0);
        look_at_subset(s, r, cut, &pend, UINT64_MAX);
    }
    for (unsigned i = 0; pend.name_count > 0 && i < RANDOM && goes_on(s); i++) {
        const outcome o = { .mask = sv_prng_next(&s->prng),
                            .apart = 1 + sv_prng_next(&s->prng) / 2 };
        look_at(s, r, cut, &o);
    }
}

/// The story from there on, recorded. False: something is wrong already.
static bool record_life(search *s, const tree_platter *from, const truth *known, record *out) {
    static life l;
    begin(&l, from, known, s->fault);
    s->wrong = live(&l);
    keep_record(out, &l);
    end_life(&l);
    return s->wrong == NULL;
}

/// Anywhere, and anywhere in what follows.
static void cut_twice(search *s, const record *first) {
    static record second;
    static tree_platter p;
    size_t cut = (size_t) (sv_prng_next(&s->prng) % (first->count + 1));
    const outcome o = { .mask = sv_prng_next(&s->prng), .apart = 1 + sv_prng_next(&s->prng) / 2 };
    const truth known = promised_by(&first->l, cut);
    make_platter(first, cut, &o, &p);
    for (unsigned i = 0; record_life(s, &p, &known, &second) && i < SECOND && goes_on(s); i++) {
        cut_at(s, &second, (size_t) (sv_prng_next(&s->prng) % (second.count + 1)));
    }
}

static void run(search *s, const fault *f, size_t wanted) {
    static record first;
    const truth nothing = { 0 };
    *s = (search){ .fault = f, .wanted = wanted, .prng = { .state = 7 } };
    if (!record_life(s, &FACTORY, &nothing, &first)) {
        return;
    }
    // Every event in turn, from anywhere on, so that few media are of the whole life too.
    for (size_t i = 0; i <= first.count && goes_on(s); i++) {
        cut_at(s, &first, (i * 61) % (first.count + 1));
    }
    while (goes_on(s)) {
        cut_twice(s, &first);
    }
}

static void wherever_the_power_goes_a_whole_tree_starts(void **state) { // [slot-44]
    (void) state;
    static const fault NONE = { .name = "none" };
    static search s;
    const char *text = getenv("SV_POWERCUT_STATES");
    uint64_t wanted = STATES;
    if (text != NULL) {
        assert_int_equal(sv_text_u64(sv_text_of(text), 10000000, &wanted), SV_OK);
    }
    run(&s, &NONE, (size_t) wanted);
    if (s.wrong != NULL) {
        fail_msg("after %zu media: %s", s.media, s.wrong);
    }
    print_message("trees: %zu media after one or two cuts: all good\n", s.media);
    assert_true(s.media >= wanted);
}

static void engines_that_are_broken_are_found(void **state) { // [slot-44]
    (void) state;
    static const fault FAULTS[] = {
        { .name = "a tree gets its name before it is flushed", .no_sync_all = true },
        { .name = "names are not flushed", .no_sync_folder = true },
        { .name = "the link is changed before the tree is whole", .leads = true },
        { .name = "the choice is written before the tree is whole", .arms = true },
        { .name = "what is armed was not placed", .nothing = true },
    };
    for (size_t i = 0; i < SV_COUNT(FAULTS); i++) {
        static search s;
        run(&s, &FAULTS[i], STATES_OF_BROKEN);
        if (s.wrong == NULL) {
            fail_msg("%s: nobody found it", FAULTS[i].name);
        }
        print_message("%s: found in medium %zu: %s\n", FAULTS[i].name, s.media, s.wrong);
    }
}

/// As it leaves the factory: an archive and its header, copied there.
static int make_all(void **state) {
    (void) state;
    KEY = make_boot_key();
    make_trees();
    // In memory where that can be: no byte of it has to outlive the test.
    (void) snprintf(LIFE_DIR, sizeof LIFE_DIR, "%s/selvedge-cut-XXXXXX",
                    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(LIFE_DIR));
    FACTORY.nodes[ROOT].mode = S_IFDIR | 0700;
    FACTORY.made = 1;
    add_file(&FACTORY, "slot-a", OF[1].at, OF[1].len);
    add_file(&FACTORY, "slot-a.boot", SIGNED[1].header, sizeof SIGNED[1].header);
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    REC.on = false;
    forget_tree_events();
    sv_key_drop(&KEY);
    return sv_disk_remove_tree(LIFE_DIR, NULL) == SV_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_power_goes_a_whole_tree_starts),
        cmocka_unit_test(engines_that_are_broken_are_found),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
