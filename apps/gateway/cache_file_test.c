// Files of other update systems, which have no index, and the update metadata.
#include "cache_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *file_path(const fixture *f, const char *name) {
    static char path[GW_CACHE_PATH_ROOM];
    (void) snprintf(path, sizeof path, "/artifacts/%s/%s", f->up.sha256, name);
    return path;
}

// [cache-5]
static void a_file_is_fetched_once_and_had_by_whatever_name(void **state) {
    fixture *f = *state;
    static device devices[5];
    for (size_t i = 0; i < SV_COUNT(devices); i++) {
        char id[SV_ID_ROOM];
        (void) snprintf(id, sizeof id, "press-%zu", i);
        device_open(f, id, &devices[i]);
        device_asks(&devices[i], "GET", file_path(f, "lathe-1.1.swu"), NULL, NULL);
    }
    for (size_t i = 0; i < SV_COUNT(devices); i++) {
        TURN_UNTIL(f, devices[i].done);
        assert_int_equal(devices[i].status, 200);
        assert_true(is_body(f, &devices[i]));
        device_drop(&devices[i]);
    }
    assert_int_equal(f->up.bytes, f->up.body.len);
    up_stop(f);
    cache_restart(f);
    fetch_well(f, "press-1", file_path(f, "lathe-1.1.swu"));
    up_start(f);
    fetch_well(f, "press-7", file_path(f, "lathe.raucb"));
    assert_int_equal(f->up.bytes, f->up.body.len);
}

// [cache-5]
static void its_last_bytes_come_when_it_is_what_it_is_called(void **state) {
    fixture *f = *state;
    device d;
    f->up.bad_chunks = 1;
    int status = fetch(f, "press-1", file_path(f, "a.swu"), &d);
    assert_int_equal(status, 0); // cut
    assert_true(d.body.len < f->up.body.len);
    device_drop(&d);
    assert_int_equal(gw_cache_count(f->cache).poisoned, 1);
    fetch_well(f, "press-2", file_path(f, "a.swu"));
    assert_int_equal(f->up.bytes, 2 * f->up.body.len);
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    assert_int_equal(f->up.bytes, 2 * f->up.body.len);
}

// [cache-6]
static void a_file_goes_on_where_it_was_after_a_kill(void **state) {
    fixture *f = *state;
    device d;
    f->options.rate = 200000; // so that it does not come at once
    cache_restart(f);
    device_open(f, "press-1", &d);
    device_asks(&d, "GET", file_path(f, "a.swu"), NULL, NULL);
    TURN_UNTIL(f, gw_cache_count(f->cache).up_bytes > 300000);
    uint64_t had = gw_cache_count(f->cache).bytes;
    f->options.rate = 0;
    cache_restart(f);
    TURN_UNTIL(f, d.done);
    device_drop(&d);
    uint64_t before = f->up.bytes;
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    assert_true(had >= 200000 && f->up.bytes - before <= f->up.body.len - had);
}

// [cache-4]
static void what_the_disk_lost_of_a_file_is_fetched_again(void **state) {
    fixture *f = *state;
    char path[SV_PATH_MAX];
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    (void) snprintf(path, sizeof path, "%s/%s/file", f->dir, f->up.sha256);
    assert_int_equal(truncate(path, 100000), 0);
    cache_restart(f);
    uint64_t before = f->up.bytes;
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    assert_int_equal(f->up.bytes - before, f->up.body.len - GW_CACHE_CHUNK_BYTES);
}

// [cache-5]
static void ranges_of_a_file_that_is_still_coming_wait_for_it(void **state) {
    fixture *f = *state;
    device d;
    size_t from = f->up.body.len - 1000;
    char range[64];
    (void) snprintf(range, sizeof range, "bytes=%zu-", from);
    device_open(f, "press-1", &d);
    device_asks(&d, "GET", file_path(f, "a.swu"), range, NULL);
    TURN_UNTIL(f, d.done);
    assert_int_equal(d.status, 206);
    assert_int_equal(d.body.len, 1000);
    assert_memory_equal(d.body.at, f->up.body.at + from, 1000);
    assert_int_equal(f->up.bytes, f->up.body.len);
    device_drop(&d);
}

