// Statements about the fleet, by what its server says of it.
#include "checklist.h"
#include "show.h"

#include <base/map.h>
#include <stdio.h>
#include <string.h>

enum {
    CLOCK_APART_S = 5,
};
#define ANSWER_WITHIN_US SV_TIME_DAY_US ///< a security alert

/// False, and that is said, when the fleet server did not answer this question.
static bool answered(const sv_facts *facts, sv_ask ask, sv_finding *f) {
    const sv_fact_told *told = &facts->told[ask];
    if (!sv_fact_known(&told->missing)) {
        sv_finding_unknown(f, "%s", told->missing.text);
    }
    return sv_fact_known(&told->missing);
}

typedef void judge_item(const sv_facts *facts, const sv_json *item, sv_finding *f);

/// Every item of a list, page by page; how many there were.
static size_t each_item(const sv_facts *facts, sv_ask ask, sv_finding *f, judge_item *judge) {
    const sv_fact_told *told = &facts->told[ask];
    size_t count = 0;
    for (size_t page = 0; page < told->page_count; page++) {
        const sv_json *items = sv_json_get(told->pages[page], "items");
        for (size_t i = 0; i < sv_json_count(items); i++) {
            judge(facts, sv_json_at(items, i), f);
            count++;
        }
    }
    if (told->cut) {
        sv_finding_unknown(f, "there are more than the %zu that were looked at", count);
    }
    return count;
}

// ---- who counts ---------------------------------------------------------------------------------

static void judge_follows(const sv_json *standing, sv_finding *f) {
    int64_t head = sv_show_number(standing, "version");
    const sv_json *gateways = sv_json_get(standing, "gateways");
    sv_text cannot = sv_show_words(standing, "cannot");
    if (cannot.len > 0) {
        sv_finding_broken(f, "decisions cannot be signed: " SV_TEXT_FMT, SV_TEXT_ARG(cannot));
    }
    for (size_t i = 0; i < sv_json_count(gateways); i++) {
        const sv_json *one = sv_json_at(gateways, i);
        sv_text id = sv_show_words(one, "id");
        int64_t version = sv_show_number(one, "version");
        if (version < head) {
            sv_finding_broken(f, SV_TEXT_FMT " has decision %lld in force, and %lld were taken%s",
                              SV_TEXT_ARG(id), (long long) version, (long long) head,
                              sv_show_is(one, "connected") ? "" : "; it is not connected");
        } else {
            sv_finding_holds(f, SV_TEXT_FMT " has decision %lld, the newest, in force",
                             SV_TEXT_ARG(id), (long long) head);
        }
    }
}

static void judge_gone(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    (void) facts;
    sv_text id = sv_show_words(item, "id");
    sv_text standing = sv_show_words(item, "standing");
    sv_finding_broken(f, SV_TEXT_FMT " is " SV_TEXT_FMT ", and online", SV_TEXT_ARG(id),
                      SV_TEXT_ARG(standing));
}

static void check_revoked(const sv_facts *facts, sv_finding *f) {
    if (answered(facts, SV_ASK_STANDING, f)) {
        judge_follows(facts->told[SV_ASK_STANDING].pages[0], f);
    }
    size_t online = 0;
    bool both = answered(facts, SV_ASK_REVOKED_ONLINE, f);
    both = answered(facts, SV_ASK_RETIRED_ONLINE, f) && both;
    if (both) {
        online += each_item(facts, SV_ASK_REVOKED_ONLINE, f, judge_gone);
        online += each_item(facts, SV_ASK_RETIRED_ONLINE, f, judge_gone);
        if (online == 0) {
            sv_finding_holds(f, "nobody who was revoked or retired is online");
        }
    }
}

static void judge_certificate(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    (void) facts;
    sv_text id = sv_show_words(item, "id");
    sv_text state = sv_show_words(item, "state");
    sv_text how = sv_show_words(item, "renews");
    if (sv_text_is(state, "expired")) {
        sv_finding_broken(
            f, "the certificate of " SV_TEXT_FMT " has ended; it is renewed " SV_TEXT_FMT,
            SV_TEXT_ARG(id), SV_TEXT_ARG(how));
    } else if (sv_text_is(state, "expiring")) {
        sv_finding_broken(f,
                          "the certificate of " SV_TEXT_FMT " is in the last sixth of its time; "
                          "it is renewed " SV_TEXT_FMT,
                          SV_TEXT_ARG(id), SV_TEXT_ARG(how));
    }
}

