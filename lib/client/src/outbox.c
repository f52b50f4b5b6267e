// What the program hands over, from any thread: numbered, counted, put into the inbox of the loop.
#include "client.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <codec/mqtt_packet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { READING_MAX = 1024 };

size_t client_outbox_bytes(const client_publication *publication) {
    return SV_MQTT_HEADER_MAX + 4 + publication->topic.len + publication->payload.len;
}

client_publication *client_outbox_take(selvedge_client *client) {
    client_publication *first = client->shared.first;
    client->shared.first = NULL;
    client->shared.last = NULL;
    return first;
}

void client_outbox_drop(selvedge_client *client) {
    client_publication *one = client_outbox_take(client);
    while (one != NULL) {
        client_publication *next = one->next;
        free(one);
        one = next;
    }
}

static client_publication *publication_new(sv_text topic, sv_text payload) {
    client_publication *one = sv_mem_new(sizeof *one + topic.len + payload.len);
    memcpy(one->bytes, topic.at, topic.len);
    if (payload.len > 0) {
        memcpy(one->bytes + topic.len, payload.at, payload.len);
    }
    one->topic = (sv_text){ .at = one->bytes, .len = topic.len };
    one->payload = (sv_text){ .at = one->bytes + topic.len, .len = payload.len };
    return one;
}

/// The lock is held. SV_ERR_NO_SPACE when as much as is allowed waits already.
static sv_err enqueue(selvedge_client *client, sv_text topic, sv_text payload, uint64_t *number,
                      sv_why *why) {
    selvedge_state *state = &client->shared.state;
    client_publication *one = publication_new(topic, payload);
    size_t bytes = client_outbox_bytes(one);
    if (state->waiting_bytes + bytes > client->options.queue_bytes) {
        free(one);
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "not taken: %zu bytes wait for the gateway already, this takes %zu, and "
                       "queue_bytes is %zu",
                       state->waiting_bytes, bytes, client->options.queue_bytes);
    }
    one->number = ++state->accepted;
    state->waiting_bytes += bytes;
    if (number != NULL) {
        *number = one->number;
    }
    if (client->shared.last == NULL) {
        client->shared.first = one;
        client_ring(client);
    } else {
        client->shared.last->next = one;
    }
    client->shared.last = one;
    return SV_OK;
}

/// Numbered under the lock, so that the numbers go out in their order. `now` NULL: the reading's
/// time is the program's.
static sv_err publish(selvedge_client *client, const sv_instant *now, sv_reading *reading,
                      uint64_t *number, sv_why *why) {
    char topic_room[CLIENT_TOPIC_MAX];
    char payload_room[READING_MAX];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf payload = SV_TEXTBUF(payload_room);
    (void) pthread_mutex_lock(&client->lock);
    reading->seq = client->shared.seq + 1;
    if (now != NULL) {
        sv_uptime_put(&client->shared.uptime, now, reading);
    }
    sv_reading_key_format(&reading->key, &topic);
    sv_reading_format(reading, &payload);
    sv_err err =
        topic.overflowed || payload.overflowed
            ? sv_fail(why, SV_ERR_INVALID, "the reading is too large")
            : enqueue(client, sv_textbuf_text(&topic), sv_textbuf_text(&payload), number, why);
    if (err == SV_OK) {
        client->shared.seq++;
        sv_uptime_said(&client->shared.uptime, reading);
    }
    (void) pthread_mutex_unlock(&client->lock);
    return err;
}

static sv_err check_reading(const sv_reading *reading, sv_why *why) {
    SV_TRY(sv_id_check("sensor", reading->key.sensor, why));
    if (!isfinite(reading->value)) {
        return sv_fail(why, SV_ERR_INVALID, "the value of " SV_TEXT_FMT " is not a finite number",
                       SV_TEXT_ARG(reading->key.sensor));
    }
    if (reading->unit.len > SV_UNIT_MAX || !sv_utf8_is_valid(reading->unit)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the unit of " SV_TEXT_FMT " is not UTF-8 of at most %d bytes",
                       SV_TEXT_ARG(reading->key.sensor), SV_UNIT_MAX);
    }
    if (reading->at_us < SELVEDGE_AT_UNIX_US_MIN || reading->at_us > SELVEDGE_AT_UNIX_US_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the time of " SV_TEXT_FMT " is outside the years 1-9999",
                       SV_TEXT_ARG(reading->key.sensor));
    }
    return SV_OK;
}

