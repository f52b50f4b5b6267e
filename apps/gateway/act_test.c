#include "act.h"

#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, FLOOD = 1000 };

/// A gateway's store behind a front door without devices, and a fleet server that is one function.
typedef struct fixture {
    char dir[64], socket[96];
    gw g;
    sv_http_server *fleet;
    int requests, status;
    size_t items;     ///< of the last request
    char last[16384]; ///< its body
} fixture;

static void take_request(sv_http_request *request, void *arg) {
    fixture *f = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_true(sv_text_is(sv_http_path(request), "/v1/commands"));
    assert_int_equal(sv_json_parse(sv_http_body(request), &root, NULL, NULL), SV_OK);
    f->requests++;
    f->items = sv_json_count(sv_json_get(root, "items"));
    if (sv_text_copy(sv_http_body(request), f->last, sizeof f->last) != SV_OK) {
        f->last[0] = '\0';
    }
    sv_http_reply(request, f->status, "application/json", SV_TEXT("{}"));
}

static bool may(void *arg, const sv_broker_peer *who, sv_text topic) {
    (void) arg;
    (void) who;
    (void) topic;
    return true;
}

static uint64_t on_message(void *arg, const sv_broker_message *message) {
    (void) arg;
    (void) message;
    return 0;
}

static uint64_t on_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    (void) kind;
    (void) key;
    (void) value;
    return sv_writer_last(((gw *) arg)->writer);
}

static void on_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                     const sv_why *why) {
    (void) arg;
    (void) event;
    (void) who;
    (void) why;
}

static void on_refused(void *arg, const sv_why *why) {
    (void) arg;
    (void) why;
}

static void open_front(fixture *f) {
    static const sv_mqtt_server_hooks HOOKS = { .may_publish = may,
                                                .may_subscribe = may,
                                                .message = on_message,
                                                .keep = on_keep,
                                                .event = on_event,
                                                .refused = on_refused };
    const sv_mqtt_server_options options = {
        .path = f->socket, .limits = SV_BROKER_DEFAULTS, .links_max = 4, .handshakes_max = 4
    };
    assert_int_equal(sv_mqtt_server_open(f->g.loop, &options, &HOOKS, &f->g, &f->g.door, NULL),
                     SV_OK);
}

static void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_act_open(&f->g, NULL), SV_OK);
}

static void close_store(fixture *f) {
    sv_writer_drop(&f->g.writer);
    gw_ingest_close(&f->g);
    gw_act_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
}

/// As after a kill: what was not committed is forgotten.
static void restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
}

static void open_fleet(fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1 << 21,
                                             .connections_max = 4 };
    char origin[64];
    assert_int_equal(sv_http_server_open(f->g.loop, &options, take_request, f, &f->fleet, NULL),
                     SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(f->fleet));
    assert_int_equal(
        sv_http_client_open(f->g.loop, origin, NULL, SV_TIME_SECOND_US, &f->g.fleet.http, NULL),
        SV_OK);
    f->g.fleet.name = "the fleet server";
    f->status = 200;
}

static int setup(void **state) {
    static const char CONFIG[] =
        "id: gw-1\nsite: north\nlisten: {port: 1}\ntls: {ca: a, cert: b, key: c}\n"
        "store: {path: %s/gateway.db, group_wait: 50ms}\n"
        "commands: {allow: {default: [stop], devices: {press-2: []}}, rate: 3}\n";
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-act-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->socket, sizeof f->socket, "%s/mqtt.sock", f->dir);
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    if (gw_config_read(sv_text_of(yaml), &f->g.config, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    open_fleet(f);
    open_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    f->g.exit_code = -1;
    sv_mqtt_server_drop(&f->g.door);
    sv_http_client_drop(&f->g.fleet.http);
    sv_http_server_drop(&f->fleet);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

// ---- what happens, and what is seen of it -------------------------------------------------------

static bool act(fixture *f, const char *device, const char *name) {
    const gw_action action = { .rule = SV_TEXT("dry-run"),
                               .device = sv_text_of(device),
                               .name = sv_text_of(name),
                               .payload = SV_TEXT("{\"slowly\":true}"),
                               .alert = SV_TEXT("a1") };
    return gw_act(&f->g, &action);
}

static int64_t count_of(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t count = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return count;
}

static int64_t in_state(fixture *f, gw_command_state state) {
    static const char *const SQL[GW_COMMAND_STATE__COUNT] = {
        "SELECT count(*) FROM command WHERE state = 0",
        "SELECT count(*) FROM command WHERE state = 1",
        "SELECT count(*) FROM command WHERE state = 2",
        "SELECT count(*) FROM command WHERE state = 3",
        "SELECT count(*) FROM command WHERE state = 4",
        "SELECT count(*) FROM command WHERE state = 5",
    };
    return count_of(f, SQL[state]);
}

/// Into `room`: one text of the newest row.
static void text_of(fixture *f, const char *sql, char *room, size_t room_bytes) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(stmt, 0), room, room_bytes), SV_OK);
    sv_stmt_reset(stmt);
}

