// A line between two TCP ports of this machine that can be cut: what comes to one goes on to the
// other, unread. For rehearsals of a lost link. On the loop's thread.
#ifndef SV_NET_FORWARD_H
#define SV_NET_FORWARD_H

#include <base/err.h>
#include <stdint.h>
#include <sys/loop.h>

enum {
    SV_FORWARD_PAIRS_MAX = 64,         ///< at once; more are turned away
    SV_FORWARD_BEHIND_MAX = 256 * 1024 ///< bytes that one side is ahead of the other; then it waits
};

typedef struct sv_forward sv_forward;

/// Listens on a free port of 127.0.0.1 and goes on to `port` there.
sv_err sv_forward_open(sv_loop *loop, uint16_t port, sv_forward **out, sv_why *why);
void sv_forward_drop(sv_forward **forward);
uint16_t sv_forward_port(const sv_forward *forward);

/// Cut: what is connected ends at once and nobody gets through, until it is healed.
void sv_forward_cut(sv_forward *forward, bool cut);

#endif
