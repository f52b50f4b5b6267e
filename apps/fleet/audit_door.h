// The event log as operators see it: `GET /api/v1/audit`, and as it is taken away to be verified
// elsewhere: `GET /api/v1/audit/export` (docs/spec/audit.md).
#ifndef SV_FLEET_AUDIT_DOOR_H
#define SV_FLEET_AUDIT_DOOR_H

#include "visit.h"

#include <store/audit.h>

enum {
    SV_AUDIT_LIMIT_DEFAULT = 50,
    SV_AUDIT_LIMIT_MAX = 500,
    SV_AUDIT_LOOK_MAX = 50000,            ///< lines that are looked at for one page of a list
    SV_AUDIT_EXPORT_LINES = 1000,         ///< in one page of an export
    SV_AUDIT_EXPORT_MAX = 8 * 1024 * 1024 ///< bytes of it
};

typedef struct sv_audit_query {
    sv_audit_filter filter;
    const char *cursor;
    size_t limit;
    int64_t look_max;  ///< lines; 0: SV_AUDIT_LOOK_MAX
    const char *sites; ///< about devices of these alone (sv_person.sites); NULL: about anything
} sv_audit_query;

/// {"items","next"}, the newest first; a page may be empty and have a next one. SV_ERR_INVALID for
/// a cursor that is none of ours. [audit-4]
sv_err sv_audit_list(sv_db *db, const sv_audit_query *query, sv_json_out *out, sv_why *why);
/// One page of an export: what stands behind line `after`. [audit-12] [audit-16]
sv_err sv_audit_export_page(sv_db *db, const char *server, const sv_audit_filter *filter,
                            int64_t after, sv_textbuf *out, sv_why *why);

void sv_audit_door(sv_visit *v);
void sv_audit_export_door(sv_visit *v);

#endif
