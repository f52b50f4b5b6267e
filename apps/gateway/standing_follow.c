// The fleet server's log: pages that are pushed or fetched, what they change, and how far this
// gateway has come.
#include "aside.h"
#include "gateway.h"
#include "standing_own.h"
#include <codec/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_OK = 200, STATUS_NONE = 404, STATUS_BEHIND = 409, STATUS_DOWN = 500 };

static const char *const END_NAMES[GW_PAGE_END__COUNT] = { "taken",  "known", "gap",
                                                           "broken", "false", "rewound" };

const char *gw_page_end_name(gw_page_end end) {
    return (unsigned) end < GW_PAGE_END__COUNT ? END_NAMES[end] : "unknown";
}

// ---- what a change does -------------------------------------------------------------------------

static size_t end_connections(gw *g, const sv_standing_change *change) {
    sv_text id = sv_text_of(change->id);
    size_t ended = g->relay != NULL ? gw_relay_review(g->relay, id) : 0;
    if (g->door != NULL) {
        ended += sv_mqtt_server_review(g->door, id);
    }
    if (g->door != NULL && change->state == SV_STANDING_RETIRED) {
        ended += sv_mqtt_server_kick(g->door, id, SV_MQTT_ADMINISTRATIVE, true);
    }
    return ended;
}

static void take_effect(gw *g, const sv_standing_change *change) {
    gw_standing *s = &g->standing;
    size_t ended = end_connections(g, change);
    s->ended += ended;
    gw_hold_forget(g, change->id); // the fleet server has spoken
    if (change->state != SV_STANDING_QUARANTINED) {
        gw_notice_clear(g, GW_NOTICE_CLONE, change->id);
    }
    if (change->state == SV_STANDING_RETIRED) {
        gw_notice_clear(g, GW_NOTICE_DENIED, change->id);
        gw_aside_forget(g, change->id);
    }
    SV_LOG(info, "standing.changed", "%s is %s (change %" PRId64 "): %zu connections ended",
           change->id, sv_standing_state_name(change->state), change->version, ended);
    gw_broker_crl_hurry(g);
}

static void keep_head(gw *g) {
    gw_standing *s = &g->standing;
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO standing_head VALUES (1, ?, ?, ?)");
    sv_writer_int(g->writer, s->version);
    sv_writer_bytes(g->writer, (sv_text){ .at = (const char *) s->hash, .len = sizeof s->hash });
    sv_writer_int(g->writer, s->at_us);
    s->group = sv_writer_group(g->writer);
}

static void keep_change(gw *g, const sv_standing_change *change) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO standing VALUES (?, ?, ?, ?)");
    sv_writer_str(g->writer, change->id);
    sv_writer_int(g->writer, (int64_t) change->state);
    sv_writer_int(g->writer, change->before_us);
    sv_writer_int(g->writer, change->version);
}

// ---- following the log --------------------------------------------------------------------------

static void note_head(gw *g, const sv_standing_page *page) {
    gw_standing *s = &g->standing;
    sv_clock_signed(page->head.at_us);
    int64_t now_us = gw_now_us(); // one that is signed for a later time would never be old
    int64_t at_us = page->head.at_us < now_us ? page->head.at_us : now_us;
    s->at_us = at_us > s->at_us ? at_us : s->at_us;
    if (!gw_standing_is_old(g)) {
        gw_notice_clear(g, GW_NOTICE_OLD_LOG, g->config.id);
    }
    keep_head(g);
    gw_standing_keep_signed(g, &page->head);
}

/// It ends where this gateway stands, or before: nothing of it is new but when it was signed.
static gw_page_end look_back(gw *g, const sv_standing_page *page, sv_why *why) {
    gw_standing *s = &g->standing;
    if (sv_standing_verify(s->trust, &page->head, gw_now_us(), why) != SV_OK) {
        return GW_PAGE_FALSE;
    }
    bool same = page->head.version == s->version;
    if (same && memcmp(page->head.hash, s->hash, sizeof s->hash) != 0) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED,
                       "change %" PRId64 " is signed and is another one than the one taken before",
                       s->version);
        return GW_PAGE_REWOUND;
    }
    if (!same && page->head.at_us > s->at_us) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED,
                       "the log was at change %" PRId64 " and is said to be at %" PRId64 " now",
                       s->version, page->head.version);
        return GW_PAGE_REWOUND;
    }
    if (same && page->head.at_us > s->at_us) {
        note_head(g, page);
    }
    return GW_PAGE_KNOWN;
}

