// A device in memory, from the factory on. Who loses power when is powercut_test.c's.
#include "test_device.h"

static release R[5]; ///< by counter
static medium M;
static platter FACTORY;

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&FACTORY, &R[1]);
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    medium_forget_events(&M);
    return 0;
}

static void new_device(device *d) {
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &FACTORY);
    device_on(d, &M);
    d->engine.counter = NULL; // counter_test.c's
}

static void is_ok(sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        fail_msg("%s", why->text);
    }
}

static void start(device *d) {
    sv_why why = { 0 };
    is_ok(device_start(d, false, &why), &why);
    is_ok(sv_engine_wake(&d->engine, &why), &why);
}

/// `counter`'s release is installed and started.
static void installed_and_started(device *d, uint32_t counter) {
    sv_why why = { 0 };
    is_ok(install(&d->engine, &R[counter], &why), &why);
    is_ok(sv_engine_rebooting(&d->engine, &why), &why);
    start(d);
}

static sv_boot_state remembered(device *d) {
    sv_boot_state state;
    assert_int_equal(d->boot.state(d->boot.arg, &state, NULL), SV_OK);
    return state;
}

static void the_first_start_of_a_new_device_is_confirmed(void **state) { // [slot-9]
    (void) state;
    device d;
    new_device(&d);
    start(&d);
    assert_int_equal(d.file.running, 0);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED);
    assert_int_equal(remembered(&d).slots[0].state, SV_BOOT_SLOT_CONFIRMED);
    assert_int_equal(remembered(&d).counter, 1);
}

static void an_update_is_written_read_back_armed_started_and_confirmed(void **state) { // [slot-7]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    is_ok(install(&d.engine, &R[2], &why), &why);
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(remembered(&d).slots[1].tries_left, SV_TRIAL_TRIES);
    assert_int_equal(remembered(&d).counter, 1); // raised by nothing but the proof
    assert_memory_equal(M.now.files[0].data, FACTORY.files[0].data, SLOT_BYTES);
    start(&d);
    assert_int_equal(d.file.running, 1);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_ASK_HEALTH);
    assert_int_equal(remembered(&d).counter, 1);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(remembered(&d).primary, 1);
    assert_int_equal(remembered(&d).counter, 2);
    start(&d);
    assert_int_equal(d.file.running, 1);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_WAIT);
}

static void
what_does_not_prove_itself_is_gone_back_from_and_remembered(void **state) { // [slot-8] [slot-11]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    installed_and_started(&d, 2);
    is_ok(sv_engine_health(&d.engine, false, "no connection", &why), &why);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_REBOOT);
    start(&d);
    assert_int_equal(d.file.running, 0);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_WAIT);
    assert_string_equal(d.engine.journal.trial.why, "no connection");
    assert_int_equal(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "2.0 was tried here and did not prove itself"));
    is_ok(sv_engine_forgive(&d.engine, R[2].said.digest, &why), &why);
    is_ok(install(&d.engine, &R[2], &why), &why);
}

static void who_never_speaks_is_started_three_times(void **state) { // [slot-8]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    is_ok(install(&d.engine, &R[2], &why), &why);
    for (unsigned starts = 0; starts < SV_TRIAL_TRIES; starts++) {
        is_ok(device_start(&d, false, &why), &why);
        assert_int_equal(d.file.running, 1);
    }
    start(&d);
    assert_int_equal(d.file.running, 0);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_true(sv_journal_is_bad(&d.engine.journal, R[2].said.digest));
}

