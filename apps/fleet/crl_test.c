#include "crl.h"

#include "fleet_fixture.h"
#include "standing.h"

#include <codec/encode.h>
#include <crypto/pki.h>
#include <net/test.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { ANSWER_MAX = 4096, RECORDS_MAX = 8 };

/// The signer, as the test wants it.
typedef struct maker {
    bool away, slow;
    int asked, missed;
    char room[ANSWER_MAX];
    sv_textbuf der;
    size_t count;
    sv_signer_record records[RECORDS_MAX];
    sv_signer_done *done;
    void *arg;
} maker;

static maker signer;

static void finish(void) {
    sv_signer_done *done = signer.done;
    signer.done = NULL;
    done(signer.arg, SV_OK, sv_textbuf_text(&signer.der), NULL);
}

/// A list as a signer gives it: the folder's own, of now and for 30 days, in DER.
static void make_list(const fixture *f) {
    char dir[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    char digits_room[ANSWER_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(ANSWER_MAX);
    sv_textbuf digits = SV_TEXTBUF(digits_room);
    assert_int_equal(sv_disk_join(dir, sizeof dir, f->dir, "pki"), SV_OK);
    assert_int_equal(sv_disk_join(path, sizeof path, f->dir, "crl.pem"), SV_OK);
    assert_int_equal(sv_pki_init(&(sv_pki_setup){ .dir = dir }, NULL), SV_OK);
    assert_int_equal(sv_pki_crl(dir, path, NULL), SV_OK);
    assert_int_equal(sv_disk_read(path, &pem, NULL), SV_OK);
    sv_text rest = sv_textbuf_text(&pem);
    (void) sv_text_cut(&rest, '\n');
    for (sv_text line = sv_text_cut(&rest, '\n'); !sv_text_starts(line, SV_TEXT("-----"));
         line = sv_text_cut(&rest, '\n')) {
        sv_textbuf_add(&digits, line);
    }
    assert_int_equal(sv_base64_parse(sv_textbuf_text(&digits), &signer.der), SV_OK);
}

static sv_err make(sv_signer *line, const sv_signer_record *records, size_t count,
                   sv_signer_done *done, void *arg, sv_why *why) {
    (void) line;
    if (signer.away) {
        signer.missed++;
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the signer is away");
    }
    assert_true(count <= RECORDS_MAX);
    memcpy(signer.records, records, count * sizeof *records);
    signer.asked++;
    signer.count = count;
    signer.done = done;
    signer.arg = arg;
    return SV_OK;
}

typedef struct door {
    sv_loop *loop;
    sv_http_server *server;
    char answer[ANSWER_MAX];
} door;

static void serve(sv_http_request *request, void *arg) {
    sv_crl_give(arg, request);
    if (signer.done != NULL && !signer.slow) {
        finish();
    }
}

static int ask(door *d, const char *more) {
    char line[256];
    memset(d->answer, 0, sizeof d->answer);
    sv_textbuf answer = SV_TEXTBUF(d->answer);
    (void) snprintf(line, sizeof line,
                    "GET /crl HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", more);
    sv_test_talk(d->loop, sv_http_server_port(d->server), sv_text_of(line), &answer);
    assert_int_equal(sv_textbuf_end(&answer), SV_OK);
    return (int) strtol(d->answer + sizeof "HTTP/1.1 " - 1, NULL, 10);
}

static void open_door(door *d, fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 8 };
    *d = (door){ .loop = NULL };
    signer = (maker){ .away = false };
    signer.der = SV_TEXTBUF(signer.room);
    make_list(f);
    sv_crl_drop(&f->fleet.crl);
    f->fleet.crl = sv_crl_new(make);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(d->loop, &options, serve, &f->fleet, &d->server, NULL),
                     SV_OK);
}

static void close_door(door *d, fixture *f) {
    sv_crl_drop(&f->fleet.crl);
    sv_http_server_drop(&d->server);
    sv_loop_drop(&d->loop);
}

