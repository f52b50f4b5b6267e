#include "event_parse.h"
#include "http_answer.h"

#include <base/mem.h>
#include <base/prng.h>
#include <codec/url.h>
#include <crypto/random.h>
#include <net/conn.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_OK = 200,
    BODY_MAX = 4 * 1024 * 1024, ///< bytes of one chunk, or that come at once
    HEAD_MAX = 8 * 1024,
};

struct sv_event_stream {
    sv_loop *loop;
    sv_url origin;
    char path[SV_URL_PATH_MAX];
    sv_tls *tls;
    sv_event_stream_calls calls;
    void *arg;
    sv_conn *conn;
    bool up;
    http_answer answer;
    event_parser parser;
    char last_id[SV_EVENT_ID_MAX + 1]; ///< of the last event that was taken
    sv_timer *again, *silence;
    sv_prng prng;
    int64_t least_us, most_us, silence_us;
    int64_t pause_us; ///< the last one; 0: the last try was good
};

/// Decorrelated jitter (see the gateway's uplink): between the least and three times the last
/// pause.
static int64_t next_pause(sv_event_stream *stream) {
    int64_t asked_us = stream->parser.retry_ms * 1000;
    int64_t least_us = asked_us > stream->least_us ? asked_us : stream->least_us;
    least_us = least_us > stream->most_us ? stream->most_us : least_us;
    int64_t last_us = stream->pause_us > least_us ? stream->pause_us : least_us;
    double spread = (double) (3 * last_us - least_us) * sv_prng_unit(&stream->prng);
    int64_t pause_us = least_us + (int64_t) spread;
    return pause_us > stream->most_us ? stream->most_us : pause_us;
}

static void hang_up(sv_event_stream *stream, const sv_why *why) {
    sv_conn_drop(&stream->conn);
    sv_timer_stop(stream->silence);
    stream->up = false;
    stream->pause_us = next_pause(stream);
    sv_timer_once(stream->again, stream->pause_us);
    stream->calls.down(stream->arg, why, stream->pause_us);
}

static void ask(sv_event_stream *stream) {
    char room[HEAD_MAX];
    sv_textbuf head = SV_TEXTBUF(room);
    bool v6 = strchr(stream->origin.host, ':') != NULL;
    sv_textbuf_addf(&head, "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n", stream->path, v6 ? "[" : "",
                    stream->origin.host, v6 ? "]" : "", stream->origin.port);
    sv_textbuf_add_str(&head, "Accept: text/event-stream\r\nCache-Control: no-store\r\n");
    if (stream->last_id[0] != '\0') {
        sv_textbuf_addf(&head, "Last-Event-ID: %s\r\n", stream->last_id);
    }
    sv_textbuf_add_str(&head, "\r\n");
    sv_conn_write(stream->conn, sv_textbuf_text(&head));
}

static void conn_up(void *arg) {
    sv_event_stream *stream = arg;
    sv_timer_once(stream->silence, stream->silence_us);
    ask(stream);
}

static bool on_event(void *arg, const sv_event *event) {
    sv_event_stream *stream = arg;
    if (!stream->calls.event(stream->arg, event)) {
        return false;
    }
    // An id that cannot stand in a header is none to go on from.
    bool fits = event->id.len > 0 && memchr(event->id.at, '\r', event->id.len) == NULL;
    if (fits) {
        (void) (sv_text_copy(event->id, stream->last_id, sizeof stream->last_id) == SV_OK);
    }
    return true;
}

static sv_err check_answer(const http_answer *answer, sv_why *why) {
    if (answer->status != STATUS_OK) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the server answers %d instead of an event stream",
                       answer->status);
    }
    return answer->has_events
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "what the server answers is no event stream");
}

static sv_err take(sv_event_stream *stream, sv_text arrived, size_t *took, sv_why *why) {
    http_answer *answer = &stream->answer;
    SV_TRY(http_answer_read(answer, arrived, took, why));
    if (answer->step <= HTTP_ANSWER_HEADERS) {
        return SV_OK;
    }
    SV_TRY(check_answer(answer, why));
    if (!stream->up) {
        stream->up = true;
        stream->pause_us = 0;
        stream->calls.up(stream->arg);
    }
    SV_TRY(
        event_parser_read(&stream->parser, sv_textbuf_text(&answer->body), on_event, stream, why));
    sv_textbuf_clear(&answer->body);
    return answer->step == HTTP_ANSWER_DONE
               ? sv_fail(why, SV_ERR_UNAVAILABLE, "the server has ended the event stream")
               : SV_OK;
}

