#include <base/mem.h>
#include <crypto/random.h>
#include <mqtt/server.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { LOCAL_LINKS_MAX = 256, LAST_WORDS_TURNS = 3 };

/// Who is connected: a link and the broker's view of it.
typedef struct guest {
    sv_mqtt_server *server;
    sv_link *link;
    sv_broker_client *client;
} guest;

/// Published inside a hook; its topic and payload follow it.
typedef struct later {
    size_t topic_bytes, payload_bytes;
    uint8_t qos;
    bool retain;
} later;

struct sv_mqtt_server {
    sv_loop *loop;
    sv_mqtt_server_options options;
    sv_mqtt_server_hooks hooks;
    void *arg;
    sv_broker *broker;
    sv_listener *tls, *local, *loopback;
    sv_timer *tick;
    unsigned inside; ///< calls into the broker under way
    bool held;
    sv_textbuf laters;
};

static int64_t now_us(void) {
    return sv_clock_monotonic_us();
}

static void enter(sv_mqtt_server *server) {
    server->inside++;
}

static void publish_laters(sv_mqtt_server *server) {
    // Nothing is added meanwhile: the broker calls no hook for what its owner publishes but `keep`.
    sv_text rest = sv_textbuf_text(&server->laters);
    while (rest.len > 0) {
        later one;
        memcpy(&one, rest.at, sizeof one);
        sv_text topic = { .at = rest.at + sizeof one, .len = one.topic_bytes };
        sv_text payload = { .at = topic.at + topic.len, .len = one.payload_bytes };
        (void) sv_broker_publish(server->broker, topic, payload, one.qos, one.retain, now_us());
        size_t taken = sizeof one + topic.len + payload.len;
        rest = (sv_text){ .at = rest.at + taken, .len = rest.len - taken };
    }
    sv_textbuf_clear(&server->laters);
}

static void leave(sv_mqtt_server *server) {
    if (server->inside == 1 && server->laters.len > 0) {
        publish_laters(server);
    }
    server->inside--;
}

// From the broker.

static void hook_send(void *link, sv_text bytes) {
    sv_link_write(((guest *) link)->link, bytes);
}

static size_t hook_waiting(void *link) {
    return sv_link_waiting(((guest *) link)->link);
}

static void hook_close(void *link) {
    guest *mine = link;
    sv_link_close(mine->link, true);
    free(mine);
}

static sv_err hook_welcome(void *arg, const sv_broker_peer *who, sv_why *why) {
    sv_mqtt_server *server = arg;
    return who->local || server->hooks.welcome == NULL
               ? SV_OK
               : server->hooks.welcome(server->arg, who, why);
}

static bool hook_may_publish(void *arg, const sv_broker_peer *who, sv_text topic) {
    sv_mqtt_server *server = arg;
    return server->hooks.may_publish(server->arg, who, topic);
}

static bool hook_may_subscribe(void *arg, const sv_broker_peer *who, sv_text filter) {
    sv_mqtt_server *server = arg;
    return server->hooks.may_subscribe(server->arg, who, filter);
}

static uint64_t hook_message(void *arg, const sv_broker_message *message) {
    sv_mqtt_server *server = arg;
    return server->hooks.message(server->arg, message);
}

static bool hook_passes_on(void *arg, const sv_broker_message *message) {
    sv_mqtt_server *server = arg;
    return server->hooks.passes_on(server->arg, message);
}

static uint64_t hook_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    sv_mqtt_server *server = arg;
    return server->hooks.keep(server->arg, kind, key, value);
}

static sv_text hook_named(void *arg, sv_text topic) {
    sv_mqtt_server *server = arg;
    return server->hooks.named(server->arg, topic);
}

static void hook_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                       const sv_why *why) {
    sv_mqtt_server *server = arg;
    if (server->hooks.event != NULL) {
        server->hooks.event(server->arg, event, who, why);
    }
}

// From the listeners.

static sv_err link_welcome(void *arg, const char *peer, const sv_identity *identity, sv_why *why) {
    const sv_mqtt_server *server = arg;
    const sv_broker_peer who = { .identity = *identity, .client_id = "", .address = peer };
    SV_TRY(hook_welcome(arg, &who, why));
    size_t has = sv_broker_connections(server->broker, sv_text_of(identity->id));
    return has < server->options.limits.connections_max
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "%zu connections are open already (%s)", has,
                         identity->id);
}

static void *link_up(void *arg, sv_link *link, const sv_identity *identity) {
    sv_mqtt_server *server = arg;
    guest *mine = sv_mem_new(sizeof *mine);
    *mine = (guest){ .server = server, .link = link };
    mine->client =
        sv_broker_open_client(server->broker, mine, identity, sv_link_peer(link), now_us());
    if (mine->client == NULL) {
        free(mine);
        return NULL;
    }
    return mine;
}

