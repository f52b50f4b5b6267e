// Who has acknowledged which open alert: somebody at the fleet server (push.c) or somebody at the
// gateway's own page, also while there is no link. What is acknowledged here is recorded, told to
// local subscribers and, if the alert may leave the site, to the fleet server, in one group; who
// asked is answered when that is on disk. Of several acknowledgements of one alert the earliest
// counts, and local subscribers hear of it once. [alert-5]
#ifndef SELVEDGE_GATEWAY_SEEN_H
#define SELVEDGE_GATEWAY_SEEN_H

#include <codec/json.h>
#include <model/alert.h>
#include <net/http_server.h>

struct gw;

enum {
    GW_SEEN_WAITING_MAX = 64, ///< who asked and is not answered yet
    GW_SEEN_SHOWN = 200,      ///< open alerts in one answer
};

typedef struct gw_seen_by {
    char who[SV_ID_ROOM];
    int64_t at_us; ///< by the wall clock of who took it
    bool here;     ///< at the gateway; else at the fleet server
} gw_seen_by;

/// Recorded, and not on disk yet.
typedef struct gw_seen_fresh {
    char alert[SV_ALERT_ID_MAX + 1];
    gw_seen_by by;
    uint64_t group;
    sv_http_request *request; ///< to be answered then; NULL: nobody waits
} gw_seen_fresh;

typedef struct gw_seen {
    gw_seen_fresh fresh[GW_SEEN_WAITING_MAX];
    size_t count;
} gw_seen;

/// `POST /v1/alerts/<id>/acknowledge` `{"by":"<name>"}`.
/// A name for people, out of `{"by":"<name>"}`: no control characters, no longer than an id.
bool gw_seen_read_name(sv_text body, char who[SV_ID_ROOM]);
void gw_seen_acknowledge(struct gw *g, sv_http_request *request, sv_text id);
/// Answer who waits for a group that is on disk.
void gw_seen_turn(struct gw *g);
/// Nobody is left waiting.
void gw_seen_close(struct gw *g);
/// Within the group: the alert is cleared.
void gw_seen_forget(struct gw *g, const char *alert);

/// `GET /v1/alerts`: those that are open, what nobody has acknowledged first.
void gw_seen_list(struct gw *g, sv_http_request *request);

#endif