static void what_is_refused_changes_nothing(void **state) { // [slot-12] attacks rows 21 to 25
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    installed_and_started(&d, 3);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    platter before = M.now;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    const struct {
        const char *sentence;
        const uint8_t *header;
        size_t len, flip;
    } cases[] = {
        { "release counter 2, and 3 was confirmed", R[2].header, sizeof header, 0 },
        { "signature is not the key's", R[4].header, sizeof header, 1000 }, // the signature
        { "signature is not the key's", R[4].header, sizeof header, 100 },  // what it says
        { "a key that is not trusted", R[4].header, sizeof header, 930 },   // whose key
        { "there is no boot header", R[4].header, 100, 0 },
        { "there is no boot header", R[4].header, 0, 0 },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        memcpy(header, cases[i].header, sizeof header);
        header[cases[i].flip] ^= cases[i].flip != 0;
        assert_int_equal(sv_engine_offer(&d.engine, header, cases[i].len, "raw", &why),
                         SV_ERR_UNTRUSTED);
        assert_non_null(strstr(why.text, cases[i].sentence));
        assert_memory_equal(&M.now, &before, sizeof before);
    }
    assert_int_equal(sv_engine_write(&d.engine, header, 1, &why), SV_ERR_STATE);
    assert_int_equal(sv_engine_install(&d.engine, &why), SV_ERR_STATE);
    assert_memory_equal(&M.now, &before, sizeof before);
}

static void other_bytes_than_were_signed_are_never_armed(void **state) { // [slot-6] attacks row 26
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    for (unsigned round = 1; round <= SV_TRIAL_WRITES_MAX; round++) {
        is_ok(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why), &why);
        is_ok(push_image(&d.engine, R[3].image, &why), &why);
        assert_int_equal(sv_engine_install(&d.engine, &why), SV_ERR_UNTRUSTED);
        assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_IDLE);
        assert_int_equal(sv_engine_wanted(&d.engine),
                         round < SV_TRIAL_WRITES_MAX ? 0 : IMAGE_BYTES);
    }
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
    // It was the medium's or the sender's fault: the image may come again.
    is_ok(install(&d.engine, &R[2], &why), &why);
}

static void a_slot_that_keeps_other_bytes_is_written_again_and_given_up(
    void **state) { // [slot-6] attacks row 26
    (void) state;
    for (unsigned flips = 1; flips <= 12; flips++) {
        device d;
        sv_why why = { 0 };
        new_device(&d);
        start(&d);
        M.flips = "slot-b";
        M.flips_left = flips;
        is_ok(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why), &why);
        while (sv_engine_next(&d.engine) == SV_TRIAL_WRITE) {
            is_ok(push_image(&d.engine, R[2].image, &why), &why);
            sv_err err = sv_engine_install(&d.engine, &why);
            assert_true(err == SV_OK || err == SV_ERR_UNTRUSTED);
        }
        // Four writes a round, the header's the last.
        bool good = flips <= 8;
        assert_int_equal(d.engine.journal.trial.state, good ? SV_TRIAL_INSTALLED : SV_TRIAL_FAILED);
        assert_int_equal(remembered(&d).slots[1].state,
                         good ? SV_BOOT_SLOT_TRIAL : SV_BOOT_SLOT_IDLE);
    }
}

static void what_lies_there_after_a_cut_is_not_pushed_again(void **state) { // [slot-22]
    (void) state;
    device d;
    sv_why why = { 0 };
    uint8_t there[IMAGE_BYTES];
    for (unsigned lie = 0; lie < 2; lie++) {
        new_device(&d);
        start(&d);
        is_ok(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why), &why);
        is_ok(sv_engine_write(&d.engine, R[2].image, 1500, &why), &why); // not flushed yet
        M.now.files[1].data[1200] ^= (uint8_t) lie;
        start(&d);
        assert_int_equal(sv_engine_skip(&d.engine, 1, &why), SV_ERR_STATE); // nothing was offered
        is_ok(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why), &why);
        assert_int_equal(sv_engine_wanted(&d.engine), 0);
        is_ok(sv_engine_there(&d.engine, 0, there, 1500, &why), &why);
        assert_int_equal(memcmp(there, R[2].image, 1500) != 0, lie);
        assert_int_equal(sv_engine_there(&d.engine, 1, there, IMAGE_BYTES, &why), SV_ERR_INVALID);
        assert_int_equal(sv_engine_skip(&d.engine, IMAGE_BYTES + 1, &why), SV_ERR_INVALID);
        is_ok(sv_engine_skip(&d.engine, 1500, &why), &why);
        assert_int_equal(sv_engine_wanted(&d.engine), 1500);
        is_ok(push_image(&d.engine, R[2].image, &why), &why);
        // Who skips what is not there finds out.
        assert_int_equal(sv_engine_install(&d.engine, &why), lie == 1 ? SV_ERR_UNTRUSTED : SV_OK);
    }
}