static void last_id(fixture *f, char id[SV_ID_ROOM]) {
    text_of(f, "SELECT id FROM command ORDER BY seq DESC LIMIT 1", id, SV_ID_ROOM);
}

static void answer(fixture *f, const char *topic, const char *id, const char *more) {
    char payload[2 * GW_RESULT_BYTES_MAX];
    (void) snprintf(payload, sizeof payload, "{\"id\":\"%s\"%s}", id, more);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_text_of(payload));
}

static void wait_for(fixture *f, int requests) {
    f->g.fleet.up = true;
    for (int i = 0; f->requests < requests && i < TURNS_MAX; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, requests);
    for (int i = 0; f->g.acts.told.under_way && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    sv_writer_wait(f->g.writer);
}

static gw_request_end request(fixture *f, const char *id, const char *name) {
    SV_DEFER(sv_json_drop) sv_json *payload = NULL;
    assert_int_equal(sv_json_parse(SV_TEXT("[1]"), &payload, NULL, NULL), SV_OK);
    int64_t now_ms = sv_clock_wall_us() / 1000;
    const gw_request asked = { .id = sv_text_of(id),
                               .device = SV_TEXT("press-1"),
                               .name = sv_text_of(name),
                               .by = SV_TEXT("ada"),
                               .at_ms = now_ms,
                               .until_ms = now_ms + 60000,
                               .payload = payload };
    return gw_act_request(&f->g, &asked);
}

// ---- rights -------------------------------------------------------------------------------------

// [command-3] [command-6]
static void a_rule_may_what_is_listed_and_each_refusal_is_recorded(void **state) {
    fixture *f = *state;
    char why[64];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    assert_false(act(f, "press-1", "start"));
    assert_false(act(f, "press-2", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 2);
    text_of(f, "SELECT why FROM command ORDER BY seq DESC LIMIT 1", why, sizeof why);
    assert_string_equal(why, "not in commands: allow");
    // A rule that goes on asking is counted, and fills nothing.
    for (int i = 0; i < FLOOD; i++) {
        assert_false(act(f, "press-2", "stop"));
    }
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 2);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_REFUSED], 2 + FLOOD);
}

// [command-4]
static void more_than_the_rate_is_refused_for_that_device_and_command(void **state) {
    fixture *f = *state;
    char why[64];
    open_front(f);
    for (int i = 0; i < 10; i++) {
        assert_true(act(f, "press-1", "stop") == (i < 3));
    }
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 4);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 1);
    text_of(f, "SELECT why FROM command WHERE state = 2", why, sizeof why);
    assert_string_equal(why, "more than 3 a minute");
}

// [command-3]
static void the_fleet_server_is_held_against_the_list_where_that_is_said(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    f->g.config.commands.fleet = GW_FLEET_LISTED;
    assert_int_equal(request(f, "c2", "start"), GW_REQUEST_REFUSED);
    assert_int_equal(request(f, "c3", "stop"), GW_REQUEST_SENT);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 2);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 1);
}

// ---- published ----------------------------------------------------------------------------------

// [command-5]
static void it_is_on_disk_before_it_is_published(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    gw_act_turn(&f->g);
    assert_int_equal(f->g.acts.due_count, 1);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_SENT], 0);
    sv_writer_wait(f->g.writer);
    assert_int_equal(f->g.acts.due_count, 0);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_SENT], 1);
}

// [command-5]
static void a_kill_before_it_was_published_does_not_lose_it(void **state) {
    fixture *f = *state;
    assert_true(act(f, "press-1", "stop"));
    assert_true(act(f, "press-3", "stop"));
    restart(f);
    assert_int_equal(f->g.acts.due_count, 2);
    assert_string_equal(f->g.acts.due[0]->device, "press-1");
    assert_non_null(strstr(f->g.acts.due[0]->message, "\"payload\":{\"slowly\":true}"));
    assert_non_null(strstr(f->g.acts.due[0]->message, "\"rule\":\"dry-run\""));
    open_front(f);
    gw_act_turn(&f->g);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 2);
    restart(f);
    assert_int_equal(f->g.acts.due_count, 0);
    assert_int_equal(sv_map_count(f->g.acts.open), 2);
}

