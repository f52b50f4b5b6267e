#include "traffic.h"
#include "gateway.h"

void gw_traffic_note(gw *g, gw_way way, gw_stream *s, uint64_t weight) {
    g->traffic.hand[way].weight += weight;
    if (s == NULL || weight == 0) {
        return;
    }
    if (s->traffic.hand[way].weight == 0) {
        s->traffic.hand[way].next = g->traffic.hand[way].of;
        g->traffic.hand[way].of = s;
    }
    s->traffic.hand[way].weight += weight;
}

void gw_traffic_add(gw *g, gw_way way, gw_stream *s, uint64_t bytes) {
    if (s != NULL) {
        s->traffic.bytes[way] += bytes;
        g->traffic.bytes[s->rules.uplink][way] += bytes;
    }
}

void gw_traffic_share(gw *g, gw_way way, uint64_t bytes) {
    uint64_t weight_left = g->traffic.hand[way].weight;
    uint64_t left = bytes;
    gw_stream *s = g->traffic.hand[way].of;
    while (s != NULL) {
        gw_stream *next = s->traffic.hand[way].next;
        uint64_t weight = s->traffic.hand[way].weight;
        uint64_t share =
            left * weight / weight_left; // of what is left: nothing is lost by rounding
        gw_traffic_add(g, way, s, share);
        left -= share;
        weight_left -= weight;
        s->traffic.hand[way].weight = 0;
        s->traffic.hand[way].next = NULL;
        s = next;
    }
    g->traffic.hand[way].weight = 0;
    g->traffic.hand[way].of = NULL;
}

void gw_traffic_metrics(const gw *g, sv_textbuf *out) {
    static const char *const WAYS[] = { [GW_WAY_IN] = "in", [GW_WAY_UP] = "up" };
    sv_textbuf_add_str(out, "# HELP selvedge_gateway_sensor_bytes_total Bytes that came in for "
                            "sensors and went up because of them, by what of them may.\n"
                            "# TYPE selvedge_gateway_sensor_bytes_total counter\n");
    for (unsigned i = 0; i < SV_UPLINK__COUNT; i++) {
        for (unsigned way = 0; way < GW_WAY__COUNT; way++) {
            sv_textbuf_addf(out,
                            "selvedge_gateway_sensor_bytes_total{uplink=\"%s\",way=\"%s\"} %llu\n",
                            sv_uplink_name((sv_uplink) i), WAYS[way],
                            (unsigned long long) g->traffic.bytes[i][way]);
        }
    }
}
