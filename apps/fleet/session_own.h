// What the files of the session's door share among themselves.
#ifndef SV_FLEET_SESSION_OWN_H
#define SV_FLEET_SESSION_OWN_H

#include "session_door.h"

/// 204, or why not.
void session_answer_done(const sv_visit *v, sv_err err, const sv_why *why);

/// False when this address or this user has failed too often; the request is answered then.
bool session_may_try(const sv_visit *v, sv_text user);
/// An attempt counts as failed until it has not, so that many at once are no more than many.
void session_count_failure(const sv_visit *v, sv_text user);
void session_forgive(const sv_visit *v, sv_text user);

#endif
