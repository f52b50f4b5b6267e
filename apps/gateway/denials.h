// Who asks at the front door for what it may not: a topic of another device, another's client id.
// Counted per id; when they pile up it is one SECURITY alert of the id, over when it has stopped.
#ifndef SELVEDGE_GATEWAY_DENIALS_H
#define SELVEDGE_GATEWAY_DENIALS_H

#include <base/map.h>
#include <codec/json.h>
#include <model/id.h>

enum {
    GW_DENIALS_IDS = 10000, ///< that are counted; beyond it only in all
    GW_DENIALS_MANY = 10,   ///< within GW_DENIALS_WITHIN_US is an alert
    GW_DENIALS_SHOWN = 20,
};
#define GW_DENIALS_WITHIN_US (10 * SV_TIME_MINUTE_US)
#define GW_DENIALS_CALM_US SV_TIME_HOUR_US ///< so long after the last one it is over

typedef struct gw_denied {
    char id[SV_ID_ROOM];
    uint64_t count;
    unsigned lately;           ///< since
    int64_t since_us, last_us; ///< monotonic
} gw_denied;

typedef struct gw_denials {
    sv_map *of; ///< id -> gw_denied
} gw_denials;

struct gw;

void gw_denials_open(struct gw *g, const uint8_t key[16]);
void gw_denials_close(struct gw *g);
/// `what` says what was denied.
void gw_denials_note(struct gw *g, const char *id, const char *what, int64_t now_us);
/// Its alert was open when the program ended: as if it had asked just now.
void gw_denials_reopen(struct gw *g, const char *id, int64_t now_us);
/// Those that have stopped are over.
void gw_denials_sweep(struct gw *g, int64_t now_us);
/// How often, since the start.
uint64_t gw_denials_of(const struct gw *g, sv_text id);
/// [{"id","count"}], the most first, at most GW_DENIALS_SHOWN.
void gw_denials_write(const struct gw *g, sv_json_out *out);

#endif