static void a_name_that_there_is_not_is_not_found(void **state) {
    fixture *f = *state;
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    f->up.gone = true;
    char path[GW_CACHE_PATH_ROOM];
    (void) snprintf(path, sizeof path, "/artifacts/%064d/b.swu", 7);
    assert_int_equal(fetch_status(f, "press-1", path), 404);
}

// [cache-5]
static void a_name_that_there_is_not_takes_the_file_from_nobody(void **state) {
    fixture *f = *state;
    gw_cache_image *image = gw_cache_image_of(f->cache, f->up.sha256);
    assert_non_null(image);
    gw_cache_allow(f->cache, image, "press-2"); // so that it is not asked about the name
    f->up.name = "/nonsense.bin";
    f->up.name_status = 404;
    assert_int_equal(fetch_status(f, "press-2", file_path(f, "nonsense.bin")), 404);
    assert_int_equal(f->cache->object_count, 0);
    f->up.name_status = 503;
    assert_int_equal(fetch_status(f, "press-2", file_path(f, "nonsense.bin")), 503);
    assert_int_equal(f->cache->object_count, 1); // it may be there yet
    fetch_well(f, "press-1", file_path(f, "a.swu"));
}

/// Its first piece comes, and then none until `release`: how many bytes that is.
static uint64_t begin_and_hold(fixture *f, device *d) {
    f->up.name = "/a.swu";
    f->up.name_status = 503;
    f->up.name_pieces = 1;
    device_open(f, "press-1", d);
    device_asks(d, "GET", file_path(f, "a.swu"), NULL, NULL);
    TURN_UNTIL(f, f->cache->object_count == 1 && TAILQ_FIRST(&f->cache->objects)->fd >= 0);
    return f->up.bytes;
}

/// Nothing that it `had` is fetched again.
static void release(fixture *f, device *d, uint64_t had) {
    uint64_t before = f->up.bytes;
    assert_false(d->done);
    f->up.name = NULL;
    TURN_UNTIL(f, d->done);
    assert_int_equal(d->status, 200);
    assert_true(is_body(f, d));
    device_drop(d);
    assert_int_equal(f->up.bytes - before, f->up.body.len - had);
    assert_int_equal(gw_cache_count(f->cache).unstored, 0); // there is room
}

// [cache-5]
static void whoever_comes_by_another_name_waits_for_nobody(void **state) {
    fixture *f = *state;
    device first;
    uint64_t had = begin_and_hold(f, &first);
    fetch_well(f, "press-2", file_path(f, "b.raucb"));
    release(f, &first, had);
    assert_int_equal(f->up.bytes, 2 * f->up.body.len);
}

// [cache-5]
static void what_comes_wrong_by_another_name_does_not_touch_what_is_kept(void **state) {
    fixture *f = *state;
    device first, second;
    uint64_t had = begin_and_hold(f, &first);
    f->up.bad_chunks = 1000;
    assert_int_equal(fetch(f, "press-2", file_path(f, "b.raucb"), &second), 0); // cut
    device_drop(&second);
    f->up.bad_chunks = 0;
    release(f, &first, had);
    uint64_t bytes = f->up.bytes;
    cache_restart(f);
    fetch_well(f, "press-1", file_path(f, "a.swu"));
    assert_int_equal(f->up.bytes, bytes);
}

// ---- metadata -----------------------------------------------------------------------------------

static void meta_handle(sv_http_request *request, void *arg) {
    fixture *f = arg;
    const char *id = sv_http_header(request, "X-Device");
    sv_text target = sv_http_raw_path(request);
    if (!gw_cache_answer_fresh(f->cache, request, target)
        && !gw_cache_answer_stale(f->cache, request, id, target)) {
        sv_http_reply(request, 503, NULL, SV_TEXT(""));
    }
}

