// Who a request at the device door is from: the peer itself, or the device that a gateway passes it
// on for (RFC 9440 Client-Cert). The gateway's word is not enough: the certificate is judged here
// as if the device had come itself, and the device must belong to that gateway's site.
// [relay-1] [relay-5]
#ifndef SV_FLEET_ASKER_H
#define SV_FLEET_ASKER_H

#include "fleet.h"

#include <net/tls.h>

typedef struct sv_asker {
    sv_identity who;     ///< role device, or gateway when it asks for itself
    sv_gateway *gateway; ///< the peer; NULL: the device came itself
    const sv_site *site; ///< of who it is; NULL: a device nobody has named yet
} sv_asker;

/// What is known of a request before anything is believed.
typedef struct sv_asker_claim {
    const sv_identity *peer; ///< NULL: the peer has shown no certificate
    const char *client_cert; ///< the header, or NULL
    size_t client_certs;     ///< how often it was there
} sv_asker_claim;

/// `door` is what peers of this door are judged by. SV_ERR_INVALID: the header cannot be read;
/// SV_ERR_UNTRUSTED, with the sentence: not to be served. SV_ERR_STATE: not yet, because no gateway
/// has named the device.
sv_err sv_asker_judge(const sv_fleet *fleet, const sv_tls *door, const sv_asker_claim *claim,
                      sv_asker *out, sv_why *why);

#endif
