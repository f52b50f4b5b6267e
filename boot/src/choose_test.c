#include <base/test.h>
#include <boot/choose.h>

// ---- every state there is ----------------------------------------------------------------------

enum { STATES = 5, TRIES = SV_BOOT_TRIES_MAX + 2, COUNTER = 5 };

/// Everything that decides, with one state and one number of tries too many.
typedef struct question {
    sv_boot_state state;
    sv_boot_candidate slots[SV_BOOT_SLOTS];
    bool can_keep;
} question;

static bool startable(const question *q, unsigned i) {
    return q->slots[i].good && q->slots[i].counter >= q->state.counter;
}

static unsigned tries_of(const question *q, unsigned i) {
    unsigned tries = q->state.slots[i].tries_left;
    return tries > SV_BOOT_TRIES_MAX ? SV_BOOT_TRIES_MAX : tries;
}

/// Something that may be started without its tries being given anew.
static bool any_goes_on(const question *q) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        unsigned state = q->state.slots[i].state;
        if (startable(q, i)
            && (state == SV_BOOT_SLOT_CONFIRMED || state == SV_BOOT_SLOT_IDLE
                || (state == SV_BOOT_SLOT_TRIAL && tries_of(q, i) > 0))) {
            return true;
        }
    }
    return false;
}

/// How often the slot may still be started without having proved itself.
static unsigned starts_left(const question *q, unsigned i) {
    if (q->state.slots[i].state == SV_BOOT_SLOT_TRIAL) {
        return tries_of(q, i) > 0 || any_goes_on(q) ? tries_of(q, i) : SV_BOOT_TRIES;
    }
    return q->state.slots[i].state == SV_BOOT_SLOT_IDLE ? SV_BOOT_TRIES : 0;
}

static bool may_be_chosen(const question *q, unsigned i) {
    return startable(q, i)
           && (q->state.slots[i].state == SV_BOOT_SLOT_CONFIRMED
               || (q->can_keep && starts_left(q, i) > 0));
}

static bool any_in(const question *q, sv_boot_slot_state state) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if (q->state.slots[i].state == state && may_be_chosen(q, i)) {
            return true;
        }
    }
    return false;
}

/// What must be true of one answer, whatever was asked.
static void check_answer(const question *q, const sv_boot_choice *c) {
    bool any = may_be_chosen(q, 0) || may_be_chosen(q, 1);
    assert_int_equal(any, c->slot != SV_BOOT_NO_SLOT);
    assert_int_equal(c->after.counter, q->state.counter);
    assert_true(c->after.primary == q->state.primary || q->state.primary >= SV_BOOT_SLOTS);
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if (q->state.slots[i].state == SV_BOOT_SLOT_CONFIRMED
            || q->state.slots[i].state == SV_BOOT_SLOT_BAD) {
            assert_int_equal(c->after.slots[i].state, q->state.slots[i].state);
        }
        if (!q->can_keep && q->state.slots[i].state <= SV_BOOT_SLOT_BAD) {
            assert_int_equal(c->after.slots[i].state, q->state.slots[i].state);
        }
    }
    if (!any) {
        assert_false(c->trial);
        return;
    }
    assert_true(may_be_chosen(q, c->slot));
    const sv_boot_slot *after = &c->after.slots[c->slot];
    assert_int_equal(c->trial, q->state.slots[c->slot].state != SV_BOOT_SLOT_CONFIRMED);
    if (c->trial) {
        assert_true(q->can_keep);
        assert_int_equal(after->state, SV_BOOT_SLOT_TRIAL);
        assert_int_equal(after->tries_left, starts_left(q, c->slot) - 1);
    }
    if (q->state.slots[c->slot].state == SV_BOOT_SLOT_IDLE) {
        assert_false(any_in(q, SV_BOOT_SLOT_TRIAL) || any_in(q, SV_BOOT_SLOT_CONFIRMED));
    }
    if (q->can_keep && any_in(q, SV_BOOT_SLOT_TRIAL)) {
        assert_int_equal(q->state.slots[c->slot].state, SV_BOOT_SLOT_TRIAL);
    }
}

