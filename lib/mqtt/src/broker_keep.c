// Records: how sessions, deliveries and retained messages are written, and how they are read again.
// Numbers are big-endian, texts have their length before them, times are Unix microseconds. A
// record that does not read to its very end is refused whole.
#include "broker_record.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_VERSION = 1,
    NUMBER_DIGITS = 16,
    QUEUED_KEY_ROOM = SV_BROKER_KEY_MAX + 1 + NUMBER_DIGITS + 1,
    DELIVERY = 1, ///< what a QUEUED record holds
    RECEIVED = 2,
    UP = 1, ///< flags of a session
    WILL = 2,
    CLASSIC = 4,
    RETAIN = 1, ///< flags of a delivery, will, subscription
    IS_RELEASED = 2,
    HAS_EXPIRY = 2,
    NO_LOCAL = 2,
};

/// Numbers of received ids come after those of deliveries.
#define RECEIVED_BASE UINT64_C(0xFFFFFFFFFFFF0000)

static uint64_t keep(sv_broker *broker, sv_broker_kind kind, sv_text key, sv_text value) {
    return broker->hooks.keep == NULL ? 0 : broker->hooks.keep(broker->arg, kind, key, value);
}

static uint64_t keep_record(sv_broker *broker, sv_broker_kind kind, sv_text key) {
    return keep(broker, kind, key, sv_textbuf_text(&broker->record));
}

static uint64_t forget(sv_broker *broker, sv_broker_kind kind, sv_text key) {
    return keep(broker, kind, key, (sv_text){ .at = NULL });
}

static void begin_record(sv_broker *broker) {
    sv_textbuf_clear(&broker->record);
    sv_broker_add_number(&broker->record, RECORD_VERSION, 1);
}

static void add_will(sv_textbuf *out, const sv_broker *broker, const sv_broker_session *session) {
    const sv_broker_will *will = session->will;
    sv_broker_add_number(out, will->qos, 1);
    sv_broker_add_number(out, (will->retain ? RETAIN : 0U) | (will->has_expiry ? HAS_EXPIRY : 0U),
                         1);
    sv_broker_add_number(out, will->expiry_s, 4);
    sv_broker_add_number(out, will->delay_s, 4);
    sv_broker_add_time(out, broker, session->will_due_us);
    sv_broker_add_held(out, broker, will->held);
}

static void add_subscription(sv_textbuf *out, const sv_broker_subscription *subscription) {
    sv_broker_add_text(out,
                       (sv_text){ .at = subscription->filter, .len = subscription->filter_len });
    sv_broker_add_number(out, subscription->qos, 1);
    sv_broker_add_number(out,
                         (subscription->retain_as_published ? RETAIN : 0U)
                             | (subscription->no_local ? NO_LOCAL : 0U),
                         1);
    sv_broker_add_number(out, subscription->id, 4);
}

static void write_session(sv_broker *broker, const sv_broker_session *session) {
    sv_textbuf *out = &broker->record;
    const sv_identity *identity = &session->identity;
    begin_record(broker);
    sv_broker_add_number(out,
                         (session->client != NULL || session->up_before ? UP : 0U)
                             | (session->will != NULL ? WILL : 0U)
                             | (identity->classic ? CLASSIC : 0U),
                         1);
    sv_broker_add_text(out, sv_text_of(identity->id));
    sv_broker_add_number(out, identity->role, 1);
    sv_broker_add_number(out, (uint64_t) identity->not_after_us, 8);
    sv_broker_add_number(out, session->expiry_s, 4);
    sv_broker_add_time(out, broker, session->expires_us);
    sv_broker_add_number(out, session->next_number, 8);
    sv_broker_add_number(out, session->last_id, 2);
    if (session->will != NULL) {
        add_will(out, broker, session);
    }
    size_t count = session->subscriptions == NULL ? 0 : sv_map_count(session->subscriptions);
    sv_broker_add_number(out, count, 4);
    for (size_t i = 0; i < count; i++) {
        add_subscription(out, sv_map_at(session->subscriptions, i, NULL));
    }
}

uint64_t sv_broker_keep_session(sv_broker *broker, sv_broker_session *session) {
    sv_text key = sv_text_of(session->key);
    if (sv_broker_session_persists(session) || session->will != NULL) {
        write_session(broker, session);
        session->kept = true;
        return keep_record(broker, SV_BROKER_SESSION, key);
    }
    if (!session->kept) {
        return 0;
    }
    session->kept = false;
    broker->ended = forget(broker, SV_BROKER_SESSION, key);
    return broker->ended;
}

static sv_text queued_key(const sv_broker_session *session, uint64_t number,
                          char room[QUEUED_KEY_ROOM]) {
    sv_textbuf key = { .at = room, .cap = QUEUED_KEY_ROOM };
    sv_textbuf_addf(&key, "%s#%016llx", session->key, (unsigned long long) number);
    return sv_textbuf_text(&key);
}

