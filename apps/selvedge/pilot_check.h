// What the files of `pilot --check` share: pilot_check.c looks at every hop, pilot_check_probe.c at
// who is kept out, pilot_check_sites.c at what several sites can show.
#ifndef SELVEDGE_PILOT_CHECK_H
#define SELVEDGE_PILOT_CHECK_H

#include "pilot.h"
#include <codec/json.h>

enum {
    CHECK_BODY_MAX = 8 * 1024 * 1024,
    CHECKS_MAX = 26,
    CHECK_PATH_ROOM = 160,
    CHECK_POLL_US = 250000,
    CHECK_PROBE_US = 4 * 1000000, ///< so long a client waits for what it tries
};

typedef struct check_result {
    const char *name;
    bool ok;
    char detail[SV_WHY_MAX];
} check_result;

typedef struct checks {
    pilot *p;
    int64_t end_us;
    check_result results[CHECKS_MAX];
    size_t count;
    struct {
        bool is;       ///< the last site has no link to the fleet server
        int64_t at_ms; ///< since when, or was, by the wall clock
        double stored; ///< readings at its gateway then
    } cut;
} checks;

/// One look: true when the hop works; `detail` says what was seen, either way.
typedef bool look_fn(checks *c, sv_why *detail);

typedef struct check_hop {
    const char *name;
    look_fn *look;
} check_hop;

/// What the fleet server answers with 200; `body` must live as long as `out`.
bool check_ask(checks *c, const char *path, sv_textbuf *body, sv_json **out, sv_why *why);
/// A number of a gateway's metrics; -1: it cannot be asked, or has none of that name.
double check_metric(checks *c, const pilot_site *site, const char *name, sv_why *why);

/// How many readings of this stream the first site's gateway has accepted, 0 when it knows none.
bool check_gateway_count(checks *c, const char *device, const char *sensor, int64_t *out,
                         sv_why *why);

/// A certificate of another CA, with a name that exists, must not get in.
bool check_stranger_refused(checks *c, sv_why *detail);
/// What a device publishes in the name of another one does not arrive.
bool check_impostor_stopped(checks *c, sv_why *detail);

/// A machine is told to install 1.1, and in the end runs it.
bool check_update_begins(checks *c, sv_why *detail);
bool check_update_ends(checks *c, sv_why *detail);

/// Of several sites: alerts from each, and the last one cut off and healed.
extern const check_hop CHECKS_OF_SITES[];
extern const size_t CHECKS_OF_SITES_COUNT;

#endif
