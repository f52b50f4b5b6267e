// How often newcomers of one address may ask. Whoever has no certificate yet is known by nothing
// else: an IPv4 address, or the first 64 bits of an IPv6 address, counts as one. [relay-13]
#ifndef SELVEDGE_GATEWAY_RELAY_RATE_H
#define SELVEDGE_GATEWAY_RELAY_RATE_H

#include <base/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GW_RATE_BURST = 60,           ///< requests of an address at once: some twenty enrolments
    GW_RATE_INTERVAL_US = 500000, ///< and then one in so long
    GW_RATE_ADDRESSES = 1024,     ///< the one that has asked least gives its place to a new one
    GW_RATE_KEY_BYTES = 9,        ///< the family, then the address
};

typedef struct gw_rate {
    struct {
        uint8_t key[GW_RATE_KEY_BYTES];
        int64_t spent_until_us; ///< monotonic: when all it has asked will have been allowed for
    } from[GW_RATE_ADDRESSES];
} gw_rate;

/// Whether somebody at `address` may ask now; it has asked then. What is no address counts as one.
bool gw_rate_takes(gw_rate *rate, const char *address, int64_t now_us);

#endif
