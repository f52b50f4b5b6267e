// The device door of a site: HTTPS for devices, whose requests go on to the fleet server's device
// door as they are, with the device's certificate as RFC 9440 Client-Cert. What a device may not
// ask is refused here; what it may is judged there (docs/spec/uplink.md).
//
// Newcomers, who have no certificate that counts (net/tls.h), may ask for one and nothing else
// (EST). They have connections, places and a rate of their own, so that however many of them come,
// devices are served.
//
// Requests share a few connections to the fleet server, taken in turn; a slow one holds up its own
// connection. Path, query and headers are written anew from what was understood of them, so that
// the fleet server reads what was judged here.
#ifndef SELVEDGE_GATEWAY_RELAY_H
#define SELVEDGE_GATEWAY_RELAY_H

#include "cache.h"

#include <base/err.h>
#include <base/text.h>
#include <net/http_client.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    GW_RELAY_CLIENTS = 16,               ///< connections to the fleet server, made when needed
    GW_RELAY_AT_ONCE = 128,              ///< requests under way or waiting; more are answered 503
    GW_RELAY_PER_DEVICE = 8,             ///< of these by one device; more are answered 429
    GW_RELAY_NEWCOMERS = 32,             ///< so many of them by newcomers; more are answered 503
    GW_RELAY_NEWCOMER_CLIENTS = 4,       ///< connections to the fleet server that they use at most
    GW_RELAY_LINKS = 512,                ///< connections to the door
    GW_RELAY_STRANGERS = 256,            ///< of them by whom nobody knows, yet
    GW_RELAY_DEADLINE_US = 10 * 1000000, ///< for a connection's turn, and again for the answer
    GW_RELAY_UPLOAD_MAX = 1024 * 1024,   ///< bytes of a request's body; answers: SV_HTTP_REPLY_MAX
    GW_RELAY_TARGET_MAX = 2048,          ///< bytes of path and query as they go on
    GW_RELAY_FIELD_MAX = 1024,           ///< bytes of one header passed on
    GW_RELAY_RETRY_S = 5,                ///< when to come again after a 503
};

typedef struct gw_relay gw_relay;

typedef struct gw_relay_options {
    const char *bind;
    uint16_t port;         ///< 0: any free one
    sv_tls_files tls;      ///< who this gateway is to devices, and whose devices
    const char *fleet_url; ///< origin of the fleet server's device door
    sv_tls *fleet_tls;     ///< to it; must outlive the relay
    int64_t deadline_us;   ///< 0: GW_RELAY_DEADLINE_US
    gw_cache *cache;       ///< of artifacts and metadata; must outlive the relay; NULL: none
    /// Whether a device whose certificate counts may be here. NULL: each may.
    sv_err (*welcome)(void *arg, const sv_identity *who, sv_why *why);
    void *arg;
} gw_relay_options;

typedef struct gw_relay_counts {
    uint64_t relayed; ///< answered by the fleet server
    uint64_t refused; ///< answered here, for what they were or for want of room
    uint64_t failed;  ///< answered here: the fleet server did not
    uint64_t shed;    ///< strangers' connections that were closed to make room for the next
} gw_relay_counts;

/// `options` and its texts are copied.
sv_err gw_relay_open(sv_loop *loop, const gw_relay_options *options, gw_relay **out, sv_why *why);
uint16_t gw_relay_port(const gw_relay *relay);
gw_relay_counts gw_relay_count(const gw_relay *relay);
/// The files anew. On failure the certificates of before stay.
sv_err gw_relay_reload(gw_relay *relay, const sv_tls_files *files, sv_why *why);
/// Something was decided about `id`: its connections are asked about again, and those that may not
/// stay are closed. How many.
size_t gw_relay_review(gw_relay *relay, sv_text id);
void gw_relay_drop(gw_relay **relay);

/// The path and query to ask the fleet server for. SV_ERR_INVALID for a path that others might read
/// as another one ("..", "%2e%2e", "//", "%2f", control characters), SV_ERR_NOT_FOUND for one that
/// is not passed on, SV_ERR_NO_SPACE for one that is too long. Pure. [relay-3]
sv_err gw_relay_target(sv_text raw_path, sv_text raw_query, sv_textbuf *out, sv_why *why);

#endif
