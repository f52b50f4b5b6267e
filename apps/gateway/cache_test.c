// What a site downloads, and what its devices get, whatever goes wrong between.
#include "cache_fixture.h"

// [cache-3]
static void however_many_want_it_at_once_it_is_fetched_once(void **state) {
    fixture *f = *state;
    static device devices[DEVICES_MAX];
    for (int i = 0; i < DEVICES_MAX; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%d", i);
        device_open(f, id, &devices[i]);
        device_asks(&devices[i], "GET", RAW, NULL, NULL);
    }
    for (int i = 0; i < DEVICES_MAX; i++) {
        TURN_UNTIL(f, devices[i].done);
        assert_int_equal(devices[i].status, 200);
        assert_true(is_body(f, &devices[i]));
        device_drop(&devices[i]);
    }
    assert_int_equal(f->up.bytes, f->up.body.len);
    assert_int_equal(f->up.indexes, 1);
    assert_int_equal(f->up.asks, DEVICES_MAX);
    const gw_cache_counts counts = gw_cache_count(f->cache);
    assert_int_equal(counts.served_bytes, DEVICES_MAX * f->up.body.len);
    assert_true(counts.hits > 0 && counts.misses > 0);
    assert_int_equal(counts.poisoned + counts.rotten + counts.unstored + counts.failed, 0);
}

static void expect_part(fixture *f, device *d, const char *range, size_t from, size_t to) {
    char expected[80];
    device_asks(d, "GET", RAW, range, NULL);
    TURN_UNTIL(f, d->done);
    (void) snprintf(expected, sizeof expected, "bytes %zu-%zu/%zu", from, to - 1, f->up.body.len);
    assert_int_equal(d->status, 206);
    assert_string_equal(d->range, expected);
    assert_int_equal(d->body.len, to - from);
    assert_memory_equal(d->body.at, f->up.body.at + from, to - from);
}

// [cache-1]
static void every_range_is_the_bytes_that_stand_there(void **state) {
    fixture *f = *state;
    device d;
    size_t length = f->up.body.len;
    device_open(f, "press-1", &d);
    expect_part(f, &d, "bytes=0-0", 0, 1);
    expect_part(f, &d, "bytes=-1", length - 1, length);
    for (size_t i = 1; i < CHUNKS; i += 5) { // across every kind of border
        char range[64];
        size_t at = f->up.index.at[i];
        size_t to = at + 70000 < length ? at + 70000 : length;
        (void) snprintf(range, sizeof range, "bytes=%zu-%zu", at - 1, to - 1);
        expect_part(f, &d, range, at - 1, to);
    }
    device_asks(&d, "GET", RAW, "bytes=9999999-", NULL);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 416);
    device_asks(&d, "HEAD", RAW, NULL, NULL);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 200);
    assert_int_equal(strtoull(d.length, NULL, 10), length);
    char etag[256];
    memcpy(etag, d.etag, sizeof etag);
    assert_string_equal(etag, "\"" IMAGE "/raw\""); // as the fleet server's
    device_asks(&d, "GET", RAW, "bytes=0-9", etag);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 206);
    device_asks(&d, "GET", RAW, "bytes=0-9", "\"another\"");
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 200);
    assert_true(is_body(f, &d));
    assert_true(f->up.bytes <= length);
    device_drop(&d);
}

// [cache-3]
static void an_index_is_handed_on_as_it_came(void **state) {
    fixture *f = *state;
    device d;
    assert_int_equal(fetch(f, "press-1", RAW ".index", &d), 200);
    assert_int_equal(d.body.len, f->up.index.len);
    assert_memory_equal(d.body.at, f->up.index.bytes, d.body.len);
    device_drop(&d);
    fetch_well(f, "press-1", RAW);
    assert_int_equal(f->up.indexes, 1);
}

