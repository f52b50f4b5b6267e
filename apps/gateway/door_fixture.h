// For tests at the real front door: the gateway's MQTT server on a free port, and devices that come
// to it over TLS, all on one loop.
#ifndef SELVEDGE_GATEWAY_DOOR_FIXTURE_H
#define SELVEDGE_GATEWAY_DOOR_FIXTURE_H

#include "standing_fixture.h"

enum { TURN_US = 5000, PATIENCE_US = 15 * 1000 * 1000, VISITORS_MAX = 8 };

/// Lets the loop turn until `condition` holds; fails when it does not come to hold.
#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t end_us_ = sv_clock_monotonic_us() + PATIENCE_US;                                   \
        while (!(condition) && sv_clock_monotonic_us() < end_us_) {                                \
            sv_loop_turn((f)->g.loop, TURN_US);                                                    \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/// A device, or the app `mes`, that comes back whenever it is sent away.
typedef struct visitor {
    sv_tls *tls;
    sv_mqtt_client *mqtt;
    int ups, downs, subscribed, refused, heard;
    uint64_t acknowledged;
    char last_topic[128], last_payload[256];
    char why[SV_WHY_MAX];
} visitor;

static inline void visitor_up(void *arg, bool session_present) {
    visitor *v = arg;
    (void) session_present;
    v->ups++;
}

static inline void visitor_down(void *arg, const sv_why *why, int64_t retry_us) {
    visitor *v = arg;
    (void) retry_us;
    v->downs++;
    memcpy(v->why, why->text, sizeof v->why);
}

static inline void visitor_message(void *arg, const sv_mqtt_message *message) {
    visitor *v = arg;
    v->heard++;
    (void) (sv_text_copy(message->topic, v->last_topic, sizeof v->last_topic) == SV_OK);
    (void) (sv_text_copy(message->payload, v->last_payload, sizeof v->last_payload) == SV_OK);
}

static inline void visitor_acknowledged(void *arg, uint64_t token) {
    visitor *v = arg;
    v->acknowledged = token;
}

static inline void visitor_subscribed(void *arg, bool granted) {
    visitor *v = arg;
    v->subscribed++;
    v->refused += granted ? 0 : 1;
}

static inline void visitor_open(fixture *f, const issuer *site, const char *id, visitor *v) {
    static const sv_mqtt_client_events EVENTS = { .up = visitor_up,
                                                  .down = visitor_down,
                                                  .message = visitor_message,
                                                  .acknowledged = visitor_acknowledged,
                                                  .subscribed = visitor_subscribed };
    char paths[3][160];
    char will[96];
    char name[96];
    issuer_path(site, "ca.crt", paths[0], sizeof paths[0]);
    (void) snprintf(name, sizeof name, "%s.crt", id);
    issuer_path(site, name, paths[1], sizeof paths[1]);
    (void) snprintf(name, sizeof name, "%s.key", id);
    issuer_path(site, name, paths[2], sizeof paths[2]);
    const sv_tls_files files = { .ca = paths[0], .cert = paths[1], .key = paths[2] };
    sv_why why = { 0 };
    *v = (visitor){ 0 };
    (void) snprintf(will, sizeof will, "presence/%s", id);
    if (sv_tls_client(&files, &v->tls, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    const sv_mqtt_client_options options = { .host = "127.0.0.1",
                                             .port = sv_mqtt_server_port(f->g.door),
                                             .tls = v->tls,
                                             .client_id = id,
                                             .will_topic = strcmp(id, "mes") == 0 ? NULL : will,
                                             .will_payload = "{\"online\":false}" };
    assert_int_equal(sv_mqtt_client_open(f->g.loop, &options, &EVENTS, v, &v->mqtt, &why), SV_OK);
}

static inline void visitor_in(fixture *f, const issuer *site, const char *id, visitor *v) {
    visitor_open(f, site, id, v);
    TURN_UNTIL(f, v->ups == 1);
}

static inline void visitor_drop(visitor *v) {
    sv_mqtt_client_drop(&v->mqtt);
    sv_tls_drop(&v->tls);
}

static inline void visitor_say(const visitor *v, const char *topic, const char *payload,
                               bool retain, uint64_t token) {
    assert_int_equal(
        sv_mqtt_client_publish(v->mqtt, sv_text_of(topic), sv_text_of(payload), 1, retain, token),
        SV_OK);
}

static inline void issue_device(const issuer *site, const char *id, sv_role role) {
    const sv_pki_leaf leaf = { .id = id, .role = role, .out = site->dir };
    sv_why why = { 0 };
    if (sv_pki_issue(site->dir, &leaf, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

/// Instead of the broker that never answers.
static inline void open_door(fixture *f, const issuer *site) {
    gw_config *c = &f->g.config;
    trust(f, site);
    issuer_path(site, "gw-1.key", c->tls.key, sizeof c->tls.key);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    c->own_door = true;
    c->listen.port = 0;
    sv_why why = { 0 };
    if (gw_door_open(&f->g, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void close_door(fixture *f) {
    f->g.exit_code = -1;
    gw_door_close(&f->g);
}

#endif
