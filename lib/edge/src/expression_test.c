#include <base/mem.h>
#include <base/num.h>
#include <base/test.h>
#include <edge/expression.h>
#include <math.h>
#include <model/id.h>
#include <stdio.h>

#define SECOND_US SV_TIME_SECOND_US

static const int64_t START_US = INT64_C(1795328100000000);

static sv_expression *parsed(const char *text) {
    sv_expression *e = NULL;
    sv_expression_fault fault = { 0 };
    if (sv_expression_parse(sv_text_of(text), NULL, &e, &fault) != SV_OK) {
        fail_msg("%s: %zu: %s", text, fault.offset, fault.text);
    }
    return e;
}

static void format_is(const sv_expression *e, const char *wanted) {
    char room[SV_EXPRESSION_BYTES_MAX + 1];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_expression_format(e, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(room, wanted);
}

/// What is remembered of one device, and its moments.
typedef struct device {
    sv_expression *e;
    sv_expression_state *state;
    int64_t now_us;
} device;

static device device_with(const char *text) {
    device d = { .e = parsed(text), .now_us = START_US };
    d.state = sv_mem_new(sv_expression_state_bytes(d.e));
    sv_expression_state_start(d.e, d.state);
    return d;
}

static void device_drop(device *d) {
    sv_expression_drop(&d->e);
    sv_mem_drop(&d->state);
}

static void says(device *d, const char *sensor, double value) {
    int index = sv_expression_sensor_find(d->e, sv_text_of(sensor));
    assert_true(index >= 0);
    sv_expression_input input = { .raw = value, .average = value / 2, .at_us = d->now_us };
    sv_expression_take(d->e, d->state, (unsigned) index, &input, d->now_us);
}

static sv_truth truth_of(device *d) {
    return sv_expression_judge(d->e, d->state, d->now_us);
}

// [expression-1] [expression-2] [expression-8]
static void a_text_is_written_back_in_its_usual_form(void **state) {
    (void) state;
    static const struct {
        const char *text, *usual;
    } CASES[] = {
        { "pressure < 2 and pump_current > 5 for 10 s",
          "pressure < 2 and pump_current > 5 for 10s" },
        { "  a<1 or(b>2 and c!=3)  ", "a < 1 or b > 2 and c != 3" },
        { "(a < 1 or b > 2) and c == 3", "(a < 1 or b > 2) and c == 3" },
        { "a < 1 and (b < 1 and c < 1)", "a < 1 and (b < 1 and c < 1)" },
        { "(a < 1 and b < 1) and c < 1", "a < 1 and b < 1 and c < 1" },
        { "not (a<1 and b<2)", "not (a < 1 and b < 2)" },
        { "not a<1 and b<2", "not a < 1 and b < 2" },
        { "not not a >= 1", "not not a >= 1" },
        { "a - (b - c) <= a - b - c", "a - (b - c) <= a - b - c" },
        { "(a + b) * c / (d / 2) > -5", "(a + b) * c / (d / 2) > -5" },
        { "-(a + b) < - a * -(3)", "-(a + b) < -a * -3" },
        { "a - -b > - - 4", "a - -b > 4" },
        { "a > -0", "a > 0" },
        { "a > 1e3 or a < 0.50", "a > 1000 or a < 0.5" },
        { "'pump-current' > \"9lives\"", "'pump-current' > '9lives'" },
        { "'pressure' > 'and'", "pressure > 'and'" },
        { "max > min and mean < rate and age == count",
          "max > min and mean < rate and age == count" },
        { "abs(a) > min(a, 5) + max(b, c + 1)", "abs(a) > min(a, 5) + max(b, c + 1)" },
        { "max(temperature,each 1h)>80", "max(temperature, each 1h) > 80" },
        { "max(temperature, 300s) > min(t, 1 h)", "max(temperature, 5m) > min(t, 1h)" },
        { "mean(current, gap 90s) > 3", "mean(current, gap 1m30s) > 3" },
        { "rate('a-b', 10m, per 1h) > 2", "rate('a-b', 10m, per 1h) > 2" },
        { "rate(a, 10m, per 1s) > 2", "rate(a, 10m) > 2" },
        { "p50(a,1d)>p95(a,1d) or p99(a,1d)>first(a,1d)+last(a,1d)",
          "p50(a, 1d) > p95(a, 1d) or p99(a, 1d) > first(a, 1d) + last(a, 1d)" },
        { "sum(a, 500ms) > count(a, each 1m)", "sum(a, 500ms) > count(a, each 1m)" },
        { "changed(mode) and age(mode)<60 or not changed(mode)",
          "changed(mode) and age(mode) < 60 or not changed(mode)" },
        { "average(a) > (b) for 1h30m", "average(a) > b for 1h30m" },
        { "a\n  > 5\n\tfor 2m", "a > 5 for 2m" },
        { "(a)-(b) > 5-3", "a - b > 5 - 3" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_expression_drop) sv_expression *e = parsed(CASES[i].text);
        format_is(e, CASES[i].usual);
        SV_DEFER(sv_expression_drop) sv_expression *again = parsed(CASES[i].usual);
        assert_true(sv_expression_same(e, again));
        format_is(again, CASES[i].usual);
    }
}

// [expression-1] [expression-3] [expression-4] [expression-7]
static void every_fault_is_told_with_its_place_and_a_way_out(void **state) {
    (void) state;
    static const struct {
        const char *text;
        size_t offset;
        const char *told; ///< the beginning
    } CASES[] = {
        { "", 0, "the text ends where a number or a sensor is wanted" },
        { "a >", 3, "the text ends where a number or a sensor is wanted" },
        { "a", 0, "a number stands where a condition is wanted; compare it with another" },
        { "a + 1 for 5s", 0, "a number stands where a condition is wanted" },
        { "a and b > 1", 0, "a number stands where a condition is wanted" },
        { "b > 1 and a", 10, "a number stands where a condition is wanted" },
        { "1 < 2 for 5s", 0, "no sensor is asked about; name one, as in pressure < 2" },
        { "not a", 4, "a number stands where a condition is wanted" },
        { "b > 1 or 1 + 2", 9, "a number stands where a condition is wanted" },
        { "a < b < c", 6, "comparisons do not stand in a row; write a < b and b < c" },
        { "(a < b) < c", 0, "a condition stands where a number is wanted" },
        { "1 + changed(a) > 2", 4, "a condition stands where a number is wanted" },
        { "-(a > 1) > 2", 1, "a condition stands where a number is wanted" },
        { "abs(a > 1) > 2", 4, "a condition stands where a number is wanted" },
        { "max(1, a > 1) > 2", 7, "a condition stands where a number is wanted" },
        { "a = 1", 2, "= has no meaning here; write ==" },
        { "a > 1 && b > 1", 6, "&& has no meaning here; write and" },
        { "a > 1 || b > 1", 6, "|| has no meaning here; write or" },
        { "!a > 1", 0, "! has no meaning here; write not" },
        { "a > .5", 4, ". has no meaning here; write a number such as 0.5" },
        { "a # 1", 2, "# has no meaning here" },
        { "a > 1 AND b > 1", 6,
          "AND stands where and, or, for or the end is wanted; did you mean and?" },
        { "a > 1 fro 5s", 6,
          "fro stands where and, or, for or the end is wanted; did you mean for?" },
        { "a > 1)", 5, ") stands where and, or, for or the end is wanted" },
        { "(a > 1", 6, "the text ends where a closing parenthesis is wanted" },
        { "a > 1 for 5", 10, "5 stands where a duration such as 30s or 5m is wanted" },
        { "a > 1 for 5s and b > 1", 13, "and stands where the end is wanted" },
        { "a > 1 for 10ms", 10, "10ms is not between 100ms and 31d" },
        { "a > 5m", 4, "a duration stands only in a window" },
        { "a > 1.5h", 4, "\"1.5h\" is neither a number nor a duration such as 500ms" },
        { "3phase > 1", 0, "\"3phase\" is neither a number nor a duration" },
        { "a > 007", 4, "\"007\" is not a number" },
        { "a > 1e999", 4, "\"1e999\" is not a number" },
        { "a == true", 5, "true is no value: readings are numbers, compare with 1 or 0" },
        { "each > 1", 0,
          "each stands where a number or a sensor is wanted; a sensor of this name is "
          "written 'each'" },
        { "pump-current > 5", 0,
          "is pump-current one name or a difference? Write 'pump-current' in "
          "quotes for the name, or spaces around the minus" },
        { "b > 1 and zone-5 > 5", 10, "is zone-5 one name or a difference?" },
        { "3-phase > 5", 0, "is 3-phase one name or a difference?" },
        { "'a > 5", 0, "the quote is not closed" },
        { "'a b' > 5", 0, "sensor \"a b\" is not valid" },
        { "'' > 5", 0, "sensor \"\" is not valid" },
        { "_a > 5", 0, "sensor \"_a\" is not valid" },
        { "maen(a, 5m) > 1", 0, "there is no function maen; did you mean mean?" },
        { "Max(a, 5m) > 1", 0, "there is no function Max; did you mean max?" },
        { "p90(a, 5m) > 1", 0, "there is no function p90; did you mean p50?" },
        { "frobnicate(a) > 1", 0, "there is no function frobnicate" },
        { "mean(a) > 1", 6,
          ") stands where a window such as 5m, each 1h or gap 30s for mean is wanted" },
        { "mean(a, 5) > 1", 8, "5 stands where a window such as 5m, each 1h or gap 30s for mean" },
        { "mean(a + b, 5m) > 1", 5,
          "mean looks at one sensor; its name is wanted here, and no more" },
        { "max(3, 5m) > 1", 4, "max looks at one sensor" },
        { "age(3) > 1", 4, "age looks at one sensor" },
        { "age(a, 5m) > 1", 5, ", stands where a closing parenthesis is wanted" },
        { "max(a) > 1", 5, ") stands where a comma is wanted" },
        { "max(a, b, c) > 1", 8, ", stands where a closing parenthesis is wanted" },
        { "mean(a, each 5) > 1", 13, "5 stands where a duration such as 30s or 5m is wanted" },
        { "mean(a, 32d) > 1", 8, "32d is not between 100ms and 31d" },
        { "mean(a, gap 2d) > 1", 12, "2d is not between 100ms and 1d" },
        { "mean(a, 5m, per 1h) > 1", 10, ", stands where a closing parenthesis is wanted" },
        { "rate(a, 5m, 1h) > 1", 12,
          "1h stands where per, as in rate(temperature, 10m, per 1h), is" },
        { "abs() > 1", 4, ") stands where a number or a sensor is wanted" },
        { "a > 1 \x01", 6, "the character 0x01 has no meaning here" },
        { "a > \xc3\xbc", 4, "the character 0xc3 has no meaning here" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_expression *e = NULL;
        sv_expression_fault fault = { 0 };
        sv_err err = sv_expression_parse(sv_text_of(CASES[i].text), NULL, &e, &fault);
        if (err != SV_ERR_INVALID || fault.offset != CASES[i].offset
            || strncmp(fault.text, CASES[i].told, strlen(CASES[i].told)) != 0) {
            fail_msg("%s: %zu: %s", CASES[i].text, fault.offset, fault.text);
        }
        assert_null(e);
    }
}

// [expression-7]
static void a_fault_in_a_file_has_its_line_and_column(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *told;
    } CASES[] = {
        { "rules:\n  dry:\n    when: pressure << 2\n",
          "g.yaml:3:21: < stands where a number or a sensor is wanted\n" },
        { "when: \"'pump-a' > maen(x, 1m)\"\n",
          "g.yaml:1:19: there is no function maen; did you mean mean?\n" },
        { "when: [a, b]\n",
          "g.yaml:1:7: a condition is wanted here, such as pressure < 2 for 10s\n" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
        SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
        sv_expression *e = NULL;
        assert_int_equal(sv_config_parse(sv_text_of(CASES[i].yaml), &root, &faults), SV_OK);
        const sv_config_node *node = sv_config_node_get(root, "rules");
        node = sv_config_node_get(node == NULL ? root : sv_config_node_get(node, "dry"), "when");
        assert_int_equal(sv_expression_read(node, NULL, &e, &faults), SV_ERR_INVALID);
        assert_string_equal(faults.text.at, CASES[i].told);
        assert_null(e);
    }
}

static void refused_beyond(const char *text, const char *told) {
    sv_expression *e = NULL;
    sv_expression_fault fault = { 0 };
    assert_int_equal(sv_expression_parse(sv_text_of(text), NULL, &e, &fault), SV_ERR_INVALID);
    assert_non_null(strstr(fault.text, told));
    assert_true(fault.offset <= strlen(text));
}

static void add_times(sv_textbuf *out, const char *text, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        sv_textbuf_addf(out, "%s", text);
    }
}

/// `before` and `after` each so many times around `middle`.
static const char *around(char room[4096], const char *before, const char *middle,
                          const char *after, unsigned times) {
    sv_textbuf out = { .at = room, .cap = 4096 };
    add_times(&out, before, times);
    sv_textbuf_add_str(&out, middle);
    add_times(&out, after, times);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    return room;
}

// [expression-6]
static void each_bound_holds_and_is_told(void **state) {
    (void) state;
    char room[4096];
    static const struct {
        const char *before, *middle, *after;
        unsigned most;
        const char *told;
    } CASES[] = {
        { "(", "a > 1", ")", SV_EXPRESSION_DEPTH_MAX, "nested more than 16 deep" },
        { "not ", "a > 1", "", SV_EXPRESSION_DEPTH_MAX, "nested more than 16 deep" },
        { "abs(", "a", ")", SV_EXPRESSION_DEPTH_MAX, "nested more than 16 deep" },
        { "", "a + 1 > 1", " + 1", 29, "more than 64 steps" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        bool number = strcmp(CASES[i].before, "abs(") == 0;
        char text[4200];
        around(room, CASES[i].before, CASES[i].middle, CASES[i].after, CASES[i].most);
        (void) snprintf(text, sizeof text, "%s%s", room, number ? " > 1" : "");
        SV_DEFER(sv_expression_drop) sv_expression *e = parsed(text);
        around(room, CASES[i].before, CASES[i].middle, CASES[i].after, CASES[i].most + 1);
        (void) snprintf(text, sizeof text, "%s%s", room, number ? " > 1" : "");
        refused_beyond(text, CASES[i].told);
    }
    refused_beyond("a+b+c+d+e+f+g+h+i > 1", "more than 8 sensors");
    SV_DEFER(sv_expression_drop) sv_expression *eight = parsed("a+b+c+d+e+f+g+h+a > h");
    refused_beyond("sum(a,1s)+sum(a,2s)+sum(a,3s)+sum(a,4s)+sum(a,5s)+sum(a,6s)+sum(a,7s)+sum(a,8s)"
                   "+sum(a,9s) > 1",
                   "more than 8 windows");
    SV_DEFER(sv_expression_drop)
    sv_expression *same =
        parsed("sum(a,1s)+sum(a,2s)+sum(a,3s)+sum(a,4s)+sum(a,5s)+sum(a,6s)+sum(a,7s)+sum(a,8s)"
               "+sum(a,1s) > 1");
    memset(room, ' ', sizeof room);
    memcpy(room, "a > 1", 5);
    room[SV_EXPRESSION_BYTES_MAX] = '\0';
    SV_DEFER(sv_expression_drop) sv_expression *longest = parsed(room);
    room[SV_EXPRESSION_BYTES_MAX] = ' ';
    room[SV_EXPRESSION_BYTES_MAX + 1] = '\0';
    refused_beyond(room, "1001 bytes long; at most 1000");
}

// [expression-6]
static void a_text_whose_usual_form_is_too_long_is_refused(void **state) {
    (void) state;
    char name[SV_ID_MAX + 1];
    memset(name, 'n', SV_ID_MAX);
    name[SV_ID_MAX] = '\0';
    char text[4096];
    sv_textbuf out = SV_TEXTBUF(text);
    for (unsigned i = 0; i < 15; i++) {
        sv_textbuf_addf(&out, "%s+", name);
    }
    sv_textbuf_add_str(&out, "1>1e20");
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    refused_beyond(text, "longer than 1000 bytes when written out");
}

/// What `text` is when p is 1, q is 0 and nobody has heard of u.
static sv_truth truth_of_text(const char *text) {
    char whole[128];
    (void) snprintf(whole, sizeof whole, "p == 1 and (%s)", text);
    SV_DEFER(device_drop) device d = device_with(whole);
    for (unsigned i = 0; i < sv_expression_sensor_count(d.e); i++) {
        sv_text name = sv_expression_sensor(d.e, i);
        sv_expression_input input = { .raw = sv_text_is(name, "p"), .at_us = d.now_us };
        if (!sv_text_is(name, "u")) {
            sv_expression_take(d.e, d.state, i, &input, d.now_us);
        }
    }
    return truth_of(&d);
}

// [expression-9] [expression-10]
static void what_is_not_known_stays_so_unless_it_does_not_matter(void **state) {
    (void) state;
    static const struct {
        const char *text;
        sv_truth truth;
    } CASES[] = {
        { "p > 0 and p > 0", SV_TRUTH_TRUE },     { "p > 0 and q > 0", SV_TRUTH_FALSE },
        { "p > 0 and u > 0", SV_TRUTH_UNKNOWN },  { "u > 0 and p > 0", SV_TRUTH_UNKNOWN },
        { "q > 0 and u > 0", SV_TRUTH_FALSE },    { "u > 0 and q > 0", SV_TRUTH_FALSE },
        { "u > 0 and u > 0", SV_TRUTH_UNKNOWN },  { "q > 0 and q > 0", SV_TRUTH_FALSE },
        { "p > 0 or p > 0", SV_TRUTH_TRUE },      { "p > 0 or q > 0", SV_TRUTH_TRUE },
        { "p > 0 or u > 0", SV_TRUTH_TRUE },      { "u > 0 or p > 0", SV_TRUTH_TRUE },
        { "q > 0 or u > 0", SV_TRUTH_UNKNOWN },   { "u > 0 or q > 0", SV_TRUTH_UNKNOWN },
        { "u > 0 or u > 0", SV_TRUTH_UNKNOWN },   { "q > 0 or q > 0", SV_TRUTH_FALSE },
        { "not p > 0", SV_TRUTH_FALSE },          { "not q > 0", SV_TRUTH_TRUE },
        { "not u > 0", SV_TRUTH_UNKNOWN },        { "u == u", SV_TRUTH_UNKNOWN },
        { "u != 3", SV_TRUTH_UNKNOWN },           { "u * 0 == 0", SV_TRUTH_UNKNOWN },
        { "p / q > 0", SV_TRUTH_UNKNOWN },        { "q / q == 0", SV_TRUTH_UNKNOWN },
        { "1 / (p / q) == 0", SV_TRUTH_UNKNOWN }, { "p * 1e308 * 10 > 0", SV_TRUTH_UNKNOWN },
        { "min(u, 1) < 2", SV_TRUTH_UNKNOWN },    { "max(2, u) > 1", SV_TRUTH_UNKNOWN },
        { "abs(u) >= 0", SV_TRUTH_UNKNOWN },      { "age(u) > 1", SV_TRUTH_UNKNOWN },
        { "changed(u)", SV_TRUTH_UNKNOWN },       { "changed(p)", SV_TRUTH_UNKNOWN },
        { "count(u, 1m) < 1", SV_TRUTH_UNKNOWN }, { "sum(u, 1m) == 0", SV_TRUTH_UNKNOWN },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        if (truth_of_text(CASES[i].text) != CASES[i].truth) {
            fail_msg("%s", CASES[i].text);
        }
    }
}

// [expression-2]
static void operators_do_what_they_are_called(void **state) {
    (void) state;
    static const struct {
        const char *text;
        bool truth;
    } CASES[] = {
        { "1 + 2 * 3 == 7", true },
        { "(1 + 2) * 3 == 9", true },
        { "8 / 4 / 2 == 1", true },
        { "8 / (4 / 2) == 4", true },
        { "5 - 3 - 1 == 1", true },
        { "-2 * -3 == 6", true },
        { "abs(2 - 5) == 3", true },
        { "abs(5 - 2) == 3", true },
        { "min(2, 3) == 2", true },
        { "max(2, 3) == 3", true },
        { "min(3, 2) == 2", true },
        { "max(3, 2) == 3", true },
        { "-(2) == 0 - 2", true },
        { "1 < 1", false },
        { "1 <= 1", true },
        { "1 > 1", false },
        { "1 >= 1", true },
        { "1 == 1", true },
        { "1 != 1", false },
        { "1 < 2", true },
        { "1 <= 2", true },
        { "1 > 2", false },
        { "1 >= 2", false },
        { "1 == 2", false },
        { "1 != 2", true },
        { "2 < 1", false },
        { "2 <= 1", false },
        { "2 > 1", true },
        { "2 >= 1", true },
        { "1 > 2 and 1 > 2 or 2 > 1", true },
        { "2 > 1 or 1 > 2 and 1 > 2", true },
        { "(2 > 1 or 1 > 2) and 1 > 2", false },
        { "not 1 > 2 and 1 > 2", false },
        { "not (1 > 2 and 1 > 2)", true },
        { "p > 0 and q == 0", true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        if (truth_of_text(CASES[i].text) != (CASES[i].truth ? SV_TRUTH_TRUE : SV_TRUTH_FALSE)) {
            fail_msg("%s", CASES[i].text);
        }
    }
}

// [expression-9]
static void a_sensor_that_has_fallen_silent_is_unknown(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2");
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    says(&d, "pressure", 1);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    d.now_us += SV_EXPRESSION_STALE_DEFAULT_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    d.now_us++;
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    says(&d, "pressure", 3);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    sv_expression *patient = NULL;
    sv_expression_options options = { .stale_us = SV_TIME_HOUR_US };
    assert_int_equal(sv_expression_parse(SV_TEXT("pressure < 2"), &options, &patient, NULL), SV_OK);
    assert_false(sv_expression_same(patient, d.e));
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(sv_expression_judge(patient, d.state, d.now_us), SV_TRUTH_FALSE);
    assert_int_equal(sv_expression_judge(patient, d.state, d.now_us + 1), SV_TRUTH_UNKNOWN);
    sv_expression_drop(&patient);
}

/// An alert for the condition, as the owner of a rule keeps it.
static sv_alert_event judged(device *d, sv_condition *alert) {
    sv_life life = { .hold_us = sv_expression_hold_us(d->e), .severity = SV_SEVERITY_WARNING };
    sv_finding finding = sv_truth_finding(truth_of(d));
    return sv_condition_judge(alert, &life, (sv_flapping){ 0 }, finding, false, d->now_us).event;
}

// [expression-11]
static void an_alert_is_raised_once_it_has_been_true_for_the_time_asked(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2 for 10s");
    sv_condition alert;
    sv_condition_start(&alert);
    for (unsigned second = 0; second <= 30; second++) {
        says(&d, "pressure", second == 8 ? 2 : 1);
        assert_int_equal(judged(&d, &alert), second == 19  ? SV_ALERT_RAISED
                                             : second > 19 ? SV_ALERT_UPDATED
                                                           : SV_ALERT_NONE);
        d.now_us += SECOND_US;
    }
    // What is not known clears nothing, what is false does, and raises nothing.
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    assert_int_equal(judged(&d, &alert), SV_ALERT_UPDATED);
    says(&d, "pressure", 2);
    assert_int_equal(judged(&d, &alert), SV_ALERT_CLEARED);
    // Unknown ends the time it has been true.
    says(&d, "pressure", 1);
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    says(&d, "pressure", 1);
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    // So does a clock that was set back.
    d.now_us -= SV_TIME_MINUTE_US;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us += 10 * SECOND_US - 1;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us++;
    assert_int_equal(judged(&d, &alert), SV_ALERT_RAISED);
    SV_DEFER(device_drop) device at_once = device_with("pressure < 2");
    sv_condition_start(&alert);
    says(&at_once, "pressure", 1);
    assert_int_equal(judged(&at_once, &alert), SV_ALERT_RAISED);
}

// [expression-5]
static void functions_of_a_sensor_know_its_last_readings(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("average(a) == 4 and a == 8 and changed(a)");
    says(&d, "a", 7);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 8);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    says(&d, "a", 8);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    SV_DEFER(device_drop) device old = device_with("age(a) >= 600 and age(a) < 601");
    says(&old, "a", 1);
    assert_int_equal(truth_of(&old), SV_TRUTH_FALSE);
    old.now_us += 600 * SECOND_US;
    assert_int_equal(truth_of(&old), SV_TRUTH_TRUE);
    old.now_us += SECOND_US;
    assert_int_equal(truth_of(&old), SV_TRUTH_FALSE);
}

// [expression-12]
static void an_older_reading_does_not_replace_the_last_and_the_future_is_now(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a == 1 and age(a) < 1");
    says(&d, "a", 1);
    sv_expression_input older = { .raw = 2, .average = 2, .at_us = d.now_us - SECOND_US };
    sv_expression_take(d.e, d.state, 0, &older, d.now_us);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    sv_expression_input ahead = { .raw = 1, .average = 2, .at_us = INT64_MAX };
    sv_expression_take(d.e, d.state, 0, &ahead, d.now_us);
    d.now_us += 2 * SECOND_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 1);
    // The clock is set back: what it says now counts, not what it said in a time to come.
    d.now_us -= SV_TIME_HOUR_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 1);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
}

