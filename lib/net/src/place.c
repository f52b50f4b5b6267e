#include "place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_PREFIX = 12 }; ///< bytes before the IPv4 address in ::ffff:192.0.2.7

sv_err sv_place_parse(const char *bind, uint16_t port, sv_place *out, socklen_t *len, sv_why *why) {
    sv_place at = { .any = { 0 } };
    int used = (int) sizeof at;
    if (evutil_parse_sockaddr_port(bind, &at.head, &used) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is no address to listen on", bind);
    }
    if (at.head.sa_family == AF_INET6) {
        at.v6.sin6_port = htons(port);
    } else {
        at.v4.sin_port = htons(port);
    }
    *out = at;
    *len = (socklen_t) used;
    return SV_OK;
}

sv_err sv_place_refused(const char *bind, uint16_t port, int number, sv_why *why) {
    sv_err code = number == EADDRINUSE ? SV_ERR_STATE : SV_ERR_IO;
    const char *fault = number == EADDRINUSE ? "the port is taken" : sv_errno_text(number);
    return sv_fail(why, code, "cannot listen on %s:%u: %s", bind, port, fault);
}

bool sv_place_is_loopback(const sv_place *place) {
    if (place->head.sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&place->v6.sin6_addr);
    }
    return place->head.sa_family == AF_INET
           && ntohl(place->v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

uint16_t sv_place_port(int fd) {
    sv_place at = { .any = { 0 } };
    socklen_t len = sizeof at;
    if (getsockname(fd, &at.head, &len) != 0) {
        return 0;
    }
    if (at.head.sa_family == AF_INET6) {
        return ntohs(at.v6.sin6_port);
    }
    return at.head.sa_family == AF_INET ? ntohs(at.v4.sin_port) : 0;
}

size_t sv_place_key(const sv_place *place, char key[SV_PLACE_KEY_ROOM]) {
    const struct in6_addr *v6 = &place->v6.sin6_addr;
    if (place->head.sa_family == AF_INET) {
        memcpy(key, &place->v4.sin_addr, sizeof place->v4.sin_addr);
        return sizeof place->v4.sin_addr;
    }
    if (place->head.sa_family != AF_INET6) {
        return 0;
    }
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        memcpy(key, v6->s6_addr + MAPPED_PREFIX, sizeof place->v4.sin_addr);
        return sizeof place->v4.sin_addr;
    }
    memcpy(key, v6->s6_addr, SV_PLACE_KEY_ROOM);
    return SV_PLACE_KEY_ROOM;
}

void sv_place_text(const sv_place *place, char *room, size_t room_bytes) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (place->head.sa_family == AF_INET) {
        (void) inet_ntop(AF_INET, &place->v4.sin_addr, host, sizeof host);
        (void) snprintf(room, room_bytes, "%s:%u", host, ntohs(place->v4.sin_port));
    } else if (place->head.sa_family != AF_INET6) {
        (void) snprintf(room, room_bytes, "local");
    } else if (IN6_IS_ADDR_V4MAPPED(&place->v6.sin6_addr)) {
        (void) inet_ntop(AF_INET, place->v6.sin6_addr.s6_addr + MAPPED_PREFIX, host, sizeof host);
        (void) snprintf(room, room_bytes, "%s:%u", host, ntohs(place->v6.sin6_port));
    } else {
        (void) inet_ntop(AF_INET6, &place->v6.sin6_addr, host, sizeof host);
        (void) snprintf(room, room_bytes, "[%s]:%u", host, ntohs(place->v6.sin6_port));
    }
}