/// Start again and again without anybody confirming: trials end, and what is confirmed stays; where
/// nothing is, what could be started once can be started for ever.
static void check_that_it_settles(const question *asked) {
    question q = *asked;
    q.can_keep = true;
    bool has = any_in(&q, SV_BOOT_SLOT_CONFIRMED);
    bool any = may_be_chosen(&q, 0) || may_be_chosen(&q, 1);
    unsigned most = starts_left(&q, 0) + starts_left(&q, 1);
    sv_boot_choice c;
    for (unsigned starts = 0; starts <= most + SV_BOOT_TRIES; starts++) {
        sv_boot_choose(&q.state, q.slots, true, &c);
        assert_int_equal(any, c.slot != SV_BOOT_NO_SLOT);
        if (!c.trial) {
            break;
        }
        assert_true(!has || starts < most);
        q.state = c.after;
    }
    q = *asked;
    if (has && q.state.primary < SV_BOOT_SLOTS && startable(&q, q.state.primary)
        && q.state.slots[q.state.primary].state == SV_BOOT_SLOT_CONFIRMED) {
        assert_int_equal(c.slot, q.state.primary);
    }
}

static void ask(const question *q) {
    sv_boot_choice c;
    sv_boot_choose(&q->state, q->slots, q->can_keep, &c);
    check_answer(q, &c);
    if (q->can_keep) {
        check_that_it_settles(q);
    }
}

static void ask_with_every_content(question *q) {
    for (unsigned content = 0; content < 64; content++) {
        for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
            unsigned of_slot = content >> (3 * i) & 7;
            q->slots[i].good = of_slot < 4;
            q->slots[i].counter = COUNTER - 1 + of_slot % 4; // older, the same, newer, newest
        }
        ask(q);
    }
}

static void
from_every_state_the_right_slot_is_started(void **state) { // [boot-8] [boot-9] [boot-10]
    (void) state;
    question q = { .state = { .counter = COUNTER } };
    unsigned asked = 0;
    for (unsigned at = 0; at < STATES * TRIES * STATES * TRIES * 6; at++) {
        unsigned rest = at;
        for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
            q.state.slots[i].state = (uint8_t) (rest % STATES);
            rest /= STATES;
            q.state.slots[i].tries_left = (uint8_t) (rest % TRIES);
            rest /= TRIES;
        }
        q.state.primary = (uint8_t) (rest % 3);
        q.can_keep = rest / 3 != 0;
        bool idle_tries =
            false; // tries of what is on no trial are not looked at: two of them will do
        for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
            idle_tries |=
                q.state.slots[i].state != SV_BOOT_SLOT_TRIAL && q.state.slots[i].tries_left > 1;
        }
        if (!idle_tries) {
            ask_with_every_content(&q);
            asked++;
        }
    }
    assert_int_equal(asked, (TRIES + 4 * 2) * (TRIES + 4 * 2) * 6);
}

static void what_is_remembered_wrongly_is_bad(void **state) { // [boot-9]
    (void) state;
    const sv_boot_candidate good[SV_BOOT_SLOTS] = { { true, 9 }, { true, 9 } };
    const sv_boot_state odd = { .slots = { { 4, 1 }, { 255, 255 } }, .primary = 9 };
    sv_boot_choice c;
    sv_boot_choose(&odd, good, true, &c);
    assert_int_equal(c.slot, SV_BOOT_NO_SLOT);
    assert_int_equal(c.after.slots[0].state, SV_BOOT_SLOT_BAD);
    assert_int_equal(c.after.primary, 0);
}

static void
a_device_that_remembers_nothing_tries_the_newest_and_then_the_other(void **state) { // [boot-10]
    (void) state;
    const sv_boot_candidate slots[SV_BOOT_SLOTS] = { { true, 3 }, { true, 4 } };
    sv_boot_state now = { .counter = 0 };
    for (unsigned start = 0; start < 2 * SV_BOOT_TRIES; start++) {
        sv_boot_choice c;
        sv_boot_choose(&now, slots, true, &c);
        assert_int_equal(c.slot, start < SV_BOOT_TRIES ? 1 : 0);
        now = c.after;
    }
    sv_boot_choice c;
    sv_boot_choose(&now, slots, true, &c); // nothing else is left: it may try again
    assert_int_equal(c.slot, 0);
    assert_int_equal(c.after.slots[0].tries_left, SV_BOOT_TRIES - 1);
    assert_int_equal(c.after.slots[1].state, SV_BOOT_SLOT_BAD);
}

