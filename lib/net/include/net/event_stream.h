// A client of one event stream (WHATWG "server-sent events") over HTTP/1.1, plain or TLS, on the
// loop. It connects again by itself, with decorrelated jitter, and says which event it had last. A
// stream on which nothing comes for SV_EVENT_SILENCE_US, not even a comment, counts as broken. No
// redirects are followed.
#ifndef SV_NET_EVENT_STREAM_H
#define SV_NET_EVENT_STREAM_H

#include <base/err.h>
#include <base/text.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_EVENT_LINE_MAX = 64 * 1024, ///< bytes; a longer line ends the connection. So for the next.
    SV_EVENT_DATA_MAX = 64 * 1024, ///< of all `data` lines of one event
    SV_EVENT_NAME_MAX = 64,
    SV_EVENT_ID_MAX = 64,
};
#define SV_EVENT_SILENCE_US INT64_C(45000000)
#define SV_EVENT_CONNECT_US INT64_C(10000000)
#define SV_EVENT_RETRY_US                                                                          \
    INT64_C(1000000) ///< the shortest pause; `retry:` may ask for a longer one
#define SV_EVENT_RETRY_MAX_US INT64_C(60000000)

typedef struct sv_event_stream sv_event_stream;

/// Texts are borrowed for the call.
typedef struct sv_event {
    sv_text name; ///< "message" where the stream names none
    sv_text id;   ///< the last one that was given; may be empty
    sv_text data; ///< its lines, joined by '\n'
} sv_event;

/// The stream must not be dropped inside of them.
typedef struct sv_event_stream_calls {
    /// The server has answered 200 with an event stream.
    void (*up)(void *arg);
    /// False: it cannot be taken now. The connection ends and the event comes again after a pause.
    bool (*event)(void *arg, const sv_event *event);
    /// The connection ended or could not be made; the next try is made after `retry_us`.
    void (*down)(void *arg, const sv_why *why, int64_t retry_us);
} sv_event_stream_calls;

typedef struct sv_event_stream_options {
    const char *origin;   ///< scheme, host and port of an address; its path is ignored
    const char *path;     ///< starts with '/'
    sv_tls *tls;          ///< only for https; must outlive the stream
    const char *last_id;  ///< sent as Last-Event-ID with the first request; "": none
    int64_t retry_us;     ///< 0: SV_EVENT_RETRY_US; so for the next ones
    int64_t retry_max_us; ///< 0: SV_EVENT_RETRY_MAX_US
    int64_t silence_us;   ///< 0: SV_EVENT_SILENCE_US
} sv_event_stream_options;

/// Texts of `options` are copied. Starts connecting at once.
sv_err sv_event_stream_open(sv_loop *loop, const sv_event_stream_options *options,
                            const sv_event_stream_calls *calls, void *arg, sv_event_stream **out,
                            sv_why *why);
/// The server is there again: a stream that waits for its next try makes it with the loop's next
/// turn.
void sv_event_stream_hurry(sv_event_stream *stream);
/// The connection ends now; no call follows.
void sv_event_stream_drop(sv_event_stream **stream);

#endif
