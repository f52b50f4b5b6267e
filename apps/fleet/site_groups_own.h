// How it is kept; private to site_groups*.c.
#ifndef SV_FLEET_SITE_GROUPS_OWN_H
#define SV_FLEET_SITE_GROUPS_OWN_H

#include "site_groups.h"

/// Of a site; `told` is what its rows say.
typedef struct site_told {
    const sv_site *site;
    sv_members *told;
    int64_t revision;
    bool queries;   ///< a group is a query: devices are asked with all that is known of them
    bool news;      ///< its gateways have not heard of `revision`
    bool unsettled; ///< its groups are others, and not all devices were looked at since
    bool changed;   ///< open pages are to be told
    char after[SV_ID_ROOM]; ///< while unsettled: the device that was looked at last
} site_told;

struct sv_site_groups {
    site_told *sites; ///< of the registry, in its order
    size_t count;
    sv_timer *timer;        ///< of the slices
    char after[SV_ID_ROOM]; ///< the device that was looked at last
    bool sweeping, again;
    size_t looked, asked; ///< in this second
    size_t devices;       ///< that there were when the last sweep began
    uint64_t forgotten;   ///< so; UINT64_MAX: before the first
    size_t left_out;      ///< of this sweep: there was no room for them
    int64_t next_us;
};

site_told *site_told_of(const sv_site_groups *groups, const sv_site *site);
/// Nothing of what was begun is in the database: what is there counts, and all is done again.
void site_groups_anew(sv_fleet *fleet, const sv_why *failure);
/// Ends the transaction that `err` happened in.
void site_groups_end(sv_fleet *fleet, sv_err err, sv_why *why);

/// In the caller's transaction, as all that follow. The groups that the site's rules name, and
/// whether there are such; who is in others than before is then looked for.
sv_err site_groups_name(sv_fleet *fleet, site_told *s, sv_why *why);
/// In which of them the device is.
sv_err site_groups_judge(sv_fleet *fleet, site_told *s, sv_device *device, sv_why *why);
/// The device is in none any more.
sv_err site_groups_leave(sv_fleet *fleet, site_told *s, sv_text device, sv_why *why);
/// `groups` {"revision"}, to the site's gateways, if there is something new and it is settled.
sv_err site_groups_announce(sv_fleet *fleet, site_told *s, sv_why *why);

/// All that the rows say.
sv_err site_groups_load(sv_fleet *fleet, sv_site_groups *out, sv_why *why);
/// The groups of the site as they are in memory; while it is unsettled, its number alone.
sv_err site_groups_keep_names(sv_fleet *fleet, const site_told *s, sv_why *why);
/// Which groups the device is in.
sv_err site_groups_keep_device(sv_fleet *fleet, const site_told *s, sv_text device, sv_why *why);
/// Which groups the rules in force name: the newest version's first, then those of versions that
/// its gateways say they go by.
sv_err site_groups_wanted(sv_fleet *fleet, const sv_site *site,
                          sv_member_group out[SV_MEMBERS_GROUPS_MAX], size_t *count, sv_why *why);
/// Who left long ago is told no more: some of them.
sv_err site_groups_prune(sv_fleet *fleet, sv_why *why);

#endif
