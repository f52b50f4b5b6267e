// When the fleet server is asked again for what it did not answer: each kind of thing has its own
// pause, so that one that fails holds up no other, and all end as soon as the server is heard.
#ifndef SELVEDGE_GATEWAY_PAUSE_H
#define SELVEDGE_GATEWAY_PAUSE_H

#include <base/err.h>
#include <net/http_client.h>

#include <stdbool.h>
#include <stdint.h>

enum { GW_PAUSE_LOOK_US = 1000000 }; ///< how often whoever wants something looks whether to ask

struct gw;

typedef struct gw_pause {
    int64_t length; ///< looks until the next try
    int64_t looks;  ///< since the last one
} gw_pause;

/// One look. True: it is time to ask.
bool gw_pause_is_over(gw_pause *pause);
/// The next look asks.
void gw_pause_end(gw_pause *pause);
/// It was asked in vain: again after 2, 4, 8, … seconds, `fleet.retry` at the most. Logs it as
/// `event` with the status and `why`, which may be NULL.
void gw_pause_longer(const struct gw *g, gw_pause *pause, const char *event,
                     const sv_http_reply_view *reply, const sv_why *why);

/// The fleet server was away and has answered to somebody: nobody waits for it any longer.
void gw_fleet_is_back(struct gw *g);

#endif