static void check_renewed(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_CERTIFICATES, f)) {
        return;
    }
    size_t count = each_item(facts, SV_ASK_CERTIFICATES, f, judge_certificate);
    if (count == 0) {
        sv_finding_not_applicable(f, "the fleet server knows no certificate");
    } else if (f->count == 0) {
        sv_finding_holds(f, "of %zu certificates none has ended, or is about to", count);
    }
}

// ---- what should be heard -----------------------------------------------------------------------

static void judge_security_alert(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    if (!sv_text_is(sv_show_words(item, "type"), "SECURITY")
        || !sv_text_is(sv_show_words(item, "state"), "open")) {
        return;
    }
    sv_text device = sv_show_words(item, "device");
    sv_text message = sv_show_words(item, "message");
    int64_t age_us = facts->at_us - sv_show_number(item, "raised_at") * 1000;
    int64_t hours = age_us / SV_TIME_HOUR_US;
    if (age_us > ANSWER_WITHIN_US) {
        sv_finding_broken(f, SV_TEXT_FMT ", for %lld hours: %.*s", SV_TEXT_ARG(device),
                          (long long) hours, (int) (message.len < 160 ? message.len : 160),
                          message.at);
    } else {
        sv_finding_holds(f, SV_TEXT_FMT ", for %lld hours: %.*s", SV_TEXT_ARG(device),
                         (long long) hours, (int) (message.len < 160 ? message.len : 160),
                         message.at);
    }
}

static void check_security_alerts(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_ALERTS, f)) {
        return;
    }
    size_t count = each_item(facts, SV_ASK_ALERTS, f, judge_security_alert);
    if (f->count == 0) {
        sv_finding_holds(f, "of %zu active alerts none is a security alert that is open", count);
    }
}

static void missed_drop(sv_map **missed) {
    sv_map_drop(missed);
}

/// Who is said to be silent by an active alert.
static sv_map *list_missed(const sv_facts *facts) {
    static char any;
    const sv_fact_told *told = &facts->told[SV_ASK_ALERTS];
    sv_map *missed = sv_map_new(SV_FACT_ITEMS_MAX, NULL);
    for (size_t page = 0; page < told->page_count; page++) {
        const sv_json *items = sv_json_get(told->pages[page], "items");
        for (size_t i = 0; i < sv_json_count(items); i++) {
            const sv_json *alert = sv_json_at(items, i);
            if (sv_text_is(sv_show_words(alert, "type"), "OFFLINE")) {
                (void) sv_map_put(missed, sv_show_words(alert, "device"), &any);
            }
        }
    }
    return missed;
}

static void judge_silent(const sv_facts *facts, const sv_map *missed, const sv_json *item,
                         sv_finding *f) {
    sv_text id = sv_show_words(item, "id");
    int64_t silent_us = facts->at_us - sv_show_number(item, "last_seen") * 1000;
    if (sv_show_is(item, "awaited") || sv_show_is(item, "online")
        || !sv_json_is_null(sv_json_get(item, "maintenance"))) {
        return; // never here yet, here, or being worked on
    }
    if (sv_map_get(missed, id) != NULL) {
        sv_finding_holds(f, SV_TEXT_FMT " is silent, and an alert says so", SV_TEXT_ARG(id));
    } else if (silent_us > SV_TIME_HOUR_US) {
        sv_finding_broken(f, SV_TEXT_FMT " has been silent for %lld hours, and no alert says so",
                          SV_TEXT_ARG(id), (long long) (silent_us / SV_TIME_HOUR_US));
    } else {
        sv_finding_holds(f, SV_TEXT_FMT " has been silent for %lld minutes, which is no time",
                         SV_TEXT_ARG(id), (long long) (silent_us / SV_TIME_MINUTE_US));
    }
}

