// Who is who: the connections and sessions of one id together, so that what is decided about an id
// costs as much as it has of them.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>

/// Ids that differ in upper and lower case alone are one. What is longer than an id is nobody's.
static sv_text folded(sv_text id, char room[SV_ID_ROOM]) {
    size_t len = id.len < SV_ID_ROOM ? id.len : SV_ID_ROOM;
    for (size_t i = 0; i < len; i++) {
        bool upper = id.at[i] >= 'A' && id.at[i] <= 'Z';
        room[i] = (char) (upper ? id.at[i] - 'A' + 'a' : id.at[i]);
    }
    return (sv_text){ .at = room, .len = len };
}

static sv_broker_person *find(const sv_broker *broker, sv_text id) {
    char room[SV_ID_ROOM];
    return sv_map_get(broker->people, folded(id, room));
}

static sv_broker_person *person_of(sv_broker *broker, const char *id) {
    sv_broker_person *person = find(broker, sv_text_of(id));
    if (person == NULL) {
        char room[SV_ID_ROOM];
        sv_text key = folded(sv_text_of(id), room);
        person = sv_mem_new(sizeof *person);
        if (sv_text_copy(key, person->id, sizeof person->id) != SV_OK
            || sv_map_put(broker->people, key, person) != SV_OK) {
            abort(); // an id, and there is room for as many as there are connections and sessions
        }
    }
    return person;
}

static void let_go(sv_broker *broker, sv_broker_person *person) {
    if (person->clients == NULL && person->sessions == NULL) {
        (void) sv_map_remove(broker->people, sv_text_of(person->id));
        free(person);
    }
}

void sv_broker_person_meet(sv_broker *broker, sv_broker_client *client) {
    if (client->peer.local) {
        return;
    }
    sv_broker_person *person = person_of(broker, client->peer.identity.id);
    client->person = person;
    client->person_next = person->clients;
    if (person->clients != NULL) {
        person->clients->person_previous = client;
    }
    person->clients = client;
    person->client_count++;
}

void sv_broker_person_leave(sv_broker *broker, sv_broker_client *client) {
    sv_broker_person *person = client->person;
    if (person == NULL) {
        return;
    }
    *(client->person_previous != NULL ? &client->person_previous->person_next : &person->clients) =
        client->person_next;
    if (client->person_next != NULL) {
        client->person_next->person_previous = client->person_previous;
    }
    person->client_count--;
    let_go(broker, person);
}

void sv_broker_person_own(sv_broker *broker, sv_broker_session *session) {
    if (session->local || session->person != NULL) {
        return;
    }
    sv_broker_person *person = person_of(broker, session->identity.id);
    session->person = person;
    session->person_next = person->sessions;
    if (person->sessions != NULL) {
        person->sessions->person_previous = session;
    }
    person->sessions = session;
    person->session_count++;
}

void sv_broker_person_lose(sv_broker *broker, sv_broker_session *session) {
    sv_broker_person *person = session->person;
    if (person == NULL) {
        return;
    }
    *(session->person_previous != NULL ? &session->person_previous->person_next
                                       : &person->sessions) = session->person_next;
    if (session->person_next != NULL) {
        session->person_next->person_previous = session->person_previous;
    }
    person->session_count--;
    let_go(broker, person);
}

size_t sv_broker_connections(const sv_broker *broker, sv_text id) {
    const sv_broker_person *person = find(broker, id);
    return person == NULL ? 0 : person->client_count;
}

size_t sv_broker_review(sv_broker *broker, sv_text id, int64_t now_us) {
    const sv_broker_person *person = find(broker, id);
    size_t cut = 0;
    broker->now_us = now_us;
    for (sv_broker_client *next = person == NULL ? NULL : person->clients; next != NULL;) {
        sv_broker_client *client = next;
        sv_why why;
        next = client->person_next;
        if (broker->hooks.welcome != NULL
            && broker->hooks.welcome(broker->arg, &client->peer, &why) != SV_OK) {
            sv_broker_send_away(broker, client, SV_MQTT_ADMINISTRATIVE, &why);
            cut++;
        }
    }
    return cut;
}

static void forget_sessions(sv_broker *broker, sv_text id) {
    for (;;) {
        sv_broker_person *person = find(broker, id);
        if (person == NULL || person->sessions == NULL) {
            return;
        }
        sv_broker_retained_forget(broker, sv_text_of(person->sessions->identity.id));
        sv_broker_session_end(broker, person->sessions);
    }
}

static size_t cut_all(sv_broker *broker, sv_text id, sv_mqtt_reason reason,
                      sv_broker_parting parting) {
    const sv_broker_person *person = find(broker, id);
    size_t cut = 0;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "the connection was ended by order (0x%02x)",
                   (unsigned) reason);
    for (sv_broker_client *next = person == NULL ? NULL : person->clients; next != NULL;) {
        sv_broker_client *client = next;
        next = client->person_next;
        sv_broker_cut(broker, client, reason, parting, &why);
        cut++;
    }
    return cut;
}

size_t sv_broker_kick(sv_broker *broker, sv_text id, sv_mqtt_reason reason, bool forget,
                      int64_t now_us) {
    broker->now_us = now_us;
    size_t cut = cut_all(broker, id, reason, forget ? SV_BROKER_PART_GOODBYE : SV_BROKER_PART_LOST);
    if (forget) {
        forget_sessions(broker, id);
        sv_broker_retained_forget(broker, id);
    }
    return cut;
}
