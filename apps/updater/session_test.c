// Whole updates in memory: at every failing call, and with every want answered wrongly.
#include "session_fixture.h"

#include <base/test.h>

static void say_healthy(fixture *f) {
    const sv_updater_message healthy = { .verb = SV_UPDATER_HEALTH, .health = { .healthy = true } };
    sv_updater_message answer;
    fixture_do(f, &healthy, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_STATUS);
    assert_int_equal(answer.status.state, SV_TRIAL_CONFIRMED);
}

/// Checks, starts and confirms until the second release runs for good.
static void go_on(fixture *f) {
    sv_updater_message answer;
    for (int i = 0; i < 4 && f->u.seen.boot.counter < 2; i++) {
        fixture_start(f);
        if (sv_engine_next(&f->engine) == SV_TRIAL_ASK_HEALTH) {
            say_healthy(f);
        } else if (f->u.seen.boot.counter < 2) {
            assert_int_equal(fixture_check(f, &answer), SV_UPDATER_REBOOT);
        }
    }
    assert_int_equal(f->u.seen.boot.counter, 2);
    assert_string_equal(f->u.seen.slots[f->u.seen.running].version, "2.0.0");
}

static void a_whole_update(void **state) { // [updater-4] [updater-7]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    fixture_begin(&f, &door);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    assert_int_equal(answer.number, 3);
    assert_memory_equal(f.engine.journal.trial.release.encoding, "delta:", 6);
    go_on(&f);
    fixture_end(&f);
}

static void every_call_to_the_disk_may_fail(void **state) { // [updater-17]
    (void) state;
    static fixture f;
    const sv_err faults[] = { SV_ERR_IO, SV_ERR_NO_SPACE };
    for (size_t which = 0; which < 4; which++) {
        bool failed = true;
        size_t n = 0;
        while (failed) {
            sv_updater_message answer;
            fixture_begin(&f, &door);
            fake_disk *disk = which < 2 ? &f.state : &f.slots;
            disk->calls = 0;
            disk->fail_at = ++n;
            disk->fault = faults[which % 2];
            uint8_t verb = fixture_check(&f, &answer);
            failed = disk->calls >= n;
            disk->fail_at = 0;
            if (verb == SV_UPDATER_REFUSED) {
                assert_true(failed);
                assert_int_equal(answer.refused.err, disk->fault);
                fixture_holds(&f);
                // And without a start in between.
                assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
            } else {
                assert_int_equal(verb, SV_UPDATER_REBOOT);
            }
            go_on(&f);
            fixture_end(&f);
        }
        assert_true(n > 20);
    }
}

/// At the n-th answer something else is said.
typedef struct slip {
    size_t at, count;
    unsigned kind;
} slip;

enum { SLIPS = 9 };

static bool slip_in(void *arg, fixture *f, sv_updater_message *out, sv_err *err) {
    static char room[SV_UPDATER_PIECE_MAX];
    slip *s = arg;
    sv_text all = fixture_wanted(f);
    size_t left = all.len - (size_t) f->given;
    size_t take = left < sizeof room ? left : sizeof room;
    if (++s->count != s->at) {
        return false;
    }
    out->verb = SV_UPDATER_GIVE;
    out->give = (sv_updater_give){ .offset = f->given, .last = take == left };
    out->give.bytes = (sv_text){ .at = room, .len = take };
    if (all.at != NULL && take > 0) {
        memcpy(room, all.at + f->given, take);
    }
    switch (s->kind) {
    case 0:
        out->verb = SV_UPDATER_ABSENT;
        break;
    case 1:
        *out = (sv_updater_message){ .verb = SV_UPDATER_FAILED, .number = f->want.number };
        out->failed.err = SV_ERR_UNAVAILABLE;
        break;
    case 2:
        *err = SV_ERR_UNAVAILABLE;
        break;
    case 3:
        *err = SV_ERR_INVALID;
        break;
    case 4:
        out->number++;
        break;
    case 5:
        out->give.offset++;
        break;
    case 6:
        room[take / 2] ^= 1;
        f->given += take;
        break;
    case 7: // ends too soon
        out->give.last = true;
        out->give.bytes.len = take / 2;
        break;
    default: // more than there is
        memset(room, 'x', sizeof room);
        out->give.bytes.len = sizeof room;
        out->give.last = true;
        f->given += take;
        break;
    }
    return true;
}

