// How people come in and stay in: links that work once, sessions (a cookie), the server's own API
// token. All secrets are 256 random bits and are kept as SHA-256 only. (docs/spec/people.md)
#ifndef SV_FLEET_PEOPLE_H
#define SV_FLEET_PEOPLE_H

#include "person.h"
#include "throttle.h"

#include <base/time.h>
#include <store/db.h>
#include <sys/disk.h>

enum {
    SV_SECRET_LEN = 43,
    SV_SECRET_ROOM = 44,
    SV_SECRET_HASH_ROOM = 65,
    SV_LINKS_MAX = 16,          ///< of one user; the ones that end first give way
    SV_SESSIONS_MAX = 32,       ///< of one user; the one unused for longest gives way
    SV_SESSION_FROM_MAX = 64,   ///< bytes kept of an address
    SV_SESSION_AGENT_MAX = 160, ///< and of what a browser calls itself
};
#define SV_LOGIN_LINK_US (24 * SV_TIME_HOUR_US)
#define SV_SESSION_IDLE_US (12 * SV_TIME_HOUR_US)
#define SV_SESSION_LIFE_US (7 * SV_TIME_DAY_US)
#define SV_SESSION_TOUCH_US SV_TIME_MINUTE_US ///< use is written down this seldom
#define SV_FIRST_ADMIN "admin"                ///< who the first link makes
#define SV_OWN_TOKEN "admin-token-file"       ///< name of the server's own token

typedef enum sv_link_kind {
    SV_LINK_FIRST,   ///< makes the first admin; works while there is no admin
    SV_LINK_INVITE,  ///< for who has no password yet
    SV_LINK_RECOVER, ///< using it forgets password and second factor, and ends all sessions
    SV_LINK_OPEN,    ///< one more session of who asked for it
    SV_LINK_KIND__COUNT
} sv_link_kind;

const char *sv_link_kind_name(sv_link_kind kind);

/// A file in the folder of the database.
sv_err sv_people_beside(const char *store, const char *name, char path[SV_PATH_MAX], sv_why *why);

/// SHA-256 of a secret, in hexadecimal: what is kept of it.
void sv_secret_hash(sv_text secret, char out[SV_SECRET_HASH_ROOM]);

// ---- links --------------------------------------------------------------------------------------

typedef struct sv_link {
    const char *user;
    sv_link_kind kind;
    const char *made_by;
} sv_link;

/// In the caller's transaction, or in none.
sv_err sv_people_make_link(sv_db *db, const sv_link *link, int64_t now_us,
                           char token[SV_SECRET_ROOM], sv_why *why);

/// Where somebody comes from, for the list of sessions. Texts may be NULL.
typedef struct sv_visitor {
    const char *from, *agent;
} sv_visitor;

/// Use a link: it is gone, and a session has begun. SV_ERR_UNTRUSTED for a wrong, used or expired
/// one, and for one of a user that is disabled or gone. Within a transaction it is part of that,
/// which the caller rolls back. `kind` may be NULL.
sv_err sv_people_login(sv_db *db, sv_text token, const sv_visitor *visitor, int64_t now_us,
                       char session[SV_SECRET_ROOM], sv_person *out, sv_link_kind *kind,
                       sv_why *why);

// ---- sessions -----------------------------------------------------------------------------------

/// `how`: "password" or "link". In the caller's transaction.
sv_err sv_session_begin(sv_db *db, const char *user, const char *how, const sv_visitor *visitor,
                        int64_t now_us, char session[SV_SECRET_ROOM], sv_why *why);
/// SV_ERR_UNTRUSTED for an unknown or expired session, or a disabled user.
sv_err sv_people_session(sv_db *db, sv_text session, int64_t now_us, sv_person *out, sv_why *why);
/// The same by its number, and nothing is written down: for what goes on by itself.
sv_err sv_session_person(sv_db *db, int64_t n, int64_t now_us, sv_person *out, sv_why *why);
/// The one of this secret.
sv_err sv_people_logout(sv_db *db, sv_text session, sv_why *why);
/// One by its number; SV_ERR_NOT_FOUND when `user` has none of it.
sv_err sv_session_end(sv_db *db, const char *user, int64_t n, sv_why *why);
/// All of a user but `except` (0: all).
sv_err sv_session_end_all(sv_db *db, const char *user, int64_t except, sv_why *why);
/// {"items":[…]}: of a user, the last used first; `current` is the number of who asks.
sv_err sv_session_list(sv_db *db, const char *user, int64_t current, int64_t now_us,
                       sv_json_out *out, sv_why *why);

// ---- the server's own token ---------------------------------------------------------------------

/// It is what `path` holds; a random one is written there (0600) when there is none.
sv_err sv_people_admin_token(sv_db *db, const char *path, sv_why *why);

sv_err sv_people_prune(sv_db *db, int64_t now_us, sv_why *why);

#endif
