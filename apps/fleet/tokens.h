// API tokens: for programs, with an owner, a role and sites that are never more than the owner's,
// scopes, and an end. Shown once, when they are made. [people-12]
#ifndef SV_FLEET_TOKENS_H
#define SV_FLEET_TOKENS_H

#include "people.h"

enum {
    SV_TOKENS_MAX = 1000, ///< of all users
    SV_TOKEN_DAYS_DEFAULT = 90,
    SV_TOKEN_DAYS_MAX = 400,
    SV_TOKEN_ROOM = SV_SECRET_ROOM + 4, ///< "svt_" and a secret: those who look for leaked ones
                                        ///< know it by that
    SV_TOKENS_LIMIT_DEFAULT = 100,
    SV_TOKENS_LIMIT_MAX = 500,
};

typedef struct sv_api_token {
    char name[SV_ID_ROOM];
    sv_person_role role;
    char sites[SV_SITES_ROOM];
    unsigned scopes;
    int64_t expires_us;
} sv_api_token;

/// Whether `maker` may give as much to a token of its own. SV_ERR_INVALID names what is too much.
sv_err sv_api_token_judge(const sv_api_token *token, const sv_person *maker, int64_t now_us,
                          sv_why *why);
/// In the caller's transaction. SV_ERR_STATE when the name is taken, they are too many, or there is
/// no user of that name.
sv_err sv_api_token_add(sv_db *db, const sv_api_token *token, const char *owner, int64_t now_us,
                        char out[SV_TOKEN_ROOM], sv_why *why);
/// One of `owner`; NULL: of anybody, but never the server's own. SV_ERR_NOT_FOUND.
sv_err sv_api_token_remove(sv_db *db, sv_text name, const char *owner, sv_why *why);
/// {"items","next"} by name, of `owner` or (NULL) of all.
sv_err sv_api_token_list(sv_db *db, const char *owner, const char *cursor, size_t limit,
                         sv_json_out *out, sv_why *why);
/// One as answers have it, with `secret` when it has just been made (NULL: without).
sv_err sv_api_token_write(sv_db *db, const char *name, const char *secret, sv_json_out *out,
                          sv_why *why);

/// Who comes with it: its own role and sites, as far as the owner has them still. SV_ERR_UNTRUSTED
/// when it is unknown, has ended, or its owner is disabled or gone. `from` is written down.
sv_err sv_people_token(sv_db *db, sv_text token, const char *from, int64_t now_us, sv_person *out,
                       sv_why *why);
/// The same by its name, and nothing is written down.
sv_err sv_api_token_person(sv_db *db, const char *name, int64_t now_us, sv_person *out,
                           sv_why *why);

#endif
