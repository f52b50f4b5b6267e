// Where messages come from: the gateway's own front door, or an external broker.
#include "gateway.h"

sv_err gw_front_open(gw *g, sv_why *why) {
    return g->config.own_door ? gw_door_open(g, why) : gw_broker_open(g, why);
}

void gw_front_close(gw *g) {
    gw_door_close(g);
    gw_broker_close(g);
}

void gw_settled(gw *g, uint64_t group) {
    if (g->door != NULL) {
        gw_door_settled(g, group);
    } else if (g->mqtt != NULL) {
        gw_broker_settled(g, group);
    }
}

bool gw_publish(gw *g, sv_text topic, sv_text payload, int64_t event) {
    if (g->door != NULL) {
        return sv_mqtt_server_publish(g->door, topic, payload, 1, false);
    }
    bool sent =
        g->mqtt != NULL
        && sv_mqtt_client_publish(g->mqtt, topic, payload, 1, false, (uint64_t) event) == SV_OK;
    if (sent && event > 0) {
        g->push.waiting = event;
    }
    return sent;
}

bool gw_front_is_up(const gw *g) {
    return g->door != NULL || (g->mqtt != NULL && sv_mqtt_client_is_up(g->mqtt));
}
