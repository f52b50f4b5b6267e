// A candidate tried on what this gateway has stored, before anybody saves it (docs/spec/ask.md):
// the fleet server asks, the candidate is fetched, and a thread of its own runs it over the last
// days, beside the rules in force. The store is read through a connection of its own, a stretch at
// a time, so that neither readings nor packing wait. One at a time; what is not ready in time is
// given up.
#ifndef SELVEDGE_GATEWAY_TRY_H
#define SELVEDGE_GATEWAY_TRY_H

#include <base/time.h>
#include <sys/worker.h>

enum {
    GW_TRY_DAYS_MAX = 31,
    GW_TRY_STREAMS_MAX = 10000, ///< tried at once: some 30 MB
    GW_TRY_ALERTS_MAX = 100,    ///< listed in the answer; all are counted
    GW_TRY_NICE = 10,           ///< the thread gives way to the gateway's own by so much
};

#define GW_TRY_WITHIN_US (120 * SV_TIME_SECOND_US) ///< whatever the question says
#define GW_TRY_SPARE_US (2 * SV_TIME_SECOND_US)    ///< of its time is left for the answer's way
#define GW_TRY_AHEAD_US SV_TIME_HOUR_US ///< readings of clocks that are ahead by so much are tried

struct gw;
struct gw_asking;

typedef struct gw_tries {
    sv_worker *worker;      ///< NULL: none was asked for yet
    struct gw_trial *trial; ///< NULL: none is under way
} gw_tries;

/// The question `backtest`, {"days"}. False: it breaks its format.
bool gw_try_take(struct gw *g, const struct gw_asking *asking);
/// What is under way is given up.
void gw_try_close(struct gw *g);

#endif
