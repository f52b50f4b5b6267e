// Acknowledging at the gateway, and what becomes of it beside the fleet server's.
#include "ingest_fixture.h"
#include <net/http_client.h>
#include <string.h>

enum { TURN_US = 10000, TURNS_MAX = 500, ASKED_MAX = GW_SEEN_WAITING_MAX + 1 };

static const char RULES[] = "thresholds: {sensors: {badge: {high: 1}, t: {high: 80}}}\n"
                            "uplink: {sensors: {badge: never}}\n"
                            "rules: {default: {jam: {when: load > 5}}}\n";

static int setup(void **state) {
    return open_fixture(state, RULES);
}

/// Everybody who asks at the page, and what they were answered.
typedef struct page {
    fixture *f;
    sv_http_server *server;
    sv_http_client *clients[ASKED_MAX];
    size_t count, arrived, answered;
    bool cools; ///< the alert of t is cleared in the moment before
    int status;
    char body[512];
} page;

static void on_request(sv_http_request *request, void *arg) {
    page *p = arg;
    sv_text id = sv_http_path(request);
    p->arrived++;
    id.at++;
    id.len--;
    for (int i = 0; p->cools && i < 10; i++) {
        say_of(p->f, "press-1", "t", NULL, 0, 1, 20 - i);
    }
    gw_seen_acknowledge(&p->f->g, request, id);
}

static void on_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    page *p = arg;
    (void) why;
    p->answered++;
    p->status = reply->status;
    assert_int_equal(sv_text_copy(reply->body, p->body, sizeof p->body), SV_OK);
}

static void open_page(page *p, fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1024,
                                             .connections_max = ASKED_MAX + 1 };
    *p = (page){ .f = f };
    assert_int_equal(sv_http_server_open(f->g.loop, &options, on_request, p, &p->server, NULL),
                     SV_OK);
}

static void close_page(page *p) {
    gw_seen_close(&p->f->g);
    for (size_t i = 0; i < p->count; i++) {
        sv_http_client_drop(&p->clients[i]);
    }
    sv_http_server_drop(&p->server);
}

/// The request has reached the gateway.
static void press(page *p, const char *id, const char *body) {
    char url[64];
    char path[64];
    size_t before = p->arrived;
    (void) snprintf(url, sizeof url, "http://127.0.0.1:%u", sv_http_server_port(p->server));
    (void) snprintf(path, sizeof path, "/%s", id);
    sv_http_client **client = &p->clients[p->count++];
    assert_int_equal(sv_http_client_open(p->f->g.loop, url, NULL, SV_TIME_MINUTE_US, client, NULL),
                     SV_OK);
    assert_int_equal(sv_http_client_send(*client, "POST", path, NULL, "application/json",
                                         sv_text_of(body), on_answer, p),
                     SV_OK);
    for (int i = 0; p->arrived == before && i < TURNS_MAX; i++) {
        sv_loop_turn(p->f->g.loop, TURN_US);
    }
    assert_int_equal(p->arrived, before + 1);
}

static void wait_answers(page *p, size_t many) {
    for (int i = 0; p->answered < many && i < TURNS_MAX; i++) {
        sv_loop_turn(p->f->g.loop, TURN_US);
    }
    assert_int_equal(p->answered, many);
}

/// One alert of each kind; `out` gets the id of the one of `sensor`, or of the rule.
static void alert_of(fixture *f, const char *sensor, char out[SV_ALERT_ID_MAX + 1]) {
    sv_stmt *stmt = NULL;
    if (f->g.alerts_open == 0) {
        say_of(f, "press-1", "t", NULL, 0, 1, 91);
        say_of(f, "press-1", "badge", NULL, 0, 1, 5);
        say_of(f, "press-1", "load", NULL, 0, 1, 9);
        assert_int_equal(f->g.alerts_open, 3);
    }
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, "SELECT id FROM open_alert WHERE sensor = ?", &stmt, NULL),
                     SV_OK);
    sv_stmt_bind_str(stmt, 1, sensor);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(stmt, 0), out, SV_ALERT_ID_MAX + 1), SV_OK);
    sv_stmt_reset(stmt);
}

