// The event log as operators see it: `GET /api/v1/audit` (docs/spec/audit.md).
#ifndef SV_FLEET_AUDIT_DOOR_H
#define SV_FLEET_AUDIT_DOOR_H

#include "visit.h"

enum { SV_AUDIT_LIMIT_DEFAULT = 50, SV_AUDIT_LIMIT_MAX = 500 };

typedef struct sv_audit_query {
    const char *what;  ///< "" any; "enrolment" is every "enrolment.…"
    const char *about; ///< "" any
    const char *cursor;
    size_t limit;
} sv_audit_query;

/// {"items","next"}, the newest first. SV_ERR_INVALID for a cursor that is none of ours. [audit-4]
sv_err sv_audit_list(sv_db *db, const sv_audit_query *query, sv_json_out *out, sv_why *why);

void sv_audit_door(sv_visit *v);

#endif