static gw_page_end follow(gw *g, const sv_standing_page *page, sv_why *why) {
    gw_standing *s = &g->standing;
    if (sv_standing_follow(s->trust, page, s->version, s->hash, gw_now_us(), why) != SV_OK) {
        return GW_PAGE_FALSE;
    }
    s->version = page->head.version;
    for (size_t i = 0; i < page->count; i++) {
        if (sv_standings_set(s->table, &page->changes[i]) != SV_OK) {
            SV_LOG(error, "standing.full", "%s: more than %d ids", page->changes[i].id,
                   SV_STANDING_IDS_MAX);
        }
        keep_change(g, &page->changes[i]);
        gw_standing_keep_line(g, &page->changes[i]);
    }
    note_head(g, page);
    sv_writer_hurry(g->writer);
    s->to_tell = true;
    for (size_t i = 0; i < page->count; i++) {
        take_effect(g, &page->changes[i]);
    }
    return GW_PAGE_TAKEN;
}

static gw_page_end judge_page(gw *g, const sv_standing_page *page, sv_why *why) {
    const gw_standing *s = &g->standing;
    if (s->trust == NULL) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "nothing says who may sign it (tls: ca)");
        return GW_PAGE_FALSE;
    }
    if (page->head.version < s->version || (page->head.version == s->version && s->at_us > 0)) {
        return look_back(g, page, why);
    }
    if (page->from != s->version) {
        (void) sv_fail(why, SV_ERR_STATE,
                       "it begins after change %" PRId64 ", and this gateway is at %" PRId64,
                       page->from, s->version);
        return GW_PAGE_GAP;
    }
    return follow(g, page, why);
}

/// Logged once until something is taken again; who may be lying is an alarm.
static void account(gw *g, gw_page_end end, const sv_why *why) {
    gw_standing *s = &g->standing;
    char message[SV_ALERT_MESSAGE_MAX];
    s->ends[end]++;
    if (end == GW_PAGE_TAKEN || end == GW_PAGE_KNOWN) {
        return;
    }
    s->doubt_us = sv_clock_monotonic_us();
    if (!s->told[end]) {
        s->told[end] = true;
        SV_LOG(warn, "standing.refused", "%s: %s", gw_page_end_name(end), why->text);
    }
    if (end == GW_PAGE_FALSE || end == GW_PAGE_REWOUND) {
        (void) snprintf(message, sizeof message,
                        "What the fleet server says of who still counts is not believed: %.160s",
                        why->text);
        gw_notice_raise(g, GW_NOTICE_FALSE_LOG, g->config.id, message);
    }
}

gw_page_end gw_standing_take_page(gw *g, const sv_standing_page *page, sv_why *why) {
    gw_page_end end = judge_page(g, page, why);
    account(g, end, why);
    if (end == GW_PAGE_GAP || page->newest > g->standing.version) {
        g->standing.wanted = true;
    }
    return end;
}

static gw_page_end take_text(gw *g, sv_text json) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
    sv_why why = { 0 };
    if (sv_standing_page_parse(json, &page, &why) != SV_OK) {
        account(g, GW_PAGE_BROKEN, &why);
        return GW_PAGE_BROKEN;
    }
    return gw_standing_take_page(g, &page, &why);
}

static void told(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    (void) why;
    // What came while this was under way is to be told all the same.
    g->standing.to_tell |= reply->status == 0 || reply->status >= STATUS_DOWN;
    if (reply->status == STATUS_OK && g->exit_code == 0) {
        gw_standing_return(g, reply->body);
    }
}

