#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, TEXT_MAX = 4096 };

static const char HIGH_50[] = "thresholds: {default: {high: 50}}\n";
static const char HIGH_60[] = "thresholds: {default: {high: 60}}\n";

/// A gateway's store behind a broker that never answers, and a fleet server that is one function.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    int asked;           ///< for its configuration,
    char version[32];    ///< this one the last time,
    int status;          ///< and answers so:
    char text[TEXT_MAX]; ///< these are the rules,
    int64_t number;      ///< of this version,
    bool lies;           ///< with another version's digest
} fixture;

static void digest(const char *text, char out[GW_RULES_SHA256_ROOM]) {
    uint8_t bytes[32];
    sv_textbuf hex = { .at = out, .cap = GW_RULES_SHA256_ROOM };
    sv_sha256(sv_text_of(text), bytes);
    sv_hex_add(&hex, bytes, sizeof bytes);
    assert_int_equal(sv_textbuf_end(&hex), SV_OK);
}

static void give(sv_http_request *request, fixture *f) {
    char sha256[GW_RULES_SHA256_ROOM];
    char room[2 * TEXT_MAX];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    digest(f->lies ? "something else" : f->text, sha256);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "version", f->number);
    sv_json_add_str(&out, "sha256", sha256);
    sv_json_add_str(&out, "rules", f->text);
    sv_json_close_object(&out);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

static void answer(sv_http_request *request, void *arg) {
    fixture *f = arg;
    assert_true(sv_text_is(sv_http_path(request), "/v1/gateway/gw-1/config"));
    assert_int_equal(sv_http_query(request, "version", f->version, sizeof f->version), SV_OK);
    f->asked++;
    if (f->status == 200) {
        give(request, f);
    } else {
        sv_http_problem(request, f->status, "Not now", "so it is");
    }
}

static void read_config(fixture *f, const char *more, gw_config *out) {
    static const char CONFIG[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                                 "tls: {ca: a, cert: b, key: c}\n"
                                 "store: {path: %s/gateway.db, group_wait: 50ms}\n"
                                 "thresholds: {default: {high: 80}}\n%s\n";
    char yaml[1024];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir, more);
    assert_int_equal(gw_config_read(sv_text_of(yaml), out, &faults), SV_OK);
}

static void open_gateway(fixture *f, const char *more) {
    read_config(f, more, &f->g.config);
    (void) snprintf(f->g.config.fleet.url, sizeof f->g.config.fleet.url, "http://127.0.0.1:%u",
                    sv_http_server_port(f->fleet));
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_site_rules_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_broker_open(&f->g, NULL), SV_OK);
    assert_int_equal(sv_http_client_open(f->g.loop, f->g.config.fleet.url, NULL, SV_TIME_SECOND_US,
                                         &f->g.fleet.http, NULL),
                     SV_OK);
}

static void close_gateway(fixture *f) {
    sv_http_client_drop(&f->g.fleet.http);
    sv_writer_drop(&f->g.writer);
    gw_site_rules_close(&f->g);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    free(f->g.acks);
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    gw_config_drop(&f->g.config);
    sv_loop *loop = f->g.loop;
    f->g = (gw){ .loop = loop };
}

/// As after a kill: what is not on disk is forgotten.
static void start_again(fixture *f, const char *more) {
    sv_writer_wait(f->g.writer);
    close_gateway(f);
    open_gateway(f, more);
}

static int setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-rules-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1024,
                                             .connections_max = 8 };
    assert_int_equal(sv_http_server_open(f->g.loop, &options, answer, f, &f->fleet, NULL), SV_OK);
    open_gateway(f, "");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    close_gateway(f);
    sv_http_server_drop(&f->fleet);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

/// What the fleet server has; nothing is announced.
static void has(fixture *f, int64_t version, const char *text) {
    f->status = 200;
    f->number = version;
    (void) snprintf(f->text, sizeof f->text, "%s", text);
}

