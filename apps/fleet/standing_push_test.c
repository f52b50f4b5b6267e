#include "standing_push.h"

#include "asker_fixture.h"
#include "standing.h"

#include <crypto/key_store.h>
#include <crypto/standing.h>
#include <net/event_stream.h>
#include <net/test.h>
#include <sys/log.h>

enum { ANSWER_MAX = 1024 * 1024, HELD_MAX = 8 };

/// A gateway that follows the log, as real ones do: by the stream, and by asking when it has missed
/// something.
typedef struct follower {
    fixture *f;
    struct evp_pkey_st *key;
    sv_standing_trust *trust;
    sv_loop *loop;
    sv_http_server *server;
    sv_event_stream *stream;
    int ups, downs, heads, changes, bad;
    size_t widest; ///< bytes of the largest event with one change
    int64_t version;
    uint8_t hash[SV_STANDING_HASH_BYTES];
    /// The signer: signs at once, holds what it is asked, or is away.
    enum { SIGNS, HOLDS, AWAY } signer;
    struct {
        sv_standing_head head;
        sv_standing_signed_fn *done;
        void *arg;
    } held[HELD_MAX];
    size_t held_count, asked;
} follower;

static void sign(void *signer, const sv_standing_head *head, sv_standing_signed_fn *done,
                 void *arg) {
    follower *l = signer;
    l->asked++;
    if (l->signer == AWAY) {
        sv_why why = { 0 };
        sv_err err = sv_fail(&why, SV_ERR_UNAVAILABLE, "the signer went away");
        done(arg, err, NULL, &why);
        return;
    }
    if (l->signer == HOLDS) {
        assert_true(l->held_count < HELD_MAX);
        l->held[l->held_count].head = *head;
        l->held[l->held_count].done = done;
        l->held[l->held_count++].arg = arg;
        return;
    }
    sv_standing_head own = *head;
    assert_int_equal(sv_standing_sign(l->key, "selvedge.local", &own, NULL), SV_OK);
    done(arg, SV_OK, &own, NULL);
}

static void release(follower *l) {
    size_t count = l->held_count;
    l->held_count = 0;
    l->signer = SIGNS;
    for (size_t i = 0; i < count; i++) {
        sign(l, &l->held[i].head, l->held[i].done, l->held[i].arg);
    }
}

// ---- the gateway --------------------------------------------------------------------------------

static void serve(sv_http_request *request, void *arg) {
    follower *l = arg;
    sv_gateway *gateway = fixture_gateway(l->f, "gw-a");
    if (sv_text_is(sv_http_path(request), "/events")) {
        sv_push_join(&l->f->fleet, gateway, 0, request);
        return;
    }
    char word[32] = "0";
    uint64_t after = 0;
    (void) sv_http_query(request, "after", word, sizeof word);
    assert_int_equal(sv_text_u64(sv_text_of(word), INT64_MAX, &after), SV_OK);
    sv_standing_give(&l->f->fleet, gateway, (int64_t) after, request);
}

static void follow(follower *l, sv_text json) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
    sv_why why = { 0 };
    if (sv_standing_page_parse(json, &page, &why) != SV_OK) {
        fail_msg("%s in " SV_TEXT_FMT, why.text, SV_TEXT_ARG(json));
    }
    sv_err err = sv_standing_follow(l->trust, &page, l->version, l->hash, sv_clock_wall_us(), &why);
    if (err != SV_OK) {
        l->bad++;
        return;
    }
    l->version = page.head.version;
    l->heads += page.count == 0;
    l->changes += (int) page.count;
    if (page.count == 1 && json.len > l->widest) {
        l->widest = json.len;
    }
}

static bool on_event(void *arg, const sv_event *event) {
    assert_true(sv_text_is(event->name, "standing"));
    assert_int_equal(event->id.len, 0); // no number that a gateway would go on from
    follow(arg, event->data);
    return true;
}

static void on_up(void *arg) {
    ((follower *) arg)->ups++;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) why;
    (void) retry_us;
    ((follower *) arg)->downs++;
}

