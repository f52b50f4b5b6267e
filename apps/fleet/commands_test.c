#include "commands.h"

#include "fleet_fixture.h"

#include <net/test.h>

enum { LIST_MAX = 4 * 1024 * 1024 };

#define ID "0123456789abcdef0123456789abcdef"

static sv_device *device_of(fixture *f, const char *gateway, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
    return device;
}

/// ada asks press-1 for `name`; its id goes to `id`.
static void ask(fixture *f, const char *name, char id[SV_COMMAND_ID_ROOM]) {
    sv_command command = { .device = device_of(f, "gw-a", "press-1"),
                           .name = sv_text_of(name),
                           .within_s = 60,
                           .user = "ada" };
    assert_int_equal(sv_downlink_command(&f->fleet, &command, SV_TEXT("{\"speed\": 7}"), NULL),
                     SV_OK);
    memcpy(id, command.id, SV_COMMAND_ID_ROOM);
}

/// How many items were refused.
static int64_t tell(fixture *f, const char *gateway, const char *items) {
    char body[8192];
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t refused = 0;
    (void) snprintf(body, sizeof body, "{\"items\":[%s]}", items);
    assert_int_equal(
        sv_commands_take(&f->fleet, fixture_gateway(f, gateway), sv_text_of(body), &answer, NULL),
        SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&answer), &root, NULL, NULL), SV_OK);
    (void) sv_json_int(sv_json_get(root, "refused"), &refused);
    return refused;
}

static int64_t tell_state(fixture *f, const char *gateway, const char *id, const char *device,
                          const char *state, const char *more) {
    char item[2048];
    (void) snprintf(item, sizeof item,
                    "{\"id\":\"%s\",\"device_id\":\"%s\",\"name\":\"stop\",\"payload\":null,"
                    "\"at\":1799999999000,\"until\":1800000060000,\"state\":\"%s\"%s}",
                    id, device, state, more);
    return tell(f, gateway, item);
}

/// The command as JSON must hold `part`.
static void must_show(fixture *f, const char *id, const char *part) {
    char room[8192] = "";
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_commands_write(&f->fleet, sv_text_of(id), &out, NULL, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    if (strstr(room, part) == NULL) {
        fail_msg("no %s in %s", part, room);
    }
}

// [command-9]
static void a_commands_life_goes_forward_only(void **state) {
    fixture *f = *state;
    char id[SV_COMMAND_ID_ROOM];
    ask(f, "stop", id);
    must_show(f, id, "\"payload\":{\"speed\":7}");
    must_show(f, id, "\"by\":\"ada\",\"state\":\"queued\"");
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "sent", ",\"sent\":1800000000100"), 0);
    must_show(f, id, "\"state\":\"sent\"");
    must_show(f, id, "\"sent_at\":1800000000100");
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "answered",
                                ",\"ended\":1800000000200,\"answer\":{\"ok\":true}"),
                     0);
    must_show(f, id, "\"state\":\"answered\"");
    must_show(f, id, "\"sent_at\":1800000000100,\"ended_at\":1800000000200");
    must_show(f, id, "\"answer\":{\"ok\":true}");
    // Told again, or late: it stays, and so does who asked.
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "answered", ",\"answer\":7"), 0);
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "sent", ",\"by\":\"eve\""), 0);
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "refused", ",\"why\":\"no\""), 0);
    must_show(f, id, "\"state\":\"answered\"");
    must_show(f, id, "\"by\":\"ada\"");
    must_show(f, id, "\"why\":null,\"answer\":{\"ok\":true}");
}

// [command-9]
static void a_gateway_speaks_for_devices_of_its_site_alone(void **state) {
    fixture *f = *state;
    char id[SV_COMMAND_ID_ROOM];
    ask(f, "stop", id);
    (void) device_of(f, "gw-b", "lathe-1");
    (void) device_of(f, "gw-a", "press-2");
    assert_int_equal(tell_state(f, "gw-b", id, "press-1", "answered", ",\"answer\":1"), 1);
    assert_int_equal(tell_state(f, "gw-b", id, "lathe-1", "answered", ",\"answer\":1"), 1);
    assert_int_equal(tell_state(f, "gw-a", id, "press-2", "answered", ",\"answer\":1"), 1);
    assert_int_equal(tell_state(f, "gw-a", ID, "lathe-1", "sent", ",\"rule\":\"r\""), 1);
    must_show(f, id, "\"state\":\"queued\"");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM command"), 1);
    assert_int_equal(f->fleet.counts.items_refused, 4);
}

