// The counters of versions, whatever happens to devices: they equal a recount. [running-6]
#include "versions.h"

#include "fleet_fixture.h"

#include <base/prng.h>

enum { STEPS = 3000, GROUP = 25, DEVICES = 9 };

static void sql(fixture *f, const char *text) {
    sv_why why = { 0 };
    if (sv_db_exec(f->fleet.db, text, &why) != SV_OK) {
        fail_msg("%s: %s", text, why.text);
    }
}

/// What is counted, counted anew from the rows of devices alone.
#define RECOUNT                                                                                    \
    "SELECT site, product, version, sha256, counter, CASE boot WHEN '' THEN 0 WHEN 'confirmed'"    \
    " THEN 1 WHEN 'trial' THEN 2 ELSE 3 END b, count(*) FROM (SELECT d.site, r.* FROM device d"    \
    " JOIN running r ON r.device = d.id UNION ALL SELECT '', r.* FROM device d JOIN running r"     \
    " ON r.device = d.id) r WHERE at_us > 0 AND 3 IS NOT (SELECT state FROM standing s WHERE"      \
    " s.id = r.device AND version = (SELECT max(version) FROM standing WHERE id = r.device))"      \
    " GROUP BY 1, 2, 3, 4, 5, 6"
#define RECOUNT_WRONG                                                                              \
    "SELECT path, site, count(*) FROM (SELECT a.path, d.site FROM action a JOIN device d"          \
    " ON d.id = a.device JOIN (SELECT max(id) m FROM action WHERE state <> 9 GROUP BY device,"     \
    " path) ON m = a.id WHERE a.state IN (7, 8) UNION ALL SELECT a.path, '' FROM action a JOIN"    \
    " device d ON d.id = a.device JOIN (SELECT max(id) m FROM action WHERE state <> 9 GROUP BY"    \
    " device, path) ON m = a.id WHERE a.state IN (7, 8)) GROUP BY 1, 2"
#define DIFFERENCE(a, b)                                                                           \
    "SELECT (SELECT count(*) FROM (SELECT * FROM (" a ") EXCEPT SELECT * FROM (" b "))) +"         \
    " (SELECT count(*) FROM (SELECT * FROM (" b ") EXCEPT SELECT * FROM (" a ")))"

static void equals_a_recount(fixture *f, const char *after) {
    int64_t versions = fixture_count(f, DIFFERENCE("SELECT * FROM version_count", RECOUNT));
    int64_t wrong = fixture_count(f, DIFFERENCE("SELECT * FROM went_wrong_count", RECOUNT_WRONG));
    if (versions + wrong > 0) {
        fail_msg("%lld and %lld counters are wrong after: %s", (long long) versions,
                 (long long) wrong, after);
    }
}

/// What can happen to a device. #: which one; $ @ ~: chance.
static const char *const STEP[] = {
    "INSERT OR IGNORE INTO device (id, site) VALUES ('d#', 's$')",
    "INSERT INTO device (id, site) VALUES ('d#', 's$') ON CONFLICT (id) DO UPDATE SET"
    " online = 1",
    "DELETE FROM device WHERE id = 'd#'",
    "UPDATE device SET site = 's$' WHERE id = 'd#'",
    "UPDATE device SET site = 's$'",
    "INSERT INTO running (device, product, version, sha256, counter, boot, at_us) VALUES ('d#',"
    " 'p$', '1.@', 'f~', ~, '', 5) ON CONFLICT (device) DO UPDATE SET product ="
    " 'p$', version = '1.@', sha256 = 'f~', counter = ~, at_us = 6, boot ="
    " CASE @ WHEN 0 THEN 'trial' WHEN 1 THEN 'confirmed' ELSE 'bad' END",
    "UPDATE running SET boot = CASE boot WHEN 'trial' THEN 'confirmed' ELSE 'trial' END"
    " WHERE device = 'd#'",
    "INSERT INTO running (device, asked) VALUES ('d#', 1) ON CONFLICT (device) DO UPDATE SET"
    " asked = 1",
    "UPDATE running SET at_us = $ WHERE device = 'd#'",
    "UPDATE running SET slot = 'b' WHERE device = 'd#'",
    "DELETE FROM running WHERE device = 'd#'",
    "INSERT INTO standing SELECT coalesce(max(version), 0) + 1, 'd#', 3, 0, '', '', 0, x''"
    " FROM standing",
    "INSERT INTO standing SELECT coalesce(max(version), 0) + 1, 'd#', $, 0, '', '', 0, x''"
    " FROM standing",
    "DELETE FROM standing WHERE version > (SELECT max(version) FROM standing) - @",
    "INSERT OR IGNORE INTO action (device, path, version, sha256, state, attempt, forced, user,"
    " created_us, updated_us) VALUES ('d#', 'i$', '', '', ~, 1, 0, '', 0, 0)",
    "UPDATE OR IGNORE action SET state = 6 + $ WHERE device = 'd#' AND path = 'i@'",
    "UPDATE OR IGNORE action SET state = 7 WHERE id = (SELECT max(id) FROM action WHERE device ="
    " 'd#')",
    "DELETE FROM action WHERE id = (SELECT min(id) FROM action WHERE device = 'd#')",
};

