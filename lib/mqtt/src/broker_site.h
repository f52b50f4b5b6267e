// For the broker's tests: a site with links that capture what is sent, a clock that is told, and a
// store whose groups become durable when the test says so. What a link was sent reads as one line:
// "CONNACK 00 present; a/b=hello q1#1 dup; PUBACK#7:87; closed".
#ifndef SV_MQTT_BROKER_SITE_H
#define SV_MQTT_BROKER_SITE_H

#include <base/mem.h>
#include <base/test.h>
#include <mqtt/broker.h>
#include <stdio.h>
#include <stdlib.h>

enum { SITE_LINKS = 12, SITE_RECORDS = 8192, SITE_LINE = 65536 };

#define SECOND INT64_C(1000000)

#define SITE_WALL_US INT64_C(1800000000000000)

typedef struct site_record {
    sv_broker_kind kind;
    char *key, *value; ///< value NULL: forgotten
    size_t key_len, value_len;
    uint64_t group;
} site_record;

typedef struct site_link {
    struct site *site;
    sv_broker_client *client; ///< NULL: closed
    sv_mqtt_version version;
    sv_textbuf got;
    size_t waiting;
} site_link;

typedef struct site {
    sv_broker *broker;
    sv_broker_limits limits;
    int64_t now_us;
    bool grouped;   ///< answers wait for site_settle
    uint64_t group; ///< of what is committed next
    site_record records[SITE_RECORDS];
    size_t record_count;
    uint64_t messages, wills, events[SV_BROKER_EVENT__COUNT];
    const char *kept_back;  ///< topics that begin so reach no subscriber
    const char *unwelcome;  ///< the id of somebody who may not be here
    const char *taken_away; ///< topics and filters that begin so are nobody's any more
    char last_message[256], last_why[SV_WHY_MAX];
    site_link links[SITE_LINKS];
    char line[SITE_LINE];
} site;

static inline void site_free_record(site_record *record) {
    free(record->key);
    free(record->value);
}

static inline void site_send(void *link, sv_text bytes) {
    sv_textbuf_add(&((site_link *) link)->got, bytes);
}

static inline size_t site_waiting(void *link) {
    return ((site_link *) link)->waiting;
}

static inline void site_close(void *link) {
    ((site_link *) link)->client = NULL;
}

static inline sv_err site_welcome(void *arg, const sv_broker_peer *who, sv_why *why) {
    const site *here = arg;
    assert_false(who->local);
    bool may = here->unwelcome == NULL || strcmp(here->unwelcome, who->identity.id) != 0;
    return may ? SV_OK : sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is revoked", who->identity.id);
}

/// Everybody may everything but what is secret, or has become so.
static inline bool site_may(void *arg, const sv_broker_peer *who, sv_text topic) {
    const site *here = arg;
    assert_non_null(who->client_id);
    return !sv_text_starts(topic, SV_TEXT("secret"))
           && (here->taken_away == NULL || !sv_text_starts(topic, sv_text_of(here->taken_away)));
}

/// What follows "secret/" or "whisper/" is not to be read in any log.
static inline sv_text site_named(void *arg, sv_text topic) {
    assert_non_null(arg);
    sv_text rest = topic;
    sv_text root = sv_text_cut(&rest, '/');
    bool hidden = sv_text_is(root, "secret") || sv_text_is(root, "whisper");
    return hidden ? (sv_text){ .at = topic.at, .len = topic.len - rest.len } : topic;
}

static inline uint64_t site_message(void *arg, const sv_broker_message *message) {
    site *here = arg;
    here->messages++;
    here->wills += message->is_will ? 1 : 0;
    (void) snprintf(here->last_message, sizeof here->last_message, SV_TEXT_FMT "=" SV_TEXT_FMT,
                    SV_TEXT_ARG(message->topic), SV_TEXT_ARG(message->payload));
    return here->grouped ? here->group : 0;
}