// [command-9]
static void a_rules_command_is_kept_with_its_rule(void **state) {
    fixture *f = *state;
    (void) device_of(f, "gw-a", "press-1");
    assert_int_equal(tell_state(f, "gw-a", ID, "press-1", "refused",
                                ",\"rule\":\"dry-run\",\"alert\":\"a1\",\"why\":\"not in "
                                "commands: allow\",\"ended\":1800000000001"),
                     0);
    must_show(f, ID, "\"rule\":\"dry-run\",\"alert\":\"a1\",\"by\":null,\"state\":\"refused\"");
    must_show(f, ID, "\"why\":\"not in commands: allow\"");
    // A gateway whose clock is years ahead: its command is of now, not for ever the newest.
    assert_int_equal(tell(f, "gw-a",
                          "{\"id\":\"c2\",\"device_id\":\"press-1\",\"name\":\"stop\","
                          "\"payload\":1,\"at\":4000000000000,\"until\":4000000060000,"
                          "\"state\":\"sent\",\"rule\":\"r\"}"),
                     0);
    must_show(f, "c2", "\"asked_at\":1800000000000");
}

// [command-8]
static void an_item_that_says_nothing_is_counted_and_stops_no_other(void **state) {
    fixture *f = *state;
    static const char *const ITEMS[] = {
        "7",
        "{}",
        "[]",
        "null",
        "{\"id\":\"a b\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":"
        "\"sent\"}",
        "{\"id\":\"c1\",\"device_id\":\"+\",\"name\":\"stop\",\"payload\":1,\"state\":\"sent\"}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"a/b\",\"payload\":1,\"state\":"
        "\"sent\"}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"state\":\"sent\"}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":"
        "\"queued\"}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":7}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":"
        "\"sent\",\"at\":-1}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":"
        "\"sent\",\"sent\":\"now\"}",
        "{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,\"state\":"
        "\"sent\",\"rule\":7}",
    };
    (void) device_of(f, "gw-a", "press-1");
    char items[4096] = "";
    size_t len = 0;
    for (size_t i = 0; i < SV_COUNT(ITEMS); i++) {
        len += (size_t) snprintf(items + len, sizeof items - len, "%s,", ITEMS[i]);
    }
    (void) snprintf(items + len, sizeof items - len,
                    "{\"id\":\"c9\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,"
                    "\"state\":\"sent\"}");
    assert_int_equal(tell(f, "gw-a", items), SV_COUNT(ITEMS));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM command"), 1);
}

static sv_err take(fixture *f, sv_text body, sv_why *why) {
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    return sv_commands_take(&f->fleet, fixture_gateway(f, "gw-a"), body, &answer, why);
}

// [command-8]
static void a_body_that_is_no_list_or_too_long_is_refused(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf many = SV_TEXTBUF_HEAP(4096);
    assert_int_equal(take(f, SV_TEXT("{"), &why), SV_ERR_INVALID);
    assert_int_equal(take(f, SV_TEXT("[]"), &why), SV_ERR_INVALID);
    assert_int_equal(take(f, SV_TEXT("{\"items\":{}}"), &why), SV_ERR_INVALID);
    sv_textbuf_add_str(&many, "{\"items\":[1");
    for (int i = 0; i < SV_COMMANDS_ITEMS_MAX; i++) {
        sv_textbuf_add_str(&many, ",1");
    }
    sv_textbuf_add_str(&many, "]}");
    assert_int_equal(take(f, sv_textbuf_text(&many), &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "100"));
}