// [boot-9] A new device with one image, switched off and on before it has proved itself.
static void no_number_of_power_cuts_leaves_a_new_device_without_a_start(void **state) {
    (void) state;
    const sv_boot_candidate slots[SV_BOOT_SLOTS] = { { true, 3 }, { false, 0 } };
    sv_boot_state now = { .counter = 0 };
    for (unsigned start = 0; start < 100; start++) {
        sv_boot_choice c;
        sv_boot_choose(&now, slots, true, &c);
        assert_int_equal(c.slot, 0);
        now = c.after;
    }
    assert_true(sv_boot_fail(&now, 0)); // but what was called bad stays so
    sv_boot_choice c;
    sv_boot_choose(&now, slots, true, &c);
    assert_int_equal(c.slot, SV_BOOT_NO_SLOT);
}

// ---- every story there is ----------------------------------------------------------------------

enum {
    SHORT_TRIES = 3, // a trial has 0 … 3 left
    COUNTERS = 4,    // of releases, from 0
    KINDS = SHORT_TRIES + 4,
    CONTENTS = COUNTERS + 1, // the last: nothing good
    WORLDS = KINDS * KINDS * 2 * COUNTERS * CONTENTS * CONTENTS * 3,
};

/// A device: what it remembers, what lies in its slots, which one runs (SV_BOOT_NO_SLOT: it is
/// off).
typedef struct world {
    sv_boot_state state;
    unsigned content[SV_BOOT_SLOTS];
    unsigned running;
} world;

static unsigned kind_of(const sv_boot_slot *slot) {
    return slot->state == SV_BOOT_SLOT_TRIAL       ? 3U + slot->tries_left
           : slot->state == SV_BOOT_SLOT_BAD       ? 2U
           : slot->state == SV_BOOT_SLOT_CONFIRMED ? 1U
                                                   : 0U;
}

static sv_boot_slot slot_of(unsigned kind) {
    static const uint8_t PLAIN[] = { SV_BOOT_SLOT_IDLE, SV_BOOT_SLOT_CONFIRMED, SV_BOOT_SLOT_BAD };
    return kind < 3 ? (sv_boot_slot){ PLAIN[kind], 0 }
                    : (sv_boot_slot){ SV_BOOT_SLOT_TRIAL, (uint8_t) (kind - 3) };
}

static unsigned number_of(const world *w) {
    unsigned number = w->running;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        number = (number * KINDS + kind_of(&w->state.slots[i])) * CONTENTS + w->content[i];
    }
    return (number * 2 + w->state.primary) * COUNTERS + w->state.counter;
}

static world world_of(unsigned number) {
    world w = { 0 };
    w.state.counter = number % COUNTERS;
    number /= COUNTERS;
    w.state.primary = (uint8_t) (number % 2);
    number /= 2;
    for (unsigned i = SV_BOOT_SLOTS; i-- > 0;) {
        w.content[i] = number % CONTENTS;
        number /= CONTENTS;
        w.state.slots[i] = slot_of(number % KINDS);
        number /= KINDS;
    }
    w.running = number;
    return w;
}

static unsigned worlds[WORLDS];
static bool seen[WORLDS];
static unsigned world_count;

static void reach(const world *w) {
    unsigned number = number_of(w);
    assert_true(number < WORLDS);
    if (!seen[number]) {
        seen[number] = true;
        worlds[world_count++] = number;
    }
}

static void start(const world *from, bool can_keep) {
    world w = *from;
    sv_boot_candidate slots[SV_BOOT_SLOTS];
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        slots[i] = (sv_boot_candidate){ w.content[i] < COUNTERS, w.content[i] };
    }
    sv_boot_choice c;
    sv_boot_choose(&w.state, slots, can_keep, &c);
    if (c.slot != SV_BOOT_NO_SLOT) {
        assert_true(slots[c.slot].good && slots[c.slot].counter >= w.state.counter);
    }
    // Once something was confirmed, there is always something to start.
    if (w.state.slots[w.state.primary].state == SV_BOOT_SLOT_CONFIRMED) {
        assert_int_not_equal(c.slot, SV_BOOT_NO_SLOT);
    }
    w.running = c.slot;
    w.state = can_keep ? c.after : w.state;
    reach(&w);
}