static void whatever_is_answered_nothing_unsigned_is_armed(void **state) { // [updater-16]
    (void) state;
    static fixture f;
    for (unsigned kind = 0; kind < SLIPS; kind++) {
        for (size_t at = 1;; at++) {
            sv_updater_message answer;
            slip s = { .at = at, .kind = kind };
            fixture_begin(&f, &door);
            f.instead = slip_in;
            f.instead_arg = &s;
            uint8_t verb = fixture_check(&f, &answer);
            bool slipped = s.count >= at;
            fixture_holds(&f);
            // That a root follows may be denied, and what ends too soon may be all of it.
            if (slipped && verb != SV_UPDATER_REFUSED) {
                assert_true(kind == 0 && f.want.number > 0);
            }
            f.instead = NULL;
            if (verb == SV_UPDATER_REFUSED) {
                assert_true(answer.refused.why[0] != '\0');
                assert_int_equal(f.u.broken, kind >= 3 && kind <= 5);
                assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
            }
            go_on(&f);
            fixture_end(&f);
            if (!slipped) {
                break;
            }
        }
    }
}

static bool brings_nothing(void *arg, fixture *f, sv_updater_message *out, sv_err *err) {
    (void) err;
    // One byte in each waiting time.
    size_t *bytes = arg;
    f->now_us += 600;
    *out = (sv_updater_message){ .verb = SV_UPDATER_GIVE, .number = f->want.number };
    out->give = (sv_updater_give){ .offset = f->given++, .bytes = SV_TEXT("{") };
    ++*bytes;
    return true;
}

static void an_agent_that_drips_is_not_waited_for(void **state) { // [updater-15]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    size_t bytes = 0;
    fixture_begin(&f, &door);
    f.instead = brings_nothing;
    f.instead_arg = &bytes;
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
    assert_int_equal(answer.refused.err, SV_ERR_UNAVAILABLE);
    assert_int_equal(bytes, 2);
    fixture_end(&f);
}

static int64_t told_us;

static int64_t believe_what_was_told(void) {
    return told_us > FIXTURE_NOW_US ? told_us : FIXTURE_NOW_US;
}

static void tell_that_all_has_ended(int64_t at_us) {
    (void) at_us;
    told_us = FIXTURE_HEAD.expires_us + 1;
}

static void what_the_director_signed_counts_in_the_same_check(void **state) { // [updater-9]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    fixture_begin(&f, &door);
    f.u.believed_us = believe_what_was_told;
    f.u.signed_us = tell_that_all_has_ended;
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
    assert_memory_equal(answer.refused.why, "image repository: ", strlen("image repository: "));
    fixture_end(&f);
}

static void an_update_that_another_one_replaces_has_failed(void **state) { // [updater-4]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    const sv_updater_message held = { .verb = SV_UPDATER_CHECK, .check = { .hold = true } };
    fixture_begin(&f, &door);
    fixture_do(&f, &held, &answer);
    assert_int_equal(answer.idle, SV_UPDATER_HELD);
    f.engine.journal.trial.release.digest[0] ^= 1; // as if it had been another one
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    const sv_journal *journal = &f.engine.journal;
    unsigned failed = 0;
    for (unsigned i = 0; i < journal->report_count; i++) {
        failed += journal->reports[i].state == SV_TRIAL_FAILED
                  && strcmp(journal->reports[i].why, "another one is assigned instead") == 0;
    }
    assert_int_equal(failed, 1);
    assert_int_equal(journal->bad_count, 0);
    go_on(&f);
    fixture_end(&f);
}