static void the_image_in_a_slot_is_read_as_long_as_its_header_says(void **state) { // [slot-22]
    (void) state;
    device d;
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    sv_slot_image image = { .disk = NULL };
    new_device(&d);
    assert_int_equal(d.installer.image(&d.native, 0, &image, NULL), SV_OK);
    assert_int_equal(image.bytes.length, IMAGE_BYTES);
    assert_int_equal(sv_image_digest(&image.bytes, digest, NULL), SV_OK);
    assert_memory_equal(digest, R[1].said.digest, sizeof digest);
    sv_slot_image_drop(&image);
    assert_int_equal(d.installer.image(&d.native, 1, &image, NULL), SV_ERR_NOT_FOUND);
    M.now.files[0].bytes = SV_BOOT_TRAILER_BYTES - 1;
    assert_int_equal(d.installer.image(&d.native, 0, &image, NULL), SV_ERR_NOT_FOUND);
}

static void the_way_back_is_never_written(void **state) { // [slot-7]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    installed_and_started(&d, 2);
    assert_int_equal(sv_engine_offer(&d.engine, R[3].header, sizeof R[3].header, "raw", &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "slot a is the way back"));
    assert_memory_equal(M.now.files[0].data, FACTORY.files[0].data, SLOT_BYTES);
}

static void an_image_that_does_not_fit_leaves_the_slot_alone(void **state) { // [slot-6]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    M.now.files[1].bytes = SV_BOOT_TRAILER_BYTES + IMAGE_BYTES - 1;
    platter before = M.now;
    assert_int_equal(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why),
                     SV_ERR_NO_SPACE);
    assert_string_equal(why.text, "an image of 2500 bytes does not fit into 'slot-b': it has room "
                                  "for 2499");
    assert_memory_equal(&M.now, &before, sizeof before);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_WAIT);
}

/// From wherever it is to the confirmed update; an error as it comes.
static sv_err whole_life(device *d, sv_why *why) {
    const sv_trial *trial = &d->engine.journal.trial;
    SV_TRY(device_start(d, false, why));
    SV_TRY(sv_engine_wake(&d->engine, why));
    if (trial->state < SV_TRIAL_INSTALLED || trial->release.counter < 2) {
        SV_TRY(install(&d->engine, &R[2], why));
    }
    if (trial->state == SV_TRIAL_INSTALLED) {
        SV_TRY(device_start(d, false, why));
        SV_TRY(sv_engine_wake(&d->engine, why));
    }
    return trial->state == SV_TRIAL_TRIAL ? sv_engine_health(&d->engine, true, "", why) : SV_OK;
}

static void every_call_may_fail_and_the_update_goes_on(void **state) { // [slot-13] attacks row 33
    (void) state;
    static const sv_err FAULTS[] = { SV_ERR_IO, SV_ERR_NO_SPACE };
    size_t failures = 0;
    size_t passed_over = 0;
    for (size_t f = 0; f < SV_COUNT(FAULTS); f++) {
        bool done = false;
        for (size_t call = 1; !done; call++) {
            device d;
            sv_why why = { 0 };
            new_device(&d);
            M.fault = FAULTS[f];
            M.fail_at = call;
            M.fail_for = 1;
            sv_err err = whole_life(&d, &why);
            done = M.calls < call;
            M.fail_at = 0;
            if (!done && err == SV_OK) { // a slot that cannot be read for a moment [slot-46]
                assert_int_equal(d.engine.unread.code, SV_ERR_IO);
                passed_over++;
            } else if (!done) { // the call failed, and then it works again
                assert_int_equal(err, FAULTS[f]);
                assert_non_null(strstr(why.text, "the medium fails at call"));
                failures++;
                is_ok(whole_life(&d, &why), &why);
            }
            assert_int_equal(remembered(&d).counter, 2);
            assert_int_equal(remembered(&d).primary, 1);
            assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED);
        }
    }
    assert_true(failures > 100 && passed_over > 0 && passed_over < 10);
}

