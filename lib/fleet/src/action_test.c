#include <base/test.h>
#include <fleet/action.h>
#include <stdlib.h>
#include <string.h>

static const sv_action_limits LIMITS = { .silent_us = SV_ACTION_SILENT_US,
                                         .proof_us = SV_ACTION_PROOF_US };
static const sv_action_target TARGET = { .version = "1.1", .sha256 = "aa" };

#define NOW INT64_C(1800000000000000)

static sv_action_stand stand_in(sv_action_state state) {
    return (sv_action_stand){ .state = state };
}

static sv_action_stand hear(sv_action_stand stand, sv_action_said said, int64_t now_us) {
    return sv_action_hear(stand, said, SV_ACTION_FINE, now_us, &LIMITS);
}

static void every_state_has_a_name_that_is_read_back(void **state) {
    (void) state;
    for (int i = 0; i < SV_ACTION_STATE__COUNT; i++) {
        sv_action_state back = SV_ACTION_STATE__COUNT;
        const char *name = sv_action_state_name((sv_action_state) i);
        assert_int_equal(sv_action_state_parse(sv_text_of(name), &back, NULL), SV_OK);
        assert_int_equal(back, i);
    }
    sv_action_state back;
    sv_why why = { 0 };
    assert_int_equal(sv_action_state_parse(SV_TEXT("done"), &back, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "'done'"));
}

// [action-2]
static void a_device_says_how_far_it_has_come(void **state) {
    (void) state;
    sv_action_stand s = stand_in(SV_ACTION_WAITING);
    s = hear(s, SV_SAID_SEEN, NOW);
    assert_int_equal(s.state, SV_ACTION_NOTIFIED);
    s = hear(s, SV_SAID_DOWNLOADING, NOW);
    s = hear(s, SV_SAID_SEEN, NOW);
    assert_int_equal(s.state, SV_ACTION_DOWNLOADING); // it looks again meanwhile
    s = hear(s, SV_SAID_VERIFIED, NOW);
    assert_int_equal(s.due_us, 0);
    s = hear(s, SV_SAID_DOWNLOADING, NOW); // it lost its power and begins anew
    assert_int_equal(s.state, SV_ACTION_DOWNLOADING);
    s = hear(s, SV_SAID_INSTALLED, NOW);
    assert_int_equal(s.state, SV_ACTION_INSTALLED);
    assert_int_equal(s.due_us, NOW + SV_ACTION_SILENT_US);
    s = hear(s, SV_SAID_TRIAL, NOW + 5);
    assert_int_equal(s.due_us, NOW + 5 + SV_ACTION_SILENT_US);
}

