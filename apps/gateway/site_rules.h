// The rules that the fleet server gives (docs/spec/rules.md). What an event announces is fetched
// until it is there; judged whole; written to disk, and only then in force, with the streams' state
// kept. Until the first of them, and with `rules_from: file`, the sections of the gateway's own
// file hold.
#ifndef SELVEDGE_GATEWAY_SITE_RULES_H
#define SELVEDGE_GATEWAY_SITE_RULES_H

#include "config.h"
#include "pause.h"

#include <codec/json.h>
#include <sys/loop.h>

enum {
    GW_RULES_SHA256_ROOM = 65, ///< hexadecimal
    GW_RULES_WHY_MAX = 1024,   ///< bytes of why a version was refused
};

struct gw;

typedef struct gw_site_rules {
    int64_t version; ///< in force; 0: those of the file
    int64_t at_ms;   ///< since when
    char sha256[GW_RULES_SHA256_ROOM];
    struct {
        bool any;
        int64_t version; ///< 0: the newest
        char sha256[GW_RULES_SHA256_ROOM];
    } wanted;
    struct {
        int64_t version; ///< 0: none was
        int64_t at_ms;
        char why[GW_RULES_WHY_MAX];
    } refused; ///< the last one, while none came after it
    struct {
        sv_rules *rules; ///< NULL: none
        int64_t version, at_ms;
        char sha256[GW_RULES_SHA256_ROOM];
        uint64_t group;   ///< with which it is on disk
        int64_t until_us; ///< it waits so long for who is in its groups (monotonic)
    } next;               ///< in force as soon as it is on disk
    sv_timer *timer;
    gw_pause pause;
    int64_t asked; ///< the version that is being fetched
    bool under_way;
} gw_site_rules;

/// What the database says; before streams are made.
sv_err gw_site_rules_open(struct gw *g, sv_why *why);
/// Begin to fetch, if there is a fleet server.
void gw_site_rules_start(struct gw *g);
void gw_site_rules_close(struct gw *g);

/// Events may have been lost: ask for the newest.
void gw_site_rules_lost(struct gw *g);
/// What the fleet server answered. False: that is not what was asked for.
bool gw_site_rules_take(struct gw *g, const sv_json *given);
/// What is on disk by now comes in force.
void gw_site_rules_turn(struct gw *g);
/// The file was read again: its rules come in force, unless the fleet server's hold.
void gw_site_rules_reload(struct gw *g, gw_config *fresh);

/// "2 faults: line 3, column 9: ...; line 7, column 1: ...", as many as fit `room_bytes`.
void gw_site_rules_faults(const sv_config_faults *faults, size_t room_bytes, sv_textbuf *out);
/// {"from","version","at","refused"}, for the fleet server and the local page.
void gw_site_rules_write(const struct gw *g, sv_json_out *out);

#endif