static void judge_silent_list(const sv_facts *facts, const sv_map *missed, const sv_json *list,
                              sv_finding *f) {
    for (size_t i = 0; i < sv_json_count(list); i++) {
        judge_silent(facts, missed, sv_json_at(list, i), f);
    }
}

static void check_silence(const sv_facts *facts, sv_finding *f) {
    const sv_fact_told *offline = &facts->told[SV_ASK_OFFLINE];
    bool all = answered(facts, SV_ASK_ALERTS, f);
    all = answered(facts, SV_ASK_OVERVIEW, f) && all;
    all = answered(facts, SV_ASK_OFFLINE, f) && all;
    if (!all) {
        return;
    }
    SV_DEFER(missed_drop) sv_map *missed = list_missed(facts);
    const sv_json *sites = sv_json_get(facts->told[SV_ASK_OVERVIEW].pages[0], "sites");
    for (size_t s = 0; s < sv_json_count(sites); s++) {
        judge_silent_list(facts, missed, sv_json_get(sv_json_at(sites, s), "gateways"), f);
    }
    for (size_t page = 0; page < offline->page_count; page++) {
        judge_silent_list(facts, missed, sv_json_get(offline->pages[page], "items"), f);
    }
    if (facts->told[SV_ASK_ALERTS].cut || offline->cut) {
        sv_finding_unknown(f, "there are more alerts or devices than were looked at");
    }
    if (f->count == 0) {
        sv_finding_holds(f, "every device and every gateway is heard");
    }
}

static void judge_undelivered(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    (void) facts;
    sv_text channel = sv_show_words(item, "channel");
    sv_text error = sv_show_words(item, "error");
    sv_finding_broken(f, "a message over " SV_TEXT_FMT " was given up: %.*s", SV_TEXT_ARG(channel),
                      (int) (error.len < 160 ? error.len : 160), error.at);
}

static void check_told(const sv_facts *facts, sv_finding *f) {
    bool both = answered(facts, SV_ASK_NOTIFY, f);
    both = answered(facts, SV_ASK_UNDELIVERED, f) && both;
    if (!both) {
        return;
    }
    const sv_json *notify = facts->told[SV_ASK_NOTIFY].pages[0];
    size_t routes = sv_json_count(sv_json_get(notify, "routes"));
    size_t channels = sv_json_count(sv_json_get(notify, "channels"));
    (void) each_item(facts, SV_ASK_UNDELIVERED, f, judge_undelivered);
    if (routes == 0 || channels == 0) {
        sv_finding_broken(f, "nobody is told of an alert: %zu routes, %zu channels", routes,
                          channels);
    } else {
        sv_finding_holds(f, "%zu routes over %zu channels", routes, channels);
    }
}

static void judge_version(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    (void) facts;
    sv_text id = sv_show_words(item, "id");
    sv_text version = sv_show_words(item, "firmware_version");
    if (version.len == 0 && !sv_show_is(item, "awaited")) {
        sv_finding_broken(f, SV_TEXT_FMT " does not say which firmware it runs", SV_TEXT_ARG(id));
    }
}

static void check_versions(const sv_facts *facts, sv_finding *f) {
    if (!answered(facts, SV_ASK_DEVICES, f)) {
        return;
    }
    size_t count = each_item(facts, SV_ASK_DEVICES, f, judge_version);
    if (count == 0) {
        sv_finding_not_applicable(f, "the fleet server knows no device");
    } else if (f->count == 0) {
        sv_finding_holds(f, "each of %zu devices says which firmware it runs", count);
    }
}

// ---- time ---------------------------------------------------------------------------------------

static void judge_ahead(const sv_facts *facts, const sv_json *item, sv_finding *f) {
    (void) facts;
    sv_text id = sv_show_words(item, "id");
    int64_t ahead = sv_show_number(item, "clock_ahead");
    if (ahead != 0) {
        sv_finding_broken(f, "the clock of " SV_TEXT_FMT " is %lld ms ahead", SV_TEXT_ARG(id),
                          (long long) ahead);
    }
}

