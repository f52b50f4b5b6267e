// What is known of devices, as queries ask it (fleet/query.h): the registry, what each said it
// runs, its groups and its tags. Groups and tags are kept in the database, and in memory as well.
#ifndef SV_FLEET_INVENTORY_H
#define SV_FLEET_INVENTORY_H

#include "running.h"

#include <fleet/group.h>
#include <fleet/query.h>

enum {
    SV_TAGS_OF_DEVICE_MAX = 32,
    SV_GROUP_SENT_MAX = 50000, ///< devices of a list in one request
    SV_GROUP_SHOWN_MAX = 1000, ///< and in one answer
    SV_QUERY_SAMPLE_MAX = 20,
};

typedef struct sv_inventory {
    sv_groups *groups;
    sv_groups *tags; ///< each a list
} sv_inventory;

sv_err sv_inventory_open(sv_db *db, sv_inventory **out, sv_why *why);
void sv_inventory_drop(sv_inventory **inventory);

/// A device, as it is asked. Texts are borrowed until the next one.
typedef struct sv_inventory_device {
    sv_device *device;
    sv_running running; ///< all of it empty: it has never said
    sv_query_device asked;
} sv_inventory_device;

/// `out` holds pointers into itself: it is not to be copied.
sv_err sv_inventory_of(sv_fleet *fleet, sv_device *device, sv_inventory_device *out, sv_why *why);

/// Devices in order of id that come after `after` ("" begins), at most `limit`, until `each` fails.
/// `last` gets the id of the last one, "" when none comes after it.
typedef sv_err sv_inventory_fn(void *arg, const sv_inventory_device *device, sv_why *why);
sv_err sv_inventory_each(sv_fleet *fleet, const char *after, size_t limit, sv_inventory_fn *each,
                         void *arg, char last[SV_ID_ROOM], sv_why *why);

/// Parse, and see that each group it names is there.
sv_err sv_inventory_read(sv_fleet *fleet, sv_text text, sv_query *out, sv_why *why);

// ---- groups and tags, as people say them --------------------------------------------------------

/// In the caller's transaction; what settles them (below) comes after its end. `ids`:
/// an array of device ids.
sv_err sv_group_store_list(sv_fleet *fleet, sv_text name, const sv_json *ids, const char *user,
                           sv_why *why);
sv_err sv_group_store_query(sv_fleet *fleet, sv_text name, const sv_query *query, const char *user,
                            sv_why *why);
sv_err sv_group_remove(sv_fleet *fleet, sv_text name, sv_why *why);
/// Instead of the tags it had.
sv_err sv_tags_store(sv_fleet *fleet, const sv_device *device, const sv_json *tags, sv_why *why);
/// What is in memory is as in the database again, of what has changed alone: a group, or the tags
/// of a device. [campaign-54]
sv_err sv_inventory_settle_group(sv_fleet *fleet, sv_text name, sv_why *why);
sv_err sv_inventory_settle_tags(sv_fleet *fleet, const sv_device *device, sv_why *why);

/// {"name","query":"…"|null,"devices":[…]|null,"count":N,"at","by"}; `devices` of a list, the first
/// 1000 of them. Whom a query means is counted by the caller.
sv_err sv_group_write(sv_fleet *fleet, sv_text name, int64_t fitting, sv_json_out *out,
                      sv_why *why);
sv_err sv_group_list(sv_fleet *fleet, sv_json_out *out, sv_why *why);
sv_err sv_tags_write(sv_fleet *fleet, const sv_device *device, sv_json_out *out, sv_why *why);

#endif
