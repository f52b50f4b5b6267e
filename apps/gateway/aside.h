// What quarantined devices measure: kept for people to look at, in no stream, rule, series or
// spool. Bounded per device and in all, the oldest go and are counted; acknowledged like anything
// else, so that the device forgets it.
#ifndef SELVEDGE_GATEWAY_ASIDE_H
#define SELVEDGE_GATEWAY_ASIDE_H

#include <base/map.h>
#include <codec/json.h>
#include <net/http_server.h>

enum {
    GW_ASIDE_ROWS_MAX = 1000,        ///< of one device
    GW_ASIDE_BYTES_MAX = 256 * 1024, ///< of one device: topic and payload
    GW_ASIDE_DEVICES_MAX = 1000,     ///< that anything is kept of
    GW_ASIDE_ALL_BYTES_MAX = 32 * 1024 * 1024,
    GW_ASIDE_PAYLOAD_MAX = 4096, ///< of one message; a larger one is counted alone
    GW_ASIDE_SHOWN = 100,        ///< messages of one answer, unless asked for more
};

typedef struct gw_aside_of {
    char device[SV_ID_ROOM];
    int64_t rows, bytes;
    int64_t dropped;                   ///< oldest that had to go, and what was too large
    uint16_t sizes[GW_ASIDE_ROWS_MAX]; ///< bytes of each, a ring
    size_t first;                      ///< of the oldest
} gw_aside_of;

typedef struct gw_aside {
    sv_map *of; ///< device -> gw_aside_of
    int64_t rows, bytes, dropped;
} gw_aside;

struct gw;

void gw_aside_open(struct gw *g, const uint8_t key[16]);
sv_err gw_aside_restore(struct gw *g, sv_why *why);
void gw_aside_close(struct gw *g);
/// A message on sensors/<device>/<sensor>.
void gw_aside_take(struct gw *g, sv_text topic, sv_text payload);
/// Nothing is kept of this device any more.
void gw_aside_forget(struct gw *g, const char *device);

/// `GET /v1/set-aside`: how much there is of whom; with `device` its messages, the newest first.
void gw_aside_show(struct gw *g, sv_http_request *request);

#endif
