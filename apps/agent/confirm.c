#include "confirm.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

typedef struct awaited {
    uint64_t token; ///< 0: free
    char *texts;    ///< topic, then payload
    size_t topic_len, payload_len;
    char epoch[SV_EPOCH_MAX + 1];
    int64_t seq;
    int64_t sent_us, due_us;
    unsigned sends;
    bool at_broker;
} awaited;

struct sv_agent_confirm {
    awaited items[SV_AGENT_CONFIRM_MAX];
    int64_t heard_us; ///< when the gateway last said something; 0: never
};

static void let_go(awaited *one) {
    free(one->texts);
    *one = (awaited){ 0 };
}

sv_agent_confirm *sv_agent_confirm_new(void) {
    return sv_mem_new(sizeof(sv_agent_confirm));
}

void sv_agent_confirm_drop(sv_agent_confirm **confirm) {
    for (size_t i = 0; *confirm != NULL && i < SV_AGENT_CONFIRM_MAX; i++) {
        let_go(&(*confirm)->items[i]);
    }
    free(*confirm);
    *confirm = NULL;
}

static awaited *find(sv_agent_confirm *confirm, uint64_t token) {
    for (size_t i = 0; i < SV_AGENT_CONFIRM_MAX; i++) {
        if (confirm->items[i].token == token) {
            return &confirm->items[i];
        }
    }
    return NULL;
}

static void take_number(void *arg, const sv_reading *reading) {
    awaited *one = arg;
    if (sv_text_copy(reading->epoch, one->epoch, sizeof one->epoch) == SV_OK) {
        one->seq = reading->seq;
    }
}

static void pass_over(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                      const sv_why *why) {
    (void) arg;
    (void) fault;
    (void) numbered;
    (void) why;
}

static bool read_number(sv_text topic, sv_text payload, awaited *out) {
    sv_reading_key key;
    if (sv_reading_key_parse(topic, &key, NULL) != SV_OK) {
        return false;
    }
    sv_reading_payload_parse(&key, payload, 0, take_number, pass_over, out);
    return out->epoch[0] != '\0';
}

bool sv_agent_confirm_add(sv_agent_confirm *confirm, sv_text topic, sv_text payload, uint64_t token,
                          int64_t now_us) {
    awaited *free_one = find(confirm, 0);
    awaited new_one = { .token = token,
                        .topic_len = topic.len,
                        .payload_len = payload.len,
                        .sent_us = now_us,
                        .due_us = now_us + SV_AGENT_CONFIRM_US,
                        .sends = 1 };
    if (free_one == NULL || !read_number(topic, payload, &new_one)) {
        return false;
    }
    new_one.texts = sv_mem_new(topic.len + payload.len);
    memcpy(new_one.texts, topic.at, topic.len);
    memcpy(new_one.texts + topic.len, payload.at, payload.len);
    *free_one = new_one;
    return true;
}

bool sv_agent_confirm_at_broker(sv_agent_confirm *confirm, uint64_t token) {
    awaited *one = token == 0 ? NULL : find(confirm, token);
    if (one != NULL) {
        one->at_broker = true;
    }
    return one != NULL;
}

void sv_agent_confirm_again(sv_agent_confirm *confirm) {
    for (size_t i = 0; i < SV_AGENT_CONFIRM_MAX; i++) {
        awaited *one = &confirm->items[i];
        if (one->at_broker) {
            one->due_us = 0;
            one->sends = 0;
        }
    }
}

uint64_t sv_agent_confirm_take(sv_agent_confirm *confirm, const sv_ack *ack, int64_t now_us) {
    confirm->heard_us = now_us;
    for (size_t i = 0; i < SV_AGENT_CONFIRM_MAX; i++) {
        awaited *one = &confirm->items[i];
        if (one->token != 0 && sv_ack_covers(ack, sv_text_of(one->epoch), one->seq)) {
            uint64_t token = one->token;
            let_go(one);
            return token;
        }
    }
    return 0;
}

static void send_again(awaited *one, int64_t now_us, sv_agent_due *out) {
    const unsigned last = SV_AGENT_CONFIRM_SENDS - 1;
    one->at_broker = false;
    one->sent_us = now_us;
    one->due_us = now_us + (SV_AGENT_CONFIRM_US << (one->sends < last ? one->sends : last));
    one->sends += one->sends <= last ? 1 : 0;
    *out = (sv_agent_due){ .token = one->token,
                           .topic = { one->texts, one->topic_len },
                           .payload = { one->texts + one->topic_len, one->payload_len } };
}

sv_agent_confirm_step sv_agent_confirm_due(sv_agent_confirm *confirm, int64_t now_us,
                                           sv_agent_due *out) {
    for (size_t i = 0; i < SV_AGENT_CONFIRM_MAX; i++) {
        awaited *one = &confirm->items[i];
        // What the broker does not have yet is the MQTT client's to send again.
        if (!one->at_broker || one->due_us > now_us) {
            continue;
        }
        if (one->sends == SV_AGENT_CONFIRM_SENDS && confirm->heard_us > one->sent_us) {
            *out = (sv_agent_due){ .token = one->token };
            let_go(one);
            return SV_AGENT_CONFIRM_GIVE_UP;
        }
        send_again(one, now_us, out);
        return SV_AGENT_CONFIRM_SEND;
    }
    return SV_AGENT_CONFIRM_NOTHING;
}
