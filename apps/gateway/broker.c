// Behind an external broker: its client. A message is acknowledged to the broker when its group is
// on disk, in the order of arrival.
#include "gateway.h"
#include <base/mem.h>
#include <stdlib.h>
#include <sys/log.h>

static void broker_up(void *arg, bool session_present) {
    gw *g = arg;
    (void) session_present;
    SV_LOG(info, "broker.up", "connected to %s", g->config.broker.host);
    static const sv_text FILTERS[] = {
        { "sensors/#", 9 }, { "health/+", 8 }, { "presence/+", 10 }, { "results/#", 9 }
    };
    for (size_t i = 0; i < SV_COUNT(FILTERS); i++) {
        if (sv_mqtt_client_subscribe(g->mqtt, FILTERS[i], 1) != SV_OK) {
            SV_LOG(error, "broker.subscribe", "cannot subscribe to %s", FILTERS[i].at);
        }
    }
}

static void broker_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) arg;
    SV_LOG(warn, "broker.down", "%s; next try in %lld ms", why->text, (long long) retry_us / 1000);
}

static void broker_subscribed(void *arg, bool granted) {
    (void) arg;
    if (!granted) {
        SV_LOG(error, "broker.subscribe", "the broker refused a subscription: check its ACL");
    }
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    gw *g = arg;
    uint64_t group = gw_ingest_message(g, message->topic, message->payload);
    if (message->ack == 0 || g->ack_count == GW_ACKS_MAX) {
        return;
    }
    g->acks[(g->ack_first + g->ack_count) % GW_ACKS_MAX] =
        (gw_ack){ .group = group, .token = message->ack };
    g->ack_count++;
    gw_broker_settled(g, g->committed);
}

static void broker_acknowledged(void *arg, uint64_t token) {
    int64_t event = (int64_t) token;
    if (event > 0) {
        gw_push_published(arg, event);
    } else if (event < -GW_PUBLISHED_COMMAND) {
        gw_act_published(arg, -event - GW_PUBLISHED_COMMAND);
    } else if (event < 0) {
        gw_local_alert_acknowledged(arg, -event);
    }
}

void gw_broker_settled(gw *g, uint64_t group) {
    while (g->ack_count > 0 && g->acks[g->ack_first].group <= group) {
        sv_mqtt_client_ack(g->mqtt, g->acks[g->ack_first].token);
        g->ack_first = (g->ack_first + 1) % GW_ACKS_MAX;
        g->ack_count--;
    }
}

sv_err gw_broker_open(gw *g, sv_why *why) {
    const sv_mqtt_client_options broker = { .host = g->config.broker.host,
                                            .port = (uint16_t) g->config.broker.port,
                                            .tls = g->broker_tls,
                                            .client_id = g->config.id,
                                            .manual_ack = true };
    static const sv_mqtt_client_events EVENTS = { .up = broker_up,
                                                  .down = broker_down,
                                                  .message = on_message,
                                                  .acknowledged = broker_acknowledged,
                                                  .subscribed = broker_subscribed };
    g->acks = sv_mem_array(GW_ACKS_MAX, sizeof *g->acks);
    gw_device_acks_open(g);
    return sv_mqtt_client_open(g->loop, &broker, &EVENTS, g, &g->mqtt, why);
}

void gw_broker_close(gw *g) {
    if (g->mqtt != NULL) {
        sv_loop_turn(g->loop, 0);
        sv_mqtt_client_stop(g->mqtt, true);
    }
    sv_mqtt_client_drop(&g->mqtt);
    gw_device_acks_close(g);
    free(g->acks);
}
