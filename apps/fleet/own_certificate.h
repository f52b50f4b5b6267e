// The fleet server's own certificates, those of its two doors: renewed through selvedge-signer at
// two thirds of their lifetime, with the DNS names and addresses that they have, and taken up
// without a restart. What fails is tried again. [renewal-21]
#ifndef SV_FLEET_OWN_CERTIFICATE_H
#define SV_FLEET_OWN_CERTIFICATE_H

#include "fleet.h"
#include "signer.h"

#include <sys/loop.h>

#define SV_OWN_LOOK_MIN_US INT64_C(250000)
#define SV_OWN_LOOK_MAX_US SV_TIME_MINUTE_US
#define SV_OWN_RETRY_MIN_US SV_TIME_SECOND_US ///< a fiftieth of the lifetime, in these bounds
#define SV_OWN_RETRY_MAX_US SV_TIME_HOUR_US

typedef struct sv_own_certificates sv_own_certificates;

/// How something is signed: sv_signer_issue, or what a test puts there.
typedef sv_err sv_own_sign(struct sv_signer *signer, const sv_issue *issue, sv_signer_done *done,
                           void *arg, sv_why *why);

/// `changed` is called when files hold a new certificate. NULL, and nothing is done, without
/// `signer:` in the configuration.
sv_own_certificates *sv_own_certificates_open(sv_fleet *fleet, sv_own_sign *sign,
                                              sv_loop_fn *changed, void *arg);
/// What the timer does: renew what is due.
void sv_own_certificates_look(sv_own_certificates *all);
/// Before the signer goes.
void sv_own_certificates_drop(sv_own_certificates **certificates);

#endif
