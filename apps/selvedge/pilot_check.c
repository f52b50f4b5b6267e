// The proof that every hop works: each check asks the running programs, none trusts the pilot's own
// word.
#include "pilot_check.h"
#include <crypto/pki.h>
#include <model/alert.h>
#include <mqtt/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum {
    POLL_US = 250000,
    PROBE_US = 4 * 1000000,
    SECONDS_DEFAULT = 30,
    SECONDS_OF_SITES = 180, ///< they end as soon as all is well
    SECONDS_OF_CUT = 60,    ///< with less than this a site is not cut off
    SUMMARY_MAX = 65536,
    ALERT_ID_BYTES = SV_ALERT_ID_MAX + 1,
};

bool check_ask(checks *c, const char *path, sv_textbuf *body, sv_json **out, sv_why *why) {
    int status = pilot_ask(c->p, c->p->http, "GET", path, NULL, body, NULL, why);
    if (status != 200) {
        if (status != 0) {
            (void) sv_fail(why, SV_ERR_UNAVAILABLE, "GET %s answered %d", path, status);
        }
        return false;
    }
    return sv_json_parse(sv_textbuf_text(body), out, NULL, why) == SV_OK;
}

static bool devices_online(checks *c, sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (!check_ask(c, "/api/v1/overview", &body, &root, detail)) {
        return false;
    }
    double online = 0;
    (void) sv_json_number(sv_json_get(sv_json_get(root, "devices"), "online"), &online);
    (void) sv_fail(detail, SV_OK, "%.0f of %lld devices online", online,
                   (long long) c->p->options.devices);
    return online >= (double) c->p->options.devices;
}

/// A metric's value in a Prometheus page, or -1.
static double metric(const char *page, const char *name) {
    size_t len = strlen(name);
    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        if (strncmp(line, name, len) == 0 && line[len] == ' ') {
            return strtod(line + len + 1, NULL);
        }
    }
    return -1;
}

double check_metric(checks *c, const pilot_site *site, const char *name, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    return pilot_ask_gateway(c->p, site, "/metrics", &body, why) == 200 ? metric(body.at, name)
                                                                        : -1;
}

/// At every gateway the number of stored readings rises within the poll.
static bool readings_stored(checks *c, sv_why *detail) {
    static const char STORED[] = "selvedge_gateway_readings_stored_total";
    double total = 0;
    for (size_t i = 0; i < c->p->site_count; i++) {
        double before = check_metric(c, &c->p->sites[i], STORED, detail);
        pilot_wait(c->p, INT64_C(6) * POLL_US);
        double now = check_metric(c, &c->p->sites[i], STORED, detail);
        if (before < 0 || now < 0) {
            return false;
        }
        if (now <= before) {
            (void) sv_fail(detail, SV_ERR_STATE, "%s: stored readings stand still at %.0f",
                           c->p->sites[i].gateway_id, now);
            return false;
        }
        total += now;
    }
    (void) sv_fail(detail, SV_OK, "%.0f readings stored, rising at every gateway", total);
    return true;
}

/// How many readings of this stream the first site's gateway has accepted, 0 when it knows none.
static bool gateway_count(checks *c, const char *device, const char *sensor, int64_t *out,
                          sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[256];
    (void) snprintf(path, sizeof path, "/v1/streams?device=%s", device);
    if (pilot_ask_gateway(c->p, &c->p->sites[0], path, &body, why) != 200
        || sv_json_parse(sv_textbuf_text(&body), &root, NULL, why) != SV_OK) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < sv_json_count(root); i++) {
        const sv_json *stream = sv_json_at(root, i);
        sv_text name = SV_TEXT("");
        if (sv_json_text(sv_json_get(stream, "sensor"), &name) && sv_text_is(name, sensor)) {
            (void) sv_json_int(sv_json_get(stream, "count"), out);
        }
    }
    return true;
}

