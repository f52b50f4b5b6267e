#include <base/prng.h>
#include <base/test.h>
#include <fleet/campaign.h>

#include <stdio.h>

static const sv_campaign_rules PLAIN = { .success_percent = 100, .growth = 1 };

/// Waves of so many devices each, begun.
static sv_campaign begun(const sv_campaign_rules *rules, const int64_t *sizes, size_t waves) {
    sv_campaign c;
    sv_campaign_open(&c, rules, waves);
    for (size_t i = 0; i < waves; i++) {
        sv_campaign_join(&c, i, sizes[i]);
    }
    sv_campaign_begin(&c, rules, 0);
    return c;
}

static void move_all(sv_campaign *c, const sv_campaign_rules *r, size_t wave, sv_stage to,
                     int64_t devices) {
    for (int64_t i = 0; i < devices; i++) {
        sv_campaign_move(c, r, wave, SV_STAGE_PLANNED, SV_STAGE_WAITING);
    }
    for (int64_t i = 0; i < devices; i++) {
        sv_campaign_move(c, r, wave, SV_STAGE_WAITING, to);
    }
}

// ---- what happens -------------------------------------------------------------------------------

static void
a_wave_begins_when_the_one_before_is_confirmed(void **state) { // [campaign-10] [campaign-12]
    const int64_t sizes[] = { 2, 3, 5 };
    sv_campaign c = begun(&PLAIN, sizes, 3);
    (void) state;
    assert_int_equal(sv_campaign_allowance(&c, &PLAIN, 0), 2);
    move_all(&c, &PLAIN, 0, SV_STAGE_INSTALLED, 2);
    assert_int_equal(sv_campaign_allowance(&c, &PLAIN, 0), 0); // written to disk is no success
    sv_campaign_move(&c, &PLAIN, 0, SV_STAGE_INSTALLED, SV_STAGE_CONFIRMED);
    assert_int_equal(sv_campaign_allowance(&c, &PLAIN, 0), 0);
    sv_campaign_move(&c, &PLAIN, 0, SV_STAGE_INSTALLED, SV_STAGE_CONFIRMED);
    assert_int_equal(sv_campaign_allowance(&c, &PLAIN, 0), 3);
    move_all(&c, &PLAIN, 1, SV_STAGE_CONFIRMED, 3);
    move_all(&c, &PLAIN, 2, SV_STAGE_CONFIRMED, 5);
    assert_int_equal(c.state, SV_CAMPAIGN_DONE);
    assert_string_equal(c.why, "10 of 10 devices confirmed");
}

static void a_threshold_lets_the_next_wave_begin_beside_stragglers(void **state) {
    sv_campaign_rules r = PLAIN;
    const int64_t sizes[] = { 10, 10 };
    (void) state;
    r.success_percent = 85; // of 10: 9
    sv_campaign c = begun(&r, sizes, 2);
    move_all(&c, &r, 0, SV_STAGE_CONFIRMED, 8);
    assert_int_equal(c.open, 1);
    move_all(&c, &r, 0, SV_STAGE_CONFIRMED, 1);
    assert_int_equal(c.open, 2);
    assert_int_equal(sv_campaign_allowance(&c, &r, 0), 11);
    // Who is taken out is in nobody's way.
    c = begun(&r, sizes, 2);
    move_all(&c, &r, 0, SV_STAGE_CANCELED, 10);
    assert_int_equal(c.open, 2);
}