// [expression-12]
static void what_is_no_reading_of_its_sensors_changes_nothing(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a == 1 or mean(a, 1m) > 1");
    says(&d, "a", 1);
    size_t bytes = sv_expression_state_bytes(d.e);
    SV_DEFER(sv_mem_drop) char *before = sv_mem_new(bytes);
    memcpy(before, d.state, bytes);
    sv_expression_input inputs[] = { { .raw = SV_NAN, .at_us = d.now_us },
                                     { .raw = (double) INFINITY, .at_us = d.now_us } };
    sv_expression_take(d.e, d.state, 0, &inputs[0], d.now_us);
    sv_expression_take(d.e, d.state, 0, &inputs[1], d.now_us);
    inputs[0].raw = 5;
    sv_expression_take(d.e, d.state, 1, &inputs[0], d.now_us);
    assert_memory_equal(before, d.state, bytes);
}

// [expression-5] [expression-13]
static void windows_stand_in_expressions_and_late_readings_are_counted(void **state) {
    (void) state;
    SV_DEFER(device_drop)
    device d = device_with("mean(a, 1m) == 2 and max(a, 1m) == 3 and rate(a, 1m, per 1m) == 60 "
                           "and rate(a, 1m) == 1");
    for (unsigned i = 1; i <= 3; i++) {
        says(&d, "a", i);
        d.now_us += SECOND_US;
    }
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    sv_expression_input older = { .raw = 9, .at_us = d.now_us - SV_TIME_HOUR_US };
    sv_expression_take(d.e, d.state, 0, &older, d.now_us);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    assert_true(sv_expression_late(d.e, d.state) == 4);
}