// [cache-4]
static void a_wrong_chunk_is_neither_kept_nor_handed_on(void **state) {
    fixture *f = *state;
    f->up.bad_chunks = 1;
    fetch_well(f, "press-1", RAW);
    assert_int_equal(gw_cache_count(f->cache).poisoned, 1);
    uint64_t bytes = f->up.bytes;
    fetch_well(f, "press-2", RAW); // all of it is here, and right
    assert_int_equal(f->up.bytes, bytes);
}

// [cache-4]
static void
what_is_wrong_over_and_over_costs_its_device_an_answer_and_others_nothing(void **state) {
    fixture *f = *state;
    f->up.bad_chunks = 1000;
    device d;
    int status = fetch(f, "press-1", RAW, &d);
    assert_true(status == 502 || status == 0);
    assert_int_equal(
        memcmp(d.body.at != NULL ? d.body.at : "", f->up.body.at, status == 0 ? d.body.len : 0),
        0); // what came was right
    device_drop(&d);
    assert_true(gw_cache_count(f->cache).poisoned >= GW_CACHE_TRIES);
    f->up.bad_chunks = 0;
    fetch_well(f, "press-2", RAW);
    cache_restart(f);
    fetch_well(f, "press-1", RAW);
}

// [cache-4]
static void a_wrong_index_is_found_out_by_the_chunks_and_asked_for_again(void **state) {
    fixture *f = *state;
    f->up.bad_index = true;
    fetch_well(f, "press-1", RAW);
    assert_int_equal(f->up.indexes, 2);
    fetch_well(f, "press-2", RAW);
    assert_int_equal(f->up.indexes, 2);
}

// [cache-4]
static void a_device_that_asks_again_for_an_old_index_gets_the_server_s_of_now(void **state) {
    fixture *f = *state;
    device d;
    f->up.bad_index = true;
    assert_int_equal(fetch(f, "press-1", RAW ".index", &d), 200);
    assert_memory_not_equal(d.body.at, f->up.index.bytes, d.body.len);
    device_drop(&d);
    cache_restart(f); // older than the start is old
    assert_int_equal(fetch(f, "press-1", RAW ".index", &d), 200);
    assert_memory_equal(d.body.at, f->up.index.bytes, d.body.len);
    device_drop(&d);
    assert_int_equal(f->up.indexes, 2);
}

static void damage(const fixture *f, uint64_t at) {
    char path[SV_PATH_MAX];
    char byte = 0;
    (void) snprintf(path, sizeof path, "%s/" IMAGE "/raw", f->dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t) at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) at), 1);
    (void) close(fd);
}

// [cache-4]
static void what_the_disk_lost_is_fetched_again_and_nothing_else(void **state) {
    fixture *f = *state;
    fetch_well(f, "press-1", RAW);
    damage(f, f->up.index.at[7] + 3);
    uint64_t bytes = f->up.bytes;
    fetch_well(f, "press-2", RAW);
    assert_int_equal(gw_cache_count(f->cache).rotten, 1);
    assert_int_equal(f->up.bytes - bytes, gw_cache_index_bytes(&f->up.index, 7));
    cache_restart(f);
    damage(f, f->up.index.at[20]);
    bytes = f->up.bytes;
    fetch_well(f, "press-2", RAW);
    assert_int_equal(f->up.bytes - bytes, gw_cache_index_bytes(&f->up.index, 20));
}

// [cache-6]
static void after_a_restart_it_is_served_while_the_link_is_down(void **state) {
    fixture *f = *state;
    fetch_well(f, "press-1", RAW);
    up_stop(f);
    cache_restart(f);
    fetch_well(f, "press-1", RAW);
    assert_int_equal(fetch_status(f, "press-1", RAW ".index"), 200);
    assert_int_equal(fetch_status(f, "press-2", RAW), 503); // nobody says that it may
    assert_int_equal(fetch_status(f, "press-1", "/artifacts/" IMAGE "/zstd"), 503);
    up_start(f);
    fetch_well(f, "press-2", RAW);
    assert_int_equal(f->up.bytes, f->up.body.len);
}

