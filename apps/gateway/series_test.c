// A real store below a temporary folder; every step of the packing is taken by hand.
#include "minutes.h"
#include "store_fixture.h"

#include <sys/clock.h>
#include <unistd.h>

enum { STREAMS = 7, ROUNDS = 400, LONG_ROUNDS = 1500, STEPS_MAX = 100000 };

extern const char gw_schema[];
extern const char gw_schema_door[];

static int start(void **state) {
    (void) state;
    return start_store(10);
}

static void commit(void) {
    sv_writer_wait(g.writer);
    assert_int_equal(g.exit_code, 0);
}

/// The n-th reading of a device; its time is near now.
static void publish(unsigned device, unsigned n, int64_t at_us) {
    char topic_room[64];
    char load_room[200];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(load_room);
    char id[16];
    (void) snprintf(id, sizeof id, "press-%u", device);
    const sv_reading reading = {
        .key = { .device_id = sv_text_of(id), .sensor = SV_TEXT("level") },
        .value = 20 + n % 50 / 10.0 + device,
        .at_us = at_us,
        .epoch = SV_TEXT("e"),
        .seq = n + 1,
    };
    sv_reading_key_format(&reading.key, &topic);
    sv_reading_format(&reading, &load);
    (void) gw_ingest_message(&g, sv_textbuf_text(&topic), sv_textbuf_text(&load));
}

static void publish_all(int64_t start_us, unsigned from, unsigned rounds) {
    for (unsigned n = from; n < from + rounds; n++) {
        for (unsigned device = 1; device <= STREAMS; device++) {
            publish(device, n, start_us + n * SV_TIME_SECOND_US);
        }
    }
    commit();
}

static int64_t ask(const char *sql) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t number = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return number;
}

static int64_t kept(void) {
    return ask("SELECT coalesce(sum(count), 0) FROM kept");
}

static void step(bool *busy) {
    gw_series_turn(&g, busy);
    commit();
}

static void until_idle(void) {
    bool busy = true;
    for (unsigned i = 0; busy; i++) {
        assert_true(i < STEPS_MAX);
        step(&busy);
    }
}

/// The table that took `rounds` is closed, and packed once the newer rows have come.
static void publish_and_pack(int64_t start_us, unsigned rounds, unsigned newer) {
    publish_all(start_us, 0, rounds);
    until_idle();
    publish_all(start_us, rounds, newer);
    until_idle();
}

// [series-1] [series-2]
static void rows_become_blocks_and_the_newest_stay(void **state) {
    (void) state;
    int64_t start_us = sv_clock_wall_us() - ROUNDS * SV_TIME_SECOND_US;
    publish_and_pack(start_us, ROUNDS, 2);
    assert_int_equal(kept(), STREAMS * (ROUNDS + 2));
    assert_int_equal(ask("SELECT count(*) FROM reading_row"), STREAMS * 2);
    assert_int_equal(ask("SELECT sum(count) FROM block"), STREAMS * ROUNDS);
    assert_int_equal(ask("SELECT count(*) FROM block"), STREAMS);
    // Every sample of one of them, as it came.
    static sv_block block;
    char room[SV_BLOCK_BYTES_MAX];
    sv_textbuf bytes = SV_TEXTBUF(room);
    int64_t id = gw_block_id(1, 3, 0);
    assert_int_equal(gw_block_next(&g, &id, id, &bytes, NULL), SV_OK);
    assert_int_equal(sv_block_unpack(sv_textbuf_text(&bytes), &block, NULL), SV_OK);
    for (unsigned i = 0; i < block.count; i++) {
        assert_true(block.values[0][i] == 20 + i % 50 / 10.0 + 3);
        // A payload says milliseconds or microseconds; both are within one.
        int64_t off_us = block.at_us[i] - (start_us + i * SV_TIME_SECOND_US);
        assert_true(off_us > -1000 && off_us < 1000);
    }
}

/// [series-2] [series-3] After every step the program dies; at the end all is there once, and what
/// is sent again is known.
static void whenever_it_dies_every_reading_is_kept_once(void **state) {
    (void) state;
    int64_t start_us = sv_clock_wall_us() - (int64_t) (2 * ROUNDS) * SV_TIME_SECOND_US;
    unsigned sent = 0;
    for (unsigned life = 0; life < 60; life++) {
        for (unsigned i = 0; i <= life % 7; i++) {
            bool busy = false;
            publish_all(start_us, sent++, 1);
            step(&busy);
            assert_int_equal(kept(), STREAMS * sent);
        }
        close_store();
        open_store();
        assert_int_equal(kept(), STREAMS * sent);
    }
    until_idle();
    assert_true(ask("SELECT count(*) FROM stretch") > 1);
    assert_true(ask("SELECT count(*) FROM reading_row") < (int64_t) STREAMS * sent);
    publish_all(start_us, 0, sent);
    assert_int_equal(kept(), STREAMS * sent);
}

