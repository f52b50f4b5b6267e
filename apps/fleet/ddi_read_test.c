#include "ddi_read.h"

#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>

static sv_action_word read_word(const char *status, sv_action_state now, sv_ddi_heard *heard) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(4096);
    sv_why why = { 0 };
    sv_textbuf_addf(&body, "{\"id\":\"7\",\"time\":\"20261129T071500\",\"status\":%s}", status);
    if (sv_ddi_feedback_read(sv_textbuf_text(&body), heard, &why) != SV_OK) {
        fail_msg("%s: %s", status, why.text);
    }
    return sv_ddi_word(heard, now);
}

// [ddi-6] What Debian's swupdate sends, in this order.
static void what_swupdate_says_is_understood(void **state) {
    (void) state;
    static const struct {
        const char *status;
        sv_action_state now;
        sv_action_said said;
        sv_action_class by;
    } CASES[] = {
        { "{\"result\":{\"progress\":{\"cnt\":0,\"of\":1},\"finished\":\"none\"},\"execution\":"
          "\"proceeding\",\"details\":[\"Installing Update Chunk Artifacts.\"]}",
          SV_ACTION_NOTIFIED, SV_SAID_DOWNLOADING, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":1,\"of\":0},\"finished\":\"none\"},\"execution\":"
          "\"proceeding\",\"details\":[\"a\",\"b\"]}",
          SV_ACTION_DOWNLOADING, SV_SAID_NOTHING, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":1,\"of\":1},\"finished\":\"none\"},\"execution\":"
          "\"proceeding\",\"details\":[\"All Chunks Installed.\"]}",
          SV_ACTION_DOWNLOADING, SV_SAID_INSTALLED, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":0,\"of\":0},\"finished\":\"none\"},\"execution\":"
          "\"proceeding\",\"details\":[\"Update Installed, Testing Pending.\"]}",
          SV_ACTION_INSTALLED, SV_SAID_NOTHING, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":0,\"of\":0},\"finished\":\"success\"},\"execution\":"
          "\"closed\",\"details\":[\"Update Installed.\"]}",
          SV_ACTION_INSTALLED, SV_SAID_SUCCESS, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":0,\"of\":0},\"finished\":\"failure\"},\"execution\":"
          "\"closed\",\"details\":[\"Update Failed.\"]}",
          SV_ACTION_INSTALLED, SV_SAID_FAILURE, SV_ACTION_FINE },
        { "{\"result\":{\"progress\":{\"cnt\":0,\"of\":1},\"finished\":\"failure\"},\"execution\":"
          "\"closed\",\"details\":[ ]}",
          SV_ACTION_DOWNLOADING, SV_SAID_FAILURE, SV_ACTION_FINE },
        { "{\"result\":{\"finished\":\"failure\"},\"execution\":\"closed\","
          "\"details\":[\"Failed to DOWNLOAD bundle\"]}",
          SV_ACTION_DOWNLOADING, SV_SAID_FAILURE, SV_ACTION_BY_DOWNLOAD },
        { "{\"execution\":\"rejected\"}", SV_ACTION_NOTIFIED, SV_SAID_REFUSED, SV_ACTION_FINE },
        { "{\"execution\":\"download\"}", SV_ACTION_NOTIFIED, SV_SAID_DOWNLOADING, SV_ACTION_FINE },
        { "{\"execution\":\"downloaded\"}", SV_ACTION_DOWNLOADING, SV_SAID_VERIFIED,
          SV_ACTION_FINE },
        { "{\"execution\":\"scheduled\"}", SV_ACTION_NOTIFIED, SV_SAID_NOTHING, SV_ACTION_FINE },
        { "{\"execution\":\"resumed\"}", SV_ACTION_NOTIFIED, SV_SAID_NOTHING, SV_ACTION_FINE },
        { "{\"execution\":\"canceled\"}", SV_ACTION_NOTIFIED, SV_SAID_FAILURE, SV_ACTION_FINE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
        sv_action_word word = read_word(CASES[i].status, CASES[i].now, &heard);
        if (word.said != CASES[i].said || word.by != CASES[i].by) {
            fail_msg("case %zu: said %d by %d", i, (int) word.said, (int) word.by);
        }
    }
}

// [ddi-7]
static void what_our_agent_says_is_taken_by_its_state(void **state) {
    (void) state;
    static const struct {
        const char *ours, *execution, *finished;
        sv_action_state now;
        sv_action_said said;
        sv_action_class by;
    } CASES[] = {
        { "notified", "proceeding", "none", SV_ACTION_WAITING, SV_SAID_SEEN, SV_ACTION_FINE },
        { "downloading", "proceeding", "none", SV_ACTION_NOTIFIED, SV_SAID_DOWNLOADING,
          SV_ACTION_FINE },
        { "verified", "proceeding", "none", SV_ACTION_DOWNLOADING, SV_SAID_VERIFIED,
          SV_ACTION_FINE },
        { "installed", "proceeding", "none", SV_ACTION_VERIFIED, SV_SAID_INSTALLED,
          SV_ACTION_FINE },
        { "trial", "proceeding", "none", SV_ACTION_INSTALLED, SV_SAID_TRIAL, SV_ACTION_FINE },
        { "confirmed", "closed", "success", SV_ACTION_TRIAL, SV_SAID_SUCCESS, SV_ACTION_FINE },
        { "rolled-back", "closed", "failure", SV_ACTION_TRIAL, SV_SAID_ROLLED_BACK,
          SV_ACTION_FINE },
        { "refused", "closed", "failure", SV_ACTION_NOTIFIED, SV_SAID_REFUSED, SV_ACTION_FINE },
        { "failed", "closed", "failure", SV_ACTION_DOWNLOADING, SV_SAID_FAILURE,
          SV_ACTION_BY_DOWNLOAD },
        { "failed", "closed", "failure", SV_ACTION_VERIFIED, SV_SAID_FAILURE, SV_ACTION_FINE },
        { "failed", "closed", "failure", SV_ACTION_INSTALLED, SV_SAID_FAILURE,
          SV_ACTION_BY_INSTALL },
        { "brand-new", "proceeding", "none", SV_ACTION_TRIAL, SV_SAID_NOTHING, SV_ACTION_FINE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char status[512];
        SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
        (void) snprintf(status, sizeof status,
                        "{\"execution\":\"%s\",\"result\":{\"finished\":\"%s\"},\"selvedge\":"
                        "{\"state\":\"%s\",\"bytes\":5,\"of\":9,\"why\":\"so\"}}",
                        CASES[i].execution, CASES[i].finished, CASES[i].ours);
        sv_action_word word = read_word(status, CASES[i].now, &heard);
        if (word.said != CASES[i].said || word.by != CASES[i].by) {
            fail_msg("%s in %d: said %d by %d", CASES[i].ours, (int) CASES[i].now, (int) word.said,
                     (int) word.by);
        }
        assert_int_equal(word.bytes, 5);
        assert_int_equal(word.of, 9);
        assert_true(sv_text_is(word.why, "so"));
    }
}

// [ddi-5]
// [action-2] The journal tells of the way there when the machine has started again.
static void what_was_written_down_before_sets_nobody_back(void **state) {
    (void) state;
    static const struct {
        const char *ours;
        sv_action_state now;
        sv_action_said said;
    } CASES[] = {
        { "\"state\":\"downloading\",\"number\":2", SV_ACTION_INSTALLED, SV_SAID_NOTHING },
        { "\"state\":\"verified\",\"number\":3", SV_ACTION_TRIAL, SV_SAID_NOTHING },
        { "\"state\":\"downloading\",\"number\":2", SV_ACTION_VERIFIED, SV_SAID_NOTHING },
        { "\"state\":\"verified\",\"number\":3", SV_ACTION_VERIFIED, SV_SAID_VERIFIED },
        { "\"state\":\"downloading\",\"number\":2", SV_ACTION_NOTIFIED, SV_SAID_DOWNLOADING },
        { "\"state\":\"verified\",\"number\":3", SV_ACTION_DOWNLOADING, SV_SAID_VERIFIED },
        { "\"state\":\"trial\",\"number\":5", SV_ACTION_INSTALLED, SV_SAID_TRIAL },
        { "\"state\":\"rolled-back\",\"number\":6", SV_ACTION_TRIAL, SV_SAID_ROLLED_BACK },
        // That is now: it writes it once more.
        { "\"state\":\"downloading\",\"bytes\":1,\"of\":2", SV_ACTION_INSTALLED,
          SV_SAID_DOWNLOADING },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
        char status[256];
        (void) snprintf(status, sizeof status, "{\"execution\":\"proceeding\",\"selvedge\":{%s}}",
                        CASES[i].ours);
        assert_int_equal(read_word(status, CASES[i].now, &heard).said, CASES[i].said);
    }
}

static void what_is_no_feedback_is_refused_with_what_is_wrong(void **state) {
    (void) state;
    static const struct {
        const char *body, *says;
    } CASES[] = {
        { "", "" },
        { "[]", "no JSON object" },
        { "{}", "status is no object" },
        { "{\"status\":7}", "status is no object" },
        { "{\"status\":{}}", "execution is missing" },
        { "{\"status\":{\"execution\":1}}", "execution is no text" },
        { "{\"status\":{\"execution\":\"won\"}}", "execution is never 'won'" },
        { "{\"status\":{\"execution\":\"closed\",\"result\":{\"finished\":\"yes\"}}}",
          "finished is never 'yes'" },
        { "{\"status\":{\"execution\":\"closed\",\"execution\":\"closed\"}}", "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
        sv_why why = { 0 };
        assert_int_equal(sv_ddi_feedback_read(sv_text_of(CASES[i].body), &heard, &why),
                         SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].says) == NULL) {
            fail_msg("%s: %s", CASES[i].body, why.text);
        }
    }
}

// [ddi-5] A log is cut, never refused: from its middle.
static void of_many_lines_the_first_and_the_last_are_kept(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    sv_textbuf_add_str(&body, "{\"status\":{\"execution\":\"proceeding\",\"details\":[");
    for (int i = 0; i < 5000; i++) {
        sv_textbuf_addf(&body, "%s\"line %d\"", i > 0 ? "," : "", i);
    }
    sv_textbuf_add_str(&body, ",7,null]}}");
    assert_int_equal(sv_ddi_feedback_read(sv_textbuf_text(&body), &heard, NULL), SV_OK);
    assert_int_equal(heard.line_count, SV_ACTION_LINES_MAX - 2);
    assert_true(sv_text_is(heard.lines[0], "line 0"));
    assert_true(sv_text_is(heard.lines[SV_DDI_FIRST_LINES - 1], "line 19"));
    assert_true(sv_text_is(heard.lines[heard.line_count - 1], "line 4999"));
}

// [ddi-5]
static void what_is_larger_than_a_body_may_be_is_refused(void **state) {
    (void) state;
    char *large = sv_mem_array(SV_DDI_BODY_MAX + 1, 1);
    sv_ddi_heard heard = { 0 };
    sv_why why = { 0 };
    memset(large, ' ', SV_DDI_BODY_MAX + 1);
    const sv_text body = { .at = large, .len = SV_DDI_BODY_MAX + 1 };
    assert_int_equal(sv_ddi_feedback_read(body, &heard, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "are more than"));
    sv_ddi_heard_drop(&heard);
    free(large);
}

// [ddi-8]
static void what_a_device_runs_is_read_from_its_attributes(void **state) {
    (void) state;
    sv_running r = { .slot = "b", .sha256 = "old" };
    assert_int_equal(
        sv_ddi_config_read(
            SV_TEXT("{\"id\":\"\",\"data\":{\"product\":\"press\",\"version\":\"1.1\",\"counter\":"
                    "\"7\",\"sha256\":"
                    "\"ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789\","
                    "\"other\":\"x\",\"timezone\":\"Europe/Berlin\",\"boot\":7}}"),
            &r, NULL),
        SV_OK);
    assert_string_equal(r.product, "press");
    assert_string_equal(r.version, "1.1");
    assert_string_equal(r.timezone, "Europe/Berlin");
    assert_string_equal(r.sha256,
                        "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
    assert_string_equal(r.slot, ""); // whole: it does not say it any more
    assert_string_equal(r.boot, "");
    assert_int_equal(r.counter, 7);
    assert_int_equal(
        sv_ddi_config_read(SV_TEXT("{\"mode\":\"merge\",\"data\":{\"slot\":\"a\"}}"), &r, NULL),
        SV_OK);
    assert_string_equal(r.version, "1.1");
    assert_string_equal(r.slot, "a");
    assert_int_equal(
        sv_ddi_config_read(
            SV_TEXT("{\"mode\":\"remove\",\"data\":{\"slot\":\"\",\"sha256\":\"\"}}"), &r, NULL),
        SV_OK);
    assert_string_equal(r.slot, "");
    assert_string_equal(r.sha256, "");
    assert_string_equal(r.version, "1.1");
}

// [ddi-8]
static void what_is_no_short_printable_text_is_left_out(void **state) {
    (void) state;
    static const char *const VERSIONS[] = {
        "12345678901234567890123456789012345678901234567890123456789012345", "1.1\\n", "\\u007f"
    };
    for (size_t i = 0; i < SV_COUNT(VERSIONS); i++) {
        char body[256];
        sv_running r = { .version = "1.0" };
        (void) snprintf(body, sizeof body, "{\"data\":{\"version\":\"%s\",\"sha256\":\"abc\"}}",
                        VERSIONS[i]);
        assert_int_equal(sv_ddi_config_read(sv_text_of(body), &r, NULL), SV_OK);
        assert_string_equal(r.version, "");
        assert_string_equal(r.sha256, "");
    }
    sv_running r = { 0 };
    assert_int_equal(sv_ddi_config_read(SV_TEXT("{\"data\":[]}"), &r, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_ddi_config_read(SV_TEXT("{\"data\":{},\"mode\":\"x\"}"), &r, NULL),
                     SV_ERR_INVALID);
}

static void what_was_installed_by_hand_is_taken(void **state) {
    (void) state;
    sv_running r = { .version = "1.0", .sha256 = "old", .counter = 4 };
    assert_int_equal(
        sv_ddi_installed_read(SV_TEXT("{\"name\":\"press\",\"version\":\"2.0\"}"), &r, NULL),
        SV_OK);
    assert_string_equal(r.version, "2.0");
    assert_string_equal(r.product, "press");
    assert_string_equal(r.sha256, "");
    assert_int_equal(sv_ddi_installed_read(SV_TEXT("{\"name\":\"press\"}"), &r, NULL),
                     SV_ERR_INVALID);
}

static void a_confirmation_is_a_yes_or_a_no(void **state) {
    (void) state;
    static const struct {
        const char *body;
        sv_err err;
        bool yes;
    } CASES[] = {
        { "{\"confirmation\":\"confirmed\",\"details\":[\"go\"]}", SV_OK, true },
        { "{\"confirmation\":\"denied\",\"code\":-1}", SV_OK, false },
        { "{\"confirmation\":\"maybe\"}", SV_ERR_INVALID, false },
        { "{}", SV_ERR_INVALID, false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
        bool yes = false;
        assert_int_equal(sv_ddi_confirmation_read(sv_text_of(CASES[i].body), &heard, &yes, NULL),
                         CASES[i].err);
        assert_int_equal(yes, CASES[i].yes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_swupdate_says_is_understood),
        cmocka_unit_test(what_our_agent_says_is_taken_by_its_state),
        cmocka_unit_test(what_was_written_down_before_sets_nobody_back),
        cmocka_unit_test(what_is_no_feedback_is_refused_with_what_is_wrong),
        cmocka_unit_test(of_many_lines_the_first_and_the_last_are_kept),
        cmocka_unit_test(what_is_larger_than_a_body_may_be_is_refused),
        cmocka_unit_test(what_a_device_runs_is_read_from_its_attributes),
        cmocka_unit_test(what_is_no_short_printable_text_is_left_out),
        cmocka_unit_test(what_was_installed_by_hand_is_taken),
        cmocka_unit_test(a_confirmation_is_a_yes_or_a_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
