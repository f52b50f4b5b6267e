// What metadata of each type has to look like.
#ifndef SV_UPDATE_SHAPE_H
#define SV_UPDATE_SHAPE_H

#include <update/metadata.h>

/// The parts that only this type has.
sv_err sv_tuf_shape_check(sv_tuf_type type, const sv_json *content, sv_why *why);

/// A whole number of at least `least`.
bool sv_tuf_number(const sv_json *value, int64_t least, int64_t *out);
/// `keyids`, each once, and `threshold`, at least one.
sv_err sv_tuf_role_check(const sv_json *role, sv_text name, sv_why *why);
/// `delegations` of a targets file.
sv_err sv_tuf_delegations_check(const sv_json *delegations, sv_why *why);
/// Keys by their ids.
sv_err sv_tuf_keys_check(const sv_json *keys, sv_why *why);

#endif
