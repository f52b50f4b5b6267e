// A socket of packets (SOCK_SEQPACKET) in the file system, for one other user of this machine: made
// so that nobody else opens it, and the kernel is asked who did.
#ifndef SV_SYS_LOCAL_SOCKET_H
#define SV_SYS_LOCAL_SOCKET_H

#include <base/err.h>
#include <base/text.h>

typedef struct sv_local_socket {
    const char *path;
    const char *who;      ///< "signer", for sentences
    int64_t allow_uid;    ///< the one user that may ask; -1: the user this runs as
    int64_t socket_group; ///< by which that user opens it; -1: the socket is given to the user
    int backlog;
} sv_local_socket;

/// Make it, mode 0600, with a group 0660, and listen. One that nobody answers on was left by a
/// process that was killed, and goes. SV_ERR_STATE when somebody answers on it, or when something
/// else has that name; SV_ERR_IO.
sv_err sv_local_socket_listen(const sv_local_socket *socket, int *out, sv_why *why);

/// A socket that the service manager has opened and passed on (LISTEN_FDS, sd_listen_fds(3)): -1
/// when there is none. SV_ERR_INVALID when it is not one listening socket of packets.
sv_err sv_local_socket_inherited(int *out, sv_why *why);

/// The user at the other end; -1 when the kernel does not say.
int64_t sv_local_socket_peer(int fd);
/// Is it the one that may ask?
bool sv_local_socket_may_ask(int fd, int64_t allow_uid);

#endif
