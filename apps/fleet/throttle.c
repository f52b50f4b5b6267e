#include "throttle.h"

#include <crypto/random.h>
#include <stdio.h>
#include <string.h>

// ---- by address ---------------------------------------------------------------------------------

bool sv_throttle_allows(const sv_throttle *throttle, const char *peer, int64_t mono_us) {
    for (size_t i = 0; i < SV_THROTTLE_PEERS; i++) {
        if (strcmp(throttle->peers[i].peer, peer) == 0) {
            return throttle->peers[i].failures < SV_THROTTLE_FAILURES
                   || mono_us - throttle->peers[i].since_us > SV_TIME_MINUTE_US;
        }
    }
    return true;
}

void sv_throttle_failed(sv_throttle *throttle, const char *peer, int64_t mono_us) {
    size_t place = 0; // of this peer, else of the oldest
    for (size_t i = 0; i < SV_THROTTLE_PEERS; i++) {
        if (strcmp(throttle->peers[i].peer, peer) == 0) {
            place = i;
            break;
        }
        place = throttle->peers[i].since_us < throttle->peers[place].since_us ? i : place;
    }
    bool same = strcmp(throttle->peers[place].peer, peer) == 0;
    if (!same || mono_us - throttle->peers[place].since_us > SV_TIME_MINUTE_US) {
        (void) snprintf(throttle->peers[place].peer, sizeof throttle->peers[place].peer, "%s",
                        peer);
        throttle->peers[place].since_us = mono_us;
        throttle->peers[place].failures = 0;
    }
    throttle->peers[place].failures++;
}

void sv_throttle_forgive(sv_throttle *throttle, const char *peer) {
    for (size_t i = 0; i < SV_THROTTLE_PEERS; i++) {
        if (strcmp(throttle->peers[i].peer, peer) == 0 && throttle->peers[i].failures > 0) {
            throttle->peers[i].failures--;
        }
    }
}

// ---- by user ------------------------------------------------------------------------------------

void sv_user_throttle_open(sv_user_throttle *throttle) {
    *throttle = (sv_user_throttle){ 0 };
    sv_random(throttle->salt, sizeof throttle->salt);
}

static size_t place_of(const sv_user_throttle *throttle, sv_text user) {
    uint8_t mac[32];
    sv_text salt = { .at = (const char *) throttle->salt, .len = sizeof throttle->salt };
    sv_hmac_sha256(salt, &user, 1, mac);
    return ((size_t) mac[0] << 8 | mac[1]) % SV_THROTTLE_USER_BUCKETS;
}

bool sv_user_throttle_allows(const sv_user_throttle *throttle, sv_text user, int64_t mono_us) {
    size_t place = place_of(throttle, user);
    return throttle->buckets[place].failures < SV_THROTTLE_USER_FAILURES
           || mono_us - throttle->buckets[place].since_us > SV_TIME_MINUTE_US;
}

void sv_user_throttle_failed(sv_user_throttle *throttle, sv_text user, int64_t mono_us) {
    size_t place = place_of(throttle, user);
    if (mono_us - throttle->buckets[place].since_us > SV_TIME_MINUTE_US) {
        throttle->buckets[place].since_us = mono_us;
        throttle->buckets[place].failures = 0;
    }
    throttle->buckets[place].failures++;
}

void sv_user_throttle_forgive(sv_user_throttle *throttle, sv_text user) {
    size_t place = place_of(throttle, user);
    throttle->buckets[place].failures -= throttle->buckets[place].failures > 0;
}
