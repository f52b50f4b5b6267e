#include "event_parse.h"

#include <base/test.h>

enum { SEEN_MAX = 4096, PIECES_MAX = 64, BYTES_MAX = 4 * SV_EVENT_LINE_MAX };

static bool note(void *arg, const sv_event *event) {
    sv_textbuf *seen = arg;
    sv_textbuf_addf(seen, "[" SV_TEXT_FMT "|" SV_TEXT_FMT "|" SV_TEXT_FMT "]",
                    SV_TEXT_ARG(event->name), SV_TEXT_ARG(event->id), SV_TEXT_ARG(event->data));
    return true;
}

static sv_err feed(event_parser *parser, sv_text all, size_t piece, sv_textbuf *seen, sv_why *why) {
    while (all.len > 0) {
        size_t len = piece < all.len ? piece : all.len;
        SV_TRY(event_parser_read(parser, (sv_text){ .at = all.at, .len = len }, note, seen, why));
        all = (sv_text){ .at = all.at + len, .len = all.len - len };
    }
    return SV_OK;
}

static const struct {
    const char *stream, *events;
} CASES[] = {
    { "data: one\n\n", "[message||one]" },
    { "data: one\r\n\r\ndata: two\r\r", "[message||one][message||two]" },
    { "\xEF\xBB\xBF"
      "data: one\n\n\xEF\xBB\xBF"
      "data: two\n\n",
      "[message||one]" },
    { "id: 1\r\ndata: one\r\ndata: two\r\n\r\n", "[message|1|one\ntwo]" },
    { "data:one\ndata: two\ndata:  three\n\n", "[message||one\ntwo\n three]" },
    { "data\n\ndata\ndata\n\n", "[message||][message||\n]" },
    { ": a comment\n:\ndata: x\n\n", "[message||x]" },
    { "event: command\nid: 7\ndata: {}\n\n", "[command|7|{}]" },
    { "id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", "[message|7|a][message|7|b][message||c]" },
    { "event: command\nid: 7\n\ndata: b\n\n", "[message|7|b]" },
    { "event: a\nevent: b\ndata: x\n\n", "[b||x]" },
    { "Data: x\n data: y\nother: z\ndata : q\n\n", "" },
    { "data: is not over\n", "" },
    { "data: a:b: c\n\n", "[message||a:b: c]" },
    { "\r\n\r\n\n\rdata: x\n\r", "[message||x]" },
};

static void events_are_read_as_the_standard_says_however_they_are_cut(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        for (size_t piece = 1; piece < PIECES_MAX; piece++) {
            char room[SEEN_MAX] = "";
            sv_textbuf seen = SV_TEXTBUF(room);
            SV_DEFER(event_parser_drop) event_parser parser;
            event_parser_start(&parser, "");
            assert_int_equal(feed(&parser, sv_text_of(CASES[i].stream), piece, &seen, NULL), SV_OK);
            assert_string_equal(room, CASES[i].events);
        }
    }
}

static void an_id_with_nul_is_passed_over_and_an_earlier_one_stays(void **state) {
    (void) state;
    char room[SEEN_MAX] = "";
    sv_textbuf seen = SV_TEXTBUF(room);
    SV_DEFER(event_parser_drop) event_parser parser;
    event_parser_start(&parser, "5");
    assert_int_equal(feed(&parser, SV_TEXT("id: 6\0x\ndata: a\n\n"), 3, &seen, NULL), SV_OK);
    assert_string_equal(room, "[message|5|a]");
}

static void retry_is_digits_only(void **state) {
    (void) state;
    char room[SEEN_MAX];
    sv_textbuf seen = SV_TEXTBUF(room);
    SV_DEFER(event_parser_drop) event_parser parser;
    event_parser_start(&parser, "");
    assert_int_equal(feed(&parser, SV_TEXT("retry: 1s\nretry: -1\nretry:\n"), 5, &seen, NULL),
                     SV_OK);
    assert_int_equal(parser.retry_ms, -1);
    assert_int_equal(feed(&parser, SV_TEXT("retry: 2500\n"), 5, &seen, NULL), SV_OK);
    assert_int_equal(parser.retry_ms, 2500);
}

/// `prefix` and then `count` bytes, without an end of the line unless `ends`.
static sv_err feed_long(const char *prefix, size_t count, bool ends, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf seen = SV_TEXTBUF_HEAP(BYTES_MAX);
    SV_DEFER(event_parser_drop) event_parser parser;
    sv_textbuf_add_str(&bytes, prefix);
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_add_char(&bytes, 'x');
    }
    sv_textbuf_add_str(&bytes, ends ? "\n" : "");
    event_parser_start(&parser, "");
    return feed(&parser, sv_textbuf_text(&bytes), 1000, &seen, why);
}

static void what_is_larger_than_its_limit_is_refused_with_a_sentence(void **state) {
    (void) state;
    static const struct {
        const char *prefix, *sentence;
        size_t most;
        bool ends;
    } LIMITS[] = {
        { "", "the event stream has a line of more than 65536 bytes", SV_EVENT_LINE_MAX, false },
        { "data:", "the event stream has a line of more than 65536 bytes", SV_EVENT_LINE_MAX - 5,
          true },
        { "data:0123456789\ndata:", "the event stream has an event of more than 65536 bytes",
          SV_EVENT_DATA_MAX - 10 - 1, true },
        { "event:a\nevent:", "the event stream has a name of more than 64 bytes", SV_EVENT_NAME_MAX,
          true },
        { "event:", "the event stream has a name of more than 64 bytes", SV_EVENT_NAME_MAX, true },
        { "id:", "the event stream has an id of more than 64 bytes", SV_EVENT_ID_MAX, true },
    };
    for (size_t i = 0; i < SV_COUNT(LIMITS); i++) {
        sv_why why = { 0 };
        size_t most = LIMITS[i].most;
        assert_int_equal(feed_long(LIMITS[i].prefix, most, LIMITS[i].ends, &why), SV_OK);
        sv_err err = SV_OK;
        for (size_t more = 1; err == SV_OK && more <= 8; more++) {
            err = feed_long(LIMITS[i].prefix, most + more, LIMITS[i].ends, &why);
        }
        assert_int_equal(err, SV_ERR_INVALID);
        assert_string_equal(why.text, LIMITS[i].sentence);
    }
}

static bool refuse(void *arg, const sv_event *event) {
    (void) event;
    ++*(int *) arg;
    return false;
}

static void an_event_that_is_not_taken_is_the_last(void **state) {
    (void) state;
    int calls = 0;
    SV_DEFER(event_parser_drop) event_parser parser;
    event_parser_start(&parser, "");
    assert_int_equal(
        event_parser_read(&parser, SV_TEXT("data: a\n\ndata: b\n\n"), refuse, &calls, NULL),
        SV_ERR_STATE);
    assert_int_equal(calls, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_as_the_standard_says_however_they_are_cut),
        cmocka_unit_test(an_id_with_nul_is_passed_over_and_an_earlier_one_stays),
        cmocka_unit_test(retry_is_digits_only),
        cmocka_unit_test(what_is_larger_than_its_limit_is_refused_with_a_sentence),
        cmocka_unit_test(an_event_that_is_not_taken_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
