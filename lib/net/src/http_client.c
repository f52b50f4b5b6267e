#include "http_answer.h"
#include "lookup.h"
#include "tls_internal.h"

#include <base/mem.h>
#include <codec/url.h>
#include <net/conn.h>
#include <net/http_client.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

typedef struct http_question {
    STAILQ_ENTRY(http_question) link;
    bool is_head;
    sv_textbuf bytes;    ///< headers and body as they are sent
    uint64_t body_bytes; ///< of them
    uint64_t sent;       ///< so far: the body goes again over a fresh connection
    sv_http_part *part;  ///< NULL: the body is kept for `done`
    int part_status;     ///< of the answer that comes in parts; 0: any good one
    size_t part_bytes;   ///< that have come since the time began to run
    sv_http_done *done;
    void *arg;
} http_question;

struct sv_http_client {
    sv_loop *loop;
    sv_url origin;
    sv_tls *tls;
    unsigned tls_age; ///< of the connection's
    int64_t timeout_us;
    sv_conn *conn;
    bool up;
    bool used;     ///< an answer has come over this connection
    bool retried;  ///< the first question, over a fresh connection
    bool answered; ///< some byte of the answer has come
    bool dropping;
    bool in_done; ///< a callback is running; `dropped` says that it dropped the client
    bool dropped;
    http_answer answer;
    sv_timer *deadline; ///< of the first question
    sv_timer *next;     ///< starts the next question outside of any callback
    STAILQ_HEAD(http_question_queue, http_question) questions;
    size_t waiting;
    size_t compress_from; ///< 0: never
    sv_err (*compress)(sv_text plain, sv_textbuf *out);
    bool public_only;
    size_t reply_max;
    uint64_t body_bytes;
};

static void start_question(void *arg);

static void question_free(http_question *question) {
    sv_textbuf_drop(&question->bytes);
    free(question);
}

/// Takes the first question off the queue and tells its owner. False: the client was dropped.
static bool answer_first(sv_http_client *client, const sv_http_reply_view *reply,
                         const sv_why *why) {
    http_question *question = STAILQ_FIRST(&client->questions);
    STAILQ_REMOVE_HEAD(&client->questions, link);
    client->waiting--;
    client->in_done = true;
    question->done(question->arg, reply, why);
    client->in_done = false;
    question_free(question);
    return !client->dropped;
}

static void client_free(sv_http_client *client) {
    http_answer_drop(&client->answer);
    sv_timer_drop(&client->deadline);
    sv_timer_drop(&client->next);
    free(client);
}

static void finish(sv_http_client *client, const sv_http_reply_view *reply, const sv_why *why) {
    sv_timer_stop(client->deadline);
    client->retried = false;
    if (!answer_first(client, reply, why)) {
        client_free(client);
        return;
    }
    http_answer_drop(&client->answer);
    http_answer_start(&client->answer, false, client->reply_max);
    client->answered = false;
    if (client->waiting > 0) {
        sv_timer_once(client->next, 0);
    }
}

static void hang_up(sv_http_client *client) {
    sv_conn_drop(&client->conn);
    client->up = false;
    client->used = false;
}

static sv_conn_step step_of(const sv_http_client *client) {
    if (client->conn != NULL) {
        return sv_conn_at(client->conn);
    }
    return host_is_numeric(client->origin.host) ? SV_CONN_CONNECT : SV_CONN_NAME;
}

static void fail(sv_http_client *client, const sv_why *why) {
    sv_http_reply_view none = {
        .status = 0,
        .failed_at = step_of(client),
        .sent = STAILQ_FIRST(&client->questions)->sent,
    };
    hang_up(client);
    finish(client, &none, why);
}

static void deliver(sv_http_client *client) {
    if (!client->answer.keeps) {
        hang_up(client);
    }
    sv_http_reply_view reply = {
        .status = client->answer.status,
        .body = sv_textbuf_text(&client->answer.body),
        .location = client->answer.has_location ? client->answer.location : NULL,
        .head = sv_textbuf_text(&client->answer.head),
        .sent = STAILQ_FIRST(&client->questions)->sent,
    };
    client->used = client->conn != NULL;
    finish(client, &reply, NULL);
}