/// A stretch is packed though no newer rows have come; whoever dies meanwhile takes up the same
/// one, and puts no row into its table.
static void a_stretch_that_is_all_there_is_survives_as_well(void **state) {
    (void) state;
    g.config.store.bytes = 4096; // in a hurry, and small
    g.config.store.summaries_us = 0;
    publish_all(sv_clock_wall_us() - LONG_ROUNDS * SV_TIME_SECOND_US, 0, LONG_ROUNDS);
    for (unsigned life = 0; ask("SELECT count(*) FROM stretch") == 0; life++) {
        bool busy = false;
        assert_true(life < 10);
        step(&busy);
    }
    close_store();
    open_store();
    publish_all(sv_clock_wall_us(), LONG_ROUNDS, 1);
    assert_int_equal(kept(), STREAMS * (LONG_ROUNDS + 1));
    // Reading takes six steps; the seventh packs some of the streams.
    g.config.store.bytes = INT64_MAX;
    for (unsigned i = 0; ask("SELECT count(*) FROM reading_row") > STREAMS; i++) {
        assert_true(i < 50);
        bool busy = false;
        if (i % 7 == 0) {
            close_store();
            open_store();
        }
        step(&busy);
        assert_int_equal(kept(), STREAMS * (LONG_ROUNDS + 1));
    }
}

static void a_start_begins_with_the_newest_rows(void **state) {
    (void) state;
    g.config.store.rows = (int64_t) 100 * STREAMS;
    publish_and_pack(sv_clock_wall_us() - ROUNDS * SV_TIME_SECOND_US, ROUNDS - 100, 100);
    close_store();
    open_store();
    gw_stream *s = gw_stream_of(&g, SV_TEXT("press-2"), SV_TEXT("level"));
    assert_int_equal(s->stream.filled, SV_STREAM_WINDOW);
    assert_int_equal(ask("SELECT count(*) FROM reading_row"), 100 * STREAMS);
}

/// Rows without a checkpoint, numbered by the database.
static void a_store_from_before_there_were_blocks_is_packed_as_well(void **state) {
    (void) state;
    const sv_db_migration before[] = { { "first", gw_schema }, { "door", gw_schema_door } };
    SV_DEFER(sv_db_drop) sv_db *old = NULL;
    close_store();
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_int_equal(sv_disk_make_folder(folder, 0700, NULL), SV_OK);
    assert_int_equal(sv_db_open(g.config.store.path, before, 2, &old, NULL), SV_OK);
    assert_int_equal(sv_db_exec(old,
                                "INSERT INTO stream VALUES (1, 'press-1', 'level');"
                                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n "
                                "WHERE n < 5000) INSERT INTO reading SELECT n + 70, 1, n * 1000000 "
                                "+ unixepoch() * 1000000 - 5000000000, 1600000000000000 + n, n / "
                                "8.0, 'e', n FROM n",
                                NULL),
                     SV_OK);
    sv_db_drop(&old);
    open_store();
    assert_int_equal(g.last_reading, 5070);
    assert_int_equal(kept(), 5000);
    until_idle();
    publish_all(sv_clock_wall_us(), 5000, 2);
    until_idle();
    assert_int_equal(kept(), 5000 + STREAMS * 2);
    assert_int_equal(ask("SELECT sum(count) FROM block"), 5000);
    assert_int_equal(ask("SELECT max(id) FROM reading_row"), 5070 + STREAMS * 2);
    // All of its numbers are known.
    publish(1, 4999, sv_clock_wall_us());
    commit();
    assert_int_equal(kept(), 5000 + STREAMS * 2);
}

// [series-4]
static void what_is_too_old_leaves_its_minutes(void **state) {
    (void) state;
    int64_t start_us = (sv_clock_wall_us() / SV_TIME_MINUTE_US - 10) * SV_TIME_MINUTE_US;
    publish_all(start_us, 0, 2 * 60 + 30);
    until_idle();
    g.config.store.retention_us = 1;
    until_idle();
    assert_int_equal(ask("SELECT count(*) FROM stretch WHERE kind = 0"), 0);
    assert_int_equal(ask("SELECT sum(count) FROM block"), STREAMS * 3);
    assert_int_equal(g.series.dropped[GW_SAMPLES][GW_DROP_RETENTION], STREAMS * 150);
    static sv_block block;
    char room[SV_BLOCK_BYTES_MAX];
    sv_textbuf bytes = SV_TEXTBUF(room);
    int64_t id = gw_block_id(ask("SELECT id FROM stretch WHERE kind = 1 ORDER BY id"), 1, 0);
    assert_int_equal(gw_block_next(&g, &id, id, &bytes, NULL), SV_OK);
    assert_int_equal(sv_block_unpack(sv_textbuf_text(&bytes), &block, NULL), SV_OK);
    assert_int_equal(block.columns, GW_MINUTE_COLUMNS);
    assert_true(block.at_us[1] == start_us + SV_TIME_MINUTE_US);
    assert_true(block.values[GW_MINUTE_COUNT][1] == 60);
    assert_true(block.values[GW_MINUTE_MIN][1] == 21);
    assert_true(block.values[GW_MINUTE_MAX][1] == 25.9);
    assert_true(block.values[GW_MINUTE_MEAN][1] == 23.283);
    // And those go in their turn.
    g.config.store.summaries_us = 1;
    until_idle();
    assert_int_equal(ask("SELECT count(*) FROM block"), 0);
    assert_int_equal(ask("SELECT count(*) FROM stretch"), 0);
    assert_int_equal(ask("SELECT count(*) FROM reading_row"), 0);
    // Numbers are not given again.
    close_store();
    open_store();
    assert_int_equal(g.last_reading, STREAMS * 150);
}

