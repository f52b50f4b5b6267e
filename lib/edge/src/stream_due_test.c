#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <edge/stream.h>

#define SECOND_US SV_TIME_SECOND_US

enum { TURNS_MAX = 20000 };

typedef struct happened {
    int64_t at_us;
    unsigned cause;
    sv_alert_event event;
} happened;

/// A stream, and what has happened to it.
typedef struct lived {
    sv_stream stream;
    happened all[TURNS_MAX];
    size_t count;
} lived;

static lived each_second, when_due;

static void note(lived *l, const sv_turn turns[SV_CAUSE__COUNT], int64_t at_us) {
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        if (turns[i].event != SV_ALERT_NONE) {
            assert_true(l->count < TURNS_MAX);
            l->all[l->count++] = (happened){ at_us, i, turns[i].event };
        }
    }
}

static void take(lived *l, const sv_stream_rules *rules, double value, int64_t at_us) {
    sv_decision decision;
    l->stream.heard_us = at_us;
    sv_stream_take(&l->stream, rules, value, at_us, &decision);
    note(l, decision.turns, at_us);
}

static void tick(lived *l, const sv_stream_rules *rules, int64_t at_us) {
    sv_turn turns[SV_CAUSE__COUNT];
    (void) sv_stream_tick(&l->stream, rules, at_us, turns);
    note(l, turns, at_us);
}

/// Long enough to notice, or nothing.
static int64_t some_us(sv_prng *prng, unsigned seconds) {
    return sv_prng_unit(prng) < 0.4 ? 0 : (int64_t) (sv_prng_unit(prng) * seconds) * SECOND_US;
}

static sv_life some_life(sv_prng *prng) {
    return (sv_life){ .hold_us = some_us(prng, 20),
                      .clear_us = some_us(prng, 20),
                      .escalate_us = some_us(prng, 60),
                      .severity = SV_SEVERITY_WARNING };
}

static sv_stream_rules some_rules(sv_prng *prng) {
    return (sv_stream_rules){
        .threshold = { .high = { .given = true, .at = 1 }, .life = some_life(prng) },
        .stale = { .after_us = some_us(prng, 40), .life = some_life(prng) },
        .flapping = { .raises = sv_prng_unit(prng) < 0.5 ? 3 : 0, .within_us = 90 * SECOND_US },
    };
}

static void live(uint64_t seed) {
    sv_prng prng = { .state = seed };
    sv_stream_rules rules = some_rules(&prng);
    each_second.count = when_due.count = 0;
    sv_stream_start(&each_second.stream, 0);
    sv_stream_start(&when_due.stream, 0);
    double talks = sv_prng_unit(&prng);
    for (int64_t now_us = SECOND_US; now_us < 2000 * SECOND_US; now_us += SECOND_US) {
        talks = sv_prng_unit(&prng) < 0.03 ? sv_prng_unit(&prng) * 0.5 : talks;
        if (sv_prng_unit(&prng) < talks) {
            double value = sv_prng_normal(&prng) * 3;
            take(&each_second, &rules, value, now_us);
            take(&when_due, &rules, value, now_us);
        }
        each_second.stream.quiet = when_due.stream.quiet = sv_prng_unit(&prng) < 0.1;
        tick(&each_second, &rules, now_us);
        if (sv_stream_due_us(&when_due.stream, &rules) <= now_us) {
            tick(&when_due, &rules, now_us);
        }
    }
    assert_int_equal(each_second.count, when_due.count);
    for (size_t i = 0; i < when_due.count; i++) {
        assert_true(each_second.all[i].at_us == when_due.all[i].at_us);
        assert_int_equal(each_second.all[i].cause, when_due.all[i].cause);
        assert_int_equal(each_second.all[i].event, when_due.all[i].event);
    }
    sv_stream_drop(&each_second.stream);
    sv_stream_drop(&when_due.stream);
}

// [edge-7] [edge-12]
static void a_stream_looked_at_when_it_is_due_lives_as_one_looked_at_every_second(void **state) {
    (void) state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        live(seed);
    }
}

// [edge-7]
static void a_stream_that_nothing_can_happen_to_is_never_due(void **state) {
    (void) state;
    sv_stream stream;
    sv_decision decision;
    sv_stream_start(&stream, 0);
    const sv_stream_rules rules = { .threshold.high = { .given = true, .at = 1 } };
    sv_stream_take(&stream, &rules, 2, SECOND_US, &decision);
    assert_int_equal(decision.turns[SV_CAUSE_HIGH].event, SV_ALERT_RAISED);
    assert_true(sv_stream_due_us(&stream, &rules) == INT64_MAX);
    sv_stream_drop(&stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_looked_at_when_it_is_due_lives_as_one_looked_at_every_second),
        cmocka_unit_test(a_stream_that_nothing_can_happen_to_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
