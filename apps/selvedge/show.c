#include "show.h"

#include <base/time.h>
#include <net/http_client.h>
#include <stdio.h>

enum { TIME_ROOM = 64 };

sv_text sv_show_words(const sv_json *object, const char *key) {
    sv_text value = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &value);
    return value;
}

int64_t sv_show_number(const sv_json *object, const char *key) {
    int64_t value = 0;
    (void) sv_json_int(sv_json_get(object, key), &value);
    return value;
}

void sv_show_json(const sv_json *value) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_put_value(&out, value);
    (void) printf(SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&text)));
}

void sv_show_plain(sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.at[i];
        bool second = i > 0 && (unsigned char) text.at[i - 1] == 0xC2 && c < 0xA0;
        (void) putchar(c < 0x20 || c == 0x7F || second ? '?' : c);
    }
}

void sv_show_cell(sv_text text, int width) {
    int wide = 0;
    for (size_t i = 0; i < text.len; i++) {
        wide += ((unsigned char) text.at[i] & 0xC0) != 0x80; // what begins a character of UTF-8
    }
    sv_show_plain(text);
    (void) printf("%*s  ", wide < width ? width - wide : 0, "");
}

bool sv_show_is(const sv_json *object, const char *key) {
    bool value = false;
    (void) sv_json_bool(sv_json_get(object, key), &value);
    return value;
}

sv_text sv_show_age(const sv_json *object, const char *key, int64_t now_ms,
                    char room[SV_SHOW_AGE_ROOM]) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
    int64_t at_ms;
    if (!sv_json_int(sv_json_get(object, key), &at_ms)) {
        return SV_TEXT("never");
    }
    int64_t age_s = now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0;
    size_t unit = 0;
    while (unit + 1 < SV_COUNT(units) && age_s < units[unit].seconds) {
        unit++;
    }
    (void) snprintf(room, SV_SHOW_AGE_ROOM, "%lld %s", (long long) (age_s / units[unit].seconds),
                    units[unit].name);
    return sv_text_of(room);
}

void sv_show_time(const sv_json *object, const char *key) {
    char room[TIME_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, sv_show_number(object, key) / 1000 * SV_TIME_SECOND_US);
    (void) printf(SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&text)));
}

const char *sv_show_bytes(double value, char room[SV_SHOW_BYTES_ROOM]) {
    static const char *const UNITS[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < SV_COUNT(UNITS); unit++) {
        value /= 1024;
    }
    (void) snprintf(room, SV_SHOW_BYTES_ROOM, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s",
                    value, UNITS[unit]);
    return room;
}
