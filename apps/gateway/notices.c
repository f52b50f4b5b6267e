#include "notices.h"
#include "alerts_own.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { KEY_ROOM = SV_ID_ROOM + 4 };

typedef struct notice {
    char alert_id[SV_ALERT_ID_MAX + 1];
    char message[SV_ALERT_MESSAGE_MAX];
    double score;
} notice;

static const struct {
    const char *rule;
    sv_alert_type type;
    sv_severity severity;
} KINDS[GW_NOTICE__COUNT] = {
    [GW_NOTICE_OLD_LOG] = { "standing-age", SV_ALERT_HEALTH, SV_SEVERITY_WARNING },
    [GW_NOTICE_FALSE_LOG] = { "standing", SV_ALERT_SECURITY, SV_SEVERITY_CRITICAL },
    [GW_NOTICE_CLONE] = { "clone", SV_ALERT_SECURITY, SV_SEVERITY_CRITICAL },
    [GW_NOTICE_DENIED] = { "denied", SV_ALERT_SECURITY, SV_SEVERITY_WARNING },
    [GW_NOTICE_FAILURE] = { SV_RULE_REMAINING, SV_ALERT_FAILURE, SV_SEVERITY_WARNING },
    [GW_NOTICE_MODEL] = { "model", SV_ALERT_HEALTH, SV_SEVERITY_WARNING },
    [GW_NOTICE_MACHINE] = { SV_RULE_TOGETHER, SV_ALERT_ANOMALY, SV_SEVERITY_WARNING },
};

static sv_text key_of(gw_notice_kind kind, const char *id, char room[KEY_ROOM]) {
    int len = snprintf(room, KEY_ROOM, "%d/%s", (int) kind, id);
    return (sv_text){ .at = room, .len = (size_t) len };
}

static notice *find(const gw *g, gw_notice_kind kind, const char *id) {
    char room[KEY_ROOM];
    return g->notices == NULL ? NULL : sv_map_get(g->notices, key_of(kind, id, room));
}

static notice *begin(gw *g, gw_notice_kind kind, const char *id) {
    char room[KEY_ROOM];
    notice *fresh = sv_mem_new(sizeof *fresh);
    if (sv_map_put(g->notices, key_of(kind, id, room), fresh) != SV_OK) {
        free(fresh);
        return NULL;
    }
    return fresh;
}

static void tell(gw *g, gw_notice_kind kind, const char *id, const notice *n,
                 sv_alert_event event) {
    sv_alert alert = { .type = KINDS[kind].type,
                       .severity = KINDS[kind].severity,
                       .event = event,
                       .value = SV_NAN,
                       .raw = SV_NAN,
                       .score = n->score,
                       .at_us = gw_wall_us(g) };
    memcpy(alert.id, n->alert_id, sizeof alert.id);
    memcpy(alert.message, n->message, sizeof alert.message);
    (void) (sv_text_copy(sv_text_of(id), alert.device_id, sizeof alert.device_id) == SV_OK);
    (void) (sv_text_copy(sv_text_of(KINDS[kind].rule), alert.rule, sizeof alert.rule) == SV_OK);
    gw_alert_tell(g, &alert, true);
}

void gw_notice_raise(gw *g, gw_notice_kind kind, const char *id, const char *message) {
    gw_notice_raise_scored(g, kind, id, message, 0);
}

void gw_notice_raise_scored(gw *g, gw_notice_kind kind, const char *id, const char *message,
                            double score) {
    notice *n = find(g, kind, id);
    sv_alert_event event = n == NULL ? SV_ALERT_RAISED : SV_ALERT_UPDATED;
    if (n != NULL && strcmp(n->message, message) == 0) {
        return;
    }
    n = n == NULL ? begin(g, kind, id) : n;
    if (n == NULL) {
        SV_LOG(error, "alert.dropped", "%s: %s (%d alerts of this kind are open already)", id,
               message, GW_NOTICES_MAX);
        return;
    }
    if (event == SV_ALERT_RAISED) {
        sv_random_hex(n->alert_id);
    }
    n->score = score;
    sv_textbuf text = { .at = n->message, .cap = sizeof n->message };
    sv_textbuf_addf(&text, "%.*s", SV_ALERT_MESSAGE_MAX - 1, message);
    tell(g, kind, id, n, event);
}

void gw_notice_clear(gw *g, gw_notice_kind kind, const char *id) {
    char room[KEY_ROOM];
    notice *n = find(g, kind, id);
    if (n != NULL) {
        tell(g, kind, id, n, SV_ALERT_CLEARED);
        free(sv_map_remove(g->notices, key_of(kind, id, room)));
    }
}

void gw_notice_clear_all(gw *g, gw_notice_kind kind) {
    char room[KEY_ROOM];
    const sv_text prefix = key_of(kind, "", room);
    for (size_t i = sv_map_count(g->notices); i > 0; i--) { // the last takes the place of this one
        char id[SV_ID_ROOM];
        sv_text key;
        (void) sv_map_at(g->notices, i - 1, &key);
        if (sv_text_starts(key, prefix)
            && sv_text_copy((sv_text){ key.at + prefix.len, key.len - prefix.len }, id, sizeof id)
                   == SV_OK) {
            gw_notice_clear(g, kind, id);
        }
    }
}

bool gw_notice_is_open(const gw *g, gw_notice_kind kind, const char *id) {
    return find(g, kind, id) != NULL;
}

bool gw_notice_is_alert(const gw *g, gw_notice_kind kind, const char *id, sv_text alert) {
    const notice *n = find(g, kind, id);
    return n != NULL && sv_text_is(alert, n->alert_id);
}

/// GW_NOTICE__COUNT: none of these.
static gw_notice_kind kind_of(const sv_alert *alert) {
    unsigned kind = 0;
    while (kind < GW_NOTICE__COUNT
           && (KINDS[kind].type != alert->type || strcmp(KINDS[kind].rule, alert->rule) != 0)) {
        kind++;
    }
    return (gw_notice_kind) kind;
}

bool gw_notice_is(const sv_alert *alert) {
    return alert->sensor[0] == '\0' && kind_of(alert) != GW_NOTICE__COUNT;
}

void gw_notice_reopen(gw *g, const sv_alert *alert) {
    notice *n = begin(g, kind_of(alert), alert->device_id);
    if (n != NULL) {
        memcpy(n->alert_id, alert->id, sizeof n->alert_id);
        memcpy(n->message, alert->message, sizeof n->message);
    }
    if (n != NULL && kind_of(alert) == GW_NOTICE_DENIED) {
        gw_denials_reopen(g, alert->device_id, sv_clock_monotonic_us());
    }
}

bool gw_notice_has(const gw *g, const sv_alert *alert) {
    const notice *n = find(g, kind_of(alert), alert->device_id);
    return n != NULL && strcmp(n->alert_id, alert->id) == 0;
}

void gw_notices_open(gw *g, const uint8_t key[16]) {
    g->notices = sv_map_new(GW_NOTICES_MAX, key);
}

void gw_notices_close(gw *g) {
    for (size_t i = 0; g->notices != NULL && i < sv_map_count(g->notices); i++) {
        free(sv_map_at(g->notices, i, NULL));
    }
    sv_map_drop(&g->notices);
}
