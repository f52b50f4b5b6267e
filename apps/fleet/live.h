// Live events for browsers: points once a second with what is new, devices and alerts as they
// change, the overview every two seconds. A client that reads too slowly is let go; it comes back
// and reads the present state.
#ifndef SV_FLEET_LIVE_H
#define SV_FLEET_LIVE_H

#include "person.h"
#include "registry.h"

#include <net/http_server.h>
#include <sys/loop.h>

enum {
    SV_LIVE_CLIENTS_MAX = 64,
    SV_LIVE_POINTS_MAX = 16384,         ///< waiting for the next second; what is more is not shown
    SV_LIVE_EVENT_BYTES_MAX = 64 * 1024 ///< of one `points` event; more become several
};
#define SV_LIVE_POINTS_US INT64_C(1000000)
#define SV_LIVE_PING_US INT64_C(15000000)

typedef struct sv_live sv_live;

sv_live *sv_live_new(void);
void sv_live_drop(sv_live **live);

/// Answer `request` with the stream of what `who` sees; 503 when all places are taken.
void sv_live_join(sv_live *live, sv_http_request *request, const sv_person *who);
bool sv_live_is_watched(const sv_live *live);
size_t sv_live_clients(const sv_live *live);

void sv_live_point(sv_live *live, const sv_stream *stream, int64_t at_ms, double value);
/// Send the points gathered since the last call.
void sv_live_flush(sv_live *live);
/// One event about a site to everybody who sees it; NULL: to who sees all of them.
void sv_live_send(sv_live *live, const char *site, const char *name, sv_text data);
/// What clients see (sv_person.sites), each once; borrowed until one comes or goes.
size_t sv_live_views(const sv_live *live, const char *views[SV_LIVE_CLIENTS_MAX]);
/// One event to everybody who sees exactly these sites.
void sv_live_send_view(sv_live *live, const char *view, const char *name, sv_text data);
/// The stream of whom `may` says no to ends.
typedef bool sv_live_may(void *arg, const sv_person *who);
void sv_live_review(sv_live *live, sv_live_may *may, void *arg);
void sv_live_ping(sv_live *live);

#endif
