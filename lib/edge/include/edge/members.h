// Who belongs to the groups that the fleet server keeps (docs/spec/members.md), as rules ask it of
// the devices of one site. The fleet server knows what it has told with this code, a gateway what
// it was told. Pure.
#ifndef SV_EDGE_MEMBERS_H
#define SV_EDGE_MEMBERS_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>

enum {
    SV_MEMBERS_GROUPS_MAX = 64,      ///< of a site, as many as a file of rules may have
    SV_MEMBERS_DEVICES_MAX = 100000, ///< of a site, in one of them at least
};

/// A group that rules of the site name.
typedef struct sv_member_group {
    char name[SV_ID_ROOM];
    bool known;   ///< the fleet server has it; else nobody is in it
    size_t count; ///< devices of the site
} sv_member_group;

typedef struct sv_members sv_members;

/// No groups and nobody in them. `key`: 16 random bytes, or NULL where no stranger chooses ids.
sv_members *sv_members_new(const uint8_t key[16]);
sv_members *sv_members_copy(const sv_members *members);
/// One more owner, who drops them as well; all owners are of one thread. Shared ones are only read.
sv_members *sv_members_share(sv_members *members);
void sv_members_drop(sv_members **members);

/// These groups there are from now on, with the members they had: those of others, and of what is
/// not known, go. `count` of a group is not looked at. SV_ERR_INVALID: a bad name, one that comes
/// twice, too many; nothing is changed then.
sv_err sv_members_groups(sv_members *members, const sv_member_group *groups, size_t count,
                         sv_why *why);
/// The device is in these groups and no other; in none, it is forgotten. SV_ERR_INVALID: a bad id,
/// or a group that there is not or is not known; SV_ERR_NO_SPACE: too many devices.
sv_err sv_members_put(sv_members *members, sv_text device, const sv_text *groups, size_t count,
                      sv_why *why);

size_t sv_members_group_count(const sv_members *members);
const sv_member_group *sv_members_group_at(const sv_members *members, size_t index);
/// NULL: there is no such group here.
const sv_member_group *sv_members_find(const sv_members *members, sv_text name);
bool sv_members_have(const sv_members *members, sv_text device, sv_text group);
/// In the same groups in both?
bool sv_members_agree(const sv_members *left, const sv_members *right, sv_text device);

/// Devices that are in a group, in no order; stable while nothing is put.
size_t sv_members_device_count(const sv_members *members);
sv_text sv_members_device_at(const sv_members *members, size_t index);
/// Names of the groups that the device is in.
size_t sv_members_of(const sv_members *members, sv_text device, sv_text out[SV_MEMBERS_GROUPS_MAX]);

/// A number for all of it: two who were told the same in whatever order have the same. It finds
/// what was lost, and is no proof against somebody who means harm. [members-2]
uint64_t sv_members_sum(const sv_members *members);

#endif