// [action-2]
static void a_failure_is_told_apart_by_how_far_it_had_come(void **state) {
    (void) state;
    static const struct {
        sv_action_state in, out;
        sv_action_class by, class;
    } CASES[] = {
        { SV_ACTION_DOWNLOADING, SV_ACTION_FAILED, SV_ACTION_FINE, SV_ACTION_BY_INSTALL },
        { SV_ACTION_DOWNLOADING, SV_ACTION_FAILED, SV_ACTION_BY_DOWNLOAD, SV_ACTION_BY_DOWNLOAD },
        { SV_ACTION_VERIFIED, SV_ACTION_FAILED, SV_ACTION_FINE, SV_ACTION_BY_INSTALL },
        { SV_ACTION_INSTALLED, SV_ACTION_ROLLED_BACK, SV_ACTION_FINE, SV_ACTION_BY_ROLLBACK },
        { SV_ACTION_TRIAL, SV_ACTION_ROLLED_BACK, SV_ACTION_FINE, SV_ACTION_BY_ROLLBACK },
        { SV_ACTION_TRIAL, SV_ACTION_FAILED, SV_ACTION_BY_INSTALL, SV_ACTION_BY_INSTALL },
        { SV_ACTION_CANCELED, SV_ACTION_CANCELED, SV_ACTION_FINE, SV_ACTION_FINE },
        { SV_ACTION_CONFIRMED, SV_ACTION_CONFIRMED, SV_ACTION_FINE, SV_ACTION_FINE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_action_stand s =
            sv_action_hear(stand_in(CASES[i].in), SV_SAID_FAILURE, CASES[i].by, NOW, &LIMITS);
        assert_int_equal(s.state, CASES[i].out);
        assert_int_equal(s.class, CASES[i].class);
        assert_int_equal(s.due_us, 0);
    }
    sv_action_stand s = hear(stand_in(SV_ACTION_NOTIFIED), SV_SAID_REFUSED, NOW);
    assert_int_equal(s.class, SV_ACTION_BY_REFUSAL);
    s = hear(hear(stand_in(SV_ACTION_TRIAL), SV_SAID_ROLLED_BACK, NOW), SV_SAID_FAILURE, NOW);
    assert_int_equal(s.state, SV_ACTION_ROLLED_BACK); // it closes with failure what it told before
}

// [action-3]
static void a_success_counts_when_the_device_runs_the_image(void **state) {
    (void) state;
    static const struct {
        const char *version, *sha256;
        int64_t later_us;
        bool counts;
    } CASES[] = {
        { "1.1", "aa", 0, true },   { "1.1", "", 1, true },
        { "9.9", "aa", 1, true }, // the same bytes
        { "1.1", "bb", 1, false },  { "1.0", "", 1, false },
        { "1.0", "bb", 1, false },  { "", "", 1, false },
        { "1.1", "aa", -1, false }, // said before
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_action_stand s = hear(stand_in(SV_ACTION_TRIAL), SV_SAID_SUCCESS, NOW);
        const sv_action_running runs = { .version = CASES[i].version,
                                         .sha256 = CASES[i].sha256,
                                         .at_us = NOW + CASES[i].later_us };
        assert_int_equal(s.state, SV_ACTION_TRIAL);
        s = sv_action_prove(s, &TARGET, &runs);
        assert_int_equal(s.state == SV_ACTION_CONFIRMED, CASES[i].counts);
        assert_int_equal(s.due_us, CASES[i].counts ? 0 : NOW + SV_ACTION_PROOF_US);
    }
    const sv_action_target nameless = { .version = "", .sha256 = "" };
    const sv_action_running nothing = { .version = "", .sha256 = "", .at_us = NOW };
    assert_false(sv_action_is_running(&nameless, &nothing));
}

// [action-3]
static void running_the_image_is_no_success_without_the_devices_word(void **state) {
    (void) state;
    const sv_action_running runs = { .version = "1.1", .sha256 = "aa", .at_us = NOW };
    for (int i = 0; i < SV_ACTION_STATE__COUNT; i++) {
        sv_action_stand s = sv_action_prove(stand_in((sv_action_state) i), &TARGET, &runs);
        assert_int_equal(s.state, i);
    }
}

// [action-4]
static void who_is_silent_or_proves_nothing_has_failed(void **state) {
    (void) state;
    sv_action_stand s = hear(stand_in(SV_ACTION_DOWNLOADING), SV_SAID_INSTALLED, NOW);
    assert_int_equal(sv_action_wait(s, NOW + SV_ACTION_SILENT_US - 1).state, SV_ACTION_INSTALLED);
    s = sv_action_wait(s, NOW + SV_ACTION_SILENT_US);
    assert_int_equal(s.state, SV_ACTION_FAILED);
    assert_int_equal(s.class, SV_ACTION_BY_SILENCE);
    s = hear(stand_in(SV_ACTION_TRIAL), SV_SAID_SUCCESS, NOW);
    assert_int_equal(hear(s, SV_SAID_SUCCESS, NOW + 5).due_us, s.due_us); // told again, not later
    s = sv_action_wait(s, NOW + SV_ACTION_PROOF_US);
    assert_int_equal(s.class, SV_ACTION_UNPROVED);
    s = sv_action_wait(stand_in(SV_ACTION_WAITING), INT64_MAX); // somebody is off for a year
    assert_int_equal(s.state, SV_ACTION_WAITING);
}

// [action-5]
static void a_late_word_sets_right_what_the_clock_has_ended(void **state) {
    (void) state;
    const sv_action_running runs = { .version = "1.1", .sha256 = "aa", .at_us = NOW + 100 };
    const sv_action_class lost[] = { SV_ACTION_BY_SILENCE, SV_ACTION_UNPROVED };
    for (size_t i = 0; i < SV_COUNT(lost); i++) {
        const sv_action_stand over = { .state = SV_ACTION_FAILED, .class = lost[i] };
        assert_int_equal(hear(over, SV_SAID_FAILURE, NOW).state, SV_ACTION_ROLLED_BACK);
        assert_int_equal(hear(over, SV_SAID_ROLLED_BACK, NOW).state, SV_ACTION_ROLLED_BACK);
        assert_int_equal(hear(over, SV_SAID_TRIAL, NOW).state, SV_ACTION_FAILED);
        sv_action_stand s = hear(over, SV_SAID_SUCCESS, NOW);
        assert_int_equal(s.state, SV_ACTION_FAILED);
        assert_int_equal(sv_action_prove(s, &TARGET, &runs).state, SV_ACTION_CONFIRMED);
    }
    sv_action_stand canceled = hear(stand_in(SV_ACTION_CANCELED), SV_SAID_SUCCESS, NOW);
    assert_int_equal(sv_action_prove(canceled, &TARGET, &runs).state, SV_ACTION_CONFIRMED);
    const sv_action_stand worse = { .state = SV_ACTION_FAILED, .class = SV_ACTION_BY_WORSE };
    sv_action_stand s = hear(worse, SV_SAID_SUCCESS, NOW);
    assert_int_equal(sv_action_prove(s, &TARGET, &runs).state, SV_ACTION_FAILED);
}

/// What one random step makes of it. The clock goes on.
static sv_action_stand step(sv_action_stand s, unsigned *seed, int64_t *now_us,
                            sv_action_running *runs) {
    int what = rand_r(seed) % 12;
    *now_us += rand_r(seed) % SV_ACTION_PROOF_US;
    if (what == 0) {
        *runs = (sv_action_running){ .version = rand_r(seed) % 2 ? "1.1" : "1.0",
                                     .sha256 = rand_r(seed) % 2 ? "" : "aa",
                                     .at_us = *now_us };
    }
    if (what <= 1) {
        return sv_action_prove(s, &TARGET, runs);
    }
    if (what == 2) {
        return sv_action_wait(s, *now_us);
    }
    return sv_action_hear(s, (sv_action_said) (rand_r(seed) % SV_SAID__COUNT),
                          (sv_action_class) (rand_r(seed) % SV_ACTION_CLASS__COUNT), *now_us,
                          &LIMITS);
}

static void check_step(sv_action_stand before, sv_action_stand after, bool said_success,
                       const sv_action_running *runs) {
    if (sv_action_has_ended(before.state)) {
        assert_true(sv_action_has_ended(after.state));
    }
    if (before.state == SV_ACTION_CONFIRMED) {
        assert_int_equal(after.state, SV_ACTION_CONFIRMED);
    } else if (after.state == SV_ACTION_CONFIRMED) {
        assert_true(said_success && before.success_us > 0 && runs->at_us >= before.success_us);
        assert_true(sv_action_is_running(&TARGET, runs));
    }
    if (after.due_us > 0) { // time speaks only of what is open and is to start
        assert_true(after.state == SV_ACTION_INSTALLED || after.state == SV_ACTION_TRIAL);
    } else {
        assert_true(after.state != SV_ACTION_INSTALLED && after.state != SV_ACTION_TRIAL);
    }
    assert_int_equal(after.state == SV_ACTION_FAILED || after.state == SV_ACTION_ROLLED_BACK,
                     after.class != SV_ACTION_FINE);
}

// [action-2] [action-3] [action-4] [action-5]
static void whatever_is_said_in_whatever_order_nothing_is_confirmed_unproved(void **state) {
    (void) state;
    int ends[SV_ACTION_STATE__COUNT] = { 0 };
    for (unsigned seed = 1; seed <= 20000; seed++) {
        unsigned chance = seed;
        int64_t now_us = NOW;
        bool said_success = false;
        sv_action_running runs = { .version = "1.0", .sha256 = "", .at_us = NOW };
        sv_action_stand s = stand_in(SV_ACTION_WAITING);
        for (int i = 0; i < 24; i++) {
            sv_action_stand next = step(s, &chance, &now_us, &runs);
            check_step(s, next, said_success, &runs);
            said_success |= next.success_us > 0;
            s = next;
        }
        ends[s.state]++;
    }
    assert_true(ends[SV_ACTION_CONFIRMED] > 100); // each end is reached, else nothing was tried
    assert_true(ends[SV_ACTION_FAILED] > 100 && ends[SV_ACTION_ROLLED_BACK] > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_a_name_that_is_read_back),
        cmocka_unit_test(a_device_says_how_far_it_has_come),
        cmocka_unit_test(a_failure_is_told_apart_by_how_far_it_had_come),
        cmocka_unit_test(a_success_counts_when_the_device_runs_the_image),
        cmocka_unit_test(running_the_image_is_no_success_without_the_devices_word),
        cmocka_unit_test(who_is_silent_or_proves_nothing_has_failed),
        cmocka_unit_test(a_late_word_sets_right_what_the_clock_has_ended),
        cmocka_unit_test(whatever_is_said_in_whatever_order_nothing_is_confirmed_unproved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