/// Which attempt a report tells of is noted with it; what lies there goes on for another one.
static void a_report_says_which_action_it_tells_of(void **state) { // [updater-18]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    sv_updater_message check = { .verb = SV_UPDATER_CHECK, .check = { .hold = true, .action = 7 } };
    fixture_begin(&f, &door);
    fixture_do(&f, &check, &answer);
    assert_int_equal(answer.idle, SV_UPDATER_HELD);
    fixture_start(&f);
    check.check = (sv_updater_check){ .action = 8 };
    fixture_do(&f, &check, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_REBOOT);
    fixture_start(&f);
    sv_updater_status status;
    updater_status(&f.u, f.now_us, &status);
    assert_int_equal(status.action, 8);
    for (unsigned i = 0; i < status.report_count; i++) {
        assert_int_equal(status.reports[i].action,
                         status.reports[i].state < SV_TRIAL_INSTALLED ? 7 : 8);
    }
    assert_int_equal(status.reports[status.report_count - 1].state, SV_TRIAL_TRIAL);
    fixture_end(&f);
}

/// At every failing call too: the old release goes on, and the update can be had again.
static void what_is_armed_and_withdrawn_is_not_started(void **state) { // [updater-19]
    (void) state;
    const sv_updater_message withdraw = { .verb = SV_UPDATER_WITHDRAW };
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        static fixture f;
        sv_updater_message answer;
        fixture_begin(&f, &door);
        assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
        f.state.calls = 0;
        f.state.fail_at = n;
        f.state.fault = SV_ERR_IO;
        fixture_do(&f, &withdraw, &answer);
        failed = f.state.calls >= n;
        f.state.fail_at = 0;
        fixture_holds(&f);
        if (!failed) {
            assert_int_equal(answer.verb, SV_UPDATER_STATUS);
            assert_int_equal(answer.status.state, SV_TRIAL_FAILED);
            assert_int_equal(answer.status.bad_count, 0);
            assert_string_equal(answer.status.why, "it was canceled before it was started");
            fixture_start(&f);
            assert_int_equal(f.u.seen.running, 0);
            fixture_do(&f, &withdraw, &answer); // nothing is under way
            assert_int_equal(answer.refused.err, SV_ERR_STATE);
            assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
        }
        go_on(&f);
        fixture_end(&f);
    }
}

static void a_status_says_which_start_it_is_of(void **state) { // [updater-20]
    (void) state;
    static fixture f;
    sv_updater_status before;
    sv_updater_status after;
    fixture_begin(&f, &door);
    updater_status(&f.u, f.now_us + 5000, &before);
    assert_int_equal(before.start_ms, 5);
    f.now_us += 60 * SV_TIME_SECOND_US;
    fixture_start(&f);
    updater_status(&f.u, f.now_us, &after);
    assert_int_equal(after.start_ms, 0);
    assert_int_not_equal(after.start, before.start);
    fixture_end(&f);
}

/// Also when the journal has forgotten it: each state once, in order, with its action.
static void what_updates_came_to_is_remembered(void **state) { // [updater-21]
    (void) state;
    static const uint8_t STATES[] = {
        SV_TRIAL_NOTIFIED,  SV_TRIAL_DOWNLOADING, SV_TRIAL_VERIFIED,
        SV_TRIAL_INSTALLED, SV_TRIAL_TRIAL,       SV_TRIAL_ROLLED_BACK
    };
    static fixture f;
    sv_updater_message answer;
    const sv_updater_message check = { .verb = SV_UPDATER_CHECK, .check = { .action = 7 } };
    const sv_updater_message ill = { .verb = SV_UPDATER_HEALTH, .health = { .why = "hot" } };
    const sv_updater_message delivered = { .verb = SV_UPDATER_DELIVERED, .delivered = UINT64_MAX };
    const sv_updater_message history = { .verb = SV_UPDATER_HISTORY };
    fixture_begin(&f, &door);
    fixture_do(&f, &history, &answer);
    size_t before = answer.entries.count;
    fixture_do(&f, &check, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_REBOOT);
    fixture_start(&f);
    fixture_do(&f, &ill, &answer);
    fixture_start(&f);
    fixture_do(&f, &delivered, &answer);
    assert_int_equal(answer.status.report_count, 0);
    fixture_start(&f);
    fixture_do(&f, &history, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_ENTRIES);
    assert_int_equal(answer.entries.count, before + SV_COUNT(STATES));
    for (size_t i = 0; i < SV_COUNT(STATES); i++) {
        sv_history_entry entry;
        assert_int_equal(sv_history_entry_read(f.u.entries[before + i], &entry, NULL), SV_OK);
        assert_int_equal(entry.report.state, STATES[i]);
        assert_int_equal(entry.report.action, 7);
        assert_int_equal(entry.at_us, FIXTURE_NOW_US);
    }
    fixture_end(&f);
}