uint64_t sv_broker_keep_delivery(sv_broker *broker, const sv_broker_session *session,
                                 sv_broker_delivery *delivery) {
    if (delivery->qos == 0 || !sv_broker_session_persists(session)) {
        return 0;
    }
    sv_textbuf *out = &broker->record;
    bool released = delivery->state == SV_BROKER_RELEASED;
    begin_record(broker);
    sv_broker_add_number(out, DELIVERY, 1);
    sv_broker_add_number(out, (delivery->retain ? RETAIN : 0U) | (released ? IS_RELEASED : 0U), 1);
    sv_broker_add_number(out, delivery->qos, 1);
    sv_broker_add_number(out, delivery->id, 2);
    if (!released) {
        sv_broker_add_held(out, broker, delivery->held);
    }
    sv_broker_add_number(out, delivery->id_count, 4);
    for (size_t i = 0; i < delivery->id_count; i++) {
        sv_broker_add_number(out, delivery->ids[i], 4);
    }
    char room[QUEUED_KEY_ROOM];
    delivery->kept = true;
    return keep_record(broker, SV_BROKER_QUEUED, queued_key(session, delivery->number, room));
}

void sv_broker_forget_delivery(sv_broker *broker, const sv_broker_session *session,
                               sv_broker_delivery *delivery) {
    if (delivery->kept) {
        char room[QUEUED_KEY_ROOM];
        delivery->kept = false;
        (void) forget(broker, SV_BROKER_QUEUED, queued_key(session, delivery->number, room));
    }
}

uint64_t sv_broker_keep_received(sv_broker *broker, const sv_broker_session *session, uint16_t id,
                                 bool received) {
    if (received ? !sv_broker_session_persists(session) : !session->kept) {
        return 0;
    }
    char room[QUEUED_KEY_ROOM];
    sv_text key = queued_key(session, RECEIVED_BASE | id, room);
    if (!received) {
        return forget(broker, SV_BROKER_QUEUED, key);
    }
    begin_record(broker);
    sv_broker_add_number(&broker->record, RECEIVED, 1);
    return keep_record(broker, SV_BROKER_QUEUED, key);
}

uint64_t sv_broker_keep_retained(sv_broker *broker, const sv_broker_held *held, uint8_t qos) {
    begin_record(broker);
    sv_broker_add_number(&broker->record, qos, 1);
    sv_broker_add_held(&broker->record, broker, held);
    return keep_record(broker, SV_BROKER_RETAINED, sv_broker_held_topic(held));
}

uint64_t sv_broker_forget_retained(sv_broker *broker, sv_text topic) {
    return forget(broker, SV_BROKER_RETAINED, topic);
}

static void take_will(sv_broker_record *reader, sv_broker *broker, sv_broker_session *session) {
    sv_broker_will *will = sv_mem_new(sizeof *will);
    will->qos = (uint8_t) sv_broker_take_number(reader, 1);
    uint64_t flags = sv_broker_take_number(reader, 1);
    will->retain = (flags & RETAIN) != 0;
    will->has_expiry = (flags & HAS_EXPIRY) != 0;
    will->expiry_s = (uint32_t) sv_broker_take_number(reader, 4);
    will->delay_s = (uint32_t) sv_broker_take_number(reader, 4);
    session->will_due_us = sv_broker_take_time(reader, broker);
    will->held = sv_broker_take_held(reader, broker);
    session->will = will;
    reader->broken = reader->broken || will->qos > 2;
}

static bool is_subscribable(sv_text filter) {
    sv_text name = SV_TEXT("");
    sv_text inner = filter;
    (void) sv_mqtt_filter_shared(filter, &name, &inner);
    return sv_mqtt_filter_is_valid(inner) && name.len <= SV_BROKER_SHARE_NAME_MAX;
}

static void take_subscription(sv_broker_record *reader, sv_broker *broker,
                              sv_broker_session *session) {
    sv_text filter = sv_broker_take_text(reader);
    uint64_t qos = sv_broker_take_number(reader, 1);
    uint64_t flags = sv_broker_take_number(reader, 1);
    uint64_t id = sv_broker_take_number(reader, 4);
    if (reader->broken || qos > 2 || id > SV_MQTT_REMAINING_MAX || !is_subscribable(filter)
        || sv_broker_subscribed(session, filter) != NULL) {
        reader->broken = true;
        return;
    }
    sv_broker_subscription *subscription = sv_broker_subscription_add(broker, session, filter);
    subscription->qos = (uint8_t) qos;
    subscription->retain_as_published = (flags & RETAIN) != 0;
    subscription->no_local = (flags & NO_LOCAL) != 0;
    subscription->id = (uint32_t) id;
}

