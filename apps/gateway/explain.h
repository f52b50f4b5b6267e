// What a configuration means for each device, for people: `selvedge gateway check`.
#ifndef SELVEDGE_GATEWAY_EXPLAIN_H
#define SELVEDGE_GATEWAY_EXPLAIN_H

#include "config.h"

enum { GW_EXPLAIN_DEVICES_MAX = 50 }; ///< named without being asked for

/// One device (NULL: those that the file names, and any other) and one sensor of it (NULL: those
/// that the file speaks of, and any other).
void gw_explain(const gw_config *config, const char *device, const char *sensor, sv_textbuf *out);

#endif
