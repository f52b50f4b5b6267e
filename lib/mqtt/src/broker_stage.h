// What the fuzz target's broker stands on: its limits, the links and the store it is given, and
// what is owed to each client.
#ifndef SV_MQTT_BROKER_STAGE_H
#define SV_MQTT_BROKER_STAGE_H

#include "broker_promises.h"

#include <base/map.h>
#include <base/mem.h>
#include <mqtt/broker.h>
#include <stdio.h>

enum {
    LINKS = 6,
    RECORDS_MAX = 1 << 20,
    ROOM = 8192,
    SECOND_US = 1000000,
    BASE_BYTES = 128 * 1024,
    HOLDER_BYTES = 32 * 1024, ///< a connection or session, with all that waits for it
    ID_BYTES = 512,           ///< an entry of `twice`
};

/// AddressSanitizer's; NULL without it.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

typedef struct link {
    struct stage *world;
    sv_broker_client *client;
    sv_mqtt_version version;
    size_t waiting;
    promises owed;
    char key[SV_BROKER_KEY_MAX]; ///< of its session
} link_end;

typedef struct stage {
    sv_broker *broker;
    sv_text script;
    int64_t now_us;
    uint64_t group;
    uint64_t settled;
    size_t bytes_before;
    sv_map *store;      ///< kind and key -> value with its length in front
    sv_map *twice;      ///< session and id of every message of QoS 2 that came
    bool forged;        ///< sessions were made up, or not noted: `twice` says nothing
    link_end *speaking; ///< whose packet the server is looking at
    promise *promised;  ///< for that packet
    link_end links[LINKS];
} stage;

static const sv_broker_limits LIMITS = {
    .packet_max = 4096,
    .keepalive_max_s = 60,
    .receive_max = 4,
    .inflight_max = 3,
    .topic_alias_max = 2,
    .session_expiry_max_s = 600,
    .queue_messages_max = 8,
    .queue_bytes_max = 4096,
    .subscriptions_max = 5,
    .waiting_max = 1000,
    .retained_max = 4,
    .retained_bytes_max = 2048,
    .connections_max = 2,
};

static inline sv_text name_id(sv_textbuf *out, const char *key, uint16_t id) {
    sv_textbuf_addf(out, "%s#%u", key, id);
    return sv_textbuf_text(out);
}

static inline bool is_known(const stage *world, const link_end *end, const sv_mqtt_packet *sent) {
    char room[SV_BROKER_KEY_MAX + 8];
    sv_textbuf name = SV_TEXTBUF(room);
    return world->forged || sv_map_get(world->twice, name_id(&name, end->key, sent->id)) != NULL;
}

static inline void on_send(void *link, sv_text bytes) {
    link_end *end = link;
    size_t len = 0;
    must(end->client != NULL);
    while (bytes.len > 0) {
        if (sv_mqtt_packet_length(bytes, &len) != SV_OK || len > bytes.len) {
            abort();
        }
        sv_text text = { .at = bytes.at, .len = len };
        sv_mqtt_packet packet;
        must(sv_mqtt_packet_parse(text, end->owed.version, SV_MQTT_FOR_CLIENT, &packet, NULL, NULL)
             == SV_OK);
        promise_keep(&end->owed, &packet, end->world->settled, is_known(end->world, end, &packet));
        bytes.at += len;
        bytes.len -= len;
    }
}

static inline size_t on_waiting(void *link) {
    return ((link_end *) link)->waiting;
}

static inline void on_close(void *link) {
    ((link_end *) link)->client = NULL;
}

static inline bool on_may(void *arg, const sv_broker_peer *who, sv_text topic) {
    const stage *world = arg;
    bool may = who->client_id != NULL && !sv_text_is(topic, "secret");
    if (world->promised != NULL && !may) {
        world->promised->may_not = true;
    }
    return may;
}

/// The packet that is being looked at is not answered before this group is settled; CONNACK speaks
/// of sessions alone.
static inline uint64_t wait_for(const stage *world, bool is_session, uint64_t group) {
    if (world->promised != NULL && (is_session || world->promised->type != SV_MQTT_CONNACK)
        && group > world->promised->group) {
        world->promised->group = group;
    }
    return group;
}

static inline void note_message(stage *world, const sv_broker_message *message) {
    must(world->speaking != NULL); // nothing comes from nobody
    if (message->qos > 0 && !world->speaking->owed.lost) {
        must(world->promised != NULL);
        promise_hand_over(&world->speaking->owed, world->promised, message->qos);
    }
}

static inline uint64_t on_message(void *arg, const sv_broker_message *message) {
    stage *world = arg;
    must(message->from != NULL);
    uint64_t group = world->group % 3 == 0 ? 0 : world->group;
    if (message->is_will) {
        return group;
    }
    note_message(world, message);
    return wait_for(world, false, group);
}

