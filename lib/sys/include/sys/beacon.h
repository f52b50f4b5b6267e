// One descriptor that stands for a whole loop, so that the loop can live inside somebody else's: it
// can be read whenever sv_loop_turn has something to do, timers included.
#ifndef SV_SYS_BEACON_H
#define SV_SYS_BEACON_H

#include <base/err.h>
#include <sys/loop.h>

typedef struct sv_beacon sv_beacon;

/// `loop` must outlive it.
sv_err sv_beacon_open(sv_loop *loop, sv_beacon **out, sv_why *why);
/// For poll, select and epoll; it stays the beacon's.
int sv_beacon_fd(const sv_beacon *beacon);
/// Looks at what the loop waits for now. To be called after every turn, and after anything else
/// that gave the loop something to wait for.
void sv_beacon_update(sv_beacon *beacon);
void sv_beacon_drop(sv_beacon **beacon);

#endif
