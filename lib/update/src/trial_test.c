// The machine beside the boot loader's rules (boot/choose.h): every state that can be reached,
// every event, every cut.
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <update/trial.h>

enum {
    IMAGE_BYTES = 100,
    HALF = 50,
    NOTHING = 0,
    OLD = 1,
    NEWEST = 3,
    WORLDS_MAX = 1 << 16,
    PLACES = 1 << 17
};

/// A device, small enough to be one of many. Releases are known by their counter.
typedef struct world {
    uint8_t state, slot, writes, reboots, verdict, sealed, written, release;
    uint8_t boot[SV_BOOT_SLOTS], tries[SV_BOOT_SLOTS], primary, counter;
    uint8_t running;
    uint8_t content[SV_BOOT_SLOTS]; ///< which release lies there whole; NOTHING: none
    uint8_t proved;                 ///< releases that were judged healthy, a bit each
} world;

_Static_assert(sizeof(world) == 18, "compared byte by byte");

static world *WORLDS;
static size_t WORLD_COUNT;
static size_t WENT_BACK; ///< by hand
static size_t WRITTEN_OVER;
static size_t UNREAD;
static uint32_t *INDEX; ///< number of a world + 1, by hash

static void release_number(unsigned counter, sv_trial_release *out) {
    *out = (sv_trial_release){ .image_bytes = IMAGE_BYTES, .counter = counter };
    memset(out->digest, (int) counter, sizeof out->digest);
}

static void trial_of(const world *w, sv_trial *out) {
    *out = (sv_trial){ .state = w->state,
                       .slot = w->slot,
                       .writes = w->writes,
                       .reboots = w->reboots,
                       .verdict = w->verdict,
                       .sealed = w->sealed != 0,
                       .written = w->written };
    if (w->release != 0) {
        release_number(w->release, &out->release);
    }
}

static void note(world *w, const sv_trial *trial) {
    w->state = trial->state;
    w->slot = trial->slot;
    w->writes = trial->writes;
    w->reboots = trial->reboots;
    w->verdict = trial->verdict;
    w->sealed = trial->sealed;
    w->written = (uint8_t) trial->written;
    w->release = (uint8_t) trial->release.counter;
}

static sv_boot_state boot_of(const world *w) {
    return (sv_boot_state){ .slots = { { w->boot[0], w->tries[0] }, { w->boot[1], w->tries[1] } },
                            .primary = w->primary,
                            .counter = w->counter };
}

static void remember(world *w, const sv_boot_state *boot) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        w->boot[i] = boot->slots[i].state;
        w->tries[i] = boot->slots[i].tries_left;
    }
    w->primary = boot->primary;
    w->counter = (uint8_t) boot->counter;
}

static void choose(const world *w, bool can_keep, sv_boot_choice *out) {
    const sv_boot_state boot = boot_of(w);
    const sv_boot_candidate slots[SV_BOOT_SLOTS] = {
        { w->content[0] != NOTHING, w->content[0] },
        { w->content[1] != NOTHING, w->content[1] },
    };
    sv_boot_choose(&boot, slots, can_keep, out);
}

static void add(const world *w) {
    uint64_t hash = 1469598103934665603U;
    for (size_t i = 0; i < sizeof *w; i++) {
        hash = (hash ^ ((const uint8_t *) w)[i]) * 1099511628211U;
    }
    size_t at = hash % PLACES;
    while (INDEX[at] != 0) {
        if (memcmp(&WORLDS[INDEX[at] - 1], w, sizeof *w) == 0) {
            return;
        }
        at = (at + 1) % PLACES;
    }
    assert_true(WORLD_COUNT < WORLDS_MAX);
    WORLDS[WORLD_COUNT++] = *w;
    INDEX[at] = (uint32_t) WORLD_COUNT;
}

