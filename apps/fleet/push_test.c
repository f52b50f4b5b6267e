#include "actions_own.h"
#include "fleet_fixture.h"

#include "downlink.h"
#include "inbox.h"
#include "push.h"

#include <net/event_stream.h>
#include <net/test.h>
#include <sys/log.h>

enum { LIST_MAX = 4 * 1024 * 1024, SEEN_MAX = 1024 };

static const sv_push_to EVERYBODY = { 0 };

static sv_push_to to_gateway(fixture *f, const char *id) {
    return (sv_push_to){ .gateway = fixture_gateway(f, id) };
}

static void add(fixture *f, sv_push_to to, const char *data) {
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_push_add(&f->fleet, to, "tick", sv_text_of(data), NULL), SV_OK);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_push_turn(&f->fleet);
}

/// What follows `after`, as "<name>:<data> …"; *last is the id of the last one.
static void list(fixture *f, const char *gateway, int64_t after, int64_t *last, char *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(LIST_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out writer = SV_JSON_OUT(&json);
    sv_textbuf seen = { .at = out, .cap = SEEN_MAX };
    out[0] = '\0';
    *last = after;
    assert_int_equal(sv_push_list(&f->fleet, fixture_gateway(f, gateway), after, &writer, NULL),
                     SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    for (size_t i = 0; i < sv_json_count(root); i++) {
        const sv_json *item = sv_json_at(root, i);
        sv_text name;
        int64_t number = -1;
        int64_t id = 0;
        assert_true(sv_json_text(sv_json_get(item, "event"), &name));
        assert_true(sv_json_int(sv_json_get(item, "id"), &id));
        assert_true(id > *last || sv_text_is(name, "reset"));
        *last = id;
        (void) sv_json_int(sv_json_get(item, "data"), &number);
        sv_textbuf_addf(&seen, "%s" SV_TEXT_FMT ":%lld", i > 0 ? " " : "", SV_TEXT_ARG(name),
                        (long long) number);
    }
}

#define LISTED(f, gateway, after, last, text)                                                      \
    do {                                                                                           \
        char listed_[SEEN_MAX];                                                                    \
        list((f), (gateway), (after), (last), listed_);                                            \
        assert_string_equal(listed_, (text));                                                      \
    } while (0)

// [uplink-8]
static void an_event_is_listed_for_whom_it_is_meant_until_it_was_had(void **state) {
    fixture *f = *state;
    const sv_site *south = fixture_gateway(f, "gw-b")->site;
    int64_t last = 0;
    add(f, to_gateway(f, "gw-a"), "1");
    add(f, (sv_push_to){ .site = south }, "2");
    add(f, EVERYBODY, "3");
    LISTED(f, "gw-b", 0, &last, "tick:2 tick:3");
    LISTED(f, "gw-b", last, &last, "");
    LISTED(f, "gw-a", 0, &last, "tick:1 tick:3");
    LISTED(f, "gw-a", last - 1, &last, "tick:3");
    const sv_site nowhere = { .name = "west" };
    assert_int_equal(
        sv_push_add(&f->fleet, (sv_push_to){ .site = &nowhere }, "tick", SV_TEXT("4"), NULL),
        SV_ERR_NOT_FOUND);
}

// [uplink-8]
static void ids_rise_whatever_the_clock_does_and_who_starts(void **state) {
    fixture *f = *state;
    static const int64_t STEPS_US[] = { 0, 0, 5, -1000000, 0, 3000000 };
    int64_t before = 0;
    for (size_t i = 0; i < SV_COUNT(STEPS_US); i++) {
        int64_t last = 0;
        fixture_now_us += STEPS_US[i];
        add(f, EVERYBODY, "1");
        LISTED(f, "gw-a", before, &last, "tick:1");
        assert_true(last > before && last >= fixture_now_us);
        before = last;
        sv_fleet_drop(&f->fleet);
        fixture_start(f);
    }
}

static void what_is_rolled_back_was_never_there(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_push_add(&f->fleet, EVERYBODY, "tick", SV_TEXT("1"), NULL), SV_OK);
    sv_db_rollback(f->fleet.db);
    sv_push_turn(&f->fleet);
    LISTED(f, "gw-a", 0, &last, "");
}

// [uplink-9]
static void one_too_many_pushes_out_the_oldest_and_a_reset_says_so(void **state) {
    fixture *f = *state;
    int64_t first = 0;
    int64_t last = 0;
    char seen[SEEN_MAX];
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int i = 0; i < SV_PUSH_EVENTS_MAX; i++) {
        assert_int_equal(sv_push_add(&f->fleet, to_gateway(f, "gw-a"), "tick", SV_TEXT("1"), NULL),
                         SV_OK);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    list(f, "gw-a", 0, &last, seen);
    assert_true(strncmp(seen, "tick:1 tick:1", 13) == 0);
    first = last - SV_PUSH_PAGE_EVENTS + 1;
    for (int more = 1; more <= 2; more++) {
        add(f, to_gateway(f, "gw-a"), "2");
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM push"), SV_PUSH_EVENTS_MAX);
        list(f, "gw-a", first - 1, &last, seen);
        assert_true(strncmp(seen, "reset:-1 tick:1", 15) == 0);
        // Who had all that is gone loses nothing.
        list(f, "gw-a", first - 1 + more, &last, seen);
        assert_true(strncmp(seen, "tick:1", 6) == 0);
    }
    add(f, to_gateway(f, "gw-b"), "3");
    LISTED(f, "gw-b", 0, &last, "tick:3");
}

// [uplink-9]
static void what_is_too_old_goes_and_a_reset_says_so(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    add(f, EVERYBODY, "1");
    fixture_now_us += SV_PUSH_AGE_US;
    add(f, EVERYBODY, "2");
    assert_int_equal(sv_push_prune(f->fleet.db, fixture_now_us, NULL), SV_OK);
    LISTED(f, "gw-a", 0, &last, "tick:1 tick:2");
    assert_int_equal(sv_push_prune(f->fleet.db, fixture_now_us + 1, NULL), SV_OK);
    LISTED(f, "gw-a", 0, &last, "reset:-1 tick:2");
    LISTED(f, "gw-b", last - 1, &last, "tick:2");
    assert_int_equal(fixture_count(f, "SELECT sum(kept) FROM push_mark"), 2);
}

// [uplink-9]
static void an_id_that_was_never_given_is_reset_only_when_it_stands_in_the_way(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    add(f, EVERYBODY, "1");
    LISTED(f, "gw-a", fixture_now_us + 1000, &last, "reset:-1 tick:1");
    fixture_now_us += 2000; // by now what comes next is above it
    LISTED(f, "gw-a", fixture_now_us - 1000, &last, "");
}

// ---- what operators ask
// --------------------------------------------------------------------------

static void raise_alert(fixture *f, const char *id) {
    sv_alert alert = { .device_id = "press-1",
                       .sensor = "temperature",
                       .event = SV_ALERT_RAISED,
                       .message = "m",
                       .at_us = 1000 };
    (void) snprintf(alert.id, sizeof alert.id, "%s", id);
    assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "", NULL), SV_OK);
}