static void reports_wait_for_their_delivery_and_change_nothing(void **state) { // [slot-11]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    installed_and_started(&d, 2);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    const sv_journal *journal = &d.engine.journal;
    assert_int_equal(journal->report_count, 8);
    assert_int_equal(journal->reports[7].state, SV_TRIAL_CONFIRMED);
    assert_string_equal(journal->reports[7].version, "2.0");
    sv_trial before = journal->trial;
    uint64_t last = journal->reports[7].number;
    start(&d); // nobody took them
    assert_int_equal(journal->report_count, 8);
    assert_memory_equal(&journal->trial, &before, sizeof before);
    is_ok(sv_engine_delivered(&d.engine, last - 1, &why), &why);
    start(&d);
    assert_int_equal(journal->report_count, 1);
    assert_int_equal(journal->reports[0].number, last);
    assert_memory_equal(&journal->trial, &before, sizeof before);
}

static void a_journal_that_is_none_costs_the_journal_alone(void **state) { // [slot-10]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    installed_and_started(&d, 2);
    int journal = platter_find(&M.now, "journal");
    memset(M.now.files[journal].data, 0xee, SV_TWIN_FILE_BYTES);
    start(&d);
    assert_true(d.engine.journal_damaged);
    assert_int_equal(d.file.running, 1);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_ASK_HEALTH);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(remembered(&d).counter, 2);
}

/// With a release of ours, which is on trial itself then, or with something that is not started.
static void what_somebody_else_wrote_is_not_taken_for_what_was_armed(void **state) { // [slot-43]
    (void) state;
    device d;
    for (unsigned way = 0; way < 3; way++) {
        new_device(&d);
        start(&d);
        if (way < 2) {
            assert_int_equal(install(&d.engine, &R[2], NULL), SV_OK);
        } else { // it runs already
            installed_and_started(&d, 2);
        }
        write_over(&M, 1, way == 1 ? NULL : &R[3]);
        start(&d);
        is_written_over(&d, &R[2]);
        assert_int_equal(remembered(&d).counter, 1);
        if (way == 1) {
            assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
            assert_int_equal(d.file.running, 0);
        } else {
            assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_ASK_HEALTH);
            assert_int_equal(sv_engine_health(&d.engine, true, "", NULL), SV_OK);
            assert_int_equal(remembered(&d).counter, 3);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_of_a_new_device_is_confirmed),
        cmocka_unit_test(an_update_is_written_read_back_armed_started_and_confirmed),
        cmocka_unit_test(what_does_not_prove_itself_is_gone_back_from_and_remembered),
        cmocka_unit_test(who_never_speaks_is_started_three_times),
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(other_bytes_than_were_signed_are_never_armed),
        cmocka_unit_test(a_slot_that_keeps_other_bytes_is_written_again_and_given_up),
        cmocka_unit_test(what_lies_there_after_a_cut_is_not_pushed_again),
        cmocka_unit_test(the_image_in_a_slot_is_read_as_long_as_its_header_says),
        cmocka_unit_test(the_way_back_is_never_written),
        cmocka_unit_test(an_image_that_does_not_fit_leaves_the_slot_alone),
        cmocka_unit_test(every_call_may_fail_and_the_update_goes_on),
        cmocka_unit_test(reports_wait_for_their_delivery_and_change_nothing),
        cmocka_unit_test(a_journal_that_is_none_costs_the_journal_alone),
        cmocka_unit_test(what_somebody_else_wrote_is_not_taken_for_what_was_armed),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
