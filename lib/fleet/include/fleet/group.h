// Groups of devices by name: a list of ids, or a query, which may ask for other groups. Kept in
// memory; whoever keeps them on disk says here what there is. Pure.
#ifndef SV_FLEET_GROUP_H
#define SV_FLEET_GROUP_H

#include <fleet/query.h>

enum {
    SV_GROUPS_MAX = 1000,
    SV_GROUP_DEVICES_MAX = 1000000, ///< of one list
    SV_GROUP_DEPTH_MAX = 8,         ///< groups that ask for groups
    SV_GROUP_STEPS_MAX = 1000,      ///< that a query takes, with those of the groups it asks for
};

typedef struct sv_groups sv_groups;

sv_groups *sv_groups_new(void);
void sv_groups_drop(sv_groups **groups);

/// Instead of what was there before. SV_ERR_INVALID when the query asks for a group that there is
/// not, for itself in the end, too deep, or for too many steps, or when a group that asks for it
/// would; SV_ERR_STATE: there are too many groups. [campaign-6]
sv_err sv_groups_put_query(sv_groups *groups, sv_text name, const sv_query *query, sv_why *why);
/// Would it be taken?
sv_err sv_groups_check_query(const sv_groups *groups, sv_text name, const sv_query *query,
                             sv_why *why);
/// An empty list, and its devices.
sv_err sv_groups_put_list(sv_groups *groups, sv_text name, sv_why *why);
sv_err sv_groups_add(sv_groups *groups, sv_text name, sv_text device, sv_why *why);
/// The device is in no list any more; lists that nobody is left in go.
void sv_groups_leave(sv_groups *groups, sv_text device);
/// SV_ERR_NOT_FOUND; SV_ERR_STATE while another one asks for it.
sv_err sv_groups_remove(sv_groups *groups, sv_text name, sv_why *why);
sv_err sv_groups_may_remove(const sv_groups *groups, sv_text name, sv_why *why);

size_t sv_groups_count(const sv_groups *groups);
bool sv_groups_know(const sv_groups *groups, sv_text name);
/// NULL: it is a list.
const sv_query *sv_groups_query(const sv_groups *groups, sv_text name);
/// A query names no group that there is not, and takes no more steps than may be.
sv_err sv_groups_check_names(const sv_groups *groups, const sv_query *query, sv_why *why);

/// Is the device in it? For sv_query_device.has, whose `depth` this counts. [campaign-5]
bool sv_groups_have(const sv_groups *groups, const sv_query_device *device, sv_text name);

#endif
