// The delivery ledger: every ten seconds the fleet server is told of the senders that changed.
// What is told is on disk: the text is put together, and sent once the last group that it may speak
// of is committed. A walk through the senders takes as many requests as it needs.
#include "gateway.h"
#include <codec/json.h>
#include <sys/log.h>

enum { STATUS_NOT_FOUND = 404 };

static void count(gw_sender *sender, int64_t *counter) {
    ++*counter;
    sender->told = GW_UNTOLD;
}

void gw_ledger_stored(gw_sender *sender, int64_t seq, int64_t received_us) {
    if (sender != NULL) {
        sv_ledger_store(&sender->ledger, &sender->seen, seq, received_us);
        sender->told = GW_UNTOLD;
    }
}

void gw_ledger_refused(gw *g, const sv_reading *reading, sv_reading_fault fault) {
    if (reading == NULL || reading->epoch.len == 0) {
        return;
    }
    // Who finds no room here must not take that of others.
    bool make = fault != SV_READING_FINE;
    gw_sender *sender = gw_sender_named(g, reading->key.device_id, reading->epoch, make);
    if (sender != NULL) {
        bool repeated = fault == SV_READING_REPEATED;
        count(sender, repeated ? &sender->ledger.repeated : &sender->ledger.refused);
    }
}

static void put_sender(sv_json_out *out, sv_text name, const gw_sender *sender) {
    sv_text epoch = name;
    sv_json_open_object(out);
    sv_json_add_text(out, "device_id", sv_text_cut(&epoch, '/'));
    sv_json_add_text(out, "epoch", epoch);
    sv_ledger_put(out, &sender->ledger, &sender->seen);
    sv_json_close_object(out);
}

/// From where the last request ended; the body stays empty when there is nothing to tell.
static void put_together(gw *g) {
    gw_ledger *l = &g->ledger;
    size_t items = 0;
    size_t room = GW_LEDGER_BYTES - SV_LEDGER_ITEM_MAX;
    sv_json_out out = SV_JSON_OUT(&l->body);
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_json_open_array(&out);
    while (l->next < sv_map_count(g->senders) && items < GW_LEDGER_ITEMS_MAX
           && l->body.len < room) {
        sv_text name;
        gw_sender *sender = sv_map_at(g->senders, l->next++, &name);
        if (sender->told == GW_UNTOLD) {
            put_sender(&out, name, sender);
            sender->told = GW_BEING_TOLD;
            items++;
        }
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    l->group = sv_writer_last(g->writer);
    if (items == 0) {
        sv_textbuf_clear(&l->body);
    }
}

/// What was being told is known there, or has to be told again.
static void settle(gw *g, gw_told told) {
    for (size_t i = 0; i < sv_map_count(g->senders); i++) {
        gw_sender *sender = sv_map_at(g->senders, i, NULL);
        sender->told = sender->told == GW_BEING_TOLD ? told : sender->told;
    }
    sv_textbuf_clear(&g->ledger.body);
}

static void ledger_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->ledger.under_way = false;
    if (reply->status == STATUS_NOT_FOUND) {
        SV_LOG(warn, "ledger.unknown", "the fleet server keeps no ledger; it is older than this");
        g->ledger.unknown = true;
        settle(g, GW_UNTOLD);
        return;
    }
    bool took = gw_uplink_answered(g, reply, why);
    if (!took && gw_uplink_is_refused(reply->status)) {
        SV_LOG(error, "ledger.refused", "the fleet server refused it for good (status %d)",
               reply->status);
    }
    if (took || gw_uplink_is_refused(reply->status)) {
        settle(g, GW_TOLD);
        put_together(g);
        gw_ledger_turn(g);
    } else {
        settle(g, GW_UNTOLD);
    }
}

void gw_ledger_turn(gw *g) {
    gw_ledger *l = &g->ledger;
    if (l->body.len == 0 || l->under_way || l->group > g->committed) {
        return;
    }
    l->under_way = gw_uplink_post(g, "/v1/ledger", &l->body, ledger_done);
    if (!l->under_way) {
        settle(g, GW_UNTOLD);
    }
}

void gw_ledger_due(gw *g) {
    if (g->exit_code != 0 || !g->fleet.up || g->ledger.unknown || g->ledger.body.len > 0) {
        return;
    }
    g->ledger.next = 0;
    put_together(g);
    gw_ledger_turn(g);
}

static void on_due(void *arg) {
    gw_ledger_due(arg);
}

void gw_ledger_open(gw *g) {
    g->ledger.body = SV_TEXTBUF_HEAP(GW_LEDGER_BYTES);
    g->ledger.timer = sv_timer_new(g->loop, on_due, g);
    sv_timer_every(g->ledger.timer, GW_LEDGER_US);
}

void gw_ledger_close(gw *g) {
    sv_timer_drop(&g->ledger.timer);
    sv_textbuf_drop(&g->ledger.body);
}
