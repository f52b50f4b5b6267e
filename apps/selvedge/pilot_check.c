// The proof that every hop works: each check asks the running programs, none trusts the pilot's own
// word.
#include "pilot_check.h"
#include <model/alert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum {
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
        pilot_wait(c->p, INT64_C(6) * CHECK_POLL_US);
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

bool check_gateway_count(checks *c, const char *device, const char *sensor, int64_t *out,
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
        if (!check_gateway_count(c, device, SENSORS[i], &arrived, detail)) {
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

/// The fleet server reaches the program that holds the issuing key.
static bool signer_reached(checks *c, sv_why *detail) {
    if (c->p->signer_socket[0] == '\0') {
        (void) sv_fail(detail, SV_OK, "none is started: the folder's path is too long");
        return true;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    int status = pilot_ask(c->p, c->p->http, "GET", "/metrics", NULL, &body, NULL, detail);
    if (status == 0) {
        return false;
    }
    bool up = status == 200 && metric(body.at, "selvedge_fleet_signer_up") > 0;
    (void) sv_fail(detail, SV_OK, up ? "the fleet server reaches it" : "the fleet server has none");
    return up;
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

static const check_hop HOPS[] = {
    { "update assigned", check_update_begins },
    { "devices online", devices_online },
    { "readings stored at the gateway", readings_stored },
    { "every sensor arrives", sensors_arrive },
    { "charts at the fleet server", series_arrive },
    { "health received", health_received },
    { "alert raised", alert_raised },
    { "alert acknowledged", alert_acknowledged },
    { "signer reached", signer_reached },
    { "wrong CA refused", check_stranger_refused },
    { "no device speaks for another", check_impostor_stopped },
    { "machine updated and confirmed", check_update_ends },
};

/// Every hop is looked at again until it works or the time is over.
static void look_until(checks *c, const char *name, look_fn *look) {
    check_result *result = &c->results[c->count++];
    sv_why detail = { .text = "not looked at: the time was over" };
    result->name = name;
    do {
        result->ok = look(c, &detail);
        if (!result->ok) {
            pilot_wait(c->p, CHECK_POLL_US);
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
        several && p->options.seconds == 0 ? CHECK_PROBE_US : c.end_us - sv_clock_monotonic_us();
    pilot_wait(p, rest_us);
    c.end_us = sv_clock_monotonic_us() + CHECK_PROBE_US;
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
