#include "zone_rule.h"

#include <base/mem.h>
#include <base/zone.h>
#include <stdlib.h>

enum {
    HEADER = 44,
    COUNTS_AT = 20,
    TYPE_BYTES = 6,
    LEAP_BYTES_32 = 8,
    LEAP_BYTES_64 = 12,
    EPOCH_WEEKDAY = 3, ///< 1970-01-01 was a Thursday
};

typedef struct zone_change {
    int64_t at_s;
    int64_t offset_s;
} zone_change;

struct sv_zone {
    int64_t first_s; ///< offset before the first change
    size_t count;
    bool has_rule; ///< for what follows the last change
    zone_rule rule;
    zone_change changes[];
};

sv_err sv_zone_name_check(sv_text name, sv_why *why) {
    bool good = name.len > 0 && name.len <= SV_ZONE_NAME_MAX;
    char before = '/';
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                    || c == '_' || c == '+' || c == '-';
        good = word || (c == '/' && before != '/');
        before = c;
    }
    return good && before != '/' ? SV_OK
                                 : sv_fail(why, SV_ERR_INVALID,
                                           "'" SV_TEXT_FMT "' is no time zone such as Europe/Oslo",
                                           SV_TEXT_ARG(name));
}

// ---- the file -----------------------------------------------------------------------------------

/// What is left to read; `short_of` says that something was missing.
typedef struct reader {
    sv_text rest;
    bool short_of;
} reader;

static sv_text take(reader *r, size_t bytes) {
    if (r->rest.len < bytes) {
        r->short_of = true;
        return SV_TEXT("");
    }
    sv_text part = { .at = r->rest.at, .len = bytes };
    r->rest = (sv_text){ .at = r->rest.at + bytes, .len = r->rest.len - bytes };
    return part;
}

static int64_t big_endian(sv_text bytes, size_t at, size_t len) {
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | (uint8_t) bytes.at[at + i];
    }
    return len == 8 ? (int64_t) value : (int64_t) (int32_t) (uint32_t) value;
}

typedef struct block_counts {
    uint32_t utc, standard, leaps, changes, types, chars;
} block_counts;

static bool read_header(reader *r, block_counts *out) {
    sv_text head = take(r, HEADER);
    if (head.len == 0 || !sv_text_starts(head, SV_TEXT("TZif")) || head.at[4] < '2') {
        return false;
    }
    uint32_t counts[6];
    for (size_t i = 0; i < SV_COUNT(counts); i++) {
        counts[i] = (uint32_t) big_endian(head, COUNTS_AT + 4 * i, 4);
        if (counts[i] > SV_ZONE_BYTES_MAX) {
            return false;
        }
    }
    *out = (block_counts){ .utc = counts[0],
                           .standard = counts[1],
                           .leaps = counts[2],
                           .changes = counts[3],
                           .types = counts[4],
                           .chars = counts[5] };
    return true;
}

/// The block with times of 32 bits, which nobody needs.
static void pass_over_small(reader *r, const block_counts *n) {
    (void) take(r, (size_t) n->changes * 5 + (size_t) n->types * TYPE_BYTES + n->chars
                       + (size_t) n->leaps * LEAP_BYTES_32 + n->standard + n->utc);
}

static bool offset_of(sv_text types, size_t index, int64_t *out) {
    if ((index + 1) * TYPE_BYTES > types.len) {
        return false;
    }
    *out = big_endian(types, index * TYPE_BYTES, 4);
    return *out >= -SV_ZONE_OFFSET_MAX_S && *out <= SV_ZONE_OFFSET_MAX_S;
}

static bool fill(sv_zone *zone, sv_text times, sv_text kinds, sv_text types) {
    if (!offset_of(types, 0, &zone->first_s)) {
        return false;
    }
    for (size_t i = 0; i < zone->count; i++) {
        zone_change *change = &zone->changes[i];
        change->at_s = big_endian(times, i * 8, 8);
        if (!offset_of(types, (uint8_t) kinds.at[i], &change->offset_s)
            || (i > 0 && change->at_s <= change[-1].at_s)) {
            return false;
        }
    }
    return true;
}

/// "\n<rule>\n", the rule may be empty.
static bool read_footer(reader *r, sv_zone *zone) {
    sv_text start = take(r, 1);
    if (start.len == 0 || start.at[0] != '\n' || r->rest.len == 0
        || r->rest.at[r->rest.len - 1] != '\n') {
        return false;
    }
    sv_text rule = sv_text_cut(&r->rest, '\n');
    zone->has_rule = rule.len > 0;
    return rule.len <= SV_ZONE_RULE_MAX && r->rest.len == 0
           && (!zone->has_rule || zone_rule_parse(rule, &zone->rule));
}

sv_err sv_zone_parse(sv_text tzif, sv_zone **out, sv_why *why) {
    reader r = { .rest = tzif };
    block_counts n = { 0 };
    bool good = tzif.len <= SV_ZONE_BYTES_MAX && read_header(&r, &n);
    if (good) {
        pass_over_small(&r, &n);
        good = read_header(&r, &n) && n.changes <= SV_ZONE_CHANGES_MAX;
    }
    if (!good) {
        return sv_fail(why, SV_ERR_INVALID, "that is no TZif file of version 2 or later");
    }
    sv_text times = take(&r, (size_t) n.changes * 8);
    sv_text kinds = take(&r, n.changes);
    sv_text types = take(&r, (size_t) n.types * TYPE_BYTES);
    (void) take(&r, n.chars + (size_t) n.leaps * LEAP_BYTES_64 + n.standard + n.utc);
    SV_DEFER(sv_zone_drop)
    sv_zone *zone = sv_mem_new(sizeof *zone + n.changes * sizeof zone->changes[0]);
    zone->count = n.changes;
    if (r.short_of || !fill(zone, times, kinds, types) || !read_footer(&r, zone)) {
        return sv_fail(why, SV_ERR_INVALID, "the TZif file is cut off or damaged");
    }
    *out = zone;
    zone = NULL;
    return SV_OK;
}

void sv_zone_drop(sv_zone **zone) {
    free(*zone);
    *zone = NULL;
}

// ---- asking -------------------------------------------------------------------------------------

static int64_t floor_div(int64_t value, int64_t by) {
    return value / by - (value % by < 0);
}

int64_t sv_zone_offset_s(const sv_zone *zone, int64_t at_us) {
    int64_t at_s = floor_div(at_us, SV_TIME_SECOND_US);
    if (zone == NULL) {
        return 0;
    }
    size_t low = 0; // how many changes have been by then
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == zone->count && zone->has_rule) {
        return zone_rule_offset_s(&zone->rule, at_s);
    }
    return low == 0 ? zone->first_s : zone->changes[low - 1].offset_s;
}

sv_local sv_zone_local(const sv_zone *zone, int64_t at_us) {
    int64_t local_s = floor_div(at_us, SV_TIME_SECOND_US) + sv_zone_offset_s(zone, at_us);
    int64_t day = floor_div(local_s, ZONE_DAY_S);
    int64_t weekday = (day + EPOCH_WEEKDAY) % 7;
    return (sv_local){ .day = day,
                       .weekday = (int) (weekday < 0 ? weekday + 7 : weekday),
                       .minute = (int) ((local_s - day * ZONE_DAY_S) / 60) };
}