// [cache-6]
static void a_link_that_is_cut_in_the_middle_costs_no_chunk_twice(void **state) {
    fixture *f = *state;
    f->up.cuts = 1;
    device d;
    device_open(f, "press-1", &d);
    device_asks(&d, "GET", RAW, NULL, NULL);
    TURN_UNTIL(f, f->up.cuts == 0 && d.body.len > 0);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 200);
    assert_true(is_body(f, &d));
    device_drop(&d);
    // The chunk that it was cut in came twice, as far as it had come.
    assert_int_equal(f->up.bytes + f->up.index.len, gw_cache_count(f->cache).up_bytes);
    assert_true(f->up.bytes > f->up.body.len);
    assert_true(f->up.bytes < f->up.body.len + GW_CACHE_STORED_MAX);
}

// [cache-6]
static void an_answer_that_has_begun_waits_for_the_link_and_goes_on(void **state) {
    fixture *f = *state;
    device d;
    device_open(f, "press-1", &d);
    f->up.cuts = 1;
    device_asks(&d, "GET", RAW, NULL, NULL);
    TURN_UNTIL(f, d.body.len > 0);
    up_stop(f);
    int64_t end_us = sv_clock_monotonic_us() + 1500000;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(f->loop, TURN_US);
    }
    assert_false(d.done);
    up_start(f);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 200);
    assert_true(is_body(f, &d));
    device_drop(&d);
}

// [cache-6]
static void an_answer_that_waits_too_long_is_cut_so_that_its_device_sees_it(void **state) {
    fixture *f = *state;
    device d;
    f->options.wait_us = 600000;
    cache_restart(f);
    device_open(f, "press-1", &d);
    f->up.cuts = 1;
    device_asks(&d, "GET", RAW, NULL, NULL);
    TURN_UNTIL(f, d.body.len > 0);
    up_stop(f);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 0);
    device_drop(&d);
}

// [cache-7]
static void the_image_used_longest_ago_goes_when_there_are_too_many_bytes(void **state) {
    fixture *f = *state;
    f->options.bytes = (int64_t) (2 * f->up.body.len + GW_CACHE_ROOM + 100000);
    cache_restart(f);
    for (int i = 0; i < 4; i++) {
        char path[SV_PATH_MAX];
        (void) snprintf(path, sizeof path, "/artifacts/%064d/raw", i);
        fetch_well(f, "press-1", path);
        fetch_well(f, "press-1", "/artifacts/" IMAGE "/zstd");
        assert_true(gw_cache_count(f->cache).bytes <= (uint64_t) f->options.bytes);
    }
    // The one that is used all the time stayed.
    assert_int_equal(f->up.bytes, 5 * f->up.body.len);
    assert_true(gw_cache_count(f->cache).evicted >= 2);
    cache_restart(f);
    assert_true(gw_cache_count(f->cache).bytes <= (uint64_t) f->options.bytes);
}

// [cache-7]
static void on_a_full_disk_it_is_handed_on_and_not_kept(void **state) {
    fixture *f = *state;
    f->options.reserve = INT64_MAX;
    cache_restart(f);
    fetch_well(f, "press-1", RAW);
    const gw_cache_counts counts = gw_cache_count(f->cache);
    assert_true(counts.unstored >= CHUNKS);
    assert_int_equal(f->up.bytes, f->up.body.len); // a piece that waits in memory is not lost
    fetch_well(f, "press-1", RAW);
    assert_true(f->up.bytes > f->up.body.len);
}