static void take_identity(sv_broker_record *reader, sv_broker_session *session, uint64_t flags) {
    sv_identity *identity = &session->identity;
    sv_text id = sv_broker_take_text(reader);
    uint64_t role = sv_broker_take_number(reader, 1);
    identity->not_after_us = (int64_t) sv_broker_take_number(reader, 8);
    identity->classic = (flags & CLASSIC) != 0;
    identity->role = role < SV_ROLE__COUNT ? (sv_role) role : SV_ROLE_DEVICE;
    reader->broken = reader->broken || role >= SV_ROLE__COUNT
                     || (session->local ? id.len != 0 : !sv_id_is_valid(id))
                     || sv_text_copy(id, identity->id, sizeof identity->id) != SV_OK;
}

static int64_t lesser_time(int64_t left_us, int64_t right_us) {
    return left_us < right_us ? left_us : right_us;
}

/// Who was connected gets time to come back before its will goes out.
static void set_clocks(sv_broker *broker, sv_broker_session *session, bool up) {
    int64_t longest_us = sv_broker_after(broker->now_us, session->expiry_s);
    session->up_before = up;
    session->expires_us = up ? longest_us : lesser_time(session->expires_us, longest_us);
    if (session->will == NULL) {
        return;
    }
    if (up) {
        int64_t due_us = lesser_time(sv_broker_after(broker->now_us, session->will->delay_s),
                                     session->expires_us);
        int64_t soonest_us = broker->now_us + SV_BROKER_WILL_RESTORED_US;
        session->will_due_us = due_us > soonest_us ? due_us : soonest_us;
        if (session->expires_us < session->will_due_us) {
            session->expires_us = session->will_due_us;
        }
    } else {
        session->will_due_us = lesser_time(session->will_due_us, session->expires_us);
    }
}

static void read_session(sv_broker_record *reader, sv_broker *broker, sv_broker_session *session) {
    uint64_t flags = sv_broker_take_number(reader, 1);
    take_identity(reader, session, flags);
    session->expiry_s = (uint32_t) sv_broker_take_number(reader, 4);
    if (session->expiry_s > broker->limits.session_expiry_max_s) {
        session->expiry_s = broker->limits.session_expiry_max_s;
    }
    session->expires_us = sv_broker_take_time(reader, broker);
    session->next_number = sv_broker_take_number(reader, 8);
    session->last_id = (uint16_t) sv_broker_take_number(reader, 2);
    if ((flags & WILL) != 0) {
        take_will(reader, broker, session);
    }
    uint64_t count = sv_broker_take_number(reader, 4);
    for (uint64_t i = 0; i < count && !reader->broken; i++) {
        take_subscription(reader, broker, session);
    }
    reader->broken =
        reader->broken || reader->rest.len > 0 || session->next_number >= RECEIVED_BASE;
    set_clocks(broker, session, (flags & UP) != 0 && !reader->broken);
}

static bool is_session_key(sv_text key) {
    return key.len > 2 && key.len <= 2 + SV_BROKER_CLIENT_ID_MAX && key.at[1] == '/'
           && (key.at[0] == 'c' || key.at[0] == 'l') && memchr(key.at, '\0', key.len) == NULL;
}

static bool restore_session(sv_broker *broker, sv_text key, sv_broker_record *reader) {
    if (!is_session_key(key) || sv_map_get(broker->sessions, key) != NULL
        || sv_map_count(broker->sessions) >= SV_BROKER_SESSIONS_MAX) {
        return false;
    }
    sv_broker_session *session = sv_broker_session_new(broker, key);
    session->local = key.at[0] == 'l';
    session->kept = true;
    read_session(reader, broker, session);
    if (reader->broken) {
        sv_broker_session_free(broker, session);
        return false;
    }
    sv_broker_person_own(broker, session);
    sv_broker_recheck(broker, session);
    return true;
}

static bool split_key(sv_text key, sv_text *session, uint64_t *number) {
    if (key.len < NUMBER_DIGITS + 2 || key.at[key.len - NUMBER_DIGITS - 1] != '#') {
        return false;
    }
    *session = (sv_text){ .at = key.at, .len = key.len - NUMBER_DIGITS - 1 };
    *number = 0;
    for (size_t i = key.len - NUMBER_DIGITS; i < key.len; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = key.at[i] == '\0' ? NULL : strchr(digits, key.at[i]);
        if (digit == NULL) {
            return false;
        }
        *number = *number << 4 | (uint64_t) (digit - digits);
    }
    return true;
}

static bool restore_received(sv_broker_session *session, uint64_t number,
                             const sv_broker_record *reader) {
    uint16_t id = (uint16_t) (number & UINT16_MAX);
    if (number <= RECEIVED_BASE || reader->rest.len > 0) {
        return false;
    }
    sv_broker_set_received(session, id);
    return true;
}

