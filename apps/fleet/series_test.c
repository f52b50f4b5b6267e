#include "fleet_fixture.h"

#include "series.h"

#include <base/prng.h>

enum { POINTS = 3000, STEP_MS = 100 };

static sv_stream *stream_of(fixture *f) {
    sv_device *device;
    sv_stream *stream;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-1"), &device, NULL),
                     SV_OK);
    assert_int_equal(sv_registry_stream(f->fleet.registry, device, SV_TEXT("temperature"),
                                        SV_TEXT("Cel"), &stream, NULL),
                     SV_OK);
    sv_registry_settle(f->fleet.registry, true);
    return stream;
}

static void add(fixture *f, sv_stream *stream, sv_point_kind kind, int64_t at_ms, double value) {
    sv_point point = {
        .kind = kind, .at_ms = at_ms, .value = value, .min = value, .max = value, .count = 1
    };
    assert_int_equal(sv_series_add(f->fleet.db, stream, &point, NULL), SV_OK);
}

static sv_json *query(fixture *f, sv_stream *stream, int64_t from, int64_t to, size_t points) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 20);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_series_range range = { .from_ms = from, .to_ms = to, .points = points };
    sv_json *root = NULL;
    assert_int_equal(sv_series_write(f->fleet.db, stream, &range, &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    return root;
}

static bool holds(const sv_json *points, int64_t at_ms, double value) {
    for (size_t i = 0; i < sv_json_count(points); i++) {
        int64_t at;
        double shown;
        assert_true(sv_json_int(sv_json_at(sv_json_at(points, i), 0), &at));
        assert_true(sv_json_number(sv_json_at(sv_json_at(points, i), 1), &shown));
        if (at == at_ms && shown == value) {
            return true;
        }
    }
    return false;
}

static void assert_in_order(const sv_json *points) {
    int64_t before = -1;
    for (size_t i = 0; i < sv_json_count(points); i++) {
        int64_t at;
        assert_true(sv_json_int(sv_json_at(sv_json_at(points, i), 0), &at));
        assert_true(at > before);
        before = at;
    }
}

static void the_smallest_and_largest_of_every_bucket_survive(void **state) {
    static const size_t BUCKETS[] = { 1, 2, 7, 60, 500, POINTS - 1 };
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    sv_prng prng = { .state = 42 };
    double values[POINTS];
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int i = 0; i < POINTS; i++) {
        values[i] = sv_prng_normal(&prng);
        add(f, stream, SV_POINT_AVERAGE, (int64_t) i * STEP_MS, values[i]);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    for (size_t k = 0; k < SV_COUNT(BUCKETS); k++) {
        int64_t to = (int64_t) POINTS * STEP_MS - 1;
        SV_DEFER(sv_json_drop) sv_json *root = query(f, stream, 0, to, BUCKETS[k]);
        const sv_json *points = sv_json_get(root, "points");
        assert_true(sv_json_count(points) <= BUCKETS[k] * 2);
        assert_in_order(points);
        for (size_t bucket = 0; bucket < BUCKETS[k]; bucket++) {
            int low = -1;
            int high = -1;
            for (int i = 0; i < POINTS; i++) {
                double at = (double) i * STEP_MS / ((double) POINTS * STEP_MS);
                if ((size_t) (at * (double) BUCKETS[k]) != bucket) {
                    continue;
                }
                low = low < 0 || values[i] < values[low] ? i : low;
                high = high < 0 || values[i] > values[high] ? i : high;
            }
            assert_true(low < 0 || holds(points, (int64_t) low * STEP_MS, values[low]));
            assert_true(high < 0 || holds(points, (int64_t) high * STEP_MS, values[high]));
        }
    }
}

/// What the points are. [ask-6]
static void assert_pieces(const sv_json *root, const char *pieces) {
    char room[256];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_put_value(&out, sv_json_get(root, "pieces"));
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, pieces);
}

static void a_quiet_minute_is_shown_by_its_mean_and_a_lively_one_by_its_averages(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    sv_text kind;
    for (int i = 0; i < 10; i++) {
        add(f, stream, SV_POINT_SUMMARY, INT64_C(60000) * i, i);
    }
    SV_DEFER(sv_json_drop) sv_json *summaries = query(f, stream, 0, 600000, 10);
    assert_true(sv_json_text(sv_json_get(summaries, "kind"), &kind));
    assert_true(sv_text_is(kind, "summary"));
    assert_int_equal(sv_json_count(sv_json_get(summaries, "points")), 10);
    add(f, stream, SV_POINT_AVERAGE, 60000, 7);
    add(f, stream, SV_POINT_AVERAGE, 119999, 8);
    assert_pieces(summaries, "[[\"summary\",10]]");
    SV_DEFER(sv_json_drop) sv_json *averages = query(f, stream, 0, 600000, 20);
    assert_pieces(averages, "[[\"summary\",1],[\"average\",2],[\"summary\",8]]");
    assert_true(sv_json_text(sv_json_get(averages, "kind"), &kind));
    assert_true(sv_text_is(kind, "average"));
    const sv_json *points = sv_json_get(averages, "points");
    assert_int_equal(sv_json_count(points), 11);
    assert_in_order(points);
    assert_true(holds(points, 30000, 0) && holds(points, 60000, 7) && holds(points, 119999, 8));
    assert_true(holds(points, 150000, 2) && holds(points, 570000, 9));
    assert_false(holds(points, 90000, 1));
}