static inline bool site_passes_on(void *arg, const sv_broker_message *message) {
    const site *here = arg;
    return here->kept_back == NULL || !sv_text_starts(message->topic, sv_text_of(here->kept_back));
}

static inline uint64_t site_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    site *here = arg;
    assert_true(here->record_count < SITE_RECORDS);
    here->records[here->record_count++] = (site_record){
        .kind = kind,
        .key = sv_mem_copy_str(key.at, key.len),
        .key_len = key.len,
        .value = value.at == NULL ? NULL : sv_mem_copy_str(value.at, value.len),
        .value_len = value.len,
        .group = here->group,
    };
    return here->grouped ? here->group : 0;
}

static inline void site_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                              const sv_why *why) {
    site *here = arg;
    assert_non_null(who);
    here->events[event]++;
    if (why != NULL) {
        (void) snprintf(here->last_why, sizeof here->last_why, "%s", why->text);
    }
}

static inline int site_by_key(const void *left, const void *right) {
    const site_record *a = left;
    const site_record *b = right;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : (a->group > b->group) - (a->group < b->group);
}

/// Later records of a key replace earlier ones; those of a group above `durable` are lost.
static inline void site_compact(site *here, uint64_t durable) {
    size_t kept = 0;
    for (size_t i = 0; i < here->record_count; i++) {
        site_record *record = &here->records[i];
        if (here->grouped && record->group > durable) {
            site_free_record(record);
            continue;
        }
        for (size_t j = 0; j < kept; j++) {
            if (here->records[j].kind == record->kind
                && strcmp(here->records[j].key, record->key) == 0) {
                site_free_record(&here->records[j]);
                here->records[j] = here->records[--kept];
                break;
            }
        }
        if (record->value == NULL) {
            site_free_record(record);
        } else {
            here->records[kept++] = *record;
        }
    }
    here->record_count = kept;
    qsort(here->records, kept, sizeof here->records[0], site_by_key);
}

static inline void site_start(site *here) {
    static const sv_broker_hooks HOOKS = {
        .send = site_send,
        .waiting = site_waiting,
        .close = site_close,
        .welcome = site_welcome,
        .may_publish = site_may,
        .may_subscribe = site_may,
        .message = site_message,
        .passes_on = site_passes_on,
        .keep = site_keep,
        .named = site_named,
        .event = site_event,
    };
    uint8_t key[16] = { 1 };
    here->broker =
        sv_broker_new(&here->limits, &HOOKS, here, key, here->now_us, SITE_WALL_US + here->now_us);
}

static inline site *site_new(void) {
    site *here = sv_mem_new(sizeof *here);
    here->limits = SV_BROKER_DEFAULTS;
    here->now_us = 1000 * SECOND;
    here->group = 1;
    for (size_t i = 0; i < SITE_LINKS; i++) {
        here->links[i].site = here;
        here->links[i].got = SV_TEXTBUF_HEAP(64 << 20);
    }
    site_start(here);
    return here;
}

static inline void site_drop(site **here) {
    sv_broker_drop(&(*here)->broker);
    for (size_t i = 0; i < (*here)->record_count; i++) {
        site_free_record(&(*here)->records[i]);
    }
    for (size_t i = 0; i < SITE_LINKS; i++) {
        sv_textbuf_drop(&(*here)->links[i].got);
    }
    free(*here);
    *here = NULL;
}

/// Power goes and comes: what was durable is all that is left. The number of records refused.
static inline size_t site_restart(site *here, uint64_t durable) {
    size_t refused = 0;
    sv_broker_drop(&here->broker);
    site_compact(here, durable);
    for (size_t i = 0; i < SITE_LINKS; i++) {
        here->links[i].client = NULL;
        sv_textbuf_clear(&here->links[i].got);
    }
    site_start(here);
    here->group++;
    for (size_t i = 0; i < here->record_count; i++) {
        const site_record *record = &here->records[i];
        sv_text key = { .at = record->key, .len = record->key_len };
        sv_text value = { .at = record->value, .len = record->value_len };
        refused += sv_broker_restore(here->broker, record->kind, key, value, NULL) != SV_OK;
    }
    return refused;
}

