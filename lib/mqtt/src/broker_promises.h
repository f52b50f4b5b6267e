// What the server owes to one client, for the fuzz target: an answer to each packet that asks for
// one, in their order, and none before everything that the packet handed over is settled. Whatever
// contradicts it ends the process.
#ifndef SV_MQTT_BROKER_PROMISES_H
#define SV_MQTT_BROKER_PROMISES_H

#include <codec/mqtt_packet.h>
#include <stdlib.h>
#include <string.h>

enum { PROMISES_MAX = 256, OPEN_MAX = 32, DEEPEST = SV_MQTT_LEVELS_MAX - 1 };

/// The answer to one packet.
typedef struct promise {
    sv_mqtt_type type;
    uint16_t id;
    uint64_t group; ///< of what was handed over or kept for it; 0: nothing
    bool handed;    ///< the message went to whoever commits it
    bool may_not;   ///< a message that goes nowhere, which 3.1.1 has no word for
} promise;

typedef struct promises {
    sv_mqtt_version version;
    bool asked;   ///< a CONNECT came
    bool greeted; ///< a CONNACK went out
    bool picky;   ///< it takes no large packets: an answer that is too large is left out
    bool lost;    ///< more was owed than is noted here: nothing is known any more
    promise due[PROMISES_MAX];
    size_t first, count;
    uint16_t open[OPEN_MAX]; ///< ids of QoS 2 handed over on this connection and not released
    size_t open_count;
} promises;

static inline void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static inline promise *promise_at(promises *of, size_t n) {
    return &of->due[(of->first + n) % PROMISES_MAX];
}

static inline void promise_drop(promises *of) {
    of->first = (of->first + 1) % PROMISES_MAX;
    of->count--;
}

static inline size_t slashes(sv_text topic) {
    size_t count = 0;
    for (size_t i = 0; i < topic.len; i++) {
        count += topic.at[i] == '/' ? 1 : 0;
    }
    return count;
}

static inline bool promise_is_due(promises *of, sv_mqtt_type type, uint16_t id) {
    for (size_t i = 0; i < of->count; i++) {
        if (promise_at(of, i)->type == type && promise_at(of, i)->id == id) {
            return true;
        }
    }
    return false;
}

/// 0: none is due.
static inline sv_mqtt_type answer_to(const sv_mqtt_packet *packet) {
    static const sv_mqtt_type ANSWERS[SV_MQTT_AUTH + 1] = {
        [SV_MQTT_PUBREL] = SV_MQTT_PUBCOMP,
        [SV_MQTT_SUBSCRIBE] = SV_MQTT_SUBACK,
        [SV_MQTT_UNSUBSCRIBE] = SV_MQTT_UNSUBACK,
        [SV_MQTT_PINGREQ] = SV_MQTT_PINGRESP,
    };
    static const sv_mqtt_type OF_QOS[] = { 0, SV_MQTT_PUBACK, SV_MQTT_PUBREC };
    return packet->type == SV_MQTT_PUBLISH ? OF_QOS[packet->qos] : ANSWERS[packet->type];
}

static inline promise promise_for(promises *of, const sv_mqtt_packet *packet) {
    bool taken = promise_is_due(of, SV_MQTT_PUBACK, packet->id);
    return (promise){ .type = answer_to(packet),
                      .id = packet->id,
                      .may_not = taken || slashes(packet->topic) > DEEPEST };
}

static inline size_t promise_find_open(const promises *of, uint16_t id) {
    size_t at = 0;
    while (at < of->open_count && of->open[at] != id) {
        at++;
    }
    return at;
}

static inline void promise_release(promises *of, uint16_t id) {
    size_t at = promise_find_open(of, id);
    if (at < of->open_count) {
        of->open[at] = of->open[--of->open_count];
    }
}

/// A message was handed over for this packet: once, and with QoS 2 not again before its release.
static inline void promise_hand_over(promises *of, promise *made, uint8_t qos) {
    must(!made->handed);
    made->handed = true;
    if (qos == 2) {
        must(promise_find_open(of, made->id) == of->open_count);
        if (of->open_count < OPEN_MAX) {
            of->open[of->open_count++] = made->id;
        }
    }
}

