#include "confirm.h"

#include <base/test.h>
#include <stdio.h>

static const sv_text TOPIC = { "sensors/press-1/oil", 19 };

static int start(void **state) {
    *state = sv_agent_confirm_new();
    return 0;
}

static int end(void **state) {
    sv_agent_confirm *confirm = *state;
    sv_agent_confirm_drop(&confirm);
    return 0;
}

static bool add(sv_agent_confirm *confirm, const char *epoch, unsigned seq, int64_t now_us) {
    char payload[160];
    (void) snprintf(payload, sizeof payload,
                    "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\","
                    "\"epoch\":\"%s\",\"seq\":%u}",
                    epoch, seq);
    return sv_agent_confirm_add(confirm, TOPIC, sv_text_of(payload), 100 + seq, now_us);
}

static size_t take(sv_agent_confirm *confirm, const char *payload, int64_t now_us) {
    SV_DEFER(sv_ack_drop) sv_ack ack = { .seq = 0 };
    size_t count = 0;
    assert_int_equal(sv_ack_parse(sv_text_of(payload), &ack, NULL), SV_OK);
    while (sv_agent_confirm_take(confirm, &ack, now_us) != 0) {
        count++;
    }
    return count;
}

static void a_message_covers_its_epoch_up_to_its_number(void **state) { // [ack-2]
    sv_agent_confirm *confirm = *state;
    for (unsigned i = 1; i <= 4; i++) {
        assert_true(add(confirm, i == 2 ? "old" : "new", i, 0));
    }
    assert_int_equal(take(confirm, "{\"epoch\":\"new\",\"seq\":3}", 1), 2);
    assert_int_equal(take(confirm, "{\"epoch\":\"new\",\"seq\":3}", 1), 0);
    assert_int_equal(take(confirm, "{\"epoch\":\"old\",\"seq\":0,\"numbers\":\"2\"}", 1), 1);
    assert_int_equal(take(confirm, "{\"epoch\":\"new\",\"seq\":9}", 1), 1);
}

static void what_has_no_number_is_not_kept(void **state) { // [ack-3]
    sv_agent_confirm *confirm = *state;
    const sv_text plain =
        SV_TEXT("{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}");
    assert_false(sv_agent_confirm_add(confirm, TOPIC, plain, 1, 0));
    assert_false(sv_agent_confirm_add(confirm, SV_TEXT("health/press-1"), SV_TEXT("{}"), 1, 0));
    assert_false(sv_agent_confirm_at_broker(confirm, 1));
    for (unsigned i = 0; i < SV_AGENT_CONFIRM_MAX; i++) {
        assert_true(add(confirm, "e", i + 1, 0));
    }
    assert_false(add(confirm, "e", SV_AGENT_CONFIRM_MAX + 1, 0));
}

/// Whether it is due at `now_us`, and not a moment before.
static sv_agent_confirm_step due_at(sv_agent_confirm *confirm, int64_t now_us) {
    sv_agent_due due;
    assert_int_equal(sv_agent_confirm_due(confirm, now_us - 1, &due), SV_AGENT_CONFIRM_NOTHING);
    sv_agent_confirm_step step = sv_agent_confirm_due(confirm, now_us, &due);
    if (step == SV_AGENT_CONFIRM_SEND) {
        assert_true(sv_text_eq(due.topic, TOPIC));
    }
    assert_int_equal(due.token, 101);
    return step;
}

static void what_the_broker_has_is_due_after_longer_and_longer(void **state) { // [ack-2]
    sv_agent_confirm *confirm = *state;
    int64_t now_us = 0;
    sv_agent_due due;
    assert_true(add(confirm, "e", 1, now_us));
    assert_int_equal(sv_agent_confirm_due(confirm, INT64_MAX, &due), SV_AGENT_CONFIRM_NOTHING);
    for (unsigned sends = 1; sends < SV_AGENT_CONFIRM_SENDS; sends++) {
        assert_true(sv_agent_confirm_at_broker(confirm, 101));
        now_us += SV_AGENT_CONFIRM_US << (sends - 1);
        assert_int_equal(due_at(confirm, now_us), SV_AGENT_CONFIRM_SEND);
    }
    // A gateway that says nothing may be away: no end to it.
    for (unsigned i = 0; i < 3; i++) {
        assert_true(sv_agent_confirm_at_broker(confirm, 101));
        now_us += SV_AGENT_CONFIRM_US << (SV_AGENT_CONFIRM_SENDS - 1);
        assert_int_equal(due_at(confirm, now_us), SV_AGENT_CONFIRM_SEND);
    }
    // One that tells of others does not take this one.
    assert_true(sv_agent_confirm_at_broker(confirm, 101));
    assert_int_equal(take(confirm, "{\"epoch\":\"e\",\"seq\":0}", now_us + 1), 0);
    now_us += SV_AGENT_CONFIRM_US << (SV_AGENT_CONFIRM_SENDS - 1);
    assert_int_equal(due_at(confirm, now_us), SV_AGENT_CONFIRM_GIVE_UP);
    assert_false(sv_agent_confirm_at_broker(confirm, 101));
}

static void after_a_new_connection_what_the_broker_had_is_due_at_once(void **state) { // [ack-2]
    sv_agent_confirm *confirm = *state;
    sv_agent_due due;
    assert_true(add(confirm, "e", 1, 0));
    assert_true(add(confirm, "e", 2, 0));
    assert_true(sv_agent_confirm_at_broker(confirm, 101));
    sv_agent_confirm_again(confirm);
    assert_int_equal(sv_agent_confirm_due(confirm, 1, &due), SV_AGENT_CONFIRM_SEND);
    assert_int_equal(due.token, 101);
    // The other one is the MQTT client's to send again.
    assert_int_equal(sv_agent_confirm_due(confirm, 1, &due), SV_AGENT_CONFIRM_NOTHING);
}

#define WITH_CONFIRM(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CONFIRM(a_message_covers_its_epoch_up_to_its_number),
        WITH_CONFIRM(what_has_no_number_is_not_kept),
        WITH_CONFIRM(what_the_broker_has_is_due_after_longer_and_longer),
        WITH_CONFIRM(after_a_new_connection_what_the_broker_had_is_due_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