/// The power goes, or somebody restarts it: whatever was not noted is forgotten. `says_nothing`:
/// who keeps the slots does not know what lies in the one that was armed.
static world started_and_told(world w, bool says_nothing) {
    sv_boot_choice choice;
    sv_trial trial;
    sv_trial_release there = { .counter = 0 };
    choose(&w, true, &choice);
    assert_int_not_equal(choice.slot, SV_BOOT_NO_SLOT);
    remember(&w, &choice.after);
    w.running = (uint8_t) choice.slot;
    release_number(w.content[w.running], &there);
    trial_of(&w, &trial);
    const sv_boot_state boot = boot_of(&w);
    const sv_trial_found found = {
        .running = w.running,
        .there = &there,
        .armed = says_nothing                     ? SV_TRIAL_LIES_UNKNOWN
                 : w.content[w.slot] == w.release ? SV_TRIAL_LIES_THERE
                                                  : SV_TRIAL_LIES_ANOTHER,
        .why = "another",
    };
    bool armed = sv_trial_is_armed(&trial, &boot, w.running);
    sv_trial_settle(&trial, &boot, &found);
    if (armed && found.armed == SV_TRIAL_LIES_ANOTHER) {
        assert_int_equal(trial.state, SV_TRIAL_FAILED);
        sv_trial_settle(&trial, &boot, &found);
    }
    note(&w, &trial);
    return w;
}

static world started(world w) {
    return started_and_told(w, false);
}

/// Always: a confirmed slot that can be started, and never two truths. [slot-8]
static void check(const world *w) {
    sv_boot_choice choice;
    choose(w, false, &choice);
    assert_int_not_equal(choice.slot, SV_BOOT_NO_SLOT);
    assert_int_equal(w->boot[choice.slot], SV_BOOT_SLOT_CONFIRMED);
    assert_int_not_equal(w->content[w->running], NOTHING);
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if (w->boot[i] == SV_BOOT_SLOT_CONFIRMED) { // and it has proved itself
            assert_true((w->proved >> w->content[i] & 1) != 0);
        }
    }
    assert_true((w->proved >> w->counter & 1) != 0);
    bool whole = w->state >= SV_TRIAL_VERIFIED && w->state <= SV_TRIAL_CONFIRMED;
    if (whole) {
        assert_int_equal(w->content[w->slot], w->release);
    }
    if (w->state == SV_TRIAL_CONFIRMED) {
        assert_int_equal(w->boot[w->slot], SV_BOOT_SLOT_CONFIRMED);
    }
    if (w->state == SV_TRIAL_TRIAL) {
        assert_int_equal(w->running, w->slot);
    }
}

/// What the act does to the device, before it is noted. False: the act is not allowed to be asked.
static bool do_act(world *w, sv_trial_act act, bool medium_is_good) {
    sv_boot_state boot = boot_of(w);
    bool done = true;
    switch ((int) act) {
    case SV_TRIAL_RELEASE:
        done = sv_boot_release(&boot, w->slot);
        break;
    case SV_TRIAL_WRITE:
        done = w->running != w->slot;
        w->content[w->slot] = NOTHING;
        break;
    case SV_TRIAL_SEAL:
        done = w->running != w->slot;
        w->content[w->slot] = medium_is_good ? w->release : NOTHING;
        break;
    case SV_TRIAL_ARM:
        done = sv_boot_arm(&boot, w->slot, SV_TRIAL_TRIES);
        break;
    case SV_TRIAL_CONFIRM:
        done = sv_boot_confirm(&boot, w->slot, w->release);
        break;
    case SV_TRIAL_GIVE_UP:
        done = sv_boot_fail(&boot, w->slot);
        break;
    default:
        break;
    }
    remember(w, &boot);
    return done;
}

/// And what is noted of it.
static bool note_act(world *w, sv_trial_act act, bool much) {
    sv_trial trial;
    trial_of(w, &trial);
    bool noted = true;
    switch ((int) act) {
    case SV_TRIAL_RELEASE:
        noted = sv_trial_released(&trial);
        break;
    case SV_TRIAL_WRITE:
        noted = sv_trial_wrote(&trial, much ? IMAGE_BYTES : HALF);
        break;
    case SV_TRIAL_SEAL:
        noted = sv_trial_sealed(&trial);
        break;
    case SV_TRIAL_READ_BACK:
        noted = sv_trial_was_read_back(&trial, w->content[w->slot] == w->release);
        break;
    case SV_TRIAL_ARM:
        noted = sv_trial_armed(&trial);
        break;
    case SV_TRIAL_REBOOT:
        noted = sv_trial_rebooting(&trial);
        break;
    case SV_TRIAL_ASK_HEALTH:
        noted = sv_trial_judged(&trial, much, "no");
        w->proved = (uint8_t) (w->proved | (much ? 1U << w->release : 0));
        break;
    case SV_TRIAL_CONFIRM:
        noted = sv_trial_confirmed(&trial);
        break;
    case SV_TRIAL_GIVE_UP:
        noted = sv_trial_given_up(&trial);
        break;
    default:
        break;
    }
    note(w, &trial);
    return noted;
}

