#include "agent.h"

#include "health.h"
#include "identity.h"
#include "sender.h"
#include "sources.h"
#include "update.h"

#include <base/mem.h>
#include <base/time.h>
#include <crypto/random.h>
#include <math.h>
#include <model/uptime.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { TOPIC_MAX = 2 * SV_ID_ROOM + 16, GOODBYE_LOOK_US = 50000, PAYLOAD_MAX = 1024 };

typedef struct probe {
    sv_agent *agent;
    const sv_agent_sensor *sensor;
    sv_timer *timer;
} probe;

struct sv_agent {
    sv_loop *loop;
    const sv_agent_config *config;
    sv_mqtt_client *client;
    sv_agent_sender *sender;
    sv_agent_identity *identity;
    sv_agent_update *update; ///< NULL: updates are somebody else's
    sv_health health_now;    ///< as the gate of an update sees it
    int64_t up_us;           ///< when it was connected last, by the monotonic clock
    sv_timer *second, *health, *goodbye;
    sv_agent_sensors *sensors;
    probe probes[SV_AGENT_SENSORS_MAX];
    char epoch[33];
    int64_t seq;
    sv_uptime uptime;
    char presence_topic[TOPIC_MAX], since[SV_TIMESTAMP_MAX], online[128], offline[128];
    sv_agent_cpu cpu;
    double cpu_percent;
    sv_health health_said; ///< its alerts are those of the last report that was sent or kept
    bool health_due;       ///< connected, and the processor's share is not known yet
    int64_t goodbye_until_us;
};

static void publish_reading(sv_agent *agent, const char *sensor, const char *unit, double value) {
    char topic[TOPIC_MAX];
    char payload[PAYLOAD_MAX];
    sv_textbuf topic_buf = SV_TEXTBUF(topic);
    sv_textbuf payload_buf = SV_TEXTBUF(payload);
    const sv_instant now = sv_clock_instant();
    sv_reading reading = {
        .key = { .device_id = sv_text_of(agent->config->id), .sensor = sv_text_of(sensor) },
        .value = value,
        .unit = sv_text_of(unit),
        .epoch = sv_text_of(agent->epoch),
        .seq = agent->seq + 1,
    };
    sv_uptime_put(&agent->uptime, &now, &reading);
    sv_reading_key_format(&reading.key, &topic_buf);
    sv_reading_format(&reading, &payload_buf);
    if (topic_buf.overflowed || payload_buf.overflowed) {
        SV_LOG(warn, "reading.dropped", "%s: too long to be sent", sensor);
        return;
    }
    agent->seq++;
    sv_uptime_said(&agent->uptime, &reading);
    sv_agent_send(agent->sender, SV_AGENT_READING_CLASS, sv_textbuf_text(&topic_buf),
                  sv_textbuf_text(&payload_buf));
}

static void publish_presence(const sv_agent *agent, const char *payload) {
    if (sv_mqtt_client_publish(agent->client, sv_text_of(agent->presence_topic),
                               sv_text_of(payload), 1, true, 0)
        != SV_OK) {
        SV_LOG(warn, "presence.dropped", "the queue to the gateway is full");
    }
}

/// At once, before anything that waits, or not at all: later it would not be true.
static void say_clocks(const sv_agent *agent) {
    char room[SV_PRESENCE_MAX];
    sv_textbuf payload = SV_TEXTBUF(room);
    const sv_instant now = sv_clock_instant();
    sv_uptime_presence(&agent->uptime, &now, sv_text_of(agent->since), &payload);
    (void) (sv_mqtt_client_publish(agent->client, sv_text_of(agent->presence_topic),
                                   sv_textbuf_text(&payload), 0, false, 0)
            == SV_OK);
}

static bool complains_alike(const sv_health *left, const sv_health *right) {
    bool alike = left->alert_count == right->alert_count;
    for (size_t i = 0; alike && i < left->alert_count; i++) {
        alike = strcmp(left->alerts[i].message, right->alerts[i].message) == 0;
    }
    return alike;
}

