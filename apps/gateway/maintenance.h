// What is being worked on (docs/spec/maintenance.md): of a device, or of all of them, nothing is
// raised until its time is over. The fleet server says so by events; here it is kept on disk, so
// that it holds through restarts and without the link.
//
// It ends by the gateway's clock as far as that is believed, and at the latest when the gateway has
// run for as long as was asked: a clock that is set back does not lengthen it, one that leaps ahead
// does not end it.
#ifndef SELVEDGE_GATEWAY_MAINTENANCE_H
#define SELVEDGE_GATEWAY_MAINTENANCE_H

#include "pause.h"

#include <base/map.h>
#include <model/maintenance.h>
#include <sys/loop.h>

enum {
    GW_MAINTENANCE_SHOWN = 100, ///< in the status
};

struct gw;

typedef struct gw_work {
    sv_maintenance said;
    int64_t ends_us; ///< by how long the gateway has run
    bool listed;     ///< while a list is read
} gw_work;

typedef struct gw_maintenance {
    sv_map *of;            ///< device -> gw_work
    gw_work *site;         ///< of all of them; NULL: none
    int64_t ran_us, at_us; ///< how long the gateway had run, at that monotonic time
    int64_t kept_us;       ///< of ran_us, what is on disk
    sv_timer *timer;       ///< NULL: there is no fleet server to be asked
    bool wanted, under_way;
    gw_pause pause;
} gw_maintenance;

void gw_maintenance_open(struct gw *g, const uint8_t key[16]);
/// What the database says.
sv_err gw_maintenance_restore(struct gw *g, sv_why *why);
/// Begin to ask for the whole list.
void gw_maintenance_start(struct gw *g);
void gw_maintenance_close(struct gw *g);

/// Is nothing to be raised of the device?
bool gw_maintenance_is_on(const struct gw *g, const char *device);
/// Once a second: what is over ends.
void gw_maintenance_tick(struct gw *g);

/// Events may have been lost: ask for the list.
void gw_maintenance_lost(struct gw *g);
/// `{"after":N,"items":[…]}`: what there is once the events up to N are taken. False: that is not
/// it, or it is older than what is known.
bool gw_maintenance_take_list(struct gw *g, const sv_json *given);

/// {"count":N,"items":[…]}, that of the site first.
void gw_maintenance_write(const struct gw *g, sv_json_out *out);

#endif
