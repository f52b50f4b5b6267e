// Between who counts (standing.c) and how that is heard of (standing_follow.c).
#ifndef SELVEDGE_GATEWAY_STANDING_OWN_H
#define SELVEDGE_GATEWAY_STANDING_OWN_H

#include "standing.h"

/// Once a second: what is to be fetched, told or raised. `arg` is the gateway.
void gw_standing_turn(void *arg);
/// What was not to be believed is over, if it is.
void gw_standing_calm(struct gw *g, int64_t now_us);

#endif