/// Everything up to now is on disk.
static inline void site_settle(site *here) {
    sv_broker_settled(here->broker, here->group);
    here->group++;
}

static inline void site_wait(site *here, int64_t us) {
    here->now_us += us;
    sv_broker_tick(here->broker, here->now_us, SITE_WALL_US + here->now_us);
}

static inline sv_identity site_identity(const char *id, sv_role role) {
    sv_identity identity = { .role = role, .not_after_us = INT64_MAX };
    assert_int_equal(sv_text_copy(sv_text_of(id), identity.id, sizeof identity.id), SV_OK);
    return identity;
}

/// `id` NULL: a local program.
static inline site_link *site_open(site *here, size_t number, const char *id) {
    site_link *link = &here->links[number];
    sv_identity identity = site_identity(id == NULL ? "x" : id, SV_ROLE_DEVICE);
    assert_null(link->client);
    link->waiting = 0;
    sv_textbuf_clear(&link->got);
    link->client = sv_broker_open_client(here->broker, link, id == NULL ? NULL : &identity,
                                         "192.0.2.7:1", here->now_us);
    assert_non_null(link->client);
    return link;
}

static inline void site_bytes(site_link *link, sv_text bytes) {
    bool closed = false;
    assert_non_null(link->client);
    size_t taken =
        sv_broker_bytes(link->site->broker, link->client, bytes, link->site->now_us, &closed);
    assert_true(taken <= bytes.len);
    assert_int_equal(closed, link->client == NULL);
}

/// The network loses it.
static inline void site_lose(site_link *link) {
    sv_why why = { .text = "connection reset" };
    sv_broker_client_gone(link->site->broker, link->client, &why, link->site->now_us);
    link->client = NULL;
}

static inline void site_add_ids(sv_textbuf *out, sv_text raw) {
    while (raw.len > 1 && raw.at[0] == SV_MQTT_P_SUBSCRIPTION_ID) {
        size_t at = 1;
        uint32_t id = (uint8_t) raw.at[1] & 0x7FU;
        for (unsigned shift = 7; ((uint8_t) raw.at[at] & 0x80U) != 0; shift += 7) {
            id |= ((uint8_t) raw.at[++at] & 0x7FU) << shift;
        }
        sv_textbuf_addf(out, " id=%u", id);
        raw.at += at + 1;
        raw.len -= at + 1;
    }
}

static inline void site_say_properties(sv_textbuf *out, const sv_mqtt_properties *has) {
    static const struct {
        unsigned id;
        const char *name;
        size_t at, bytes;
    } NUMBERS[] = {
        { SV_MQTT_P_SESSION_EXPIRY, "expiry", offsetof(sv_mqtt_properties, session_expiry_s), 4 },
        { SV_MQTT_P_MESSAGE_EXPIRY, "expiry", offsetof(sv_mqtt_properties, message_expiry_s), 4 },
        { SV_MQTT_P_SERVER_KEEPALIVE, "keepalive", offsetof(sv_mqtt_properties, server_keepalive_s),
          2 },
        { SV_MQTT_P_TOPIC_ALIAS, "alias", offsetof(sv_mqtt_properties, topic_alias), 2 },
        { SV_MQTT_P_PAYLOAD_FORMAT, "format", offsetof(sv_mqtt_properties, payload_format), 1 },
    };
    for (size_t i = 0; i < SV_COUNT(NUMBERS); i++) {
        uint32_t value = 0;
        if (sv_mqtt_has(has, NUMBERS[i].id)) {
            memcpy(&value, (const char *) has + NUMBERS[i].at, NUMBERS[i].bytes);
            sv_textbuf_addf(out, " %s=%u", NUMBERS[i].name, value);
        }
    }
    if (sv_mqtt_has(has, SV_MQTT_P_ASSIGNED_ID)) {
        sv_textbuf_addf(out, " id=" SV_TEXT_FMT, SV_TEXT_ARG(has->assigned_id));
    }
    if (sv_mqtt_has(has, SV_MQTT_P_RESPONSE_TOPIC)) {
        sv_textbuf_addf(out, " reply=" SV_TEXT_FMT, SV_TEXT_ARG(has->response_topic));
    }
    if (sv_mqtt_has(has, SV_MQTT_P_CORRELATION)) {
        sv_textbuf_addf(out, " correlation=" SV_TEXT_FMT, SV_TEXT_ARG(has->correlation));
    }
    sv_text raw = has->raw, name, value;
    while (sv_mqtt_has(has, SV_MQTT_P_USER) && sv_mqtt_user_next(&raw, &name, &value)) {
        sv_textbuf_addf(out, " " SV_TEXT_FMT ":" SV_TEXT_FMT, SV_TEXT_ARG(name),
                        SV_TEXT_ARG(value));
    }
}