static void certificate(fixture *f, const char *serial, const char *id, int64_t from_us,
                        int64_t to_us) {
    sv_stmt *stmt;
    assert_int_equal(sv_db_stmt(f->fleet.db,
                                "INSERT INTO certificate (serial, id, role, key_hash, issuer,"
                                " not_before_us, not_after_us, how, issued_us)"
                                " VALUES (?1, ?2, 'device', '', '', ?3, ?4, 'enrolled', 0)",
                                &stmt, NULL),
                     SV_OK);
    sv_stmt_bind_str(stmt, 1, serial);
    sv_stmt_bind_str(stmt, 2, id);
    sv_stmt_bind_int(stmt, 3, from_us);
    sv_stmt_bind_int(stmt, 4, to_us);
    assert_int_equal(sv_stmt_run(stmt, NULL), SV_OK);
}

static void decide_against(fixture *f, const char *id) {
    const sv_standing_order order = { .id = sv_text_of(id),
                                      .state = SV_STANDING_REVOKED,
                                      .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
}

static void keep_newest(void *arg, const sv_pki_record *record) {
    *(sv_pki_record *) arg = *record;
}

static void known_certificates_that_count_no_more_are_listed_and_no_others(void **state) {
    fixture *f = *state; // [standing-11]
    door d;
    int64_t now_us = fixture_now_us;
    int64_t later_us = now_us + SV_TIME_DAY_US;
    open_door(&d, f);
    certificate(f, "0a0b", "press-1", now_us - 5, later_us);
    certificate(f, "0a0c", "PRESS-1", now_us - 9, later_us);
    certificate(f, "0a0d", "press-1", now_us - 9, now_us - 1);                       // has ended
    certificate(f, "0a0e", "press-1", now_us + 2 * SV_TIME_SECOND_US, 2 * later_us); // came after
    certificate(f, "0a0f", "press-2", now_us - 9, later_us);
    certificate(f, "no serial", "press-1", now_us - 9, later_us);
    assert_int_equal(sv_disk_join(f->fleet.config.pki, sizeof f->fleet.config.pki, f->dir, "pki"),
                     SV_OK);
    const sv_pki_leaf leaf = { .id = "press-3", .out = f->dir };
    assert_int_equal(sv_pki_issue(f->fleet.config.pki, &leaf, NULL), SV_OK);
    decide_against(f, "press-1");
    assert_int_equal(ask(&d, ""), 200);
    assert_non_null(strstr(d.answer, "application/pkix-crl"));
    assert_non_null(memmem(d.answer, sizeof d.answer, signer.der.at, signer.der.len));
    assert_int_equal(signer.count, 2);
    for (size_t i = 0; i < signer.count; i++) {
        assert_int_equal(signer.records[i].bytes, 2);
        assert_int_equal(signer.records[i].serial[0], 0x0a);
        assert_true(signer.records[i].serial[1] == 0x0b || signer.records[i].serial[1] == 0x0c);
        assert_int_equal(signer.records[i].revoked_at_s, now_us / SV_TIME_SECOND_US + 1);
    }
    // And what the folder alone knows, once, also when it is known here as well.
    fixture_now_us = sv_clock_wall_us(); // by which it was issued
    decide_against(f, "press-3");
    assert_int_equal(ask(&d, ""), 200);
    assert_int_equal(signer.count, 3);
    sv_pki_record known = { .id = "" };
    assert_int_equal(sv_pki_list(f->fleet.config.pki, keep_newest, &known, NULL), SV_OK);
    certificate(f, known.serial, "press-3", known.not_before_us, known.not_after_us);
    decide_against(f, "press-3");
    assert_int_equal(ask(&d, ""), 200);
    assert_int_equal(signer.count, 3);
    close_door(&d, f);
}

static void
it_is_made_anew_when_something_was_decided_or_a_third_of_its_life_is_over(void **state) {
    fixture *f = *state; // [standing-11]
    door d;
    open_door(&d, f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(&d, ""), 200);
        assert_int_equal(signer.asked, 1);
    }
    char *etag = strstr(d.answer, "ETag: ");
    assert_non_null(etag);
    char more[96];
    (void) snprintf(more, sizeof more, "If-None-Match: %.*s\r\n", (int) strcspn(etag + 6, "\r"),
                    etag + 6);
    assert_int_equal(ask(&d, more), 304);
    decide_against(f, "press-1");
    assert_int_equal(ask(&d, more), 200);
    assert_int_equal(signer.asked, 2);
    fixture_now_us += 9 * SV_TIME_DAY_US;
    assert_int_equal(ask(&d, ""), 200);
    assert_int_equal(signer.asked, 2);
    fixture_now_us += SV_TIME_DAY_US + SV_TIME_MINUTE_US; // it was made after the fixture
    assert_int_equal(ask(&d, ""), 200);
    assert_int_equal(signer.asked, 3);
    close_door(&d, f);
}

