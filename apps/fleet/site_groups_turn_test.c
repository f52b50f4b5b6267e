#include "site_groups_fixture.h"
#include "site_groups_own.h"
#include "walk.h"

#include <unistd.h>

enum { MANY = 40, TICK_US = 1000, LOG_ROOM = 4096 };

static int64_t ticks_us;

/// Each look at the clock takes a millisecond: five devices, and others have their turn.
static int64_t ticking(void) {
    ticks_us += TICK_US;
    return fixture_now_us + ticks_us;
}

static void add_many(door *d) {
    char id[SV_ID_ROOM];
    for (int i = 0; i < MANY; i++) {
        (void) snprintf(id, sizeof id, "m-%03d", i);
        add_device(&d->f, "gw-a", id);
    }
    group(d, "all", "{\"query\":\"id ~ m-*\"}");
    turns(d);
}

static sv_err asks(door *d) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_SITE_GROUPS_GIVEN_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    return sv_site_groups_give(&d->f.fleet, north(d), 0, &out, NULL);
}

static int64_t known(door *d) {
    return fixture_count(&d->f, "SELECT count(*) FROM site_member WHERE names = 'all'");
}

// [members-6]
static void a_site_is_looked_at_in_slices_and_told_when_it_is_whole(void **state) {
    door *d = *state;
    add_many(d);
    d->f.fleet.mono_us = ticking;
    put_rules(d, "groups: {a: {group: all}}\n", 0);
    int slices = 1;
    for (int64_t before = 0; known(d) < MANY; slices++) {
        assert_true(known(d) > before && known(d) - before <= SV_WALK_US / TICK_US);
        assert_int_equal(asks(d), SV_ERR_UNAVAILABLE);
        assert_int_equal(events(d), 0);
        before = known(d);
        (void) sv_site_groups_go_on(&d->f.fleet);
    }
    assert_true(slices >= MANY / (SV_WALK_US / TICK_US));
    while (sv_site_groups_go_on(&d->f.fleet)) {
    }
    assert_int_equal(asks(d), SV_OK);
    assert_int_equal(events(d), 1);
    shows(d, "[{\"name\":\"all\",\"known\":true,\"devices\":40}]");
}

/// What waits goes on by itself.
static void the_loop_goes_on_with_it(void **state) {
    door *d = *state;
    add_many(d);
    d->f.fleet.mono_us = ticking;
    put_rules(d, "groups: {a: {group: all}}\n", 0);
    assert_true(known(d) < MANY);
    for (int turn = 0; turn < 1000 && asks(d) != SV_OK; turn++) {
        sv_loop_turn(d->loop, 10000);
    }
    assert_int_equal(known(d), MANY);
    assert_int_equal(events(d), 1);
}

/// Other rules while it is looked at: from the beginning, by those.
static void rules_that_come_meanwhile_count(void **state) {
    door *d = *state;
    add_many(d);
    group(d, "few", "{\"query\":\"id ~ m-00*\"}");
    d->f.fleet.mono_us = ticking;
    put_rules(d, "groups: {a: {group: all}}\n", 0);
    put_rules(d, "groups: {a: {group: few}}\n", 1);
    while (sv_site_groups_go_on(&d->f.fleet)) {
    }
    shows(d, "[{\"name\":\"few\",\"known\":true,\"devices\":10}]");
    assert_int_equal(events(d), 1);
}

/// However far it had come, the server that starts again shows what was told, looks again, and
/// tells it with a higher number.
static void one_that_is_stopped_meanwhile_looks_again(void **state) {
    door *d = *state;
    add_many(d);
    bool whole = false;
    for (int slices = 0; !whole; slices++) {
        char pilots[64];
        (void) snprintf(pilots, sizeof pilots, "groups: {c: {group: p%d}}\n", slices);
        put_rules(d, pilots, 2 * (int64_t) slices);
        turns(d);
        int64_t told = events(d);
        d->f.fleet.mono_us = ticking;
        put_rules(d, "groups: {a: {group: all}}\n", 2 * (int64_t) slices + 1);
        for (int i = 0; i < slices; i++) {
            (void) sv_site_groups_go_on(&d->f.fleet);
        }
        whole = asks(d) == SV_OK;
        int64_t number = fixture_count(&d->f, "SELECT max(revision) FROM site_member");
        start_again(d);
        if (!whole) {
            (void) snprintf(pilots, sizeof pilots,
                            "[{\"name\":\"p%d\",\"known\":false,\"devices\":0}]", slices);
            shows(d, pilots);
        }
        turns(d);
        shows(d, "[{\"name\":\"all\",\"known\":true,\"devices\":40}]");
        assert_int_equal(known(d), MANY);
        assert_true(fixture_count(&d->f, "SELECT revision FROM site_groups") >= number);
        assert_true(events(d) > told);
    }
}

