#include "relay_rate.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4 = 4, V6 = 6, V6_PREFIX_BYTES = 8 };

static void key_of(const char *address, uint8_t key[GW_RATE_KEY_BYTES]) {
    struct in6_addr v6;
    struct in_addr v4;
    memset(key, 0, GW_RATE_KEY_BYTES);
    if (inet_pton(AF_INET, address, &v4) == 1) {
        key[0] = V4;
        memcpy(key + 1, &v4, sizeof v4);
    } else if (inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6)) {
        key[0] = V4;
        memcpy(key + 1, &v6.s6_addr[sizeof v6 - V4], V4);
    } else if (inet_pton(AF_INET6, address, &v6) == 1) {
        key[0] = V6;
        memcpy(key + 1, &v6, V6_PREFIX_BYTES);
    }
}

/// Its place, or that of who has asked least.
static size_t place_of(const gw_rate *rate, const uint8_t key[GW_RATE_KEY_BYTES]) {
    size_t least = 0;
    for (size_t i = 0; i < GW_RATE_ADDRESSES; i++) {
        if (rate->from[i].spent_until_us != 0
            && memcmp(rate->from[i].key, key, GW_RATE_KEY_BYTES) == 0) {
            return i;
        }
        least = rate->from[i].spent_until_us < rate->from[least].spent_until_us ? i : least;
    }
    return least;
}

bool gw_rate_takes(gw_rate *rate, const char *address, int64_t now_us) {
    uint8_t key[GW_RATE_KEY_BYTES];
    key_of(address, key);
    size_t at = place_of(rate, key);
    bool known = memcmp(rate->from[at].key, key, GW_RATE_KEY_BYTES) == 0;
    int64_t spent_us = known ? rate->from[at].spent_until_us : 0;
    spent_us = spent_us < now_us ? now_us : spent_us;
    if (spent_us - now_us > (GW_RATE_BURST - 1) * (int64_t) GW_RATE_INTERVAL_US) {
        return false;
    }
    memcpy(rate->from[at].key, key, GW_RATE_KEY_BYTES);
    rate->from[at].spent_until_us = spent_us + GW_RATE_INTERVAL_US;
    return true;
}
