// Two that have one key, and one that moves.
#include "clones.h"

#include <base/test.h>
#include <stdio.h>

#define SECOND INT64_C(1000000)

typedef struct door {
    gw_clones clones;
    int64_t now_us;
    int ports;
    char at[GW_CLONE_PLACE_ROOM]; ///< who has the session
    char places[2 * GW_CLONE_PLACE_ROOM];
} door;

static void open_door(door *d) {
    *d = (door){ .now_us = 1000 * SECOND, .ports = 40000 };
    gw_clones_open(&d->clones, NULL);
}

static void close_door(door *d) {
    gw_clones_close(&d->clones);
}

/// From `place`; whoever has the session is sent away, and answers or does not. True: proven.
static bool connects(door *d, const char *place, bool loser_answers) {
    char from[GW_CLONE_PLACE_ROOM];
    char loser[GW_CLONE_PLACE_ROOM];
    const gw_clone_watch *found = NULL;
    (void) snprintf(from, sizeof from, "%s:%d", place, d->ports++);
    memcpy(loser, d->at, sizeof loser);
    if (loser[0] != '\0') {
        gw_clones_took(&d->clones, SV_TEXT("press-1"), loser, from, d->now_us);
        d->now_us += loser_answers ? SECOND / 100 : SECOND;
        found = gw_clones_parted(&d->clones, loser, loser_answers, d->now_us, d->places);
    }
    memcpy(d->at, from, sizeof d->at);
    d->now_us += SECOND / 2;
    if (found != NULL) {
        assert_string_equal(found->id, "press-1");
    }
    return found != NULL;
}

static void ends(door *d) {
    gw_clones_ended(&d->clones, SV_TEXT("press-1"));
    d->at[0] = '\0';
}

// [standing-27]
static void two_that_take_each_other_over_are_seen_at_the_third_time(void **state) {
    (void) state;
    door d;
    open_door(&d);
    int64_t began_us = d.now_us;
    assert_false(connects(&d, "192.0.2.7", true));
    assert_false(connects(&d, "192.0.2.8", true));
    assert_false(connects(&d, "192.0.2.7", true));
    assert_true(connects(&d, "192.0.2.8", true));
    assert_string_equal(d.places, "192.0.2.7, 192.0.2.8");
    assert_true(d.now_us - began_us < 5 * SECOND);
    // Looked at anew: it takes as many again.
    assert_false(connects(&d, "192.0.2.7", true));
    assert_false(connects(&d, "192.0.2.8", true));
    assert_true(connects(&d, "192.0.2.7", true));
    close_door(&d);
}

// [standing-27]
static void two_behind_one_address_are_seen_as_well(void **state) {
    (void) state;
    door d;
    open_door(&d);
    assert_false(connects(&d, "[2001:db8::1]", true));
    assert_false(connects(&d, "[2001:db8::1]", true));
    assert_false(connects(&d, "[2001:db8::1]", true));
    assert_true(connects(&d, "[2001:db8::1]", true));
    assert_string_equal(d.places, "[2001:db8::1]");
    close_door(&d);
}

// [standing-27]
static void a_program_that_comes_and_goes_beside_its_device_is_none(void **state) {
    (void) state;
    door d;
    open_door(&d);
    for (int i = 0; i < 20; i++) {
        assert_false(connects(&d, "192.0.2.7", true)); // takes the device's session, for a moment
        ends(&d);
        assert_false(connects(&d, "192.0.2.7", true)); // the device is back
    }
    close_door(&d);
    // From elsewhere it is another machine with the key, however short it stays.
    open_door(&d);
    assert_false(connects(&d, "192.0.2.7", true));
    int taken = 0;
    bool found = false;
    for (; taken < 10 && !found; taken++) {
        found = connects(&d, "198.51.100.9", true);
        ends(&d);
        assert_false(connects(&d, "192.0.2.7", true));
    }
    assert_int_equal(taken, GW_CLONE_TURNS);
    close_door(&d);
}

// [standing-27]
static void who_moves_is_one(void **state) {
    static const struct {
        const char *name;
        const char *places[4];
        bool answers; ///< the old connection's other side is there for a last time
    } CASES[] = {
        { "between two networks, back and forth",
          { "192.0.2.7", "198.51.100.9", "192.0.2.7", "198.51.100.9" },
          false },
        { "another port of the same address each time (a NAT forgets, or the device starts anew)",
          { "192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.7" },
          false },
        { "from network to network, each left properly",
          { "192.0.2.7", "198.51.100.9", "203.0.113.5", "192.0.2.99" },
          true },
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        door d;
        open_door(&d);
        for (int round = 0; round < 40; round++) {
            if (connects(&d, CASES[i].places[round % 4], CASES[i].answers)) {
                fail_msg("%s: taken for two", CASES[i].name);
            }
        }
        close_door(&d);
    }
}

