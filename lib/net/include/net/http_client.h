// An HTTP/1.1 client for one origin on the loop: one request at a time over a kept connection, the
// others wait in a bounded queue. No redirects are followed.
#ifndef SV_NET_HTTP_CLIENT_H
#define SV_NET_HTTP_CLIENT_H

#include <base/err.h>
#include <base/text.h>
#include <net/conn.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_HTTP_CLIENT_QUEUE_MAX = 64,
    SV_HTTP_REPLY_MAX = 8 * 1024 * 1024,
    SV_HTTP_ASK_HEAD_MAX = 12 * 1024, ///< what our own server takes, with a margin
    SV_HTTP_FLOOR_BYTES = 256 * 1024, ///< of a body in parts, at least so many in each timeout
};

typedef struct sv_http_client sv_http_client;

typedef struct sv_http_reply_view {
    int status;             ///< 0: no answer; `why` says at which step
    sv_conn_step failed_at; ///< of no answer: OPEN when it did not come over a connection
    sv_text body;
    const char *location; ///< the Location header, or NULL
    uint64_t sent;        ///< bytes of the request's body that went out; 0: there was no connection
    sv_text head;         ///< the headers: lines "name: value\n"; see sv_http_reply_field
} sv_http_reply_view;

/// The first header of that name (compared without case) into `room`. SV_ERR_NOT_FOUND,
/// SV_ERR_NO_SPACE when it does not fit, SV_ERR_INVALID when it holds a NUL.
sv_err sv_http_reply_field(const sv_http_reply_view *reply, const char *name, char *room,
                           size_t room_bytes);

typedef struct sv_http_field {
    const char *name, *value; ///< value NULL: not sent
} sv_http_field;

/// A part of the body of an answer 200 to 299, as it comes. Anything but SV_OK gives the answer up,
/// which is then called back with status 0 and that `why`. The client must not be dropped in it.
typedef sv_err sv_http_part(void *arg, sv_text part, sv_why *why);

/// A request with headers of the caller's; Host and what frames the body are the client's.
typedef struct sv_http_errand {
    const char *method, *path;
    const sv_http_field *fields;
    size_t field_count;
    sv_text body;
    sv_http_part
        *part;       ///< with the `arg` of done, which then gets no body; NULL: the whole at once
    int part_status; ///< the one answer whose body comes in parts; 0: each of 200 to 299
} sv_http_errand;

/// Called once per request, on the loop's thread.
typedef void sv_http_done(void *arg, const sv_http_reply_view *reply, const sv_why *why);

/// `timeout_us` is for the whole answer; of one that is taken in parts, for each
/// SV_HTTP_FLOOR_BYTES of it. `origin` is scheme, host and port of an address; its path is ignored.
/// `tls` only for https.
sv_err sv_http_client_open(sv_loop *loop, const char *origin, sv_tls *tls, int64_t timeout_us,
                           sv_http_client **out, sv_why *why);
/// Texts are copied. SV_ERR_NO_SPACE when the queue is full; SV_ERR_INVALID for a line break in a
/// header, or more than SV_HTTP_ASK_HEAD_MAX bytes of them.
sv_err sv_http_client_ask(sv_http_client *client, const sv_http_errand *errand, sv_http_done *done,
                          void *arg);
/// The short way: `authorization` and `content_type` may be NULL.
sv_err sv_http_client_send(sv_http_client *client, const char *method, const char *path,
                           const char *authorization, const char *content_type, sv_text body,
                           sv_http_done *done, void *arg);
/// From now on bodies of at least `from_bytes` go compressed (Content-Encoding: zstd) by
/// `compress`, which is sv_compress and named by the caller, so that who never compresses does not
/// load zstd; for servers that are known to take them.
void sv_http_client_compress(sv_http_client *client, size_t from_bytes,
                             sv_err (*compress)(sv_text plain, sv_textbuf *out));
/// From now on connections are made to public addresses alone (sv_conn_open_public).
void sv_http_client_public_only(sv_http_client *client);
/// From now on an answer's body has at most `bytes`, SV_HTTP_REPLY_MAX at the beginning; a larger
/// one is no answer.
void sv_http_client_reply_max(sv_http_client *client, size_t bytes);
/// Bytes of all bodies so far, as they went: none of a request without a connection, twice of one
/// that was asked again over a fresh one.
uint64_t sv_http_client_body_bytes(const sv_http_client *client);
size_t sv_http_client_waiting(const sv_http_client *client);
/// Requests still under way are called back with status 0.
void sv_http_client_drop(sv_http_client **client);

#endif
