#include "chance.h"

#include <base/mem.h>
#include <ddi/client.h>
#include <net/http_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { ADDRESS_ROOM = 192, CONFIG_MAX = 8 * 1024, WAITING_MAX = 16 };

#define JSON_TYPE "application/json;charset=UTF-8"

/// Something that was said and is not answered yet.
typedef struct saying {
    sv_ddi_client *client;
    sv_ddi_said *said;
    void *arg;
} saying;

struct sv_ddi_client {
    sv_http_client *http;
    char base[ADDRESS_ROOM]; ///< /default/controller/v1/press-17
    const sv_ddi_client_events *events;
    void *arg;
    sv_timer *next;
    int64_t interval_us, last_us;
    unsigned failures;
    bool polling; ///< a poll, or what it led to, is under way
    bool look;    ///< somebody asked meanwhile for another one
    bool dropping;
    sv_ddi_poll poll;
};

static void wait_for_next(sv_ddi_client *client) {
    client->polling = false;
    int64_t wait_us = sv_ddi_wait_us(client->interval_us, client->failures, ddi_chance());
    sv_timer_once(client->next, client->look ? SV_DDI_CALL_GAP_US : wait_us);
    client->look = false;
}

static void poll_failed(sv_ddi_client *client, const sv_why *why) {
    client->failures++;
    client->polling = false;
    client->look = false;
    int64_t wait_us = sv_ddi_wait_us(client->interval_us, client->failures, ddi_chance());
    sv_timer_once(client->next, wait_us);
    client->events->failed(client->arg, why, wait_us);
}

static void poll_done(sv_ddi_client *client, const sv_ddi_deployment *deployment) {
    client->failures = 0;
    client->poll.asked_us = client->last_us;
    wait_for_next(client);
    client->events->polled(client->arg, &client->poll, deployment);
}

/// SV_OK when it is an answer of 200 with a document.
static sv_err judge_reply(const sv_http_reply_view *reply, const sv_why *fault, sv_why *why) {
    if (reply->status == 0) {
        *why = *fault;
        return SV_ERR_UNAVAILABLE;
    }
    return reply->status == 200
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the door answers a poll with %d", reply->status);
}

static sv_err get(sv_ddi_client *client, const char *address, sv_http_done *done) {
    const sv_http_field fields[] = { { "Accept", "application/json" } };
    const sv_http_errand errand = {
        .method = "GET", .path = address, .fields = fields, .field_count = SV_COUNT(fields)
    };
    return sv_http_client_ask(client->http, &errand, done, client);
}

static void on_deployment(void *arg, const sv_http_reply_view *reply, const sv_why *fault) {
    sv_ddi_client *client = arg;
    sv_ddi_deployment deployment;
    sv_why why = { 0 };
    if (client->dropping) {
        return;
    }
    if (reply->status == 404 || reply->status == 410) {
        poll_done(client, NULL); // it has ended between the two answers
        return;
    }
    if (judge_reply(reply, fault, &why) != SV_OK
        || sv_ddi_deployment_read(reply->body, &deployment, &why) != SV_OK) {
        poll_failed(client, &why);
        return;
    }
    poll_done(client, &deployment);
}

static void follow(sv_ddi_client *client, const char *kind, int64_t action, sv_http_done *done) {
    char address[ADDRESS_ROOM + 64];
    (void) snprintf(address, sizeof address, "%s/%s/%lld", client->base, kind, (long long) action);
    if (get(client, address, done) != SV_OK) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "too much waits to be asked at the door");
        poll_failed(client, &why);
    }
}

static void after_cancel(sv_ddi_client *client) {
    if (client->poll.deployment != 0) {
        follow(client, "deploymentBase", client->poll.deployment, on_deployment);
    } else {
        poll_done(client, NULL);
    }
}

static void on_cancel(void *arg, const sv_http_reply_view *reply, const sv_why *fault) {
    sv_ddi_client *client = arg;
    sv_why why = { 0 };
    if (client->dropping) {
        return;
    }
    int64_t stop = 0;
    if (judge_reply(reply, fault, &why) != SV_OK
        || sv_ddi_cancel_read(reply->body, &stop, &why) != SV_OK) {
        poll_failed(client, &why);
        return;
    }
    client->poll.stop = stop;
    after_cancel(client);
}

static void on_poll(void *arg, const sv_http_reply_view *reply, const sv_why *fault) {
    sv_ddi_client *client = arg;
    sv_why why = { 0 };
    if (client->dropping) {
        return;
    }
    if (judge_reply(reply, fault, &why) != SV_OK
        || sv_ddi_poll_read(reply->body, &client->poll, &why) != SV_OK) {
        poll_failed(client, &why);
        return;
    }
    if (client->poll.sleep_us != 0) {
        client->interval_us = client->poll.sleep_us;
    }
    if (client->poll.cancel != 0) {
        follow(client, "cancelAction", client->poll.cancel, on_cancel);
    } else {
        after_cancel(client);
    }
}

