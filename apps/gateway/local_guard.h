// What a browser's request to the local page must look like, so that no other site's page can
// reach it: not by a name that points at this machine (DNS rebinding), and not by having the
// browser send a form. Pure: it judges header values. [page-1] [page-2]
#ifndef SELVEDGE_GATEWAY_LOCAL_GUARD_H
#define SELVEDGE_GATEWAY_LOCAL_GUARD_H

#include <stdbool.h>

/// `Host` names this machine and nothing else: 127.0.0.1, localhost or [::1], with a port or
/// without. NULL: none was sent, which no browser does.
bool gw_host_is_loopback(const char *host);
/// `Origin` (NULL: none was sent) is the page that `host` serves.
bool gw_origin_is_same(const char *origin, const char *host);

#endif
