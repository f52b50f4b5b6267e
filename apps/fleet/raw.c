#include "raw.h"

#include "asks.h"
#include "views.h"

#include <base/mem.h>
#include <math.h>
#include <model/id.h>
#include <stdlib.h>

enum { MINUTE_MS = 60000, UNIT_MAX = 64, QUESTION_MAX = 1024 };

// ---- the answer ---------------------------------------------------------------------------------

/// One number of a list that stands where it must be.
static bool number_at(const sv_json *list, size_t index, double *out) {
    return sv_json_number(sv_json_at(list, index), out) && isfinite(*out);
}

/// `[ms,value]`, `[ms,min,mean,max,count]`: the value at `column`.
static bool read_one(const sv_json *item, size_t column, const sv_series_range *range,
                     sv_shown *out) {
    int64_t early_ms = out->kind == SV_SHOWN_SUMMARY ? MINUTE_MS : 0;
    return sv_json_int(sv_json_at(item, 0), &out->at_ms) && out->at_ms >= range->from_ms - early_ms
           && out->at_ms <= range->to_ms && number_at(item, column, &out->value);
}

static sv_err read_list(const sv_json *list, size_t column, const sv_series_range *range,
                        sv_shown kind_of, size_t max, sv_shown *shown, size_t *count, sv_why *why) {
    size_t many = sv_json_count(list);
    if (!sv_json_is_array(list) || many > max) {
        return sv_fail(why, SV_ERR_INVALID, "the gateway's answer is no list of at most %zu", max);
    }
    for (size_t i = 0; i < many; i++) {
        sv_shown one = kind_of;
        if (!read_one(sv_json_at(list, i), column, range, &one)) {
            return sv_fail(why, SV_ERR_INVALID, "the gateway's answer has no reading at %zu", i);
        }
        shown[(*count)++] = one;
    }
    return SV_OK;
}

static int by_time(const void *left, const void *right) {
    const sv_shown *a = left;
    const sv_shown *b = right;
    return (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);
}

static sv_err write_corrected(const sv_json *spans, sv_json_out *out, sv_why *why) {
    size_t many = sv_json_count(spans);
    sv_json_key(out, "corrected");
    sv_json_open_array(out);
    for (size_t i = 0; i < many && i < SV_SERIES_SPANS_MAX; i++) {
        int64_t from_ms;
        int64_t to_ms;
        if (!sv_json_int(sv_json_at(sv_json_at(spans, i), 0), &from_ms)
            || !sv_json_int(sv_json_at(sv_json_at(spans, i), 1), &to_ms)) {
            return sv_fail(why, SV_ERR_INVALID, "the gateway's answer has no span at %zu", i);
        }
        sv_json_open_array(out);
        sv_json_put_int(out, from_ms);
        sv_json_put_int(out, to_ms);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
    return SV_OK;
}

sv_err sv_raw_write(const sv_json *answer, const sv_series_range *range, sv_json_out *out,
                    sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_shown *shown = sv_mem_array(range->points * 3, sizeof *shown);
    size_t count = 0;
    sv_text unit = SV_TEXT("");
    SV_TRY(read_list(sv_json_get(answer, "points"), 1, range, (sv_shown){ .kind = SV_SHOWN_RAW },
                     range->points * 2, shown, &count, why));
    size_t raw = count;
    SV_TRY(read_list(sv_json_get(answer, "minutes"), 2, range,
                     (sv_shown){ .kind = SV_SHOWN_SUMMARY }, range->points, shown, &count, why));
    (void) sv_json_text(sv_json_get(answer, "unit"), &unit);
    if (unit.len > UNIT_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the gateway's answer has a unit of %zu bytes",
                       unit.len);
    }
    qsort(shown, count, sizeof *shown, by_time);
    sv_json_open_object(out);
    if (unit.len > 0) {
        sv_json_add_text(out, "unit", unit);
    } else {
        sv_json_add_null(out, "unit");
    }
    sv_json_add_str(out, "kind",
                    sv_shown_name(raw > 0 || count == 0 ? SV_SHOWN_RAW : SV_SHOWN_SUMMARY));
    sv_shown_write(shown, count, out);
    SV_TRY(write_corrected(sv_json_get(answer, "corrected"), out, why));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- the question -------------------------------------------------------------------------------

typedef struct waiting {
    sv_http_request *request;
    sv_series_range range;
} waiting;

static void answered(void *arg, const sv_ask_end *end) {
    SV_DEFER(sv_mem_drop) waiting *w = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RAW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    if (end->status != 200) {
        sv_http_problem(w->request, end->status, "Not fetched", "%s", end->why);
    } else if (sv_raw_write(end->answer, &w->range, &out, &why) != SV_OK) {
        sv_http_problem(w->request, 502, "No answer", "%s", why.text);
    } else {
        sv_http_reply(w->request, 200, "application/json", sv_textbuf_text(&json));
    }
}

static bool read_question(const sv_visit *v, const sv_device *device, sv_series_range *range,
                          sv_textbuf *question) {
    char sensor[SV_VISIT_WORD_MAX];
    int64_t to = v->fleet->wall_us() / 1000;
    int64_t from = -1;
    int64_t points = SV_SERIES_POINTS_DEFAULT;
    if (!sv_visit_word(v, "sensor", sensor) || !sv_visit_number(v, "to", INT64_MAX / 2000, &to)
        || !sv_visit_number(v, "from", INT64_MAX / 2000, &from)
        || !sv_visit_number(v, "points", SV_RAW_POINTS_MAX, &points)) {
        return false;
    }
    from = from >= 0 ? from : to - SV_TIME_HOUR_US / 1000;
    if (!sv_id_is_valid(sv_text_of(sensor)) || from > to) {
        sv_http_problem(v->request, 400, "Bad request",
                        from > to ? "from is later than to" : "sensor says which one");
        return false;
    }
    *range = (sv_series_range){ .from_ms = from,
                                .to_ms = to,
                                .points = points > 0 ? (size_t) points : 1 };
    sv_json_out out = SV_JSON_OUT(question);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", device->id);
    sv_json_add_str(&out, "sensor", sensor);
    sv_json_add_int(&out, "from", from);
    sv_json_add_int(&out, "to", to);
    sv_json_add_int(&out, "points", (int64_t) range->points);
    sv_json_close_object(&out);
    return true;
}

void sv_raw_door(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    char room[QUESTION_MAX];
    sv_textbuf question = SV_TEXTBUF(room);
    waiting mine = { .request = v->request };
    sv_why why = { 0 };
    if (device == NULL || !read_question(v, device, &mine.range, &question)) {
        return;
    }
    if (device->gateway == NULL) {
        sv_http_problem(v->request, 503, "Not fetched", "no gateway speaks for %s now", device->id);
        return;
    }
    waiting *kept = sv_mem_new(sizeof *kept);
    *kept = mine;
    const sv_ask ask = { .gateway = device->gateway,
                         .what = "series",
                         .question = sv_textbuf_text(&question),
                         .done = answered,
                         .arg = kept };
    sv_err err = sv_asks_put(v->fleet, &ask, &why);
    if (err != SV_OK) {
        free(kept);
        sv_http_problem(v->request, err == SV_ERR_STATE ? 429 : 503, "Not fetched", "%s", why.text);
    }
}
