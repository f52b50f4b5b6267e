// What waits to be acknowledged. Ids are given in order, so those still out form the head of the
// queue, the oldest first.
#include "client_own.h"
#include <assert.h>
#include <base/mem.h>
#include <stdlib.h>

enum {
    DUP_FLAG = 8,
    IDS = 65536, ///< after so many steps an id is met again
};

static bool id_is_taken(const sv_mqtt_client *client, uint16_t id) {
    // Less than a whole turn after the oldest none of those that are out can be met.
    const mqtt_pending *oldest = client->first;
    if (oldest == NULL || oldest->id == 0 || client->id_steps - oldest->id_step < IDS) {
        return false;
    }
    for (const mqtt_pending *one = oldest; one != NULL && one->id != 0; one = one->next) {
        if (one->id == id) {
            return true;
        }
    }
    return false;
}

uint16_t mqtt_new_id(sv_mqtt_client *client) {
    do {
        client->last_id++;
        client->id_steps++;
    } while (client->last_id == 0 || id_is_taken(client, client->last_id));
    return client->last_id;
}

static void send_pending(sv_mqtt_client *client, mqtt_pending *one) {
    if (one->id == 0) {
        one->id = mqtt_new_id(client);
        one->id_step = client->id_steps;
        one->packet[one->id_offset] = (char) (uint8_t) (one->id >> 8);
        one->packet[one->id_offset + 1] = (char) (uint8_t) (one->id & 0xFFU);
    } else {
        one->packet[0] = (char) (uint8_t) ((uint8_t) one->packet[0] | DUP_FLAG);
    }
    sv_conn_write(client->conn, (sv_text){ .at = one->packet, .len = one->bytes });
}

void mqtt_queue_send(sv_mqtt_client *client) {
    while (client->up && client->unsent != NULL && client->sent < SV_MQTT_INFLIGHT_MAX) {
        mqtt_pending *one = client->unsent;
        client->unsent = one->next;
        client->sent++;
        send_pending(client, one);
    }
}

static void enqueue(sv_mqtt_client *client, mqtt_pending *one) {
    *(client->last == NULL ? &client->first : &client->last->next) = one;
    client->last = one;
    if (client->unsent == NULL) {
        client->unsent = one;
    }
    client->count++;
    client->queued_bytes += one->bytes;
}

size_t mqtt_queue_bytes(sv_text topic, sv_text payload) {
    return SV_MQTT_HEADER_MAX + 4 + topic.len + payload.len;
}

void mqtt_queue_add(sv_mqtt_client *client, sv_text topic, sv_text payload, bool retain,
                    uint64_t token) {
    size_t bytes_max = mqtt_queue_bytes(topic, payload);
    mqtt_pending *one = sv_mem_new(sizeof *one + bytes_max);
    // The id is put in when the packet is sent first; 1 holds its place.
    sv_textbuf out = { .at = one->packet, .cap = bytes_max };
    sv_mqtt_publish publish = {
        .topic = topic,
        .payload = payload,
        .qos = 1,
        .retain = retain,
        .id = 1,
    };
    sv_mqtt_add_publish(&out, SV_MQTT_V311, &publish);
    assert(!out.overflowed);
    one->token = token;
    one->bytes = out.len;
    one->id_offset = out.len - payload.len - 2;
    enqueue(client, one);
}

void mqtt_queue_acknowledged(sv_mqtt_client *client, uint16_t id) {
    mqtt_pending *before = NULL;
    mqtt_pending *one = client->first;
    while (one != client->unsent && one->id != id) {
        before = one;
        one = one->next;
    }
    if (one == client->unsent) {
        return;
    }
    *(before == NULL ? &client->first : &before->next) = one->next;
    if (client->last == one) {
        client->last = before;
    }
    client->count--;
    client->sent--;
    client->queued_bytes -= one->bytes;
    uint64_t token = one->token;
    free(one);
    mqtt_queue_send(client);
    if (client->events.acknowledged != NULL) {
        client->events.acknowledged(client->arg, token);
    }
}

void mqtt_queue_rewind(sv_mqtt_client *client) {
    client->unsent = client->first;
    client->sent = 0;
}

void mqtt_queue_drop(sv_mqtt_client *client) {
    while (client->first != NULL) {
        mqtt_pending *gone = client->first;
        client->first = gone->next;
        free(gone);
    }
}
