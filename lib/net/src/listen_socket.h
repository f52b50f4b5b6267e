// Sockets that listen, for both kinds of server.
#ifndef SV_NET_LISTEN_SOCKET_H
#define SV_NET_LISTEN_SOCKET_H

#include <base/err.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/// The address of a socket as each of the calls wants to see it.
typedef union net_place {
    struct sockaddr head;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage any;
} net_place;

/// Not blocking, TCP_NODELAY for what is accepted from it. `port` 0: any free one. SV_ERR_STATE
/// when the port is taken, SV_ERR_INVALID when `bind` is no address.
sv_err net_listen_tcp(const char *bind, uint16_t port, int backlog, int *out_fd, sv_why *why);
/// Mode 0660. A socket that nobody listens on makes way; SV_ERR_STATE when somebody does,
/// SV_ERR_INVALID when the path is too long or is no socket.
sv_err net_listen_local(const char *path, int backlog, int *out_fd, sv_why *why);
/// The port it listens on; 0 when that is no TCP socket.
uint16_t net_port_of(int fd);

#endif
