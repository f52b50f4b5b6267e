#include <base/test.h>
#include <model/standing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- states and lines ---------------------------------------------------------------------------

static void a_state_has_one_name(void **state) { // [standing-1]
    (void) state;
    for (unsigned i = 0; i < SV_STANDING__COUNT; i++) {
        sv_standing_state back;
        sv_text name = sv_text_of(sv_standing_state_name((sv_standing_state) i));
        assert_int_equal(sv_standing_state_parse(name, &back, NULL), SV_OK);
        assert_int_equal(back, i);
    }
    sv_standing_state untouched = SV_STANDING_RETIRED;
    sv_why why = { 0 };
    assert_int_equal(sv_standing_state_parse(SV_TEXT("Revoked"), &untouched, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "there is no state \"Revoked\""));
    assert_int_equal(untouched, SV_STANDING_RETIRED);
}

static void what_is_written_of_a_change_reads_back(void **state) { // [standing-2]
    (void) state;
    const sv_standing_change change = { .version = 7,
                                        .id = "press-17",
                                        .state = SV_STANDING_REVOKED,
                                        .before_us = INT64_C(1764365593000000) };
    char room[SV_STANDING_LINE_ROOM];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_standing_line_add(&line, &change);
    assert_true(sv_text_is(sv_textbuf_text(&line), "7 press-17 revoked 1764365593000000\n"));
    sv_standing_change back;
    assert_int_equal(sv_standing_line_parse(sv_textbuf_text(&line), &back, NULL), SV_OK);
    assert_int_equal(back.version, change.version);
    assert_string_equal(back.id, change.id);
    assert_int_equal(back.state, change.state);
    assert_int_equal(back.before_us, change.before_us);
}

static void the_longest_line_fits(void **state) {
    (void) state;
    sv_standing_change change = { .version = INT64_C(1) << 53,
                                  .state = SV_STANDING_QUARANTINED,
                                  .before_us = INT64_C(1) << 53 };
    memset(change.id, 'x', SV_ID_MAX);
    char room[SV_STANDING_LINE_ROOM];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_standing_line_add(&line, &change);
    assert_int_equal(sv_textbuf_end(&line), SV_OK);
    assert_int_equal(sv_standing_line_parse(sv_textbuf_text(&line), &change, NULL), SV_OK);
}

static void another_spelling_of_a_line_is_no_line(void **state) { // [standing-2]
    (void) state;
    static const char *const WRONG[] = {
        "",
        "\n",
        "7",
        "7 a",
        "7 a revoked",
        "7 a revoked ",
        "0 a revoked 5",
        "07 a revoked 5",
        "7 a revoked 05",
        "+7 a revoked 5",
        "-7 a revoked 5",
        " 7 a revoked 5",
        "7  a revoked 5",
        "7 a  revoked 5",
        "7 a revoked 5 ",
        "7 a revoked 5\n\n",
        "7 a revoked 5\r\n",
        "7 a revoked -5",
        "7 a REVOKED 5",
        "7 a gone 5",
        "7 a/b revoked 5",
        "7 ' revoked 5",
        "7 <b> revoked 5",
        "7 -a revoked 5",
        "7\ta\trevoked\t5",
        "9007199254740993 a revoked 5",
        "7 a revoked 9007199254740993",
        "7 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa revoked 5",
    };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        sv_standing_change untouched = { .version = 99 };
        sv_why why = { 0 };
        if (sv_standing_line_parse(sv_text_of(WRONG[i]), &untouched, &why) == SV_OK) {
            fail_msg("taken: '%s'", WRONG[i]);
        }
        assert_int_equal(untouched.version, 99);
        assert_true(why.text[0] != '\0');
    }
    sv_standing_change nul;
    assert_int_not_equal(sv_standing_line_parse(SV_TEXT("7 a\0b revoked 5"), &nul, NULL), SV_OK);
}

// ---- what counts --------------------------------------------------------------------------------

static void what_began_before_the_change_does_not_count_whatever_the_state(void **state) {
    (void) state; // [standing-3]
    for (unsigned i = 0; i < SV_STANDING__COUNT; i++) {
        const sv_standing standing = { .state = (sv_standing_state) i, .before_us = 1000 };
        assert_int_equal(sv_standing_judge(&standing, 999), SV_STANDING_REFUSED);
        assert_int_equal(sv_standing_judge(&standing, 1000),
                         i == SV_STANDING_QUARANTINED ? SV_STANDING_SET_ASIDE : SV_STANDING_COUNTS);
    }
    assert_int_equal(sv_standing_judge(NULL, 0), SV_STANDING_COUNTS);
}

// ---- pages --------------------------------------------------------------------------------------

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD(version)                                                                              \
    "\"head\":{\"version\":" version ",\"hash\":\"" HASH "\",\"at\":5,\"signature\":\"c2ln\"}"

