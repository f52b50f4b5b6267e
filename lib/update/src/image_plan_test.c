#include "image_trial.h"

/// Chunks that are there, as letters.
static bool has(void *arg, uint64_t chunk) {
    return ((const char *) arg)[chunk] == 'x';
}

/// "0+2 4+1": what is fetched, as first chunk and count.
static void plan_is(const sv_image_index *index, const char *there, uint64_t gap, uint64_t most,
                    const char *wanted) {
    char room[128];
    sv_textbuf text = SV_TEXTBUF(room);
    const sv_image_plan plan = { .index = index,
                                 .has = there == NULL ? NULL : has,
                                 .arg = (void *) (uintptr_t) there,
                                 .gap_bytes_max = gap,
                                 .bytes_max = most };
    sv_image_fetch fetch = { .first = 0 };
    for (uint64_t from = 0; sv_image_plan_next(&plan, from, &fetch);
         from = fetch.first + fetch.count) {
        sv_image_range first = sv_image_stored(index, fetch.first);
        sv_image_range last = sv_image_stored(index, fetch.first + fetch.count - 1);
        assert_int_equal(fetch.range.at, first.at);
        assert_int_equal(fetch.range.bytes, last.at + last.bytes - first.at);
        assert_true(fetch.count == 1 || fetch.range.bytes <= most);
        sv_textbuf_addf(&text, "%s%llu+%llu", text.len > 0 ? " " : "",
                        (unsigned long long) fetch.first, (unsigned long long) fetch.count);
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, wanted);
}

static void what_is_missing_is_fetched_in_few_ranges(void **state) { // [image-14]
    (void) state;
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    trial_image_make(&image, TRIAL_BYTES, 1);
    SV_DEFER(trial_release_drop) trial_release release;
    assert_int_equal(trial_encode(&image, SV_ENCODING_RAW, NULL, NULL, &release, NULL), SV_OK);
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    assert_int_equal(trial_open(&release, NULL, NULL, &reader, NULL), SV_OK);
    const sv_image_index *index = sv_image_reader_index(reader);
    const uint64_t chunk = SV_CHUNK_BYTES;
    plan_is(index, NULL, 0, UINT64_MAX, "0+5");
    plan_is(index, "xxxxx", 0, UINT64_MAX, "");
    plan_is(index, ".x..x", 0, UINT64_MAX, "0+1 2+2");
    plan_is(index, "x...x", 0, UINT64_MAX, "1+3");
    plan_is(index, ".x..x", chunk, UINT64_MAX, "0+4"); // a gap is cheaper than a request
    plan_is(index, ".x..x", chunk - 1, UINT64_MAX, "0+1 2+2");
    plan_is(index, ".xx..", chunk, UINT64_MAX, "0+1 3+2");
    plan_is(index, ".xx..", 2 * chunk, UINT64_MAX, "0+5");
    plan_is(index, ".....", 0, 2 * chunk, "0+2 2+2 4+1");
    plan_is(index, ".....", 0, 1, "0+1 1+1 2+1 3+1 4+1");
    plan_is(index, ".x.x.", UINT64_MAX, 3 * chunk, "0+3 4+1");
}

/// The place of a chunk is counted from the nearest one that is kept.
static void places_are_right_far_into_the_encoding(void **state) { // [image-5]
    (void) state;
    enum { CHUNKS = 600 };
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    trial_image_make(&image, (size_t) CHUNKS * SV_CHUNK_BYTES, 1);
    memset(image.at, 0, (size_t) CHUNKS * SV_CHUNK_BYTES); // small frames, of several lengths
    for (size_t i = 0; i < CHUNKS; i++) {
        trial_fill(image.at + i * SV_CHUNK_BYTES, i % 37, 5);
    }
    trial_settle(&image);
    SV_DEFER(trial_release_drop) trial_release release;
    assert_int_equal(trial_encode(&image, SV_ENCODING_ZSTD, NULL, NULL, &release, NULL), SV_OK);
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    assert_int_equal(trial_open(&release, NULL, NULL, &reader, NULL), SV_OK);
    uint64_t at = 0;
    for (uint64_t i = 0; i < CHUNKS; i++) {
        sv_image_range range = sv_image_stored(sv_image_reader_index(reader), i);
        assert_int_equal(range.at, at);
        at += range.bytes;
    }
    assert_int_equal(at, release.stored.len);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_fetched_in_few_ranges),
        cmocka_unit_test(places_are_right_far_into_the_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