static gw_event_end announce(fixture *f, int64_t id, int64_t version, const char *text) {
    char sha256[GW_RULES_SHA256_ROOM];
    char data[256];
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    digest(text, sha256);
    (void) snprintf(data, sizeof data, "{\"version\":%lld,\"sha256\":\"%s\"}", (long long) version,
                    sha256);
    assert_int_equal(sv_json_parse(sv_text_of(data), &root, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, id, SV_TEXT("rules"), root);
}

static void turn_until_fetched(fixture *f) {
    for (int i = 0; i < TURNS_MAX && (f->g.site_rules.wanted.any || f->g.site_rules.next.rules);
         i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_false(f->g.site_rules.wanted.any);
    assert_null(f->g.site_rules.next.rules);
}

static int high(fixture *f) {
    sv_stream_rules found;
    sv_rules_for(f->g.config.rules, SV_TEXT("press-1"), SV_TEXT("temperature"), &found);
    return found.threshold.high.given ? (int) found.threshold.high.at : 0;
}

static void say(fixture *f, double value) {
    char payload[160];
    (void) snprintf(
        payload, sizeof payload,
        "{\"value\":%g,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}", value);
    (void) gw_ingest_message(&f->g, SV_TEXT("sensors/press-1/temperature"), sv_text_of(payload));
}

// [rules-3] [rules-5]
static void what_is_announced_is_fetched_and_comes_in_force_with_state_kept(void **state) {
    fixture *f = *state;
    gw_site_rules_start(&f->g);
    f->status = 404;
    turn_until_fetched(f);
    say(f, 90);
    gw_stream *s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("temperature"));
    assert_true(s->stream.causes[SV_CAUSE_HIGH].open);
    char id[sizeof s->stream.causes[SV_CAUSE_HIGH].alert_id];
    memcpy(id, s->stream.causes[SV_CAUSE_HIGH].alert_id, sizeof id);
    has(f, 3, HIGH_50);
    assert_int_equal(announce(f, 10, 3, HIGH_50), GW_EVENT_DONE);
    assert_int_equal(high(f), 80);
    turn_until_fetched(f);
    assert_string_equal(f->version, "3");
    assert_int_equal(high(f), 50);
    assert_int_equal(f->g.site_rules.version, 3);
    assert_true(s->stream.causes[SV_CAUSE_HIGH].open && s->stream.filled == 1);
    assert_string_equal(s->stream.causes[SV_CAUSE_HIGH].alert_id, id);
    assert_true(s->rules.threshold.high.at < 51);
    assert_int_equal(announce(f, 11, 3, HIGH_50), GW_EVENT_IDLE);
}

// [rules-5]
static void nothing_is_in_force_that_is_not_on_disk(void **state) {
    fixture *f = *state;
    has(f, 3, HIGH_50);
    assert_int_equal(announce(f, 10, 3, HIGH_50), GW_EVENT_DONE);
    SV_DEFER(sv_json_drop) sv_json *given = NULL;
    char sha256[GW_RULES_SHA256_ROOM];
    char text[512];
    digest(HIGH_50, sha256);
    (void) snprintf(text, sizeof text,
                    "{\"version\":3,\"sha256\":\"%s\",\"rules\":\"thresholds: {default: {high: "
                    "50}}\\n\"}",
                    sha256);
    assert_int_equal(sv_json_parse(sv_text_of(text), &given, NULL, NULL), SV_OK);
    assert_true(gw_site_rules_take(&f->g, given));
    assert_int_equal(high(f), 80);
    sv_writer_wait(f->g.writer);
    assert_int_equal(high(f), 50);
}

// [rules-6]
static void they_hold_after_a_restart_without_the_fleet_server(void **state) {
    fixture *f = *state;
    has(f, 3, HIGH_50);
    gw_site_rules_start(&f->g);
    (void) (announce(f, 10, 3, HIGH_50) == GW_EVENT_DONE);
    turn_until_fetched(f);
    f->status = 503;
    start_again(f, "");
    assert_int_equal(high(f), 50);
    assert_int_equal(f->g.site_rules.version, 3);
    say(f, 55);
    gw_stream *s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("temperature"));
    assert_true(s->stream.causes[SV_CAUSE_HIGH].open);
}

// [rules-5]
static void a_kill_between_the_event_and_its_rules_loses_neither(void **state) {
    fixture *f = *state;
    assert_int_equal(announce(f, 10, 3, HIGH_50), GW_EVENT_DONE); // nothing fetches yet
    start_again(f, "");
    assert_int_equal(high(f), 80);
    assert_true(f->g.site_rules.wanted.any);
    has(f, 3, HIGH_50);
    gw_site_rules_start(&f->g);
    turn_until_fetched(f);
    assert_string_equal(f->version, "3");
    assert_int_equal(high(f), 50);
}

