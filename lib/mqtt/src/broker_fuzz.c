// The input is a script: clients of both versions come, send packets made of a few words or raw
// bytes, and go; time passes, groups settle, the broker is killed and restored from what it kept.
// Whatever is sent is a packet that a client can read, nothing is sent before CONNECT, every answer
// comes in its place, once, and not before what it promises is handed over and settled; the bounds
// hold, and when everybody has gone for long enough nothing is left, neither in memory nor in the
// store.
#include "broker_stage.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const WORDS[] = { "a",    "a/b",  "+",          "#",        "a/+",
                                     "a/#",  "$s/x", "$share/g/a", "secret",   "$share/g/#",
                                     "a//b", "/",    "$share/h/a", "$share/+", "" };
static const char *const IDS[] = { "x", "y", "", "app.z", "app", "p" };

static uint8_t take(stage *world) {
    if (world->script.len == 0) {
        return 0;
    }
    uint8_t byte = (uint8_t) world->script.at[0];
    world->script.at++;
    world->script.len--;
    return byte;
}

static sv_text take_bytes(stage *world) {
    size_t len = take(world);
    len = len < world->script.len ? len : world->script.len;
    sv_text bytes = { .at = world->script.at, .len = len };
    world->script.at += len;
    world->script.len -= len;
    return bytes;
}

static sv_text word(stage *world) {
    return sv_text_of(WORDS[take(world) % SV_COUNT(WORDS)]);
}

/// One packet, or what is no whole one.
static size_t feed_one(stage *world, link_end *end, sv_text bytes) {
    bool closed = false;
    size_t len = 0;
    bool whole = sv_mqtt_packet_length(bytes, &len) == SV_OK && len <= bytes.len;
    bytes.len = whole ? len : bytes.len;
    world->speaking = end;
    world->promised = whole ? promise_make(&end->owed, bytes) : NULL;
    size_t taken = sv_broker_bytes(world->broker, end->client, bytes, world->now_us, &closed);
    note_id(world, end);
    world->speaking = NULL;
    world->promised = NULL;
    must(taken <= bytes.len && closed == (end->client == NULL));
    must(closed || taken == (whole ? len : 0));
    return taken;
}

static void feed(stage *world, link_end *end, sv_text bytes) {
    size_t taken = 1;
    while (end->client != NULL && bytes.len > 0 && taken > 0) {
        taken = feed_one(world, end, bytes);
        bytes.at += taken;
        bytes.len -= taken;
    }
}

static void open_client(stage *world, link_end *end) {
    uint8_t kind = take(world);
    sv_identity identity = { .role = SV_ROLE_APP, .not_after_us = 1000000 * (int64_t) SECOND_US };
    memcpy(identity.id, "app", sizeof "app");
    if (end->client == NULL) {
        end->version = kind & 1 ? SV_MQTT_V5 : SV_MQTT_V311;
        end->waiting = 0;
        end->owed = (promises){ .version = end->version };
        end->client = sv_broker_open_client(world->broker, end, kind & 2 ? &identity : NULL, "here",
                                            world->now_us);
    }
}

static void add_connect(stage *world, const link_end *end, sv_textbuf *out) {
    uint8_t flags = take(world);
    sv_mqtt_connect connect = {
        .version = end->version,
        .client_id = sv_text_of(IDS[take(world) % SV_COUNT(IDS)]),
        .clean_session = (flags & 1) != 0,
        .keepalive_s = flags & 2 ? 30 : 0,
        .has_will = (flags & 4) != 0,
        .will_topic = (flags & 8) != 0 ? SV_TEXT("a") : SV_TEXT("a/b"),
        .will_payload = SV_TEXT("will"),
        .will_qos = (uint8_t) ((flags >> 4) % 3),
        .will_retain = (flags & 64) != 0,
    };
    connect.properties.session_expiry_s = flags & 128 ? 100 : 0;
    connect.properties.receive_max = 2;
    connect.properties.packet_max = 40;
    connect.properties.topic_alias_max = 3;
    connect.properties.present =
        UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY | UINT64_C(1) << SV_MQTT_P_TOPIC_ALIAS_MAX;
    uint8_t more = take(world);
    connect.properties.present |= more & 1 ? UINT64_C(1) << SV_MQTT_P_RECEIVE_MAX : 0;
    connect.properties.present |= more & 2 ? UINT64_C(1) << SV_MQTT_P_PACKET_MAX : 0;
    connect.will_properties.will_delay_s = more & 4 ? 20 : 0;
    connect.will_properties.present = UINT64_C(1) << SV_MQTT_P_WILL_DELAY;
    sv_mqtt_add_connect(out, &connect);
}

static void add_publish(stage *world, const link_end *end, sv_textbuf *out) {
    uint8_t flags = take(world);
    sv_mqtt_publish publish = {
        .topic = word(world),
        .qos = flags % 3,
        .retain = (flags & 4) != 0,
        .dup = (flags & 8) != 0 && flags % 3 > 0,
        .topic_alias = (uint16_t) (flags >> 4 & 3),
        .has_expiry = (flags & 64) != 0,
        .expiry_s = 5,
        .forwarded = flags & 128 ? SV_TEXT("\1\1\x26\0\1k\0\1v") : SV_TEXT(""),
        .id = (uint16_t) (take(world) % 5 + 1),
        .payload = take_bytes(world),
    };
    if (publish.topic.len == 0 && publish.topic_alias == 0) {
        publish.topic_alias = 1;
    }
    sv_mqtt_add_publish(out, end->version, &publish);
}

