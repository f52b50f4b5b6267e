#include <base/prng.h>
#include <base/test.h>
#include <edge/guard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S SV_TIME_SECOND_US

static sv_rules *rules_of(const char *yaml) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    sv_rules *rules = NULL;
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    if (sv_rules_read(root, &rules, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
    return rules;
}

/// One device and all that was told of it, a line each.
typedef struct bench {
    sv_rules *rules;
    sv_guard *guard;
    sv_guard_now now;
    char told[4096];
    size_t len;
} bench;

static void told(void *arg, const sv_guard_turn *turn) {
    bench *b = arg;
    b->len += (size_t) snprintf(b->told + b->len, sizeof b->told - b->len, "%s %s %s%s: %s\n",
                                sv_alert_event_name(turn->event), turn->rule->name,
                                sv_severity_name(turn->condition->severity),
                                turn->stays ? " here" : "", turn->message);
}

static void start(bench *b, const char *yaml, const char *device) {
    *b = (bench){ .rules = rules_of(yaml),
                  .now = { .at_us = 1000 * S, .tick_us = 5 * S, .told = told, .arg = b } };
    b->guard = sv_guard_new(b->rules, sv_text_of(device));
}

static void stop(bench *b) {
    sv_guard_drop(&b->guard);
    sv_rules_drop(&b->rules);
}

static void speak(bench *b, const char *sensor, double value) {
    const sv_expression_input input = { .raw = value, .average = value, .at_us = b->now.at_us };
    b->now.arg = b;
    sv_guard_take(b->guard, sv_guard_tap(b->guard, sv_text_of(sensor)), &input, &b->now);
}

static void later(bench *b, int64_t seconds) {
    b->now.arg = b;
    for (int64_t i = 0; i < seconds; i++) {
        b->now.at_us += S;
        b->now.tick_us += S;
        sv_guard_tick(b->guard, &b->now);
    }
}

static void expect(bench *b, const char *lines) {
    assert_string_equal(b->told, lines);
    b->told[0] = '\0';
    b->len = 0;
}

static const char PUMP[] = "rules:\n"
                           "  default:\n"
                           "    dry:\n"
                           "      when: pressure < 2 and current > 5 for 10 s\n"
                           "      clear: 5s\n"
                           "      message: 'Runs dry: {pressure} bar at {current} A'\n"
                           "      severity: critical\n";

// [edge-14] [edge-15]
static void a_rule_speaks_over_several_sensors(void **state) {
    (void) state;
    bench b;
    start(&b, PUMP, "pump-1");
    speak(&b, "pressure", 1.5);
    later(&b, 20);
    expect(&b, "");
    speak(&b, "current", 6);
    later(&b, 9);
    expect(&b, "");
    later(&b, 1);
    expect(&b, "raised dry critical: Runs dry: 1.5 bar at 6 A\n");
    later(&b, 30);
    speak(&b, "pressure", 3);
    later(&b, 4);
    speak(&b, "pressure", 1);
    speak(&b, "pressure", 4);
    later(&b, 4);
    expect(&b, "");
    later(&b, 1);
    expect(&b, "cleared dry critical: Runs dry: 1.5 bar at 6 A\n");
    stop(&b);
}

// [edge-15]
static void what_is_not_known_neither_raises_nor_clears(void **state) {
    (void) state;
    bench b;
    start(&b, "rules: {default: {hot: {when: a > 1, stale: 30s}}}\n", "d");
    speak(&b, "a", 2);
    expect(&b, "raised hot warning: a > 1\n");
    later(&b, 3600);
    expect(&b, "");
    speak(&b, "a", 0);
    expect(&b, "cleared hot warning: a > 1\n");
    stop(&b);
}

static void count(void *arg, const sv_rule *rule) {
    char *names = arg;
    (void) snprintf(names + strlen(names), 200 - strlen(names), "%s@%zu ", rule->name, rule->line);
}

// [edge-14]
static void of_a_name_the_most_specific_rule_wins_whole(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules = rules_of("groups: {presses: ['press-*'], odd: [press-1, press-3]}\n"
                               "rules:\n"
                               "  default:\n"
                               "    jam: {when: x > 1}\n"
                               "    hot: {when: x > 2}\n"
                               "  groups:\n"
                               "    odd: {jam: {when: x > 3}}\n"
                               "    presses:\n"
                               "      jam: {when: x > 4}\n"
                               "      dry: {when: x > 5}\n"
                               "  devices:\n"
                               "    press-1: {hot: off}\n"
                               "    lathe-1: {jam: {when: x > 6}}\n");
    static const char *const CASES[][2] = {
        { "x", "jam@4 hot@5 " },
        { "press-2", "jam@9 dry@10 hot@5 " },
        { "press-3", "jam@9 dry@10 hot@5 " }, // the first of its groups in the file
        { "press-1", "jam@9 dry@10 " },
        { "lathe-1", "jam@13 hot@5 " },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char names[200] = "";
        sv_rules_named(rules, sv_text_of(CASES[i][0]), count, names);
        assert_string_equal(names, CASES[i][1]);
    }
}

// [edge-14]
static void a_faulty_rule_is_refused_with_its_place(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *says;
    } CASES[] = {
        { "rules: {default: {a: {severity: info}}}", "1:22: when is missing" },
        { "rules: {default: {a: {when: x >}}}", "1:3" },
        { "rules: {default: {a: {when: x > 1, message: 'at {y}'}}}", "1:45: message: " },
        { "rules: {default: {a: {when: x > 1, clera: 1s}}}", "clear" },
        { "rules: {default: {a: {when: x > 1, type: HEALTH}}}", "ANOMALY" },
        { "rules: {default: {'a b': {when: x > 1}}}", "rule \"a b\"" },
        { "rules: {default: {a: {when: x > 1, then: {device: d}}}}", "command" },
        { "rules: {default: {a: {when: x > 1, then: {command: 'a/b'}}}}", "command \"a/b\"" },
        { "rules: {default: {a: {when: x > 1, then: {command: a, device: '#'}}}}", "device id" },
        { "rules: {default: {a: {when: x > 1, then: stop}}}", "1:42" },
        { "rules: {groups: {g: {a: {when: x > 1}}}}", "no group \"g\"" },
        { "rules: {devices: {'d d': {a: {when: x > 1}}}}", "device id \"d d\"" },
        { "rules: {sensors: {x: {a: {when: x > 1}}}}", "rules has default, groups and devices" },
        { "rules: {default: {a: on}}", "1:22" },
        { "rules: [a]", "1:8" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
        SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
        sv_rules *rules = NULL;
        assert_int_equal(sv_config_parse(sv_text_of(CASES[i].yaml), &root, &faults), SV_OK);
        assert_int_equal(sv_rules_read(root, &rules, &faults), SV_ERR_INVALID);
        if (strstr(faults.text.at, CASES[i].says) == NULL) {
            fail_msg("%s: %s", CASES[i].yaml, faults.text.at);
        }
    }
}

static void keep_rule(void *arg, const sv_rule *rule) {
    *(const sv_rule **) arg = rule;
}

// [edge-17]
static void what_is_done_is_a_command_with_a_payload_of_json(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "slowly", "\"slowly\"" },
        { "7", "7" },
        { "{speed: 0, 'a b': [true, x, null]}", "{\"speed\":0,\"a b\":[true,\"x\",null]}" },
        { "'{\"speed\": 1}'", "{\"speed\":1}" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char yaml[200];
        (void) snprintf(yaml, sizeof yaml,
                        "rules: {default: {a: {when: x > 1, then: {command: stop, device: "
                        "press-1, payload: %s}}}}",
                        CASES[i][0]);
        SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(yaml);
        const sv_rule *rule = NULL;
        sv_rules_named(rules, SV_TEXT("d"), keep_rule, &rule);
        assert_string_equal(rule->then.command, "stop");
        assert_string_equal(rule->then.device, "press-1");
        assert_string_equal(rule->then.payload, CASES[i][1]);
    }
}

