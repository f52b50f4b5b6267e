// Inside the device door: what asks (relay_ask.c) and what goes up and comes back (relay.c).
#ifndef SELVEDGE_GATEWAY_RELAY_OWN_H
#define SELVEDGE_GATEWAY_RELAY_OWN_H

#include "relay.h"
#include "relay_est.h"
#include "relay_rate.h"

#include <net/http_server.h>
#include <sys/disk.h>
#include <sys/queue.h>

enum {
    GW_RELAY_URL_ROOM = 512,
    GW_RELAY_WHOSE_ROOM = 80,
    GW_RELAY_TARGET_ROOM = GW_RELAY_TARGET_MAX * 3,
    GW_RELAY_FIELD_ROOM = 2 * SV_CERTIFICATE_MAX,
};

/// A request under way or waiting.
typedef struct gw_errand {
    TAILQ_ENTRY(gw_errand) link; ///< while it waits
    sv_http_request *request;    ///< NULL: this place is free
    gw_est est;
    bool newcomer;
    char whose[GW_RELAY_WHOSE_ROOM]; ///< the device's id; of who has none "192.0.2.7"
    int64_t since_us;
} gw_errand;

typedef TAILQ_HEAD(gw_errand_queue, gw_errand) gw_errand_queue;

/// A connection to the fleet server.
typedef struct gw_lane {
    gw_relay *relay;
    sv_http_client *http;
    gw_errand *busy;
} gw_lane;

struct gw_relay {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    char fleet_url[GW_RELAY_URL_ROOM];
    char ca[SV_PATH_MAX]; ///< what `cacerts` is answered from while the fleet server is away
    int64_t deadline_us;
    gw_lane lanes[GW_RELAY_CLIENTS];
    gw_errand errands[GW_RELAY_AT_ONCE];
    gw_errand_queue waiting, newcomers;
    size_t newcomer_lanes; ///< that newcomers' requests are under way on
    gw_rate rate;
    sv_timer *sweep;
    gw_relay_counts counts;
    gw_cache *cache;
    sv_err (*welcome)(void *arg, const sv_identity *who, sv_why *why);
    void *arg;
    bool closing;
};

/// `arg` is the relay: a request has come.
void gw_relay_request(sv_http_request *request, void *arg);
/// As many of those that wait as there are connections for. [relay-6]
void gw_relay_next(gw_relay *relay);
/// "Client-Cert: :<base64 of DER>:"; nothing of who has none. [relay-2] [relay-12]
sv_err gw_relay_certificate(const sv_http_request *request, sv_textbuf *field);
/// Retry-After.
void gw_relay_come_again(sv_http_request *request);

#endif
