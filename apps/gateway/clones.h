// One key at two places at once (docs/spec/standing.md), told from a device that moves. A device
// has one session; who connects takes it over. Of the connection that had it the front door sees
// for a second whether its other side was there: a device that has lost its network, or started
// anew, does not answer. So one takeover after the other whose loser did answer are two that live.
//
// A place is an address without its port. Between two places three such takeovers within
// GW_CLONE_WITHIN_US are proof, in whatever direction: a device that moves answers at neither. At
// one place they are when none was silent and nothing ended by itself in between: a program that
// borrows a device's certificate for a moment takes its session and is gone.
//
// Pure: it reads no clock and tells nobody.
#ifndef SELVEDGE_GATEWAY_CLONES_H
#define SELVEDGE_GATEWAY_CLONES_H

#include <base/map.h>
#include <model/id.h>

enum {
    GW_CLONE_TURNS = 3,       ///< takeovers that are proof
    GW_CLONE_WATCHES = 4096,  ///< ids looked at at the same time; others wait until one is over
    GW_CLONE_PLACE_ROOM = 64, ///< "192.0.2.7:50123"
};
#define GW_CLONE_WITHIN_US INT64_C(30000000)

/// The session went from one connection to another.
typedef struct gw_clone_turn {
    char loser[GW_CLONE_PLACE_ROOM]; ///< with its port
    char taker[GW_CLONE_PLACE_ROOM];
    int64_t at_us;
    bool answered; ///< the loser was there
} gw_clone_turn;

typedef struct gw_clone_watch {
    char id[SV_ID_ROOM];
    gw_clone_turn turns[GW_CLONE_TURNS]; ///< the oldest first
    size_t count;
} gw_clone_watch;

typedef struct gw_clones {
    sv_map *of;      ///< id -> gw_clone_watch
    sv_map *waiting; ///< loser -> the watch of its id, until it has parted
} gw_clones;

void gw_clones_open(gw_clones *clones, const uint8_t key[16]);
void gw_clones_close(gw_clones *clones);

/// `taker` has the session of `id` now, that `loser` had; "address:port" both.
void gw_clones_took(gw_clones *clones, sv_text id, const char *loser, const char *taker,
                    int64_t now_us);
/// The session's connection has ended, and nobody took it over.
void gw_clones_ended(gw_clones *clones, sv_text id);
/// `loser` is gone for good. The id whose key is at two places by this, and which places; NULL:
/// that is not proven. What it gives is valid until the next call; the id is looked at anew.
const gw_clone_watch *gw_clones_parted(gw_clones *clones, const char *loser, bool answered,
                                       int64_t now_us, char places[2 * GW_CLONE_PLACE_ROOM]);
/// What is too long ago is forgotten.
void gw_clones_sweep(gw_clones *clones, int64_t now_us);

#endif
