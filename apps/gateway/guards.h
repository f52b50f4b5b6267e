// The rules with names as they stand for every device of the site (edge/guard.h), their alerts and
// what they have done. Alerts of rules have no sensor: the rule's name tells them apart.
#ifndef SELVEDGE_GATEWAY_GUARDS_H
#define SELVEDGE_GATEWAY_GUARDS_H

#include <base/map.h>
#include <edge/guard.h>
#include <model/alert.h>

struct gw;
struct gw_stream;
struct gw_kept_alert;

/// A device that rules concern.
typedef struct gw_guard gw_guard;

typedef struct gw_guards {
    sv_map *of;                 ///< device -> gw_guard
    struct gw_kept_alert *gone; ///< open at the start, and their rules are no more
    size_t gone_count;
} gw_guards;

void gw_guards_open(struct gw *g, const uint8_t key[16]);
void gw_guards_close(struct gw *g);

/// Which rules ask about the stream: of those in force now.
void gw_guard_attach(struct gw *g, struct gw_stream *s);
/// Other rules are in force; the old ones are there still. Streams are attached after it.
void gw_guards_reload(struct gw *g);
/// So, of those alone that are in other groups now.
void gw_guards_members(struct gw *g, const sv_members *old, const sv_members *fresh);
/// A reading that is judged. `quiet`: it was before this start.
void gw_guard_take(struct gw *g, const struct gw_stream *s, const sv_expression_input *input,
                   int64_t received_us, bool quiet);
/// Once a second.
void gw_guards_tick(struct gw *g);

/// The condition of a rule's alert, open or not; NULL: there is none.
sv_condition *gw_guard_condition(struct gw *g, const sv_alert *alert);
/// May its alert not leave the site, by the rules in force now?
bool gw_guard_stays(struct gw *g, const sv_alert *alert);
/// It was open when the program ended. One whose rule is no more is cleared with the next tick.
void gw_guard_reopen(struct gw *g, const struct gw_kept_alert *kept);

#endif