static void a_history_that_cannot_be_kept_stops_nothing(void **state) { // [updater-21]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    fixture_begin(&f, &door);
    fake_file *file = fake_find(&f.state, "history");
    if (file == NULL) {
        file = fake_make(&f.state, "history", 1);
    }
    memset(file->data, 'x', (size_t) file->bytes);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    go_on(&f);
    fixture_end(&f);
}

static void what_runs_on_trial_is_not_withdrawn(void **state) { // [updater-19]
    (void) state;
    static fixture f;
    const sv_updater_message withdraw = { .verb = SV_UPDATER_WITHDRAW };
    sv_updater_message answer;
    fixture_begin(&f, &door);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    fixture_start(&f);
    fixture_do(&f, &withdraw, &answer);
    assert_int_equal(answer.refused.err, SV_ERR_STATE);
    assert_int_equal(sv_engine_next(&f.engine), SV_TRIAL_ASK_HEALTH);
    go_on(&f);
    fixture_end(&f);
}

static void nothing_is_armed_for_who_has_gone(void **state) { // [updater-2] [updater-4]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    fixture_begin(&f, &door);
    f.gone = true;
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
    assert_int_equal(answer.refused.err, SV_ERR_UNAVAILABLE);
    assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    fixture_start(&f);
    assert_int_equal(f.u.seen.running, 0);
    f.gone = false;
    f.gone_at = f.asked_there + 2; // while it was placed
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
    assert_int_equal(f.asked_there, f.gone_at);
    assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    fixture_start(&f);
    assert_int_equal(f.u.seen.running, 0);
    f.gone_at = 0; // what was written stays
    size_t wants = f.wants;
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    assert_true(f.wants > wants);
    assert_int_equal(f.want.want.kind, SV_UPDATER_METADATA);
    go_on(&f);
    fixture_end(&f);
}

static void what_is_held_is_read_back_and_armed_by_the_next(void **state) { // [updater-4]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    const sv_updater_message held = { .verb = SV_UPDATER_CHECK, .check = { .hold = true } };
    fixture_begin(&f, &door);
    for (int i = 0; i < 2; i++) {
        fixture_do(&f, &held, &answer);
        assert_int_equal(answer.verb, SV_UPDATER_IDLE);
        assert_int_equal(answer.idle, SV_UPDATER_HELD);
        assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    }
    assert_int_equal(f.want.want.kind, SV_UPDATER_METADATA); // nothing else came again
    fixture_start(&f);
    assert_int_equal(f.u.seen.running, 0);
    go_on(&f);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_update),
        cmocka_unit_test(every_call_to_the_disk_may_fail),
        cmocka_unit_test(whatever_is_answered_nothing_unsigned_is_armed),
        cmocka_unit_test(an_agent_that_drips_is_not_waited_for),
        cmocka_unit_test(what_the_director_signed_counts_in_the_same_check),
        cmocka_unit_test(an_update_that_another_one_replaces_has_failed),
        cmocka_unit_test(a_report_says_which_action_it_tells_of),
        cmocka_unit_test(what_is_armed_and_withdrawn_is_not_started),
        cmocka_unit_test(a_status_says_which_start_it_is_of),
        cmocka_unit_test(what_updates_came_to_is_remembered),
        cmocka_unit_test(a_history_that_cannot_be_kept_stops_nothing),
        cmocka_unit_test(what_runs_on_trial_is_not_withdrawn),
        cmocka_unit_test(nothing_is_armed_for_who_has_gone),
        cmocka_unit_test(what_is_held_is_read_back_and_armed_by_the_next),
    };
    return cmocka_run_group_tests(tests, make_door, drop_door);
}