static inline void promise_connect(promises *of, sv_text bytes) {
    unsigned version = 0;
    sv_mqtt_connect connect;
    of->asked = true;
    if (sv_mqtt_connect_version(bytes, &version, NULL) == SV_OK) {
        of->version = version >= SV_MQTT_V5 ? SV_MQTT_V5 : SV_MQTT_V311;
    }
    of->picky = sv_mqtt_connect_parse(bytes, &connect, NULL) == SV_OK
                && sv_mqtt_has(&connect.properties, SV_MQTT_P_PACKET_MAX);
}

/// `bytes`, one whole packet, is about to be given to the server. The promise that it makes, to be
/// filled in by what the server does with it; NULL: it makes none.
static inline promise *promise_make(promises *of, sv_text bytes) {
    promise made = { .type = SV_MQTT_CONNACK };
    sv_mqtt_packet packet;
    if (!of->asked) {
        if ((uint8_t) bytes.at[0] >> 4 != SV_MQTT_CONNECT) {
            return NULL;
        }
        promise_connect(of, bytes);
    } else if (sv_mqtt_packet_parse(bytes, of->version, SV_MQTT_FOR_SERVER, &packet, NULL, NULL)
               == SV_OK) {
        made = promise_for(of, &packet);
        if (packet.type == SV_MQTT_PUBREL) {
            promise_release(of, packet.id);
        }
    } else {
        return NULL;
    }
    of->lost = of->lost || (made.type != 0 && of->count == PROMISES_MAX);
    if (made.type == 0 || of->lost) {
        return NULL;
    }
    of->count++;
    *promise_at(of, of->count - 1) = made;
    return promise_at(of, of->count - 1);
}

static inline bool is_answer(sv_mqtt_type type) {
    return type == SV_MQTT_CONNACK || type == SV_MQTT_PUBACK || type == SV_MQTT_PUBREC
           || type == SV_MQTT_PUBCOMP || type == SV_MQTT_SUBACK || type == SV_MQTT_UNSUBACK
           || type == SV_MQTT_PINGRESP;
}

static inline bool is_the_answer(const promise *made, const sv_mqtt_packet *sent) {
    bool has_id = sent->type != SV_MQTT_CONNACK && sent->type != SV_MQTT_PINGRESP;
    return made->type == sent->type && (!has_id || made->id == sent->id);
}

/// `known`: the session has handed over a message of QoS 2 with this id before.
static inline void check_message(const promises *of, const promise *made,
                                 const sv_mqtt_packet *sent, bool known) {
    if (sent->type != SV_MQTT_PUBACK && sent->type != SV_MQTT_PUBREC) {
        return;
    }
    if (of->version == SV_MQTT_V5 && sent->code >= SV_MQTT_UNSPECIFIED) {
        must(!made->handed); // it would be sent again, and be there twice
    } else {
        must(made->handed || known || (of->version == SV_MQTT_V311 && made->may_not));
    }
}

/// The server sends this, and what is up to `settled` is on disk.
static inline void promise_keep(promises *of, const sv_mqtt_packet *sent, uint64_t settled,
                                bool known) {
    must(of->asked);
    must((sent->type == SV_MQTT_CONNACK) != of->greeted);
    of->greeted = true;
    must(sent->type != SV_MQTT_AUTH);
    if (of->lost || !is_answer(sent->type)) {
        return;
    }
    while (of->picky && of->greeted && of->count > 0 && !is_the_answer(promise_at(of, 0), sent)) {
        promise_drop(of);
    }
    must(of->count > 0 && is_the_answer(promise_at(of, 0), sent));
    const promise *made = promise_at(of, 0);
    must(made->group <= settled);
    check_message(of, made, sent, known);
    promise_drop(of);
}

/// All that is due has been said, as far as it is settled.
static inline void promise_check(promises *of, uint64_t settled) {
    must(of->picky || of->lost || of->count == 0 || promise_at(of, 0)->group > settled);
}

#endif