static sv_trial_act next_of(const world *w) {
    sv_trial trial;
    trial_of(w, &trial);
    return sv_trial_next(&trial);
}

static void offer(const world *w, unsigned release) {
    sv_trial trial;
    sv_trial_release offered = { .counter = 0 };
    world after = *w;
    if (release < w->counter || w->running != w->primary) {
        return; // refused, or the way back would be written (slot/engine.c)
    }
    trial_of(w, &trial);
    release_number(release, &offered);
    if (sv_trial_offer(&trial, &offered, 1U - w->running)) {
        note(&after, &trial);
        add(&after);
    }
}

/// Somebody does not want any more what is armed: released first, then noted.
static void withdraw(const world *w) {
    world after = *w;
    sv_trial trial;
    trial_of(w, &trial);
    if (trial.state != SV_TRIAL_INSTALLED || w->running == w->slot) {
        return;
    }
    assert_true(do_act(&after, SV_TRIAL_RELEASE, true));
    world cut = started(after);
    add(&cut);
    assert_true(sv_trial_withdrawn(&trial, "not wanted"));
    note(&after, &trial);
    add(&after);
    world next = started(after);
    assert_int_equal(next.state, SV_TRIAL_FAILED);
    assert_int_not_equal(next.running, w->slot);
}

/// Nobody may bring another update while one is on trial; and one that was rolled back is taken
/// again only when it is forgiven, which is to offer it.
static void offer_on_trial(const world *w) {
    for (unsigned i = 0; w->state == SV_TRIAL_TRIAL && i < SV_BOOT_SLOTS * NEWEST; i++) {
        sv_trial trial;
        sv_trial_release offered = { .counter = 0 };
        trial_of(w, &trial);
        const sv_trial before = trial;
        release_number(OLD + i / SV_BOOT_SLOTS, &offered);
        assert_false(sv_trial_offer(&trial, &offered, i % SV_BOOT_SLOTS));
        assert_memory_equal(&trial, &before, sizeof trial);
    }
}

/// The release in the other slot is wanted again, by hand: armed, and nothing is noted of it
/// (apps/updater/back.c). On trial it is the verdict.
static void go_back(const world *w) {
    world after = *w;
    unsigned other = 1U - w->running;
    bool under_way = w->state >= SV_TRIAL_NOTIFIED && w->state <= SV_TRIAL_TRIAL;
    if (under_way || w->boot[other] != SV_BOOT_SLOT_CONFIRMED || w->content[other] < w->counter
        || w->running != w->primary) {
        return;
    }
    sv_boot_state boot = boot_of(&after);
    assert_true(sv_boot_arm(&boot, other, SV_TRIAL_TRIES));
    remember(&after, &boot);
    add(&after);
    world next = started(after);
    assert_int_equal(next.running, other);
    assert_int_equal(next.state, SV_TRIAL_TRIAL);
    add(&next);
    WENT_BACK++;
}

/// Somebody else writes over what is armed, or half of it, before it was started. [slot-43]
static void write_over(const world *w) {
    for (unsigned other = NOTHING; other <= NEWEST; other++) {
        world after = *w;
        if (w->state != SV_TRIAL_INSTALLED || w->running == w->slot || other == w->release) {
            continue;
        }
        after.content[w->slot] = (uint8_t) other;
        world next = started(after);
        assert_true(next.state == SV_TRIAL_FAILED || next.release == other);
        assert_int_not_equal(next.state, SV_TRIAL_CONFIRMED);
        add(&next);
        WRITTEN_OVER++;
    }
}

