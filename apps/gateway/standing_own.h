// Between who counts (standing.c) and how that is heard of (standing_follow.c).
#ifndef SELVEDGE_GATEWAY_STANDING_OWN_H
#define SELVEDGE_GATEWAY_STANDING_OWN_H

#include "standing.h"

/// Once a second: what is to be fetched, told or raised. `arg` is the gateway.
void gw_standing_turn(void *arg);
/// What was not to be believed is over, if it is.
void gw_standing_calm(struct gw *g, int64_t now_us);

/// Kept for a fleet server that has lost them: a line that was taken, and what is signed.
/// [standing-13]
void gw_standing_keep_line(struct gw *g, const sv_standing_change *change);
void gw_standing_keep_signed(struct gw *g, const sv_standing_head *head);
/// The fleet server's answer to how far this gateway has come: what it asks for is sent.
void gw_standing_return(struct gw *g, sv_text answer);

#endif