static size_t link_bytes(void *owner, sv_text arrived) {
    guest *mine = owner;
    sv_mqtt_server *server = mine->server;
    bool closed = false;
    enter(server);
    size_t taken = sv_broker_bytes(server->broker, mine->client, arrived, now_us(), &closed);
    leave(server);
    return taken;
}

static void link_drained(void *owner) {
    guest *mine = owner;
    sv_mqtt_server *server = mine->server;
    enter(server);
    sv_broker_drained(server->broker, mine->client, now_us());
    leave(server);
}

static void link_down(void *owner, const sv_why *why) {
    guest *mine = owner;
    sv_mqtt_server *server = mine->server;
    enter(server);
    sv_broker_client_gone(server->broker, mine->client, why, now_us());
    leave(server);
    free(mine);
}

static void link_unwelcome(void *owner, const sv_why *why) {
    guest *mine = owner;
    sv_mqtt_server *server = mine->server;
    enter(server);
    sv_broker_expel(server->broker, mine->client, why, now_us());
    leave(server);
}

static void link_slowed(void *owner) {
    const guest *mine = owner;
    const sv_mqtt_server *server = mine->server;
    if (server->hooks.slowed != NULL) {
        server->hooks.slowed(server->arg, sv_broker_who(mine->client));
    }
}

static void link_refused(void *arg, const char *peer, const sv_why *why) {
    sv_mqtt_server *server = arg;
    if (server->hooks.refused != NULL) {
        sv_why whole;
        (void) sv_fail(&whole, why->code, "%s%s%.256s", peer, peer[0] == '\0' ? "" : ": ",
                       why->text);
        server->hooks.refused(server->arg, &whole);
    }
}

static void link_parted(void *arg, const char *peer, bool answered) {
    sv_mqtt_server *server = arg;
    if (server->hooks.parted != NULL) {
        server->hooks.parted(server->arg, peer, answered);
    }
}

static void on_tick(void *arg) {
    sv_mqtt_server *server = arg;
    sv_timer_once(server->tick, SV_BROKER_TICK_US);
    if (!server->held) {
        enter(server);
        sv_broker_tick(server->broker, now_us(), sv_clock_believed_us());
        leave(server);
    }
}

sv_err sv_mqtt_server_open(sv_loop *loop, const sv_mqtt_server_options *options,
                           const sv_mqtt_server_hooks *hooks, void *arg, sv_mqtt_server **out,
                           sv_why *why) {
    const sv_broker_hooks mine = { .send = hook_send,
                                   .waiting = hook_waiting,
                                   .close = hook_close,
                                   .welcome = hook_welcome,
                                   .may_publish = hook_may_publish,
                                   .may_subscribe = hook_may_subscribe,
                                   .message = hook_message,
                                   .passes_on = hooks->passes_on == NULL ? NULL : hook_passes_on,
                                   .keep = hooks->keep == NULL ? NULL : hook_keep,
                                   .named = hooks->named == NULL ? NULL : hook_named,
                                   .event = hook_event };
    if (options->bind == NULL && options->path == NULL && options->loopback_port == 0) {
        return sv_fail(why, SV_ERR_INVALID, "an MQTT server needs an address or a socket");
    }
    uint8_t key[16];
    sv_random(key, sizeof key);
    sv_mqtt_server *server = sv_mem_new(sizeof *server);
    *server = (sv_mqtt_server){ .loop = loop,
                                .options = *options,
                                .hooks = *hooks,
                                .arg = arg,
                                .laters = SV_TEXTBUF_HEAP(SV_MQTT_SERVER_LATER_MAX) };
    server->broker =
        sv_broker_new(&options->limits, &mine, server, key, now_us(), sv_clock_believed_us());
    server->tick = sv_timer_new(loop, on_tick, server);
    *out = server;
    return SV_OK;
}

sv_err sv_mqtt_server_restore(sv_mqtt_server *server, sv_broker_kind kind, sv_text key,
                              sv_text value, sv_why *why) {
    return sv_broker_restore(server->broker, kind, key, value, why);
}