// [standing-27]
static void once_there_and_back_is_none_and_neither_is_what_was_long_ago(void **state) {
    (void) state;
    door d;
    open_door(&d);
    for (int i = 0; i < 20; i++) {
        assert_false(connects(&d, "192.0.2.7", true));
        assert_false(connects(&d, "198.51.100.9", true));
        d.now_us += GW_CLONE_WITHIN_US;
        gw_clones_sweep(&d.clones, d.now_us);
    }
    d.now_us += SECOND;
    gw_clones_sweep(&d.clones, d.now_us);
    assert_int_equal(sv_map_count(d.clones.of), 0);
    assert_int_equal(sv_map_count(d.clones.waiting), 0);
    close_door(&d);
}

// [standing-27]
static void a_copy_that_never_answers_is_seen_by_the_one_that_does(void **state) {
    (void) state;
    door d;
    open_door(&d);
    int taken = 0;
    bool found = connects(&d, "192.0.2.7", true);
    while (!found && taken < 10) {
        found = connects(&d, "198.51.100.9", true);        // the device was there
        found = found || connects(&d, "192.0.2.7", false); // the copy says nothing
        taken++;
    }
    assert_int_equal(taken, GW_CLONE_TURNS);
    close_door(&d);
    // At one address that may be a device that starts anew beside a program of its own.
    open_door(&d);
    for (int i = 0; i < 10; i++) {
        assert_false(connects(&d, "192.0.2.7", true));
        assert_false(connects(&d, "192.0.2.7", false));
    }
    close_door(&d);
}

static void one_that_did_not_answer_in_between_breaks_the_proof(void **state) {
    (void) state;
    for (int silent = 0; silent < 3; silent++) {
        door d;
        open_door(&d);
        bool found = connects(&d, "192.0.2.7", true);
        for (int i = 0; i < 3; i++) {
            found = found || connects(&d, i % 2 == 0 ? "192.0.2.8" : "192.0.2.7", i != silent);
        }
        assert_false(found);
        close_door(&d);
    }
}

static void one_that_has_not_answered_yet_proves_nothing(void **state) { // [standing-27]
    (void) state;
    static const char *const FROM[] = { "192.0.2.7:1", "192.0.2.8:2", "192.0.2.7:3",
                                        "192.0.2.8:4" };
    char places[2 * GW_CLONE_PLACE_ROOM];
    door d;
    open_door(&d);
    for (int i = 0; i < 3; i++) {
        gw_clones_took(&d.clones, SV_TEXT("press-1"), FROM[i], FROM[i + 1], d.now_us);
    }
    for (int i = 3; i-- > 0;) { // the last is heard first
        const gw_clone_watch *found = gw_clones_parted(&d.clones, FROM[i], true, d.now_us, places);
        assert_true(i == 0 ? found != NULL : found == NULL);
    }
    close_door(&d);
}

static void a_flood_of_ids_is_bounded(void **state) {
    (void) state;
    door d;
    open_door(&d);
    for (int i = 0; i < 3 * GW_CLONE_WATCHES; i++) {
        char id[32];
        char loser[GW_CLONE_PLACE_ROOM];
        (void) snprintf(id, sizeof id, "d-%d", i);
        (void) snprintf(loser, sizeof loser, "10.%d.%d.1:%d", i >> 8 & 255, i & 255, i);
        gw_clones_took(&d.clones, sv_text_of(id), loser, "192.0.2.1:1", d.now_us);
    }
    assert_int_equal(sv_map_count(d.clones.of), GW_CLONE_WATCHES);
    assert_null(gw_clones_parted(&d.clones, "nobody:1", true, d.now_us, d.places));
    gw_clones_sweep(&d.clones, d.now_us + 2 * GW_CLONE_WITHIN_US);
    assert_int_equal(sv_map_count(d.clones.of), 0);
    close_door(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_take_each_other_over_are_seen_at_the_third_time),
        cmocka_unit_test(two_behind_one_address_are_seen_as_well),
        cmocka_unit_test(a_program_that_comes_and_goes_beside_its_device_is_none),
        cmocka_unit_test(who_moves_is_one),
        cmocka_unit_test(once_there_and_back_is_none_and_neither_is_what_was_long_ago),
        cmocka_unit_test(a_copy_that_never_answers_is_seen_by_the_one_that_does),
        cmocka_unit_test(one_that_did_not_answer_in_between_breaks_the_proof),
        cmocka_unit_test(one_that_has_not_answered_yet_proves_nothing),
        cmocka_unit_test(a_flood_of_ids_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
