#include <net/http_file.h>

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <inttypes.h>
#include <net/http_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_ROOM = 24 };

/// What is on its way.
typedef struct sending {
    sv_http_flow *flow;
    int fd;
    uint64_t at, left;
    void (*sent)(void *arg, int64_t number, uint64_t bytes);
    void *arg;
    int64_t number;
} sending;

static void finish(void *arg) {
    sending *s = arg;
    sv_http_flow_end(&s->flow);
    sv_fd_drop(&s->fd);
    free(s);
}

/// A file that cannot be read to its end ends the connection: the other side was promised more.
static void send_more(void *arg) {
    static char room[SV_HTTP_PIECE_BYTES]; // the loop is one thread
    sending *s = arg;
    size_t want = s->left < sizeof room ? (size_t) s->left : sizeof room;
    ssize_t got = 0;
    do {
        got = pread(s->fd, room, want, (off_t) s->at);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        finish(s);
        return;
    }
    s->at += (uint64_t) got;
    s->left -= (uint64_t) got;
    sv_http_flow_add(s->flow, (sv_text){ .at = room, .len = (size_t) got });
    if (s->sent != NULL) {
        s->sent(s->arg, s->number, (uint64_t) got);
    }
    if (s->left == 0) {
        finish(s);
    }
}

static void begin(sv_http_request *request, int status, const char *type, int *fd,
                  const sv_http_range *range, const sv_http_file *file) {
    static const sv_http_flow_calls CALLS = { .empty = send_more, .closed = finish };
    sending *s = sv_mem_new(sizeof *s);
    uint64_t bytes = range->to - range->from;
    *s = (sending){ .fd = sv_fd_take(fd),
                    .at = range->from,
                    .left = bytes,
                    .sent = file->sent,
                    .arg = file->arg,
                    .number = file->number };
    s->flow = sv_http_flow_start(request, status, type, bytes, &CALLS, s);
    send_more(s);
}

/// What somebody else has begun is no part of this one.
static const char *range_of(const sv_http_request *request, const sv_http_file *file) {
    const char *if_range = sv_http_header(request, "If-Range");
    bool counts = if_range == NULL || (file->etag != NULL && strcmp(if_range, file->etag) == 0);
    return counts ? sv_http_header(request, "Range") : NULL;
}

static bool has_it(const sv_http_request *request, const sv_http_file *file) {
    const char *known = sv_http_header(request, "If-None-Match");
    return known != NULL && file->etag != NULL
           && (strcmp(known, file->etag) == 0 || strcmp(known, "*") == 0);
}

static void set_length(sv_http_request *request, uint64_t bytes) {
    char number[NUMBER_ROOM];
    (void) snprintf(number, sizeof number, "%" PRIu64, bytes);
    sv_http_reply_header(request, "Content-Length", number);
}

static void set_part(sv_http_request *request, const sv_http_range *range, uint64_t length) {
    char room[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_textbuf value = SV_TEXTBUF(room);
    sv_http_content_range_add(&value, range, length);
    if (sv_textbuf_end(&value) == SV_OK) {
        sv_http_reply_header(request, "Content-Range", room);
    }
}

static void refuse_range(sv_http_request *request, uint64_t length) {
    char value[SV_HTTP_CONTENT_RANGE_ROOM];
    (void) snprintf(value, sizeof value, "bytes */%" PRIu64, length);
    sv_http_reply_header(request, "Content-Range", value);
    sv_http_problem(request, 416, "No such range", "it has %" PRIu64 " bytes", length);
}

void sv_http_reply_file(sv_http_request *request, const sv_http_file *file) {
    SV_DEFER(sv_fd_drop) int fd = file->fd;
    const char *type = file->content_type != NULL ? file->content_type : "application/octet-stream";
    sv_http_range range = { .to = file->length };
    sv_http_reply_header(request, "Accept-Ranges", "bytes");
    if (file->etag != NULL) {
        sv_http_reply_header(request, "ETag", file->etag);
    }
    if (has_it(request, file)) {
        sv_http_reply(request, 304, NULL, SV_TEXT(""));
        return;
    }
    sv_http_range_kind kind = sv_http_range_read(range_of(request, file), file->length, &range);
    if (kind == SV_HTTP_RANGE_NONE) {
        refuse_range(request, file->length);
        return;
    }
    int status = kind == SV_HTTP_RANGE_PART ? 206 : 200;
    if (status == 206) {
        set_part(request, &range, file->length);
    }
    if (strcmp(sv_http_method(request), "HEAD") == 0 || range.to == range.from) {
        set_length(request, range.to - range.from);
        sv_http_reply(request, status, type, SV_TEXT(""));
        return;
    }
    begin(request, status, type, &fd, &range, file);
}