static size_t conn_bytes(void *arg, sv_text arrived) {
    sv_event_stream *stream = arg;
    size_t took = 0;
    sv_why why = { 0 };
    sv_timer_once(stream->silence, stream->silence_us);
    if (take(stream, arrived, &took, &why) != SV_OK) {
        hang_up(stream, &why);
    }
    return took;
}

static void conn_down(void *arg, const sv_why *why) {
    hang_up(arg, why);
}

static void on_silence(void *arg) {
    sv_event_stream *stream = arg;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "nothing has come from %s:%u for %lld s",
                   stream->origin.host, stream->origin.port,
                   (long long) (stream->silence_us / 1000000));
    hang_up(stream, &why);
}

static void start(void *arg) {
    static const sv_conn_events EVENTS = { .up = conn_up, .bytes = conn_bytes, .down = conn_down };
    sv_event_stream *stream = arg;
    int64_t retry_ms = stream->parser.retry_ms;
    http_answer_drop(&stream->answer);
    http_answer_start(&stream->answer, false, BODY_MAX);
    event_parser_drop(&stream->parser);
    event_parser_start(&stream->parser, stream->last_id);
    stream->parser.retry_ms = retry_ms;
    sv_why why;
    if (sv_conn_open(stream->loop, stream->origin.host, stream->origin.port, stream->tls,
                     SV_EVENT_CONNECT_US, &EVENTS, stream, &stream->conn, &why)
        != SV_OK) {
        hang_up(stream, &why);
    }
}

static sv_err read_options(const sv_event_stream_options *options, sv_event_stream *out,
                           sv_why *why) {
    SV_TRY(sv_url_parse(sv_text_of(options->origin), &out->origin, why));
    if (out->origin.tls && options->tls == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "an https address needs a TLS context");
    }
    if (options->path[0] != '/' || strpbrk(options->path, " \r\n") != NULL
        || sv_text_copy(sv_text_of(options->path), out->path, sizeof out->path) != SV_OK
        || strpbrk(options->last_id, "\r\n") != NULL
        || sv_text_copy(sv_text_of(options->last_id), out->last_id, sizeof out->last_id) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "path or last id cannot stand in a request");
    }
    out->tls = out->origin.tls ? options->tls : NULL;
    out->least_us = options->retry_us > 0 ? options->retry_us : SV_EVENT_RETRY_US;
    out->most_us = options->retry_max_us > 0 ? options->retry_max_us : SV_EVENT_RETRY_MAX_US;
    out->silence_us = options->silence_us > 0 ? options->silence_us : SV_EVENT_SILENCE_US;
    return SV_OK;
}

sv_err sv_event_stream_open(sv_loop *loop, const sv_event_stream_options *options,
                            const sv_event_stream_calls *calls, void *arg, sv_event_stream **out,
                            sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_event_stream *stream = sv_mem_new(sizeof *stream);
    *stream = (sv_event_stream){ .loop = loop, .calls = *calls, .arg = arg };
    SV_TRY(read_options(options, stream, why));
    sv_random(&stream->prng.state, sizeof stream->prng.state);
    http_answer_start(&stream->answer, false, BODY_MAX);
    event_parser_start(&stream->parser, stream->last_id);
    stream->again = sv_timer_new(loop, start, stream);
    stream->silence = sv_timer_new(loop, on_silence, stream);
    sv_timer_once(stream->again, 0);
    *out = stream;
    stream = NULL;
    return SV_OK;
}

void sv_event_stream_hurry(sv_event_stream *stream) {
    if (stream->conn == NULL) {
        sv_timer_once(stream->again, 0);
    }
}

void sv_event_stream_drop(sv_event_stream **stream) {
    sv_event_stream *gone = *stream;
    if (gone == NULL) {
        return;
    }
    *stream = NULL;
    sv_conn_drop(&gone->conn);
    sv_timer_drop(&gone->again);
    sv_timer_drop(&gone->silence);
    http_answer_drop(&gone->answer);
    event_parser_drop(&gone->parser);
    free(gone);
}
