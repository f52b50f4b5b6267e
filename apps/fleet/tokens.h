// API tokens: for programs, with an owner, a role and sites that are never more than the owner's,
// scopes, and an end.
#ifndef SV_FLEET_TOKENS_H
#define SV_FLEET_TOKENS_H

#include "people.h"

/// Who comes with it: its own role and sites, as far as the owner has them still. SV_ERR_UNTRUSTED
/// when it is unknown, has ended, or its owner is disabled or gone. `from` is written down.
sv_err sv_people_token(sv_db *db, sv_text token, const char *from, int64_t now_us, sv_person *out,
                       sv_why *why);

#endif
