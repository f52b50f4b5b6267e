#include <net/reach.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct range {
    uint8_t start[16];
    unsigned bits;
    const char *name;
} range;

static const range V4[] = {
    { { 0 }, 8, "unspecified" },
    { { 10 }, 8, "private" },
    { { 100, 64 }, 10, "shared" },
    { { 127 }, 8, "loopback" },
    { { 169, 254 }, 16, "link-local" },
    { { 172, 16 }, 12, "private" },
    { { 192, 0, 0 }, 24, "reserved" },
    { { 192, 0, 2 }, 24, "documentation" },
    { { 192, 88, 99 }, 24, "reserved" },
    { { 192, 168 }, 16, "private" },
    { { 198, 18 }, 15, "benchmark" },
    { { 198, 51, 100 }, 24, "documentation" },
    { { 203, 0, 113 }, 24, "documentation" },
    { { 224 }, 4, "multicast" },
    { { 240 }, 4, "reserved" },
};

// Of IPv6 only 2000::/3 is given to anybody; these are exceptions in it, or deserve their name.
static const range V6[] = {
    { { [15] = 1 }, 128, "loopback" },
    { { 0 }, 128, "unspecified" },
    { { [10] = 0xff, [11] = 0xff }, 96, "IPv4-mapped" },
    { { 0x00, 0x64, 0xff, 0x9b }, 32, "IPv4-translated" },
    { { 0xfc }, 7, "private" },
    { { 0xfe, 0x80 }, 10, "link-local" },
    { { 0xff }, 8, "multicast" },
    { { 0x20, 0x01, 0x00, 0x00 }, 23, "reserved" },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
    { { 0x20, 0x02 }, 16, "IPv4-embedded" },
    { { 0x3f, 0xff }, 20, "documentation" },
};

static bool lies_in(const uint8_t *address, const range *in) {
    unsigned whole = in->bits / 8;
    uint8_t mask = (uint8_t) (0xff00U >> in->bits % 8);
    return memcmp(address, in->start, whole) == 0
           && (mask == 0 || (address[whole] & mask) == (in->start[whole] & mask));
}

static const char *name_in(const range *ranges, size_t count, const uint8_t *address) {
    for (size_t i = 0; i < count; i++) {
        if (lies_in(address, &ranges[i])) {
            return ranges[i].name;
        }
    }
    return NULL;
}

static sv_err judge(int family, const uint8_t *address, const char *range_name, sv_why *why) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (range_name == NULL) {
        return SV_OK;
    }
    (void) inet_ntop(family, address, text, sizeof text);
    return sv_fail(why, SV_ERR_UNTRUSTED, "%s is a %s address", text, range_name);
}

sv_err sv_reach_public(const struct sockaddr *address, sv_why *why) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        uint8_t bytes[4];
        memcpy(&v4, address, sizeof v4);
        memcpy(bytes, &v4.sin_addr, sizeof bytes);
        return judge(AF_INET, bytes, name_in(V4, SV_COUNT(V4), bytes), why);
    }
    if (address->sa_family != AF_INET6) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "that is no internet address");
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    const uint8_t *bytes = v6.sin6_addr.s6_addr;
    const char *name = name_in(V6, SV_COUNT(V6), bytes);
    bool given = (bytes[0] & 0xe0) == 0x20;
    return judge(AF_INET6, bytes, name != NULL || given ? name : "reserved", why);
}