// [edge-15]
static void mutes_and_never_reach_a_rule_through_its_sensors(void **state) {
    (void) state;
    bench b;
    start(&b,
          "uplink: {sensors: {badge: never}}\n"
          "mute: [{sensors: [a]}]\n"
          "rules: {default: {one: {when: a > 1 or b > 1}, two: {when: badge > 1 or b > 1}}}\n",
          "d");
    b.now.muted = sv_rules_muted(b.rules, b.now.at_us);
    assert_int_not_equal(b.now.muted, 0);
    speak(&b, "b", 2);
    expect(&b, "raised two warning here: badge > 1 or b > 1\n");
    b.now.muted = 0;
    later(&b, 1);
    expect(&b, "raised one warning: a > 1 or b > 1\n");
    b.now.quiet = true;
    speak(&b, "b", 0);
    later(&b, 1);
    expect(&b, ""); // a and badge have never spoken: not known, so nothing is over
    speak(&b, "a", 0);
    expect(&b, "cleared one warning: a > 1 or b > 1\n");
    stop(&b);
}

// [edge-15]
static void nobody_acknowledges_and_the_alert_escalates(void **state) {
    (void) state;
    bench b;
    start(&b, "rules: {default: {hot: {when: a > 1, escalate: 1m, stale: 1h}}}\n", "d");
    speak(&b, "a", 2);
    expect(&b, "raised hot warning: a > 1\n");
    b.now.at_us -= 600 * S; // the wall clock alone
    later(&b, 59);
    expect(&b, "");
    later(&b, 1);
    expect(&b, "updated hot critical: a > 1\n");
    stop(&b);
}

