// Metadata over HTTP.
#include "update_source.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/url.h>
#include <net/http_client.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (30 * SV_TIME_SECOND_US)

enum { TURN_US = 50000 };

struct update_server {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_client *client;
    char path[SV_URL_PATH_MAX]; ///< of the repository, without a slash at its end
};

sv_err update_server_open(const char *base, const char *ca, update_server **out, sv_why *why) {
    SV_DEFER(update_server_drop) update_server *server = sv_mem_new(sizeof *server);
    sv_url url;
    SV_TRY(sv_url_parse(sv_text_of(base), &url, why));
    SV_TRY(sv_loop_open(&server->loop, why));
    if (url.tls) {
        const sv_tls_files files = { .ca = ca, .foreign = true };
        SV_TRY(sv_tls_client(&files, &server->tls, why));
    }
    SV_TRY(sv_http_client_open(server->loop, base, server->tls, PATIENCE_US, &server->client, why));
    (void) snprintf(server->path, sizeof server->path, "%s", url.path);
    for (size_t len = strlen(server->path); len > 0 && server->path[len - 1] == '/'; len--) {
        server->path[len - 1] = '\0';
    }
    *out = server;
    server = NULL;
    return SV_OK;
}

void update_server_drop(update_server **server) {
    if (*server != NULL) {
        sv_http_client_drop(&(*server)->client);
        sv_tls_drop(&(*server)->tls);
        sv_loop_drop(&(*server)->loop);
        free(*server);
        *server = NULL;
    }
}

typedef struct answer {
    bool done;
    int status;
    sv_textbuf *body;
    sv_why why;
} answer;

static void take_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *mine = arg;
    mine->done = true;
    mine->status = reply->status;
    if (reply->status == 0 && why != NULL) {
        mine->why = *why;
    }
    if (reply->status == 200) {
        sv_textbuf_add(mine->body, reply->body);
    }
}

sv_err update_server_fetch(update_server *server, const char *name, size_t bytes_max,
                           sv_textbuf *out, sv_why *why) {
    char path[SV_URL_PATH_MAX + SV_TRUST_NAME_ROOM];
    answer got = { .body = out };
    (void) snprintf(path, sizeof path, "%s/metadata/%s", server->path, name);
    sv_http_client_reply_max(server->client, bytes_max);
    SV_TRY(sv_http_client_send(server->client, "GET", path, NULL, NULL, SV_TEXT(""), take_answer,
                               &got));
    while (!got.done) { // the client calls back for every request, at the latest when it is late
        sv_loop_turn(server->loop, TURN_US);
    }
    if (got.status == 404 || got.status == 403) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the server answers %d", got.status);
    }
    return got.status == 200 ? SV_OK
           : got.status == 0
               ? sv_fail(why, SV_ERR_UNAVAILABLE, "%.300s", got.why.text)
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the server answers %d", got.status);
}
