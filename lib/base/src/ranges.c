#include <base/mem.h>
#include <base/ranges.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 2, DIGITS_MAX = 20 };

void sv_ranges_drop(sv_ranges *ranges) {
    free(ranges->at);
    *ranges = SV_RANGES_EMPTY;
}

/// The index of the first range that ends at `number` or later. Most numbers belong to the last.
static uint32_t find(const sv_ranges *ranges, int64_t number) {
    uint32_t low = 0;
    uint32_t high = ranges->count;
    if (high > 0 && ranges->at[high - 1].from <= number) {
        return ranges->at[high - 1].to >= number ? high - 1 : high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ranges->at[middle].to < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool sv_ranges_has(const sv_ranges *ranges, int64_t number) {
    uint32_t at = find(ranges, number);
    return at < ranges->count && ranges->at[at].from <= number;
}

int64_t sv_ranges_prefix(const sv_ranges *ranges, int64_t first) {
    uint32_t at = find(ranges, first);
    bool is_in = at < ranges->count && ranges->at[at].from <= first;
    return is_in ? ranges->at[at].to : first - 1;
}

static void remove_at(sv_ranges *ranges, uint32_t at) {
    ranges->count--;
    memmove(&ranges->at[at], &ranges->at[at + 1], (ranges->count - at) * sizeof *ranges->at);
}

static void insert_at(sv_ranges *ranges, uint32_t at, sv_range range) {
    if (ranges->count == ranges->room) {
        ranges->room = ranges->room == 0 ? ROOM_FIRST : ranges->room * 2;
        ranges->at = sv_mem_resize(ranges->at, ranges->room * sizeof *ranges->at);
    }
    memmove(&ranges->at[at + 1], &ranges->at[at], (ranges->count - at) * sizeof *ranges->at);
    ranges->at[at] = range;
    ranges->count++;
}

static void forget_lowest_of_too_many(sv_ranges *ranges) {
    if (ranges->count > SV_RANGES_MAX) {
        ranges->floor = ranges->at[1].from;
        remove_at(ranges, 0);
    }
}

void sv_ranges_add_all(sv_ranges *ranges, int64_t from, int64_t to) {
    sv_range all = { .from = from > ranges->floor ? from : ranges->floor, .to = to };
    if (all.to < all.from) {
        return;
    }
    // Whatever it touches becomes part of it.
    uint32_t at = find(ranges, all.from - 1);
    while (at < ranges->count && ranges->at[at].from <= all.to + 1) {
        all.from = ranges->at[at].from < all.from ? ranges->at[at].from : all.from;
        all.to = ranges->at[at].to > all.to ? ranges->at[at].to : all.to;
        remove_at(ranges, at);
    }
    insert_at(ranges, at, all);
    forget_lowest_of_too_many(ranges);
}

sv_ranges_said sv_ranges_add(sv_ranges *ranges, int64_t number) {
    if (number < ranges->floor) {
        return SV_RANGES_UNKNOWN;
    }
    uint32_t at = find(ranges, number);
    if (at < ranges->count && ranges->at[at].from <= number) {
        return SV_RANGES_KNOWN;
    }
    bool after = at > 0 && ranges->at[at - 1].to == number - 1;
    bool before = at < ranges->count && ranges->at[at].from == number + 1;
    if (after && before) {
        ranges->at[at - 1].to = ranges->at[at].to;
        remove_at(ranges, at);
    } else if (after) {
        ranges->at[at - 1].to = number;
    } else if (before) {
        ranges->at[at].from = number;
    } else {
        insert_at(ranges, at, (sv_range){ number, number });
    }
    forget_lowest_of_too_many(ranges);
    return SV_RANGES_NEW;
}

void sv_ranges_format(const sv_ranges *ranges, sv_textbuf *out) {
    const char *mark = "";
    if (ranges->floor != INT64_MIN) {
        sv_textbuf_addf(out, "<%lld", (long long) ranges->floor);
        mark = ",";
    }
    for (uint32_t i = 0; i < ranges->count; i++) {
        sv_textbuf_addf(out, "%s%lld", mark, (long long) ranges->at[i].from);
        if (ranges->at[i].to > ranges->at[i].from) {
            sv_textbuf_addf(out, "-%lld", (long long) ranges->at[i].to);
        }
        mark = ",";
    }
}

/// Numbers of senders are not negative.
static sv_err parse_number(sv_text text, int64_t *out) {
    uint64_t number = 0;
    if (text.len > DIGITS_MAX || (text.len > 1 && text.at[0] == '0')) {
        return SV_ERR_INVALID;
    }
    SV_TRY(sv_text_u64(text, INT64_MAX - 1, &number));
    *out = (int64_t) number;
    return SV_OK;
}

static sv_err parse_range(sv_text text, sv_range *out) {
    bool single = memchr(text.at, '-', text.len) == NULL;
    sv_text rest = text;
    SV_TRY(parse_number(sv_text_cut(&rest, '-'), &out->from));
    if (single) {
        out->to = out->from;
        return SV_OK;
    }
    SV_TRY(parse_number(rest, &out->to));
    return out->to > out->from ? SV_OK : SV_ERR_INVALID;
}

static sv_err parse_into(sv_text text, sv_ranges *out) {
    sv_text rest = text;
    if (sv_text_starts(rest, SV_TEXT("<"))) {
        sv_text floor = sv_text_cut(&rest, ',');
        SV_TRY(parse_number((sv_text){ floor.at + 1, floor.len - 1 }, &out->floor));
        if (rest.len == 0 && floor.len < text.len) {
            return SV_ERR_INVALID;
        }
    }
    while (rest.len > 0) {
        sv_range range = { 0 };
        size_t before = rest.len;
        sv_text one = sv_text_cut(&rest, ',');
        SV_TRY(parse_range(one, &range));
        bool dangling = rest.len == 0 && one.len < before;
        bool rising = out->count == 0 ? range.from >= out->floor
                                      : range.from > out->at[out->count - 1].to + 1;
        if (dangling || !rising || out->count == SV_RANGES_MAX) {
            return SV_ERR_INVALID;
        }
        insert_at(out, out->count, range);
    }
    return SV_OK;
}

sv_err sv_ranges_parse(sv_text text, sv_ranges *out) {
    SV_DEFER(sv_ranges_drop) sv_ranges read = SV_RANGES_EMPTY;
    SV_TRY(parse_into(text, &read));
    *out = read;
    read = SV_RANGES_EMPTY;
    return SV_OK;
}