static void ask(sv_http_client *client) {
    http_question *question = STAILQ_FIRST(&client->questions);
    http_answer_drop(&client->answer);
    http_answer_start(&client->answer, question->is_head,
                      question->part != NULL ? SIZE_MAX / 2 : client->reply_max);
    client->answered = false;
    question->part_bytes = 0;
    question->sent += question->body_bytes;
    client->body_bytes += question->body_bytes;
    sv_conn_write(client->conn, sv_textbuf_text(&question->bytes));
}

static void conn_up(void *arg) {
    sv_http_client *client = arg;
    client->up = true;
    if (sv_timer_is_set(client->deadline)) {
        ask(client);
    }
}

static bool comes_in_parts(const http_question *question, int status) {
    return question->part_status != 0 ? status == question->part_status : status / 100 == 2;
}

/// What has come of a body that is wanted in parts. Enough of it, and the time begins anew.
static sv_err hand_on(sv_http_client *client, sv_why *why) {
    http_question *question = STAILQ_FIRST(&client->questions);
    http_answer *answer = &client->answer;
    if (question->part == NULL || answer->body.len == 0) {
        return SV_OK;
    }
    if (!comes_in_parts(question, answer->status)) {
        return answer->body.len <= client->reply_max
                   ? SV_OK
                   : sv_fail(why, SV_ERR_NO_SPACE, "the answer is larger than %zu bytes",
                             client->reply_max);
    }
    SV_TRY(question->part(question->arg, sv_textbuf_text(&answer->body), why));
    question->part_bytes += answer->body.len;
    sv_textbuf_clear(&answer->body);
    if (question->part_bytes >= SV_HTTP_FLOOR_BYTES) {
        question->part_bytes = 0;
        sv_timer_once(client->deadline, client->timeout_us);
    }
    return SV_OK;
}

static size_t conn_bytes(void *arg, sv_text arrived) {
    sv_http_client *client = arg;
    if (!sv_timer_is_set(client->deadline)) {
        // Nobody asked.
        hang_up(client);
        return arrived.len;
    }
    client->answered = true;
    size_t took = 0;
    sv_why why;
    if (http_answer_read(&client->answer, arrived, &took, &why) != SV_OK
        || hand_on(client, &why) != SV_OK) {
        fail(client, &why);
    } else if (client->answer.step == HTTP_ANSWER_DONE) {
        deliver(client);
    }
    return took;
}

static void conn_down(void *arg, const sv_why *why) {
    sv_http_client *client = arg;
    bool was_used = client->used;
    if (!sv_timer_is_set(client->deadline)) {
        hang_up(client);
        return;
    }
    if (client->answered && http_answer_end(&client->answer)) {
        hang_up(client);
        deliver(client);
    } else if (was_used && !client->answered && !client->retried) {
        // The server had given up the kept connection before it saw the question.
        hang_up(client);
        client->retried = true;
        sv_timer_once(client->next, 0);
    } else {
        fail(client, why);
    }
}

static void start_question(void *arg) {
    sv_http_client *client = arg;
    static const sv_conn_events events = { .up = conn_up, .bytes = conn_bytes, .down = conn_down };
    if (client->waiting == 0) {
        return;
    }
    if (!sv_timer_is_set(client->deadline)) {
        sv_timer_once(client->deadline, client->timeout_us);
    }
    unsigned age = client->tls == NULL ? 0 : client->tls->age;
    if (client->conn != NULL && client->up && client->tls_age != age) {
        hang_up(client);
    }
    if (client->conn != NULL) {
        if (client->up) {
            ask(client);
        }
        return;
    }
    client->tls_age = age;
    sv_why why;
    __typeof__(&sv_conn_open) open = client->public_only ? sv_conn_open_public : sv_conn_open;
    if (open(client->loop, client->origin.host, client->origin.port, client->tls,
             client->timeout_us, &events, client, &client->conn, &why)
        != SV_OK) {
        fail(client, &why);
    }
}