static const char MARKS[] = "#$@~";
static int64_t counted; ///< steps after which there was something to count

static void step(fixture *f, sv_prng *prng) {
    char text[1024] = "";
    uint64_t chance = sv_prng_next(prng);
    const char digits[] = { (char) ('0' + (chance >> 16) % DEVICES),
                            (char) ('0' + (chance >> 24) % 3), (char) ('0' + (chance >> 32) % 3),
                            (char) ('0' + (chance >> 40) % 10) };
    const char *form = STEP[(chance >> 8) % SV_COUNT(STEP)];
    for (size_t i = 0; form[i] != '\0'; i++) {
        const char *mark = strchr(MARKS, form[i]);
        text[i] = mark != NULL ? digits[mark - MARKS] : form[i];
    }
    sql(f, text);
    equals_a_recount(f, text);
    counted += fixture_count(f, "SELECT (SELECT count(*) FROM version_count) > 0"
                                " AND (SELECT count(*) FROM went_wrong_count) > 0");
}

/// In groups, of which every other is taken back whole.
static void whatever_happens_the_counters_equal_a_recount(void **state) {
    fixture *f = *state;
    sv_prng prng = { .state = 9 };
    for (int i = 0; i < STEPS; i += GROUP) {
        assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
        for (int j = 0; j < GROUP; j++) {
            step(f, &prng);
        }
        if (sv_prng_next(&prng) % 2 == 0) {
            sv_db_rollback(f->fleet.db);
        } else {
            assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
        }
        equals_a_recount(f, "the end of a transaction");
    }
    assert_true(counted > STEPS / 4);
}

/// A server that is told of its first counters by the rows that are there already.
static void the_first_counters_are_of_what_there_was(void **state) {
    fixture *f = *state;
    extern const char sv_fleet_schema_versions[];
    sv_prng prng = { .state = 10 };
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    counted = 0;
    while (counted < 20) {
        step(f, &prng);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sql(f, "DROP TABLE version_count; DROP TABLE went_wrong_count; DROP TABLE went_wrong;"
           "DROP TABLE retired; DROP VIEW counted; DROP VIEW version_change; DROP VIEW"
           " wrong_change; DROP VIEW tried; DROP INDEX standing_of; DROP INDEX running_trial;"
           "CREATE INDEX running_version ON running (product); CREATE INDEX action_wrong ON action"
           " (path); DROP TRIGGER running_begins; DROP TRIGGER running_changes; DROP TRIGGER"
           " running_ends; DROP TRIGGER standing_retires; DROP TRIGGER standing_returns; DROP"
           " TRIGGER standing_is_taken_back; DROP TRIGGER action_begins; DROP TRIGGER action_ends;"
           "DROP TRIGGER action_goes; DROP TRIGGER device_begins; DROP TRIGGER device_moves;"
           "DROP TRIGGER device_goes");
    sql(f, sv_fleet_schema_versions);
    equals_a_recount(f, "the migration");
}

static void answered(fixture *f, const char *sites, char room[4096]) {
    sv_textbuf text = { .at = room, .cap = 4096 };
    sv_json_out out = SV_JSON_OUT(&text);
    sv_why why = { 0 };
    assert_int_equal(sv_versions_write(&f->fleet, "", sites, &out, &why), SV_OK);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
}

/// One counts what is at one's own sites, without those that are retired, and no row of a device is
/// asked for it.
static void an_answer_is_of_counters_alone(void **state) {
    fixture *f = *state;
    char before[4096];
    char room[4096];
    sql(f, "INSERT INTO device (id, site) VALUES ('a', 'north'), ('b', 'north'), ('c', 'south'),"
           " ('gone', 'north');"
           "INSERT INTO running (device, product, version, boot, at_us) SELECT id, 'lathe', '1.0',"
           " 'confirmed', 1 FROM device;"
           "INSERT INTO standing VALUES (1, 'gone', 3, 0, '', '', 0, x'')");
    answered(f, NULL, before);
    assert_non_null(strstr(before, "\"devices\":3,"));
    answered(f, "[\"north\"]", room);
    assert_non_null(strstr(room, "\"devices\":2,"));
    answered(f, "[\"north\",\"south\"]", room);
    assert_non_null(strstr(room, "\"devices\":3,"));
    answered(f, "[]", room);
    assert_non_null(strstr(room, "\"items\":[]"));
    sql(f, "ALTER TABLE running RENAME TO hidden");
    answered(f, NULL, room);
    assert_string_equal(room, before);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whatever_happens_the_counters_equal_a_recount),
        TEST(the_first_counters_are_of_what_there_was),
        TEST(an_answer_is_of_counters_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
