// The gateway's own alert about what waits for the fleet server: HEALTH, rule `spool`, under the
// gateway's id. A warning when it nears its bound, critical once something of it had to go, cleared
// when there is room again and nothing has gone for a while. What went without being told, because
// of a kill in between, is told after the next start. [spool-5]
#ifndef SELVEDGE_GATEWAY_SPOOL_ALERT_H
#define SELVEDGE_GATEWAY_SPOOL_ALERT_H

#include "outbox.h"
#include <model/alert.h>

enum {
    GW_SPOOL_NEAR = 80, ///< percent of its room or time: it is a warning
    GW_SPOOL_OVER = 60, ///< below it is none any more
};
#define GW_SPOOL_CALM_US SV_TIME_MINUTE_US        ///< nothing went for so long: it is over
#define GW_SPOOL_TELL_US (10 * SV_TIME_MINUTE_US) ///< that more and more goes is told so seldom
#define GW_SPOOL_RULE "spool"

typedef struct gw_spool_alert {
    bool open;
    sv_severity severity;
    char id[SV_ALERT_ID_MAX + 1];
    char message[SV_ALERT_MESSAGE_MAX];
    int64_t before[GW_ITEM__COUNT]; ///< had gone when it was last over
    int64_t gone;                   ///< since then, all kinds, at the last look
    int64_t gone_us;                ///< monotonic, when `gone` last rose
    int64_t told, told_us;          ///< the `gone` that was last told, and when
} gw_spool_alert;

/// What becomes of it when the spool is `fill` full and `gone` went since it was last over.
sv_alert_event gw_spool_alert_judge(gw_spool_alert *alert, double fill, int64_t gone,
                                    int64_t now_us);

/// After the outbox is open.
sv_err gw_spool_alert_open(gw *g, sv_why *why);
/// With every beat, after gw_outbox_beat.
void gw_spool_alert_beat(gw *g);
/// Is this alert of the store's the gateway's own?
bool gw_spool_alert_is(const sv_alert *alert);
/// It was open when the program ended.
void gw_spool_alert_reopen(gw *g, const sv_alert *alert);

#endif