// [command-5]
static void what_cannot_be_published_in_time_is_given_up(void **state) {
    fixture *f = *state;
    f->g.config.commands.within_us = -1;
    assert_true(act(f, "press-1", "stop"));
    f->g.config.commands.within_us = SV_TIME_MINUTE_US;
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_UNSENT), 1);
    assert_int_equal(in_state(f, GW_COMMAND_DUE), 1);
    assert_int_equal(f->g.acts.due_count, 1);
    open_front(f);
    gw_act_beat(&f->g);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
}

// [command-5]
static void no_more_wait_to_be_published_than_there_is_room_for(void **state) {
    fixture *f = *state;
    char device[SV_ID_ROOM];
    for (int i = 0; i < GW_COMMANDS_DUE_MAX + 10; i++) {
        (void) snprintf(device, sizeof device, "press-%d", i + 3);
        assert_true(act(f, device, "stop") == (i < GW_COMMANDS_DUE_MAX));
    }
    assert_int_equal(in_state(f, GW_COMMAND_DUE), GW_COMMANDS_DUE_MAX);
    restart(f);
    assert_int_equal(f->g.acts.due_count, GW_COMMANDS_DUE_MAX);
}

// [command-5] An event that comes again after a kill is published again and is one row.
static void a_request_that_comes_again_is_one_row(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    restart(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), 1);
    answer(f, "results/press-1/start", "c1", "");
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), 1);
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
}

// ---- answers ------------------------------------------------------------------------------------

// [command-1]
static void the_first_answer_counts(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    char text[256];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    answer(f, "results/press-1/stop", id, ",\"was\":[7, 8]");
    answer(f, "results/press-1/stop", id, ",\"was\":9");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    text_of(f, "SELECT answer FROM command", text, sizeof text);
    assert_non_null(strstr(text, "\"was\":[7,8]"));
    assert_int_equal(f->g.acts.results_passed, 1);

    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    restart(f); // it is waited for still
    answer(f, "results/press-1/stop", id, ",\"error\":\"no air\"");
    assert_int_equal(in_state(f, GW_COMMAND_FAILED), 1);
    text_of(f, "SELECT why FROM command ORDER BY seq DESC LIMIT 1", text, sizeof text);
    assert_string_equal(text, "no air");
}

// [command-2]
static void a_device_answers_for_itself_and_for_what_it_was_asked(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    uint64_t group = sv_writer_last(f->g.writer);
    answer(f, "results/press-3/stop", id, "");
    answer(f, "results/press-1/start", id, "");
    assert_int_equal(f->g.acts.results_refused, 2);
    answer(f, "results/press-1/stop/more", id, "");
    answer(f, "results/press-1", id, "");
    answer(f, "results//stop", id, "");
    assert_int_equal(f->g.acts.results_passed, 3);
    assert_int_equal(sv_writer_last(f->g.writer), group);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    answer(f, "results/press-1/stop", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
}

// [command-2]
static void what_answers_nothing_costs_no_write(void **state) {
    fixture *f = *state;
    static char large[4 * GW_RESULT_BYTES_MAX];
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    uint64_t group = sv_writer_last(f->g.writer);
    (void) memset(large, ' ', sizeof large - 1);
    int begun = snprintf(large, sizeof large, "{\"id\":\"%s", id);
    assert_int_equal(begun, 39);
    large[begun] = ' ';
    large[sizeof large - 3] = '"';
    large[sizeof large - 2] = '}';
    static const char *const NO_ANSWERS[] = {
        "", "{", "7", "[]", "{}", "{\"id\":7}", "{\"id\":\"x\",\"id\":\"y\"}", "\xff"
    };
    for (int i = 0; i < FLOOD; i++) {
        (void) gw_ingest_message(&f->g, SV_TEXT("results/press-1/stop"), sv_text_of(large));
        (void) gw_ingest_message(&f->g, SV_TEXT("results/press-1/stop"),
                                 sv_text_of(NO_ANSWERS[(size_t) i % SV_COUNT(NO_ANSWERS)]));
        answer(f, "results/press-1/stop", "0123456789abcdef0123456789abcdef", "");
    }
    assert_int_equal(f->g.acts.results_refused, FLOOD);
    assert_int_equal(f->g.acts.results_passed, 2 * FLOOD);
    assert_int_equal(sv_writer_last(f->g.writer), group);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    assert_int_equal(count_of(f, "SELECT count(*) FROM quarantine"), 0);
}

// [command-6]
static void so_many_are_kept_and_may_be_answered(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    for (int i = 0; i < GW_COMMANDS_KEPT + 10; i++) {
        (void) snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(request(f, id, "ping"), GW_REQUEST_SENT);
    }
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), GW_COMMANDS_KEPT);
    assert_int_equal(count_of(f, "SELECT min(seq) FROM command"), 11);
    assert_int_equal(sv_map_count(f->g.acts.open), GW_COMMANDS_OPEN_MAX);
    answer(f, "results/press-1/ping", "c11", "");
    answer(f, "results/press-1/ping", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    restart(f);
    assert_int_equal(sv_map_count(f->g.acts.open), GW_COMMANDS_OPEN_MAX);
}