// [uplink-10]
static void an_acknowledgement_is_told_once_and_to_its_site(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    raise_alert(f, "a1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sv_downlink_acknowledge(&f->fleet, SV_TEXT("a1"), "ada", NULL), SV_OK);
    }
    assert_int_equal(sv_downlink_acknowledge(&f->fleet, SV_TEXT("a2"), "ada", NULL),
                     SV_ERR_NOT_FOUND);
    LISTED(f, "gw-a", 0, &last, "acknowledged:-1");
    LISTED(f, "gw-b", 0, &last, "");
}

static sv_err command(fixture *f, const char *name, const char *payload, sv_why *why) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    sv_command ask = { .device = device, .name = sv_text_of(name), .within_s = 60, .user = "ada" };
    return sv_downlink_command(&f->fleet, &ask, sv_text_of(payload), why);
}

// [uplink-11]
static void
a_command_is_one_for_the_gateway_of_its_device_or_refused_with_a_sentence(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    int64_t last = 0;
    assert_int_equal(command(f, "a/b", "1", &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "name of the command"));
    assert_int_equal(command(f, "start", "{", &why), SV_ERR_INVALID);
    assert_int_equal(command(f, "start", "", &why), SV_ERR_INVALID);
    LISTED(f, "gw-a", 0, &last, "");
    assert_int_equal(command(f, "start", " {\"a\" : [1, \"x\\n\"]}\n", &why), SV_OK);
    LISTED(f, "gw-a", 0, &last, "command:-1");
    LISTED(f, "gw-b", 0, &last, "");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE instr(data, char(10)) = 0"
                                      " AND data LIKE '%\"payload\":{\"a\":[1,\"x\\n\"]}}'"),
                     1);
}

