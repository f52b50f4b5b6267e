#include "door_watch.h"

#include "gateway.h"
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

/// Who took whose session, and whether the other was still there. [standing-27]
static void watch_clones(gw *g, sv_broker_event event, const sv_broker_peer *who) {
    sv_text id = sv_text_of(who->identity.id);
    if (who->local || who->identity.role != SV_ROLE_DEVICE) {
        return;
    }
    if (event == SV_BROKER_TAKEN_OVER) {
        (void) snprintf(g->clone_loser, sizeof g->clone_loser, "%s", who->address);
    } else if (event == SV_BROKER_CONNECTED && g->clone_loser[0] != '\0') {
        gw_clones_took(&g->clones, id, g->clone_loser, who->address, sv_clock_monotonic_us());
        g->clone_loser[0] = '\0';
    } else if (event == SV_BROKER_DISCONNECTED && g->clone_loser[0] == '\0') {
        gw_clones_ended(&g->clones, id);
    }
}

void gw_door_parted(void *arg, const char *address, bool answered) {
    gw *g = arg;
    char places[2 * GW_CLONE_PLACE_ROOM];
    char message[SV_ALERT_MESSAGE_MAX];
    const gw_clone_watch *found =
        gw_clones_parted(&g->clones, address, answered, sv_clock_monotonic_us(), places);
    if (found == NULL || g->exit_code != 0
        || gw_standing_is_quarantined(g, sv_text_of(found->id))) {
        return;
    }
    (void) snprintf(message, sizeof message,
                    "Its key is used at the same time from %s%s; it is quarantined", places,
                    strchr(places, ',') == NULL ? ", twice" : "");
    SV_LOG(warn, "security.clone", "%s: %s", found->id, message);
    g->clones_found++;
    (void) gw_standing_hold(g, found->id, places);
    gw_notice_raise(g, GW_NOTICE_CLONE, found->id, message);
}

/// A right that was missing, or another's client id. [standing-29]
static void note_denied(gw *g, sv_broker_event event, const sv_broker_peer *who,
                        const sv_why *why) {
    bool denied =
        event == SV_BROKER_DENIED || (event == SV_BROKER_REFUSED && why->code == SV_ERR_UNTRUSTED);
    if (denied && !who->local) {
        gw_denials_note(g, who->identity.id, why->text, sv_clock_monotonic_us());
    }
}

void gw_door_watch(gw *g, sv_broker_event event, const sv_broker_peer *who, const sv_why *why) {
    watch_clones(g, event, who);
    note_denied(g, event, who, why);
}
