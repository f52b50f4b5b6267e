// Messages that somebody holds.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static void add_bytes(char **end, sv_text text) {
    if (text.len > 0) {
        memcpy(*end, text.at, text.len);
    }
    *end += text.len;
}

sv_broker_held *sv_broker_hold(sv_text topic, sv_text payload, sv_text forwarded,
                               int64_t expires_us) {
    sv_broker_held *held = sv_mem_new(sizeof *held + topic.len + payload.len + forwarded.len);
    held->holders = 1;
    held->expires_us = expires_us;
    held->topic_len = topic.len;
    held->payload_len = payload.len;
    held->forwarded_len = forwarded.len;
    char *end = held->bytes;
    add_bytes(&end, topic);
    add_bytes(&end, payload);
    add_bytes(&end, forwarded);
    return held;
}

void sv_broker_let_go(sv_broker_held **held) {
    if (*held != NULL && --(*held)->holders == 0) {
        free(*held);
    }
    *held = NULL;
}

sv_text sv_broker_held_topic(const sv_broker_held *held) {
    return (sv_text){ .at = held->bytes, .len = held->topic_len };
}

sv_text sv_broker_held_payload(const sv_broker_held *held) {
    return (sv_text){ .at = held->bytes + held->topic_len, .len = held->payload_len };
}

sv_text sv_broker_held_forwarded(const sv_broker_held *held) {
    return (sv_text){ .at = held->bytes + held->topic_len + held->payload_len,
                      .len = held->forwarded_len };
}

sv_broker_post sv_broker_post_of(sv_broker_held *held, uint8_t qos, bool retain) {
    held->holders++;
    return (sv_broker_post){
        .topic = sv_broker_held_topic(held),
        .payload = sv_broker_held_payload(held),
        .forwarded = sv_broker_held_forwarded(held),
        .expires_us = held->expires_us,
        .qos = qos,
        .retain = retain,
        .held = held,
    };
}

void sv_broker_post_drop(sv_broker_post *post) {
    sv_broker_let_go(&post->held);
}