// [cache-8]
static void the_fleet_server_says_once_who_may_have_it(void **state) {
    fixture *f = *state;
    assert_int_equal(fetch_status(f, "eve", RAW), 403);
    fetch_well(f, "press-1", RAW);
    assert_int_equal(fetch_status(f, "eve", RAW), 403); // though it is here
    assert_int_equal(f->up.asks, 3);
    fetch_well(f, "press-1", RAW);
    fetch_well(f, "press-1", "/artifacts/" IMAGE "/zstd");
    assert_int_equal(f->up.asks, 3);
    cache_restart(f);
    fetch_well(f, "press-1", RAW); // a yes from before the start is asked for again
    assert_int_equal(f->up.asks, 4);
    f->up.gone = true;
    cache_restart(f);
    assert_int_equal(fetch_status(f, "press-1", RAW), 404);
    f->up.gone = false;
    f->up.busy = true;
    cache_restart(f);
    assert_int_equal(fetch_status(f, "press-1", RAW), 503); // a no takes the yes back
}

// [cache-8]
static void whoever_may_not_have_it_leaves_no_trace_of_it(void **state) {
    fixture *f = *state;
    char path[SV_PATH_MAX];
    fetch_well(f, "press-1", RAW);
    for (int i = 0; i < 20; i++) {
        char target[SV_PATH_MAX];
        (void) snprintf(target, sizeof target, "/artifacts/%064d/raw", i);
        assert_int_equal(fetch_status(f, "eve", target), 403);
    }
    assert_int_equal(gw_cache_count(f->cache).images, 1);
    f->up.gone = true; // what there is not, of an image that it may have
    assert_int_equal(fetch_status(f, "press-1", "/artifacts/" IMAGE "/delta-" IMAGE), 404);
    (void) snprintf(path, sizeof path, "%s/" IMAGE "/delta-" IMAGE, f->dir);
    assert_false(sv_disk_exists(path));
}

static void a_folder_is_one_gateway_s(void **state) {
    fixture *f = *state;
    gw_cache *other = NULL;
    sv_why why = { 0 };
    assert_int_equal(gw_cache_open(f->loop, &f->options, &other, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "is another gateway's"));
}

// [cache-9]
static void no_more_is_taken_of_the_link_than_was_given(void **state) {
    fixture *f = *state;
    f->options.rate = (int64_t) f->up.body.len / 2;
    cache_restart(f);
    int64_t since_us = sv_clock_monotonic_us();
    fetch_well(f, "press-1", RAW);
    // Half of it is there to begin with, and a piece may begin with what is left.
    int64_t took_us = sv_clock_monotonic_us() - since_us;
    assert_true(took_us > 400000 && took_us < PATIENCE_US);
    since_us = sv_clock_monotonic_us();
    fetch_well(f, "press-2", RAW); // what is here costs nothing
    assert_true(sv_clock_monotonic_us() - since_us < took_us);
}

// [cache-11]
static void one_device_cannot_take_all_places(void **state) {
    fixture *f = *state;
    static device devices[GW_CACHE_PER_DEVICE + 1];
    size_t refused = 0;
    f->options.rate = 100000;
    cache_restart(f);
    for (size_t i = 0; i < SV_COUNT(devices); i++) {
        device_open(f, "press-1", &devices[i]);
        device_asks(&devices[i], "GET", RAW, "bytes=0-65535", NULL);
    }
    for (size_t i = 0; i < SV_COUNT(devices); i++) {
        TURN_UNTIL(f, devices[i].done);
        refused += devices[i].status == 429;
        assert_true(devices[i].status == 206 || devices[i].status == 429);
        device_drop(&devices[i]);
    }
    assert_int_equal(refused, 1);
}

// [cache-11]
static void a_turn_of_the_loop_hands_on_so_many_chunks_and_no_more(void **state) {
    fixture *f = *state;
    static device devices[DEVICES_MAX];
    bool all = false;
    fetch_well(f, "press-0", RAW);
    for (int i = 0; i < DEVICES_MAX; i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%d", i);
        device_open(f, id, &devices[i]);
        device_asks(&devices[i], "GET", RAW, NULL, NULL);
    }
    uint64_t most = 0;
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!all && sv_clock_monotonic_us() < end_us) {
        uint64_t before = f->cache->counts.hits;
        sv_loop_turn(f->loop, TURN_US);
        uint64_t now = f->cache->counts.hits - before;
        most = now > most ? now : most;
        all = true;
        for (int i = 0; i < DEVICES_MAX; i++) {
            all &= devices[i].done;
        }
    }
    assert_true(all);
    assert_int_equal(most, GW_CACHE_FEED);
    for (int i = 0; i < DEVICES_MAX; i++) {
        assert_true(is_body(f, &devices[i]));
        device_drop(&devices[i]);
    }
}