/// Every sensor of the first machine arrives, not only the first one.
static bool sensors_arrive(checks *c, sv_why *detail) {
    static const char *const SENSORS[] = { "temperature", "vibration", "pressure", "current" };
    static const char *const device = "lathe-01";
    for (size_t i = 0; i < SV_COUNT(SENSORS); i++) {
        int64_t arrived = 0;
        if (!gateway_count(c, device, SENSORS[i], &arrived, detail)) {
            return false;
        }
        if (arrived == 0) {
            (void) sv_fail(detail, SV_ERR_NOT_FOUND, "no %s of %s", SENSORS[i], device);
            return false;
        }
    }
    (void) sv_fail(detail, SV_OK, "all %zu of %s", SV_COUNT(SENSORS), device);
    return true;
}

/// The first device's temperature has come through to the fleet server's charts.
static bool series_arrive(checks *c, sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[256];
    (void) snprintf(path, sizeof path,
                    "/api/v1/devices/lathe-01/series?sensor=temperature&points=100");
    if (!check_ask(c, path, &body, &root, detail)) {
        return false;
    }
    size_t points = sv_json_count(sv_json_get(root, "points"));
    (void) sv_fail(detail, SV_OK, "%zu points of lathe-01 temperature", points);
    return points >= 2;
}

static bool health_received(checks *c, sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (!check_ask(c, "/api/v1/devices/this-machine", &body, &root, detail)) {
        return false;
    }
    double memory = -1;
    const sv_json *metrics = sv_json_get(sv_json_get(root, "report"), "metrics");
    (void) sv_json_number(sv_json_get(metrics, "memory_usage"), &memory);
    (void) sv_fail(detail, SV_OK,
                   memory < 0 ? "no health report of this machine yet"
                              : "this machine: memory %.0f %%",
                   memory);
    return memory >= 0;
}

/// The newest threshold alert in this state.
static bool first_alert(checks *c, const char *state, char id[ALERT_ID_BYTES], sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[128];
    (void) snprintf(path, sizeof path, "/api/v1/alerts?state=%s&limit=200", state);
    if (!check_ask(c, path, &body, &root, detail)) {
        return false;
    }
    const sv_json *items = sv_json_get(root, "items");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *alert = sv_json_at(items, i);
        sv_text type = SV_TEXT("");
        sv_text text = SV_TEXT("");
        sv_text message = SV_TEXT("");
        if (sv_json_text(sv_json_get(alert, "type"), &type) && sv_text_is(type, "HIGH")
            && sv_json_text(sv_json_get(alert, "message"), &message)
            && sv_json_text(sv_json_get(alert, "id"), &text)
            && sv_text_copy(text, id, ALERT_ID_BYTES) == SV_OK) {
            (void) sv_fail(detail, SV_OK, SV_TEXT_FMT, SV_TEXT_ARG(message));
            return true;
        }
    }
    (void) sv_fail(detail, SV_ERR_NOT_FOUND, "no threshold alert is %s yet", state);
    return false;
}

static bool alert_raised(checks *c, sv_why *detail) {
    char id[ALERT_ID_BYTES];
    return first_alert(c, "all", id, detail);
}