// ---- over a stream
// -------------------------------------------------------------------------------

typedef struct listener {
    fixture *f;
    sv_loop *loop;
    sv_http_server *server;
    sv_event_stream *streams[2];
    int ups, downs, events, looks;
    int64_t after; ///< what the next one asks for
    long long last_data;
    bool in_order;
    char last_look[256]; ///< the last event without a number
} listener;

static void serve(sv_http_request *request, void *arg) {
    listener *l = arg;
    uint64_t after = (uint64_t) l->after;
    const char *last = sv_http_header(request, "Last-Event-ID");
    if (last != NULL) {
        assert_int_equal(sv_text_u64(sv_text_of(last), INT64_MAX, &after), SV_OK);
    }
    sv_push_join(&l->f->fleet, fixture_gateway(l->f, "gw-a"), (int64_t) after, request);
}

static void on_up(void *arg) {
    ((listener *) arg)->ups++;
}

static bool on_event(void *arg, const sv_event *event) {
    listener *l = arg;
    uint64_t number = 0;
    if (sv_text_is(event->name, "update")) {
        assert_int_equal(sv_text_copy(event->data, l->last_look, sizeof l->last_look), SV_OK);
        l->looks++;
        return true;
    }
    assert_int_equal(sv_text_u64(sv_text_trim(event->data), INT64_MAX, &number), SV_OK);
    l->in_order &= (long long) number == l->last_data + 1;
    l->last_data = (long long) number;
    l->events++;
    return true;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) why;
    (void) retry_us;
    ((listener *) arg)->downs++;
}

static void listen_in(listener *l, size_t which) {
    static const sv_event_stream_calls CALLS = { .up = on_up, .event = on_event, .down = on_down };
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(l->server));
    const sv_event_stream_options options = { .origin = origin, .path = "/", .last_id = "" };
    assert_int_equal(sv_event_stream_open(l->loop, &options, &CALLS, l, &l->streams[which], NULL),
                     SV_OK);
}

static void start_listening(listener *l, fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 8 };
    *l = (listener){ .f = f, .in_order = true };
    assert_int_equal(sv_loop_open(&l->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(l->loop, &options, serve, l, &l->server, NULL), SV_OK);
    listen_in(l, 0);
}

static void stop_listening(listener *l) {
    sv_event_stream_drop(&l->streams[0]);
    sv_event_stream_drop(&l->streams[1]);
    sv_push_drop(&l->f->fleet.push);
    sv_http_server_drop(&l->server);
    sv_loop_drop(&l->loop);
}

static void until(listener *l, const int *count, int least) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (*count < least && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(l->loop, 1000);
        sv_push_turn(&l->f->fleet);
    }
    assert_true(*count >= least);
}

// [uplink-8]
static void
a_stream_tells_what_waited_and_what_comes_and_the_newest_one_is_the_only_one(void **state) {
    fixture *f = *state;
    listener l;
    add(f, EVERYBODY, "1");
    start_listening(&l, f);
    until(&l, &l.events, 1);
    add(f, EVERYBODY, "2");
    until(&l, &l.events, 2);
    l.after = fixture_now_us + 1; // the id of the second one
    listen_in(&l, 1);
    until(&l, &l.ups, 2);
    until(&l, &l.downs, 1);
    add(f, EVERYBODY, "3");
    until(&l, &l.events, 3);
    assert_true(l.in_order);
    stop_listening(&l);
}

static void look(fixture *f, const char *gateway, const char *device, const char *version,
                 const char *sha256) {
    sv_device *found = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(device), &found, NULL),
                     SV_OK);
    sv_downlink_look(&f->fleet, found, sv_text_of(version), sv_text_of(sha256));
}