// [expression-13]
static void a_state_may_be_moved_and_goes_on_with_the_same_program(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a > 1 and p95(a, 1m) > 1 for 10s");
    SV_DEFER(device_drop) device moved = device_with("a>1 and p95(a,60s)>1 for 10 s");
    assert_true(sv_expression_same(d.e, moved.e));
    assert_true(d.e != moved.e);
    says(&d, "a", 5);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    memcpy(moved.state, d.state, sv_expression_state_bytes(d.e));
    moved.now_us = d.now_us + 10 * SECOND_US;
    assert_int_equal(truth_of(&moved), SV_TRUTH_TRUE);
    static const char *const OTHERS[] = {
        "a > 2 and p95(a, 1m) > 1 for 10s",      "b > 1 and p95(b, 1m) > 1 for 10s",
        "a > 1 or p95(a, 1m) > 1 for 10s",       "a > 1 and p99(a, 1m) > 1 for 10s",
        "a > 1 and p95(a, 2m) > 1 for 10s",      "a > 1 and p95(a, 1m) > 1 for 11s",
        "a > 1 and p95(a, each 1m) > 1 for 10s", "a > 1 and p95(a, 1m) > 1",
    };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        SV_DEFER(sv_expression_drop) sv_expression *other = parsed(OTHERS[i]);
        assert_false(sv_expression_same(d.e, other));
    }
}

