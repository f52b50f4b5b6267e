// What of enrolment over secure transport (EST, RFC 7030) a gateway passes on, and how it says no
// to an EST client: with one sentence of text instead of a problem document.
#ifndef SELVEDGE_GATEWAY_RELAY_EST_H
#define SELVEDGE_GATEWAY_RELAY_EST_H

#include <base/attr.h>
#include <base/text.h>
#include <net/http_server.h>
#include <stdbool.h>

enum { GW_EST_BODY_MAX = 64 * 1024 };

/// What a device hears while the fleet server is away; with the seconds until it comes again.
#define GW_EST_DOWN                                                                                \
    "the gateway cannot reach the fleet server, which alone gives certificates; try again in %d "  \
    "seconds"

typedef enum gw_est {
    GW_EST_NONE, ///< no path of EST
    GW_EST_CACERTS,
    GW_EST_CSRATTRS,
    GW_EST_ENROL,
    GW_EST_RENEW,
    GW_EST__COUNT
} gw_est;

/// By the decoded path.
gw_est gw_est_of(sv_text path);
/// "simpleenroll"; "" for none.
const char *gw_est_name(gw_est est);

/// Answers with the authorities of a PEM file, which are those of the fleet server; false, without
/// an answer, when the file cannot be read.
bool gw_est_give_cacerts(sv_http_request *request, const char *ca_file);

/// Answers no. `fmt` makes the sentence, which may hold what a stranger sent.
SV_PRINTF(5, 6)
void gw_est_refuse(sv_http_request *request, gw_est est, int status, const char *title,
                   const char *fmt, ...);

#endif