static void add_packet(stage *world, const link_end *end, uint8_t what, sv_textbuf *out) {
    static const sv_mqtt_type ACKS[] = { SV_MQTT_PUBACK, SV_MQTT_PUBREC, SV_MQTT_PUBREL,
                                         SV_MQTT_PUBCOMP };
    uint16_t id = 0;
    switch (what) {
    case 0:
        add_connect(world, end, out);
        break;
    case 1:
        add_publish(world, end, out);
        break;
    case 2:
        id = take(world) % 5 + 1;
        sv_mqtt_add_subscribe(out, end->version, id, word(world), take(world), id - 1U);
        break;
    case 3:
        id = take(world) % 5 + 1;
        sv_mqtt_add_unsubscribe(out, end->version, id, word(world));
        break;
    case 4:
        id = take(world) % 16 + 1;
        sv_mqtt_add_ack(out, end->version, ACKS[take(world) % 4], id,
                        take(world) % 8 == 0 ? SV_MQTT_UNSPECIFIED : SV_MQTT_SUCCESS);
        break;
    default:
        sv_mqtt_add_disconnect(out, end->version, take(world) % 2 ? SV_MQTT_WITH_WILL : 0,
                               SV_TEXT(""), NULL);
    }
}

static void pass_time(stage *world, int64_t us) {
    world->now_us += us;
    sv_broker_tick(world->broker, world->now_us, world->now_us);
}

static void restore_raw(stage *world) {
    static const char *const KEYS[] = { "c/app", "l/x", "l/x#0000000000000009",
                                        "a",     "l/q", "l/x#ffffffffffff0003" };
    sv_text key = sv_text_of(KEYS[take(world) % SV_COUNT(KEYS)]);
    sv_broker_kind kind = (sv_broker_kind) (take(world) % 4);
    sv_text value = take_bytes(world);
    SV_DEFER(sv_textbuf_drop) sv_textbuf whole = SV_TEXTBUF_HEAP(ROOM);
    sv_textbuf_add_char(&whole, 1);
    sv_textbuf_add(&whole, value);
    if (sv_broker_restore(world->broker, kind, key, sv_textbuf_text(&whole), NULL) == SV_OK) {
        (void) on_keep(world, kind, key, sv_textbuf_text(&whole));
        world->forged = true;
    }
}

static void settle(stage *world) {
    world->settled = world->group++;
    sv_broker_settled(world->broker, world->settled);
    for (size_t i = 0; i < LINKS; i++) {
        if (world->links[i].client != NULL) {
            promise_check(&world->links[i].owed, world->settled);
        }
    }
}

static void send_away(stage *world, const link_end *end) {
    uint8_t how = take(world);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "certificate is revoked");
    if ((how & 2) == 0) {
        (void) sv_broker_kick(world->broker, SV_TEXT("app"), SV_MQTT_NOT_AUTHORIZED, how % 2 == 0,
                              world->now_us);
    } else if (end->client != NULL) {
        sv_broker_expel(world->broker, end->client, &why, world->now_us);
    }
}

static void do_other(stage *world, link_end *end, uint8_t what) {
    switch (what) {
    case 0:
        open_client(world, end);
        break;
    case 1:
        feed(world, end, take_bytes(world));
        break;
    case 2:
        if (end->client != NULL) {
            sv_broker_client_gone(world->broker, end->client, NULL, world->now_us);
            end->client = NULL;
        }
        break;
    case 3:
        pass_time(world, take(world) * (int64_t) SECOND_US / 4);
        break;
    case 4:
        settle(world);
        break;
    case 5:
        restart(world);
        break;
    case 6:
        (void) sv_broker_publish(world->broker, word(world), SV_TEXT("own"), take(world) % 3,
                                 take(world) % 2 == 0, world->now_us);
        break;
    case 7:
        send_away(world, end);
        break;
    case 8:
        end->waiting = (size_t) take(world) * 8;
        if (end->client != NULL) {
            sv_broker_drained(world->broker, end->client, world->now_us);
        }
        break;
    default:
        restore_raw(world);
    }
}

static void step(stage *world) {
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    uint8_t what = take(world);
    link_end *end = &world->links[take(world) % LINKS];
    if (what % 16 < 10) {
        do_other(world, end, what % 16);
    } else {
        open_client(world, end);
        add_packet(world, end, what % 16 - 10, &out);
        feed(world, end, sv_textbuf_text(&out));
    }
    check_bounds(world);
}

/// Everybody goes, and time passes until all that may be forgotten is.
static void finish(stage *world) {
    for (size_t i = 0; i < LINKS; i++) {
        if (world->links[i].client != NULL) {
            sv_broker_client_gone(world->broker, world->links[i].client, NULL, world->now_us);
            world->links[i].client = NULL;
        }
    }
    pass_time(world, 601 * (int64_t) SECOND_US);
    sv_broker_counts counts = sv_broker_count(world->broker);
    if (counts.clients + counts.sessions + counts.subscriptions + counts.queued
                + counts.queued_bytes
            > 0
        || sv_map_count(world->store) != counts.retained) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t KEY[16] = { 2 };
    static stage world; // with all that is owed, too large for a stack
    world = (stage){ .script = { .at = (const char *) data, .len = size },
                     .now_us = SECOND_US,
                     .group = 1,
                     .store = sv_map_new(RECORDS_MAX, KEY),
                     .twice = sv_map_new(RECORDS_MAX, KEY) };
    for (size_t i = 0; i < LINKS; i++) {
        world.links[i].world = &world;
    }
    if (__sanitizer_get_current_allocated_bytes != NULL) {
        world.bytes_before = __sanitizer_get_current_allocated_bytes();
    }
    start(&world);
    while (world.script.len > 0) {
        step(&world);
    }
    finish(&world);
    sv_broker_drop(&world.broker);
    empty(&world.store, true);
    empty(&world.twice, false);
    return 0;
}