static void meta_door(fixture *f) {
    const sv_http_server_options door = { .bind = "127.0.0.1", .connections_max = 8 };
    sv_http_server_drop(&f->door);
    assert_int_equal(sv_http_server_open(f->loop, &door, meta_handle, f, &f->door, NULL), SV_OK);
}

static void expect_metadata(fixture *f, const char *id, const char *path, const char *body) {
    device d;
    int status = fetch(f, id, path, &d);
    assert_int_equal(status, body == NULL ? 503 : 200);
    if (body != NULL) {
        assert_true(sv_text_is(sv_textbuf_text(&d.body), body));
    }
    device_drop(&d);
}

// [cache-10]
static void
metadata_seen_last_is_answered_while_the_link_is_down_and_a_device_s_own_to_it_alone(void **state) {
    fixture *f = *state;
    static const char TIMESTAMP[] = "/tuf/image/metadata/timestamp.json";
    static const char OWN[] = "/tuf/director/press-1/metadata/targets.json";
    static const char KEY[] = "/tuf/director/press-1/key/" IMAGE ".cms";
    meta_door(f);
    expect_metadata(f, "press-1", TIMESTAMP, NULL);
    gw_cache_keep(f->cache, "press-1", SV_TEXT("/tuf/image/metadata/timestamp.json"),
                  SV_TEXT("one"));
    gw_cache_keep(f->cache, "press-2", SV_TEXT("/tuf/image/metadata/timestamp.json"),
                  SV_TEXT("two"));
    gw_cache_keep(f->cache, "press-1", sv_text_of(OWN), SV_TEXT("mine"));
    gw_cache_keep(f->cache, "press-1", sv_text_of(KEY), SV_TEXT("wrapped"));
    cache_restart(f);
    expect_metadata(f, "press-3", TIMESTAMP, "two");
    expect_metadata(f, "press-1", OWN, "mine");
    expect_metadata(f, "press-1", KEY, "wrapped");
    expect_metadata(f, "press-2", OWN, NULL);
    expect_metadata(f, "press-2", KEY, NULL);
    // What others say of a device is not kept as its own.
    gw_cache_keep(f->cache, "press-2", sv_text_of(OWN), SV_TEXT("forged"));
    expect_metadata(f, "press-1", OWN, "mine");
    assert_int_equal(gw_cache_count(f->cache).stale, 4);
}

// [cache-10]
static void what_names_its_version_is_answered_without_asking(void **state) {
    fixture *f = *state;
    gw_cache_keep(f->cache, "press-1", SV_TEXT("/tuf/image/metadata/7.targets.json"),
                  SV_TEXT("seven"));
    gw_cache_keep(f->cache, "press-1", SV_TEXT("/tuf/director/press-1/metadata/7.targets.json"),
                  SV_TEXT("mine"));
    meta_door(f);
    expect_metadata(f, "press-2", "/tuf/image/metadata/7.targets.json", "seven");
    assert_int_equal(gw_cache_count(f->cache).stale, 0);
    expect_metadata(f, "press-2", "/tuf/director/press-1/metadata/7.targets.json", NULL);
}

static void expect_none(fixture *f, const char *id, const char *path) {
    device d;
    assert_int_equal(fetch(f, id, path, &d), 404);
    device_drop(&d);
}

