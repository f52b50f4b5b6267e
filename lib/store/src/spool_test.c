#include "spool_bench.h"

#include <base/mem.h>
#include <base/prng.h>
#include <fcntl.h>

static void records_come_back_in_order_the_urgent_class_first(void **state) {
    (void) state;
    for (unsigned again = 0; again < 2; again++) { // the second time out of files
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        add(s, READING, 1, 0, false);
        add(s, READING, 2, 0, false);
        add(s, ALERT, 3, 0, false);
        if (again > 0) {
            commit(s);
            sv_spool_drop(&s);
            s = open_spool();
            add(s, READING, 4, 0, false);
            commit(s);
            assert_int_equal(files(".seg"), 3);
        }
        assert_true(sv_spool_waits(s, ALERT) && sv_spool_waits(s, READING));
        take_is(s, ALERT, 3, true);
        take_is(s, READING, 1, true);
        take_is(s, READING, 2, true);
        if (again > 0) {
            take_is(s, READING, 4, true);
        }
        take_is_over(s);
        assert_int_equal(files(".seg"), 0);
        assert_int_equal(counts_of(s).bytes, 0);
    }
}

static void what_is_delivered_before_its_time_never_reaches_the_disk(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    assert_true(sv_spool_due_us(s) == INT64_MAX);
    uint64_t first = add(s, READING, 1, 0, true);
    int64_t due_us = now.monotonic_us + options.every_us;
    pass(SECOND_US);
    uint64_t second = add(s, READING, 2, 0, true);
    assert_true(sv_spool_due_us(s) == due_us);
    sv_spool_settle(s, first);
    assert_true(sv_spool_due_us(s) == due_us + SECOND_US);
    sv_spool_settle(s, second);
    assert_true(sv_spool_due_us(s) == INT64_MAX);
    commit(s);
    assert_int_equal(files(".seg"), 0);
    assert_int_equal(counts_of(s).committed, 0);
}

static void a_record_on_its_way_is_written_but_not_given_again(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    add(s, READING, 1, 0, false);
    uint64_t token = add(s, READING, 2, 0, true);
    add(s, READING, 3, 0, false);
    commit(s);
    assert_int_equal(counts_of(s).committed, 3);
    take_is(s, READING, 1, true);
    take_is(s, READING, 3, true);
    take_is_over(s);
    assert_int_equal(files(".seg"), 1); // were the power to go now, 2 must come again
    sv_spool_settle(s, token);
    sv_spool_settle(s, token);
    assert_int_equal(files(".seg"), 0);
    assert_int_equal(counts_of(s).in_flight, 0);
}

static void without_a_folder_the_memory_is_bounded(void **state) {
    (void) state;
    options.folder = NULL;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    for (unsigned i = 0; i < 400; i++) {
        add(s, i == 0 ? ALERT : READING, i, 4000, false);
    }
    assert_true(sv_spool_due_us(s) == INT64_MAX);
    commit(s);
    sv_spool_counts counts = counts_of(s);
    assert_int_equal(counts.in_memory + counts.lost[SV_SPOOL_LOST_BYTES], 400);
    assert_in_range(counts.in_memory, 200, SV_SPOOL_MEMORY_BYTES / 4000);
    take_is(s, ALERT, 0, true);
    take_is(s, READING, (unsigned) counts.lost[SV_SPOOL_LOST_BYTES] + 1, true);
}

static void when_full_the_oldest_readings_go_and_alerts_stay(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    unsigned added = 0;
    for (unsigned group = 0; group < 200; group++) {
        for (unsigned i = 0; i < 20; i++) {
            add(s, added == 0 ? ALERT : READING, added, 500, false);
            added++;
        }
        pass(2 * SECOND_US);
        commit(s);
        assert_true(counts_of(s).bytes <= options.bytes);
    }
    uint64_t lost = counts_of(s).lost[SV_SPOOL_LOST_BYTES];
    assert_in_range(lost, 1000, 3000);
    take_is(s, ALERT, 0, true);
    for (unsigned i = (unsigned) lost + 1; i < added; i++) {
        take_is(s, READING, i, true);
    }
    take_is_over(s);
}

