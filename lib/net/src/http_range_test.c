#include <base/test.h>
#include <net/http_range.h>
#include <string.h>

// [cache-1]
static void one_range_is_understood_and_anything_else_gets_the_whole(void **state) {
    (void) state;
    static const struct {
        const char *value;
        sv_http_range_kind kind;
        uint64_t from, to;
    } CASES[] = {
        { NULL, SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=0-0", SV_HTTP_RANGE_PART, 0, 1 },
        { "bytes=0-", SV_HTTP_RANGE_PART, 0, 1000 },
        { "bytes=999-", SV_HTTP_RANGE_PART, 999, 1000 },
        { "bytes=1000-", SV_HTTP_RANGE_NONE, 0, 0 },
        { "bytes=10-5000", SV_HTTP_RANGE_PART, 10, 1000 },
        { "bytes=10-99999999999999999999999999", SV_HTTP_RANGE_PART, 10, 1000 },
        { "bytes=99999999999999999999999999-", SV_HTTP_RANGE_NONE, 0, 0 },
        { "bytes=-1", SV_HTTP_RANGE_PART, 999, 1000 },
        { "bytes=-5000", SV_HTTP_RANGE_PART, 0, 1000 },
        { "bytes=-0", SV_HTTP_RANGE_NONE, 0, 0 },
        { "bytes=5-4", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=-", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=5", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=0-1,4-5", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=+1-2", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "bytes=1-2-3", SV_HTTP_RANGE_WHOLE, 0, 1000 },
        { "lines=0-1", SV_HTTP_RANGE_WHOLE, 0, 1000 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_http_range range;
        assert_int_equal(sv_http_range_read(CASES[i].value, 1000, &range), CASES[i].kind);
        if (CASES[i].kind != SV_HTTP_RANGE_NONE) {
            assert_int_equal(range.from, CASES[i].from);
            assert_int_equal(range.to, CASES[i].to);
        }
    }
    sv_http_range none;
    assert_int_equal(sv_http_range_read("bytes=0-", 0, &none), SV_HTTP_RANGE_NONE);
    assert_int_equal(sv_http_range_read("bytes=-1", 0, &none), SV_HTTP_RANGE_NONE);
}

static void what_is_answered_is_read_as_it_was_written(void **state) {
    (void) state;
    char room[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    const sv_http_range range = { .from = 65536, .to = 131072 };
    sv_http_range read;
    uint64_t length = 0;
    sv_http_content_range_add(&text, &range, 200000);
    assert_string_equal(text.at, "bytes 65536-131071/200000");
    assert_int_equal(sv_http_content_range_read(sv_textbuf_text(&text), &read, &length), SV_OK);
    assert_int_equal(read.from, range.from);
    assert_int_equal(read.to, range.to);
    assert_int_equal(length, 200000);
}

static void an_answer_that_cannot_be_is_refused(void **state) {
    (void) state;
    static const char *const CASES[] = {
        "",
        "bytes",
        "bytes 0-1",
        "bytes 0-1/*",
        "bytes */1000",
        "bytes 1-0/1000",
        "bytes 0-1000/1000",
        "bytes -1/1000",
        "bytes 0-99999999999999999999/99999999999999999999",
        "lines 0-1/2",
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_http_range range;
        uint64_t length = 0;
        assert_int_equal(sv_http_content_range_read(sv_text_of(CASES[i]), &range, &length),
                         SV_ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range_is_understood_and_anything_else_gets_the_whole),
        cmocka_unit_test(what_is_answered_is_read_as_it_was_written),
        cmocka_unit_test(an_answer_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
