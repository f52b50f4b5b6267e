// Which readings have been seen: by number within a window per sender, else by time and value.
#include "gateway.h"
#include <string.h>

static bool seen_in_ring(gw_stream *s, const sv_reading *reading) {
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

static void forget_between(gw_sender *sender, int64_t from, int64_t to) {
    if (to - from >= GW_WINDOW) {
        memset(sender->seen, 0, sizeof sender->seen);
        return;
    }
    for (int64_t seq = from + 1; seq <= to; seq++) {
        uint64_t bit = (uint64_t) seq % GW_WINDOW;
        sender->seen[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
    }
}

bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading) {
    // Below the window the number says nothing any more: the time and the value decide.
    if (sender == NULL || reading->seq <= sender->highest - GW_WINDOW) {
        bool seen = seen_in_ring(stream, reading);
        if (!seen) {
            note_in_ring(stream, reading);
        }
        return !seen;
    }
    if (reading->seq > sender->highest) {
        forget_between(sender, sender->highest, reading->seq);
        sender->highest = reading->seq;
    }
    uint64_t bit = (uint64_t) reading->seq % GW_WINDOW;
    uint64_t mask = UINT64_C(1) << (bit % 64);
    if ((sender->seen[bit / 64] & mask) != 0) {
        return false;
    }
    sender->seen[bit / 64] |= mask;
    note_in_ring(stream, reading);
    return true;
}