static inline void on_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                            const sv_why *why) {
    const stage *world = arg;
    (void) why;
    if (event == SV_BROKER_CONNECTED && world->speaking != NULL) {
        (void) snprintf(world->speaking->key, sizeof world->speaking->key, "%c/%s",
                        who->local ? 'l' : 'c', who->client_id);
    }
}

static inline uint64_t on_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    stage *world = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf name = SV_TEXTBUF_HEAP(1 << 20);
    sv_textbuf_add_char(&name, (char) ('0' + (int) kind));
    sv_textbuf_add(&name, key);
    free(sv_map_remove(world->store, sv_textbuf_text(&name)));
    if (value.at != NULL) {
        char *copy = sv_mem_new(sizeof value.len + value.len);
        memcpy(copy, &value.len, sizeof value.len);
        memcpy(copy + sizeof value.len, value.at, value.len);
        if (sv_map_put(world->store, sv_textbuf_text(&name), copy) != SV_OK) {
            abort();
        }
    }
    return wait_for(world, kind == SV_BROKER_SESSION, world->group);
}

static inline void start(stage *world) {
    static const sv_broker_hooks HOOKS = {
        .send = on_send,
        .waiting = on_waiting,
        .close = on_close,
        .may_publish = on_may,
        .may_subscribe = on_may,
        .message = on_message,
        .keep = on_keep,
        .event = on_event,
    };
    static const uint8_t KEY[16] = { 1 };
    world->broker = sv_broker_new(&LIMITS, &HOOKS, world, KEY, world->now_us, world->now_us);
}

typedef struct record {
    sv_text key;
    const char *value;
} record;

static inline int by_key(const void *left, const void *right) {
    const record *a = left;
    const record *b = right;
    size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = memcmp(a->key.at, b->key.at, len);
    return order != 0 ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

/// What the broker kept is what it takes back, all of it.
static inline void restart(stage *world) {
    sv_broker_drop(&world->broker);
    for (size_t i = 0; i < LINKS; i++) {
        world->links[i].client = NULL;
    }
    start(world);
    size_t count = sv_map_count(world->store);
    SV_DEFER(sv_mem_drop) record *records = sv_mem_array(count + 1, sizeof *records);
    for (size_t i = 0; i < count; i++) {
        records[i].value = sv_map_at(world->store, i, &records[i].key);
    }
    qsort(records, count, sizeof *records, by_key);
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        memcpy(&len, records[i].value, sizeof len);
        if (sv_broker_restore(
                world->broker, (sv_broker_kind) (records[i].key.at[0] - '0'),
                (sv_text){ .at = records[i].key.at + 1, .len = records[i].key.len - 1 },
                (sv_text){ .at = records[i].value + sizeof len, .len = len }, NULL)
            != SV_OK) {
            abort();
        }
    }
}

/// An id of QoS 2 that the session has heard of is answered again without a second message.
static inline void note_id(stage *world, const link_end *end) {
    char room[SV_BROKER_KEY_MAX + 8];
    sv_textbuf name = SV_TEXTBUF(room);
    const promise *made = world->promised;
    world->forged = world->forged || end->owed.lost;
    if (made != NULL && made->type == SV_MQTT_PUBREC && (made->handed || made->may_not)) {
        (void) sv_map_put(world->twice, name_id(&name, end->key, made->id), world);
    }
}

/// What is kept is as much as the limits allow, in the broker's memory and in ours.
static inline void check_memory(const stage *world, const sv_broker_counts *counts) {
    if (__sanitizer_get_current_allocated_bytes == NULL) {
        return;
    }
    size_t holders = counts->clients + counts->sessions;
    size_t records = sv_map_count(world->store) + counts->retained;
    must(__sanitizer_get_current_allocated_bytes() - world->bytes_before
         <= BASE_BYTES + holders * HOLDER_BYTES + records * LIMITS.packet_max
                + sv_map_count(world->twice) * ID_BYTES);
}

static inline void check_bounds(const stage *world) {
    sv_broker_counts counts = sv_broker_count(world->broker);
    must(counts.retained <= LIMITS.retained_max && counts.clients <= LINKS);
    must(counts.queued <= counts.sessions * LIMITS.queue_messages_max);
    must(counts.queued_bytes <= counts.sessions * LIMITS.queue_bytes_max);
    check_memory(world, &counts);
}

static inline void empty(sv_map **map, bool owns) {
    while (sv_map_count(*map) > 0) {
        sv_text key;
        (void) sv_map_at(*map, 0, &key);
        SV_DEFER(sv_mem_drop) char *copy = sv_mem_copy_str(key.at, key.len);
        void *value = sv_map_remove(*map, (sv_text){ .at = copy, .len = key.len });
        if (owns) {
            free(value);
        }
    }
    sv_map_drop(map);
}

#endif