/// As if it had been written so long ago.
static void make_old(const fixture *f, const char *name, int64_t age_s) {
    char path[SV_PATH_MAX];
    (void) snprintf(path, sizeof path, "%s/tuf/%s", f->dir, name);
    const struct timespec when = { .tv_sec = sv_clock_wall_us() / 1000000 - age_s };
    const struct timespec times[] = { when, when };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

// [cache-12]
static void that_there_is_no_next_root_is_known_while_the_link_is_down(void **state) {
    fixture *f = *state;
    static const char ROOT[] = "/tuf/image/metadata/2.root.json";
    static const char OWN[] = "/tuf/director/press-1/metadata/2.root.json";
    static const char NEXT[] = "/tuf/director/press-1/metadata/3.root.json";
    meta_door(f);
    expect_metadata(f, "press-1", ROOT, NULL);
    gw_cache_keep_none(f->cache, "press-1", sv_text_of(ROOT));
    gw_cache_keep_none(f->cache, "press-1", sv_text_of(OWN));
    cache_restart(f);
    expect_none(f, "press-2", ROOT); // of the image repository for all
    expect_none(f, "press-1", OWN);
    expect_metadata(f, "press-2", OWN, NULL);
    expect_metadata(f, "press-1", NEXT, NULL);
    // Of nothing else: without a timestamp a device does not go on.
    gw_cache_keep_none(f->cache, "press-1", SV_TEXT("/tuf/image/metadata/timestamp.json"));
    gw_cache_keep_none(f->cache, "press-1", SV_TEXT("/tuf/image/metadata/2.targets.json"));
    expect_metadata(f, "press-1", "/tuf/image/metadata/timestamp.json", NULL);
    expect_metadata(f, "press-1", "/tuf/image/metadata/2.targets.json", NULL);
    // One that has come is it, from then on.
    gw_cache_keep(f->cache, "press-1", sv_text_of(OWN), SV_TEXT("two"));
    expect_metadata(f, "press-1", OWN, "two");
    // Not for longer than what a director says lasts, nor from a clock that was ahead.
    make_old(f, "image/.none-2.root.json", GW_CACHE_NO_ROOT_S - 60);
    expect_none(f, "press-1", ROOT);
    make_old(f, "image/.none-2.root.json", GW_CACHE_NO_ROOT_S + 1);
    expect_metadata(f, "press-1", ROOT, NULL);
    make_old(f, "image/.none-2.root.json", -3600);
    expect_metadata(f, "press-1", ROOT, NULL);
    gw_cache_keep_none(f->cache, "press-1", sv_text_of(ROOT)); // and again
    expect_none(f, "press-1", ROOT);
}

// [cache-10]
static void metadata_has_a_bound(void **state) {
    fixture *f = *state;
    char target[80];
    meta_door(f);
    for (int i = 0; i < GW_CACHE_METADATA_OF_DEVICE + 10; i++) {
        (void) snprintf(target, sizeof target, "/tuf/director/press-1/metadata/%d.json", i);
        gw_cache_keep(f->cache, "press-1", sv_text_of(target), SV_TEXT("x"));
    }
    expect_metadata(f, "press-1", target, "x");
    int there = 0;
    for (int i = 0; i < GW_CACHE_METADATA_OF_DEVICE + 10; i++) {
        char path[SV_PATH_MAX];
        (void) snprintf(path, sizeof path, "%s/tuf/director/press-1/%d.json", f->dir, i);
        there += sv_disk_exists(path);
    }
    assert_int_equal(there, GW_CACHE_METADATA_OF_DEVICE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_fetched_once_and_had_by_whatever_name),
        TEST(its_last_bytes_come_when_it_is_what_it_is_called),
        TEST(a_file_goes_on_where_it_was_after_a_kill),
        TEST(what_the_disk_lost_of_a_file_is_fetched_again),
        TEST(ranges_of_a_file_that_is_still_coming_wait_for_it),
        TEST(a_name_that_there_is_not_is_not_found),
        TEST(a_name_that_there_is_not_takes_the_file_from_nobody),
        TEST(whoever_comes_by_another_name_waits_for_nobody),
        TEST(what_comes_wrong_by_another_name_does_not_touch_what_is_kept),
        TEST(that_there_is_no_next_root_is_known_while_the_link_is_down),
        TEST(metadata_seen_last_is_answered_while_the_link_is_down_and_a_device_s_own_to_it_alone),
        TEST(what_names_its_version_is_answered_without_asking),
        TEST(metadata_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
