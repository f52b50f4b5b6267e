#include "replay.h"

#include <base/test.h>
#include <base/time.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void remove_file(char (*path)[32]) {
    (void) unlink(*path);
}

static void write_file(char path[32], const char *content) {
    (void) snprintf(path, 32, "/tmp/sv-replay-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    (void) close(fd);
}

static int64_t at(const char *text) {
    int64_t at_us = 0;
    assert_int_equal(sv_time_parse(sv_text_of(text), &at_us), SV_OK);
    return at_us;
}

static sv_replay *opened(const char *path, const char *sensor) {
    sv_replay *replay = NULL;
    sv_why why = { .text = "" };
    if (sv_replay_open(path, sensor, &replay, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return replay;
}

static void rows_come_in_order_with_their_own_times(void **state) {
    (void) state;
    SV_DEFER(remove_file) char path[32];
    write_file(path, "timestamp,value\r\n2014-04-01 00:00:00,18.5\r\n\r\n"
                     "2013-04-01T05:30:00+05:30,-1e-3\r\n");
    SV_DEFER(sv_replay_drop) sv_replay *replay = opened(path, NULL);
    assert_int_equal(replay->columns.count, 1);
    assert_string_equal(replay->columns.names[0], "value");
    assert_int_equal(replay->rows, 2);
    sv_replay_row row;
    assert_int_equal(sv_replay_next(replay, &row, NULL), SV_OK);
    assert_true(row.at_us == at("2014-04-01T00:00:00Z") && row.values[0] == 18.5);
    assert_int_equal(sv_replay_next(replay, &row, NULL), SV_OK);
    assert_true(row.at_us == at("2013-04-01T00:00:00Z") && row.values[0] == -1e-3);
    assert_int_equal(sv_replay_next(replay, &row, NULL), SV_ERR_NOT_FOUND);
}

static void the_one_value_column_may_be_named_by_the_caller(void **state) {
    (void) state;
    SV_DEFER(remove_file) char path[32];
    write_file(path, "time,value\n2014-04-01 00:00:00,1\n");
    SV_DEFER(sv_replay_drop) sv_replay *replay = opened(path, "temperature");
    assert_string_equal(replay->columns.names[0], "temperature");
}

static void semicolons_quotes_blanks_and_odd_names_are_taken(void **state) {
    (void) state;
    SV_DEFER(remove_file) char path[32];
    write_file(path, "\xEF\xBB\xBF"
                     "datetime;Volume Flow RateRMS;\" Druck (bar), \"\"oben\"\"\"\n"
                     "2020-02-08 13:30:47; 122.5 ;\n\"2020-02-08 13:30:48\";;\"0,5\"\n");
    sv_replay *refused = NULL;
    sv_why why = { .text = "" };
    assert_int_equal(sv_replay_open(path, NULL, &refused, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, ":3:24: Druck_bar_oben: \"0,5\" is not a finite number"));

    (void) unlink(path);
    write_file(path,
               "datetime;Volume Flow RateRMS;\"Druck (bar)\"\n2020-02-08 13:30:47; 122.5 ;\n");
    SV_DEFER(sv_replay_drop) sv_replay *replay = opened(path, NULL);
    assert_string_equal(replay->columns.names[0], "Volume_Flow_RateRMS");
    assert_string_equal(replay->columns.names[1], "Druck_bar");
    sv_replay_row row;
    assert_int_equal(sv_replay_next(replay, &row, NULL), SV_OK);
    assert_true(row.values[0] == 122.5 && !isfinite(row.values[1]));
}

static void a_bad_file_is_refused_before_its_first_row_with_place_and_remedy(void **state) {
    (void) state;
    static const struct {
        const char *content, *sensor, *reason;
    } cases[] = {
        { "", NULL, "is empty" },
        { "timestamp,value\n", NULL, "no row below its header" },
        { "2014-04-01 00:00:00,1\n", NULL, ":1:1: the header line is missing" },
        { "\x1F\x8B\x08", NULL, ":1:1: gzip, not text; unpack it: zcat" },
        { "when,value\n", NULL, ":1:1: the first column is called \"when\"" },
        { "\x1B[2Jwhen,value\n", NULL, ":1:1: the first column is called \"?\"" },
        { "timestamp\n", NULL, ":1:1: there is no column beside the time" },
        { "timestamp,a b,a_b\n", NULL, ":1:15: two columns are called \"a_b\"" },
        { "timestamp,a,\n", NULL, ":1:13: the column \"\" cannot name a sensor" },
        { "timestamp,\xC2\xB0\n", NULL, ":1:11: the column \"\xC2\xB0\" cannot name" },
        { "timestamp,a,b\n", "t", "leave --sensor out" },
        { "timestamp,a\n", "t/u", "sensor" },
        { "timestamp,\"a\n", NULL, ":1:11: a quote is opened and not closed" },
        { "timestamp,\"a\"b\n", NULL, ":1:11: something follows the closing quote" },
        { "timestamp,a\n2014-13-01 00:00:00,1\n", NULL,
          ":2:1: \"2014-13-01 00:00:00\" is not a time; write it like" },
        { "timestamp,a\n2014-04-01 00:00:00,nan\n", NULL, ":2:21: a: \"nan\" is not a finite" },
        { "timestamp,a\n2014-04-01 00:00:00,1e999\n", NULL, "\"1e999\" is not a finite" },
        { "timestamp,a,b\n2014-04-01 00:00:00,1\n", NULL,
          ":2:21: 2 cells, where the header names 3 columns" },
        { "timestamp,a\n2014-04-01 00:00:00,1,2\n", NULL, ":2:23: more cells than the 2 columns" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(remove_file) char path[32];
        write_file(path, cases[i].content);
        sv_replay *replay = NULL;
        sv_why why = { .text = "" };
        assert_int_equal(sv_replay_open(path, cases[i].sensor, &replay, &why), SV_ERR_INVALID);
        assert_null(replay);
        if (strstr(why.text, cases[i].reason) == NULL) {
            fail_msg("expected %s, got %s", cases[i].reason, why.text);
        }
    }
    sv_replay *replay = NULL;
    sv_why why = { .text = "" };
    assert_int_equal(sv_replay_open("/nowhere/x.csv", NULL, &replay, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "/nowhere/x.csv': No such file"));
}

static void a_pipe_is_read_once_up_to_its_first_fault(void **state) {
    (void) state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    static const char content[] = "timestamp,a\n2014-04-01 00:00:00,1\nnonsense,2\n";
    assert_int_equal(write(ends[1], content, sizeof content - 1), sizeof content - 1);
    (void) close(ends[1]);
    char path[32];
    (void) snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    SV_DEFER(sv_replay_drop) sv_replay *replay = opened(path, NULL);
    sv_replay_row row;
    sv_why why = { .text = "" };
    assert_int_equal(sv_replay_next(replay, &row, &why), SV_OK);
    assert_int_equal(sv_replay_next(replay, &row, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, ":3:1: \"nonsense\" is not a time"));
    (void) close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_order_with_their_own_times),
        cmocka_unit_test(the_one_value_column_may_be_named_by_the_caller),
        cmocka_unit_test(semicolons_quotes_blanks_and_odd_names_are_taken),
        cmocka_unit_test(a_bad_file_is_refused_before_its_first_row_with_place_and_remedy),
        cmocka_unit_test(a_pipe_is_read_once_up_to_its_first_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
