// A set of whole numbers as ranges: which numbers of a sender have been seen, when they come mostly
// in order but live ones overtake older ones. Its size follows the gaps, not the numbers. When
// there are more gaps than it may keep, the lowest range is forgotten, and what lies below `floor`
// is unknown from then on.
#ifndef SV_BASE_RANGES_H
#define SV_BASE_RANGES_H

#include <base/text.h>

enum { SV_RANGES_MAX = 64 };

typedef struct sv_range {
    int64_t from, to; ///< both inside
} sv_range;

typedef struct sv_ranges {
    sv_range *at; ///< rising, never touching
    uint32_t count, room;
    int64_t floor; ///< numbers below it are not known; INT64_MIN: all are
} sv_ranges;

typedef enum sv_ranges_said { SV_RANGES_NEW, SV_RANGES_KNOWN, SV_RANGES_UNKNOWN } sv_ranges_said;

/// An empty set needs no memory.
#define SV_RANGES_EMPTY ((sv_ranges){ .floor = INT64_MIN })
void sv_ranges_drop(sv_ranges *ranges);

/// Adds `number`. NEW: it was not in. KNOWN: it was. UNKNOWN: it lies below the floor; not added.
sv_ranges_said sv_ranges_add(sv_ranges *ranges, int64_t number);
/// Adds everything from `from` to `to`, both inside; `from` <= `to`.
void sv_ranges_add_all(sv_ranges *ranges, int64_t from, int64_t to);
bool sv_ranges_has(const sv_ranges *ranges, int64_t number);
/// The end of the range that `first` lies in: everything from `first` to there is in; `first` - 1
/// when `first` is not.
int64_t sv_ranges_prefix(const sv_ranges *ranges, int64_t first);

/// "1-90,95,100-120"; with a floor "<30," before it.
void sv_ranges_format(const sv_ranges *ranges, sv_textbuf *out);
/// SV_ERR_INVALID for anything that format would not have written.
sv_err sv_ranges_parse(sv_text text, sv_ranges *out);

#endif