static void each_kind_of_bad_end_stops_it_with_a_sentence(void **state) { // [campaign-16]
    static const struct {
        sv_stop_kind kind;
        sv_stage place;
        sv_stop_bound bound;
        const char *why;
    } CASES[] = {
        { SV_STOP_FAILED,
          SV_STAGE_FAILED,
          { .count = 2 },
          "paused itself: 2 devices failed, the rule stops at 2" },
        { SV_STOP_ROLLED_BACK,
          SV_STAGE_ROLLED_BACK,
          { .count = 1 },
          "paused itself: 1 device rolled back, the rule stops at 1" },
        { SV_STOP_SILENT,
          SV_STAGE_SILENT,
          { .percent = 10 },
          "paused itself: 2 of 20 devices of wave 1 silent after the reboot, the rule stops at "
          "10 %" },
        { SV_STOP_UNPROVED,
          SV_STAGE_UNPROVED,
          { .count = 1 },
          "paused itself: 1 device said success and did not prove it, the rule stops at 1" },
        { SV_STOP_WORSE,
          SV_STAGE_WORSE,
          { .percent = 1 },
          "paused itself: 1 of 20 devices of wave 1 in worse health than before, the rule stops "
          "at 1 %" },
        { SV_STOP_ANY,
          SV_STAGE_SILENT,
          { .count = 3 },
          "paused itself: 3 devices came to grief (3 silent after the reboot), the rule stops at "
          "3" },
        { SV_STOP_ANY,
          SV_STAGE_FAILED,
          { .percent = 20 },
          "paused itself: 4 of 20 devices of wave 1 came to grief (4 failed), the rule stops at "
          "20 %" },
    };
    const int64_t sizes[] = { 20, 100 };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_campaign_rules r = PLAIN;
        r.stop[CASES[i].kind] = CASES[i].bound;
        sv_campaign c = begun(&r, sizes, 2);
        move_all(&c, &r, 0, SV_STAGE_TRIAL, 20);
        int tries = 0;
        for (; c.state == SV_CAMPAIGN_RUNNING && tries < 20; tries++) {
            sv_campaign_move(&c, &r, 0, SV_STAGE_TRIAL, CASES[i].place);
        }
        assert_int_equal(c.state, SV_CAMPAIGN_PAUSED);
        assert_string_equal(c.why, CASES[i].why);
        assert_int_equal(sv_campaign_allowance(&c, &r, 0), 0);
    }
}