// [rules-5]
static void who_cannot_answer_now_is_asked_again(void **state) {
    fixture *f = *state;
    f->status = 503;
    gw_site_rules_start(&f->g);
    (void) (announce(f, 10, 3, HIGH_50) == GW_EVENT_DONE);
    for (int i = 0; i < TURNS_MAX && f->asked < 2; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_true(f->asked >= 2 && f->g.site_rules.wanted.any);
    has(f, 2, HIGH_60); // not what was announced, and no answer to the question
    int before = f->asked;
    for (int i = 0; i < TURNS_MAX * 2 && f->asked == before; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(high(f), 80);
    assert_int_equal(f->g.site_rules.refused.version, 0);
}

static void refused_is(fixture *f, int64_t version, const char *part) {
    assert_int_equal(f->g.site_rules.refused.version, version);
    if (strstr(f->g.site_rules.refused.why, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, f->g.site_rules.refused.why);
    }
    assert_int_equal(high(f), 80);
}

// [rules-5]
static void a_faulty_file_or_a_wrong_digest_is_refused_whole(void **state) {
    static const char FAULTY[] = "thresholds:\n  default: {high: 50}\nuplink: {default: maybe}\n";
    fixture *f = *state;
    gw_site_rules_start(&f->g);
    has(f, 3, FAULTY);
    (void) (announce(f, 10, 3, FAULTY) == GW_EVENT_DONE);
    turn_until_fetched(f);
    refused_is(f, 3, "1 fault: line 3, column 19: what leaves the site is one of");
    start_again(f, "");
    refused_is(f, 3, "1 fault: line 3");

    gw_site_rules_start(&f->g);
    has(f, 4, HIGH_50);
    (void) (announce(f, 11, 4, HIGH_60) == GW_EVENT_DONE);
    turn_until_fetched(f);
    refused_is(f, 4, "the digest of what came is ");

    has(f, 5, HIGH_50);
    (void) (announce(f, 12, 5, HIGH_50) == GW_EVENT_DONE);
    turn_until_fetched(f);
    assert_int_equal(high(f), 50);
    assert_int_equal(f->g.site_rules.refused.version, 0);
}

// [rules-5]
static void the_newest_is_asked_for_at_the_start_and_after_a_loss(void **state) {
    fixture *f = *state;
    has(f, 7, HIGH_50);
    gw_site_rules_start(&f->g);
    turn_until_fetched(f);
    assert_string_equal(f->version, "0");
    assert_int_equal(high(f), 50);
    has(f, 9, HIGH_60);
    assert_int_equal(gw_push_take(&f->g, 50, SV_TEXT("reset"), NULL), GW_EVENT_DONE);
    turn_until_fetched(f);
    assert_int_equal(high(f), 60);
    has(f, 10, HIGH_50);
    f->lies = true;
    assert_int_equal(gw_push_take(&f->g, 60, SV_TEXT("reset"), NULL), GW_EVENT_DONE);
    turn_until_fetched(f);
    assert_int_equal(f->g.site_rules.refused.version, 10);
    assert_int_equal(high(f), 60);
}

static void read_again(fixture *f, const char *more) {
    SV_DEFER(gw_config_drop) gw_config fresh = { .id = "" };
    read_config(f, more, &fresh);
    gw_site_rules_reload(&f->g, &fresh);
}

// [rules-6]
static void a_file_that_says_so_keeps_its_own_rules(void **state) {
    fixture *f = *state;
    gw_site_rules_start(&f->g);
    has(f, 3, HIGH_50);
    (void) (announce(f, 10, 3, HIGH_50) == GW_EVENT_DONE);
    turn_until_fetched(f);
    read_again(f, "");
    assert_int_equal(high(f), 50);
    read_again(f, "rules_from: file");
    assert_int_equal(high(f), 80);
    assert_int_equal(f->g.site_rules.version, 0);
    int asked = f->asked;
    assert_int_equal(announce(f, 11, 4, HIGH_60), GW_EVENT_DONE);
    refused_is(f, 4, "rules_from: file");
    start_again(f, "rules_from: file");
    refused_is(f, 4, "rules_from: file");
    gw_site_rules_start(&f->g);
    assert_int_equal(f->asked, asked);

    has(f, 4, HIGH_60);
    read_again(f, "rules_from: fleet");
    assert_int_equal(high(f), 50); // the last that it gave, and then
    turn_until_fetched(f);
    assert_int_equal(high(f), 60);
}

static void what_breaks_its_format_is_skipped(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        "null",
        "{}",
        "{\"version\":1}",
        "{\"version\":0,\"sha256\":\"%s\"}",
        "{\"version\":\"1\",\"sha256\":\"%s\"}",
        "{\"version\":1,\"sha256\":\"abc\"}",
    };
    char sha256[GW_RULES_SHA256_ROOM];
    digest(HIGH_50, sha256);
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(512);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_text rest = sv_text_of(BROKEN[i]);
        sv_textbuf_add(&data, sv_text_cut(&rest, '%'));
        if (rest.len > 0) {
            sv_textbuf_add_str(&data, sha256);
            sv_textbuf_add_str(&data, "\"}");
        }
        assert_int_equal(sv_json_parse(sv_textbuf_text(&data), &root, NULL, NULL), SV_OK);
        assert_int_equal(gw_push_take(&f->g, (int64_t) i + 1, SV_TEXT("rules"), root),
                         GW_EVENT_REFUSED);
        assert_false(f->g.site_rules.wanted.any);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_is_announced_is_fetched_and_comes_in_force_with_state_kept),
        TEST(nothing_is_in_force_that_is_not_on_disk),
        TEST(they_hold_after_a_restart_without_the_fleet_server),
        TEST(a_kill_between_the_event_and_its_rules_loses_neither),
        TEST(who_cannot_answer_now_is_asked_again),
        TEST(a_faulty_file_or_a_wrong_digest_is_refused_whole),
        TEST(the_newest_is_asked_for_at_the_start_and_after_a_loss),
        TEST(a_file_that_says_so_keeps_its_own_rules),
        TEST(what_breaks_its_format_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