static void a_page_reads_back_as_it_was_written(void **state) { // [standing-6]
    (void) state;
    static const char *const PAGES[] = {
        "{\"from\":6,\"lines\":[\"7 press-17 revoked 5\",\"8 b active 0\"]," HEAD("8") "}",
        "{\"from\":6,\"lines\":[\"7 press-17 retired 5\"]," HEAD("7") ",\"newest\":9}",
        "{\"from\":0,\"lines\":[]," HEAD("0") "}",
        "{\"from\":41,\"lines\":[]," HEAD("41") "}",
    };
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
        sv_why why = { 0 };
        if (sv_standing_page_parse(sv_text_of(PAGES[i]), &page, &why) != SV_OK) {
            fail_msg("%s", why.text);
        }
        char room[1024];
        sv_textbuf again = SV_TEXTBUF(room);
        sv_json_out out = SV_JSON_OUT(&again);
        sv_standing_page_add(&out, &page);
        assert_int_equal(sv_textbuf_end(&again), SV_OK);
        assert_string_equal(room, PAGES[i]);
    }
}

static void a_broken_page_is_refused_with_its_reason(void **state) { // [standing-6]
    (void) state;
    static const struct {
        const char *json, *reason;
    } CASES[] = {
        { "[]", "from is no whole number" },
        { "{\"lines\":[]," HEAD("0") "}", "from is no whole number" },
        { "{\"from\":-1,\"lines\":[]," HEAD("0") "}", "from is no whole number" },
        { "{\"from\":0," HEAD("0") "}", "lines is no array" },
        { "{\"from\":0,\"lines\":{}," HEAD("0") "}", "lines is no array" },
        { "{\"from\":0,\"lines\":[7]," HEAD("1") "}", "lines[0] is no line" },
        { "{\"from\":0,\"lines\":[\"1 a revoked 5\\n\"]," HEAD("1") "}", "lines[0] is no line" },
        { "{\"from\":0,\"lines\":[\"\"]," HEAD("1") "}", "begins with its number" },
        { "{\"from\":1,\"lines\":[\"1 a revoked 5\"]," HEAD("2") "}", "is change 1, not 2" },
        { "{\"from\":0,\"lines\":[\"1 a revoked 5\",\"3 b revoked 5\"]," HEAD("2") "}",
          "is change 3, not 2" },
        { "{\"from\":0,\"lines\":[\"1 a revoked 5\"]," HEAD("2") "}", "the lines end at 1" },
        { "{\"from\":0,\"lines\":[\"1 a revoked 5\"]," HEAD("0") "}", "the lines end at 1" },
        { "{\"from\":0,\"lines\":[]}", "head.version" },
        { "{\"from\":0,\"lines\":[]," HEAD("0") ",\"newest\":-1}", "newest is below" },
        { "{\"from\":3,\"lines\":[]," HEAD("3") ",\"newest\":2}", "newest is below" },
        { "{\"from\":0,\"lines\":[],\"head\":{\"version\":0,\"hash\":\"00\",\"at\":5,"
          "\"signature\":\"c2ln\"}}",
          "head.hash" },
        { "{\"from\":0,\"lines\":[],\"head\":{\"version\":0,\"hash\":\"" HASH "\","
          "\"signature\":\"c2ln\"}}",
          "head.at" },
        { "{\"from\":0,\"lines\":[],\"head\":{\"version\":0,\"hash\":\"" HASH "\",\"at\":5}}",
          "head.signature" },
        { "{\"from\":0,\"lines\":[],\"head\":{\"version\":0,\"hash\":\"" HASH "\",\"at\":5,"
          "\"signature\":\"c2l\"}}",
          "head.signature" },
        { "{\"from\":0,\"lines\":[],\"head\":{\"version\":0,\"hash\":\"" HASH "\",\"at\":5,"
          "\"signature\":\"\"}}",
          "head.signature" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_standing_page_drop) sv_standing_page page = { .from = 77 };
        sv_why why = { 0 };
        assert_int_equal(sv_standing_page_parse(sv_text_of(CASES[i].json), &page, &why),
                         SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].reason) == NULL) {
            fail_msg("'%s' does not say '%s'", why.text, CASES[i].reason);
        }
        assert_int_equal(page.from, 77);
    }
}