static sv_err look_at_machine(const sv_agent *agent, sv_health *out) {
    const sv_agent_config *config = agent->config;
    sv_health_metrics *metrics = &out->metrics;
    *out = (sv_health){ .metrics = { .at_us = sv_clock_wall_us() } };
    metrics->cpu_percent = agent->cpu_percent;
    sv_agent_health_collect(config->root, metrics);
    sv_agent_identity_tell(agent->identity, metrics);
    SV_TRY(sv_text_copy(sv_text_of(config->id), metrics->device_id, sizeof metrics->device_id));
    SV_TRY(sv_text_copy(sv_text_of(config->firmware_version), metrics->firmware_version,
                        sizeof metrics->firmware_version));
    if (agent->update != NULL) {
        sv_agent_update_tell(agent->update, metrics);
    }
    sv_health_check(out);
    return SV_OK;
}

static void send_health(sv_agent *agent, const sv_health *health) {
    char topic[TOPIC_MAX];
    char payload[SV_HEALTH_BYTES_MAX];
    sv_textbuf topic_buf = SV_TEXTBUF(topic);
    sv_textbuf payload_buf = SV_TEXTBUF(payload);
    sv_textbuf_addf(&topic_buf, "health/%s", agent->config->id);
    sv_health_format(health, &payload_buf);
    if (payload_buf.overflowed) {
        SV_LOG(warn, "health.dropped", "the report is too long to be sent");
        return;
    }
    sv_agent_send(agent->sender, SV_AGENT_HEALTH_CLASS, sv_textbuf_text(&topic_buf),
                  sv_textbuf_text(&payload_buf));
}

// A report is how the machine is now: while the gateway is away only a change of its alerts is
// kept, and the connection begins with a new one.
static void publish_health(sv_agent *agent) {
    sv_health health;
    agent->health_due = false;
    if (look_at_machine(agent, &health) != SV_OK) {
        return;
    }
    if (sv_mqtt_client_is_up(agent->client) || !complains_alike(&health, &agent->health_said)) {
        agent->health_said = health;
        send_health(agent, &health);
    }
}

static void on_second(void *arg) {
    sv_agent *agent = arg;
    agent->cpu_percent = sv_agent_cpu_percent(agent->config->root, &agent->cpu);
    double memory = sv_agent_memory_percent(agent->config->root);
    if (agent->config->machine && isfinite(agent->cpu_percent)) {
        publish_reading(agent, "cpu", "%", agent->cpu_percent);
    }
    if (agent->config->machine && isfinite(memory)) {
        publish_reading(agent, "memory", "%", memory);
    }
    if (agent->health_due) {
        publish_health(agent);
    }
}

static void on_health(void *arg) {
    publish_health(arg);
}

static void on_probe(void *arg) {
    const probe *due = arg;
    double value = 0;
    sv_why why;
    if (sv_agent_sensor_read(due->sensor, &value, &why) != SV_OK) {
        SV_LOG(warn, "sensor.unread", "%s", why.text);
        return;
    }
    publish_reading(due->agent, due->sensor->name, due->sensor->unit, value);
}

static void subscribe(const sv_agent *agent, const char *kind) {
    char topic[TOPIC_MAX];
    sv_textbuf buf = SV_TEXTBUF(topic);
    sv_textbuf_addf(&buf, "%s/%s", kind, agent->config->id);
    if (sv_mqtt_client_subscribe(agent->client, sv_textbuf_text(&buf), 1) != SV_OK) {
        SV_LOG(error, "acks.unheard", "cannot subscribe to %s", topic);
    }
}

static void on_subscribed(void *arg, bool granted) {
    const sv_agent *agent = arg;
    if (!granted) {
        SV_LOG(error, "acks.unheard", "%s",
               agent->config->gateway.acks
                   ? "the broker refused a subscription: check its ACL; readings wait and are sent "
                     "again"
                   : "the gateway refused updates/<id>: an update is heard of with the next poll");
    }
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    sv_agent *agent = arg;
    SV_LOG(info, "gateway.up", "connected to %s:%d", agent->config->gateway.host,
           (int) agent->config->gateway.port);
    agent->up_us = sv_clock_monotonic_us();
    bool renewed = sv_agent_identity_up(agent->identity);
    if (agent->config->gateway.acks) {
        subscribe(agent, "acks");
    }
    if (agent->update != NULL) {
        subscribe(agent, "updates");
        if (renewed) {
            sv_agent_update_renewed(agent->update);
        }
    }
    say_clocks(agent);
    publish_presence(agent, agent->online);
    sv_agent_sender_up(agent->sender);
    agent->health_due = true;
    if (isfinite(agent->cpu_percent)) {
        publish_health(agent);
    }
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    const sv_agent *agent = arg;
    SV_LOG(warn, "gateway.down", "%s; next try in %.1f s", why->text, (double) retry_us / 1e6);
    sv_agent_identity_down(agent->identity, why);
}