// ---- told ---------------------------------------------------------------------------------------

// [command-8]
static void what_became_of_it_is_told_until_the_server_has_answered(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    assert_false(act(f, "press-1", "start"));
    f->status = 500;
    wait_for(f, 1);
    f->status = 200;
    f->g.fleet.retry_at_us = 0;
    wait_for(f, 2);
    assert_int_equal(f->items, 2);
    assert_non_null(strstr(f->last, "\"rule\":\"dry-run\""));
    assert_non_null(strstr(f->last, "\"alert\":\"a1\""));
    assert_non_null(strstr(f->last, "\"state\":\"sent\""));
    assert_non_null(strstr(f->last, "\"state\":\"refused\""));
    text_of(f, "SELECT id FROM command ORDER BY seq LIMIT 1", id, sizeof id);
    answer(f, "results/press-1/stop", id, ",\"done\":true");
    wait_for(f, 3);
    assert_int_equal(f->items, 1);
    assert_non_null(strstr(f->last, "\"state\":\"answered\""));
    assert_non_null(strstr(f->last, "\"done\":true"));
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 3);
    restart(f);
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 3);
}

// [command-8]
static void what_stays_at_the_site_is_not_told(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    const gw_action action = { .rule = SV_TEXT("secret"),
                               .device = SV_TEXT("press-1"),
                               .name = SV_TEXT("stop"),
                               .stays = true };
    assert_true(gw_act(&f->g, &action));
    last_id(f, id);
    answer(f, "results/press-1/stop", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    wait_for(f, 1);
    assert_int_equal(f->items, 1);
    assert_null(strstr(f->last, "secret"));
}

// [command-8]
static void one_that_the_server_refuses_holds_up_no_other(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "ping"), GW_REQUEST_SENT);
    assert_int_equal(request(f, "c2", "ping"), GW_REQUEST_SENT);
    sv_writer_wait(f->g.writer);
    f->status = 400;
    f->g.fleet.up = true;
    for (int i = 0; f->g.uplink_refused < 2 && i < TURNS_MAX; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    sv_writer_wait(f->g.writer);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command WHERE told < state"), 0);
    assert_int_equal(f->requests, 3);
}

// [command-8]
static void a_server_that_takes_none_is_left_alone(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "ping"), GW_REQUEST_SENT);
    f->status = 404;
    wait_for(f, 1);
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 1);
    assert_true(f->g.fleet.up);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rule_may_what_is_listed_and_each_refusal_is_recorded),
        TEST(more_than_the_rate_is_refused_for_that_device_and_command),
        TEST(the_fleet_server_is_held_against_the_list_where_that_is_said),
        TEST(it_is_on_disk_before_it_is_published),
        TEST(a_kill_before_it_was_published_does_not_lose_it),
        TEST(what_cannot_be_published_in_time_is_given_up),
        TEST(no_more_wait_to_be_published_than_there_is_room_for),
        TEST(a_request_that_comes_again_is_one_row),
        TEST(the_first_answer_counts),
        TEST(a_device_answers_for_itself_and_for_what_it_was_asked),
        TEST(what_answers_nothing_costs_no_write),
        TEST(so_many_are_kept_and_may_be_answered),
        TEST(what_became_of_it_is_told_until_the_server_has_answered),
        TEST(what_stays_at_the_site_is_not_told),
        TEST(one_that_the_server_refuses_holds_up_no_other),
        TEST(a_server_that_takes_none_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
