// Who guesses secrets has to wait. Failures are counted by the minute, by where they come from and
// by whom they are about; monotonic time.
#ifndef SV_FLEET_THROTTLE_H
#define SV_FLEET_THROTTLE_H

#include <base/text.h>
#include <base/time.h>
#include <model/id.h>

enum {
    SV_THROTTLE_PEERS = 256,
    SV_THROTTLE_FAILURES = 20,      ///< wrong secrets per peer and minute before it has to wait
    SV_THROTTLE_USER_FAILURES = 10, ///< wrong passwords per user and minute, wherever from
    SV_THROTTLE_USER_BUCKETS = 1024,
    SV_THROTTLE_SALT_BYTES = 16,
    SV_THROTTLE_KEY_ROOM = SV_ID_ROOM, ///< of an address, or of a name
};

/// Wrong secrets by peer address. An IPv6 address counts as its /64, all of which one stranger has.
typedef struct sv_throttle {
    struct {
        char peer[SV_THROTTLE_KEY_ROOM];
        int64_t since_us;
        unsigned failures;
    } peers[SV_THROTTLE_PEERS];
} sv_throttle;

bool sv_throttle_allows(const sv_throttle *throttle, const char *peer, int64_t mono_us);
void sv_throttle_failed(sv_throttle *throttle, const char *peer, int64_t mono_us);
/// One that was counted beforehand did not fail after all.
void sv_throttle_forgive(sv_throttle *throttle, const char *peer);

/// Wrong passwords by user name. Names that do not exist count like others, and no number of them
/// makes the count of one be forgotten: each has its place by a salted hash, and who shares it (one
/// in a thousand) waits as well.
typedef struct sv_user_throttle {
    uint8_t salt[SV_THROTTLE_SALT_BYTES];
    struct {
        int64_t since_us;
        unsigned failures;
    } buckets[SV_THROTTLE_USER_BUCKETS];
} sv_user_throttle;

void sv_user_throttle_open(sv_user_throttle *throttle);
bool sv_user_throttle_allows(const sv_user_throttle *throttle, sv_text user, int64_t mono_us);
void sv_user_throttle_failed(sv_user_throttle *throttle, sv_text user, int64_t mono_us);
void sv_user_throttle_forgive(sv_user_throttle *throttle, sv_text user);

#endif