static void on_acknowledged(void *arg, uint64_t token) {
    const sv_agent *agent = arg;
    sv_agent_sender_acknowledged(agent->sender, token);
}

// The agent subscribes to its acks and to the call to look for an update, if to anything.
static void on_message(void *arg, const sv_mqtt_message *message) {
    const sv_agent *agent = arg;
    if (sv_text_starts(message->topic, SV_TEXT("acks/"))) {
        sv_agent_sender_heard(agent->sender, message->payload);
    } else if (agent->update != NULL && sv_text_starts(message->topic, SV_TEXT("updates/"))) {
        sv_agent_update_call(agent->update);
    } else {
        SV_LOG(warn, "message.unexpected", "on " SV_TEXT_FMT, SV_TEXT_ARG(message->topic));
    }
}

static void on_goodbye(void *arg) {
    sv_agent *agent = arg;
    bool waits = sv_mqtt_client_is_up(agent->client) && sv_mqtt_client_waiting(agent->client) > 0;
    if (waits && sv_clock_monotonic_us() < agent->goodbye_until_us) {
        return;
    }
    sv_agent_sender_save(agent->sender);
    sv_mqtt_client_stop(agent->client, true);
    sv_loop_stop(agent->loop);
}

static void name_topics(sv_agent *agent) {
    sv_textbuf since = SV_TEXTBUF(agent->since);
    sv_time_add(&since, sv_clock_wall_us());
    (void) sv_textbuf_end(&since);
    sv_textbuf topic = SV_TEXTBUF(agent->presence_topic);
    sv_textbuf online = SV_TEXTBUF(agent->online);
    sv_textbuf offline = SV_TEXTBUF(agent->offline);
    sv_textbuf_addf(&topic, "presence/%s", agent->config->id);
    sv_textbuf_addf(&online, "{\"online\":true,\"since\":\"%s\"}", agent->since);
    sv_textbuf_addf(&offline, "{\"online\":false,\"since\":\"%s\"}", agent->since);
    (void) sv_textbuf_end(&topic);
    (void) sv_textbuf_end(&online);
    (void) sv_textbuf_end(&offline);
}

static sv_err connect_gateway(sv_agent *agent, sv_tls *tls, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
        .subscribed = on_subscribed,
    };
    sv_mqtt_client_options options = {
        .host = agent->config->gateway.host,
        .port = (uint16_t) agent->config->gateway.port,
        .tls = tls,
        .client_id = agent->config->id,
        .clean_session = true,
        .will_topic = agent->presence_topic,
        .will_payload = agent->offline,
        .queue_bytes_max = SV_AGENT_QUEUE_BYTES,
    };
    SV_TRY(sv_mqtt_client_open(agent->loop, &options, &EVENTS, agent, &agent->client, why));
    sv_agent_sender_use(agent->sender, agent->client);
    return SV_OK;
}

/// What is critical about the machine now; NULL: nothing is.
static const char *find_critical(sv_agent *agent) {
    sv_health *health = &agent->health_now;
    if (look_at_machine(agent, health) != SV_OK) {
        return NULL;
    }
    for (size_t i = 0; i < health->alert_count; i++) {
        if (health->alerts[i].level == SV_SEVERITY_CRITICAL) {
            return health->alerts[i].message;
        }
    }
    return NULL;
}

/// A connection of before the start shows nothing of what was started: another one is made.
static void look_for_update(void *arg, int64_t since_us, bool *connected, const char **critical) {
    sv_agent *agent = arg;
    bool is_up = sv_mqtt_client_is_up(agent->client);
    *connected = is_up && agent->up_us >= since_us;
    if (is_up && !*connected) {
        SV_LOG(info, "gateway.again", "the connection is older than the release on trial");
        sv_agent_identity_again(agent->identity);
    }
    *critical = find_critical(agent);
}

