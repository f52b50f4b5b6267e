// What a gateway knows about one epoch of a device (docs/spec/uplink.md): which numbers it has on
// disk, how many readings it wrote for them, and where each day begins among them. The gateway
// keeps it, tells the fleet server, and both write it as a line: one format, one parser.
#ifndef SV_MODEL_LEDGER_H
#define SV_MODEL_LEDGER_H

#include <base/ranges.h>
#include <codec/json.h>

enum {
    SV_LEDGER_DAYS_MAX = 40,      ///< the oldest goes first
    SV_LEDGER_NUMBERS_MAX = 4096, ///< bytes of the numbers as text
    SV_LEDGER_ITEM_MAX = 8192,    ///< bytes of the members that sv_ledger_put writes
    SV_LEDGER_LINE_MAX = 2048,    ///< bytes of a line
};

typedef struct sv_ledger_day {
    int64_t day;  ///< UTC, by the gateway's clock; days since 1970-01-01
    int64_t from; ///< its first number: one above the highest that was seen before it
} sv_ledger_day;

/// What is counted beside the numbers. All zeroes is an empty one.
typedef struct sv_ledger {
    int64_t stored;            ///< readings written, counted apart from the numbers
    int64_t refused;           ///< numbered, and not kept
    int64_t repeated;          ///< seen before, and not written again
    int64_t first_us, last_us; ///< when the first and the last stored one was received
    sv_ledger_day *days;       ///< rising, both day and number; NULL: none
    uint32_t day_count;
} sv_ledger;

void sv_ledger_drop(sv_ledger *ledger);

/// A reading with the number `seq`, which is in `numbers` already, was received and stored.
void sv_ledger_store(sv_ledger *ledger, const sv_ranges *numbers, int64_t seq, int64_t received_us);

/// How many numbers are in; below a floor all count as in.
int64_t sv_ledger_count(const sv_ranges *numbers);

/// "500 0 3 <first> <last> 2026-11-28:1,2026-11-29:401": stored, refused, repeated.
void sv_ledger_format(const sv_ledger *ledger, sv_textbuf *out);
/// SV_ERR_INVALID for anything that format would not have written.
sv_err sv_ledger_parse(sv_text text, sv_ledger *out);

/// The members "numbers", "stored", "refused", "repeated", "days", "first_us" and "last_us".
void sv_ledger_put(sv_json_out *out, const sv_ledger *ledger, const sv_ranges *numbers);
/// SV_ERR_INVALID with what is wrong with `item`. Both outputs are the caller's to drop.
sv_err sv_ledger_read(const sv_json *item, sv_ledger *ledger, sv_ranges *numbers, sv_why *why);

#endif
