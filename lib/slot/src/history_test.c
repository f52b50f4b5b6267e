#include "test_medium.h"

#include <slot/history.h>

enum { PLACES = 16, MANY = 50, ROUNDS = 3 * PLACES, CUTS = 2 * SV_HISTORY_PLACE_BYTES };

static medium M;
static const sv_slot_history HISTORY = { .disk = &M.disk, .places = PLACES };

static sv_journal_report report_of(uint64_t number) {
    sv_journal_report report = { .number = number,
                                 .state = (uint8_t) (number % SV_TRIAL_STATE__COUNT),
                                 .slot = (uint8_t) (number % 2),
                                 .counter = 7,
                                 .action = 70000,
                                 .digest = { 1, 2, 3 },
                                 .version = "2.1.0",
                                 .why = "because" };
    return report;
}

static void begin(const platter *from) {
    static const platter NOTHING;
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, from != NULL ? from : &NOTHING);
}

static void note(uint64_t number) {
    const sv_journal_report report = report_of(number);
    assert_int_equal(sv_slot_history_note(&HISTORY, &report, (int64_t) number * 1000, NULL), SV_OK);
}

/// The numbers that are there are these, in this order.
static void expect(uint64_t first, uint64_t last) {
    static uint8_t bytes[SV_HISTORY_ENTRIES_MAX][SV_HISTORY_ENTRY_BYTES];
    size_t count = 0;
    sv_why why = { 0 };
    sv_err err = sv_slot_history_read(&HISTORY, bytes, &count, &why);
    assert_string_equal(why.text, "");
    assert_int_equal(err, SV_OK);
    assert_int_equal(count, last + 1 - first);
    for (size_t i = 0; i < count; i++) {
        sv_history_entry entry;
        const sv_journal_report like = report_of(first + i);
        assert_int_equal(sv_history_entry_read(bytes[i], &entry, NULL), SV_OK);
        assert_int_equal(entry.at_us, (int64_t) (first + i) * 1000);
        assert_memory_equal(&entry.report, &like, sizeof like);
    }
}

static void the_newest_are_there_and_the_oldest_made_room(void **state) { // [slot-25]
    (void) state;
    begin(NULL);
    expect(1, 0);
    for (uint64_t number = 1; number <= MANY; number++) {
        note(number);
        note(number); // who was cut notes again
        expect(number > PLACES ? number - PLACES + 1 : 1, number);
    }
}

/// What a place becomes when its write is torn after so many bytes, from either end.
static void tear(platter *to, const medium_event *write, size_t bytes, bool from_behind) {
    size_t at = from_behind ? (size_t) write->len - bytes : 0;
    memcpy(to->files[write->file].data + write->at + at, write->data + at, bytes);
}

static void a_cut_takes_at_most_the_one_that_is_written_over(void **state) { // [slot-25]
    (void) state;
    static platter before;
    static platter torn;
    for (uint64_t number = 2; number < ROUNDS; number += 5) {
        for (size_t cut = 0; cut <= CUTS; cut += cut % 64 == 0 ? 1 : 7) {
            begin(NULL);
            for (uint64_t i = 1; i < number; i++) {
                note(i);
            }
            before = M.now;
            medium_forget_events(&M);
            note(number);
            assert_int_equal(M.count, 2);
            assert_int_equal(M.events[0].kind, MEDIUM_WRITE);
            assert_int_equal(M.events[1].kind, MEDIUM_SYNC);
            torn = before;
            size_t half = SV_HISTORY_PLACE_BYTES;
            tear(&torn, &M.events[0], cut <= half ? cut : cut - half, cut > half);
            begin(&torn);
            static uint8_t bytes[SV_HISTORY_ENTRIES_MAX][SV_HISTORY_ENTRY_BYTES];
            size_t count = 0;
            assert_int_equal(sv_slot_history_read(&HISTORY, bytes, &count, NULL), SV_OK);
            size_t full = number - 1 < PLACES ? (size_t) number - 1 : (size_t) PLACES;
            assert_true(count + 1 >= full);
            note(number); // found again by the next start
            uint64_t first = number > PLACES ? number - PLACES + 1 : 1;
            expect(first, number);
        }
    }
}

static void a_file_that_is_cut_or_nothing_of_ours_is_begun_anew(void **state) { // [slot-25]
    (void) state;
    static platter short_file;
    for (size_t bytes = 0; bytes <= MEDIUM_FILE_MAX; bytes += 1000) {
        short_file = (platter){ 0 };
        platter_add(&short_file, "history", bytes);
        memset(short_file.files[0].data, 'x', bytes);
        begin(&short_file);
        expect(1, 0);
        note(1);
        note(2);
        expect(1, 2);
    }
}

static void a_call_that_fails_leaves_what_was_there(void **state) { // [slot-25]
    (void) state;
    const sv_journal_report report = report_of(4);
    for (size_t call = 1; call <= 8; call++) {
        begin(NULL);
        for (uint64_t i = 1; i < 4; i++) {
            note(i);
        }
        M.calls = 0;
        M.fail_at = call;
        M.fail_for = SIZE_MAX;
        sv_err err = sv_slot_history_note(&HISTORY, &report, 4000, NULL);
        M.fail_at = 0;
        assert_true(err == SV_OK || err == SV_ERR_IO);
        note(4);
        expect(1, 4);
    }
}

static void what_no_entry_says_is_refused(void **state) { // [slot-25]
    (void) state;
    const sv_history_entry entry = { .at_us = 5, .report = report_of(3) };
    const struct {
        size_t at;
        uint8_t value;
    } cases[] = { { 7, 0x80 }, { 24, SV_TRIAL_STATE__COUNT },    { 25, 2 }, { 58, '\n' },
                  { 70, 'x' }, { SV_HISTORY_ENTRY_BYTES - 1, 1 } };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        uint8_t bytes[SV_HISTORY_ENTRY_BYTES];
        sv_history_entry read;
        sv_history_entry_write(&entry, bytes);
        assert_int_equal(sv_history_entry_read(bytes, &read, NULL), SV_OK);
        bytes[cases[i].at] = cases[i].value;
        assert_int_equal(sv_history_entry_read(bytes, &read, NULL), SV_ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_are_there_and_the_oldest_made_room),
        cmocka_unit_test(a_cut_takes_at_most_the_one_that_is_written_over),
        cmocka_unit_test(a_file_that_is_cut_or_nothing_of_ours_is_begun_anew),
        cmocka_unit_test(a_call_that_fails_leaves_what_was_there),
        cmocka_unit_test(what_no_entry_says_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
