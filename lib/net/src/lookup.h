// One question to the resolver: the first address that a name (or an address) stands for. The
// answer never comes from within the question; after lookup_drop it never comes.
#ifndef SV_NET_LOOKUP_H
#define SV_NET_LOOKUP_H

#include <base/err.h>
#include <stdint.h>
#include <sys/loop.h>
#include <sys/socket.h>

typedef struct lookup lookup;

/// `address` NULL: there is none, `why` says so.
typedef void lookup_done(void *arg, const struct sockaddr *address, socklen_t len,
                         const sv_why *why);

sv_err lookup_start(sv_loop *loop, const char *host, uint16_t port, lookup_done *done, void *arg,
                    lookup **out, sv_why *why);
/// Allowed inside `done`.
void lookup_drop(lookup **question);

/// An address, not a name.
bool host_is_numeric(const char *host);
/// Our own machine is found without asking anybody.
const char *host_known(const char *host);

#endif