// [expression-13]
static void a_changed_condition_goes_on_with_what_it_shares(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a > 1 and sum(b, 1m) > 1 and c > 0");
    says(&d, "a", 5);
    says(&d, "b", 3);
    says(&d, "b", 4);
    SV_DEFER(device_drop)
    device next = device_with("b == 4 and sum(b, 1m) == 7 and a == 5 and not (d > 0 or d <= 0)");
    sv_expression_state_carry(d.e, d.state, next.e, next.state);
    assert_int_equal(truth_of(&next), SV_TRUTH_UNKNOWN);
    says(&next, "d", 1);
    assert_int_equal(truth_of(&next), SV_TRUTH_FALSE);
    SV_DEFER(device_drop) device all = device_with("b == 4 and sum(b, 1m) == 7 and a == 5");
    sv_expression_state_carry(d.e, d.state, all.e, all.state);
    assert_int_equal(truth_of(&all), SV_TRUTH_TRUE);
    static const char *const OTHERS[] = { "sum(b, 2m) > 0", "sum(a, 1m) > 0", "mean(b, 1m) > 0",
                                          "sum(b, each 1m) > 0", "x > 0" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        SV_DEFER(device_drop) device other = device_with(OTHERS[i]);
        sv_expression_state_carry(d.e, d.state, other.e, other.state);
        assert_int_equal(truth_of(&other), SV_TRUTH_UNKNOWN);
    }
}

