// Whatever a client writes before it ends its side: the server closes the connection, a handler
// sees only what its promises allow, and what comes back are whole answers.
#include "http_answer.h"

#include <codec/encode.h>
#include <net/http_server.h>
#include <net/test.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096, ANSWERS_MAX = 1 << 22, CONNECTIONS_MAX = 4 };

static sv_loop *loop;
static sv_http_server *server;

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// A query of sixteen bytes is asked for, so that longer ones are refused.
static void handle(sv_http_request *request, void *arg) {
    (void) arg;
    char room[16];
    sv_text path = sv_http_path(request);
    must(path.len > 0 && path.at[0] == '/' && sv_utf8_is_valid(path));
    must(sv_http_method(request)[0] != '\0' && sv_http_body(request).len <= BODY_MAX);
    sv_err err = sv_http_query(request, "q", room, sizeof room);
    if (err == SV_OK) {
        must(strlen(room) < sizeof room && sv_utf8_is_valid(sv_text_of(room)));
        sv_http_problem(request, 404, "Not found", "%s", room);
        return;
    }
    must(err == SV_ERR_NOT_FOUND || err == SV_ERR_INVALID);
    sv_http_reply(request, 200, "application/octet-stream", sv_http_body(request));
}

static void stop(void) {
    sv_http_server_drop(&server);
    sv_loop_drop(&loop);
}

static void start(void) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = BODY_MAX,
                                             .connections_max = CONNECTIONS_MAX };
    must(sv_loop_open(&loop, NULL) == SV_OK
         && sv_http_server_open(loop, &options, handle, NULL, &server, NULL) == SV_OK
         && atexit(stop) == 0);
}

/// libevent answers in the version it was asked in; of other versions nothing is expected.
static bool is_ours(sv_text answers) {
    return sv_text_starts(answers, SV_TEXT("HTTP/1.1 "))
           || sv_text_starts(answers, SV_TEXT("HTTP/1.0 "));
}

/// "Go on" may be all that is said to a client which then says no more.
static void skip_interim(sv_text *answers) {
    static const char GO_ON[] = "HTTP/1.1 100 Continue\r\n\r\n";
    while (sv_text_starts(*answers, sv_text_of(GO_ON))) {
        *answers = (sv_text){ .at = answers->at + sizeof GO_ON - 1,
                              .len = answers->len - (sizeof GO_ON - 1) };
    }
}

static void check(sv_text answers) {
    skip_interim(&answers);
    while (is_ours(answers)) {
        SV_DEFER(http_answer_drop) http_answer answer;
        size_t took = 0;
        http_answer_start(&answer, false, ANSWERS_MAX);
        must(http_answer_read(&answer, answers, &took, NULL) == SV_OK);
        must(answer.step == HTTP_ANSWER_DONE || http_answer_end(&answer));
        answers = (sv_text){ .at = answers.at + took, .len = answers.len - took };
        skip_interim(&answers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (server == NULL) {
        start();
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
    sv_text bytes = { .at = (const char *) data, .len = size };
    sv_test_talk(loop, sv_http_server_port(server), bytes, &answers);
    // The answer to HEAD has a length and no body: only who keeps count of requests can read on.
    if (memmem(data, size, "HEAD", 4) == NULL) {
        check(sv_textbuf_text(&answers));
    }
    return 0;
}
