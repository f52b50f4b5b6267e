// A batch as gateways write it: known members, each once, and every item whole. Anything else is
// left to the parser, which also says what is wrong with it.
#include "uplink.h"
#include "uplink_batch.h"

#include <base/mem.h>
#include <codec/json_flat.h>
#include <math.h>
#include <stdlib.h>

#define EXACT_INTEGER_MAX 9007199254740992.0 // 2^53

enum { DIGITS_EXACT = 15, ITEMS_FIRST = 512 };

typedef enum member {
    SEQ,
    KIND,
    DEVICE_ID,
    SENSOR,
    UNIT,
    AT,
    VALUE,
    COUNT,
    MIN,
    MEAN,
    MAX,
    SCORE,
    EXPECTED,
    CORRECTED,
    MEMBERS
} member;

typedef enum form { WHOLE, NUMBER, PAIR, TEXT, FLAG } form;

static const struct {
    sv_text name;
    form form;
} KNOWN[MEMBERS] = {
    [SEQ] = { { "seq", 3 }, WHOLE },
    [KIND] = { { "kind", 4 }, TEXT },
    [DEVICE_ID] = { { "device_id", 9 }, TEXT },
    [SENSOR] = { { "sensor", 6 }, TEXT },
    [UNIT] = { { "unit", 4 }, TEXT },
    [AT] = { { "at", 2 }, WHOLE },
    [VALUE] = { { "value", 5 }, NUMBER },
    [COUNT] = { { "count", 5 }, WHOLE },
    [MIN] = { { "min", 3 }, NUMBER },
    [MEAN] = { { "mean", 4 }, NUMBER },
    [MAX] = { { "max", 3 }, NUMBER },
    [SCORE] = { { "score", 5 }, NUMBER },
    [EXPECTED] = { { "expected", 8 }, PAIR },
    [CORRECTED] = { { "corrected", 9 }, FLAG },
};

typedef struct item {
    unsigned has; ///< a bit for each member
    member next;  ///< which is likely to follow
    sv_text texts[MEMBERS];
    double numbers[MEMBERS];
    int64_t wholes[MEMBERS];
    double pair[2];
    bool flag;
} item;

static bool has(const item *of, member which) {
    return (of->has & 1U << which) != 0;
}

/// What sv_json_int takes, and no more.
static bool read_whole(sv_text text, int64_t *out) {
    int64_t whole = 0;
    size_t at = 0;
    for (; at < text.len && at < DIGITS_EXACT && text.at[at] >= '0' && text.at[at] <= '9'; at++) {
        whole = whole * 10 + (text.at[at] - '0');
    }
    if (at == text.len && at > 0 && (text.at[0] != '0' || at == 1)) {
        *out = whole;
        return true;
    }
    double number = 0;
    if (sv_num_parse(text, &number) != SV_OK || fabs(number) > EXACT_INTEGER_MAX
        || trunc(number) != number) {
        return false;
    }
    *out = (int64_t) number;
    return true;
}

static bool take_number(sv_json_flat *c, double *out) {
    sv_text number;
    return sv_json_flat_number(c, &number) && sv_num_parse(number, out) == SV_OK;
}

static bool take_value(sv_json_flat *c, member which, item *out) {
    sv_text number;
    switch (KNOWN[which].form) {
    case WHOLE:
        return sv_json_flat_number(c, &number) && read_whole(number, &out->wholes[which]);
    case NUMBER:
        return take_number(c, &out->numbers[which]);
    case PAIR:
        return sv_json_flat_mark(c, '[') && take_number(c, &out->pair[0])
               && sv_json_flat_mark(c, ',') && take_number(c, &out->pair[1])
               && sv_json_flat_mark(c, ']');
    case TEXT:
        return sv_json_flat_text(c, &out->texts[which]);
    case FLAG:
        return sv_json_flat_bool(c, &out->flag);
    }
    return false;
}

static bool take_member(sv_json_flat *c, item *out) {
    sv_text name = SV_TEXT("");
    if (!sv_json_flat_text(c, &name) || !sv_json_flat_mark(c, ':')) {
        return false;
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        member which = (member) ((out->next + i) % MEMBERS);
        if (sv_text_eq(name, KNOWN[which].name)) {
            bool again = has(out, which);
            out->has |= 1U << which;
            out->next = (member) (which + 1);
            return !again && take_value(c, which, out);
        }
    }
    return false;
}

