// Tokens that DDI clients show instead of a certificate, a device's (target_token.h) and a site's
// (gateway_token.h): how they are kept. One for each owner, of 256 random bits, of which the
// SHA-256 is kept.
#ifndef SV_FLEET_DDI_TOKEN_H
#define SV_FLEET_DDI_TOKEN_H

#include "fleet.h"
#include "people.h"

/// Of devices, or of sites.
typedef struct sv_ddi_token_kind {
    const char *name;  ///< "target token"
    const char *owner; ///< "device"
    const char *store; ///< SQL: of ?1, with the hash ?2, by ?3, at ?4
    const char *drop;  ///< SQL: of ?1
    const char *find;  ///< SQL: the owner of the hash ?1, and since when
    const char *make_deed, *remove_deed;
} sv_ddi_token_kind;

/// A new one; the one before is good for nothing any more. In the caller's transaction.
sv_err sv_ddi_token_store(const sv_fleet *fleet, const sv_ddi_token_kind *kind, const char *owner,
                          const char *user, char token[SV_SECRET_ROOM], sv_why *why);
/// SV_ERR_NOT_FOUND when it has none.
sv_err sv_ddi_token_drop(const sv_fleet *fleet, const sv_ddi_token_kind *kind, const char *owner,
                         sv_why *why);
/// Whose it is, and since when. SV_ERR_UNTRUSTED: nobody's.
sv_err sv_ddi_token_find(const sv_fleet *fleet, const sv_ddi_token_kind *kind, sv_text token,
                         char owner[SV_ID_ROOM], int64_t *since_us, sv_why *why);

#endif