static void what_is_no_list_is_not_given(void **state) {
    fixture *f = *state;
    door d;
    open_door(&d, f);
    signer.der.len -= 1;
    assert_int_equal(ask(&d, ""), 503);
    assert_non_null(strstr(d.answer, "are no revocation list with an end"));
    close_door(&d, f);
}

static void
while_the_signer_is_away_the_last_one_is_given_or_it_is_said_that_there_is_none(void **state) {
    fixture *f = *state; // [standing-11]
    door d;
    open_door(&d, f);
    signer.away = true;
    assert_int_equal(ask(&d, ""), 503);
    assert_non_null(strstr(d.answer, "the signer is away"));
    assert_non_null(strstr(d.answer, "Retry-After: 5"));
    // Nothing is gathered for it again before that.
    assert_int_equal(ask(&d, ""), 503);
    assert_non_null(strstr(d.answer, "the signer is away"));
    assert_int_equal(signer.missed, 1);
    fixture_now_us += 5 * SV_TIME_SECOND_US;
    signer.away = false;
    assert_int_equal(ask(&d, ""), 200);
    decide_against(f, "press-1");
    signer.away = true;
    assert_int_equal(ask(&d, ""), 200);
    assert_non_null(memmem(d.answer, sizeof d.answer, signer.der.at, signer.der.len));
    assert_int_equal(ask(&d, ""), 200);
    assert_int_equal(signer.asked, 1);
    assert_int_equal(signer.missed, 2);
    close_door(&d, f);
}

static void whoever_comes_while_it_is_made_waits_for_that_one_and_too_many_are_told(void **state) {
    fixture *f = *state; // [standing-11]
    enum { MANY = SV_CRL_WAITING_MAX + 2 };
    door d;
    int fds[MANY];
    open_door(&d, f);
    signer.slow = true;
    sv_http_server_drop(&d.server);
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 2UL * MANY };
    assert_int_equal(sv_http_server_open(d.loop, &options, serve, &f->fleet, &d.server, NULL),
                     SV_OK);
    for (int i = 0; i < MANY; i++) {
        sv_text line = SV_TEXT("GET /crl HTTP/1.1\r\nHost: x\r\n\r\n");
        fds[i] = sv_test_connect(sv_http_server_port(d.server));
        sv_test_send(fds[i], &line);
        for (int turn = 0; turn < 5; turn++) {
            sv_loop_turn(d.loop, 1000);
        }
    }
    assert_int_equal(signer.asked, 1);
    finish();
    int good = 0;
    int refused = 0;
    for (int i = 0; i < MANY; i++) {
        sv_textbuf answer = SV_TEXTBUF(d.answer);
        int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
        while (answer.len == 0 && sv_clock_monotonic_us() < end_us) {
            sv_loop_turn(d.loop, 1000);
            (void) sv_test_receive(fds[i], &answer);
        }
        good += strncmp(d.answer, "HTTP/1.1 200", 12) == 0;
        refused += strncmp(d.answer, "HTTP/1.1 503", 12) == 0;
        (void) close(fds[i]);
    }
    assert_int_equal(good, SV_CRL_WAITING_MAX);
    assert_int_equal(refused, MANY - SV_CRL_WAITING_MAX);
    close_door(&d, f);
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = sv_clock_wall_us();
    return fixture_setup(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(known_certificates_that_count_no_more_are_listed_and_no_others),
        TEST(it_is_made_anew_when_something_was_decided_or_a_third_of_its_life_is_over),
        TEST(what_is_no_list_is_not_given),
        TEST(while_the_signer_is_away_the_last_one_is_given_or_it_is_said_that_there_is_none),
        TEST(whoever_comes_while_it_is_made_waits_for_that_one_and_too_many_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