static bool alert_acknowledged(checks *c, sv_why *detail) {
    char id[ALERT_ID_BYTES];
    if (first_alert(c, "acknowledged", id, detail)) {
        return true;
    }
    if (!first_alert(c, "open", id, detail)) {
        return false;
    }
    char path[128];
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    (void) snprintf(path, sizeof path, "/api/v1/alerts/%s/acknowledge", id);
    int status = pilot_ask(c->p, c->p->http, "POST", path, "{}", &body, NULL, detail);
    (void) sv_fail(detail, SV_OK, "acknowledging alert %s answered %d", id, status);
    return status == 200;
}

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
    int64_t end_us = sv_clock_monotonic_us() + PROBE_US;
    while (!*either && !*other && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(c->p->loop, POLL_US / 10);
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

/// A certificate of another CA, with a name that exists, must not get in.
static bool stranger_refused(checks *c, sv_why *detail) {
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
    int64_t end_us = sv_clock_monotonic_us() + PROBE_US;
    bool asked = gateway_count(c, device, sensor, &before, detail);
    while (asked && now < before + 2 && sv_clock_monotonic_us() < end_us) {
        pilot_wait(c->p, POLL_US);
        asked = gateway_count(c, device, sensor, &now, detail);
    }
    return asked && now >= before + 2;
}

/// What a device publishes in the name of another one does not arrive.
static bool impostor_stopped(checks *c, sv_why *detail) {
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
                 && gateway_count(c, victim, "impostor", &foreign, detail);
    if (asked) {
        (void) sv_fail(detail, SV_OK, "a reading in the name of %s, by another certificate, %s",
                       victim, foreign > 0 ? "arrived" : "is absent at the gateway");
    }
    return asked && foreign == 0;
}

static const check_hop HOPS[] = {
    { "devices online", devices_online },
    { "readings stored at the gateway", readings_stored },
    { "every sensor arrives", sensors_arrive },
    { "charts at the fleet server", series_arrive },
    { "health received", health_received },
    { "alert raised", alert_raised },
    { "alert acknowledged", alert_acknowledged },
    { "wrong CA refused", stranger_refused },
    { "no device speaks for another", impostor_stopped },
};

/// Every hop is looked at again until it works or the time is over.
static void look_until(checks *c, const char *name, look_fn *look) {
    check_result *result = &c->results[c->count++];
    sv_why detail = { .text = "not looked at: the time was over" };
    result->name = name;
    do {
        result->ok = look(c, &detail);
        if (!result->ok) {
            pilot_wait(c->p, POLL_US);
        }
    } while (!result->ok && !c->p->interrupted && sv_clock_monotonic_us() < c->end_us);
    (void) snprintf(result->detail, sizeof result->detail, "%s", detail.text);
    pilot_say("%s %s: %s", result->ok ? "ok  " : "FAIL", name, result->detail);
}

static void print_json(const checks *c, bool passed) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SUMMARY_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    sv_json_add_bool(&out, "ok", passed);
    sv_json_add_int(&out, "devices", c->p->options.devices);
    sv_json_add_int(&out, "sites", (int64_t) c->p->site_count);
    sv_json_key(&out, "checks");
    sv_json_open_array(&out);
    for (size_t i = 0; i < c->count; i++) {
        sv_json_open_object(&out);
        sv_json_add_str(&out, "name", c->results[i].name);
        sv_json_add_bool(&out, "ok", c->results[i].ok);
        sv_json_add_str(&out, "detail", c->results[i].detail);
        sv_json_close_object(&out);
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    (void) sv_textbuf_end(&text);
    (void) puts(text.at);
}

static void print_table(const checks *c, bool passed) {
    for (size_t i = 0; i < c->count; i++) {
        (void) printf("%-4s  %-32s %s\n", c->results[i].ok ? "ok" : "FAIL", c->results[i].name,
                      c->results[i].detail);
    }
    (void) printf("%s\n", passed ? "every hop works" : "a hop does not work");
}

static void check_sites(checks *c, int64_t seconds) {
    if (seconds < SECONDS_OF_CUT) {
        pilot_say("no site is cut off and healed: that takes --seconds %d", SECONDS_OF_CUT);
        return;
    }
    for (size_t i = 0; i < CHECKS_OF_SITES_COUNT; i++) {
        look_until(c, CHECKS_OF_SITES[i].name, CHECKS_OF_SITES[i].look);
    }
}

bool pilot_check(pilot *p) {
    int64_t started_us = sv_clock_monotonic_us();
    bool several = p->site_count > 1;
    int64_t usual = several ? SECONDS_OF_SITES : SECONDS_DEFAULT;
    int64_t seconds = p->options.seconds == 0 ? usual : p->options.seconds;
    checks c = { .p = p, .end_us = started_us + seconds * 1000000 };
    for (size_t i = 0; i < SV_COUNT(HOPS); i++) {
        look_until(&c, HOPS[i].name, HOPS[i].look);
    }
    if (several) {
        check_sites(&c, seconds);
    }
    // The rest of the time passes, and what can break meanwhile is looked at again with fresh data.
    int64_t rest_us =
        several && p->options.seconds == 0 ? PROBE_US : c.end_us - sv_clock_monotonic_us();
    pilot_wait(p, rest_us);
    c.end_us = sv_clock_monotonic_us() + PROBE_US;
    look_until(&c, "devices still online", devices_online);
    look_until(&c, "readings still stored", readings_stored);
    bool passed = !p->interrupted;
    for (size_t i = 0; i < c.count; i++) {
        passed = passed && c.results[i].ok;
    }
    if (p->options.json) {
        print_json(&c, passed);
    } else {
        print_table(&c, passed);
    }
    return passed;
}
