// Addresses of sockets as each of the calls wants to see them, and the words about them.
#ifndef SV_NET_PLACE_H
#define SV_NET_PLACE_H

#include <base/err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SV_PLACE_KEY_ROOM = 8 };

typedef union sv_place {
    struct sockaddr head;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage any;
} sv_place;

/// The address to listen on. SV_ERR_INVALID when `bind` is none.
sv_err sv_place_parse(const char *bind, uint16_t port, sv_place *out, socklen_t *len, sv_why *why);
/// SV_ERR_STATE when `number` (an errno) says that the port is taken, else SV_ERR_IO.
sv_err sv_place_refused(const char *bind, uint16_t port, int number, sv_why *why);
/// Can this machine alone reach it: 127.0.0.0/8 or ::1?
bool sv_place_is_loopback(const sv_place *place);
/// The port a socket is bound to; 0 when it is not.
uint16_t sv_place_port(int fd);
/// The IPv4 address, or the first 64 bits of the IPv6 address: what one host can have many of
/// counts as one. The number of bytes; 0 for a unix socket.
size_t sv_place_key(const sv_place *place, char key[SV_PLACE_KEY_ROOM]);
/// "192.0.2.7:50123", "[2001:db8::1]:50123", "local".
void sv_place_text(const sv_place *place, char *room, size_t room_bytes);

#endif