// [uplink-15]
static void a_hint_to_look_is_told_to_the_gateway_of_its_device_and_kept_for_nobody(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    listener l;
    start_listening(&l, f);
    until(&l, &l.ups, 1);
    look(f, "gw-b", "lathe-1", "9", "bb");
    look(f, "gw-a", "press-1", "1.1", "aa");
    until(&l, &l.looks, 1);
    assert_string_equal(l.last_look,
                        "{\"device\":\"press-1\",\"version\":\"1.1\",\"sha256\":\"aa\"}");
    look(f, "gw-a", "press-1", "", "");
    until(&l, &l.looks, 2);
    assert_string_equal(l.last_look, "{\"device\":\"press-1\"}");
    LISTED(f, "gw-a", 0, &last, "");
    LISTED(f, "gw-b", 0, &last, "");
    stop_listening(&l);
}

// [action-11]
static void what_is_assigned_or_canceled_makes_its_device_look(void **state) {
    fixture *f = *state;
    int64_t id = 0;
    listener l;
    sv_device *device = NULL;
    start_listening(&l, f);
    until(&l, &l.ups, 1);
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    const sv_action_order order = { .device = device,
                                    .path = SV_TEXT("press/1.1.img"),
                                    .version = SV_TEXT("1.1"),
                                    .sha256 = SV_TEXT("aa"),
                                    .user = "olga" };
    const sv_action_word seen = { .said = SV_SAID_SEEN, .bytes = -1 };
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_actions_assign(&f->fleet, &order, &id, NULL), SV_OK);
    sv_actions_tell(&f->fleet); // not before the commit
    assert_int_equal(f->fleet.actions->news_count, 1);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_actions_turn(&f->fleet);
    until(&l, &l.looks, 1);
    assert_string_equal(l.last_look,
                        "{\"device\":\"press-1\",\"version\":\"1.1\",\"sha256\":\"aa\"}");
    assert_int_equal(sv_actions_feedback(&f->fleet, "press-1", id, &seen, NULL), SV_OK);
    sv_actions_turn(&f->fleet);
    assert_int_equal(sv_actions_cancel(&f->fleet, id, "olga", NULL), SV_OK);
    sv_actions_turn(&f->fleet);
    until(&l, &l.looks, 2);
    assert_int_equal(l.looks, 2);
    stop_listening(&l);
}

static void more_than_a_stream_takes_at_once_comes_all_the_same(void **state) {
    enum { EVENTS = 400, BLANKS = 7000 }; // more than SV_HTTP_STREAM_QUEUE_MAX
    fixture *f = *state;
    listener l;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int i = 1; i <= EVENTS; i++) {
        char data[SV_PUSH_DATA_MAX];
        (void) snprintf(data, sizeof data, "%*d", BLANKS, i);
        assert_int_equal(sv_push_add(&f->fleet, EVERYBODY, "tick", sv_text_of(data), NULL), SV_OK);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    start_listening(&l, f);
    until(&l, &l.events, EVENTS);
    assert_true(l.in_order && l.downs == 0);
    stop_listening(&l);
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = INT64_C(1800000000000000);
    return fixture_setup(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_listed_for_whom_it_is_meant_until_it_was_had),
        TEST(ids_rise_whatever_the_clock_does_and_who_starts),
        TEST(what_is_rolled_back_was_never_there),
        TEST(one_too_many_pushes_out_the_oldest_and_a_reset_says_so),
        TEST(what_is_too_old_goes_and_a_reset_says_so),
        TEST(an_id_that_was_never_given_is_reset_only_when_it_stands_in_the_way),
        TEST(an_acknowledgement_is_told_once_and_to_its_site),
        TEST(a_command_is_one_for_the_gateway_of_its_device_or_refused_with_a_sentence),
        TEST(a_stream_tells_what_waited_and_what_comes_and_the_newest_one_is_the_only_one),
        TEST(a_hint_to_look_is_told_to_the_gateway_of_its_device_and_kept_for_nobody),
        TEST(what_is_assigned_or_canceled_makes_its_device_look),
        TEST(more_than_a_stream_takes_at_once_comes_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