/// What an updater, its installer's mistakes and a thief do to the slot that does not run.
static void write_and_arm(const world *from, unsigned slot) {
    world w = *from;
    if (!sv_boot_release(&w.state, slot)) {
        assert_true(slot == w.state.primary);
        assert_false(sv_boot_arm(&w.state, slot, SHORT_TRIES) || sv_boot_fail(&w.state, slot));
        return;
    }
    for (unsigned content = 0; content < CONTENTS; content++) {
        w.content[slot] = content; // any release, an old one, a torn one
        reach(&w);
        world armed = w;
        assert_true(sv_boot_arm(&armed.state, slot, SHORT_TRIES));
        reach(&armed);
    }
}

static void step(const world *w) {
    start(w, true);
    start(w, false);
    if (w->running == SV_BOOT_NO_SLOT) {
        return;
    }
    world next = *w;
    if (sv_boot_confirm(&next.state, w->running, w->content[w->running])) {
        reach(&next);
    }
    next = *w;
    if (sv_boot_fail(&next.state, w->running)) {
        reach(&next);
    }
    write_and_arm(w, 1 - w->running);
    next = *w;
    next.running = SV_BOOT_NO_SLOT; // the power goes, at any of these moments
    reach(&next);
}

static void in_no_story_is_a_device_left_without_a_slot_that_it_had_confirmed(
    void **state) { // [boot-8] [boot-11]
    (void) state;
    for (unsigned a = 0; a < CONTENTS; a++) {
        for (unsigned b = 0; b < CONTENTS; b++) {
            const world fresh = { .content = { a, b }, .running = SV_BOOT_NO_SLOT };
            reach(&fresh);
        }
    }
    for (unsigned done = 0; done < world_count; done++) {
        const world w = world_of(worlds[done]);
        assert_int_equal(number_of(&w), worlds[done]);
        step(&w);
    }
    assert_true(world_count > 1000);
}

static void what_may_not_be_done_changes_nothing(void **state) { // [boot-11]
    (void) state;
    const sv_boot_state before = {
        .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 }, { SV_BOOT_SLOT_IDLE, 0 } }, .counter = 7
    };
    sv_boot_state now = before;
    assert_false(sv_boot_arm(&now, 0, 3));
    assert_false(sv_boot_arm(&now, 1, 0));
    assert_false(sv_boot_arm(&now, 1, SV_BOOT_TRIES_MAX + 1));
    assert_false(sv_boot_arm(&now, 2, 3));
    assert_false(sv_boot_release(&now, 0) || sv_boot_release(&now, 2));
    assert_false(sv_boot_fail(&now, 0) || sv_boot_fail(&now, 2));
    assert_false(sv_boot_confirm(&now, 1, 9) || sv_boot_confirm(&now, 2, 9));
    assert_memory_equal(now.slots, before.slots, sizeof now.slots);
    assert_int_equal(now.counter, before.counter);
    assert_int_equal(now.primary, before.primary);
    assert_true(sv_boot_arm(&now, 1, 3));
    assert_true(sv_boot_confirm(&now, 1, 6)); // a release that does not count up takes nothing back
    assert_int_equal(now.counter, 7);
    assert_int_equal(now.primary, 1);
    assert_true(sv_boot_release(&now, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_every_state_the_right_slot_is_started),
        cmocka_unit_test(what_is_remembered_wrongly_is_bad),
        cmocka_unit_test(a_device_that_remembers_nothing_tries_the_newest_and_then_the_other),
        cmocka_unit_test(no_number_of_power_cuts_leaves_a_new_device_without_a_start),
        cmocka_unit_test(in_no_story_is_a_device_left_without_a_slot_that_it_had_confirmed),
        cmocka_unit_test(what_may_not_be_done_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
