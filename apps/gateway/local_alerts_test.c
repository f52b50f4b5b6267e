#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/log.h>

/// A gateway's store behind a broker that never answers: what is published waits in the client.
typedef struct fixture {
    char dir[64];
    gw g;
} fixture;

static void open_store(fixture *f, bool with_broker) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    if (with_broker) {
        assert_int_equal(gw_broker_open(&f->g, NULL), SV_OK);
    }
    gw_local_alerts_turn(&f->g);
}

static void close_store(fixture *f) {
    sv_writer_drop(&f->g.writer);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    free(f->g.acks);
    f->g.acks = NULL;
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
}

/// As after a kill: what is committed is there, what the broker was given and did not acknowledge
/// is forgotten.
static void restart(fixture *f, bool with_broker) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f, with_broker);
}

static int setup(void **state) {
    static const char CONFIG[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                                 "tls: {ca: a, cert: b, key: c}\n"
                                 "store: {path: %s/gateway.db, group_wait: 50ms}\n"
                                 "thresholds: {default: {high: 80}}\n";
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-local-alerts-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    assert_int_equal(gw_config_read(sv_text_of(yaml), &f->g.config, &faults), SV_OK);
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static void alert(fixture *f, int number) {
    char body[128];
    (void) snprintf(body, sizeof body, "{\"id\":\"%d\"}", number);
    gw_local_alert_put(&f->g, "press-1", sv_text_of(body));
}

static int64_t kept(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t value = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return value;
}

static int64_t count(fixture *f) {
    return kept(f, "SELECT count(*) FROM alert_local");
}

// [alert-4]
static void an_alert_outlives_a_kill_between_its_commit_and_its_publication(void **state) {
    fixture *f = *state;
    open_store(f, false); // nobody to publish to: the kill comes first
    (void) gw_ingest_message(
        &f->g, SV_TEXT("sensors/press-1/temperature"),
        SV_TEXT("{\"value\":91,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}"));
    sv_writer_wait(f->g.writer);
    assert_int_equal(f->g.alerts_open, 1);
    f->g.alerts_open = 0;
    restart(f, true);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 1);
}

// [alert-4]
static void behind_a_broker_it_is_published_until_that_has_acknowledged_it(void **state) {
    fixture *f = *state;
    open_store(f, true);
    alert(f, 1);
    alert(f, 2);
    alert(f, 3);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0); // not on disk yet
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 3);
    gw_local_alert_acknowledged(&f->g, 2); // some brokers acknowledge out of order
    restart(f, true);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 2);
    gw_local_alert_acknowledged(&f->g, 1);
    gw_local_alert_acknowledged(&f->g, 3);
    assert_int_equal(count(f), 0);
    restart(f, true);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0);
    alert(f, 4);
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 1);
}

// [alert-4]
static void what_does_not_fit_the_queue_to_the_broker_waits_on_disk(void **state) {
    enum { MANY = 9000, LARGE = 512 };
    fixture *f = *state;
    char body[LARGE + 1];
    memset(body, 'a', LARGE);
    body[LARGE] = '\0';
    open_store(f, true);
    for (int i = 0; i < MANY; i++) {
        gw_local_alert_put(&f->g, "press-1", sv_text_of(body));
    }
    sv_writer_wait(f->g.writer);
    int64_t given = f->g.local_alerts.told;
    assert_in_range(given, 1000, MANY - 1000);
    for (int64_t i = 1; i <= given; i++) {
        gw_local_alert_acknowledged(&f->g, i);
    }
    assert_int_equal(count(f), MANY - given);
    assert_int_equal(f->g.local_alerts.dropped, 0);
}

// [alert-4]
static void while_the_broker_is_away_for_long_the_oldest_goes_and_is_counted(void **state) {
    fixture *f = *state;
    open_store(f, false);
    for (int i = 1; i <= GW_LOCAL_ALERTS_MAX + 7; i++) {
        alert(f, i);
    }
    assert_int_equal(count(f), GW_LOCAL_ALERTS_MAX);
    assert_int_equal(kept(f, "SELECT min(id) FROM alert_local"), 8);
    assert_int_equal(f->g.local_alerts.dropped, 7);
    restart(f, false);
    alert(f, 0);
    assert_int_equal(count(f), GW_LOCAL_ALERTS_MAX);
    assert_int_equal(kept(f, "SELECT max(id) FROM alert_local"), GW_LOCAL_ALERTS_MAX + 8);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_alert_outlives_a_kill_between_its_commit_and_its_publication),
        TEST(behind_a_broker_it_is_published_until_that_has_acknowledged_it),
        TEST(what_does_not_fit_the_queue_to_the_broker_waits_on_disk),
        TEST(while_the_broker_is_away_for_long_the_oldest_goes_and_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
