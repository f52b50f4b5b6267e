// GET /crl, for whoever judges certificates by a list: the serial numbers, as far as they are
// known, of certificates that count no more. Made by the signer, when somebody asks and something
// has changed since or a third of its life is over. [standing-11]
#ifndef SV_FLEET_CRL_H
#define SV_FLEET_CRL_H

#include <base/err.h>
#include <net/http_server.h>

#include "signer.h"

struct sv_fleet;

enum { SV_CRL_WAITING_MAX = 64 }; ///< requests for one that is being made

typedef struct sv_crl sv_crl;

/// Who makes it: sv_signer_crl, or what a test puts in its place.
typedef sv_err sv_crl_make_fn(sv_signer *signer, const sv_signer_record *records, size_t count,
                              sv_signer_done *done, void *arg, sv_why *why);

sv_crl *sv_crl_new(sv_crl_make_fn *make);
/// Whoever waits is answered before the server ends.
void sv_crl_drop(sv_crl **crl);

/// DER, with an ETag. While the signer is away the last one; 503 when there was none.
void sv_crl_give(struct sv_fleet *fleet, sv_http_request *request);

#endif
