// The promise as a property: whoever is killed or cut off whenever, what was acknowledged to a
// publisher reaches every persistent subscriber, and with QoS 2 once.
#include "broker_site.h"
#include <base/prng.h>

enum { PUBLISHERS = 3, SUBSCRIBERS = 4, MESSAGES = 3000, STEPS = 6000, SEEDS = 12, IDS = 65536 };

typedef enum stage { UNSENT, SENT, RECEIVED, DONE } stage;

typedef struct note {
    size_t publisher;
    uint8_t qos;
    uint16_t id;
    stage stage;
    unsigned seen[SUBSCRIBERS];
} note;

typedef struct tale {
    site *here;
    sv_prng prng;
    note messages[MESSAGES];
    size_t count;
    uint16_t next_id[PUBLISHERS];
    size_t open[PUBLISHERS];
    bool held[SUBSCRIBERS][IDS]; ///< QoS 2 ids between PUBLISH and PUBREL
    bool subscribed[SUBSCRIBERS];
    uint64_t durable;
} tale;

static bool chance(tale *story, unsigned in) {
    return sv_prng_next(&story->prng) % in == 0;
}

static site_link *publisher(tale *story, size_t i) {
    return &story->here->links[i];
}

static site_link *subscriber(tale *story, size_t i) {
    return &story->here->links[PUBLISHERS + i];
}

/// The first two hear of everything exactly once.
static uint8_t qos_of(size_t i) {
    return i < 2 ? 2 : 1;
}

static void send_message(tale *story, note *message, bool again) {
    char payload[16];
    (void) snprintf(payload, sizeof payload, "%zu", (size_t) (message - story->messages));
    sv_mqtt_publish publish = { .topic = SV_TEXT("t"),
                                .payload = sv_text_of(payload),
                                .qos = message->qos,
                                .dup = again,
                                .id = message->id };
    message->stage = SENT;
    site_publish_as(publisher(story, message->publisher), &publish);
}

static note *find(tale *story, size_t from, uint16_t id) {
    for (size_t i = story->count; i-- > 0;) {
        note *message = &story->messages[i];
        if (message->publisher == from && message->id == id && message->stage != DONE) {
            return message;
        }
    }
    return NULL;
}

static void answer(site_link *link, bool alive, sv_mqtt_type type, uint16_t id) {
    if (alive && link->client != NULL) {
        site_ack(link, type, id, SV_MQTT_SUCCESS);
    }
}

static void publisher_hears(tale *story, size_t i, const sv_mqtt_packet *packet, bool alive) {
    note *message = packet->id == 0 ? NULL : find(story, i, packet->id);
    assert_true(packet->type == SV_MQTT_PUBCOMP || packet->code == 0);
    if (message == NULL) {
        return;
    }
    if (packet->type == SV_MQTT_PUBREC) {
        message->stage = RECEIVED;
        answer(publisher(story, i), alive, SV_MQTT_PUBREL, packet->id);
    } else if (packet->type == SV_MQTT_PUBACK || packet->type == SV_MQTT_PUBCOMP) {
        message->stage = DONE;
        story->open[i]--;
    }
}

static void subscriber_hears(tale *story, size_t i, const sv_mqtt_packet *packet, bool alive) {
    site_link *link = subscriber(story, i);
    if (packet->type == SV_MQTT_SUBACK) {
        story->subscribed[i] = true;
    } else if (packet->type == SV_MQTT_PUBREL) {
        story->held[i][packet->id] = false;
        answer(link, alive, SV_MQTT_PUBCOMP, packet->id);
    } else if (packet->type == SV_MQTT_PUBLISH) {
        uint64_t number = 0;
        assert_int_equal(sv_text_u64(packet->payload, MESSAGES, &number), SV_OK);
        bool known = packet->qos == 2 && story->held[i][packet->id];
        story->messages[number].seen[i] += known ? 0 : 1;
        if (packet->qos == 2) {
            story->held[i][packet->id] = true;
        }
        answer(link, alive, packet->qos == 2 ? SV_MQTT_PUBREC : SV_MQTT_PUBACK, packet->id);
    }
}

/// Takes what has come, as long as there is something. `alive`: its answers arrive.
static void hear(tale *story, size_t number, bool alive) {
    site_link *link = &story->here->links[number];
    while (link->got.len > 0) {
        sv_textbuf came = link->got;
        link->got = SV_TEXTBUF_HEAP(64 << 20);
        sv_text rest = sv_textbuf_text(&came);
        size_t len = 0;
        while (sv_mqtt_packet_length(rest, &len) == SV_OK) {
            sv_mqtt_packet packet;
            assert_int_equal(sv_mqtt_packet_parse((sv_text){ .at = rest.at, .len = len },
                                                  link->version, SV_MQTT_FOR_CLIENT, &packet, NULL,
                                                  NULL),
                             SV_OK);
            if (number < PUBLISHERS) {
                publisher_hears(story, number, &packet, alive);
            } else {
                subscriber_hears(story, number - PUBLISHERS, &packet, alive);
            }
            rest.at += len;
            rest.len -= len;
        }
        sv_textbuf_drop(&came);
    }
}

