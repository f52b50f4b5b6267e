// GET /api/v1/devices: filter, sort and page through the registry.
#ifndef SV_FLEET_DEVICE_LIST_H
#define SV_FLEET_DEVICE_LIST_H

#include "fleet.h"

#include <codec/json.h>

enum { SV_DEVICE_LIMIT_DEFAULT = 50, SV_DEVICE_LIMIT_MAX = 500, SV_DEVICE_CURSOR_MAX = 96 };

typedef enum sv_device_sort {
    SV_DEVICES_BY_ID,
    SV_DEVICES_BY_LAST_SEEN, ///< newest first
    SV_DEVICES_BY_URGENCY,   ///< what needs somebody first
} sv_device_sort;

enum { SV_DEVICES_STANDING = -1, SV_DEVICES_OF_ALL_TIMES = -2 };

typedef struct sv_device_query {
    const char *text; ///< in id, site, type or version, without case; empty: any; so for the others
    const char *site;
    int online;   ///< -1: any
    int health;   ///< -1: any, else sv_fleet_health
    int standing; ///< a sv_standing_state; SV_DEVICES_STANDING: all but retired ones
    sv_device_sort sort;
    size_t limit;
    const char *cursor; ///< empty: from the start
    const char *sites;  ///< of these alone (sv_person.sites); NULL: of all
} sv_device_query;

/// {"items","next","total"}. SV_ERR_INVALID for a cursor that is none of ours.
sv_err sv_device_list(sv_fleet *fleet, const sv_device_query *query, sv_json_out *out, sv_why *why);

#endif
