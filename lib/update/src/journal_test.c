#include <base/test.h>
#include <update/journal.h>

static sv_journal full(void) {
    sv_journal journal = { .trial = { .state = SV_TRIAL_DOWNLOADING,
                                      .slot = 1,
                                      .writes = 2,
                                      .reboots = 1,
                                      .written = 65536,
                                      .release = { .image_bytes = 100000,
                                                   .counter = 7,
                                                   .digest = { 1, 2, 3 },
                                                   .product = "lathe-ctl",
                                                   .version = "2.1.0",
                                                   .encoding = "zstd",
                                                   .action = 70001 },
                                      .why = "" } };
    for (unsigned i = 0; i < SV_JOURNAL_BAD_MAX; i++) {
        uint8_t digest[SV_BOOT_DIGEST_BYTES] = { (uint8_t) i, 9 };
        sv_journal_add_bad(&journal, digest);
    }
    for (unsigned i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        sv_journal_note(&journal);
    }
    return journal;
}

static void a_journal_reads_back_as_it_was_written(void **state) { // [slot-10]
    (void) state;
    uint8_t bytes[SV_JOURNAL_BYTES];
    uint8_t again[SV_JOURNAL_BYTES];
    const sv_journal empty = { 0 };
    const sv_journal journals[] = { empty, full() };
    for (size_t i = 0; i < SV_COUNT(journals); i++) {
        sv_journal read;
        sv_journal_write(&journals[i], bytes);
        assert_int_equal(sv_journal_read(bytes, &read, NULL), SV_OK);
        sv_journal_write(&read, again);
        assert_memory_equal(bytes, again, sizeof bytes);
        assert_int_equal(read.trial.written, journals[i].trial.written);
        assert_string_equal(read.trial.release.version, journals[i].trial.release.version);
    }
}

/// As it was written before reports had an action. [slot-10]
static void a_journal_without_actions_is_one_of_none(void **state) {
    (void) state;
    enum { ACTIONS_AT = 2862 };
    uint8_t bytes[SV_JOURNAL_BYTES];
    const sv_journal journal = full();
    sv_journal read;
    sv_journal_write(&journal, bytes);
    assert_int_equal(sv_journal_read(bytes, &read, NULL), SV_OK);
    assert_int_equal(read.trial.release.action, 70001);
    assert_int_equal(read.reports[7].action, 70001);
    memset(bytes + ACTIONS_AT, 0, sizeof bytes - ACTIONS_AT);
    assert_int_equal(sv_journal_read(bytes, &read, NULL), SV_OK);
    assert_int_equal(read.trial.release.action, 0);
    assert_int_equal(read.reports[7].action, 0);
    assert_string_equal(read.reports[7].version, "2.1.0");
}

static void what_no_journal_says_is_refused(void **state) { // [slot-10]
    (void) state;
    const sv_journal journal = full();
    sv_journal read = { .report_next = 99 };
    sv_why why = { 0 };
    const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } cases[] = {
        { "a state that is none", 0, SV_TRIAL_STATE__COUNT },
        { "a slot that is none", 1, 2 },
        { "more writes than are tried", 2, SV_TRIAL_WRITES_MAX + 1 },
        { "more reboots than are asked for", 3, SV_TRIAL_REBOOTS_MAX + 1 },
        { "a verdict that is none", 4, 3 },
        { "sealed twice", 5, 2 },
        { "more written than the image has", 6 + 3, 1 },
        { "bytes behind the end", SV_JOURNAL_BYTES - 1, 1 },
        { "a name after its end", 58 + 20, 'x' },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        uint8_t bytes[SV_JOURNAL_BYTES];
        sv_journal_write(&journal, bytes);
        bytes[cases[i].at] = cases[i].value;
        if (sv_journal_read(bytes, &read, &why) != SV_ERR_INVALID) {
            fail_msg("taken: %s", cases[i].what);
        }
        assert_int_equal(read.report_next, 99);
    }
}

static void bad_images_are_remembered_and_the_oldest_makes_room(void **state) { // [slot-11]
    (void) state;
    sv_journal journal = full();
    const uint8_t oldest[SV_BOOT_DIGEST_BYTES] = { 0, 9 };
    const uint8_t next[SV_BOOT_DIGEST_BYTES] = { 1, 9 };
    const uint8_t newest[SV_BOOT_DIGEST_BYTES] = { 77 };
    assert_true(sv_journal_is_bad(&journal, oldest));
    sv_journal_add_bad(&journal, oldest); // once more: it is the newest now
    assert_int_equal(journal.bad_count, SV_JOURNAL_BAD_MAX);
    sv_journal_add_bad(&journal, newest);
    assert_int_equal(journal.bad_count, SV_JOURNAL_BAD_MAX);
    assert_true(sv_journal_is_bad(&journal, oldest));
    assert_false(sv_journal_is_bad(&journal, next));
    sv_journal_forget_bad(&journal, newest);
    assert_false(sv_journal_is_bad(&journal, newest));
    assert_int_equal(journal.bad_count, SV_JOURNAL_BAD_MAX - 1);
}

static void reports_have_numbers_and_those_that_made_room_are_counted(void **state) { // [slot-11]
    (void) state;
    sv_journal journal = full();
    assert_int_equal(journal.reports[0].number, 1);
    sv_journal_note(&journal);
    assert_int_equal(journal.report_count, SV_JOURNAL_REPORTS_MAX);
    assert_int_equal(journal.reports_lost, 1);
    assert_int_equal(journal.reports[0].number, 2);
    sv_journal_delivered(&journal, 0);
    assert_int_equal(journal.report_count, SV_JOURNAL_REPORTS_MAX);
    sv_journal_delivered(&journal, 8);
    assert_int_equal(journal.report_count, 1);
    assert_int_equal(journal.reports[0].number, 9);
    sv_journal_delivered(&journal, UINT64_MAX);
    assert_int_equal(journal.report_count, 0);
    assert_int_equal(journal.reports_lost, 1);
}

static void a_roll_back_is_remembered_of_the_image(void **state) { // [slot-11]
    (void) state;
    sv_journal journal = { .trial = { .state = SV_TRIAL_FAILED, .release = { .digest = { 5 } } } };
    sv_journal_note(&journal);
    assert_false(sv_journal_is_bad(&journal, journal.trial.release.digest));
    journal.trial.state = SV_TRIAL_ROLLED_BACK;
    sv_journal_note(&journal);
    assert_true(sv_journal_is_bad(&journal, journal.trial.release.digest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_reads_back_as_it_was_written),
        cmocka_unit_test(a_journal_without_actions_is_one_of_none),
        cmocka_unit_test(what_no_journal_says_is_refused),
        cmocka_unit_test(bad_images_are_remembered_and_the_oldest_makes_room),
        cmocka_unit_test(reports_have_numbers_and_those_that_made_room_are_counted),
        cmocka_unit_test(a_roll_back_is_remembered_of_the_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