static void deadline_over(void *arg) {
    sv_http_client *client = arg;
    bool in_parts = STAILQ_FIRST(&client->questions)->part != NULL;
    const char *missing = !client->up ? "connection"
                          : in_parts  ? "end and no next 256 KiB of the answer"
                                      : "whole answer";
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "no %s within %lld ms (%s:%u)", missing,
                   (long long) (client->timeout_us / 1000), client->origin.host,
                   client->origin.port);
    fail(client, &why);
}

sv_err sv_http_client_open(sv_loop *loop, const char *origin, sv_tls *tls, int64_t timeout_us,
                           sv_http_client **out, sv_why *why) {
    sv_url url;
    SV_TRY(sv_url_parse(sv_text_of(origin), &url, why));
    if (url.tls && tls == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' needs TLS settings", origin);
    }
    sv_http_client *client = sv_mem_new(sizeof *client);
    *client = (sv_http_client){
        .loop = loop,
        .origin = url,
        .tls = url.tls ? tls : NULL,
        .timeout_us = timeout_us,
        .reply_max = SV_HTTP_REPLY_MAX,
    };
    STAILQ_INIT(&client->questions);
    http_answer_start(&client->answer, false, client->reply_max);
    client->deadline = sv_timer_new(loop, deadline_over, client);
    client->next = sv_timer_new(loop, start_question, client);
    *out = client;
    return SV_OK;
}

static bool has_line_break(const char *text) {
    return text != NULL && strpbrk(text, "\r\n") != NULL;
}

static void add_header(sv_textbuf *buf, const char *name, const char *value) {
    if (value != NULL) {
        sv_textbuf_addf(buf, "%s: %s\r\n", name, value);
    }
}

static void add_host(sv_textbuf *buf, const sv_url *origin) {
    bool is_v6 = strchr(origin->host, ':') != NULL;
    sv_textbuf_addf(buf, is_v6 ? "Host: [%s]" : "Host: %s", origin->host);
    if (origin->port != (origin->tls ? 443 : 80)) {
        sv_textbuf_addf(buf, ":%u", origin->port);
    }
    sv_textbuf_add_str(buf, "\r\n");
}

void sv_http_client_compress(sv_http_client *client, size_t from_bytes,
                             sv_err (*compress)(sv_text plain, sv_textbuf *out)) {
    client->compress_from = from_bytes;
    client->compress = compress;
}

void sv_http_client_public_only(sv_http_client *client) {
    client->public_only = true;
}

void sv_http_client_reply_max(sv_http_client *client, size_t bytes) {
    client->reply_max = bytes;
}

uint64_t sv_http_client_body_bytes(const sv_http_client *client) {
    return client->body_bytes;
}

/// The body as it goes: `packed` when that is wanted and succeeded.
static sv_text body_to_send(const sv_http_client *client, sv_text body, sv_textbuf *packed) {
    bool wanted = client->compress_from > 0 && body.len >= client->compress_from;
    return wanted && client->compress(body, packed) == SV_OK ? sv_textbuf_text(packed) : body;
}

static bool is_sendable(const sv_http_errand *errand) {
    bool is_good = errand->path[0] == '/' && strpbrk(errand->path, " \r\n") == NULL;
    for (size_t i = 0; i < errand->field_count; i++) {
        is_good = is_good && !has_line_break(errand->fields[i].value);
    }
    return is_good;
}

static void add_head(sv_textbuf *buf, const sv_http_client *client, const sv_http_errand *errand) {
    sv_textbuf_addf(buf, "%s %s HTTP/1.1\r\n", errand->method, errand->path);
    add_host(buf, &client->origin);
    for (size_t i = 0; i < errand->field_count; i++) {
        add_header(buf, errand->fields[i].name, errand->fields[i].value);
    }
}

static bool method_is(const sv_http_errand *errand, const char *method) {
    return strcmp(errand->method, method) == 0;
}

