// Was a model right about the lives that have ended?
#include <base/prng.h>
#include <base/test.h>
#include <detect/life_judge.h>

// [model-38]
static void a_machine_that_failed_should_have_done_so_within_the_interval(void **state) {
    (void) state;
    const sv_life_word within = { .low = 3, .high = 9, .least = 5, .most = 6 };
    const sv_life_word late = { .low = 3, .high = 9, .least = 9.5, .most = 10.5 };
    const sv_life_word early = { .low = 3, .high = 9, .least = 1, .most = 2 };
    const sv_life_word edge = { .low = 3, .high = 9, .least = 2, .most = 3 };
    assert_false(sv_life_word_is_wrong(&within, true));
    assert_true(sv_life_word_is_wrong(&late, true));
    assert_true(sv_life_word_is_wrong(&early, true));
    assert_false(sv_life_word_is_wrong(&edge, true));
}

// [model-38]
static void one_that_was_renewed_in_time_shows_only_that_too_little_was_given(void **state) {
    (void) state;
    const sv_life_word late = { .low = 3, .high = 9, .least = 9.5, .most = 10.5 };
    const sv_life_word early = { .low = 3, .high = 9, .least = 1, .most = 2 };
    assert_true(sv_life_word_is_wrong(&late, false));
    assert_false(sv_life_word_is_wrong(&early, false));
}

// [model-38]
static void a_life_is_wrong_when_more_than_half_of_its_days_were(void **state) {
    (void) state;
    assert_false(sv_life_is_wrong(0, 0));
    assert_false(sv_life_is_wrong(4, 2));
    assert_true(sv_life_is_wrong(4, 3));
    assert_true(sv_life_is_wrong(1, 1));
}

// [model-38]
static void three_wrong_of_three_are_no_chance_and_two_are(void **state) {
    (void) state;
    assert_false(sv_lives_are_wrong(0, 0));
    assert_false(sv_lives_are_wrong(1, 1));
    assert_false(sv_lives_are_wrong(2, 2));
    assert_true(sv_lives_are_wrong(3, 3));
    assert_false(sv_lives_are_wrong(4, 3));
    assert_true(sv_lives_are_wrong(5, 4));
    assert_false(sv_lives_are_wrong(20, 8));
    assert_true(sv_lives_are_wrong(20, 9));
}

/// Lives one after another, each wrong with this probability: is the model withdrawn within 500?
static bool is_withdrawn(sv_prng *prng, double wrong) {
    bool last[SV_LIVES_JUDGED] = { false };
    for (size_t life = 0; life < 500; life++) {
        size_t many = life + 1 < SV_LIVES_JUDGED ? life + 1 : SV_LIVES_JUDGED;
        size_t bad = 0;
        last[life % SV_LIVES_JUDGED] = sv_prng_unit(prng) < wrong;
        for (size_t i = 0; i < many; i++) {
            bad += last[i] ? 1 : 0;
        }
        if (last[life % SV_LIVES_JUDGED] && sv_lives_are_wrong(many, bad)) {
            return true;
        }
    }
    return false;
}

// [model-38] One life in ten is what an interval of nine in ten makes of lives whose days are all
// alike; of a model whose every second life is wrong nobody should have to hear for long.
static void who_is_right_stays_and_who_is_not_goes(void **state) {
    (void) state;
    sv_prng prng = { 7 };
    unsigned right = 0, wrong = 0;
    for (int i = 0; i < 1000; i++) {
        right += is_withdrawn(&prng, 0.1) ? 1U : 0U;
        wrong += is_withdrawn(&prng, 0.5) ? 1U : 0U;
    }
    assert_in_range(right, 0, 40);
    assert_int_equal(wrong, 1000);
}

// [model-38]
static void a_probability_says_something_of_an_end_when_it_is_nearly_sure(void **state) {
    (void) state;
    sv_life_word lasts = sv_life_word_of_risk(0.1, 10);
    sv_life_word fails = sv_life_word_of_risk(0.92, 10);
    const sv_life_word open = sv_life_word_of_risk(0.5, 10);
    assert_true(sv_life_word_says(&lasts) && sv_life_word_says(&fails));
    assert_false(sv_life_word_says(&open) || sv_life_word_is_wrong(&open, true));
    lasts.least = fails.least = 4;
    lasts.most = fails.most = 5;
    assert_true(sv_life_word_is_wrong(&lasts, true));
    assert_false(sv_life_word_is_wrong(&lasts, false)); // it would have lasted
    assert_false(sv_life_word_is_wrong(&fails, true));
    lasts.least = fails.least = 11;
    lasts.most = fails.most = 12;
    assert_false(sv_life_word_is_wrong(&lasts, true));
    assert_true(sv_life_word_is_wrong(&fails, true));
    assert_true(sv_life_word_is_wrong(&fails, false));
    const sv_life_word of_nothing = sv_life_word_of_risk(0.99, 0);
    assert_false(sv_life_word_says(&of_nothing));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_that_failed_should_have_done_so_within_the_interval),
        cmocka_unit_test(one_that_was_renewed_in_time_shows_only_that_too_little_was_given),
        cmocka_unit_test(a_life_is_wrong_when_more_than_half_of_its_days_were),
        cmocka_unit_test(three_wrong_of_three_are_no_chance_and_two_are),
        cmocka_unit_test(a_probability_says_something_of_an_end_when_it_is_nearly_sure),
        cmocka_unit_test(who_is_right_stays_and_who_is_not_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
