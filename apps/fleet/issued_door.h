// Which certificates there are, as operators see them: `GET /api/v1/certificates`
// (docs/spec/enrol.md).
#ifndef SV_FLEET_ISSUED_DOOR_H
#define SV_FLEET_ISSUED_DOOR_H

#include "issued.h"
#include "visit.h"

enum { SV_ISSUED_LIMIT_DEFAULT = 50, SV_ISSUED_LIMIT_MAX = 500, SV_ISSUED_CURSOR_MAX = 80 };

typedef enum sv_issued_state {
    SV_ISSUED_VALID,
    SV_ISSUED_EXPIRING, ///< the last sixth of its time has begun
    SV_ISSUED_EXPIRED,
    SV_ISSUED_REVOKED,
    SV_ISSUED_REPLACED, ///< a newer one of the same id is there
    SV_ISSUED__COUNT
} sv_issued_state;

typedef struct sv_issued_query {
    int state;        ///< -1: any, else sv_issued_state
    const char *site; ///< "" any; so for the next
    const char *text; ///< in the id or the serial number, without case
    const char *cursor;
    size_t limit;
    const char *sites; ///< of these alone (sv_person.sites); NULL: of all
} sv_issued_query;

/// {"items","next"}, what ends first comes first. [enrol-31]
sv_err sv_issued_list(const sv_fleet *fleet, const sv_issued_query *query, sv_json_out *out,
                      sv_why *why);

void sv_issued_door(sv_visit *v);

#endif
