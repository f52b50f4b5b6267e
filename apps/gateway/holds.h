// Whom this gateway has quarantined by itself, because it saw one key at two places, until the
// fleet server or somebody at the site has decided. The fleet server is told; what it says then
// counts.
#ifndef SELVEDGE_GATEWAY_HOLDS_H
#define SELVEDGE_GATEWAY_HOLDS_H

#include <base/err.h>

struct gw;

sv_err gw_holds_restore(struct gw *g, sv_why *why);
void gw_holds_close(struct gw *g);
/// It has been decided elsewhere.
void gw_hold_forget(struct gw *g, const char *id);
/// Tells the fleet server of one that it does not know of, when it can be asked.
void gw_hold_report(struct gw *g);

#endif
