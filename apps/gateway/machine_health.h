// The machines of the site: a device's sensors together (detect/machine_watch.h), from its second
// sensor on. Sensors with `detect: off` or `uplink: never` take no part. Up goes a machine's health
// when it has moved, not more often than once a minute, and an alert when an episode begins that no
// alert of the sensor that stands out tells of already. A copy is kept in the store: with the
// alert, at an orderly end, and after GW_MACHINE_ROWS rows and 15 minutes. [detect-60..66]
#ifndef SELVEDGE_GATEWAY_MACHINE_HEALTH_H
#define SELVEDGE_GATEWAY_MACHINE_HEALTH_H

#include <base/map.h>
#include <codec/json.h>
#include <detect/machine_watch.h>

enum {
    GW_MACHINES_MAX = 1000, ///< 1 KiB each with four sensors, 4 KiB while they are learnt
    GW_MACHINE_ROWS = 60,
    GW_MACHINE_COPIES = 20, ///< in one second
    GW_MACHINE_MOVED = 5,   ///< by so much the health has moved
};
#define GW_MACHINE_LEARN_MAX_US (365 * SV_TIME_DAY_US)
#define GW_MACHINE_MOVED_US SV_TIME_MINUTE_US ///< and is told so often
#define GW_MACHINE_AGAIN_US SV_TIME_HOUR_US   ///< it has moved by less, and is told so often

typedef struct gw gw;
typedef struct gw_stream gw_stream;
typedef struct gw_machine gw_machine;

typedef struct gw_machines {
    sv_map *of;      ///< device -> gw_machine
    size_t watched;  ///< of GW_MACHINES_MAX
    bool told_of_it; ///< that there are more
} gw_machines;

void gw_machines_open(gw *g, const uint8_t key[16]);
void gw_machines_close(gw *g);

/// A reading that was judged. `quiet`: nothing is raised by it.
void gw_machine_take(gw *g, gw_stream *s, double value, int64_t at_us, bool quiet);
/// A reading from before the start, with its number; the copy may have learnt from it.
void gw_machine_replay(gw *g, gw_stream *s, double value, int64_t at_us, int64_t row);
/// Other rules are in force, and the streams have them.
void gw_machines_rules(gw *g);
/// Once a second.
void gw_machines_tick(gw *g, int64_t now_us);
void gw_machines_keep_all(gw *g);

/// Is there anything about the device's machine to tell the fleet server now?
bool gw_machine_is_news(const gw *g, const char *device, int64_t now_us);
/// `"machine":{…}`, where there is news.
void gw_machine_tell(gw *g, const char *device, int64_t now_us, sv_json_out *out);
/// The fleet server was away: everything is news.
void gw_machines_untold(gw *g);
/// `"machine":{…}` or null, for people at the site.
void gw_machine_write(const gw *g, const char *device, sv_json_out *out);

/// Somebody says that what the open alert `alert` is about was normal. False: it is not open.
bool gw_machine_normal(gw *g, sv_text device, sv_text alert, sv_text by);

#endif
