#include "throttle.h"

#include <arpa/inet.h>
#include <crypto/random.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

// ---- by address ---------------------------------------------------------------------------------

static void key_of(const char *peer, char out[SV_THROTTLE_KEY_ROOM]) {
    char room[INET6_ADDRSTRLEN];
    struct in6_addr address;
    sv_text rest = sv_text_of(peer);
    bool known = sv_text_copy(sv_text_cut(&rest, '%'), room, sizeof room) == SV_OK
                 && inet_pton(AF_INET6, room, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address);
    if (known) {
        memset(address.s6_addr + 8, 0, 8);
    }
    if (!known || inet_ntop(AF_INET6, &address, out, SV_THROTTLE_KEY_ROOM) == NULL) {
        (void) snprintf(out, SV_THROTTLE_KEY_ROOM, "%s", peer);
    }
}

/// Its place; SV_THROTTLE_PEERS when it has none.
static size_t find(const sv_throttle *throttle, const char *key) {
    size_t i = 0;
    while (i < SV_THROTTLE_PEERS && strcmp(throttle->peers[i].peer, key) != 0) {
        i++;
    }
    return i;
}

static size_t oldest(const sv_throttle *throttle) {
    size_t place = 0;
    for (size_t i = 1; i < SV_THROTTLE_PEERS; i++) {
        place = throttle->peers[i].since_us < throttle->peers[place].since_us ? i : place;
    }
    return place;
}

bool sv_throttle_allows(const sv_throttle *throttle, const char *peer, int64_t mono_us) {
    char key[SV_THROTTLE_KEY_ROOM];
    key_of(peer, key);
    size_t i = find(throttle, key);
    return i == SV_THROTTLE_PEERS || throttle->peers[i].failures < SV_THROTTLE_FAILURES
           || mono_us - throttle->peers[i].since_us > SV_TIME_MINUTE_US;
}

void sv_throttle_failed(sv_throttle *throttle, const char *peer, int64_t mono_us) {
    char key[SV_THROTTLE_KEY_ROOM];
    key_of(peer, key);
    size_t place = find(throttle, key);
    bool same = place < SV_THROTTLE_PEERS;
    place = same ? place : oldest(throttle);
    if (!same || mono_us - throttle->peers[place].since_us > SV_TIME_MINUTE_US) {
        memcpy(throttle->peers[place].peer, key, sizeof key);
        throttle->peers[place].since_us = mono_us;
        throttle->peers[place].failures = 0;
    }
    throttle->peers[place].failures++;
}

void sv_throttle_forgive(sv_throttle *throttle, const char *peer) {
    char key[SV_THROTTLE_KEY_ROOM];
    key_of(peer, key);
    size_t i = find(throttle, key);
    if (i < SV_THROTTLE_PEERS && throttle->peers[i].failures > 0) {
        throttle->peers[i].failures--;
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
