// Users: names with a role, for all sites or for some, with or without a password. Nobody is ever
// the last admin and gone: the last one that is enabled and for all sites is neither removed, nor
// disabled, nor made less. [people-4]
#ifndef SV_FLEET_USERS_H
#define SV_FLEET_USERS_H

#include "people.h"

#include <crypto/password.h>

enum { SV_USERS_MAX = 1000, SV_USERS_LIMIT_DEFAULT = 100, SV_USERS_LIMIT_MAX = 500 };

typedef struct sv_user {
    char name[SV_ID_ROOM];
    sv_person_role role;
    char sites[SV_SITES_ROOM];
    bool disabled;
    char password[SV_PASSWORD_HASH_ROOM]; ///< as it is kept; "": none
    bool totp;                            ///< a second factor is asked for
} sv_user;

/// SV_ERR_NOT_FOUND.
sv_err sv_user_find(sv_db *db, sv_text name, sv_user *out, sv_why *why);
/// How many there are.
sv_err sv_user_count(sv_db *db, int64_t *out, sv_why *why);
/// Nobody is admin, and nobody has the name that the first one gets. [people-3]
sv_err sv_user_wants_admin(sv_db *db, bool *out, sv_why *why);

/// Each of these in the caller's transaction. SV_ERR_STATE when the name is taken, or they are too
/// many.
sv_err sv_user_add(sv_db *db, const sv_user *user, const char *by, int64_t now_us, sv_why *why);
/// Role, sites and whether it is disabled become those of `user`; its sessions end when anything
/// of it changed, its links as well. SV_ERR_STATE when it is the last admin.
sv_err sv_user_change(sv_db *db, const sv_user *user, sv_why *why);
/// With its sessions, links and API tokens. SV_ERR_STATE when it is the last admin.
sv_err sv_user_remove(sv_db *db, const char *name, sv_why *why);
/// "" for none; all sessions and links of it end.
sv_err sv_user_set_password(sv_db *db, const char *name, const char *hash, int64_t now_us,
                            sv_why *why);

/// No second factor any more.
sv_err sv_user_forget_factor(sv_db *db, const char *name, sv_why *why);

/// One as answers have it; SV_ERR_NOT_FOUND.
sv_err sv_user_write(sv_db *db, sv_text name, sv_json_out *out, sv_why *why);
/// {"items","next"} by name.
sv_err sv_user_list(sv_db *db, const char *cursor, size_t limit, sv_json_out *out, sv_why *why);

#endif