static void whoever_goes_away_leaves_nothing_behind(void **state) {
    fixture *f = *state;
    device d;
    f->options.rate = 100000;
    cache_restart(f);
    device_open(f, "press-1", &d);
    device_asks(&d, "GET", RAW, NULL, NULL);
    TURN_UNTIL(f, f->up.pieces > 0);
    device_drop(&d);
    TURN_UNTIL(f, f->cache->job_count == 0);
    f->options.rate = 0;
    cache_restart(f);
    fetch_well(f, "press-1", RAW);
}

static void handle_and_hold(sv_http_request *request, void *arg) {
    fixture *f = arg;
    door_handle(request, f);
    sv_timer_stop(f->cache->feed);
}

// [cache-11]
static void a_device_that_goes_before_its_first_byte_leaves_its_place_to_others(void **state) {
    fixture *f = *state;
    device d;
    const sv_http_server_options door = { .bind = "127.0.0.1", .connections_max = 64 };
    fetch_well(f, "press-1", RAW); // its bytes are here, and it may have them
    sv_timer_stop(f->cache->sweep);
    for (int i = 0; i < GW_CACHE_PER_DEVICE; i++) {
        sv_http_server_drop(&f->door);
        assert_int_equal(sv_http_server_open(f->loop, &door, handle_and_hold, f, &f->door, NULL),
                         SV_OK);
        device_open(f, "press-1", &d);
        device_asks(&d, "GET", RAW, NULL, NULL);
        TURN_UNTIL(f, !TAILQ_EMPTY(&f->cache->hungry));
        sv_http_server_drop(&f->door); // and each connection
        assert_true(sv_http_is_gone(TAILQ_FIRST(&f->cache->hungry)->request));
        gw_cache_feed(f->cache);
        assert_int_equal(f->cache->job_count, 0);
        device_drop(&d);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(however_many_want_it_at_once_it_is_fetched_once),
        TEST(every_range_is_the_bytes_that_stand_there),
        TEST(an_index_is_handed_on_as_it_came),
        TEST(a_wrong_chunk_is_neither_kept_nor_handed_on),
        TEST(what_is_wrong_over_and_over_costs_its_device_an_answer_and_others_nothing),
        TEST(a_wrong_index_is_found_out_by_the_chunks_and_asked_for_again),
        TEST(a_device_that_asks_again_for_an_old_index_gets_the_server_s_of_now),
        TEST(what_the_disk_lost_is_fetched_again_and_nothing_else),
        TEST(after_a_restart_it_is_served_while_the_link_is_down),
        TEST(a_link_that_is_cut_in_the_middle_costs_no_chunk_twice),
        TEST(an_answer_that_has_begun_waits_for_the_link_and_goes_on),
        TEST(an_answer_that_waits_too_long_is_cut_so_that_its_device_sees_it),
        TEST(the_image_used_longest_ago_goes_when_there_are_too_many_bytes),
        TEST(on_a_full_disk_it_is_handed_on_and_not_kept),
        TEST(the_fleet_server_says_once_who_may_have_it),
        TEST(whoever_may_not_have_it_leaves_no_trace_of_it),
        TEST(a_folder_is_one_gateway_s),
        TEST(no_more_is_taken_of_the_link_than_was_given),
        TEST(one_device_cannot_take_all_places),
        TEST(a_turn_of_the_loop_hands_on_so_many_chunks_and_no_more),
        TEST(whoever_goes_away_leaves_nothing_behind),
        TEST(a_device_that_goes_before_its_first_byte_leaves_its_place_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
