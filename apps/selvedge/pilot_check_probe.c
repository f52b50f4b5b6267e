// Who must not get in, and who may not speak for another: tried with a client of one's own at the
// first site's gateway.
#include "pilot_check.h"
#include <crypto/pki.h>
#include <model/reading.h>
#include <mqtt/client.h>
#include <stdio.h>
#include <sys/clock.h>

/// A client that speaks once to the first site's gateway.
typedef struct probe {
    bool up, down, acknowledged;
    char reason[SV_WHY_MAX];
} probe;

static void probe_up(void *arg, bool session_present) {
    (void) session_present;
    ((probe *) arg)->up = true;
}

static void probe_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) retry_us;
    probe *mine = arg;
    mine->down = true;
    (void) snprintf(mine->reason, sizeof mine->reason, "%s", why->text);
}

static void probe_acknowledged(void *arg, uint64_t token) {
    (void) token;
    ((probe *) arg)->acknowledged = true;
}

static const sv_mqtt_client_events PROBE_EVENTS = { .up = probe_up,
                                                    .down = probe_down,
                                                    .acknowledged = probe_acknowledged };

static sv_err probe_tls(checks *c, const char *folder, const char *id, sv_tls **out, sv_why *why) {
    char ca[SV_PATH_MAX];
    char cert[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    char relative[SV_ID_MAX * 2 + 64];
    pilot_path(c->p, ca, "pki/ca.crt");
    (void) snprintf(relative, sizeof relative, "%s/%s.crt", folder, id);
    pilot_path(c->p, cert, relative);
    (void) snprintf(relative, sizeof relative, "%s/%s.key", folder, id);
    pilot_path(c->p, key, relative);
    sv_tls_files files = { .ca = ca, .cert = cert, .key = key };
    return sv_tls_client(&files, out, why);
}

static sv_err probe_open(checks *c, sv_tls *tls, const char *id, probe *state, sv_mqtt_client **out,
                         sv_why *why) {
    sv_mqtt_client_options options = { .host = "127.0.0.1",
                                       .port = c->p->sites[0].mqtt.number,
                                       .tls = tls,
                                       .client_id = id,
                                       .clean_session = true };
    return sv_mqtt_client_open(c->p->loop, &options, &PROBE_EVENTS, state, out, why);
}

static void probe_wait(checks *c, const bool *either, const bool *other) {
    int64_t end_us = sv_clock_monotonic_us() + CHECK_PROBE_US;
    while (!*either && !*other && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(c->p->loop, CHECK_POLL_US / 10);
    }
}

static sv_err issue_probe(checks *c, const char *pki, const char *id, sv_why *why) {
    char dir[SV_PATH_MAX];
    char out[SV_PATH_MAX];
    char crt[SV_PATH_MAX];
    char relative[SV_ID_MAX * 2 + 64];
    pilot_path(c->p, dir, pki);
    (void) snprintf(relative, sizeof relative, "keys/%s", id);
    pilot_path(c->p, out, relative);
    (void) snprintf(relative, sizeof relative, "keys/%s/%s.crt", id, id);
    pilot_path(c->p, crt, relative);
    if (sv_disk_exists(crt)) {
        return SV_OK;
    }
    sv_pki_leaf leaf = { .id = id, .role = SV_ROLE_DEVICE, .key = SV_KEY_EC, .out = out };
    return sv_pki_issue(dir, &leaf, why);
}

bool check_stranger_refused(checks *c, sv_why *detail) {
    char foreign[SV_PATH_MAX];
    pilot_path(c->p, foreign, "keys/foreign-ca");
    char made[SV_PATH_MAX];
    pilot_path(c->p, made, "keys/foreign-ca/ca.crt");
    sv_pki_setup setup = { .dir = foreign, .org = "Somebody else", .key = SV_KEY_EC };
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    sv_mqtt_client *client = NULL;
    probe state = { .up = false };
    if ((!sv_disk_exists(made) && sv_pki_init(&setup, detail) != SV_OK)
        || issue_probe(c, "keys/foreign-ca", "stranger", detail) != SV_OK
        || probe_tls(c, "keys/stranger", "stranger", &tls, detail) != SV_OK
        || probe_open(c, tls, "stranger", &state, &client, detail) != SV_OK) {
        return false;
    }
    probe_wait(c, &state.up, &state.down);
    bool refused = state.down && !state.up;
    (void) sv_fail(detail, SV_OK, "%s",
                   state.up ? "a certificate of another CA was let in" : state.reason);
    sv_mqtt_client_drop(&client);
    return refused;
}

static void publish_probe(sv_mqtt_client *client, const char *device, const char *sensor) {
    char topic[200];
    char payload[400];
    sv_textbuf text = SV_TEXTBUF(payload);
    sv_reading reading = { .key = { .device_id = sv_text_of(device), .sensor = sv_text_of(sensor) },
                           .value = 1,
                           .at_us = sv_clock_wall_us() };
    (void) snprintf(topic, sizeof topic, "sensors/%s/%s", device, sensor);
    sv_reading_format(&reading, &text);
    (void) sv_mqtt_client_publish(client, sv_text_of(topic), sv_textbuf_text(&text), 1, false, 1);
}

/// Waits until the victim's own readings, sent after the false one, have come through.
static bool wait_for_later(checks *c, const char *device, const char *sensor, sv_why *detail) {
    int64_t before = 0;
    int64_t now = 0;
    int64_t end_us = sv_clock_monotonic_us() + CHECK_PROBE_US;
    bool asked = check_gateway_count(c, device, sensor, &before, detail);
    while (asked && now < before + 2 && sv_clock_monotonic_us() < end_us) {
        pilot_wait(c->p, CHECK_POLL_US);
        asked = check_gateway_count(c, device, sensor, &now, detail);
    }
    return asked && now >= before + 2;
}

bool check_impostor_stopped(checks *c, sv_why *detail) {
    const char *victim = "lathe-01";
    const char *sensor = "temperature";
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    sv_mqtt_client *client = NULL;
    probe state = { .up = false };
    if (issue_probe(c, "pki", "prober", detail) != SV_OK
        || probe_tls(c, "keys/prober", "prober", &tls, detail) != SV_OK
        || probe_open(c, tls, "prober", &state, &client, detail) != SV_OK) {
        return false;
    }
    publish_probe(client, victim, "impostor");
    probe_wait(c, &state.acknowledged, &state.down);
    sv_mqtt_client_drop(&client);
    if (!state.acknowledged) {
        (void) sv_fail(detail, SV_ERR_UNAVAILABLE, "the prober could not publish: %s",
                       state.reason);
        return false;
    }
    int64_t foreign = 0;
    bool asked = wait_for_later(c, victim, sensor, detail)
                 && check_gateway_count(c, victim, "impostor", &foreign, detail);
    if (asked) {
        (void) sv_fail(detail, SV_OK, "a reading in the name of %s, by another certificate, %s",
                       victim, foreign > 0 ? "arrived" : "is absent at the gateway");
    }
    return asked && foreign == 0;
}