#define ACKNOWLEDGED " WHERE body LIKE '%\"acknowledged\"%'"
#define LOCAL "SELECT count(*) FROM alert_local" ACKNOWLEDGED
#define UP "SELECT count(*) FROM alert_post" ACKNOWLEDGED

// [page-4] [alert-5]
static void it_is_answered_when_it_is_on_disk_and_told_once_whoever_asks_again(void **state) {
    fixture *f = *state;
    page p;
    char id[SV_ALERT_ID_MAX + 1];
    alert_of(f, "t", id);
    open_page(&p, f);
    press(&p, id, "{\"by\":\" anna \"}");
    assert_int_equal(p.answered, 0);
    gw_seen_turn(&f->g);
    assert_int_equal(f->g.seen.count, 1);
    press(&p, id, "{\"by\":\"ben\"}"); // a moment later, not on disk yet
    wait_answers(&p, 2);
    assert_int_equal(p.status, 200);
    assert_non_null(strstr(p.body, "\"by\":\"anna\""));
    assert_non_null(strstr(p.body, "\"here\":true"));
    press(&p, id, "{\"by\":\"cem\"}");
    wait_answers(&p, 3);
    assert_non_null(strstr(p.body, "\"by\":\"anna\""));
    assert_int_equal(ask(f, LOCAL), 1);
    assert_int_equal(ask(f, UP " AND body LIKE '%\"by\":\"anna\"%'"), 1);
    assert_int_equal(ask(f, UP), 1);
    close_page(&p);
    const gw_stream *s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("t"));
    assert_true(s->stream.causes[SV_CAUSE_HIGH].acknowledged);
    restart(f);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert JOIN seen ON id = alert WHERE "
                            "acknowledged = 1 AND who = 'anna' AND here = 1"),
                     1);
    s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("t"));
    assert_true(s->stream.causes[SV_CAUSE_HIGH].acknowledged);
}

// [page-4]
static void what_cannot_be_acknowledged_is_said(void **state) {
    fixture *f = *state;
    page p;
    char id[SV_ALERT_ID_MAX + 1];
    char nobody[128];
    alert_of(f, "t", id);
    open_page(&p, f);
    (void) snprintf(nobody, sizeof nobody, "{\"by\":\"%065d\"}", 7);
    const struct {
        const char *id, *body;
        int status;
    } cases[] = {
        { id, "", 400 },
        { id, "{", 400 },
        { id, "{}", 400 },
        { id, "{\"by\":7}", 400 },
        { id, "{\"by\":\"\"}", 400 },
        { id, "{\"by\":\"  \"}", 400 },
        { id, "{\"by\":\"a\\u0007b\"}", 400 },
        { id, nobody, 400 },
        { "00000000000000000000000000000000", "{\"by\":\"anna\"}", 404 },
        { "x", "{\"by\":\"anna\"}", 404 },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        press(&p, cases[i].id, cases[i].body);
        wait_answers(&p, i + 1);
        assert_int_equal(p.status, cases[i].status);
    }
    f->g.full = true;
    press(&p, id, "{\"by\":\"anna\"}");
    wait_answers(&p, SV_COUNT(cases) + 1);
    assert_int_equal(p.status, 503);
    f->g.full = false;
    assert_int_equal(ask(f, "SELECT count(*) FROM seen"), 0);
    // Cleared, though that is not on disk yet.
    p.cools = true;
    press(&p, id, "{\"by\":\"anna\"}");
    assert_int_equal(f->g.seen.count, 0);
    wait_answers(&p, SV_COUNT(cases) + 2);
    assert_int_equal(p.status, 404);
    close_page(&p);
}

// [alert-5]
static void what_stays_at_the_site_stays_there_acknowledged(void **state) {
    fixture *f = *state;
    page p;
    char badge[SV_ALERT_ID_MAX + 1];
    char rule[SV_ALERT_ID_MAX + 1];
    alert_of(f, "badge", badge);
    alert_of(f, "", rule);
    open_page(&p, f);
    press(&p, badge, "{\"by\":\"anna\"}");
    wait_answers(&p, 1);
    assert_int_equal(ask(f, LOCAL), 1);
    assert_int_equal(ask(f, UP), 0);
    press(&p, rule, "{\"by\":\"anna\"}");
    wait_answers(&p, 2);
    assert_int_equal(ask(f, UP), 1);
    close_page(&p);
}

