// A reading: one measured value from one sensor of one device (docs/spec/reading.md).
//
// This header knows the topic and payload formats and nothing else: it neither allocates beyond the
// parsed document, nor logs, nor reads a clock, so gateway, simulator, backtest and fuzzer share
// it.
#ifndef SV_MODEL_READING_H
#define SV_MODEL_READING_H

#include <base/err.h>
#include <base/text.h>
#include <codec/json.h>
#include <model/id.h>

enum {
    SV_READING_PAYLOAD_MAX = 64 * 1024, ///< bytes of one MQTT payload
    SV_READING_BATCH_MAX = 1000,        ///< readings in one payload
    SV_UNIT_MAX = 16,
    SV_EPOCH_MAX = 32,
    SV_BOOT_MAX = 32,
    SV_TIMESTAMP_MAX = 40,
};

/// Where a reading belongs. Both texts borrow from the topic that was parsed.
typedef struct sv_reading_key {
    sv_text device_id;
    sv_text sensor;
} sv_reading_key;

/// Borrows its texts from the payload, the parsed document or the topic.
typedef struct sv_reading {
    sv_reading_key key;
    double value;      ///< in `unit`; always finite
    int64_t at_us;     ///< the device's clock, UTC
    sv_text timestamp; ///< as it came, for echoing; empty when SenML gave a number
    sv_text unit;      ///< empty when not given
    sv_text epoch;     ///< empty when the sender does not number its readings
    int64_t seq;       ///< with `epoch`: 1, 2, 3, ... per sender
    sv_text boot;      ///< a start of the sender's machine; empty: its clock is not in doubt
    int64_t uptime_us; ///< with `boot`: how long after that start, by a clock that nobody sets
    bool proven;       ///< with `boot`: the timestamp is right all the same [reading-4]
} sv_reading;

/// Why a message was refused; the metric's label is sv_reading_fault_name.
typedef enum sv_reading_fault {
    SV_READING_FINE = 0,
    SV_READING_TOPIC,     ///< not sensors/<device_id>/<sensor>
    SV_READING_TOO_LARGE, ///< payload or batch beyond its limit
    SV_READING_JSON,      ///< not JSON
    SV_READING_DUPLICATE_KEY,
    SV_READING_UTF8,
    SV_READING_SHAPE,        ///< JSON, but neither a reading, an array of them, nor SenML
    SV_READING_VALUE,        ///< missing, not a number, not finite
    SV_READING_TIMESTAMP,    ///< missing or not a time
    SV_READING_NO_DEVICE,    ///< device_id missing
    SV_READING_WRONG_DEVICE, ///< device_id differs from the topic's
    SV_READING_SENSOR,       ///< SenML name outside the grammar
    SV_READING_SEQ,          ///< epoch or seq of the wrong kind
    SV_READING_REPEATED,     ///< seen already
    SV_READING_FAULT__COUNT
} sv_reading_fault;

/// "topic", "too_large", "json", "duplicate_key", ...
const char *sv_reading_fault_name(sv_reading_fault fault);

/// Parse `sensors/<device_id>/<sensor>`. [reading-1]
sv_err sv_reading_key_parse(sv_text topic, sv_reading_key *out, sv_why *why);
/// Write the topic of `key`: the inverse of sv_reading_key_parse. [reading-1]
void sv_reading_key_format(const sv_reading_key *key, sv_textbuf *out);

typedef void sv_reading_take(void *arg, const sv_reading *reading);
/// `numbered` holds the topic's key, and epoch and seq where the reading had them; else NULL.
typedef void sv_reading_refuse(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                               const sv_why *why);

/// Parse one payload received on the topic of `key`: a reading, an array of readings, or SenML JSON
/// (RFC 8428: n, v, u, t, bn, bt, bu, bv). Calls `take` for each good reading and `refuse` for each
/// bad one; a bad one never stops the next. `received_us` is what SenML's relative times refer to.
/// [reading-2]
void sv_reading_payload_parse(const sv_reading_key *key, sv_text payload, int64_t received_us,
                              sv_reading_take *take, sv_reading_refuse *refuse, void *arg);

/// One parsed JSON object with the reading's members; used by the payload parser and by backtest.
/// `key.device_id` empty: the object's own device_id is taken (checked against the grammar).
sv_reading_fault sv_reading_from_json(const sv_reading_key *key, const sv_json *object,
                                      sv_reading *out, sv_why *why);

/// The members that say when, of any message: timestamp, boot, uptime, proven. False when the first
/// three are not all there and good. The texts are the object's. [reading-4]
bool sv_reading_take_instant(const sv_json *object, sv_reading *out);

/// A recorded reading: one object with `device_id` and `sensor` among its members. `*root` gets
/// what its texts borrow from where that is not `line` itself, else NULL; the caller drops it.
sv_err sv_reading_line_parse(sv_text line, sv_reading *out, sv_json **root, sv_why *why);

/// The payload of one reading: {"value","timestamp","device_id"} and what else is set. [reading-2]
void sv_reading_format(const sv_reading *reading, sv_textbuf *out);

#endif
