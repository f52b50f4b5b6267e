// Reads one HTTP/1.1 answer (RFC 9112) from bytes as they arrive: status, headers, and a body by
// length, in chunks, or until the end of the connection. Pure; bounded by the limits below. Who
// wants the body as it comes clears it after every http_answer_read: `body_max` then bounds one
// chunk.
#ifndef SV_NET_HTTP_ANSWER_H
#define SV_NET_HTTP_ANSWER_H

#include <base/err.h>
#include <base/text.h>

enum { HTTP_ANSWER_HEAD_MAX = 16 * 1024, HTTP_LOCATION_ROOM = 1024 };

typedef enum http_answer_step {
    HTTP_ANSWER_STATUS,
    HTTP_ANSWER_HEADERS,
    HTTP_ANSWER_LENGTH, ///< body of `left` bytes
    HTTP_ANSWER_CHUNK_SIZE,
    HTTP_ANSWER_CHUNK, ///< `left` bytes of it
    HTTP_ANSWER_CHUNK_END,
    HTTP_ANSWER_TRAILERS,
    HTTP_ANSWER_UNTIL_END,
    HTTP_ANSWER_DONE,
} http_answer_step;

typedef struct http_answer {
    http_answer_step step;
    bool to_head; ///< the question was HEAD: no body follows, whatever the headers say
    int status;
    bool chunked, has_length, keeps; ///< `keeps`: the connection may be used again
    size_t left;
    size_t head_bytes;
    bool has_events; ///< Content-Type: text/event-stream
    bool has_location;
    char location[HTTP_LOCATION_ROOM];
    sv_textbuf head; ///< the final answer's header lines, each ended by '\n'
    size_t body_max;
    sv_textbuf body;
} http_answer;

void http_answer_start(http_answer *answer, bool to_head, size_t body_max);
/// Takes what it can use; *took says how much. SV_ERR_INVALID for what is no answer, or too large.
sv_err http_answer_read(http_answer *answer, sv_text arrived, size_t *took, sv_why *why);
/// The connection has ended: true when that completes the answer.
bool http_answer_end(http_answer *answer);
void http_answer_drop(http_answer *answer);

#endif