// [command-8] What a gateway tells is bounded: a payload or an answer beyond it is refused.
static void what_is_larger_than_an_answer_may_be_is_refused(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(65536);
    (void) device_of(f, "gw-a", "press-1");
    sv_textbuf_addf(&body, "{\"items\":[{\"id\":\"c1\",\"device_id\":\"press-1\",\"name\":\"stop\","
                           "\"payload\":1,\"state\":\"answered\",\"answer\":\"");
    for (int i = 0; i < SV_COMMANDS_JSON_MAX; i++) {
        sv_textbuf_add_char(&body, 'x');
    }
    sv_textbuf_add_str(&body, "\"}]}");
    assert_int_equal(take(f, sv_textbuf_text(&body), NULL), SV_OK);
    assert_int_equal(f->fleet.counts.items_refused, 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM command"), 0);
}

// [command-10]
static void the_oldest_of_a_device_go(void **state) {
    fixture *f = *state;
    char id[32];
    (void) device_of(f, "gw-a", "press-1");
    (void) device_of(f, "gw-a", "press-2");
    assert_int_equal(tell_state(f, "gw-a", "other", "press-2", "sent", ""), 0);
    for (int i = 0; i < SV_COMMANDS_OF_DEVICE_MAX + 5; i++) {
        char item[512];
        (void) snprintf(id, sizeof id, "c%d", i);
        (void) snprintf(item, sizeof item,
                        "{\"id\":\"%s\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":1,"
                        "\"at\":%lld,\"until\":0,\"state\":\"sent\"}",
                        id, 1700000000000LL + i);
        assert_int_equal(tell(f, "gw-a", item), 0);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM command WHERE device = 'press-1'"),
                     SV_COMMANDS_OF_DEVICE_MAX);
    assert_int_equal(fixture_count(f, "SELECT min(asked_ms) - 1700000000000 FROM command"), 5);
    assert_int_equal(sv_commands_prune(f->fleet.db, 1700000000100, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT min(asked_ms) - 1700000000000 FROM command"), 100);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM command WHERE device = 'press-2'"), 1);
}

/// The ids of a page, one after the other; *next is the cursor of what follows.
static void page(fixture *f, size_t limit, const char *cursor, char *ids,
                 char next[SV_COMMANDS_CURSOR_MAX]) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(LIST_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_commands_list(&f->fleet, device_of(f, "gw-a", "press-1"), limit, cursor,
                                      &out, next, NULL),
                     SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    ids[0] = '\0';
    for (size_t i = 0; i < sv_json_count(root); i++) {
        sv_text id;
        assert_true(sv_json_text(sv_json_get(sv_json_at(root, i), "id"), &id));
        (void) strncat(ids, id.at, id.len);
    }
}

// [command-11]
static void a_list_is_paged_newest_first(void **state) {
    fixture *f = *state;
    char ids[64];
    char next[SV_COMMANDS_CURSOR_MAX];
    char cursor[SV_COMMANDS_CURSOR_MAX];
    (void) device_of(f, "gw-a", "press-1");
    for (int i = 0; i < 5; i++) {
        char id[8];
        (void) snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(tell_state(f, "gw-a", id, "press-1", "sent", ""), 0);
    }
    page(f, 2, NULL, ids, next);
    assert_string_equal(ids, "c4c3");
    memcpy(cursor, next, sizeof cursor);
    page(f, 2, cursor, ids, next);
    assert_string_equal(ids, "c2c1");
    memcpy(cursor, next, sizeof cursor);
    page(f, 2, cursor, ids, next);
    assert_string_equal(ids, "c0");
    assert_string_equal(next, "");
    char room[64];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    assert_int_equal(
        sv_commands_list(&f->fleet, device_of(f, "gw-a", "press-1"), 2, "x.y", &out, next, &why),
        SV_ERR_INVALID);
}

// [command-11]
static void what_is_not_over_in_time_is_expired_until_an_answer_comes(void **state) {
    fixture *f = *state;
    char id[SV_COMMAND_ID_ROOM];
    int64_t before_us = fixture_now_us;
    ask(f, "stop", id);
    fixture_now_us += 61 * SV_TIME_SECOND_US;
    must_show(f, id, "\"state\":\"expired\"");
    assert_int_equal(tell_state(f, "gw-a", id, "press-1", "failed", ",\"why\":\"no air\""), 0);
    must_show(f, id, "\"state\":\"failed\"");
    must_show(f, id, "\"why\":\"no air\"");
    fixture_now_us = before_us;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_commands_life_goes_forward_only),
        TEST(a_gateway_speaks_for_devices_of_its_site_alone),
        TEST(a_rules_command_is_kept_with_its_rule),
        TEST(an_item_that_says_nothing_is_counted_and_stops_no_other),
        TEST(a_body_that_is_no_list_or_too_long_is_refused),
        TEST(what_is_larger_than_an_answer_may_be_is_refused),
        TEST(the_oldest_of_a_device_go),
        TEST(a_list_is_paged_newest_first),
        TEST(what_is_not_over_in_time_is_expired_until_an_answer_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