static inline void site_say_packet(sv_textbuf *out, const sv_mqtt_packet *packet) {
    static const char *const NAMES[] = { "",          "CONNECT",  "CONNACK",     "PUBLISH",
                                         "PUBACK",    "PUBREC",   "PUBREL",      "PUBCOMP",
                                         "SUBSCRIBE", "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                         "PINGREQ",   "PINGRESP", "DISCONNECT",  "AUTH" };
    if (packet->type == SV_MQTT_PUBLISH) {
        sv_textbuf_addf(out, SV_TEXT_FMT "=" SV_TEXT_FMT, SV_TEXT_ARG(packet->topic),
                        SV_TEXT_ARG(packet->payload));
        if (packet->qos > 0) {
            sv_textbuf_addf(out, " q%u#%u", packet->qos, packet->id);
        }
        sv_textbuf_add_str(out, packet->dup ? " dup" : "");
        sv_textbuf_add_str(out, packet->retain ? " retain" : "");
        site_add_ids(out, packet->properties.raw);
        site_say_properties(out, &packet->properties);
        return;
    }
    sv_textbuf_add_str(out, NAMES[packet->type]);
    if (packet->id != 0) {
        sv_textbuf_addf(out, "#%u", packet->id);
    }
    if (packet->type == SV_MQTT_SUBACK || packet->type == SV_MQTT_UNSUBACK) {
        for (size_t i = 0; i < packet->payload.len; i++) {
            sv_textbuf_addf(out, "%c%02x", i == 0 ? ' ' : ',', (uint8_t) packet->payload.at[i]);
        }
    } else if (packet->type == SV_MQTT_CONNACK) {
        sv_textbuf_addf(out, " %02x%s", packet->code, packet->session_present ? " present" : "");
        site_say_properties(out, &packet->properties);
    } else if (packet->code != 0) {
        sv_textbuf_addf(out, ":%02x", packet->code);
    }
}

/// Everything the link was sent since the last time.
static inline const char *site_got(site_link *link) {
    sv_textbuf out = SV_TEXTBUF(link->site->line);
    sv_text rest = sv_textbuf_text(&link->got);
    size_t len = 0;
    while (sv_mqtt_packet_length(rest, &len) == SV_OK) {
        sv_mqtt_packet packet;
        sv_why why;
        assert_true(len <= rest.len);
        if (sv_mqtt_packet_parse((sv_text){ .at = rest.at, .len = len }, link->version,
                                 SV_MQTT_FOR_CLIENT, &packet, NULL, &why)
            != SV_OK) {
            fail_msg("the broker wrote what is no packet: %s", why.text);
        }
        sv_textbuf_add_str(&out, out.len > 0 ? "; " : "");
        site_say_packet(&out, &packet);
        rest.at += len;
        rest.len -= len;
    }
    assert_int_equal(rest.len, 0);
    if (link->client == NULL) {
        sv_textbuf_add_str(&out, out.len > 0 ? "; closed" : "closed");
    }
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    sv_textbuf_clear(&link->got);
    return link->site->line;
}

#define assert_got(link, line) assert_string_equal(site_got(link), line)

static inline void site_send_to(site_link *link, const sv_textbuf *packet) {
    assert_false(packet->overflowed);
    site_bytes(link, sv_textbuf_text(packet));
}

static inline void site_connect(site_link *link, const sv_mqtt_connect *connect) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    link->version = connect->version;
    sv_mqtt_add_connect(&packet, connect);
    site_send_to(link, &packet);
}