static void alerts_make_room_for_nothing_less_urgent(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    for (unsigned i = 0; i < 300; i++) {
        add(s, ALERT, i, 4000, false);
        commit(s);
    }
    assert_true(counts_of(s).lost[SV_SPOOL_LOST_BYTES] > 0);
    uint64_t lost = counts_of(s).lost[SV_SPOOL_LOST_BYTES];
    while (counts_of(s).bytes + 4100 <= options.bytes) {
        add(s, ALERT, 0, 4000, false);
        commit(s);
    }
    sv_why why;
    add(s, READING, 1, 8000, false);
    assert_int_equal(sv_spool_commit(s, now, &why), SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "more urgent"));
    assert_int_equal(counts_of(s).lost[SV_SPOOL_LOST_BYTES], lost);
}

static int64_t room_left;
static int64_t room(const char *path) {
    assert_string_equal(path, folder);
    return room_left;
}

static void below_the_floor_the_files_do_not_grow(void **state) {
    (void) state;
    options.disk.room = room;
    options.free = 1000000;
    room_left = 2000000;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    for (unsigned i = 0; i < 100; i++) {
        add(s, READING, i, 4000, false);
        commit(s);
    }
    int64_t bytes = counts_of(s).bytes;
    room_left = 900000;
    for (unsigned i = 100; i < 200; i++) {
        add(s, READING, i, 4000, false);
        commit(s);
        assert_true(counts_of(s).bytes <= bytes);
    }
    uint64_t lost = counts_of(s).lost[SV_SPOOL_LOST_FREE];
    assert_in_range(lost, 90, 120);
    for (unsigned i = (unsigned) lost; i < 200; i++) {
        take_is(s, READING, i, true);
    }
    unsigned last = 199;
    sv_err err = SV_OK;
    while (err == SV_OK) { // what was given back is used up
        take_is_over(s);
        add(s, READING, ++last, 4000, false);
        err = sv_spool_commit(s, now, NULL);
        assert_in_range(last, 200, 220);
        take_is(s, READING, last, true); // what cannot be written is still sent
    }
    assert_int_equal(err, SV_ERR_NO_SPACE);
}

static void what_is_too_old_goes_by_the_monotonic_clock(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    add(s, READING, 1, 0, false);
    commit(s);
    now.wall_us += 100 * options.age_us; // the clock was set
    commit(s);
    assert_int_equal(counts_of(s).lost[SV_SPOOL_LOST_AGE], 0);
    now.monotonic_us += options.age_us / SV_SPOOL_AGE_STEPS + 1;
    add(s, READING, 2, 0, false);
    commit(s);
    assert_int_equal(files(".seg"), 2);
    now.monotonic_us += options.age_us;
    take_is(s, READING, 2, false);
    assert_int_equal(counts_of(s).lost[SV_SPOOL_LOST_AGE], 1);
}

static void of_an_earlier_process_only_a_clock_that_was_set_tells_the_age(void **state) {
    (void) state;
    static const struct {
        int64_t file_s, now_s;
        bool kept;
    } CASES[] = {
        { 1800000000, 1800000000 + 86300, true },
        { 1800000000, 1800000000 + 86500, false },
        { 1000, 1800000000, true },       // written in 1970, the clock set since
        { 1800000000, 1000, true },       // and the other way
        { 1800000000, 1790000000, true }, // the clock went back
    };
    char content[1024];
    size_t len = write_six(content);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        put_file(content, len);
        char path[128];
        path_of(READING, 1, path);
        struct timespec times[2] = { { .tv_sec = CASES[i].file_s }, { .tv_sec = CASES[i].file_s } };
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        now.wall_us = CASES[i].now_s * SECOND_US;
        sv_spool_record record;
        assert_int_equal(sv_spool_take(s, &record, now), CASES[i].kept);
        assert_int_equal(counts_of(s).lost[SV_SPOOL_LOST_AGE], CASES[i].kept ? 0 : 6);
    }
}

