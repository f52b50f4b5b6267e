#include "asks.h"

#include "push.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { ASK_ID_ROOM = 33 };

typedef struct open_ask {
    char id[ASK_ID_ROOM]; ///< empty: a free place
    const sv_gateway *gateway;
    int64_t until_us; ///< monotonic
    int64_t within_us;
    sv_text text; ///< borrowed
    sv_ask_done *done;
    void *arg;
} open_ask;

struct sv_asks {
    open_ask places[SV_ASKS_MAX];
};

sv_asks *sv_asks_new(void) {
    return sv_mem_new(sizeof(sv_asks));
}

/// Its place is free before whoever waits hears of it: he may ask again at once.
static void end(open_ask *ask, int status, const char *why, const sv_json *answer) {
    open_ask over = *ask;
    const sv_ask_end how = { .status = status, .why = why, .answer = answer };
    *ask = (open_ask){ 0 };
    over.done(over.arg, &how);
}

void sv_asks_drop(sv_asks **asks) {
    sv_asks *old = *asks;
    *asks = NULL;
    for (size_t i = 0; old != NULL && i < SV_ASKS_MAX; i++) {
        if (old->places[i].id[0] != '\0') {
            end(&old->places[i], 503, "the fleet server ends", NULL);
        }
    }
    free(old);
}

// ---- asking -------------------------------------------------------------------------------------

static open_ask *free_place(sv_asks *asks, const sv_gateway *gateway) {
    open_ask *found = NULL;
    unsigned same = 0;
    for (size_t i = 0; i < SV_ASKS_MAX; i++) {
        open_ask *place = &asks->places[i];
        found = place->id[0] == '\0' ? place : found;
        same += place->id[0] != '\0' && place->gateway == gateway;
    }
    return same < SV_ASKS_OF_GATEWAY_MAX ? found : NULL;
}

static int64_t within_of(const sv_ask *ask) {
    int64_t within_us = ask->within_us == 0 ? SV_ASK_WITHIN_US : ask->within_us;
    return within_us < SV_ASK_WITHIN_MAX_US ? within_us : SV_ASK_WITHIN_MAX_US;
}

static sv_err queue(sv_fleet *fleet, const sv_ask *ask, const char *id, sv_why *why) {
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", id);
    sv_json_add_int(&out, "until", (fleet->wall_us() + within_of(ask)) / 1000);
    sv_json_add_str(&out, "what", ask->what);
    sv_json_key(&out, "question");
    sv_json_put_raw(&out, ask->question);
    sv_json_close_object(&out);
    if (sv_textbuf_end(&data) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the question does not fit %d bytes", SV_PUSH_DATA_MAX);
    }
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    const sv_push_to to = { .gateway = ask->gateway };
    return sv_push_commit(fleet, sv_push_add(fleet, to, "ask", sv_textbuf_text(&data), why), why);
}

sv_err sv_asks_put(sv_fleet *fleet, const sv_ask *ask, sv_why *why) {
    if (!sv_push_reaches(fleet->push, ask->gateway)) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "gateway %s is not connected now: what it has not sent up stays there",
                       ask->gateway->id);
    }
    open_ask *place = free_place(fleet->asks, ask->gateway);
    if (place == NULL) {
        return sv_fail(why, SV_ERR_STATE, "gateway %s is answering other questions; ask again soon",
                       ask->gateway->id);
    }
    char id[ASK_ID_ROOM];
    sv_random_hex(id);
    SV_TRY(queue(fleet, ask, id, why));
    *place = (open_ask){ .gateway = ask->gateway,
                         .until_us = fleet->mono_us() + within_of(ask),
                         .within_us = within_of(ask),
                         .text = ask->text,
                         .done = ask->done,
                         .arg = ask->arg };
    memcpy(place->id, id, sizeof id);
    return SV_OK;
}

void sv_asks_turn(sv_fleet *fleet) {
    int64_t now_us = fleet->mono_us();
    for (size_t i = 0; i < SV_ASKS_MAX; i++) {
        open_ask *ask = &fleet->asks->places[i];
        if (ask->id[0] == '\0' || now_us < ask->until_us) {
            continue;
        }
        char why[SV_ASK_WHY_MAX];
        (void) snprintf(why, sizeof why, "gateway %s has not answered within %lld s",
                        ask->gateway->id, (long long) (ask->within_us / SV_TIME_SECOND_US));
        SV_LOG(warn, "ask.unanswered", "%s", why);
        end(ask, 504, why, NULL);
    }
}

// ---- answers ------------------------------------------------------------------------------------

/// The place of an open question; SV_ASKS_MAX: there is none.
static size_t find(const sv_asks *asks, const sv_gateway *gateway, sv_text id) {
    size_t i = 0;
    while (i < SV_ASKS_MAX
           && (asks->places[i].id[0] == '\0' || asks->places[i].gateway != gateway
               || !sv_text_is(id, asks->places[i].id))) {
        i++;
    }
    return i;
}

sv_err sv_asks_text(const sv_asks *asks, const sv_gateway *gateway, sv_text id, sv_text *out) {
    size_t place = find(asks, gateway, id);
    if (place == SV_ASKS_MAX || asks->places[place].text.at == NULL) {
        return SV_ERR_NOT_FOUND;
    }
    *out = asks->places[place].text;
    return SV_OK;
}

/// A refusal; the status is what the browser gets, so it is one that means a refusal.
static sv_err refuse(open_ask *ask, const sv_json *root, sv_why *why) {
    int64_t status = 0;
    sv_text text;
    char room[SV_ASK_WHY_MAX];
    if (!sv_json_int(sv_json_get(root, "status"), &status) || status < 400 || status > 599
        || status == 401 || !sv_json_text(sv_json_get(root, "why"), &text)
        || sv_text_copy(text, room, sizeof room) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "neither answer nor status and why");
    }
    end(ask, (int) status, room, NULL);
    return SV_OK;
}

sv_err sv_asks_answer(sv_fleet *fleet, const sv_gateway *gateway, sv_text body, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text id;
    if (body.len > SV_ASK_ANSWER_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes; an answer has at most %d", body.len,
                       SV_ASK_ANSWER_MAX);
    }
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    if (!sv_json_text(sv_json_get(root, "id"), &id)) {
        return sv_fail(why, SV_ERR_INVALID, "the answer does not say to what: no id");
    }
    size_t place = find(fleet->asks, gateway, id);
    if (place == SV_ASKS_MAX) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "no such question is open: it was answered, or waits no longer");
    }
    open_ask *ask = &fleet->asks->places[place];
    const sv_json *answer = sv_json_get(root, "answer");
    if (answer == NULL) {
        return refuse(ask, root, why);
    }
    end(ask, 200, NULL, answer);
    return SV_OK;
}
