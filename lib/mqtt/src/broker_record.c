#include "broker_record.h"

void sv_broker_add_number(sv_textbuf *out, uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) {
        sv_textbuf_add_char(out, (char) (uint8_t) (value >> (8 * i)));
    }
}

void sv_broker_add_text(sv_textbuf *out, sv_text text) {
    sv_broker_add_number(out, text.len, 4);
    sv_textbuf_add(out, text);
}

uint64_t sv_broker_take_number(sv_broker_record *reader, unsigned bytes) {
    if (reader->rest.len < bytes) {
        reader->broken = true;
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | (uint8_t) reader->rest.at[i];
    }
    reader->rest.at += bytes;
    reader->rest.len -= bytes;
    return value;
}

sv_text sv_broker_take_text(sv_broker_record *reader) {
    size_t len = sv_broker_take_number(reader, 4);
    if (reader->broken || reader->rest.len < len) {
        reader->broken = true;
        return SV_TEXT("");
    }
    sv_text text = { .at = reader->rest.at, .len = len };
    reader->rest.at += len;
    reader->rest.len -= len;
    return text;
}

void sv_broker_add_time(sv_textbuf *out, const sv_broker *broker, int64_t at_us) {
    sv_broker_add_number(out, (uint64_t) sv_broker_wall(broker, at_us), 8);
}

/// As a time of this process; what lies before its start is due at once.
int64_t sv_broker_take_time(sv_broker_record *reader, const sv_broker *broker) {
    int64_t wall_us = (int64_t) sv_broker_take_number(reader, 8);
    int64_t left_us = 0;
    int64_t at_us = 0;
    if (wall_us == SV_BROKER_NEVER
        || __builtin_sub_overflow(wall_us, sv_broker_wall(broker, broker->now_us), &left_us)
        || __builtin_add_overflow(broker->now_us, left_us, &at_us)) {
        return SV_BROKER_NEVER;
    }
    return at_us;
}

void sv_broker_add_held(sv_textbuf *out, const sv_broker *broker, const sv_broker_held *held) {
    sv_broker_add_time(out, broker, held->expires_us);
    sv_broker_add_text(out, sv_broker_held_topic(held));
    sv_broker_add_text(out, sv_broker_held_payload(held));
    sv_broker_add_text(out, sv_broker_held_forwarded(held));
}

/// The forwarded block is what add_publish writes as it stands: only one that it would have made
/// itself is taken.
static bool is_forwardable(sv_text block) {
    char room[256];
    sv_textbuf copy = block.len < sizeof room ? SV_TEXTBUF(room) : SV_TEXTBUF_HEAP(block.len + 1);
    sv_mqtt_add_forwarded(&copy, block);
    bool same = sv_text_eq(sv_textbuf_text(&copy), block);
    sv_textbuf_drop(&copy);
    return same;
}

sv_broker_held *sv_broker_take_held(sv_broker_record *reader, const sv_broker *broker) {
    int64_t expires_us = sv_broker_take_time(reader, broker);
    sv_text topic = sv_broker_take_text(reader);
    sv_text payload = sv_broker_take_text(reader);
    sv_text forwarded = sv_broker_take_text(reader);
    if (reader->broken || !sv_mqtt_topic_is_valid(topic)
        || sv_broker_levels(topic) > SV_MQTT_LEVELS_MAX || payload.len > SV_MQTT_REMAINING_MAX / 2
        || !is_forwardable(forwarded)) {
        reader->broken = true;
        return NULL;
    }
    return sv_broker_hold(topic, payload, forwarded, expires_us);
}
