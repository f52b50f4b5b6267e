// The gateway's own certificate: renewed at the fleet server before it ends, tried there, and taken
// up by everything that shows it, without a restart (net/renewal.h, docs/spec/renewal.md).
#ifndef SELVEDGE_GATEWAY_OWN_CERTIFICATE_H
#define SELVEDGE_GATEWAY_OWN_CERTIFICATE_H

#include "config.h"

#include <net/http_client.h>
#include <net/renewal.h>

struct gw;

#define GW_TRIAL_US INT64_C(15000000) ///< for the fleet server's answer to the new certificate

typedef struct gw_own_certificate {
    sv_renewal *renewal;   ///< NULL: somebody else renews it
    sv_tls *trial;         ///< with the certificate that is tried; NULL: none is
    sv_http_client *probe; ///< that tries it
} gw_own_certificate;

sv_err gw_own_certificate_open(struct gw *g, sv_why *why);
void gw_own_certificate_close(struct gw *g);

/// Who this gateway is and whom it trusts, by its configuration; the second for the device door.
sv_tls_files gw_tls_files(const gw_config *config);
sv_tls_files gw_door_files(const gw_config *config);
/// The files anew, for every door, for what goes up and for what is passed on. What cannot be read
/// is logged, and that part goes on with the certificates of before. [renewal-20]
void gw_certificates_reload(struct gw *g);

#endif