static bool move(bench *b, const char *yaml) {
    sv_rules *fresh = rules_of(yaml);
    b->now.arg = b;
    bool any = sv_guard_move(b->guard, fresh, SV_TEXT("pump-1"), &b->now);
    sv_rules_drop(&b->rules);
    b->rules = fresh;
    return any;
}

// [edge-16]
static void rules_that_are_the_same_go_on_after_a_reload(void **state) {
    (void) state;
    bench b;
    start(&b, PUMP, "pump-1");
    speak(&b, "pressure", 1.5);
    speak(&b, "current", 6);
    later(&b, 5);
    assert_true(move(&b, PUMP));
    later(&b, 4);
    expect(&b, "");
    later(&b, 1);
    expect(&b, "raised dry critical: Runs dry: 1.5 bar at 6 A\n");
    // Another condition: the alert stays, and what both ask about is known.
    assert_true(move(&b, "rules: {default: {dry: {when: pressure < 1.6 and flow < 9}}}\n"));
    later(&b, 60);
    expect(&b, "");
    speak(&b, "flow", 8);
    expect(&b, "");
    speak(&b, "flow", 9);
    expect(&b, "cleared dry critical: Runs dry: 1.5 bar at 6 A\n");
    speak(&b, "flow", 8);
    expect(&b, "raised dry warning: pressure < 1.6 and flow < 9\n");
    stop(&b);
}

// [edge-16]
static void the_alert_of_a_rule_that_is_no_more_is_cleared(void **state) {
    (void) state;
    static const char *const NEXT[] = {
        "rules: {default: {other: {when: a > 1}}}\n",
        "rules: {default: {hot: {when: a > 1, type: FAILURE}}}\n",
        "rules: {default: {hot: {when: a > 1}}, devices: {pump-1: {hot: off}}}\n",
        "change: {default: 1}\n",
    };
    for (size_t i = 0; i < SV_COUNT(NEXT); i++) {
        bench b;
        start(&b, "rules: {default: {hot: {when: a > 1}}}\n", "pump-1");
        speak(&b, "a", 2);
        expect(&b, "raised hot warning: a > 1\n");
        assert_int_equal(move(&b, NEXT[i]), i < 2);
        expect(&b, "cleared hot warning: a > 1\n");
        assert_null(sv_guard_find(b.guard, SV_ALERT_ANOMALY, SV_TEXT("hot")));
        speak(&b, "a", 0);
        later(&b, 2);
        expect(&b, "");
        stop(&b);
    }
}