static void read_ids(sv_broker_record *reader, sv_broker_delivery *delivery) {
    for (size_t i = 0; i < delivery->id_count; i++) {
        delivery->ids[i] = (uint32_t) sv_broker_take_number(reader, 4);
        reader->broken =
            reader->broken || delivery->ids[i] == 0 || delivery->ids[i] > SV_MQTT_REMAINING_MAX;
    }
}

static sv_broker_delivery *read_delivery(sv_broker_record *reader, const sv_broker *broker) {
    uint64_t flags = sv_broker_take_number(reader, 1);
    uint64_t qos = sv_broker_take_number(reader, 1);
    uint64_t id = sv_broker_take_number(reader, 2);
    bool released = (flags & IS_RELEASED) != 0;
    sv_broker_held *held = released ? NULL : sv_broker_take_held(reader, broker);
    size_t count = sv_broker_take_number(reader, 4);
    if (reader->broken || qos < 1 || qos > 2 || id == 0 || (released && qos != 2)
        || reader->rest.len != count * 4) {
        sv_broker_let_go(&held);
        return NULL;
    }
    sv_broker_delivery *delivery = sv_mem_new(sizeof *delivery + count * sizeof delivery->ids[0]);
    delivery->held = held;
    delivery->qos = (uint8_t) qos;
    delivery->id = (uint16_t) id;
    delivery->state = released ? SV_BROKER_RELEASED : SV_BROKER_WAITING;
    delivery->retain = (flags & RETAIN) != 0;
    delivery->tried = true;
    delivery->kept = true;
    delivery->id_count = count;
    read_ids(reader, delivery);
    if (reader->broken) {
        sv_broker_let_go(&delivery->held);
        free(delivery);
        return NULL;
    }
    return delivery;
}

static bool restore_delivery(sv_broker *broker, sv_broker_session *session, uint64_t number,
                             sv_broker_record *reader) {
    bool in_order = session->last == NULL || session->last->number < number;
    sv_broker_delivery *delivery =
        in_order && number < RECEIVED_BASE ? read_delivery(reader, broker) : NULL;
    if (delivery == NULL) {
        return false;
    }
    delivery->number = number;
    if (!sv_broker_enqueue(broker, session, delivery, false)) {
        sv_broker_let_go(&delivery->held);
        free(delivery);
        return false;
    }
    session->next_number = number + 1 > session->next_number ? number + 1 : session->next_number;
    session->last_id = delivery->id;
    return true;
}

static bool restore_queued(sv_broker *broker, sv_text key, sv_broker_record *reader) {
    sv_text session_key;
    uint64_t number = 0;
    if (!split_key(key, &session_key, &number)) {
        return false;
    }
    sv_broker_session *session = sv_map_get(broker->sessions, session_key);
    if (session == NULL || !sv_broker_session_persists(session)) {
        return false;
    }
    uint64_t what = sv_broker_take_number(reader, 1);
    return what == RECEIVED   ? restore_received(session, number, reader)
           : what == DELIVERY ? restore_delivery(broker, session, number, reader)
                              : false;
}

static bool restore_retained(sv_broker *broker, sv_text key, sv_broker_record *reader) {
    uint64_t qos = sv_broker_take_number(reader, 1);
    sv_broker_held *held = sv_broker_take_held(reader, broker);
    sv_broker_post post = { .topic = key };
    bool good = held != NULL && reader->rest.len == 0 && qos <= 2
                && sv_text_eq(key, sv_broker_held_topic(held)) && held->payload_len > 0;
    if (good) {
        post.payload = sv_broker_held_payload(held);
        post.forwarded = sv_broker_held_forwarded(held);
        good = sv_broker_retained_fits(broker, &post);
    }
    if (good) {
        (void) sv_broker_retained_put(broker, held, (uint8_t) qos);
    }
    sv_broker_let_go(&held);
    return good;
}

sv_err sv_broker_restore(sv_broker *broker, sv_broker_kind kind, sv_text key, sv_text value,
                         sv_why *why) {
    sv_broker_record reader = { .rest = value };
    bool good = sv_broker_take_number(&reader, 1) == RECORD_VERSION;
    switch (kind) {
    case SV_BROKER_SESSION:
        good = good && restore_session(broker, key, &reader);
        break;
    case SV_BROKER_QUEUED:
        good = good && restore_queued(broker, key, &reader);
        break;
    case SV_BROKER_RETAINED:
        good = good && restore_retained(broker, key, &reader);
        break;
    default:
        good = false;
    }
    if (good) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "the record '" SV_TEXT_FMT "' of kind %d (%zu bytes) is not one that fits here",
                   (int) (key.len < SV_BROKER_KEY_MAX ? key.len : SV_BROKER_KEY_MAX), key.at,
                   (int) kind, value.len);
}