static void check_clocks(const sv_facts *facts, sv_finding *f) {
    int64_t apart_s = facts->clock.server_ahead_us / SV_TIME_SECOND_US;
    if (!facts->clock.proven) {
        sv_finding_broken(f, "the kernel of this machine says that no time server sets its clock");
    } else {
        sv_finding_holds(f, "the kernel of this machine says that a time server sets its clock");
    }
    if (answered(facts, SV_ASK_OVERVIEW, f)) {
        if (apart_s > CLOCK_APART_S || apart_s < -CLOCK_APART_S) {
            sv_finding_broken(f, "the fleet server's clock is %lld s from that of this machine",
                              (long long) apart_s);
        } else {
            sv_finding_holds(f, "the fleet server's clock is less than %d s from this machine's",
                             CLOCK_APART_S + 1);
        }
    }
    if (answered(facts, SV_ASK_DEVICES, f)) {
        (void) each_item(facts, SV_ASK_DEVICES, f, judge_ahead);
    }
}

const sv_statement SV_STATEMENTS_FLEET[] = {
    { .id = "revoked-refused",
      .title = "Who was revoked or retired is refused everywhere.",
      .looks = "which decision each gateway has in force, and whether anybody revoked or retired "
               "is online",
      .answers = "IEC 62443-4-2 CR 1.8; OWASP I8; NIST IR 8259A Logical Access to Interfaces",
      .remedy = "Bring the gateway back in touch with the fleet server; until then cut the device "
                "off by hand (docs/guide/lost-device.md).",
      .check = check_revoked },
    { .id = "certificates-renewed",
      .title = "No certificate is about to end without having been renewed.",
      .looks = "the newest certificate of each id that the fleet server knows",
      .answers = "IEC 62443-4-2 CR 1.8; CRA Annex I Part I (2)(h)",
      .remedy = "See why it does not renew itself (page Identity), or issue it anew by hand.",
      .check = check_renewed },
    { .id = "security-alerts-answered",
      .title = "No security alert has waited for an answer for more than a day.",
      .looks = "the open alerts of type SECURITY, such as one key at two places",
      .answers = "IEC 62443-4-2 CR 6.2; EN 303 645 5.10-1; NIST IR 8259A Cybersecurity State "
                 "Awareness; CRA Annex I Part I (2)(d)",
      .remedy = "Look into it and acknowledge it: `selvedge alert list`.",
      .check = check_security_alerts },
    { .id = "silence-noticed",
      .title = "Whoever falls silent for more than an hour is missed.",
      .looks = "devices and gateways that are offline, beside the alerts of type OFFLINE",
      .answers = "IEC 62443-4-2 CR 6.2; EN 303 645 5.10-1; NIST IR 8259A Cybersecurity State "
                 "Awareness",
      .remedy = "Give `offline:` in the fleet server's configuration a bound for them.",
      .check = check_silence },
    { .id = "somebody-told",
      .title = "Alerts reach a person.",
      .looks = "channels and routes of notifications, and messages that were given up",
      .answers = "IEC 62443-4-2 CR 6.2; CRA Annex I Part I (2)(l)",
      .remedy = "Set up `notify:` (docs/guide/notifications.md), and try `selvedge notify test`.",
      .check = check_told },
    { .id = "versions-reported",
      .title = "Every device says which firmware it runs.",
      .looks = "firmware_version of each device that was heard",
      .answers = "IEC 62443-4-2 CR 7.8; EN 303 645 5.3-16; NIST IR 8259A Cybersecurity State "
                 "Awareness; OWASP I8",
      .remedy = "Set `firmware_version` in its agent's configuration, or send it in its health "
                "report.",
      .check = check_versions },
    { .id = "clocks-agree",
      .title = "Clocks are set by a time server, and agree.",
      .looks = "what the kernel says of this machine's clock, the fleet server's clock, and "
               "clock_ahead of each device",
      .answers = "IEC 62443-4-2 CR 2.11 RE(1)",
      .remedy = "Install a time client (`apt install systemd-timesyncd`), there and here.",
      .check = check_clocks },
};
const size_t SV_STATEMENTS_FLEET_COUNT = SV_COUNT(SV_STATEMENTS_FLEET);