static void the_newest_values_are_the_same_from_memory_and_from_disk(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    sv_series_load_spark(f->fleet.db, stream);
    for (int i = 0; i < 40; i++) {
        sv_point point = { .at_ms = i, .value = i, .min = i, .max = i, .count = 1 };
        assert_int_equal(sv_series_add(f->fleet.db, stream, &point, NULL), SV_OK);
        assert_true(sv_series_note(f->fleet.db, stream, &point));
    }
    sv_stream fresh = { .id = stream->id };
    sv_series_load_spark(f->fleet.db, &fresh);
    assert_int_equal(fresh.spark_count, SV_FLEET_SPARK);
    assert_int_equal(stream->spark_count, SV_FLEET_SPARK);
    for (int i = 0; i < SV_FLEET_SPARK; i++) {
        assert_int_equal(fresh.spark[i].at_ms, 40 - SV_FLEET_SPARK + i);
        assert_int_equal(stream->spark[i].at_ms, fresh.spark[i].at_ms);
        assert_true(stream->spark[i].value == fresh.spark[i].value);
    }
}

static void what_is_older_than_the_retention_goes(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    for (int i = 0; i < 10; i++) {
        add(f, stream, SV_POINT_SUMMARY, i, i);
        add(f, stream, SV_POINT_AVERAGE, i, i);
    }
    int64_t cursor = 0;
    assert_int_equal(sv_series_prune(f->fleet.db, 4, &cursor, NULL), SV_OK);
    assert_int_equal(cursor, 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 12);
    assert_int_equal(fixture_count(f, "SELECT min(at_ms) FROM point"), 4);
}

// [uplink-1]
static void two_parts_of_a_minute_make_one(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    const sv_point parts[] = {
        { .kind = SV_POINT_SUMMARY, .at_ms = 60000, .value = 10, .min = 5, .max = 15, .count = 30 },
        { .kind = SV_POINT_SUMMARY,
          .at_ms = 60000,
          .value = 40,
          .min = 35,
          .max = 45,
          .count = 10 },
    };
    for (size_t i = 0; i < SV_COUNT(parts); i++) {
        assert_int_equal(sv_series_add(f->fleet.db, stream, &parts[i], NULL), SV_OK);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point WHERE n = 40 AND min = 5 AND max"
                                      " = 45 AND value = 17.5"),
                     1);
}

static void add_corrected(fixture *f, sv_stream *stream, sv_point_kind kind, int64_t at_ms) {
    const sv_point point = { .kind = kind, .at_ms = at_ms, .count = 1, .corrected = true };
    assert_int_equal(sv_series_add(f->fleet.db, stream, &point, NULL), SV_OK);
}

static void assert_span(const sv_json *root, size_t index, int64_t from_ms, int64_t to_ms) {
    const sv_json *span = sv_json_at(sv_json_get(root, "corrected"), index);
    int64_t from = -1;
    int64_t to = -1;
    assert_true(sv_json_int(sv_json_at(span, 0), &from) && sv_json_int(sv_json_at(span, 1), &to));
    assert_int_equal(from, from_ms);
    assert_int_equal(to, to_ms);
}

// [reading-9]
static void what_was_corrected_is_told_as_spans(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    add_corrected(f, stream, SV_POINT_SUMMARY, 0);
    add_corrected(f, stream, SV_POINT_AVERAGE, 70000);
    add(f, stream, SV_POINT_SUMMARY, 120000, 1);
    add_corrected(f, stream, SV_POINT_SUMMARY, 180000);
    // The part that came late is not, the minute is.
    add(f, stream, SV_POINT_SUMMARY, 180000, 1);
    add(f, stream, SV_POINT_AVERAGE, 240000, 1);
    SV_DEFER(sv_json_drop) sv_json *root = query(f, stream, 0, 600000, 2);
    assert_int_equal(sv_json_count(sv_json_get(root, "corrected")), 2);
    assert_span(root, 0, 0, 70000);
    assert_span(root, 1, 180000, 240000);
}

// [reading-9]
static void spans_are_bounded_and_none_is_left_out(void **state) {
    fixture *f = *state;
    sv_stream *stream = stream_of(f);
    for (int i = 0; i < 3 * SV_SERIES_SPANS_MAX; i++) {
        add_corrected(f, stream, SV_POINT_AVERAGE, INT64_C(2000) * i);
        add(f, stream, SV_POINT_AVERAGE, INT64_C(2000) * i + 1000, 1);
    }
    SV_DEFER(sv_json_drop) sv_json *root = query(f, stream, 0, 600000, 500);
    assert_int_equal(sv_json_count(sv_json_get(root, "corrected")), SV_SERIES_SPANS_MAX);
    assert_span(root, SV_SERIES_SPANS_MAX - 1, INT64_C(2000) * (SV_SERIES_SPANS_MAX - 1),
                INT64_C(2000) * (3 * SV_SERIES_SPANS_MAX - 1));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_smallest_and_largest_of_every_bucket_survive),
        TEST(a_quiet_minute_is_shown_by_its_mean_and_a_lively_one_by_its_averages),
        TEST(the_newest_values_are_the_same_from_memory_and_from_disk),
        TEST(two_parts_of_a_minute_make_one),
        TEST(what_is_older_than_the_retention_goes),
        TEST(what_was_corrected_is_told_as_spans),
        TEST(spans_are_bounded_and_none_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
