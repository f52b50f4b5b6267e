// The rules of a site as operators give them (docs/spec/rules.md): a file of rules
// (edge/rules_file.h), kept version by version, announced to the site's gateways and fetched by
// them; and what each gateway says of it.
#ifndef SV_FLEET_SITE_RULES_H
#define SV_FLEET_SITE_RULES_H

#include "fleet.h"

#include <codec/config.h>
#include <codec/json.h>

enum {
    SV_SITE_RULES_VERSIONS_MAX = 100,          ///< kept of a site; the oldest go
    SV_SITE_RULES_COMMENT_MAX = 200,           ///< bytes
    SV_SITE_RULES_WHY_MAX = 1024,              ///< bytes of why a gateway refused
    SV_SITE_RULES_TOLD_MAX = 2048,             ///< of what one says of its rules, as JSON
    SV_SITE_RULES_GIVEN_MAX = 7 * 1024 * 1024, ///< of a file as JSON, where a byte may take six
};

/// A new version.
typedef struct sv_site_rules_draft {
    const sv_site *site;
    int64_t replaces; ///< the version that the person has seen; 0: there was none
    const char *user; ///< who
    sv_text comment;  ///< one line of text
    sv_text text;     ///< the file
} sv_site_rules_draft;

/// SV_ERR_INVALID with `faults` when a gateway would not take it.
sv_err sv_site_rules_judge(sv_text text, sv_config_faults *faults, sv_why *why);
/// Stored and announced, or nothing. SV_ERR_INVALID with `faults` when the file has any (none: the
/// comment is at fault); SV_ERR_STATE when `replaces` is not the newest version, which is in *out
/// then.
sv_err sv_site_rules_put(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t *out,
                         sv_config_faults *faults, sv_why *why);
/// The same with the text of an older version. SV_ERR_NOT_FOUND when that is not kept.
sv_err sv_site_rules_again(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t version,
                           int64_t *out, sv_config_faults *faults, sv_why *why);

/// 0: none yet.
sv_err sv_site_rules_newest(sv_db *db, const sv_site *site, int64_t *out, sv_why *why);
/// The members "version","at","by","comment","sha256","text" of one version, inside of an object.
/// SV_ERR_NOT_FOUND when it is not kept.
sv_err sv_site_rules_write(sv_db *db, const sv_site *site, int64_t version, sv_json_out *out,
                           sv_why *why);
/// All that are kept without their text, the newest first, as an array.
sv_err sv_site_rules_list(sv_db *db, const sv_site *site, sv_json_out *out, sv_why *why);
/// What its gateways say, as an array.
void sv_site_rules_gateways(const sv_fleet *fleet, const sv_site *site, sv_json_out *out);
/// For a gateway of the site: {"version","sha256","rules"}; `version` 0: the newest.
sv_err sv_site_rules_give(sv_db *db, const sv_site *site, int64_t version, sv_json_out *out,
                          sv_why *why);

/// What gateways said before this process started.
sv_err sv_site_rules_open(sv_db *db, sv_registry *registry, sv_why *why);
/// `told` is `rules` of a beat, or NULL; in the caller's transaction. What breaks its format is
/// passed over.
sv_err sv_site_rules_told(sv_fleet *fleet, sv_gateway *gateway, const sv_json *told, sv_why *why);
/// Tell the live clients that something changed at this site.
void sv_site_rules_tell_live(sv_fleet *fleet, const sv_site *site);

#endif
