// Requests that the pilot makes and waits for.
#include "pilot.h"
#include <stdio.h>
#include <sys/clock.h>

enum { TURN_US = 50000, GATEWAY_US = 1500000 };

typedef struct answer {
    bool done;
    int status;
    sv_textbuf *body;
    char *location;
    sv_why *why;
} answer;

static void take_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *mine = arg;
    mine->done = true;
    mine->status = reply->status;
    sv_textbuf_add(mine->body, reply->body);
    (void) sv_textbuf_end(mine->body);
    if (mine->location != NULL && reply->location != NULL) {
        (void) snprintf(mine->location, SV_PATH_MAX, "%s", reply->location);
    }
    if (reply->status == 0 && why != NULL && mine->why != NULL) {
        *mine->why = *why;
    }
}

int pilot_ask(pilot *p, sv_http_client *client, const char *method, const char *path,
              const char *content, sv_textbuf *body, char location[SV_PATH_MAX], sv_why *why) {
    char authorization[PILOT_TOKEN_MAX + 16];
    (void) snprintf(authorization, sizeof authorization, "Bearer %s", p->token);
    sv_textbuf_clear(body);
    answer mine = { .body = body, .location = location, .why = why };
    // The token is for the fleet server alone.
    bool mine_is_fleet = client == p->http;
    const char *type = content == NULL ? NULL : "application/json";
    sv_err sent = sv_http_client_send(client, method, path,
                                      mine_is_fleet && p->token[0] != '\0' ? authorization : NULL,
                                      type, sv_text_of(content), take_answer, &mine);
    if (sent != SV_OK) {
        (void) sv_fail(why, sent, "the request %s %s could not be sent", method, path);
        return 0;
    }
    // The client calls back for every request, at the latest after its own timeout.
    while (!mine.done) {
        sv_loop_turn(p->loop, TURN_US);
    }
    return mine.status;
}

int pilot_ask_gateway(pilot *p, const pilot_site *site, const char *path, sv_textbuf *body,
                      sv_why *why) {
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", site->http.number);
    sv_http_client *client = NULL;
    if (sv_http_client_open(p->loop, origin, NULL, GATEWAY_US, &client, why) != SV_OK) {
        return 0;
    }
    int status = pilot_ask(p, client, "GET", path, NULL, body, NULL, why);
    sv_http_client_drop(&client);
    return status;
}

void pilot_wait(pilot *p, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    for (int64_t left = us; left > 0 && !p->interrupted; left = end_us - sv_clock_monotonic_us()) {
        sv_loop_turn(p->loop, left < TURN_US ? left : TURN_US);
    }
}