static int64_t used(void) {
    return ask("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
               "pragma_freelist_count, pragma_page_size");
}

// [series-5]
static void when_the_database_is_full_the_oldest_goes(void **state) {
    (void) state;
    int64_t start_us = sv_clock_wall_us() - 4000 * SV_TIME_SECOND_US;
    for (unsigned part = 0; part < 10; part++) {
        publish_all(start_us, part * ROUNDS, ROUNDS);
        until_idle();
    }
    // The rows first, where they can be packed; then what is packed.
    g.config.store.bytes = used() / 2;
    until_idle();
    g.config.store.bytes = used() - 8192;
    g.config.store.summaries_us = 0;
    until_idle();
    int64_t left = kept();
    const int64_t all = (int64_t) STREAMS * 10 * ROUNDS;
    assert_true(left < all);
    assert_int_equal(g.series.dropped[GW_SAMPLES][GW_DROP_BYTES], all - left);
    assert_true(used() <= g.config.store.bytes);
}

static void a_disk_that_is_nearly_full_takes_blocks_but_no_rows(void **state) {
    (void) state;
    publish_and_pack(sv_clock_wall_us() - ROUNDS * SV_TIME_SECOND_US, ROUNDS, 2);
    g.config.store.free = INT64_MAX;
    g.config.store.summaries_us = 0;
    until_idle();
    assert_int_equal(kept(), STREAMS * 2);
    assert_int_equal(g.series.dropped[GW_SAMPLES][GW_DROP_FREE], STREAMS * ROUNDS);
}

static void minutes_come_in_order_whatever_order_samples_have(void **state) {
    (void) state;
    static gw_minutes minutes;
    static sv_block block;
    gw_minutes_clear(&minutes);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned n = i * 1009 % 3000;
        assert_false(gw_minutes_is_full_for(&minutes, n * SV_TIME_SECOND_US));
        gw_minutes_take(&minutes, n * SV_TIME_SECOND_US, n, 0);
    }
    gw_minutes_block(&minutes, &block);
    assert_int_equal(block.count, 50);
    for (unsigned i = 0; i < 50; i++) {
        assert_true(block.at_us[i] == i * SV_TIME_MINUTE_US);
        assert_true(block.values[GW_MINUTE_COUNT][i] == 60);
        assert_true(block.values[GW_MINUTE_MIN][i] == i * 60);
        assert_true(block.values[GW_MINUTE_MEAN][i] == i * 60 + 29.5);
        assert_true(block.values[GW_MINUTE_MAX][i] == i * 60 + 59);
    }
    gw_minutes_clear(&minutes);
    for (int64_t i = 0; i < SV_BLOCK_SAMPLES_MAX; i++) {
        gw_minutes_take(&minutes, -i * SV_TIME_MINUTE_US, 1, 0);
    }
    assert_false(gw_minutes_is_full_for(&minutes, 30));
    assert_true(gw_minutes_is_full_for(&minutes, SV_TIME_MINUTE_US));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_become_blocks_and_the_newest_stay, start, end),
        cmocka_unit_test_setup_teardown(whenever_it_dies_every_reading_is_kept_once, start, end),
        cmocka_unit_test_setup_teardown(a_stretch_that_is_all_there_is_survives_as_well, start,
                                        end),
        cmocka_unit_test_setup_teardown(a_start_begins_with_the_newest_rows, start, end),
        cmocka_unit_test_setup_teardown(a_store_from_before_there_were_blocks_is_packed_as_well,
                                        start, end),
        cmocka_unit_test_setup_teardown(what_is_too_old_leaves_its_minutes, start, end),
        cmocka_unit_test_setup_teardown(when_the_database_is_full_the_oldest_goes, start, end),
        cmocka_unit_test_setup_teardown(a_disk_that_is_nearly_full_takes_blocks_but_no_rows, start,
                                        end),
        cmocka_unit_test(minutes_come_in_order_whatever_order_samples_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