static void connect_stream(follower *l) {
    static const sv_event_stream_calls CALLS = { .up = on_up, .event = on_event, .down = on_down };
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(l->server));
    const sv_event_stream_options options = { .origin = origin, .path = "/events", .last_id = "" };
    assert_int_equal(sv_event_stream_open(l->loop, &options, &CALLS, l, &l->stream, NULL), SV_OK);
}

static void until(follower *l, const int *count, int least) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (*count < least && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(l->loop, 1000);
    }
    if (*count < least) {
        fail_msg("waited for %d, have %d", least, *count);
    }
}

/// As sv_test_talk, which ends its side early; a long answer would be cut there.
static void talk(follower *l, sv_text bytes, sv_textbuf *answer) {
    SV_DEFER(sv_fd_drop) int fd = sv_test_connect(sv_http_server_port(l->server));
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    do {
        sv_test_send(fd, &bytes);
        sv_loop_turn(l->loop, 0);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (sv_test_receive(fd, answer));
}

/// The status, and the body, of GET /standing?after=.
static int ask(follower *l, int64_t after, sv_textbuf *body) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(ANSWER_MAX);
    char line[128];
    (void) snprintf(line, sizeof line,
                    "GET /standing?after=%lld HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                    (long long) after);
    talk(l, sv_text_of(line), &answer);
    assert_int_equal(sv_textbuf_end(&answer), SV_OK);
    const char *end = strstr(answer.at, "\r\n\r\n");
    assert_non_null(end);
    sv_textbuf_clear(body);
    sv_textbuf_add_str(body, end + 4);
    return (int) strtol(answer.at + sizeof "HTTP/1.1 " - 1, NULL, 10);
}

static void start(follower *l, fixture *f) {
    char ca[SV_PATH_MAX];
    char own[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    sv_why why = { 0 };
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 8 };
    *l = (follower){ .f = f };
    asker_path(f, ca, "pki", "/ca.crt");
    asker_path(f, key, "pki", "/ca.key");
    asker_path(f, own, "gw-b", ".crt");
    if (sv_key_open(key, &l->key, &why) != SV_OK
        || sv_standing_trust_open(ca, own, &l->trust, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(sv_loop_open(&l->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(l->loop, &options, serve, l, &l->server, NULL), SV_OK);
    sv_standing_sign_with(f->fleet.standing, sign, l);
}

static void stop(follower *l) {
    sv_event_stream_drop(&l->stream);
    sv_push_drop(&l->f->fleet.push);
    sv_http_server_drop(&l->server);
    sv_loop_drop(&l->loop);
    sv_standing_trust_drop(&l->trust);
    sv_key_drop(&l->key);
}

static void decide(fixture *f, const char *id, sv_standing_state to) {
    const sv_standing_order order = { .id = sv_text_of(id), .state = to, .by = "ada" };
    sv_standing_change change;
    sv_why why = { 0 };
    if (sv_standing_set(&f->fleet, &order, &change, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

// ---- the stream ---------------------------------------------------------------------------------

static void a_decision_is_pushed_in_the_turn_in_which_it_is_made(void **state) { // [standing-9]
    follower l;
    start(&l, *state);
    sv_standing_turn(&l.f->fleet);
    connect_stream(&l);
    until(&l, &l.heads, 1);
    char longest[SV_ID_ROOM];
    memset(longest, 'x', SV_ID_MAX);
    longest[SV_ID_MAX] = '\0';
    decide(l.f, "press-1", SV_STANDING_QUARANTINED);
    decide(l.f, longest, SV_STANDING_REVOKED);
    until(&l, &l.changes, 2); // without any turn of the server's second
    assert_int_equal(l.version, 2);
    assert_int_equal(l.bad, 0);
    assert_true(l.widest <= 1024);
    stop(&l);
}

static void what_is_decided_while_the_signer_works_comes_when_it_has_signed(void **state) {
    follower l; // [standing-9]
    start(&l, *state);
    sv_standing_turn(&l.f->fleet);
    connect_stream(&l);
    until(&l, &l.heads, 1);
    l.signer = HOLDS;
    decide(l.f, "press-1", SV_STANDING_REVOKED);
    decide(l.f, "press-2", SV_STANDING_REVOKED);
    decide(l.f, "press-3", SV_STANDING_REVOKED);
    assert_int_equal(l.held_count, 1); // one at a time
    assert_int_equal(l.changes, 0);
    release(&l);
    until(&l, &l.changes, 3);
    assert_int_equal(l.bad, 0);
    stop(&l);
}

static void more_changes_than_an_event_holds_are_told_by_their_head_and_fetched(void **state) {
    follower l; // [standing-9]
    start(&l, *state);
    sv_standing_turn(&l.f->fleet);
    connect_stream(&l);
    until(&l, &l.heads, 1);
    l.signer = HOLDS;
    for (int i = 0; i <= SV_STANDING_EVENT_LINES + 1; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%d", i);
        decide(l.f, id, SV_STANDING_REVOKED);
    }
    release(&l);
    until(&l, &l.bad, 1); // a head that is out of step
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    assert_int_equal(ask(&l, l.version, &body), 200);
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, SV_STANDING_EVENT_LINES + 2);
    stop(&l);
}

static void
a_gateway_that_was_away_learns_from_the_first_head_that_it_missed_something(void **state) {
    follower l; // [standing-9]
    start(&l, *state);
    decide(l.f, "press-1", SV_STANDING_REVOKED);
    connect_stream(&l);
    until(&l, &l.bad, 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    assert_int_equal(ask(&l, 0, &body), 200);
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, 1);
    stop(&l);
}

static void what_was_committed_before_a_crash_is_pushed_after_it(void **state) { // [standing-9]
    follower l;
    fixture *f = *state;
    decide(f, "press-1", SV_STANDING_REVOKED); // committed; nobody was told
    sv_tls_drop(&f->fleet.device_tls);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    start(&l, f);
    connect_stream(&l);
    until(&l, &l.ups, 1);
    sv_standing_turn(&f->fleet);
    until(&l, &l.bad, 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    assert_int_equal(ask(&l, 0, &body), 200);
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, 1);
    stop(&l);
}

static void a_fresh_head_comes_every_minute_and_no_more_often(void **state) { // [standing-9]
    follower l;
    start(&l, *state);
    sv_standing_turn(&l.f->fleet);
    connect_stream(&l);
    until(&l, &l.heads, 1);
    for (int second = 0; second < 59; second++) {
        fixture_now_us += SV_TIME_SECOND_US;
        sv_standing_turn(&l.f->fleet);
    }
    assert_int_equal(l.asked, 1);
    fixture_now_us += SV_TIME_SECOND_US;
    sv_standing_turn(&l.f->fleet);
    assert_int_equal(l.asked, 2);
    until(&l, &l.heads, 2);
    stop(&l);
}

static void the_stream_of_a_revoked_gateway_ends_at_once(void **state) { // [standing-8]
    follower l;
    start(&l, *state);
    connect_stream(&l);
    until(&l, &l.ups, 1);
    assert_true(sv_push_reaches(l.f->fleet.push, fixture_gateway(l.f, "gw-a")));
    decide(l.f, "gw-b", SV_STANDING_REVOKED);
    assert_true(sv_push_reaches(l.f->fleet.push, fixture_gateway(l.f, "gw-a")));
    decide(l.f, "GW-A", SV_STANDING_REVOKED); // one id, however it is written [standing-1]
    assert_false(sv_push_reaches(l.f->fleet.push, fixture_gateway(l.f, "gw-a")));
    until(&l, &l.downs, 1);
    stop(&l);
}

// ---- without a signer ---------------------------------------------------------------------------

static void without_a_signer_it_holds_here_and_says_why_it_goes_no_further(void **state) {
    follower l; // [standing-9]
    start(&l, *state);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    static const char *const SAYS[] = { "no signer is configured", "the signer went away" };
    for (int away = 0; away < 2; away++) {
        l.signer = AWAY;
        sv_standing_sign_with(l.f->fleet.standing, away ? sign : NULL, &l);
        decide(l.f, "press-1", SV_STANDING_REVOKED);
        assert_true(sv_standing_is_out(l.f->fleet.standing, SV_TEXT("press-1")));
        assert_int_equal(ask(&l, 0, &body), 503);
        assert_non_null(strstr(body.at, SAYS[away]));
        char room[1024];
        sv_textbuf json = SV_TEXTBUF(room);
        sv_json_out out = SV_JSON_OUT(&json);
        sv_standing_write_gateways(&l.f->fleet, "", &out);
        assert_int_equal(sv_textbuf_end(&json), SV_OK);
        assert_non_null(strstr(json.at, SAYS[away]));
    }
    size_t asked = l.asked;
    sv_standing_turn(&l.f->fleet); // not again within the second
    assert_int_equal(l.asked, asked);
    l.signer = SIGNS;
    fixture_now_us += SV_TIME_SECOND_US;
    sv_standing_turn(&l.f->fleet);
    assert_int_equal(ask(&l, 0, &body), 200);
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, 2);
    stop(&l);
}

// ---- asking -------------------------------------------------------------------------------------

static void the_log_is_fetched_in_pages_that_are_signed_each(void **state) { // [standing-6]
    follower l;
    fixture *f = *state;
    enum { MANY = SV_STANDING_LINES_MAX + 3 };
    start(&l, f);
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int done = 0; done < MANY;) { // as fast as the log takes them
        for (int i = 0; i < SV_STANDING_AT_ONCE_MAX && done < MANY; i++, done++) {
            char id[SV_ID_ROOM];
            (void) snprintf(id, sizeof id, "press-%d", done);
            const sv_standing_order order = { .id = sv_text_of(id),
                                              .state = SV_STANDING_REVOKED,
                                              .by = "ada" };
            sv_standing_change change;
            assert_int_equal(sv_standing_store(&f->fleet, &order, &change, NULL), SV_OK);
        }
        l.signer = AWAY;
        sv_standing_settle(&f->fleet, true);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    l.signer = SIGNS;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    assert_int_equal(ask(&l, 0, &body), 200);
    assert_non_null(strstr(body.at, "\"newest\":5003"));
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, SV_STANDING_LINES_MAX);
    assert_int_equal(ask(&l, l.version, &body), 200);
    follow(&l, sv_textbuf_text(&body));
    assert_int_equal(l.version, MANY);
    assert_int_equal(ask(&l, MANY + 1, &body), 409);
    assert_non_null(strstr(body.at, "older than what you hold"));
    stop(&l);
}

static void a_gateway_tells_how_far_it_has_come(void **state) { // [standing-9]
    fixture *f = *state;
    sv_gateway *gateway = fixture_gateway(f, "gw-a");
    char room[64];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_why why = { 0 };
    static const char *const WRONG[] = { "", "{}", "[]", "{\"version\":-1}",
                                         "{\"version\":\"1\"}" };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        assert_int_equal(
            sv_standing_take_report(&f->fleet, gateway, sv_text_of(WRONG[i]), &answer, &why),
            SV_ERR_INVALID);
    }
    assert_int_equal(gateway->standing_at_us, 0);
    int64_t first_us = fixture_now_us;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            sv_standing_take_report(&f->fleet, gateway, SV_TEXT("{\"version\":0}"), &answer, &why),
            SV_OK);
        fixture_now_us += SV_TIME_SECOND_US;
    }
    assert_int_equal(gateway->standing_at_us, first_us); // since when, not when last
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = INT64_C(1800000000300000);
    int failed = fixture_setup(state);
    asker_setup(*state);
    return failed;
}

static int teardown(void **state) {
    fixture *f = *state;
    sv_tls_drop(&f->fleet.device_tls);
    return fixture_teardown(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_decision_is_pushed_in_the_turn_in_which_it_is_made),
        TEST(what_is_decided_while_the_signer_works_comes_when_it_has_signed),
        TEST(more_changes_than_an_event_holds_are_told_by_their_head_and_fetched),
        TEST(a_gateway_that_was_away_learns_from_the_first_head_that_it_missed_something),
        TEST(what_was_committed_before_a_crash_is_pushed_after_it),
        TEST(a_fresh_head_comes_every_minute_and_no_more_often),
        TEST(the_stream_of_a_revoked_gateway_ends_at_once),
        TEST(without_a_signer_it_holds_here_and_says_why_it_goes_no_further),
        TEST(the_log_is_fetched_in_pages_that_are_signed_each),
        TEST(a_gateway_tells_how_far_it_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