// [expression-14]
static void a_message_tells_the_last_values(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2 and 'pump-current' > 5");
    says(&d, "pressure", 1.8);
    static const struct {
        const char *message, *written;
    } CASES[] = {
        { "Pressure is {pressure} bar", "Pressure is 1.8 bar" },
        { "{pressure}{ pressure }/{pump-current}", "1.81.8/unknown" },
        { "{{{pressure}}} }}{{", "{1.8} }{" },
        { "", "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[128];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_text message = sv_text_of(CASES[i].message);
        assert_int_equal(sv_expression_message_check(d.e, message, NULL), SV_OK);
        sv_expression_message_add(d.e, d.state, message, &out);
        assert_int_equal(sv_textbuf_end(&out), SV_OK);
        assert_string_equal(room, CASES[i].written);
    }
}

// [expression-14]
static void a_message_with_an_unknown_name_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_expression_drop) sv_expression *e = parsed("pressure < 2 and 'pump-current' > 5");
    static const struct {
        const char *message, *told;
    } CASES[] = {
        { "{presure}", "{presure} is not a sensor of the condition; there is {pressure}, "
                       "{pump-current}" },
        { "{}", "{} is not a sensor of the condition; there is {pressure}, {pump-current}" },
        { "{pressure", "the message has a brace without its other half; write {{ for one" },
        { "pressure}", "the message has a brace without its other half; write }} for one" },
        { "{{pressure}", "the message has a brace without its other half; write }} for one" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_expression_message_check(e, sv_text_of(CASES[i].message), &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].told);
    }
    char longest[SV_EXPRESSION_MESSAGE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    sv_text text = { .at = longest, .len = SV_EXPRESSION_MESSAGE_MAX };
    assert_int_equal(sv_expression_message_check(e, text, NULL), SV_OK);
    text.len++;
    assert_int_equal(sv_expression_message_check(e, text, NULL), SV_ERR_INVALID);
}

