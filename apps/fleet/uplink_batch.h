// The body of POST /v1/readings, read as a whole before anything is done with it: straight from its
// bytes where it has the form that gateways give it, by the JSON parser else, with the same
// content.
#ifndef SV_FLEET_UPLINK_BATCH_H
#define SV_FLEET_UPLINK_BATCH_H

#include "expected.h"

#include <codec/json.h>

typedef struct sv_uplink_item {
    int64_t seq; ///< 0: none that counts
    bool good;   ///< else neither an average nor a summary, or it does not say of what
    sv_text device_id, sensor, unit;
    sv_point point;
    bool says_expected; ///< a summary alone does
    sv_expected expected;
} sv_uplink_item;

typedef struct sv_uplink_batch {
    sv_text epoch;
    int64_t from; ///< 0: it does not say
    sv_uplink_item *items;
    size_t count;
    sv_json *root; ///< NULL: texts are the body's own
} sv_uplink_batch;

/// SV_ERR_INVALID: it breaks the format. Texts borrow from `body` and from the batch.
sv_err sv_uplink_batch_read(sv_text body, sv_uplink_batch *out, sv_why *why);
/// The two ways, for who compares them. False: not in that form.
bool sv_uplink_batch_flat(sv_text body, sv_uplink_batch *out);
sv_err sv_uplink_batch_parse(sv_text body, sv_uplink_batch *out, sv_why *why);
void sv_uplink_batch_drop(sv_uplink_batch *batch);

#endif
