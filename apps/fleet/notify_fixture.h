// What tests of notifications share: two channels, alerts that happen, and virtual time; nothing is
// sent.
#ifndef SELVEDGE_FLEET_NOTIFY_FIXTURE_H
#define SELVEDGE_FLEET_NOTIFY_FIXTURE_H

#include "fleet_fixture.h"

#include "downlink.h"
#include "inbox.h"
#include "notify.h"
#include "notify_view.h"
#include "timeline.h"

#include <math.h>
#include <string.h>

enum { JSON_ROOM = 16384 };

static const char CHANNELS[] = "link: https://fleet.example/\n"
                               "channels:\n"
                               "  ops: {slack: 'https://hooks.example/ops'}\n"
                               "  boss: {teams: 'https://hooks.example/boss'}\n";

static inline void configure(fixture *f, const char *routes) {
    char yaml[2048];
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "f" };
    (void) snprintf(yaml, sizeof yaml, "%s%s\n", CHANNELS, routes);
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    sv_notify_configure(&f->fleet, sv_notify_config_read(root, &sv_notify_none, &faults));
    if (faults.count > 0) {
        fail_msg(SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
    }
}

static inline int64_t now_ms(void) {
    return fixture_now_us / 1000;
}

static inline void pass(int64_t seconds) {
    fixture_now_us += seconds * SV_TIME_SECOND_US;
}

/// What a turn does before it sends.
static inline void turn(fixture *f) {
    sv_why why = { 0 };
    if (sv_db_begin(f->fleet.db, &why) != SV_OK
        || sv_notify_gather(&f->fleet, now_ms(), &why) != SV_OK
        || sv_notify_watch(&f->fleet, now_ms(), &why) != SV_OK
        || sv_notify_seal(&f->fleet, now_ms(), &why) != SV_OK
        || sv_db_commit(f->fleet.db, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void happen(fixture *f, const char *id, const char *device, sv_alert_event event,
                          sv_severity severity) {
    sv_alert alert = { .sensor = "temperature",
                       .type = SV_ALERT_HIGH,
                       .severity = severity,
                       .event = event,
                       .message = "Value 91.2 exceeds high threshold",
                       .value = 91.2,
                       .raw = (double) NAN,
                       .at_us = fixture_now_us };
    sv_why why = { 0 };
    (void) snprintf(alert.id, sizeof alert.id, "%s", id);
    (void) snprintf(alert.device_id, sizeof alert.device_id, "%s", device);
    if (sv_inbox_take(f->fleet.db, &alert, "north", "Cel", &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline void raised(fixture *f, const char *id, const char *device) {
    happen(f, id, device, SV_ALERT_RAISED, SV_SEVERITY_WARNING);
}

static inline void cleared(fixture *f, const char *id, const char *device) {
    happen(f, id, device, SV_ALERT_CLEARED, SV_SEVERITY_WARNING);
}

/// The title of the next message over the channel, "" for none; it ends like `how`.
static inline const char *send(fixture *f, const char *channel, sv_delivery_how how) {
    static char title[SV_MESSAGE_TITLE_MAX];
    sv_message message;
    sv_delivery_end end = { .how = how };
    title[0] = '\0';
    if (how != SV_DELIVERY_TAKEN) {
        (void) snprintf(end.error, sizeof end.error, "the answer is 500");
    }
    if (sv_notify_next(&f->fleet, channel, now_ms(), &message, NULL) == SV_OK) {
        memcpy(title, message.title, sizeof title);
        assert_int_equal(sv_notify_settle(&f->fleet, &message, &end, now_ms(), NULL), SV_OK);
        sv_message_drop(&message);
    }
    return title;
}

static inline void assert_starts(const char *text, const char *start) {
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("'%s' does not start with '%s'", text, start);
    }
}

static inline const char *timeline(fixture *f, const char *id) {
    static char room[JSON_ROOM];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_timeline_write(f->fleet.db, sv_text_of(id), &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    return room;
}

#define ALL_TO_OPS "routes: [{name: all, to: ops}]"

#endif