/// Who keeps the slots does not know what was armed: it is gone back from. [slot-43]
static void be_told_nothing(const world *w) {
    const sv_boot_state boot = boot_of(w);
    sv_trial trial;
    trial_of(w, &trial);
    if (!sv_trial_is_armed(&trial, &boot, w->running) || w->content[w->slot] != w->release) {
        return;
    }
    world next = started_and_told(*w, true);
    bool stays = next.running == w->slot && next.boot[w->slot] == SV_BOOT_SLOT_CONFIRMED;
    assert_true(stays || next_of(&next) != SV_TRIAL_ASK_HEALTH);
    assert_int_not_equal(next_of(&next), SV_TRIAL_CONFIRM);
    add(&next);
}

/// Its medium does not give it back, for now: it is not confirmed meanwhile, nor is its image
/// called bad, and what the boot loader says of it counts. [slot-46]
static void be_unread(const world *w) {
    sv_boot_choice choice;
    world after = *w;
    sv_trial trial;
    sv_boot_state boot = boot_of(w);
    trial_of(w, &trial);
    if (!sv_trial_is_armed(&trial, &boot, w->running) || w->content[w->slot] != w->release) {
        return;
    }
    choose(w, true, &choice); // a boot loader could read it, or its tries are over
    remember(&after, &choice.after);
    after.running = (uint8_t) choice.slot;
    boot = boot_of(&after);
    const sv_boot_slot slot = boot.slots[w->slot];
    const sv_trial_found found = { .running = choice.slot,
                                   .armed = SV_TRIAL_LIES_UNREAD,
                                   .why = "unread" };
    if (!sv_trial_is_armed(&trial, &boot, choice.slot)) {
        return;
    }
    sv_trial_settle(&trial, &boot, &found);
    assert_true(trial.blameless);
    assert_int_equal(trial.unread, choice.slot == w->slot);
    assert_int_not_equal(sv_trial_next(&trial), SV_TRIAL_CONFIRM);
    assert_true((trial.state == SV_TRIAL_CONFIRMED) == (slot.state == SV_BOOT_SLOT_CONFIRMED));
    if (trial.state == SV_TRIAL_TRIAL) {
        sv_trial healthy = trial;
        assert_false(sv_trial_judged(&healthy, true, ""));
        assert_memory_equal(&healthy, &trial, sizeof trial);
    }
    note(&after, &trial);
    add(&after);
    UNREAD++;
}

/// Everything that may come next.
static void expand(const world *from) {
    const world w = *from;
    const world again = started(w);
    add(&again);
    for (unsigned release = OLD; release <= NEWEST; release++) {
        offer(&w, release);
    }
    withdraw(&w);
    write_over(&w);
    be_told_nothing(&w);
    be_unread(&w);
    offer_on_trial(&w);
    go_back(&w);
    sv_trial_act act = next_of(&w);
    for (unsigned i = 0; act != SV_TRIAL_WAIT && i < 2; i++) {
        world after = w;
        assert_true(do_act(&after, act, i == 0));
        world cut = started(after);
        add(&cut);
        assert_true(note_act(&after, act, i == 0));
        add(&after);
        if (act == SV_TRIAL_REBOOT) {
            world next = started(after);
            add(&next);
        }
    }
    sv_trial trial;
    trial_of(&w, &trial);
    if (sv_trial_fail(&trial, "gone")) {
        world after = w;
        note(&after, &trial);
        add(&after);
    }
}

/// Left alone, it comes to an end.
static void check_that_it_ends(world w, bool healthy) {
    for (unsigned steps = 0; steps < 40; steps++) {
        sv_trial_act act = next_of(&w);
        if (act == SV_TRIAL_WAIT) {
            return;
        }
        assert_true(do_act(&w, act, true));
        assert_true(note_act(&w, act, act == SV_TRIAL_ASK_HEALTH ? healthy : true));
        w = act == SV_TRIAL_REBOOT ? started(w) : w;
    }
    fail_msg("it goes on for ever from state %u", w.state);
}

