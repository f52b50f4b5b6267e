// Who of the site is in the fleet server's groups that its rules name (docs/spec/members.md). What
// changes is asked for from the number on that is on disk; a whole answer is written there, and
// only then in force; what was told last holds while nobody can be asked.
#ifndef SELVEDGE_GATEWAY_MEMBERS_H
#define SELVEDGE_GATEWAY_MEMBERS_H

#include "pause.h"

#include <codec/json.h>
#include <edge/rules.h>
#include <sys/loop.h>

struct gw;

enum {
    GW_MEMBERS_SHOWN_MAX = 8, ///< groups that the log names in one line
};
/// Rules that name a group of which nothing was told wait so long for it.
#define GW_MEMBERS_WAIT_US (10 * SV_TIME_SECOND_US)

typedef struct gw_members {
    sv_members *in_force;
    int64_t revision;
    struct {
        sv_members *members; ///< NULL: none
        int64_t revision;
        uint64_t group; ///< with which it is on disk
    } next;
    struct {
        sv_members *members; ///< NULL: what comes is added to what is in force
        int64_t revision;
        bool whole; ///< from the beginning, because sums differ
    } coming;
    bool wanted, under_way;
    bool again; ///< something changed while it was asked for
    sv_timer *timer;
    gw_pause pause;
} gw_members;

/// What the database says; before rules are in force.
sv_err gw_members_open(struct gw *g, sv_why *why);
void gw_members_start(struct gw *g);
void gw_members_close(struct gw *g);

/// Something may have changed: ask.
void gw_members_lost(struct gw *g);
/// What the fleet server answered. SV_ERR_INVALID: it breaks its format.
sv_err gw_members_take(struct gw *g, const sv_json *given, sv_why *why);
/// What is on disk by now comes in force.
void gw_members_turn(struct gw *g);

/// The rules with who is in their groups; takes them over.
sv_rules *gw_members_with(struct gw *g, sv_rules *rules);
/// Is a group named of which nothing was ever told?
bool gw_members_lack(const struct gw *g, const sv_rules *rules);
/// Groups that these rules name and that nobody is in, in a line of the log.
void gw_members_warn(const struct gw *g, const sv_rules *rules);
/// {"revision","groups":[{"name","known","devices"}]}
void gw_members_write(const struct gw *g, sv_json_out *out);

#endif