/// The bytes of the request; false when they are too many.
static bool write_question(const sv_http_client *client, const sv_http_errand *errand,
                           sv_textbuf *bytes, size_t *body_bytes) {
    sv_text body = errand->body;
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf packed = SV_TEXTBUF_HEAP(SV_HTTP_ASK_HEAD_MAX + 2 * body.len);
    sv_text sent = body_to_send(client, body, &packed);
    add_head(bytes, client, errand);
    if (body.len > 0 || (!method_is(errand, "GET") && !method_is(errand, "HEAD"))) {
        sv_textbuf_addf(bytes, "Content-Length: %zu\r\n", sent.len);
    }
    sv_textbuf_add_str(bytes, packed.len > 0 ? "Content-Encoding: zstd\r\n\r\n" : "\r\n");
    bool fits = bytes->len <= SV_HTTP_ASK_HEAD_MAX;
    sv_textbuf_add(bytes, sent);
    *body_bytes = sent.len;
    return fits && !bytes->overflowed;
}

sv_err sv_http_client_ask(sv_http_client *client, const sv_http_errand *errand, sv_http_done *done,
                          void *arg) {
    if (client->waiting >= SV_HTTP_CLIENT_QUEUE_MAX || client->dropping) {
        return SV_ERR_NO_SPACE;
    }
    if (!is_sendable(errand)) {
        return SV_ERR_INVALID;
    }
    size_t body_bytes = 0;
    sv_textbuf bytes = SV_TEXTBUF_HEAP((size_t) 2 * SV_HTTP_ASK_HEAD_MAX + 2 * errand->body.len);
    if (!write_question(client, errand, &bytes, &body_bytes)) {
        sv_textbuf_drop(&bytes);
        return SV_ERR_INVALID;
    }
    http_question *question = sv_mem_new(sizeof *question);
    *question = (http_question){ .is_head = method_is(errand, "HEAD"),
                                 .bytes = bytes,
                                 .body_bytes = body_bytes,
                                 .part = errand->part,
                                 .part_status = errand->part_status,
                                 .done = done,
                                 .arg = arg };
    STAILQ_INSERT_TAIL(&client->questions, question, link);
    if (++client->waiting == 1 && !client->in_done) {
        sv_timer_once(client->next, 0);
    }
    return SV_OK;
}

sv_err sv_http_client_send(sv_http_client *client, const char *method, const char *path,
                           const char *authorization, const char *content_type, sv_text body,
                           sv_http_done *done, void *arg) {
    const sv_http_field fields[] = { { "Authorization", authorization },
                                     { "Content-Type", content_type } };
    const sv_http_errand errand = { .method = method,
                                    .path = path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .body = body };
    return sv_http_client_ask(client, &errand, done, arg);
}

sv_err sv_http_reply_field(const sv_http_reply_view *reply, const char *name, char *room,
                           size_t room_bytes) {
    sv_text rest = reply->head;
    while (rest.len > 0) {
        sv_text value = sv_text_cut(&rest, '\n');
        sv_text key = sv_text_cut(&value, ':');
        if (key.len == strlen(name) && strncasecmp(key.at, name, key.len) == 0) {
            return sv_text_copy(sv_text_trim(value), room, room_bytes);
        }
    }
    return SV_ERR_NOT_FOUND;
}

size_t sv_http_client_waiting(const sv_http_client *client) {
    return client->waiting;
}

void sv_http_client_drop(sv_http_client **client) {
    sv_http_client *gone = *client;
    if (gone == NULL) {
        return;
    }
    *client = NULL;
    gone->dropping = true;
    bool inside = gone->in_done;
    hang_up(gone);
    sv_timer_stop(gone->deadline);
    sv_timer_stop(gone->next);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the client was closed");
    sv_http_reply_view none = { .status = 0 };
    while (gone->waiting > 0) {
        (void) answer_first(gone, &none, &why);
    }
    if (inside) {
        gone->dropped = true;
    } else {
        client_free(gone);
    }
}
