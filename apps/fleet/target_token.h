// Target tokens (hawkBit's TargetToken): for a device whose DDI client shows no certificate, and
// good for DDI and the files it is to install alone. Off unless the configuration says
// `ddi: {target_tokens: true}`. One a device, shown once, of which the SHA-256 is kept. [ddi-12]
#ifndef SV_FLEET_TARGET_TOKEN_H
#define SV_FLEET_TARGET_TOKEN_H

#include "asker.h"
#include "ddi_token.h"
#include "visit.h"

extern const sv_ddi_token_kind SV_TARGET_TOKENS;

/// Who shows it, as a device that came by itself: SV_ERR_UNTRUSTED when it is nobody's,
/// SV_ERR_STATE when the device may not come any more.
sv_err sv_target_token_judge(const sv_fleet *fleet, sv_text token, sv_asker *out, sv_why *why);

void sv_target_token_door_make(sv_visit *v);
void sv_target_token_door_remove(sv_visit *v);

#endif