sv_err sv_mqtt_server_start(sv_mqtt_server *server, sv_why *why) {
    static const sv_listener_events EVENTS = { .welcome = link_welcome,
                                               .up = link_up,
                                               .bytes = link_bytes,
                                               .drained = link_drained,
                                               .down = link_down,
                                               .unwelcome = link_unwelcome,
                                               .slowed = link_slowed,
                                               .refused = link_refused,
                                               .parted = link_parted };
    const sv_mqtt_server_options *o = &server->options;
    // One packet, and the beginning of the next.
    size_t arrived_max = o->limits.packet_max + SV_LISTENER_TURN_BYTES;
    if (o->bind != NULL) {
        const sv_listener_options tcp = { .bind = o->bind,
                                          .port = o->port,
                                          .tls = o->tls,
                                          .links_max = o->links_max,
                                          .handshakes_max = o->handshakes_max,
                                          .arrived_max = arrived_max,
                                          .bytes_per_s = o->bytes_per_s };
        SV_TRY(sv_listener_open(server->loop, &tcp, &EVENTS, server, &server->tls, why));
    }
    sv_listener_options local = { .path = o->path,
                                  .links_max = LOCAL_LINKS_MAX,
                                  .handshakes_max = LOCAL_LINKS_MAX,
                                  .arrived_max = arrived_max };
    if (o->path != NULL) {
        SV_TRY(sv_listener_open(server->loop, &local, &EVENTS, server, &server->local, why));
    }
    if (o->loopback_port != 0) {
        local.bind = "127.0.0.1";
        local.port = o->loopback_port;
        SV_TRY(sv_listener_open(server->loop, &local, &EVENTS, server, &server->loopback, why));
    }
    sv_timer_once(server->tick, SV_BROKER_TICK_US);
    return SV_OK;
}

uint16_t sv_mqtt_server_port(const sv_mqtt_server *server) {
    return server->tls == NULL ? 0 : sv_listener_port(server->tls);
}

void sv_mqtt_server_settled(sv_mqtt_server *server, uint64_t group) {
    enter(server);
    sv_broker_settled(server->broker, group);
    leave(server);
}

bool sv_mqtt_server_publish(sv_mqtt_server *server, sv_text topic, sv_text payload, uint8_t qos,
                            bool retain) {
    if (server->inside == 0) {
        enter(server);
        (void) sv_broker_publish(server->broker, topic, payload, qos, retain, now_us());
        leave(server);
        return true;
    }
    const later one = {
        .topic_bytes = topic.len, .payload_bytes = payload.len, .qos = qos, .retain = retain
    };
    sv_textbuf *laters = &server->laters;
    if (laters->len + sizeof one + topic.len + payload.len > SV_MQTT_SERVER_LATER_MAX) {
        return false;
    }
    sv_textbuf_add(laters, (sv_text){ .at = (const char *) &one, .len = sizeof one });
    sv_textbuf_add(laters, topic);
    sv_textbuf_add(laters, payload);
    return true;
}

void sv_mqtt_server_hold(sv_mqtt_server *server, bool hold) {
    if (server->held == hold) {
        return;
    }
    server->held = hold;
    if (server->tls != NULL) {
        sv_listener_hold(server->tls, hold);
    }
    if (server->local != NULL) {
        sv_listener_hold(server->local, hold);
    }
    if (server->loopback != NULL) {
        sv_listener_hold(server->loopback, hold);
    }
    if (!hold) {
        // What they sent meanwhile is read before anybody is called silent.
        sv_timer_once(server->tick, SV_MQTT_SERVER_REST_US);
    }
}

void sv_mqtt_server_tls(sv_mqtt_server *server, sv_tls *tls) {
    server->options.tls = tls;
    if (server->tls != NULL) {
        sv_listener_tls(server->tls, tls);
    }
}

size_t sv_mqtt_server_review(sv_mqtt_server *server, sv_text id) {
    enter(server);
    size_t cut = sv_broker_review(server->broker, id, now_us());
    leave(server);
    return cut;
}

size_t sv_mqtt_server_kick(sv_mqtt_server *server, sv_text id, sv_mqtt_reason reason, bool forget) {
    enter(server);
    size_t cut = sv_broker_kick(server->broker, id, reason, forget, now_us());
    leave(server);
    return cut;
}

static void count_local(const sv_listener *listener, sv_listener_counts *sum) {
    if (listener != NULL) {
        sv_listener_counts more = sv_listener_count(listener);
        sum->links += more.links;
        sum->accepted += more.accepted;
        sum->refused += more.refused;
        sum->shed += more.shed;
    }
}

sv_mqtt_server_counts sv_mqtt_server_count(const sv_mqtt_server *server) {
    sv_mqtt_server_counts counts = { .broker = sv_broker_count(server->broker) };
    if (server->tls != NULL) {
        counts.tls = sv_listener_count(server->tls);
    }
    count_local(server->local, &counts.local);
    count_local(server->loopback, &counts.local);
    return counts;
}

void sv_mqtt_server_drop(sv_mqtt_server **server) {
    sv_mqtt_server *mine = *server;
    if (mine == NULL) {
        return;
    }
    enter(mine);
    sv_broker_shut(mine->broker, now_us());
    leave(mine);
    for (unsigned i = 0; i < LAST_WORDS_TURNS; i++) {
        sv_loop_turn(mine->loop, 0);
    }
    sv_listener_drop(&mine->tls);
    sv_listener_drop(&mine->local);
    sv_listener_drop(&mine->loopback);
    sv_broker_drop(&mine->broker);
    sv_timer_drop(&mine->tick);
    sv_textbuf_drop(&mine->laters);
    free(mine);
    *server = NULL;
}
