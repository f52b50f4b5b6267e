// Which readings have been seen: by number, else by time and value. The numbers of every sender are
// kept as ranges; once a minute all of them are written as one checkpoint, together with the last
// reading they cover, so that a restart reads the checkpoint and what came after it.
#include "gateway.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

static bool seen_in_ring(const gw_stream *s, const sv_reading *reading) {
    for (unsigned i = 0; i < s->ring_filled; i++) {
        if (s->ring[i].at_us == reading->at_us && s->ring[i].value == reading->value) {
            return true;
        }
    }
    return false;
}

static void note_in_ring(gw_stream *s, const sv_reading *reading) {
    s->ring[s->ring_next].at_us = reading->at_us;
    s->ring[s->ring_next].value = reading->value;
    s->ring_next = (s->ring_next + 1) % GW_RING;
    s->ring_filled += s->ring_filled < GW_RING ? 1 : 0;
}

bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading) {
    sv_ranges_said said =
        sender == NULL ? SV_RANGES_UNKNOWN : sv_ranges_add(&sender->seen, reading->seq);
    // What the numbers do not say, the time and the value do.
    bool is_new =
        said == SV_RANGES_UNKNOWN ? !seen_in_ring(stream, reading) : said == SV_RANGES_NEW;
    if (is_new) {
        note_in_ring(stream, reading);
    }
    return is_new;
}

void gw_sender_clear(gw_sender *sender) {
    sv_ranges_drop(&sender->seen);
    sv_ledger_drop(&sender->ledger);
}

static void forget_longest_unused(gw *g) {
    sv_text oldest_name = SV_TEXT("");
    gw_sender *oldest = NULL;
    for (size_t i = 0; i < sv_map_count(g->senders); i++) {
        sv_text name;
        gw_sender *sender = sv_map_at(g->senders, i, &name);
        if (oldest == NULL || sender->used_us < oldest->used_us) {
            oldest = sender;
            oldest_name = name;
        }
    }
    if (oldest != NULL) {
        (void) sv_map_remove(g->senders, oldest_name);
        gw_sender_clear(oldest);
        for (size_t i = 0; i < sv_map_count(g->streams); i++) {
            gw_stream *stream = sv_map_at(g->streams, i, NULL);
            stream->sender = stream->sender == oldest ? NULL : stream->sender;
            stream->live = stream->live == oldest ? NULL : stream->live;
        }
        free(oldest);
    }
}

/// Made if it is new; NULL when there is no room.
static gw_sender *sender_at(gw *g, sv_text name) {
    gw_sender *sender = sv_map_get(g->senders, name);
    if (sender == NULL) {
        if (sv_map_count(g->senders) == GW_SENDERS_MAX) {
            forget_longest_unused(g);
        }
        sender = sv_mem_new(sizeof *sender);
        sender->seen = SV_RANGES_EMPTY;
        if (sv_map_put(g->senders, name, sender) != SV_OK) {
            free(sender);
            return NULL;
        }
    }
    sender->used_us = sv_clock_monotonic_us();
    return sender;
}

gw_sender *gw_sender_named(gw *g, sv_text device, sv_text epoch, bool make) {
    char room[GW_SENDER_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, device);
    sv_textbuf_add_char(&name, '/');
    sv_textbuf_add(&name, epoch);
    return make ? sender_at(g, sv_textbuf_text(&name))
                : sv_map_get(g->senders, sv_textbuf_text(&name));
}

gw_sender *gw_sender_of(gw *g, gw_stream *stream, const sv_reading *reading) {
    if (reading->epoch.len == 0) {
        return NULL;
    }
    if (stream->sender != NULL && sv_text_is(reading->epoch, stream->epoch)) {
        return stream->sender;
    }
    stream->sender = gw_sender_named(g, reading->key.device_id, reading->epoch, true);
    (void) (sv_text_copy(reading->epoch, stream->epoch, sizeof stream->epoch) == SV_OK);
    return stream->sender;
}

void gw_senders_remember(gw *g, gw_stream *stream, const sv_reading *reading, int64_t received_us) {
    gw_sender *sender = gw_sender_of(g, stream, reading);
    if (sender != NULL) {
        (void) sv_ranges_add(&sender->seen, reading->seq);
    }
    if (received_us != 0) {
        gw_ledger_stored(sender, reading->seq, received_us);
    }
    note_in_ring(stream, reading);
}