static void a_second_process_is_kept_out(void **state) {
    (void) state;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    assert_non_null(s);
    sv_spool *other = NULL;
    assert_int_equal(sv_spool_open(&options, &other, NULL), SV_ERR_STATE);
    assert_null(other);
}

typedef struct life {
    unsigned added, seen[NUMBERS_MAX];
    uint64_t tokens[64];
    size_t flown;
    sv_prng prng;
} life;

static void settle_one(life *l, sv_spool *s) {
    size_t which = sv_prng_next(&l->prng) % l->flown;
    sv_spool_settle(s, l->tokens[which]);
    l->tokens[which] = l->tokens[--l->flown];
}

static void live_one_step(life *l, sv_spool *s) {
    uint64_t dice = sv_prng_next(&l->prng) % 100;
    if (dice < 50 && l->added < NUMBERS_MAX) {
        bool take = dice < 10 && l->flown < SV_COUNT(l->tokens);
        unsigned class = l->added % 7 == 0 ? ALERT : READING;
        uint64_t token = add(s, class, l->added, sv_prng_next(&l->prng) % 900, take);
        l->seen[l->added++] = take ? 1 : 0;
        if (take) {
            l->tokens[l->flown++] = token;
        }
    } else if (dice < 70 && l->flown < SV_COUNT(l->tokens)) {
        sv_spool_record record;
        if (sv_spool_take(s, &record, now)) {
            l->seen[number_of(&record)]++;
            l->tokens[l->flown++] = record.token;
        }
    } else if (dice < 95 && l->flown > 0) {
        settle_one(l, s);
    } else if (dice >= 95) {
        power_bytes = dice == 99 ? (size_t) (sv_prng_next(&l->prng) % 3000) : SIZE_MAX;
        (void) (sv_spool_commit(s, now, NULL) == SV_OK);
        pass(SECOND_US);
    }
}

// Adding, taking, settling, writing, full disks, in any order: each record is given out once.
static void each_record_is_given_out_once(void **state) {
    (void) state;
    options.disk.write = disk_write;
    options.bytes = INT64_C(1) << 30;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        SV_DEFER(sv_mem_drop) life *l = sv_mem_new(sizeof *l);
        l->prng.state = seed;
        for (unsigned step = 0; step < 12000; step++) {
            live_one_step(l, s);
        }
        sv_spool_record record;
        while (sv_spool_take(s, &record, now)) {
            l->seen[number_of(&record)]++;
            sv_spool_settle(s, record.token);
        }
        while (l->flown > 0) {
            settle_one(l, s);
        }
        for (unsigned i = 0; i < l->added; i++) {
            assert_int_equal(l->seen[i], 1);
        }
        take_is_over(s);
        sv_spool_counts counts = counts_of(s);
        assert_int_equal(counts.bytes, 0);
        assert_int_equal(counts.in_memory + counts.in_flight, 0);
        assert_int_equal(files(".seg"), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(records_come_back_in_order_the_urgent_class_first),
        WITH_FOLDER(what_is_delivered_before_its_time_never_reaches_the_disk),
        WITH_FOLDER(a_record_on_its_way_is_written_but_not_given_again),
        WITH_FOLDER(without_a_folder_the_memory_is_bounded),
        WITH_FOLDER(when_full_the_oldest_readings_go_and_alerts_stay),
        WITH_FOLDER(alerts_make_room_for_nothing_less_urgent),
        WITH_FOLDER(below_the_floor_the_files_do_not_grow),
        WITH_FOLDER(what_is_too_old_goes_by_the_monotonic_clock),
        WITH_FOLDER(of_an_earlier_process_only_a_clock_that_was_set_tells_the_age),
        WITH_FOLDER(a_second_process_is_kept_out),
        WITH_FOLDER(each_record_is_given_out_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