static void a_wave_that_ends_below_its_threshold_pauses_it(void **state) {
    const int64_t sizes[] = { 4, 4 };
    sv_why why = { 0 };
    sv_campaign c = begun(&PLAIN, sizes, 2);
    (void) state;
    move_all(&c, &PLAIN, 0, SV_STAGE_CONFIRMED, 2);
    move_all(&c, &PLAIN, 0, SV_STAGE_ROLLED_BACK, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_RUNNING);
    move_all(&c, &PLAIN, 0, SV_STAGE_SILENT, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(c.why, "paused itself after wave 1: 2 of 4 devices confirmed, 4 are wanted "
                               "(100 %): 1 rolled back, 1 silent after the reboot");
    assert_int_equal(sv_campaign_resume(&c, &PLAIN, &why), SV_OK); // good enough, somebody says
    assert_int_equal(c.open, 2);
    move_all(&c, &PLAIN, 1, SV_STAGE_CONFIRMED, 4);
    assert_int_equal(c.state, SV_CAMPAIGN_DONE);
    assert_string_equal(c.why,
                        "6 of 8 devices confirmed: 1 rolled back, 1 silent after the reboot");
}

static void between_waves_somebody_looks_when_that_is_wanted(void **state) { // [campaign-12]
    sv_campaign_rules r = PLAIN;
    const int64_t sizes[] = { 1, 0, 2, 1 };
    (void) state;
    r.pause_between = true;
    sv_campaign c = begun(&r, sizes, 4);
    move_all(&c, &r, 0, SV_STAGE_CONFIRMED, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(c.why,
                        "wave 1: 1 of 1 devices confirmed; it goes on when somebody says so");
    assert_int_equal(sv_campaign_resume(&c, &r, NULL), SV_OK);
    assert_int_equal(c.open, 3); // nobody has to look at an empty wave
    move_all(&c, &r, 2, SV_STAGE_CONFIRMED, 2);
    assert_int_equal(sv_campaign_resume(&c, &r, NULL), SV_OK);
    move_all(&c, &r, 3, SV_STAGE_CONFIRMED, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_DONE);
}

static void what_was_seen_and_let_pass_stops_it_no_more(void **state) { // [campaign-14]
    sv_campaign_rules r = PLAIN;
    const int64_t sizes[] = { 10 };
    (void) state;
    r.stop[SV_STOP_ANY].count = 2;
    sv_campaign c = begun(&r, sizes, 1);
    move_all(&c, &r, 0, SV_STAGE_FAILED, 2);
    assert_int_equal(c.state, SV_CAMPAIGN_PAUSED);
    assert_int_equal(sv_campaign_resume(&c, &r, NULL), SV_OK);
    move_all(&c, &r, 0, SV_STAGE_FAILED, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_RUNNING);
    move_all(&c, &r, 0, SV_STAGE_FAILED, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(c.why, "paused itself: 2 devices came to grief (4 failed), the rule stops "
                               "at 2");
}

static void it_waits_for_as_many_yeses_as_were_asked_for(void **state) { // [campaign-17]
    sv_campaign_rules r = PLAIN;
    sv_why why = { 0 };
    sv_campaign c;
    (void) state;
    r.approvals = 2;
    sv_campaign_open(&c, &r, 1);
    sv_campaign_join(&c, 0, 1);
    sv_campaign_begin(&c, &r, 0);
    assert_int_equal(c.state, SV_CAMPAIGN_APPROVAL);
    assert_int_equal(sv_campaign_approve(&c, &r, NULL), SV_OK);
    sv_campaign_begin(&c, &r, 0);
    assert_int_equal(sv_campaign_allowance(&c, &r, 0), 0);
    assert_int_equal(sv_campaign_approve(&c, &r, NULL), SV_OK);
    assert_int_equal(sv_campaign_approve(&c, &r, &why), SV_ERR_STATE);
    sv_campaign_begin(&c, &r, 0);
    assert_int_equal(sv_campaign_allowance(&c, &r, 0), 1);
}

static void a_verb_at_the_wrong_moment_is_refused_with_a_sentence(void **state) { // [campaign-14]
    sv_why why = { 0 };
    const int64_t sizes[] = { 1 };
    sv_campaign c = begun(&PLAIN, sizes, 1);
    (void) state;
    assert_int_equal(sv_campaign_resume(&c, &PLAIN, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "it cannot be resumed: it is running");
    assert_int_equal(sv_campaign_pause(&c, "ann", &why), SV_OK);
    assert_string_equal(c.why, "paused by ann");
    assert_int_equal(sv_campaign_pause(&c, "ann", &why), SV_ERR_STATE);
    assert_int_equal(sv_campaign_stop(&c, "bob", &why), SV_OK);
    assert_int_equal(sv_campaign_stop(&c, "bob", &why), SV_ERR_STATE);
    assert_string_equal(why.text, "it cannot be stopped: it is stopped, for good");
    assert_int_equal(sv_campaign_may_retry(&c, &why), SV_ERR_STATE);
    assert_int_equal(sv_campaign_resume(&c, &PLAIN, &why), SV_ERR_STATE);
}

static void who_comes_later_is_taken_along_also_when_it_was_done(void **state) { // [campaign-18]
    const int64_t sizes[] = { 1, 0 };
    sv_campaign c = begun(&PLAIN, sizes, 2);
    (void) state;
    move_all(&c, &PLAIN, 0, SV_STAGE_CONFIRMED, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_DONE);
    sv_campaign_join(&c, 1, 1);
    assert_int_equal(c.state, SV_CAMPAIGN_RUNNING);
    assert_int_equal(sv_campaign_allowance(&c, &PLAIN, 0), 1);
}

static void the_rate_grows_with_what_is_confirmed(void **state) { // [campaign-13]
    sv_campaign_rules r = PLAIN;
    const int64_t sizes[] = { 1000 };
    (void) state;
    r.per_minute = 10;
    r.growth = 2;
    sv_campaign c = begun(&r, sizes, 1);
    static const struct {
        int64_t confirmed;
        double rate;
    } CASES[] = { { 9, 10 }, { 10, 20 }, { 29, 20 }, { 30, 40 }, { 70, 80 } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        c.waves[0].count[SV_STAGE_CONFIRMED] = CASES[i].confirmed;
        assert_float_equal(sv_campaign_rate(&c, &r), CASES[i].rate, 0.001);
    }
}

static void a_clock_that_jumps_brings_no_burst(void **state) { // [campaign-13]
    sv_campaign_rules r = PLAIN;
    const int64_t sizes[] = { 100000 };
    (void) state;
    r.per_minute = 600;
    sv_campaign c = begun(&r, sizes, 1);
    assert_int_equal(sv_campaign_allowance(&c, &r, 365 * SV_TIME_DAY_US), 20);
    for (int i = 0; i < 20; i++) {
        sv_campaign_move(&c, &r, 0, SV_STAGE_PLANNED, SV_STAGE_WAITING);
    }
    assert_int_equal(sv_campaign_allowance(&c, &r, 0), 0); // and one set back stops nothing
    assert_int_equal(sv_campaign_allowance(&c, &r, SV_TIME_SECOND_US), 10);
}

static void rules_out_of_their_bounds_are_refused(void **state) {
    static const struct {
        sv_campaign_rules rules;
        const char *why;
    } CASES[] = {
        { { .success_percent = 0, .growth = 1 }, "success is 0 %, not 1 to 100" },
        { { .success_percent = 101, .growth = 1 }, "success is 101 %, not 1 to 100" },
        { { .success_percent = 100, .growth = 1, .stop = { [SV_STOP_ANY] = { .percent = 101 } } },
          "stop, any: a count is 1 or more, a percentage 1 to 100" },
        { { .success_percent = 100, .growth = 11 }, "rate: growth is not 1 to 10" },
        { { .success_percent = 100, .growth = 1, .per_minute = 1e9 },
          "rate: per_minute is not 0 to 1000000" },
        { { .success_percent = 100, .growth = 1, .at_once = -1 }, "rate: at_once is below 1" },
        { { .success_percent = 100, .growth = 1, .approvals = 17 },
          "approvals is 17, not 0 to 16" },
    };
    (void) state;
    assert_int_equal(sv_campaign_rules_check(&PLAIN, NULL), SV_OK);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_campaign_rules_check(&CASES[i].rules, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
    }
}

static void devices_are_spread_evenly_and_sizes_are_met(void **state) { // [campaign-15]
    enum { ROUNDS = 2000, DEVICES = 50 };
    static int first[DEVICES];
    sv_prng prng = { .state = 4 };
    (void) state;
    for (int round = 0; round < ROUNDS; round++) {
        sv_spread spread = { .left = { 5, 15, 30 }, .count = 3 };
        int got[3] = { 0 };
        for (int i = 0; i < DEVICES; i++) {
            size_t wave = sv_spread_pick(&spread, sv_prng_next(&prng));
            got[wave]++;
            first[i] += wave == 0;
        }
        assert_true(got[0] == 5 && got[1] == 15 && got[2] == 30);
        assert_int_equal(sv_spread_pick(&spread, sv_prng_next(&prng)), 2); // one more than planned
    }
    for (int i = 0; i < DEVICES; i++) { // a tenth of the rounds: 200, deviation 13
        assert_in_range(first[i], 130, 270);
    }
}

// ---- properties: any fleet, any failures, any operator ------------------------------------------

enum { FLEETS = 2000, DEVICES_MAX = 60, TICKS_MAX = 40000 };

typedef struct machine {
    size_t wave;
    sv_stage place;
    bool forgiven;
    int64_t due_us; ///< when it is elsewhere next
} machine;

typedef struct world {
    sv_prng prng;
    sv_campaign_rules rules;
    sv_campaign c;
    machine machines[DEVICES_MAX];
    size_t count;
    int64_t now_us;
    bool let[SV_CAMPAIGN_WAVES_MAX]; ///< the wave was once good enough, or somebody said so
    int64_t begun_us[DEVICES_MAX * 64];
    size_t begun;
    double trouble; ///< how likely a device comes to grief
} world;

static size_t below(world *w, size_t n) {
    return (size_t) (sv_prng_next(&w->prng) % n);
}

static bool chance(world *w, double of) {
    return sv_prng_unit(&w->prng) < of;
}

static int64_t recount(const world *w, size_t wave, sv_stage place) {
    int64_t count = 0;
    for (size_t i = 0; i < w->count; i++) {
        count += w->machines[i].wave == wave && w->machines[i].place == place;
    }
    return count;
}

static void check_counts(const world *w) { // [campaign-19]
    for (size_t wave = 0; wave < w->c.wave_count; wave++) {
        for (int place = 0; place < SV_STAGE__COUNT; place++) {
            assert_int_equal(w->c.waves[wave].count[place], recount(w, wave, (sv_stage) place));
        }
    }
}

/// Of these, so many are bad and nobody has seen them.
static bool rule_is_broken(const world *w) {
    for (int kind = 0; kind < SV_STOP__COUNT; kind++) {
        const sv_stop_bound *bound = &w->rules.stop[kind];
        int64_t all = 0;
        for (size_t wave = 0; wave < w->c.wave_count; wave++) {
            int64_t bad = 0;
            int64_t size = 0;
            for (size_t i = 0; i < w->count; i++) {
                const machine *m = &w->machines[i];
                bool counts = sv_stage_is_bad(m->place) && !m->forgiven
                              && (kind == SV_STOP_ANY || (int) m->place == SV_STAGE_BAD + kind);
                bad += m->wave == wave && counts;
                size += m->wave == wave;
            }
            all += bad;
            if (bound->percent > 0 && bad > 0 && bad * 100 >= size * bound->percent) {
                return true;
            }
        }
        if (bound->count > 0 && all >= bound->count) {
            return true;
        }
    }
    return false;
}

static void note_passed(world *w) {
    for (size_t wave = 0; wave < w->c.wave_count; wave++) {
        int64_t in = 0;
        for (size_t i = 0; i < w->count; i++) {
            in += w->machines[i].wave == wave && w->machines[i].place != SV_STAGE_CANCELED;
        }
        int64_t confirmed = recount(w, wave, SV_STAGE_CONFIRMED);
        w->let[wave] |= confirmed * 100 >= in * w->rules.success_percent;
    }
}

static void move(world *w, machine *m, sv_stage to) {
    sv_stage from = m->place;
    m->place = to;
    m->forgiven = false;
    sv_campaign_move(&w->c, &w->rules, m->wave, from, to);
    note_passed(w);
    check_counts(w);
}

static void check_begin(world *w, const machine *m) { // [campaign-11] [campaign-13] [campaign-16]
    assert_int_equal(w->c.state, SV_CAMPAIGN_RUNNING);
    assert_false(rule_is_broken(w));
    for (size_t wave = 0; wave < m->wave; wave++) {
        assert_true(w->let[wave]);
    }
    if (w->rules.at_once > 0) {
        assert_true(sv_campaign_at_risk(&w->c) < w->rules.at_once);
    }
    double rate = sv_campaign_rate(&w->c, &w->rules);
    int64_t last_minute = 1;
    for (size_t i = 0; i < w->begun; i++) {
        last_minute += w->begun_us[i] > w->now_us - SV_TIME_MINUTE_US;
    }
    if (rate > 0) {
        assert_true((double) last_minute <= rate + rate / 30 + 2);
    }
}

static void hand_out(world *w) {
    int64_t may = sv_campaign_allowance(&w->c, &w->rules, w->now_us);
    for (size_t i = 0; may > 0 && i < w->count; i++) {
        machine *m = &w->machines[i];
        if (m->place == SV_STAGE_PLANNED && m->wave < w->c.open) {
            check_begin(w, m);
            assert_true(w->begun < SV_COUNT(w->begun_us));
            w->begun_us[w->begun++] = w->now_us;
            m->due_us = w->now_us + (int64_t) below(w, 120) * SV_TIME_SECOND_US;
            move(w, m, SV_STAGE_WAITING);
            may--;
        }
    }
}

static sv_stage next_place(world *w, sv_stage place) {
    if (chance(w, w->trouble / 3)) {
        return (sv_stage) (SV_STAGE_BAD + (int) below(w, SV_STAGE_BAD_COUNT + 1));
    }
    return place + 1;
}

static void take_due(world *w) {
    for (size_t i = 0; i < w->count; i++) {
        machine *m = &w->machines[i];
        if (sv_stage_is_at_risk(m->place) && m->due_us <= w->now_us) {
            move(w, m, next_place(w, m->place));
            m->due_us = w->now_us + (int64_t) below(w, 120) * SV_TIME_SECOND_US;
        } else if (m->place == SV_STAGE_SILENT && chance(w, 0.01)) {
            move(w, m, SV_STAGE_CONFIRMED); // it speaks up later
        } else if (m->place == SV_STAGE_CONFIRMED && chance(w, w->trouble / 2000)) {
            move(w, m, SV_STAGE_WORSE);
        }
    }
}

static void say_resume(world *w) {
    size_t last = w->c.open - 1;
    int64_t left = recount(w, last, SV_STAGE_PLANNED);
    for (int place = SV_STAGE_WAITING; place <= SV_STAGE_TRIAL; place++) {
        left += recount(w, last, (sv_stage) place);
    }
    w->let[last] |= left == 0;
    for (size_t i = 0; i < w->count; i++) {
        w->machines[i].forgiven = sv_stage_is_bad(w->machines[i].place);
    }
    assert_int_equal(sv_campaign_resume(&w->c, &w->rules, NULL), SV_OK);
}

static void look_at_it(world *w) {
    assert_true(w->c.why[0] != '\0');
    if (chance(w, 0.05)) {
        assert_int_equal(sv_campaign_stop(&w->c, "ann", NULL), SV_OK);
        return;
    }
    for (size_t i = 0; chance(w, 0.5) && i < w->count; i++) {
        if (sv_stage_is_bad(w->machines[i].place)) {
            move(w, &w->machines[i], SV_STAGE_PLANNED); // a retry
        }
    }
    say_resume(w);
}

static void make_world(world *w, uint64_t seed) {
    *w = (world){ .prng = { .state = seed }, .rules = PLAIN };
    w->count = 1 + below(w, DEVICES_MAX);
    w->trouble = chance(w, 0.3) ? 0 : sv_prng_unit(&w->prng) * 0.6;
    w->rules.success_percent = chance(w, 0.5) ? 100 : 1 + (int) below(w, 100);
    w->rules.pause_between = chance(w, 0.2);
    w->rules.at_once = chance(w, 0.5) ? 1 + (int64_t) below(w, 20) : 0;
    w->rules.per_minute = chance(w, 0.5) ? 2 + (double) below(w, 60) : 0;
    w->rules.growth = chance(w, 0.5) ? 1 : 1 + sv_prng_unit(&w->prng) * 3;
    for (int kind = 0; kind < SV_STOP__COUNT; kind++) {
        w->rules.stop[kind].count = chance(w, 0.3) ? 1 + (int64_t) below(w, 5) : 0;
        w->rules.stop[kind].percent = chance(w, 0.3) ? 1 + (int) below(w, 60) : 0;
    }
    size_t waves = 1 + below(w, 5);
    sv_campaign_open(&w->c, &w->rules, waves);
    for (size_t i = 0; i < w->count; i++) {
        w->machines[i].wave = below(w, waves);
        sv_campaign_join(&w->c, w->machines[i].wave, 1);
    }
    note_passed(w);
    sv_campaign_begin(&w->c, &w->rules, 0);
}

/// Whatever happens, it ends: done, stopped, or somebody is asked and told why. [campaign-20]
static void any_fleet_is_kept_within_its_rules_and_never_stuck(void **state) {
    static world w;
    int done = 0;
    int pauses = 0;
    (void) state;
    for (uint64_t seed = 0; seed < FLEETS; seed++) {
        make_world(&w, seed);
        int ticks = 0;
        for (; !sv_campaign_has_ended(w.c.state); ticks++) {
            if (ticks == TICKS_MAX) {
                fail_msg("fleet %llu is stuck: %s", (unsigned long long) seed,
                         sv_campaign_state_name(w.c.state));
            }
            hand_out(&w);
            take_due(&w);
            if (w.c.state == SV_CAMPAIGN_PAUSED && chance(&w, 0.2)) { // nobody runs
                pauses++;
                look_at_it(&w);
            }
            w.now_us += SV_TIME_SECOND_US * (1 + (int64_t) below(&w, 10));
        }
        done += w.c.state == SV_CAMPAIGN_DONE;
    }
    assert_true(done > FLEETS / 2 && pauses > FLEETS / 2); // the worlds are as varied as is meant
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_begins_when_the_one_before_is_confirmed),
        cmocka_unit_test(a_threshold_lets_the_next_wave_begin_beside_stragglers),
        cmocka_unit_test(each_kind_of_bad_end_stops_it_with_a_sentence),
        cmocka_unit_test(a_wave_that_ends_below_its_threshold_pauses_it),
        cmocka_unit_test(between_waves_somebody_looks_when_that_is_wanted),
        cmocka_unit_test(what_was_seen_and_let_pass_stops_it_no_more),
        cmocka_unit_test(it_waits_for_as_many_yeses_as_were_asked_for),
        cmocka_unit_test(a_verb_at_the_wrong_moment_is_refused_with_a_sentence),
        cmocka_unit_test(who_comes_later_is_taken_along_also_when_it_was_done),
        cmocka_unit_test(the_rate_grows_with_what_is_confirmed),
        cmocka_unit_test(a_clock_that_jumps_brings_no_burst),
        cmocka_unit_test(rules_out_of_their_bounds_are_refused),
        cmocka_unit_test(devices_are_spread_evenly_and_sizes_are_met),
        cmocka_unit_test(any_fleet_is_kept_within_its_rules_and_never_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