selvedge_code selvedge_client_publish(selvedge_client *client, const char *sensor, double value,
                                      const char *unit, int64_t at_unix_us, uint64_t *number,
                                      selvedge_error *error) {
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    const sv_instant now = sv_clock_instant();
    bool is_now = at_unix_us == SELVEDGE_NOW;
    sv_reading reading = {
        .key = { .device_id = sv_text_of(client->id), .sensor = sv_text_of(sensor) },
        .value = value,
        .at_us = is_now ? now.wall_us : at_unix_us,
        .unit = sv_text_of(unit),
        .epoch = sv_text_of(client->epoch),
    };
    sv_why why;
    sv_err err = check_reading(&reading, &why);
    err = err == SV_OK ? publish(client, is_now ? &now : NULL, &reading, number, &why) : err;
    return err == SV_OK ? SELVEDGE_OK : client_failed(&why, error);
}

static selvedge_code send(selvedge_client *client, const sv_textbuf *topic, sv_text payload,
                          uint64_t *number, selvedge_error *error) {
    sv_why why;
    (void) pthread_mutex_lock(&client->lock);
    sv_err err = enqueue(client, sv_textbuf_text(topic), payload, number, &why);
    (void) pthread_mutex_unlock(&client->lock);
    return err == SV_OK ? SELVEDGE_OK : client_failed(&why, error);
}

selvedge_code selvedge_client_answer(selvedge_client *client, const char *name, const void *payload,
                                     size_t payload_bytes, uint64_t *number,
                                     selvedge_error *error) {
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    sv_why why;
    if (sv_id_check("command", sv_text_of(name), &why) != SV_OK) {
        return client_failed(&why, error);
    }
    if (payload_bytes > SELVEDGE_PAYLOAD_MAX) {
        return client_fail(error, SELVEDGE_INVALID, "an answer of %zu bytes; at most %d are taken",
                           payload_bytes, SELVEDGE_PAYLOAD_MAX);
    }
    char room[CLIENT_TOPIC_MAX];
    sv_textbuf topic = SV_TEXTBUF(room);
    sv_textbuf_addf(&topic, "results/%s/%s", client->id, name);
    return send(client, &topic, (sv_text){ .at = payload, .len = payload_bytes }, number, error);
}

void selvedge_health_init(selvedge_health *health, size_t size) {
    selvedge_health unknown = {
        .size = size,
        .cpu_percent = SELVEDGE_UNKNOWN,
        .memory_percent = SELVEDGE_UNKNOWN,
        .disk_percent = SELVEDGE_UNKNOWN,
        .temperature_c = SELVEDGE_UNKNOWN,
        .uptime_s = SELVEDGE_UNKNOWN,
        .net_sent_bytes = SELVEDGE_UNKNOWN,
        .net_received_bytes = SELVEDGE_UNKNOWN,
    };
    memcpy(health, &unknown, size < sizeof unknown ? size : sizeof unknown);
}

static sv_err take_health(const selvedge_client *client, const selvedge_health *from,
                          sv_health_metrics *out, sv_why *why) {
    if (from->size != sizeof *from) {
        return sv_fail(why, SV_ERR_INVALID, "health.size is %zu: call selvedge_health_init first",
                       from->size);
    }
    *out = (sv_health_metrics){
        .at_us = sv_clock_wall_us(),
        .cpu_percent = from->cpu_percent,
        .memory_percent = from->memory_percent,
        .disk_percent = from->disk_percent,
        .net_sent_bytes = from->net_sent_bytes,
        .net_recv_bytes = from->net_received_bytes,
        .temperature_c = from->temperature_c,
        .uptime_s = from->uptime_s,
    };
    const struct {
        const char *name, *text;
        char *room;
    } texts[] = {
        { "id", client->id, out->device_id },
        { "firmware_version", from->firmware_version, out->firmware_version },
        { "slot", from->slot, out->slot },
        { "boot_state", from->boot_state, out->boot_state },
    };
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        if (!sv_utf8_is_valid(sv_text_of(texts[i].text))
            || sv_text_copy(sv_text_of(texts[i].text), texts[i].room, SV_VERSION_MAX + (i == 0))
                   != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "%s is not UTF-8 of at most %d bytes",
                           texts[i].name, SELVEDGE_VERSION_TEXT_MAX);
        }
    }
    return SV_OK;
}

selvedge_code selvedge_client_health(selvedge_client *client, const selvedge_health *health,
                                     uint64_t *number, selvedge_error *error) {
    if (client_check(client, error) != SELVEDGE_OK) {
        return SELVEDGE_INVALID;
    }
    sv_why why;
    sv_health report = { .alert_count = 0 };
    if (take_health(client, health, &report.metrics, &why) != SV_OK) {
        return client_failed(&why, error);
    }
    sv_health_check(&report);
    char topic_room[CLIENT_TOPIC_MAX];
    char payload_room[SV_HEALTH_BYTES_MAX];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf payload = SV_TEXTBUF(payload_room);
    sv_textbuf_addf(&topic, "health/%s", client->id);
    sv_health_format(&report, &payload);
    if (payload.overflowed) {
        return client_fail(error, SELVEDGE_INVALID, "the health report is too large");
    }
    return send(client, &topic, sv_textbuf_text(&payload), number, error);
}
