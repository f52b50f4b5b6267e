// That a device, or all of a site, is being worked on until a time: somebody says so at the fleet
// server, the site's gateways raise nothing meanwhile (docs/spec/maintenance.md). This is how one
// tells the other.
#ifndef SV_MODEL_MAINTENANCE_H
#define SV_MODEL_MAINTENANCE_H

#include <base/time.h>
#include <codec/json.h>
#include <model/id.h>

enum {
    SV_MAINTENANCE_OF_SITE_MAX = 1000, ///< at a time; more is to be said of the site
    SV_MAINTENANCE_WHY_MAX = 200,      ///< bytes
    SV_MAINTENANCE_BYTES_MAX = 1024,   ///< as it is told
};
#define SV_MAINTENANCE_LONGEST_MS (31 * SV_TIME_DAY_US / 1000)

typedef struct sv_maintenance {
    char device[SV_ID_ROOM]; ///< empty: all of the site
    int64_t since_ms;
    int64_t until_ms;    ///< 0: it is over
    char by[SV_ID_ROOM]; ///< who said so
    char why[SV_MAINTENANCE_WHY_MAX + 1];
} sv_maintenance;

/// Is it one line of at most SV_MAINTENANCE_WHY_MAX bytes of UTF-8? Empty is.
sv_err sv_maintenance_check_why(sv_text text, sv_why *why);

/// `{"device":"…"|null,"since":<ms>,"until":<ms>|null,"by":"…","why":"…"}`. [maintenance-2]
void sv_maintenance_format(const sv_maintenance *maintenance, sv_json_out *out);
/// SV_ERR_INVALID for anything else.
sv_err sv_maintenance_parse(const sv_json *told, sv_maintenance *out, sv_why *why);

#endif
