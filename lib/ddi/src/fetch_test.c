#include <ddi/test.h>

#include <base/mem.h>
#include <ddi/fetch.h>
#include <stdlib.h>

enum { FILE_BYTES = 700 * 1000 };

/// A file at the door, and who fetches it.
typedef struct story {
    sv_loop *loop;
    door door;
    sv_ddi_fetch *fetch;
    char *file;
    size_t cut_after;  ///< bytes of an answer; 0: none is cut
    int cuts;          ///< that are still to come
    int status;        ///< 0: as it should be
    bool whole_always; ///< a server that knows no ranges
    size_t extra;      ///< bytes more than were asked for
    uint64_t asked[64], ranges, sent;
    char *got;
    size_t got_bytes, take_max, takes_left;
    bool done;
    sv_err err;
    sv_why why;
    int waits;
} story;

static void answer(door *d) {
    story *s = d->arg;
    const char *range = strstr(d->ask, "Range: bytes=");
    size_t from = 0;
    size_t to = FILE_BYTES - 1;
    if (range != NULL && !s->whole_always) {
        char *rest = NULL;
        from = strtoul(range + strlen("Range: bytes="), &rest, 10);
        assert_int_equal(*rest, '-');
        to = strtoul(rest + 1, &rest, 10);
        assert_int_equal(*rest, '\r');
        s->asked[s->ranges++ % SV_COUNT(s->asked)] = from;
    }
    if (s->status != 0) {
        door_say(d, s->status, "no");
        return;
    }
    size_t len = to - from + 1 + s->extra;
    size_t sent = len;
    if (s->cuts > 0) {
        s->cuts--;
        sent = s->cut_after < len ? s->cut_after : len;
    }
    s->sent += sent;
    door_reply(d, range != NULL && !s->whole_always ? 206 : 200, "", s->file + from, len, sent);
}

static size_t on_bytes(void *arg, sv_text bytes) {
    story *s = arg;
    size_t take = bytes.len < s->take_max ? bytes.len : s->take_max;
    if (s->takes_left == 0) {
        return 0;
    }
    s->takes_left--;
    assert_true(s->got_bytes + take <= FILE_BYTES);
    memcpy(s->got + s->got_bytes, bytes.at, take);
    s->got_bytes += take;
    return take;
}

static void on_done(void *arg, sv_err err, const sv_why *why) {
    story *s = arg;
    assert_false(s->done);
    s->done = true;
    s->err = err;
    s->why = *why;
}

static void on_waits(void *arg, const sv_why *why, int64_t wait_us) {
    story *s = arg;
    (void) why;
    assert_true(wait_us > 0);
    s->waits++;
}

static const sv_ddi_fetch_events EVENTS = { .bytes = on_bytes, .done = on_done, .waits = on_waits };

static story *begin(uint64_t rate) {
    story *s = sv_mem_new(sizeof *s);
    s->file = sv_mem_new(FILE_BYTES + 1000);
    s->got = sv_mem_new(FILE_BYTES);
    s->take_max = SIZE_MAX;
    s->takes_left = SIZE_MAX;
    for (size_t i = 0; i < FILE_BYTES; i++) {
        s->file[i] = (char) (i * 2654435761U >> 13);
    }
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    door_open(&s->door, s->loop, answer, s);
    assert_int_equal(
        sv_ddi_fetch_open(s->loop, s->door.origin, NULL, rate, &EVENTS, s, &s->fetch, NULL), SV_OK);
    return s;
}

static void finish(story **s) {
    sv_ddi_fetch_drop(&(*s)->fetch);
    door_close(&(*s)->door);
    sv_loop_drop(&(*s)->loop);
    free((*s)->file);
    free((*s)->got);
    free(*s);
}

static void a_part_comes_in_ranges_and_is_what_was_asked_for(void **state) { // [ddid-6]
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 1000, FILE_BYTES - 5000),
                     SV_OK);
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, 1), SV_ERR_STATE);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_OK);
    assert_int_equal(s->got_bytes, FILE_BYTES - 5000);
    assert_memory_equal(s->got, s->file + 1000, s->got_bytes);
    assert_int_equal(s->sent, s->got_bytes);
    assert_int_equal(s->ranges, (FILE_BYTES - 5000 + SV_DDI_RANGE_MAX - 1) / SV_DDI_RANGE_MAX);
}

