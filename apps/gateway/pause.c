#include "gateway.h"
#include <sys/log.h>

bool gw_pause_is_over(gw_pause *pause) {
    if (pause->looks++ < pause->length) {
        return false;
    }
    pause->looks = 0;
    return true;
}

void gw_pause_end(gw_pause *pause) {
    *pause = (gw_pause){ 0 };
}

void gw_pause_longer(const gw *g, gw_pause *pause, const char *event,
                     const sv_http_reply_view *reply, const sv_why *why) {
    int64_t longest = g->config.fleet.retry_us / GW_PAUSE_LOOK_US - 1;
    pause->length = pause->length * 2 + 1 > longest ? longest : pause->length * 2 + 1;
    SV_LOG(warn, event, "status %d %s; next try in %lld s", reply->status,
           why == NULL ? "" : why->text,
           (long long) ((pause->length + 1) * GW_PAUSE_LOOK_US / SV_TIME_SECOND_US));
}

void gw_fleet_is_back(gw *g) {
    gw_pause_end(&g->site_rules.pause);
    gw_pause_end(&g->members.pause);
    gw_pause_end(&g->maintenance.pause);
    gw_pause_end(&g->models.pause);
    gw_pause_end(&g->standing.pause);
    gw_uplink_hurry(g);
    gw_push_hurry(g);
}
