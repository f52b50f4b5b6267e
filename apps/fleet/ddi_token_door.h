// Tokens of DDI clients over the operator API, a device's (target_token.h) and a site's
// (gateway_token.h): made and shown once, removed, each with its line in the audit log.
#ifndef SV_FLEET_DDI_TOKEN_DOOR_H
#define SV_FLEET_DDI_TOKEN_DOOR_H

#include "ddi_token.h"
#include "visit.h"

/// Answers with a new one. `taken`: the configuration lets such tokens in.
void sv_ddi_token_make(sv_visit *v, const sv_ddi_token_kind *kind, const char *owner, bool taken);
void sv_ddi_token_remove(sv_visit *v, const sv_ddi_token_kind *kind, const char *owner);

#endif
