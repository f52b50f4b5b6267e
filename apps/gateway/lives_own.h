// A machine's lives (lives.h) as their own files see them.
#ifndef SELVEDGE_GATEWAY_LIVES_OWN_H
#define SELVEDGE_GATEWAY_LIVES_OWN_H

#include "gateway.h"

typedef struct one_life {
    sv_mlife *life;   ///< NULL: its model does not ask about this machine, or it was not heard yet
    int64_t reading;  ///< the last one that the copy in the store has learnt from
    int64_t kept_us;  ///< monotonic, of the copy
    int64_t said_day; ///< what was said of it is recorded for this day
    bool fresh;       ///< rows since the copy
} one_life;

/// What the fleet server was told last, by models of one task.
typedef struct told_life {
    bool any;
    bool alarmed;
    double moved;   ///< what is left in horizons, or the risk
    unsigned fault; ///< the class
    int64_t us;     ///< monotonic; 0: not since the fleet server is there
} told_life;

struct gw_lives {
    char device[SV_ID_ROOM];
    one_life of[GW_MODELS_MAX];
    told_life told[SV_MODEL__COUNT];
};

/// NULL: nothing was heard of it.
gw_lives *gw_lives_known(const gw *g, const char *device);
/// The sentence of its alert.
void gw_life_add_message(sv_textbuf *out, const sv_mlife *life);

#endif