static void a_page_of_as_many_lines_as_may_be_fits_and_one_more_is_refused(void **state) {
    (void) state; // [standing-6]
    for (size_t count = SV_STANDING_LINES_MAX; count <= SV_STANDING_LINES_MAX + 1; count++) {
        SV_DEFER(sv_standing_page_drop)
        sv_standing_page page = { .from = INT64_C(1) << 52,
                                  .changes = calloc(count, sizeof *page.changes),
                                  .count = count };
        SV_DEFER(sv_standing_page_drop) sv_standing_page back = { 0 };
        for (size_t i = 0; i < count; i++) {
            page.changes[i] = (sv_standing_change){ .version = page.from + (int64_t) i + 1,
                                                    .state = SV_STANDING_QUARANTINED,
                                                    .before_us = INT64_C(1) << 52 };
            memset(page.changes[i].id, 'x', SV_ID_MAX);
        }
        page.head = (sv_standing_head){ .version = page.from + (int64_t) count,
                                        .signature_bytes = SV_STANDING_SIGNATURE_MAX };
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
        sv_json_out out = SV_JSON_OUT(&json);
        sv_standing_page_add(&out, &page);
        assert_false(json.overflowed);
        assert_int_equal(sv_standing_page_parse(sv_textbuf_text(&json), &back, NULL),
                         count <= SV_STANDING_LINES_MAX ? SV_OK : SV_ERR_INVALID);
    }
}

// ---- the table ----------------------------------------------------------------------------------

static sv_standing_change change_of(const char *id, sv_standing_state state, int64_t before_us,
                                    int64_t version) {
    sv_standing_change change = { .version = version, .state = state, .before_us = before_us };
    assert_int_equal(sv_text_copy(sv_text_of(id), change.id, sizeof change.id), SV_OK);
    return change;
}

static sv_standing_verdict judged(const sv_standings *standings, sv_text id,
                                  int64_t not_before_us) {
    sv_standing found;
    return sv_standing_judge(sv_standings_get(standings, id, &found) ? &found : NULL,
                             not_before_us);
}

static void ids_that_differ_in_case_alone_are_one(void **state) { // [standing-1]
    (void) state;
    SV_DEFER(sv_standings_drop) sv_standings *table = sv_standings_new(NULL);
    sv_standing_change change = change_of("Press-17", SV_STANDING_REVOKED, 5, 1);
    assert_int_equal(sv_standings_set(table, &change), SV_OK);
    assert_int_equal(judged(table, SV_TEXT("pRESS-17"), 4), SV_STANDING_REFUSED);
    change = change_of("press-17", SV_STANDING_QUARANTINED, 3, 2);
    assert_int_equal(sv_standings_set(table, &change), SV_OK);
    assert_int_equal(sv_standings_count(table), 1);
    assert_int_equal(judged(table, SV_TEXT("Press-17"), 4), SV_STANDING_SET_ASIDE);
    sv_text id;
    sv_standing found;
    sv_standings_at(table, 0, &id, &found);
    assert_true(sv_text_is(id, "Press-17"));
    assert_int_equal(found.version, 2);
}

static void who_was_never_named_counts_and_what_is_no_id_is_not_found(void **state) {
    (void) state;
    SV_DEFER(sv_standings_drop) sv_standings *table = sv_standings_new(NULL);
    sv_standing untouched = { .version = 9 };
    static const char *const STRANGE[] = { "", "nobody", "a/b", "'; DROP TABLE standing; --" };
    for (size_t i = 0; i < SV_COUNT(STRANGE); i++) {
        assert_false(sv_standings_get(table, sv_text_of(STRANGE[i]), &untouched));
    }
    assert_int_equal(untouched.version, 9);
    assert_int_equal(judged(table, SV_TEXT("nobody"), 0), SV_STANDING_COUNTS);
}

static void every_one_of_many_is_found_again(void **state) {
    (void) state;
    static const uint8_t KEY[16] = { 1, 2, 3 };
    enum { MANY = 20000 };
    SV_DEFER(sv_standings_drop) sv_standings *table = sv_standings_new(KEY);
    for (int64_t pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < MANY; i++) {
            char id[SV_ID_ROOM];
            (void) snprintf(id, sizeof id, "d%lld", (long long) i);
            sv_standing_change change =
                change_of(id, (sv_standing_state) (i % 4), i + pass, pass * MANY + i);
            assert_int_equal(sv_standings_set(table, &change), SV_OK);
        }
    }
    assert_int_equal(sv_standings_count(table), MANY);
    for (int64_t i = 0; i < MANY; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "D%lld", (long long) i);
        sv_standing found;
        assert_true(sv_standings_get(table, sv_text_of(id), &found));
        assert_int_equal(found.before_us, i + 1);
        assert_int_equal(found.version, MANY + i);
        assert_int_equal(found.state, i % 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_has_one_name),
        cmocka_unit_test(what_is_written_of_a_change_reads_back),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(another_spelling_of_a_line_is_no_line),
        cmocka_unit_test(what_began_before_the_change_does_not_count_whatever_the_state),
        cmocka_unit_test(a_page_reads_back_as_it_was_written),
        cmocka_unit_test(a_broken_page_is_refused_with_its_reason),
        cmocka_unit_test(a_page_of_as_many_lines_as_may_be_fits_and_one_more_is_refused),
        cmocka_unit_test(ids_that_differ_in_case_alone_are_one),
        cmocka_unit_test(who_was_never_named_counts_and_what_is_no_id_is_not_found),
        cmocka_unit_test(every_one_of_many_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
