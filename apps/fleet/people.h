// Who may use the operator door: login links (single use), sessions (cookie) and API tokens. All
// secrets are 256 random bits and are kept as SHA-256 only.
#ifndef SV_FLEET_PEOPLE_H
#define SV_FLEET_PEOPLE_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>
#include <model/id.h>
#include <store/db.h>

typedef enum sv_person_role {
    SV_PERSON_VIEWER,
    SV_PERSON_OPERATOR,
    SV_PERSON_RELEASE,
    SV_PERSON_ADMIN,
    SV_PERSON_ROLE__COUNT
} sv_person_role;

const char *sv_person_role_name(sv_person_role role);

enum {
    SV_SECRET_LEN = 43,
    SV_SECRET_ROOM = 44,
    SV_THROTTLE_PEERS = 256,
    SV_THROTTLE_FAILURES = 20, ///< wrong secrets per peer and minute before it has to wait
};
#define SV_LOGIN_LINK_US (24 * SV_TIME_HOUR_US)
#define SV_SESSION_IDLE_US (12 * SV_TIME_HOUR_US)
#define SV_SESSION_LIFE_US (7 * SV_TIME_DAY_US)
#define SV_SESSION_TOUCH_US SV_TIME_MINUTE_US ///< use is written down this seldom

typedef struct sv_person {
    char user[SV_ID_ROOM];
    sv_person_role role;
} sv_person;

sv_err sv_people_make_link(sv_db *db, const sv_person *person, int64_t now_us,
                           char token[SV_SECRET_ROOM], sv_why *why);
/// Use a login link: it is gone, and a session has begun. SV_ERR_UNTRUSTED for a wrong, used or
/// expired one.
sv_err sv_people_login(sv_db *db, sv_text token, int64_t now_us, char session[SV_SECRET_ROOM],
                       sv_person *out, sv_why *why);
/// SV_ERR_UNTRUSTED for an unknown or expired session.
sv_err sv_people_session(sv_db *db, sv_text session, int64_t now_us, sv_person *out, sv_why *why);
sv_err sv_people_logout(sv_db *db, sv_text session, sv_why *why);
sv_err sv_people_token(sv_db *db, sv_text token, sv_person *out, sv_why *why);

/// The administrator's API token is what `path` holds; a random one is written there (0600) when
/// there is none.
sv_err sv_people_admin_token(sv_db *db, const char *path, sv_why *why);

sv_err sv_people_prune(sv_db *db, int64_t now_us, sv_why *why);

/// Wrong secrets by peer address; monotonic time.
typedef struct sv_throttle {
    struct {
        char peer[64];
        int64_t since_us;
        unsigned failures;
    } peers[SV_THROTTLE_PEERS];
} sv_throttle;

bool sv_throttle_allows(const sv_throttle *throttle, const char *peer, int64_t mono_us);
void sv_throttle_failed(sv_throttle *throttle, const char *peer, int64_t mono_us);

#endif
