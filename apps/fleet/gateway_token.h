// Gateway tokens (hawkBit's GatewayToken): one for all devices of a site whose DDI clients have
// nothing of their own to show. Who has it can pose as any of them, so it is good for little: for
// DDI and the files they are to install, at the fleet server's own door; for devices that are known
// at that site, are active, and have neither a certificate nor a target token. Off unless the
// configuration says `ddi: {gateway_tokens: true}`. Shown once, of which the SHA-256 is kept.
// [ddi-21] [ddi-22]
#ifndef SV_FLEET_GATEWAY_TOKEN_H
#define SV_FLEET_GATEWAY_TOKEN_H

#include "asker.h"
#include "visit.h"

/// What was remembered of who is to install what (sv_site.wants), when the server starts.
sv_err sv_gateway_token_load(sv_fleet *fleet, sv_why *why);
/// Who is spoken for at `path`, as a device that came by itself: the one that a DDI path names, or
/// one that is to install what lies below /artifacts/. SV_ERR_UNTRUSTED: it is no site's;
/// SV_ERR_STATE, with the sentence: it is, and not good for this.
sv_err sv_gateway_token_judge(sv_fleet *fleet, sv_text token, sv_text path, sv_asker *out,
                              sv_why *why);

void sv_gateway_token_door_make(sv_visit *v);
void sv_gateway_token_door_remove(sv_visit *v);

#endif
