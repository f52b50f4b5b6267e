// GET /api/v1/devices: filter, sort and page through the registry.
#ifndef SV_FLEET_DEVICE_LIST_H
#define SV_FLEET_DEVICE_LIST_H

#include "fleet.h"

#include <codec/json.h>
#include <fleet/query.h>

enum { SV_DEVICE_LIMIT_DEFAULT = 50, SV_DEVICE_LIMIT_MAX = 500, SV_DEVICE_CURSOR_MAX = 96 };

typedef enum sv_device_sort {
    SV_DEVICES_BY_ID,
    SV_DEVICES_BY_LAST_SEEN, ///< newest first
    SV_DEVICES_BY_URGENCY,   ///< what needs somebody first
    SV_DEVICES_BY_MACHINE,   ///< the machine in the worst health first, those without one last
} sv_device_sort;

enum { SV_DEVICES_STANDING = -1, SV_DEVICES_OF_ALL_TIMES = -2 };

typedef struct sv_device_query {
    const char *text; ///< in id, site, type or version, without case; empty: any; so for the others
    const char *site;
    const char *version;   ///< that it runs, exactly
    const sv_query *query; ///< that it fits; NULL: any
    int online;            ///< -1: any
    int health;            ///< -1: any, else sv_fleet_health
    int standing;          ///< a sv_standing_state; SV_DEVICES_STANDING: all but retired ones
    sv_device_sort sort;
    size_t limit;
    const char *cursor; ///< empty: from the start
    const char *sites;  ///< of these alone (sv_person.sites); NULL: of all
} sv_device_query;

/// One page while it is looked for: the devices that it shows, of all that were looked at.
typedef struct sv_device_listing sv_device_listing;
/// `query` is borrowed. SV_ERR_INVALID for a cursor that is none of ours.
sv_err sv_device_listing_new(sv_fleet *fleet, const sv_device_query *query, sv_device_listing **out,
                             sv_why *why);
/// In any order, each once; those that fit query->query.
void sv_device_listing_look(sv_device_listing *listing, const sv_device *device);
/// {"items","next","total"}.
void sv_device_listing_write(const sv_device_listing *listing, sv_json_out *out);
void sv_device_listing_drop(sv_device_listing **listing);

#endif