static void wherever_the_line_goes_no_byte_comes_twice(void **state) { // [ddid-6]
    (void) state;
    static const size_t CUTS[] = { 1, 100000 };
    for (size_t i = 0; i < SV_COUNT(CUTS); i++) {
        SV_DEFER(finish) story *s = begin(0);
        s->cut_after = CUTS[i];
        s->cuts = 1;
        assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
        turn_until(s->loop, &s->done);
        assert_int_equal(s->err, SV_OK);
        assert_int_equal(s->waits, 1);
        assert_memory_equal(s->got, s->file, FILE_BYTES);
        assert_int_equal(s->sent, FILE_BYTES);
        assert_int_equal(s->asked[1], CUTS[i]);
    }
}

static void who_takes_nothing_is_not_fetched_for(void **state) { // [ddid-6]
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->takes_left = 0;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
    for (int i = 0; i < 30; i++) {
        sv_loop_turn(s->loop, 5000);
    }
    assert_true(s->sent <= SV_DDI_WINDOW_BYTES + SV_DDI_RANGE_MAX);
    assert_true(s->sent > 0);
    while (!s->done) {
        s->takes_left = 1;
        s->take_max = 50000;
        sv_ddi_fetch_go_on(s->fetch);
        sv_loop_turn(s->loop, 1000);
    }
    assert_memory_equal(s->got, s->file, FILE_BYTES);
}

static void who_takes_slower_than_it_comes_gets_everything(void **state) { // [ddid-6]
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->takes_left = 0;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
    while (!s->done) {
        uint64_t came = sv_ddi_fetch_bytes(s->fetch);
        uint64_t may = came == FILE_BYTES ? came : came / 10 * 7;
        s->takes_left = may > s->got_bytes;
        s->take_max = may - s->got_bytes;
        sv_ddi_fetch_go_on(s->fetch);
        sv_loop_turn(s->loop, 1000);
    }
    assert_int_equal(s->err, SV_OK);
    assert_int_equal(s->got_bytes, FILE_BYTES);
    assert_memory_equal(s->got, s->file, FILE_BYTES);
}

static void a_line_that_goes_while_much_waits_asks_for_no_more_than_fits(void **state) {
    (void) state; // [ddid-6]
    SV_DEFER(finish) story *s = begin(0);
    s->takes_left = 1;
    s->take_max = 10000; // then nothing: the second range is cut while the first still waits
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
    while (s->ranges < 1) {
        sv_loop_turn(s->loop, 1000);
    }
    s->cut_after = 200000;
    s->cuts = 1;
    while (s->waits == 0) {
        sv_loop_turn(s->loop, 1000);
    }
    for (int64_t end_us = sv_clock_monotonic_us() + 1500000; sv_clock_monotonic_us() < end_us;) {
        sv_loop_turn(s->loop, 10000);
    }
    assert_false(s->done);
    assert_int_equal(s->ranges, 2);
    s->takes_left = s->take_max = SIZE_MAX;
    sv_ddi_fetch_go_on(s->fetch);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_OK);
    assert_memory_equal(s->got, s->file, FILE_BYTES);
}

static void a_file_is_shown_when_it_is_whole(void **state) { // [ddid-6]
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->cut_after = 100000;
    s->cuts = 1;
    assert_int_equal(sv_ddi_fetch_file(s->fetch, "/tuf/image/metadata/targets.json", FILE_BYTES),
                     SV_OK);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_OK);
    assert_int_equal(s->got_bytes, FILE_BYTES);
    assert_memory_equal(s->got, s->file, FILE_BYTES);
    assert_int_equal(s->waits, 1);
}