static void come_back(tale *story, size_t number) {
    char id[8];
    (void) snprintf(id, sizeof id, "c%zu", number);
    (void) site_join(story->here, number, number % 2 == 0 ? SV_MQTT_V311 : SV_MQTT_V5, id, false);
    if (number >= PUBLISHERS) {
        size_t i = number - PUBLISHERS;
        if (!story->subscribed[i]) {
            site_subscribe(subscriber(story, i), 1, i == 3 ? "+" : "t", qos_of(i), 0);
        }
        return;
    }
    for (size_t i = 0; i < story->count; i++) {
        note *message = &story->messages[i];
        if (message->publisher == number && message->stage == SENT) {
            send_message(story, message, true);
        } else if (message->publisher == number && message->stage == RECEIVED) {
            site_ack(publisher(story, number), SV_MQTT_PUBREL, message->id, SV_MQTT_SUCCESS);
        }
    }
}

static void publish_one(tale *story) {
    size_t i = sv_prng_next(&story->prng) % PUBLISHERS;
    bool ready = story->open[i] < 20 && publisher(story, i)->client != NULL;
    for (size_t j = 0; j < SUBSCRIBERS; j++) {
        ready = ready && story->subscribed[j];
    }
    if (!ready || story->count == MESSAGES) {
        return;
    }
    note *message = &story->messages[story->count++];
    // Few ids, so that each is used again and again.
    do {
        story->next_id[i] = (uint16_t) (story->next_id[i] % 40 + 1);
    } while (find(story, i, story->next_id[i]) != NULL);
    *message = (note){ .publisher = i, .qos = chance(story, 2) ? 2 : 1, .id = story->next_id[i] };
    story->open[i]++;
    send_message(story, message, false);
}

static void settle(tale *story) {
    story->durable = story->here->group - sv_prng_next(&story->prng) % 2;
    sv_broker_settled(story->here->broker, story->durable);
    story->here->group++;
}

static void power_cut(tale *story) {
    for (size_t i = 0; i < PUBLISHERS + SUBSCRIBERS; i++) {
        if (chance(story, 2)) {
            hear(story, i, false);
        }
    }
    assert_int_equal(site_restart(story->here, story->durable), 0);
}

static void step(tale *story) {
    size_t number = sv_prng_next(&story->prng) % (PUBLISHERS + SUBSCRIBERS);
    site_link *link = &story->here->links[number];
    switch (sv_prng_next(&story->prng) % 8) {
    case 0:
    case 1:
    case 2:
        publish_one(story);
        break;
    case 3:
        settle(story);
        break;
    case 4:
        if (link->client == NULL) {
            come_back(story, number);
        } else if (chance(story, 4)) {
            site_lose(link);
            sv_textbuf_clear(&link->got);
        }
        break;
    case 5:
        if (chance(story, 20)) {
            power_cut(story);
        }
        break;
    case 6:
        site_wait(story->here, SECOND / 4);
        break;
    default:
        hear(story, number, true);
    }
    sv_broker_counts counts = site_count(story->here);
    assert_true(counts.queued <= (size_t) SUBSCRIBERS * story->here->limits.queue_messages_max);
}

/// Nobody is cut any more: everything comes to its end.
static void finish(tale *story) {
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < PUBLISHERS + SUBSCRIBERS; i++) {
            if (story->here->links[i].client == NULL) {
                come_back(story, i);
            }
            hear(story, i, true);
        }
        site_settle(story->here);
    }
}

// [mqtt-8]
static void what_was_acknowledged_arrives_and_qos_2_once(void **state) {
    (void) state;
    size_t delivered = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        SV_DEFER(sv_mem_drop) tale *story = sv_mem_new(sizeof *story);
        SV_DEFER(site_drop) site *here = site_new();
        story->here = here;
        story->prng.state = seed;
        here->grouped = true;
        here->limits.inflight_max = 8;
        sv_broker_drop(&here->broker);
        site_start(here);
        for (int i = 0; i < STEPS; i++) {
            step(story);
            if (here->record_count > SITE_RECORDS / 2) {
                sv_broker_settled(here->broker, here->group);
                story->durable = here->group++;
                site_compact(here, story->durable);
            }
        }
        finish(story);
        for (size_t i = 0; i < story->count; i++) {
            const note *message = &story->messages[i];
            assert_int_equal(message->stage, DONE);
            for (size_t j = 0; j < SUBSCRIBERS; j++) {
                assert_true(message->seen[j] >= 1);
                assert_true(message->seen[j] == 1 || message->qos < 2 || qos_of(j) < 2);
            }
        }
        delivered += story->count;
        assert_int_equal(here->events[SV_BROKER_DROPPED], 0);
        assert_int_equal(site_count(here).queued, 0);
        assert_int_equal(site_count(here).queued_bytes, 0);
    }
    assert_true(delivered > (size_t) SEEDS * 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_arrives_and_qos_2_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