// [alert-5]
static void of_both_sides_the_earlier_counts_and_the_site_hears_it_once(void **state) {
    fixture *f = *state;
    page p;
    char id[SV_ALERT_ID_MAX + 1];
    alert_of(f, "t", id);
    open_page(&p, f);
    press(&p, id, "{\"by\":\"anna\"}");
    int64_t now_us = sv_clock_wall_us();
    // Not on disk yet, and when it is: later at the fleet server.
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gw_alert_acknowledge(&f->g, sv_text_of(id), SV_TEXT("ada"),
                                              now_us + SV_TIME_MINUTE_US, 0),
                         GW_EVENT_IDLE);
        wait_answers(&p, 1);
        assert_int_equal(ask(f, "SELECT count(*) FROM seen WHERE who = 'anna' AND here = 1"), 1);
    }
    size_t waiting = sv_mqtt_client_waiting(f->g.mqtt);
    assert_int_equal(
        gw_alert_acknowledge(&f->g, sv_text_of(id), SV_TEXT("ada"), now_us - SV_TIME_MINUTE_US, 0),
        GW_EVENT_IDLE);
    assert_int_equal(ask(f, "SELECT count(*) FROM seen WHERE who = 'ada' AND here = 0"), 1);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), waiting);
    assert_int_equal(ask(f, LOCAL), 1);
    // At the fleet server first: who comes to the page is told so, and nothing goes up.
    char rule[SV_ALERT_ID_MAX + 1];
    alert_of(f, "", rule);
    assert_int_equal(gw_alert_acknowledge(&f->g, sv_text_of(rule), SV_TEXT("ada"), now_us, 0),
                     GW_EVENT_DONE);
    sv_writer_wait(f->g.writer);
    press(&p, rule, "{\"by\":\"anna\"}");
    wait_answers(&p, 2);
    assert_non_null(strstr(p.body, "\"by\":\"ada\""));
    assert_non_null(strstr(p.body, "\"here\":false"));
    assert_int_equal(ask(f, UP), 1);
    close_page(&p);
}

// [page-4]
static void a_crowd_is_turned_away_and_nobody_is_left_waiting(void **state) {
    fixture *f = *state;
    page p;
    char id[SV_ALERT_ID_MAX + 1];
    alert_of(f, "t", id);
    open_page(&p, f);
    sv_writer_wait(f->g.writer);
    f->g.seen.count = GW_SEEN_WAITING_MAX;
    for (size_t i = 0; i < GW_SEEN_WAITING_MAX; i++) {
        f->g.seen.fresh[i] = (gw_seen_fresh){ .group = UINT64_MAX };
    }
    press(&p, id, "{\"by\":\"anna\"}");
    wait_answers(&p, 1);
    assert_int_equal(p.status, 503);
    f->g.seen.count = 0;
    press(&p, id, "{\"by\":\"anna\"}");
    f->g.seen.fresh[0].group = UINT64_MAX; // the disk never has it
    gw_seen_close(&f->g);
    wait_answers(&p, 2);
    assert_int_equal(p.status, 503);
    close_page(&p);
}

// [page-3]
static void the_row_goes_with_the_alert(void **state) {
    fixture *f = *state;
    page p;
    char id[SV_ALERT_ID_MAX + 1];
    alert_of(f, "", id);
    open_page(&p, f);
    press(&p, id, "{\"by\":\"anna\"}");
    wait_answers(&p, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM seen"), 1);
    say_of(f, "press-1", "load", NULL, 0, 0, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE sensor = ''"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM seen"), 0);
    close_page(&p);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_answered_when_it_is_on_disk_and_told_once_whoever_asks_again),
        TEST(what_cannot_be_acknowledged_is_said),
        TEST(what_stays_at_the_site_stays_there_acknowledged),
        TEST(of_both_sides_the_earlier_counts_and_the_site_hears_it_once),
        TEST(a_crowd_is_turned_away_and_nobody_is_left_waiting),
        TEST(the_row_goes_with_the_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