// [edge-16]
static void an_alert_that_was_open_goes_on_with_its_message(void **state) {
    (void) state;
    bench b;
    start(&b, PUMP, "pump-1");
    assert_null(sv_guard_reopen(b.guard, SV_ALERT_ANOMALY, SV_TEXT("gone"), "x"));
    assert_null(sv_guard_reopen(b.guard, SV_ALERT_FAILURE, SV_TEXT("dry"), "x"));
    sv_condition *condition =
        sv_guard_reopen(b.guard, SV_ALERT_ANOMALY, SV_TEXT("dry"), "Runs dry: 1 bar");
    assert_non_null(condition);
    sv_condition_reopen(condition, SV_SEVERITY_CRITICAL, b.now.tick_us, false);
    assert_ptr_equal(sv_guard_find(b.guard, SV_ALERT_ANOMALY, SV_TEXT("dry")), condition);
    later(&b, 60);
    expect(&b, "");
    speak(&b, "pressure", 5);
    later(&b, 5);
    expect(&b, "cleared dry critical: Runs dry: 1 bar\n");
    stop(&b);
}

/// What is open by what was told.
typedef struct account {
    bool open[3];
    unsigned raised, cleared;
} account;

static void check_turn(void *arg, const sv_guard_turn *turn) {
    account *kept = arg;
    bool *open = &kept->open[turn->rule->name[0] - 'a'];
    if (turn->event == SV_ALERT_RAISED) {
        assert_false(*open);
        kept->raised++;
    } else {
        assert_true(*open);
        kept->cleared += turn->event == SV_ALERT_CLEARED ? 1 : 0;
    }
    *open = turn->event != SV_ALERT_CLEARED;
    assert_int_equal(turn->condition->open, *open);
}

static sv_rules *random_rules(sv_prng *prng) {
    static const char *const FORMS[] = {
        "{when: x > 2, clear: 3s}",
        "{when: x > 2 and y > 2 for 5 s}",
        "{when: 'mean(x, 10 s) > 2', stale: 5s, escalate: 20s}",
        "{when: y > 1, type: FAILURE, clear: 1s}",
        "off",
    };
    char yaml[400];
    (void) snprintf(yaml, sizeof yaml,
                    "flapping: {raises: 5, within: 1m}\nrules: {default: {a: %s, b: %s, c: %s}}\n",
                    FORMS[sv_prng_next(prng) % 5], FORMS[sv_prng_next(prng) % 5],
                    FORMS[sv_prng_next(prng) % 5]);
    return rules_of(yaml);
}

static void random_step(bench *b, sv_prng *prng) {
    const sv_expression_input input = { .raw = (double) (sv_prng_next(prng) % 5),
                                        .average = 0,
                                        .at_us = b->now.at_us };
    switch (sv_prng_next(prng) % 8) {
    case 0:
        b->now.at_us += (int64_t) (sv_prng_next(prng) % 3600) * S;
        break;
    case 1:
        b->now.at_us -= (int64_t) (sv_prng_next(prng) % 3600) * S;
        break;
    case 2:
    case 3:
        b->now.at_us += S;
        b->now.tick_us += S;
        sv_guard_tick(b->guard, &b->now);
        break;
    default:
        sv_guard_take(b->guard,
                      sv_guard_tap(b->guard, sv_text_of(sv_prng_next(prng) % 2 ? "x" : "y")),
                      &input, &b->now);
    }
}