/// Only what is whole; the parser knows what is to become of the rest.
static bool fill(const item *from, sv_uplink_item *out) {
    static const unsigned OF_BOTH =
        1U << SEQ | 1U << KIND | 1U << DEVICE_ID | 1U << SENSOR | 1U << AT;
    static const unsigned OF_SUMMARY = 1U << COUNT | 1U << MIN | 1U << MEAN | 1U << MAX;
    if ((from->has & OF_BOTH) != OF_BOTH || from->wholes[SEQ] < 1 || from->wholes[AT] < 0) {
        return false;
    }
    *out = (sv_uplink_item){ .seq = from->wholes[SEQ],
                             .good = true,
                             .device_id = from->texts[DEVICE_ID],
                             .sensor = from->texts[SENSOR],
                             .unit = has(from, UNIT) ? from->texts[UNIT] : SV_TEXT("") };
    sv_point *point = &out->point;
    *point = (sv_point){ .at_ms = from->wholes[AT] / 1000,
                         .count = 1,
                         .corrected = has(from, CORRECTED) && from->flag };
    if (sv_text_is(from->texts[KIND], "average")) {
        point->kind = SV_POINT_AVERAGE;
        point->value = point->min = point->max = from->numbers[VALUE];
        return has(from, VALUE);
    }
    point->kind = SV_POINT_SUMMARY;
    point->value = from->numbers[MEAN];
    point->min = from->numbers[MIN];
    point->max = from->numbers[MAX];
    point->count = from->wholes[COUNT];
    bool banded = has(from, EXPECTED);
    out->says_expected =
        sv_expected_of(has(from, SCORE) ? from->numbers[SCORE] : 0, banded ? from->pair[0] : 0,
                       banded ? from->pair[1] : 0, &out->expected);
    out->expected.at_ms = point->at_ms;
    return sv_text_is(from->texts[KIND], "summary") && (from->has & OF_SUMMARY) == OF_SUMMARY
           && point->count > 0 && point->min <= point->max;
}

static bool take_item(sv_json_flat *c, sv_uplink_item *out) {
    item one;
    one.has = 0;
    one.next = SEQ;
    if (!sv_json_flat_mark(c, '{')) {
        return false;
    }
    do {
        if (!take_member(c, &one)) {
            return false;
        }
    } while (sv_json_flat_mark(c, ','));
    return sv_json_flat_mark(c, '}') && fill(&one, out);
}

static bool take_items(sv_json_flat *c, sv_uplink_batch *out) {
    size_t room = ITEMS_FIRST;
    out->items = sv_mem_array(room, sizeof *out->items);
    if (!sv_json_flat_mark(c, '[')) {
        return false;
    }
    do {
        if (out->count == room) {
            room *= 2;
            out->items = sv_mem_resize(out->items, room * sizeof *out->items);
        }
        if (out->count == SV_UPLINK_ITEMS_MAX || !take_item(c, &out->items[out->count++])) {
            return false;
        }
    } while (sv_json_flat_mark(c, ','));
    return sv_json_flat_mark(c, ']');
}

static bool take_part(sv_json_flat *c, unsigned *seen, sv_uplink_batch *out) {
    static const char *const NAMES[] = { "epoch", "from", "items" };
    sv_text name = SV_TEXT("");
    sv_text number;
    if (!sv_json_flat_text(c, &name) || !sv_json_flat_mark(c, ':')) {
        return false;
    }
    for (unsigned i = 0; i < SV_COUNT(NAMES); i++) {
        if (sv_text_is(name, NAMES[i]) && (*seen & 1U << i) == 0) {
            *seen |= 1U << i;
            return i == 0   ? sv_json_flat_text(c, &out->epoch)
                   : i == 1 ? sv_json_flat_number(c, &number) && read_whole(number, &out->from)
                            : take_items(c, out);
        }
    }
    return false;
}

static bool take_batch(sv_text body, sv_uplink_batch *out) {
    sv_json_flat c = sv_json_flat_of(body);
    unsigned seen = 0;
    if (!sv_json_flat_mark(&c, '{')) {
        return false;
    }
    do {
        if (!take_part(&c, &seen, out)) {
            return false;
        }
    } while (sv_json_flat_mark(&c, ','));
    return sv_json_flat_mark(&c, '}') && sv_json_flat_end(&c) && out->epoch.len > 0
           && out->count > 0;
}

bool sv_uplink_batch_flat(sv_text body, sv_uplink_batch *out) {
    *out = (sv_uplink_batch){ .epoch = SV_TEXT("") };
    if (take_batch(body, out)) {
        return true;
    }
    sv_uplink_batch_drop(out);
    *out = (sv_uplink_batch){ .epoch = SV_TEXT("") };
    return false;
}