static sv_err open_update(sv_agent *agent, sv_agent_script **script, sv_why *why) {
    return agent->config->update.socket[0] == '\0'
               ? SV_OK
               : sv_agent_update_open(agent->loop, agent->config, script, look_for_update, agent,
                                      &agent->update, why);
}

static void start_timers(sv_agent *agent) {
    agent->second = sv_timer_new(agent->loop, on_second, agent);
    agent->health = sv_timer_new(agent->loop, on_health, agent);
    agent->goodbye = sv_timer_new(agent->loop, on_goodbye, agent);
    sv_timer_every(agent->second, SV_TIME_SECOND_US);
    sv_timer_every(agent->health, agent->config->health.interval_us);
    for (size_t i = 0; i < agent->sensors->count; i++) {
        probe *next = &agent->probes[i];
        *next = (probe){ .agent = agent, .sensor = &agent->sensors->items[i] };
        next->timer = sv_timer_new(agent->loop, on_probe, next);
        sv_timer_every(next->timer, next->sensor->interval_us);
    }
}

sv_err sv_agent_open(sv_loop *loop, const sv_agent_config *config, sv_tls *tls,
                     sv_agent_script **script, sv_agent **out, sv_why *why) {
    SV_DEFER(sv_agent_drop) sv_agent *agent = sv_mem_new(sizeof *agent);
    agent->loop = loop;
    agent->config = config;
    agent->sensors = sv_mem_new(sizeof *agent->sensors);
    sv_random_hex(agent->epoch);
    sv_clock_boot(agent->uptime.boot);
    if (agent->uptime.boot[0] == '\0') {
        memcpy(agent->uptime.boot, agent->epoch, sizeof agent->epoch);
    }
    name_topics(agent);
    sv_agent_sensors_find(config, agent->sensors);
    if (agent->sensors->left_out > 0) {
        SV_LOG(warn, "sensors.many", "%zu sensors beyond %d are left out", agent->sensors->left_out,
               SV_AGENT_SENSORS_MAX);
    }
    agent->cpu_percent = sv_agent_cpu_percent(config->root, &agent->cpu);
    SV_TRY(sv_agent_sender_open(loop, config, &agent->sender, why));
    SV_TRY(connect_gateway(agent, tls, why));
    SV_TRY(sv_agent_identity_open(loop, config, tls, agent->client, &agent->identity, why));
    SV_TRY(open_update(agent, script, why));
    start_timers(agent);

    *out = agent;
    agent = NULL;
    return SV_OK;
}

void sv_agent_close(sv_agent *agent) {
    if (agent->goodbye_until_us != 0) {
        return;
    }
    agent->goodbye_until_us = sv_clock_monotonic_us() + SV_AGENT_GOODBYE_US;
    sv_agent_identity_rest(agent->identity);
    sv_timer_stop(agent->second);
    sv_timer_stop(agent->health);
    for (size_t i = 0; i < agent->sensors->count; i++) {
        sv_timer_stop(agent->probes[i].timer);
    }
    char since[SV_TIMESTAMP_MAX];
    sv_textbuf since_buf = SV_TEXTBUF(since);
    sv_time_add(&since_buf, sv_clock_wall_us());
    sv_textbuf offline = SV_TEXTBUF(agent->offline);
    sv_textbuf_addf(&offline, "{\"online\":false,\"since\":\"" SV_TEXT_FMT "\"}",
                    SV_TEXT_ARG(sv_textbuf_text(&since_buf)));
    if (sv_textbuf_end(&offline) == SV_OK && sv_mqtt_client_is_up(agent->client)) {
        publish_presence(agent, agent->offline);
    }
    sv_timer_every(agent->goodbye, GOODBYE_LOOK_US);
}

void sv_agent_drop(sv_agent **agent) {
    sv_agent *self = *agent;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; self->sensors != NULL && i < self->sensors->count; i++) {
        sv_timer_drop(&self->probes[i].timer);
    }
    sv_timer_drop(&self->second);
    sv_timer_drop(&self->health);
    sv_timer_drop(&self->goodbye);
    sv_agent_update_drop(&self->update);
    sv_agent_identity_drop(&self->identity);
    sv_mqtt_client_drop(&self->client);
    sv_agent_sender_drop(&self->sender);
    free(self->sensors);
    free(self);
    *agent = NULL;
}