// ---- bounds -------------------------------------------------------------------------------------

/// What is logged until it is ended.
typedef struct log_file {
    int before, file;
} log_file;

static log_file log_begin(void) {
    char path[] = "/tmp/selvedge-log-XXXXXX";
    log_file log = { .before = dup(STDERR_FILENO), .file = mkstemp(path) };
    assert_true(log.before >= 0 && log.file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dup2(log.file, STDERR_FILENO), STDERR_FILENO);
    return log;
}

static void log_end(log_file *log, char room[LOG_ROOM]) {
    assert_int_equal(dup2(log->before, STDERR_FILENO), STDERR_FILENO);
    ssize_t len = pread(log->file, room, LOG_ROOM - 1, 0);
    assert_true(len >= 0);
    room[len] = '\0';
    (void) close(log->before);
    (void) close(log->file);
}

static int lines_about(const char *log, const char *what) {
    int count = 0;
    for (const char *at = strstr(log, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

/// As many as may be are in its groups; two more come.
static void who_does_not_fit_is_said_once_in_a_sweep(void **state) {
    door *d = *state;
    char room[LOG_ROOM];
    const sv_text in = SV_TEXT("pilots");
    group(d, "pilots", "{\"query\":\"id ~ press-*\"}");
    put_rules(d, "groups: {a: {group: pilots}}\n", 0);
    turns(d);
    site_told *s = site_told_of(d->f.fleet.site_groups, north(d));
    for (int i = 2; i < SV_MEMBERS_DEVICES_MAX; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "x-%d", i);
        assert_int_equal(sv_members_put(s->told, sv_text_of(id), &in, 1, NULL), SV_OK);
    }
    add_device(&d->f, "gw-a", "press-3");
    add_device(&d->f, "gw-a", "press-4");
    for (int sweep = 0; sweep < 2; sweep++) {
        log_file log = log_begin();
        turns(d);
        log_end(&log, room);
        assert_int_equal(lines_about(room, "event=groups.full"), 1);
        assert_non_null(strstr(room, "site north, device press-3: "));
        fixture_now_us += SV_SITE_GROUPS_EVERY_US;
    }
    shows(d, "[{\"name\":\"pilots\",\"known\":true,\"devices\":100000}]");
    // One leaves, and there is room.
    assert_int_equal(sv_members_put(s->told, SV_TEXT("x-2"), NULL, 0, NULL), SV_OK);
    turns(d);
    assert_int_equal(
        fixture_count(&d->f, "SELECT count(*) FROM site_member WHERE device = 'press-3'"), 1);
}

// [members-5]
static void who_left_is_forgotten_after_30_days_some_in_each_sweep(void **state) {
    door *d = *state;
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                    " INSERT INTO site_member SELECT 'north', 'old-' || i, %lld + i, '' FROM n",
                    2 * SV_SITE_GROUPS_PRUNED, (long long) fixture_now_us);
    group(d, "pilots", "{\"devices\":[\"press-1\"]}");
    put_rules(d, "groups: {a: {group: pilots}}\n", 0);
    assert_int_equal(sv_db_exec(d->f.fleet.db, sql, NULL), SV_OK);
    fixture_now_us += SV_SITE_GROUPS_GONE_US;
    turns(d);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM site_member"),
                     1 + SV_SITE_GROUPS_PRUNED);
    fixture_now_us += SV_SITE_GROUPS_EVERY_US;
    turns(d);
    assert_int_equal(
        fixture_count(&d->f, "SELECT count(*) FROM site_member WHERE names = 'pilots'"), 1);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM site_member"), 1);
}

static void groups_of_a_version_go_with_it(void **state) {
    door *d = *state;
    put_rules(d, "groups: {a: {group: pilots}}\n", 0);
    for (int64_t i = 1; i < SV_SITE_RULES_VERSIONS_MAX; i++) {
        put_rules(d, "# none\n", i);
    }
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM site_rules_group"), 1);
    put_rules(d, "# none\n", SV_SITE_RULES_VERSIONS_MAX);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM site_rules_group"), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, site_groups_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_site_is_looked_at_in_slices_and_told_when_it_is_whole),
        EACH(the_loop_goes_on_with_it),
        EACH(rules_that_come_meanwhile_count),
        EACH(one_that_is_stopped_meanwhile_looks_again),
        EACH(who_does_not_fit_is_said_once_in_a_sweep),
        EACH(who_left_is_forgotten_after_30_days_some_in_each_sweep),
        EACH(groups_of_a_version_go_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