static void a_file_longer_than_it_may_be_is_refused(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    assert_int_equal(
        sv_ddi_fetch_file(s->fetch, "/tuf/image/metadata/targets.json", FILE_BYTES - 1), SV_OK);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_ERR_INVALID);
    assert_non_null(strstr(s->why.text, "longer than the 699999 bytes"));
    assert_int_equal(s->got_bytes, 0);
    assert_int_equal(s->waits, 0);
}

static void a_range_longer_than_was_asked_for_is_refused(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->extra = 1;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, 1000), SV_OK);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_ERR_INVALID);
}

static void a_server_without_ranges_gives_nothing(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->whole_always = true;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 65536, 65536), SV_OK);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_ERR_INVALID);
    assert_int_equal(s->got_bytes, 0);
}

static void what_is_not_there_is_told_from_what_is_not_to_be_had(void **state) { // [ddid-7]
    (void) state;
    static const struct {
        int status;
        sv_err err;
    } CASES[] = { { 404, SV_ERR_NOT_FOUND }, { 403, SV_ERR_NOT_FOUND }, { 410, SV_ERR_NOT_FOUND },
                  { 400, SV_ERR_INVALID },   { 416, SV_ERR_INVALID },   { 302, SV_ERR_INVALID } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(finish) story *s = begin(0);
        s->status = CASES[i].status;
        assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, 10), SV_OK);
        turn_until(s->loop, &s->done);
        assert_int_equal(s->err, CASES[i].err);
        assert_int_equal(s->door.asked, 1);
        assert_non_null(strstr(s->why.text, "/artifacts/x/raw"));
    }
}

static void a_server_that_cannot_now_is_asked_again(void **state) { // [ddid-7]
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    s->status = 503;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, 10), SV_OK);
    bool waited = false;
    while (!waited) {
        sv_loop_turn(s->loop, 1000);
        waited = s->waits > 0;
    }
    s->status = 0;
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_OK);
    assert_memory_equal(s->got, s->file, 10);
}

static void what_was_stopped_says_nothing_more(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin(0);
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
    while (s->door.asked == 0) {
        sv_loop_turn(s->loop, 1000);
    }
    sv_ddi_fetch_stop(s->fetch);
    size_t got = s->got_bytes;
    for (int i = 0; i < 10; i++) {
        sv_loop_turn(s->loop, 2000);
    }
    assert_false(s->done);
    assert_int_equal(s->got_bytes, got);
    s->got_bytes = 0;
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, 10), SV_OK);
    turn_until(s->loop, &s->done);
    assert_int_equal(s->err, SV_OK);
}

static void a_rate_is_kept(void **state) { // [ddid-8]
    (void) state;
    SV_DEFER(finish) story *s = begin(1000000);
    int64_t began_us = sv_clock_monotonic_us();
    assert_int_equal(sv_ddi_fetch_range(s->fetch, "/artifacts/x/raw", 0, FILE_BYTES), SV_OK);
    turn_until(s->loop, &s->done);
    // The last range need not be waited for.
    assert_true(sv_clock_monotonic_us() - began_us
                >= FILE_BYTES - SV_DDI_RANGE_MAX); // a byte each microsecond
    assert_memory_equal(s->got, s->file, FILE_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_comes_in_ranges_and_is_what_was_asked_for),
        cmocka_unit_test(wherever_the_line_goes_no_byte_comes_twice),
        cmocka_unit_test(who_takes_nothing_is_not_fetched_for),
        cmocka_unit_test(who_takes_slower_than_it_comes_gets_everything),
        cmocka_unit_test(a_line_that_goes_while_much_waits_asks_for_no_more_than_fits),
        cmocka_unit_test(a_file_is_shown_when_it_is_whole),
        cmocka_unit_test(a_file_longer_than_it_may_be_is_refused),
        cmocka_unit_test(a_range_longer_than_was_asked_for_is_refused),
        cmocka_unit_test(a_server_without_ranges_gives_nothing),
        cmocka_unit_test(what_is_not_there_is_told_from_what_is_not_to_be_had),
        cmocka_unit_test(a_server_that_cannot_now_is_asked_again),
        cmocka_unit_test(what_was_stopped_says_nothing_more),
        cmocka_unit_test(a_rate_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
