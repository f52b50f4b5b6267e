// Several sites: each one's alerts arrive, and one that loses its link goes on without it and
// catches up.
#include "machine.h"
#include "pilot_check.h"
#include <stdio.h>
#include <sys/clock.h>

enum { AWAY_READINGS_MIN = 20 }; ///< that come to the site while it is cut off

static const pilot_site *last_site(const checks *c) {
    return &c->p->sites[c->p->site_count - 1];
}

static bool alerts_of_each(checks *c, sv_why *detail) {
    for (size_t i = 0; i < c->p->site_count; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        char path[128];
        (void) snprintf(path, sizeof path, "/api/v1/alerts?state=all&limit=1&site=%s",
                        c->p->sites[i].name);
        if (!check_ask(c, path, &body, &root, detail)) {
            return false;
        }
        if (sv_json_count(sv_json_get(root, "items")) == 0) {
            (void) sv_fail(detail, SV_ERR_NOT_FOUND, "none of %s yet", c->p->sites[i].name);
            return false;
        }
    }
    (void) sv_fail(detail, SV_OK, "from all %zu sites", c->p->site_count);
    return true;
}

static bool is_this(const sv_json *gateway, const char *id) {
    sv_text text = SV_TEXT("");
    return sv_json_text(sv_json_get(gateway, "id"), &text) && sv_text_is(text, id);
}

/// Whether the fleet server hears the last site's gateway; false when it cannot be asked.
static bool is_heard(checks *c, bool *heard, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (!check_ask(c, "/api/v1/overview", &body, &root, why)) {
        return false;
    }
    const sv_json *sites = sv_json_get(root, "sites");
    for (size_t i = 0; i < sv_json_count(sites); i++) {
        const sv_json *gateways = sv_json_get(sv_json_at(sites, i), "gateways");
        for (size_t k = 0; k < sv_json_count(gateways); k++) {
            const sv_json *gateway = sv_json_at(gateways, k);
            if (is_this(gateway, last_site(c)->gateway_id)) {
                return sv_json_bool(sv_json_get(gateway, "online"), heard);
            }
        }
    }
    return sv_fail(why, SV_ERR_NOT_FOUND, "the fleet server does not know %s",
                   last_site(c)->gateway_id)
           == SV_OK;
}

static void cut_off(checks *c, double stored) {
    sv_forward_cut(c->p->line, true);
    c->cut.is = true;
    c->cut.stored = stored;
    c->cut.at_ms = sv_clock_wall_us() / 1000;
}

/// Its devices go on, what has to go up waits, and the fleet server says that it is away.
static bool goes_on_alone(checks *c, sv_why *detail) {
    const pilot_site *site = last_site(c);
    double stored = check_metric(c, site, "selvedge_gateway_readings_stored_total", detail);
    double waiting = check_metric(c, site, "selvedge_gateway_uplink_spool", detail);
    bool heard = true;
    if (stored < 0 || waiting < 0) {
        return false;
    }
    if (!c->cut.is) {
        cut_off(c, stored);
    }
    if (!is_heard(c, &heard, detail)) {
        return false;
    }
    double more = stored - c->cut.stored;
    (void) sv_fail(detail, SV_OK, "%s: %.0f readings since, %.0f items wait, shown as %s",
                   site->name, more, waiting, heard ? "online" : "away");
    return more >= AWAY_READINGS_MIN && waiting > 0 && !heard;
}

/// The first machine of the site: whether the fleet server's ledger knows of a gap.
static bool is_complete(checks *c, const char *device, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    bool complete = false;
    char path[128];
    (void) snprintf(path, sizeof path, "/api/v1/audit/delivery?device=%s", device);
    return check_ask(c, path, &body, &root, why)
           && sv_json_bool(sv_json_get(root, "complete"), &complete) && complete;
}

/// Points of the time without a link.
static size_t points_of_the_cut(checks *c, const char *device, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[256];
    long long from_ms = (long long) c->cut.at_ms;
    (void) snprintf(path, sizeof path,
                    "/api/v1/devices/%s/series?sensor=temperature&from=%lld&to=%lld&points=100",
                    device, from_ms, from_ms + 15000);
    return check_ask(c, path, &body, &root, why) ? sv_json_count(sv_json_get(root, "points")) : 0;
}

static bool catches_up(checks *c, sv_why *detail) {
    const pilot_site *site = last_site(c);
    bool heard = false;
    char device[SV_ID_ROOM];
    sv_textbuf id = SV_TEXTBUF(device);
    sv_machine_id((unsigned) site->first_device, &id);
    sv_forward_cut(c->p->line, false);
    if (!is_heard(c, &heard, detail)) {
        return false;
    }
    if (!heard) {
        (void) sv_fail(detail, SV_ERR_UNAVAILABLE, "%s is away still", site->name);
        return false;
    }
    size_t points = points_of_the_cut(c, device, detail);
    bool complete = is_complete(c, device, detail);
    (void) sv_fail(detail, SV_OK, "%s: %zu points of %s from the time without a link; %s",
                   site->name, points, device,
                   complete ? "nothing is missing" : "not complete yet");
    return points > 0 && complete;
}

const check_hop CHECKS_OF_SITES[] = {
    { "alerts of every site", alerts_of_each },
    { "a site goes on without its link", goes_on_alone },
    { "healed, it catches up", catches_up },
};
const size_t CHECKS_OF_SITES_COUNT = SV_COUNT(CHECKS_OF_SITES);