// [edge-16]
static void one_alert_per_rule_whatever_the_clock_and_reloads_do(void **state) {
    (void) state;
    sv_prng prng = { .state = 11 };
    account kept = { .raised = 0 };
    bench b = { .now = { .at_us = 1000000 * S, .told = check_turn, .arg = &kept } };
    for (unsigned i = 0; i < 20000; i++) {
        if (b.guard == NULL || sv_prng_next(&prng) % 50 == 0) {
            sv_rules *fresh = random_rules(&prng);
            if (b.guard == NULL) {
                b.guard = sv_guard_new(fresh, SV_TEXT("d"));
            } else {
                (void) sv_guard_move(b.guard, fresh, SV_TEXT("d"), &b.now);
            }
            sv_rules_drop(&b.rules);
            b.rules = fresh;
        }
        if (b.guard != NULL) {
            b.now.quiet = sv_prng_next(&prng) % 20 == 0;
            random_step(&b, &prng);
        }
    }
    assert_true(kept.raised > 100 && kept.cleared > 100);
    stop(&b);
}

// [edge-14]
static void a_device_without_rules_has_no_guard_and_a_rule_is_small(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop) sv_rules *none = rules_of("change: {default: 1}\n");
    assert_null(sv_guard_new(none, SV_TEXT("d")));
    assert_int_equal(sv_guard_tap(NULL, SV_TEXT("x")).count, 0);
    bench b;
    start(&b, PUMP, "d");
    assert_true(sv_guard_bytes(b.guard) < 200);
    speak(&b, "pressure", 1);
    assert_true(sv_guard_bytes(b.guard) < 600);
    stop(&b);
}

// [edge-14]
static void the_rules_of_a_device_are_explained(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules =
        rules_of("rules:\n"
                 "  default:\n"
                 "    dry: {when: 'pressure<2 for 10s', clear: 5s, then: {command: stop}}\n"
                 "    hot: {when: t > 90, type: FAILURE, then: {command: cool, device: fan-1}}\n"
                 "  devices: {pump-1: {hot: off}}\n");
    char room[1000];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_rules_explain_named(rules, SV_TEXT("pump-1"), &text);
    sv_rules_explain_named(rules, SV_TEXT("pump-2"), &text);
    assert_string_equal(
        room, "rule      hot: off  (rules.devices.pump-1, line 5)\n"
              "rule      dry: pressure < 2 for 10s, clear 5s, warning, ANOMALY, then stop  "
              "(rules.default, line 3)\n"
              "rule      dry: pressure < 2 for 10s, clear 5s, warning, ANOMALY, then stop  "
              "(rules.default, line 3)\n"
              "rule      hot: t > 90, warning, FAILURE, then cool of fan-1  "
              "(rules.default, line 4)\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_speaks_over_several_sensors),
        cmocka_unit_test(what_is_not_known_neither_raises_nor_clears),
        cmocka_unit_test(of_a_name_the_most_specific_rule_wins_whole),
        cmocka_unit_test(a_faulty_rule_is_refused_with_its_place),
        cmocka_unit_test(what_is_done_is_a_command_with_a_payload_of_json),
        cmocka_unit_test(mutes_and_never_reach_a_rule_through_its_sensors),
        cmocka_unit_test(nobody_acknowledges_and_the_alert_escalates),
        cmocka_unit_test(rules_that_are_the_same_go_on_after_a_reload),
        cmocka_unit_test(the_alert_of_a_rule_that_is_no_more_is_cleared),
        cmocka_unit_test(an_alert_that_was_open_goes_on_with_its_message),
        cmocka_unit_test(one_alert_per_rule_whatever_the_clock_and_reloads_do),
        cmocka_unit_test(a_device_without_rules_has_no_guard_and_a_rule_is_small),
        cmocka_unit_test(the_rules_of_a_device_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