static void on_next(void *arg) {
    sv_ddi_client *client = arg;
    client->polling = true;
    client->last_us = sv_clock_monotonic_us();
    if (get(client, client->base, on_poll) != SV_OK) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "too much waits to be said at the door");
        poll_failed(client, &why);
    }
}

sv_err sv_ddi_client_open(sv_loop *loop, const sv_ddi_client_options *options,
                          const sv_ddi_client_events *events, void *arg, sv_ddi_client **out,
                          sv_why *why) {
    SV_DEFER(sv_ddi_client_drop) sv_ddi_client *client = sv_mem_new(sizeof *client);
    SV_TRY(sv_id_check("device id", sv_text_of(options->id), why));
    SV_TRY(sv_http_client_open(loop, options->origin, options->tls, SV_DDI_PATIENCE_US,
                               &client->http, why));
    sv_http_client_reply_max(client->http, SV_DDI_DOCUMENT_MAX);
    (void) snprintf(client->base, sizeof client->base, "/default/controller/v1/%s", options->id);
    client->events = events;
    client->arg = arg;
    client->interval_us = options->poll_us;
    client->next = sv_timer_new(loop, on_next, client);
    sv_timer_once(client->next, (int64_t) ((double) SV_DDI_FIRST_WAIT_US * ddi_chance()));
    *out = client;
    client = NULL;
    return SV_OK;
}

void sv_ddi_client_look(sv_ddi_client *client) {
    if (client->polling) {
        client->look = true; // what the poll under way is told may be older than the call
        return;
    }
    int64_t since_us = sv_clock_monotonic_us() - client->last_us;
    bool soon = client->last_us != 0 && since_us < SV_DDI_CALL_GAP_US;
    sv_timer_once(client->next, soon ? SV_DDI_CALL_GAP_US - since_us : 0);
}

static void on_said(void *arg, const sv_http_reply_view *reply, const sv_why *fault) {
    const saying said = *(const saying *) arg;
    free(arg);
    if (said.client->dropping) {
        return;
    }
    sv_why why = { 0 };
    if (reply->status == 0) {
        why = *fault;
    } else {
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the door answers with %d", reply->status);
    }
    bool gone = reply->status == 404 || reply->status == 410;
    said.said(said.arg, reply->status / 100 == 2, gone, &why);
}

static sv_err say(sv_ddi_client *client, const char *method, const char *address, sv_text body,
                  sv_ddi_said *said, void *arg) {
    if (sv_http_client_waiting(client->http) >= WAITING_MAX) {
        return SV_ERR_NO_SPACE;
    }
    saying *waits = sv_mem_new(sizeof *waits);
    *waits = (saying){ .client = client, .said = said, .arg = arg };
    sv_err err =
        sv_http_client_send(client->http, method, address, NULL, JSON_TYPE, body, on_said, waits);
    if (err != SV_OK) {
        free(waits);
    }
    return err;
}

static sv_err say_feedback(sv_ddi_client *client, const char *kind, int64_t number,
                           const sv_ddi_feedback *feedback, sv_ddi_said *said, void *arg) {
    char address[ADDRESS_ROOM + 64];
    char room[SV_DDI_FEEDBACK_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    (void) snprintf(address, sizeof address, "%s/%s/%lld/feedback", client->base, kind,
                    (long long) number);
    sv_ddi_feedback_write(feedback, &body);
    return say(client, "POST", address, sv_textbuf_text(&body), said, arg);
}

sv_err sv_ddi_client_feedback(sv_ddi_client *client, const sv_ddi_feedback *feedback,
                              sv_ddi_said *said, void *arg) {
    return say_feedback(client, "deploymentBase", feedback->action, feedback, said, arg);
}

sv_err sv_ddi_client_cancel(sv_ddi_client *client, int64_t stop, int64_t at_us, bool stopped,
                            sv_ddi_said *said, void *arg) {
    const sv_ddi_feedback feedback = { .action = stop,
                                       .at_us = at_us,
                                       .finished = stopped ? SV_DDI_SUCCESS : SV_DDI_FAILURE,
                                       .closed = stopped,
                                       .rejected = !stopped };
    return say_feedback(client, "cancelAction", stop, &feedback, said, arg);
}

sv_err sv_ddi_client_config(sv_ddi_client *client, int64_t at_us,
                            const sv_ddi_attribute *attributes, size_t count, sv_ddi_said *said,
                            void *arg) {
    char address[ADDRESS_ROOM + 64];
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CONFIG_MAX);
    (void) snprintf(address, sizeof address, "%s/configData", client->base);
    sv_ddi_config_write(at_us, attributes, count, &body);
    return body.overflowed ? SV_ERR_NO_SPACE
                           : say(client, "PUT", address, sv_textbuf_text(&body), said, arg);
}

void sv_ddi_client_drop(sv_ddi_client **client) {
    sv_ddi_client *gone = *client;
    if (gone == NULL) {
        return;
    }
    *client = NULL;
    gone->dropping = true;
    sv_http_client_drop(&gone->http);
    sv_timer_drop(&gone->next);
    free(gone);
}