void gw_sender_format(sv_text name, const gw_sender *sender, sv_textbuf *out) {
    sv_text epoch = name;
    sv_textbuf_add(out, sv_text_cut(&epoch, '/'));
    sv_textbuf_add_char(out, '/');
    sv_percent_add(out, epoch);
    sv_textbuf_add_char(out, ' ');
    sv_ranges_format(&sender->seen, out);
    sv_textbuf_add_char(out, ' ');
    sv_ledger_format(&sender->ledger, out);
    sv_textbuf_add_char(out, '\n');
}

sv_err gw_sender_parse(sv_text line, sv_textbuf *name, gw_sender *out) {
    sv_text epoch = sv_text_cut(&line, ' ');
    sv_text device = sv_text_cut(&epoch, '/');
    sv_textbuf_add(name, device);
    sv_textbuf_add_char(name, '/');
    if (!sv_id_is_valid(device)) {
        return SV_ERR_INVALID;
    }
    size_t before = name->len;
    SV_TRY(sv_percent_decode(epoch, false, name));
    if (name->len == before || name->len - before > SV_EPOCH_MAX) {
        return SV_ERR_INVALID;
    }
    SV_DEFER(sv_ranges_drop) sv_ranges seen = SV_RANGES_EMPTY;
    sv_ledger ledger = { 0 };
    SV_TRY(sv_ranges_parse(sv_text_cut(&line, ' '), &seen));
    if (line.len > 0) {
        SV_TRY(sv_ledger_parse(line, &ledger));
    } else {
        // A line from before there was a ledger: what it has seen was stored once.
        ledger.stored = sv_ledger_count(&seen);
    }
    *out = (gw_sender){ .seen = seen, .ledger = ledger };
    seen = SV_RANGES_EMPTY;
    return SV_OK;
}

bool gw_senders_checkpoint(gw *g) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_CHECKPOINT_MAX);
    for (size_t i = 0; i < sv_map_count(g->senders); i++) {
        sv_text name;
        const gw_sender *sender = sv_map_at(g->senders, i, &name);
        gw_sender_format(name, sender, &text);
    }
    if (text.overflowed) {
        // The last one stays true: more readings are read at the next start.
        SV_LOG(error, "senders.checkpoint", "the numbers of all senders take more than %d bytes",
               GW_CHECKPOINT_MAX);
        return false;
    }
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)");
    sv_writer_int(g->writer, g->last_reading);
    sv_writer_text(g->writer, sv_textbuf_text(&text));
    return true;
}

static sv_err restore_line(gw *g, sv_text line) {
    char room[GW_SENDER_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    SV_DEFER(gw_sender_clear) gw_sender read = { .seen = SV_RANGES_EMPTY };
    SV_TRY(gw_sender_parse(line, &name, &read));
    gw_sender *sender = sender_at(g, sv_textbuf_text(&name));
    if (sender == NULL) {
        return SV_ERR_NO_SPACE;
    }
    const gw_sender old = *sender;
    sender->seen = read.seen;
    sender->ledger = read.ledger;
    read.seen = old.seen; // and is dropped with it
    read.ledger = old.ledger;
    return SV_OK;
}

sv_err gw_senders_restore(gw *g, int64_t *reading, sv_why *why) {
    sv_stmt *stmt = NULL;
    *reading = 0;
    SV_TRY(sv_db_stmt(g->db, "SELECT reading, senders FROM checkpoint", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    *reading = sv_stmt_int(stmt, 0);
    sv_text rest = sv_stmt_text(stmt, 1);
    while (rest.len > 0) {
        if (restore_line(g, sv_text_cut(&rest, '\n')) != SV_OK) {
            SV_LOG(error, "senders.damaged", "a line of the checkpoint was left out");
        }
    }
    sv_stmt_reset(stmt);
    return SV_OK;
}

void gw_senders_close(gw *g) {
    for (size_t i = 0; g->senders != NULL && i < sv_map_count(g->senders); i++) {
        gw_sender *sender = sv_map_at(g->senders, i, NULL);
        gw_sender_clear(sender);
        free(sender);
    }
    sv_map_drop(&g->senders);
}
