// What devices are told is on disk, behind an external broker: once a second a message on
// acks/<device> for each sender that something came from. The messages are put together, and
// published once the last group that they may speak of is committed; until then no others are. A
// reading that came again counts as well: its device has not heard of it.
#include "gateway.h"
#include <sys/log.h>

static void add_line(gw *g, sv_text name, const gw_sender *sender) {
    sv_text epoch = name;
    sv_textbuf_add(&g->device_acks.lines, sv_text_cut(&epoch, '/'));
    sv_textbuf_add_char(&g->device_acks.lines, '\t');
    sv_ack_format(epoch, &sender->seen, &g->device_acks.lines);
    sv_textbuf_add_char(&g->device_acks.lines, '\n');
}

/// From where the last walk ended, so that those at the end have their turn.
static void put_together(gw *g, size_t room) {
    gw_device_acks *a = &g->device_acks;
    const size_t bytes = GW_DEVICE_ACKS_BYTES - SV_ACK_BYTES_MAX - SV_ID_ROOM - 2;
    size_t count = sv_map_count(g->senders);
    size_t walked = 0;
    for (; walked < count && room > 0 && a->lines.len <= bytes; walked++) {
        sv_text name;
        gw_sender *sender = sv_map_at(g->senders, (a->next + walked) % count, &name);
        if (sender->ack_due) {
            add_line(g, name, sender);
            sender->ack_due = false;
            room--;
        }
    }
    a->next += walked;
    a->due = walked < count;
}

void gw_device_acks_note(gw *g, gw_sender *sender) {
    if (sender != NULL && g->device_acks.timer != NULL) {
        sender->ack_due = true;
        g->device_acks.due = true;
    }
}

void gw_device_acks_due(gw *g) {
    gw_device_acks *a = &g->device_acks;
    size_t waiting = sv_mqtt_client_waiting(g->mqtt);
    if (g->exit_code != 0 || !a->due || a->lines.len > 0 || !sv_mqtt_client_is_up(g->mqtt)
        || waiting >= GW_DEVICE_ACKS_MAX) {
        return;
    }
    put_together(g, GW_DEVICE_ACKS_MAX - waiting);
    a->group = sv_writer_last(g->writer);
    gw_device_acks_turn(g);
}

static bool publish_line(gw *g, sv_text line) {
    char room[SV_ID_ROOM + 8];
    sv_textbuf topic = SV_TEXTBUF(room);
    sv_textbuf_add_str(&topic, "acks/");
    sv_textbuf_add(&topic, sv_text_cut(&line, '\t'));
    return gw_publish(g, sv_textbuf_text(&topic), line, 0);
}

void gw_device_acks_turn(gw *g) {
    gw_device_acks *a = &g->device_acks;
    if (a->lines.len == 0 || a->group > g->committed) {
        return;
    }
    size_t lost = 0;
    for (sv_text rest = sv_textbuf_text(&a->lines); rest.len > 0;) {
        lost += publish_line(g, sv_text_cut(&rest, '\n')) ? 0 : 1;
    }
    if (lost > 0) {
        SV_LOG(warn, "acks.unpublished",
               "the queue to the broker is full: %zu devices are told when they send again", lost);
    }
    sv_textbuf_clear(&a->lines);
}

static void on_due(void *arg) {
    gw_device_acks_due(arg);
}

void gw_device_acks_open(gw *g) {
    g->device_acks.lines = SV_TEXTBUF_HEAP(GW_DEVICE_ACKS_BYTES);
    g->device_acks.timer = sv_timer_new(g->loop, on_due, g);
    sv_timer_every(g->device_acks.timer, GW_DEVICE_ACKS_US);
}

void gw_device_acks_close(gw *g) {
    sv_timer_drop(&g->device_acks.timer);
    sv_textbuf_drop(&g->device_acks.lines);
}
