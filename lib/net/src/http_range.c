#include <inttypes.h>
#include <net/http_range.h>
#include <string.h>

/// Decimal digits alone. More than SV_HTTP_LENGTH_MAX is as much as that.
static bool read_number(sv_text text, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t) (text.at[i] - '0');
        value = value > SV_HTTP_LENGTH_MAX ? SV_HTTP_LENGTH_MAX : value;
    }
    *out = value;
    return text.len > 0;
}

/// "-500": the last ones.
static sv_http_range_kind read_last(sv_text digits, uint64_t length, sv_http_range *out) {
    uint64_t count = 0;
    if (!read_number(digits, &count)) {
        return SV_HTTP_RANGE_WHOLE;
    }
    if (count == 0 || length == 0) {
        return SV_HTTP_RANGE_NONE;
    }
    out->from = count < length ? length - count : 0;
    return SV_HTTP_RANGE_PART;
}

sv_http_range_kind sv_http_range_read(const char *value, uint64_t length, sv_http_range *out) {
    sv_text rest = sv_text_of(value);
    *out = (sv_http_range){ .from = 0, .to = length };
    if (!sv_text_starts(rest, SV_TEXT("bytes="))) {
        return SV_HTTP_RANGE_WHOLE;
    }
    (void) sv_text_cut(&rest, '=');
    bool has_dash = memchr(rest.at, '-', rest.len) != NULL;
    sv_text first = sv_text_trim(sv_text_cut(&rest, '-'));
    sv_text last = sv_text_trim(rest);
    uint64_t from = 0;
    uint64_t to = SV_HTTP_LENGTH_MAX;
    if (!has_dash) {
        return SV_HTTP_RANGE_WHOLE;
    }
    if (first.len == 0) {
        return read_last(last, length, out);
    }
    if (!read_number(first, &from) || (last.len > 0 && !read_number(last, &to)) || to < from) {
        return SV_HTTP_RANGE_WHOLE;
    }
    if (from >= length) {
        return SV_HTTP_RANGE_NONE;
    }
    *out = (sv_http_range){ .from = from, .to = to < length ? to + 1 : length };
    return SV_HTTP_RANGE_PART;
}

void sv_http_content_range_add(sv_textbuf *out, const sv_http_range *range, uint64_t length) {
    sv_textbuf_addf(out, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->from, range->to - 1,
                    length);
}

sv_err sv_http_content_range_read(sv_text value, sv_http_range *range, uint64_t *length) {
    sv_text rest = value;
    uint64_t from = 0;
    uint64_t last = 0;
    uint64_t whole = 0;
    if (!sv_text_is(sv_text_cut(&rest, ' '), "bytes")
        || !read_number(sv_text_cut(&rest, '-'), &from)
        || !read_number(sv_text_cut(&rest, '/'), &last) || !read_number(rest, &whole) || from > last
        || last >= whole || whole >= SV_HTTP_LENGTH_MAX) {
        return SV_ERR_INVALID;
    }
    *range = (sv_http_range){ .from = from, .to = last + 1 };
    *length = whole;
    return SV_OK;
}