/// How far this gateway has come: what outlives it, not what is on its way to the disk.
static void tell_version(gw *g) {
    char room[64 + 2 * SV_STANDING_HASH_BYTES];
    sv_textbuf body = SV_TEXTBUF(room);
    if (g->standing.to_tell && g->standing.at_us > 0 && g->committed >= g->standing.group) {
        sv_textbuf_addf(&body, "{\"version\":%" PRId64 ",\"hash\":\"", g->standing.version);
        sv_hex_add(&body, g->standing.hash, sizeof g->standing.hash);
        sv_textbuf_add_str(&body, "\"}");
        g->standing.to_tell = !gw_uplink_post(g, "/v1/standing", &body, told);
    }
}

void gw_standing_take(gw *g, sv_text json) {
    if (g->full || g->exit_code != 0 || sv_writer_is_behind(g->writer)) {
        g->standing.wanted = true; // it is fetched when it can be kept
        return;
    }
    (void) take_text(g, json);
    if (g->standing.wanted) {
        gw_standing_look(g);
    }
}

// ---- fetching -----------------------------------------------------------------------------------

/// False: it is to be tried again.
static bool take_reply(gw *g, const sv_http_reply_view *reply) {
    sv_why why = { 0 };
    if (reply->status == STATUS_OK) {
        gw_page_end end = take_text(g, reply->body);
        return end == GW_PAGE_TAKEN || end == GW_PAGE_KNOWN;
    }
    if (reply->status == STATUS_BEHIND) {
        (void) sv_fail(&why, SV_ERR_UNTRUSTED,
                       "its log ends before change %" PRId64 ", which it has signed",
                       g->standing.version);
        account(g, GW_PAGE_REWOUND, &why);
    }
    return false;
}

static void fetched(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_standing *s = &g->standing;
    s->under_way = false;
    if (g->exit_code != 0 || g->full) {
        return;
    }
    s->wanted = false;
    if (reply->status == STATUS_NONE) {
        return; // a fleet server that keeps no such log
    }
    if (!take_reply(g, reply)) {
        s->wanted = true;
        gw_pause_longer(g, &s->pause, "standing.unfetched", reply, reply->status == 0 ? why : NULL);
        return;
    }
    gw_pause_end(&s->pause);
    if (s->wanted) {
        gw_standing_look(g); // the next page
    }
}

void gw_standing_settled(gw *g) {
    if (g->standing.timer != NULL && g->exit_code == 0) {
        tell_version(g);
    }
}

void gw_standing_connected(gw *g) {
    g->standing.to_tell = true;
    tell_version(g);
}

static void on_look(gw *g) {
    gw_standing *s = &g->standing;
    if (!s->wanted || s->under_way || g->full || g->exit_code != 0
        || !gw_pause_is_over(&s->pause)) {
        return;
    }
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/standing?after=%" PRId64, g->config.id,
                    s->version);
    s->under_way = gw_uplink_get(g, path, fetched);
}

void gw_standing_look(gw *g) {
    gw_standing *s = &g->standing;
    s->wanted = true;
    if (s->timer != NULL) {
        on_look(g);
    }
}

static void check_age(gw *g) {
    char message[SV_ALERT_MESSAGE_MAX];
    if (!gw_standing_is_old(g) || g->full
        || gw_notice_is_open(g, GW_NOTICE_OLD_LOG, g->config.id)) {
        return;
    }
    (void) snprintf(message, sizeof message,
                    "Nothing was heard of who still counts for %lld h: devices that were never "
                    "seen here are refused, the others go on",
                    (long long) (g->config.standing.max_age_us / SV_TIME_HOUR_US));
    gw_notice_raise(g, GW_NOTICE_OLD_LOG, g->config.id, message);
}

void gw_standing_calm(gw *g, int64_t now_us) {
    gw_standing *s = &g->standing;
    if (now_us - s->doubt_us > GW_STANDING_CALM_US && !g->full) {
        memset(s->told, 0, sizeof s->told);
        gw_notice_clear(g, GW_NOTICE_FALSE_LOG, g->config.id);
    }
}

void gw_standing_turn(void *arg) {
    gw *g = arg;
    gw_standing_calm(g, sv_clock_monotonic_us());
    check_age(g);
    on_look(g);
    tell_version(g);
    gw_hold_report(g);
}
