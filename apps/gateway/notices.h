// Alerts of the gateway itself about who is who, and about machines as a whole: an id that is used
// from two places, one that asks for what it has no right to, a log of standing that is old or not
// to be believed. One open per kind and id, told when it begins, when its sentence changes and when
// it is over.
#ifndef SELVEDGE_GATEWAY_NOTICES_H
#define SELVEDGE_GATEWAY_NOTICES_H

#include <base/map.h>
#include <model/alert.h>

enum { GW_NOTICES_MAX = 20000 };

typedef enum gw_notice_kind {
    GW_NOTICE_OLD_LOG,   ///< HEALTH of the gateway: nothing was heard of who counts for too long
    GW_NOTICE_FALSE_LOG, ///< SECURITY of the gateway: what came was not to be believed
    GW_NOTICE_CLONE,     ///< SECURITY of a device: its key is used from two places
    GW_NOTICE_DENIED,    ///< SECURITY of a device: it asks for what it may not, again and again
    GW_NOTICE_MACHINE,   ///< ANOMALY of a device: its sensors together are not as usual
    GW_NOTICE_FAILURE,   ///< FAILURE of a device: a model says that it will not last
    GW_NOTICE_MODEL,     ///< HEALTH of the gateway: a live model was withdrawn
    GW_NOTICE__COUNT
} gw_notice_kind;

struct gw;

void gw_notices_open(struct gw *g, const uint8_t key[16]);
void gw_notices_close(struct gw *g);
/// Raises it, or tells that there is another sentence; the same one again is not told.
void gw_notice_raise(struct gw *g, gw_notice_kind kind, const char *id, const char *message);
/// The same with how unusual it is, 0 to 100.
void gw_notice_raise_scored(struct gw *g, gw_notice_kind kind, const char *id, const char *message,
                            double score);
void gw_notice_clear(struct gw *g, gw_notice_kind kind, const char *id);
/// All of a kind.
void gw_notice_clear_all(struct gw *g, gw_notice_kind kind);
bool gw_notice_is_open(const struct gw *g, gw_notice_kind kind, const char *id);

/// So, and with this id.
bool gw_notice_is_alert(const struct gw *g, gw_notice_kind kind, const char *id, sv_text alert);

/// Is this alert one of these?
bool gw_notice_is(const sv_alert *alert);
/// It was open when the program ended.
void gw_notice_reopen(struct gw *g, const sv_alert *alert);
/// The very alert is open.
bool gw_notice_has(const struct gw *g, const sv_alert *alert);

#endif
