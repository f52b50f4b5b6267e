// Who of a site is in the groups that its rules name (docs/spec/members.md): worked out here, kept
// with a number for each change, and told to the site's gateways from the number on that they have.
#ifndef SV_FLEET_SITE_GROUPS_H
#define SV_FLEET_SITE_GROUPS_H

#include "fleet.h"

#include <codec/json.h>
#include <edge/rules.h>

enum {
    SV_SITE_GROUPS_PAGE = 1000,                 ///< devices in one answer to a gateway
    SV_SITE_GROUPS_GIVEN_MAX = 6 * 1024 * 1024, ///< bytes of it
    SV_SITE_GROUPS_LOOKED = 50000,              ///< devices looked at in a second,
    SV_SITE_GROUPS_ASKED = 2000,                ///< as many of which are asked queries
    SV_SITE_GROUPS_PRUNED = 1000,               ///< forgotten when all are looked at
};
#define SV_SITE_GROUPS_EVERY_US (60 * SV_TIME_SECOND_US) ///< all are looked at again
#define SV_SITE_GROUPS_GONE_US (30 * SV_TIME_DAY_US)     ///< who left is told for so long

typedef struct sv_site_groups sv_site_groups;

sv_err sv_site_groups_open(sv_fleet *fleet, sv_site_groups **out, sv_why *why);
void sv_site_groups_drop(sv_site_groups **groups);

/// Which groups a version of a site's rules names; in the transaction that it is stored in.
sv_err sv_site_groups_note(sv_db *db, const sv_site *site, int64_t version, const sv_rules *rules,
                           sv_why *why);
/// The site has other rules: after the transaction. Who is in their groups is known when this
/// returns, and its gateways are told; in a large fleet some slices later.
void sv_site_groups_renamed(sv_fleet *fleet, const sv_site *site);
/// A group was put or removed: after the transaction. All are looked at anew from the next turn on.
void sv_site_groups_changed(sv_fleet *fleet);
/// The device has other tags: after the transaction.
void sv_site_groups_look(sv_fleet *fleet, sv_device *device);
/// Once a second: a part of the devices, from one end to the other, the first slice of it.
void sv_site_groups_turn(sv_fleet *fleet);
/// The next slice, which the loop calls by itself. False: there is nothing more in this second.
bool sv_site_groups_go_on(sv_fleet *fleet);

/// For a gateway of the site: what has changed since `after` (0: all of it), as much as fits.
/// SV_ERR_UNAVAILABLE: its groups are others, and who is in them is being looked for.
sv_err sv_site_groups_give(sv_fleet *fleet, const sv_site *site, int64_t after, sv_json_out *out,
                           sv_why *why);
/// [{"name","known","devices"}], for people.
void sv_site_groups_write(const sv_fleet *fleet, const sv_site *site, sv_json_out *out);

#endif