// [expression-8]
static void its_sensors_are_listed_in_order_of_mention(void **state) {
    (void) state;
    SV_DEFER(sv_expression_drop) sv_expression *e = parsed("b > a and mean(c, 1m) > b");
    assert_int_equal(sv_expression_sensor_count(e), 3);
    assert_int_equal(sv_expression_sensor_find(e, SV_TEXT("b")), 0);
    assert_int_equal(sv_expression_sensor_find(e, SV_TEXT("a")), 1);
    assert_int_equal(sv_expression_sensor_find(e, SV_TEXT("c")), 2);
    assert_int_equal(sv_expression_sensor_find(e, SV_TEXT("d")), -1);
    assert_true(sv_text_is(sv_expression_sensor(e, 2), "c"));
    assert_true(sv_expression_bytes(e) < 512);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_written_back_in_its_usual_form),
        cmocka_unit_test(every_fault_is_told_with_its_place_and_a_way_out),
        cmocka_unit_test(a_fault_in_a_file_has_its_line_and_column),
        cmocka_unit_test(each_bound_holds_and_is_told),
        cmocka_unit_test(a_text_whose_usual_form_is_too_long_is_refused),
        cmocka_unit_test(what_is_not_known_stays_so_unless_it_does_not_matter),
        cmocka_unit_test(operators_do_what_they_are_called),
        cmocka_unit_test(a_sensor_that_has_fallen_silent_is_unknown),
        cmocka_unit_test(an_alert_is_raised_once_it_has_been_true_for_the_time_asked),
        cmocka_unit_test(functions_of_a_sensor_know_its_last_readings),
        cmocka_unit_test(an_older_reading_does_not_replace_the_last_and_the_future_is_now),
        cmocka_unit_test(what_is_no_reading_of_its_sensors_changes_nothing),
        cmocka_unit_test(windows_stand_in_expressions_and_late_readings_are_counted),
        cmocka_unit_test(a_state_may_be_moved_and_goes_on_with_the_same_program),
        cmocka_unit_test(a_changed_condition_goes_on_with_what_it_shares),
        cmocka_unit_test(a_message_tells_the_last_values),
        cmocka_unit_test(a_message_with_an_unknown_name_is_refused),
        cmocka_unit_test(its_sensors_are_listed_in_order_of_mention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