/// A local program of that client id with nothing special: opens, connects, expects to be let in.
static inline site_link *site_join(site *here, size_t number, sv_mqtt_version version,
                                   const char *id, bool clean) {
    site_link *link = site_open(here, number, NULL);
    sv_mqtt_connect connect = {
        .version = version, .client_id = sv_text_of(id), .clean_session = clean, .keepalive_s = 60
    };
    if (version == SV_MQTT_V5 && !clean) {
        connect.properties.present = UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY;
        connect.properties.session_expiry_s = 3600;
    }
    site_connect(link, &connect);
    return link;
}

/// As site_join, and what is answered is as expected, new or present.
static inline site_link *site_joined(site *here, size_t number, sv_mqtt_version version,
                                     const char *id, bool clean, bool present) {
    site_link *link = site_join(here, number, version, id, clean);
    assert_got(link, present ? "CONNACK 00 present" : "CONNACK 00");
    return link;
}

static inline void site_publish(site_link *link, const char *topic, const char *payload,
                                uint8_t qos, uint16_t id, bool retain) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    sv_mqtt_publish publish = { .topic = sv_text_of(topic),
                                .payload = sv_text_of(payload),
                                .qos = qos,
                                .id = id,
                                .retain = retain };
    sv_mqtt_add_publish(&packet, link->version, &publish);
    site_send_to(link, &packet);
}

static inline void site_publish_as(site_link *link, const sv_mqtt_publish *publish) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    sv_mqtt_add_publish(&packet, link->version, publish);
    site_send_to(link, &packet);
}

/// `options` as in the packet: QoS, 4 No Local, 8 Retain As Published, 16 and 32 retain handling.
static inline void site_subscribe(site_link *link, uint16_t id, const char *filter,
                                  unsigned options, uint32_t subscription_id) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    sv_mqtt_add_subscribe(&packet, link->version, id, sv_text_of(filter), (uint8_t) options,
                          subscription_id);
    site_send_to(link, &packet);
}

static inline void site_unsubscribe(site_link *link, uint16_t id, const char *filter) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    sv_mqtt_add_unsubscribe(&packet, link->version, id, sv_text_of(filter));
    site_send_to(link, &packet);
}

static inline void site_ack(site_link *link, sv_mqtt_type type, uint16_t id,
                            sv_mqtt_reason reason) {
    char room[16];
    sv_textbuf packet = SV_TEXTBUF(room);
    sv_mqtt_add_ack(&packet, link->version, type, id, reason);
    site_send_to(link, &packet);
}

static inline void site_disconnect(site_link *link, sv_mqtt_reason reason) {
    char room[16];
    sv_textbuf packet = SV_TEXTBUF(room);
    sv_mqtt_add_disconnect(&packet, link->version, reason, SV_TEXT(""), NULL);
    site_send_to(link, &packet);
}

static inline void site_ping(site_link *link) {
    site_bytes(link, (sv_text){ .at = "\xC0\0", .len = 2 });
}

static inline uint64_t bit(unsigned identifier) {
    return UINT64_C(1) << identifier;
}

/// An MQTT 5 client whose session stays for an hour.
static inline sv_mqtt_connect connect5(const char *id) {
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = sv_text_of(id),
                                .keepalive_s = 60 };
    connect.properties.present = bit(SV_MQTT_P_SESSION_EXPIRY);
    connect.properties.session_expiry_s = 3600;
    return connect;
}

static inline sv_broker_counts site_count(const site *here) {
    return sv_broker_count(here->broker);
}

#endif
