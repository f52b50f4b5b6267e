// `GET /v1/series`: what was recorded of one stream.
#include "gateway.h"
#include "series_ask.h"

#include <sys/clock.h>

enum { NUMBER_ROOM = 24 };

static sv_err number_of(const sv_http_request *request, const char *name, uint64_t max,
                        int64_t fallback, int64_t *out) {
    char room[NUMBER_ROOM];
    uint64_t read = 0;
    sv_err err = sv_http_query(request, name, room, sizeof room);
    if (err == SV_ERR_NOT_FOUND) {
        *out = fallback;
        return SV_OK;
    }
    SV_TRY(err);
    SV_TRY(sv_text_u64(sv_text_of(room), max, &read));
    *out = (int64_t) read;
    return SV_OK;
}

static sv_err read_range(const sv_http_request *request, gw_series_question *out, sv_why *why) {
    const uint64_t max_ms = INT64_MAX / 1000 / 2;
    int64_t now_ms = sv_clock_wall_us() / 1000;
    int64_t hour_ms = SV_TIME_HOUR_US / 1000;
    int64_t from = 0;
    int64_t to = 0;
    int64_t points = 0;
    if (sv_http_query(request, "device", out->device, sizeof out->device) != SV_OK
        || sv_http_query(request, "sensor", out->sensor, sizeof out->sensor) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "device= and sensor= say which stream");
    }
    if (number_of(request, "to", max_ms, now_ms, &to) != SV_OK
        || number_of(request, "from", max_ms, to > hour_ms ? to - hour_ms : 0, &from) != SV_OK
        || from > to) {
        return sv_fail(why, SV_ERR_INVALID, "from= and to= are milliseconds since 1970, in order");
    }
    if (number_of(request, "points", GW_POINTS_MAX, GW_POINTS_DEFAULT, &points) != SV_OK
        || points == 0) {
        return sv_fail(why, SV_ERR_INVALID, "points= is a number from 1 to %d", GW_POINTS_MAX);
    }
    out->from_ms = from;
    out->to_ms = to;
    out->points = (size_t) points;
    return SV_OK;
}

static const char *title_of(int status) {
    return status == 404 ? "Not found" : status == 503 ? "Not now" : "Store failed";
}

static void answered(void *arg, int status, sv_text said) {
    sv_http_request *request = arg;
    if (status == 200) {
        sv_http_reply(request, 200, "application/json", said);
    } else {
        sv_http_problem(request, status, title_of(status), SV_TEXT_FMT, SV_TEXT_ARG(said));
    }
}

void gw_local_series(gw *g, sv_http_request *request) {
    gw_series_question question;
    sv_why why = { 0 };
    if (read_range(request, &question, &why) != SV_OK) {
        sv_http_problem(request, 400, "Bad request", "%s", why.text);
        return;
    }
    gw_series_ask(g, &question, answered, request);
}