static void
from_every_state_and_after_every_cut_something_confirmed_starts(void **state) { // [slot-8] [slot-9]
    (void) state;
    WORLDS = sv_mem_array(WORLDS_MAX, sizeof *WORLDS);
    INDEX = sv_mem_array(PLACES, sizeof *INDEX);
    const world first = { .boot = { SV_BOOT_SLOT_CONFIRMED, SV_BOOT_SLOT_IDLE },
                          .counter = OLD,
                          .content = { OLD, NOTHING },
                          .proved = 1U << OLD };
    add(&first);
    for (size_t i = 0; i < WORLD_COUNT; i++) {
        check(&WORLDS[i]);
        check_that_it_ends(WORLDS[i], true);
        check_that_it_ends(WORLDS[i], false);
        expand(&WORLDS[i]);
    }
    print_message("%zu states\n", WORLD_COUNT);
    assert_true(WORLD_COUNT > 1000 && WENT_BACK > 10 && WRITTEN_OVER > 10 && UNREAD > 10);
    free(WORLDS);
    free(INDEX);
}

/// A new device: nothing is remembered, and the first thing that runs is all there is. [slot-9]
static void what_runs_and_is_all_there_is_is_confirmed(void **state) {
    (void) state;
    world w = { .content = { OLD, NOTHING }, .proved = 1U << OLD };
    w = started(w);
    assert_int_equal(w.state, SV_TRIAL_TRIAL);
    assert_int_equal(next_of(&w), SV_TRIAL_CONFIRM);
    assert_true(do_act(&w, SV_TRIAL_CONFIRM, true));
    assert_true(note_act(&w, SV_TRIAL_CONFIRM, true));
    check(&w);
    assert_int_equal(w.counter, OLD);
}

/// Nothing may be told that was not asked for. [slot-7]
static void only_what_is_to_be_done_can_have_been_done(void **state) {
    (void) state;
    for (unsigned s = 0; s < SV_TRIAL_STATE__COUNT; s++) {
        const sv_trial trial = { .state = (uint8_t) s, .release = { .image_bytes = IMAGE_BYTES } };
        sv_trial_act act = sv_trial_next(&trial);
        sv_trial copy[9];
        for (size_t i = 0; i < SV_COUNT(copy); i++) {
            copy[i] = trial;
        }
        assert_int_equal(sv_trial_released(&copy[0]), act == SV_TRIAL_RELEASE);
        assert_int_equal(sv_trial_wrote(&copy[1], 1), act == SV_TRIAL_WRITE);
        assert_int_equal(sv_trial_sealed(&copy[2]), act == SV_TRIAL_SEAL);
        assert_int_equal(sv_trial_was_read_back(&copy[3], true), act == SV_TRIAL_READ_BACK);
        assert_int_equal(sv_trial_armed(&copy[4]), act == SV_TRIAL_ARM);
        assert_int_equal(sv_trial_rebooting(&copy[5]), act == SV_TRIAL_REBOOT);
        assert_int_equal(sv_trial_judged(&copy[6], true, ""), act == SV_TRIAL_ASK_HEALTH);
        assert_int_equal(sv_trial_confirmed(&copy[7]), act == SV_TRIAL_CONFIRM);
        assert_int_equal(sv_trial_given_up(&copy[8]), act == SV_TRIAL_GIVE_UP);
        assert_string_not_equal(sv_trial_state_name((sv_trial_state) s), "unknown");
    }
    assert_string_equal(sv_trial_state_name(SV_TRIAL_STATE__COUNT), "unknown");
}

static void a_boot_loader_that_never_starts_it_is_not_asked_for_ever(void **state) { // [slot-8]
    (void) state;
    sv_trial trial = { .state = SV_TRIAL_INSTALLED, .slot = 1 };
    const sv_boot_state boot = { .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 },
                                            { SV_BOOT_SLOT_TRIAL, 3 } } };
    for (unsigned i = 0; i < SV_TRIAL_REBOOTS_MAX; i++) {
        assert_true(sv_trial_rebooting(&trial));
        sv_trial_settle(&trial, &boot, &(sv_trial_found){ .running = 0 });
    }
    assert_int_equal(sv_trial_next(&trial), SV_TRIAL_GIVE_UP);
    assert_true(sv_trial_given_up(&trial));
    assert_int_equal(trial.state, SV_TRIAL_FAILED);
    assert_string_equal(trial.why, "the boot loader did not start it");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_every_state_and_after_every_cut_something_confirmed_starts),
        cmocka_unit_test(what_runs_and_is_all_there_is_is_confirmed),
        cmocka_unit_test(only_what_is_to_be_done_can_have_been_done),
        cmocka_unit_test(a_boot_loader_that_never_starts_it_is_not_asked_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
