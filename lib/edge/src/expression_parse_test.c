#include <base/test.h>
#include <edge/expression.h>
#include <model/id.h>
#include <stdio.h>

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
        { "a > 1 for 5s and b > 1", 13, "for is about the whole condition and stands at its end" },
        { "a > 1 for 5s 6", 13, "6 stands where the end is wanted" },
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
        { "p90(a, 5m) > 1", 0, "there is no function p90; did you mean p50 or p95 or p99?" },
        { "avg(a, 5m) > 1", 0, "there is no function avg; did you mean mean?" },
        { "Median(a, 5m) > 1", 0, "there is no function Median; did you mean p50?" },
        { "frobnicate(a) > 1", 0,
          "there is no function frobnicate; there are abs, min, max, mean, sum, count, p50, p95, "
          "p99, first, last, rate, average, age, changed" },
        { "average(a, 5m) > 1", 9,
          "average looks at a sensor and nothing else; over a time there are functions such as "
          "mean(a, 5m)" },
        { "temperature above 80", 12,
          "above stands where and, or, for or the end is wanted; did you mean >?" },
        { "a > 80 C", 7,
          "C stands where and, or, for or the end is wanted; numbers stand without a unit" },
        { "a > 80%", 6, "% has no meaning here; write the number without its unit" },
        { "a > 80\u00b0C", 6, "\u00b0 has no meaning here; write the number without its unit" },
        { "pump current > 5", 5,
          "current stands where and, or, for or the end is wanted; if it belongs to the word "
          "before it: names have no spaces" },
        { "a => 1", 2, "=> has no meaning here; write >=" },
        { "a \u2265 1", 2, "\u2265 has no meaning here; write >=" },
        { "a <> 1", 3, "> stands where a number or a sensor is wanted" },
        { "mean(a) > 1", 6,
          ") stands where a window such as 5m, each 1h or gap 30s for mean is wanted" },
        { "mean(a, 5) > 1", 8, "5 stands where a window such as 5m, each 1h or gap 30s for mean" },
        { "mean(a + b, 5m) > 1", 5,
          "mean looks at one sensor; its name is wanted here, and no more" },
        { "max(3, 5m) > 1", 4, "max looks at one sensor" },
        { "age(3) > 1", 4, "age looks at one sensor" },
        { "age(a, 5m) > 1", 5, "age looks at a sensor and nothing else" },
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
        cmocka_unit_test(its_sensors_are_listed_in_order_of_mention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
