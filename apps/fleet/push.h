// Events for gateways: kept per gateway until they are too old or too many, and sent over the one
// stream that each gateway keeps open, or fetched by it (docs/spec/uplink.md). [uplink-8]
//
// Ids rise per gateway and are not below the server's clock (µs), so that a server whose database
// is lost or older than it was gives none twice.
#ifndef SV_FLEET_PUSH_H
#define SV_FLEET_PUSH_H

#include "registry.h"

#include <codec/json.h>
#include <net/http_server.h>

struct sv_fleet;

enum {
    SV_PUSH_EVENTS_MAX = 4096,            ///< kept for one gateway; the oldest go
    SV_PUSH_DATA_MAX = 8 * 1024,          ///< bytes of one event's data
    SV_PUSH_PAGE_EVENTS = 128,            ///< in one answer to a poll, and read at once
    SV_PUSH_PAGE_BYTES = 2 * 1024 * 1024, ///< room for them
};
#define SV_PUSH_AGE_US (7 * SV_TIME_DAY_US)

typedef struct sv_push sv_push; ///< the open streams

sv_push *sv_push_new(size_t gateways);
void sv_push_drop(sv_push **push);

/// Whom an event is for: one gateway, those of a site, or with both NULL all of them.
typedef struct sv_push_to {
    const sv_gateway *gateway;
    const sv_site *site;
} sv_push_to;

/// In the caller's transaction; sv_push_turn after its commit sends it. `data` is one line of JSON.
/// SV_ERR_NO_SPACE when it is too long, SV_ERR_NOT_FOUND when no gateway is meant.
sv_err sv_push_add(struct sv_fleet *fleet, sv_push_to to, const char *name, sv_text data,
                   sv_why *why);
/// The id of the newest event of a gateway; 0: there was none.
sv_err sv_push_last(struct sv_fleet *fleet, const sv_gateway *gateway, int64_t *out, sv_why *why);
/// End the transaction that `err` happened in: commit and send, or roll back.
sv_err sv_push_commit(struct sv_fleet *fleet, sv_err err, sv_why *why);
/// Send what is new over the open streams, as far as they take it. Cheap when nothing is.
void sv_push_turn(struct sv_fleet *fleet);
void sv_push_ping(struct sv_fleet *fleet);
/// Over the open stream of a gateway, or with NULL over all of them, now or never: it has no number
/// and is not kept.
void sv_push_tell(struct sv_fleet *fleet, const sv_gateway *gateway, const char *name,
                  sv_text data);
/// End the open stream of a gateway.
void sv_push_end(struct sv_fleet *fleet, const sv_gateway *gateway);
sv_err sv_push_prune(sv_db *db, int64_t now_us, sv_why *why);
/// The gateway keeps its stream open now.
bool sv_push_reaches(const sv_push *push, const sv_gateway *gateway);

/// Answer `request` with the stream of what follows `after`; one that is open already ends.
void sv_push_join(struct sv_fleet *fleet, const sv_gateway *gateway, int64_t after,
                  sv_http_request *request);
/// The same as a list, as much as fits: `[{"id","event","data"},…]`; empty: nothing follows.
sv_err sv_push_list(struct sv_fleet *fleet, const sv_gateway *gateway, int64_t after,
                    sv_json_out *out, sv_why *why);

#endif
