#include "swupdate_wire.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <poll.h>
#include <slot/swupdate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/local_socket.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char CONTROL[] = "sockinstctrl";
static const char PROGRESS[] = "swupdateprog";

enum { TURN_MS = 100, AGAIN_MS = 1000, US_PER_MS = 1000, PIECE_BYTES = 64 * 1024 };

// ---- sockets ------------------------------------------------------------------------------------

/// Its folder may be one that everybody makes files in: who listens is asked of the kernel.
static sv_err knock(const sv_swupdate_link *link, const char *name, int *out, sv_why *why) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int len = snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", link->folder, name);
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (len < 0 || (size_t) len >= sizeof at.sun_path) {
        return sv_fail(why, SV_ERR_INVALID, "the path of SWUpdate's sockets is too long");
    }
    if (fd < 0 || connect(fd, (const struct sockaddr *) &at, sizeof at) != 0) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "SWUpdate does not answer at '%s': %m",
                       at.sun_path);
    }
    int64_t user = sv_local_socket_peer(fd);
    if (user != 0 && user != (int64_t) geteuid()) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "user %lld listens at '%s', and not root: it is not asked", (long long) user,
                       at.sun_path);
    }
    *out = fd;
    fd = -1;
    return SV_OK;
}

/// Can it be done at `fd` within so many milliseconds?
static bool waited(int fd, short what, int ms) {
    struct pollfd at = { .fd = fd, .events = what };
    return poll(&at, 1, ms) > 0;
}

/// All of it; what does not fit into the socket's room is waited for, for so long.
static sv_err say(int fd, const void *bytes, size_t len, sv_why *why) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0 && !(errno == EAGAIN && waited(fd, POLLOUT, SV_SWUPDATE_ANSWER_MS))) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "SWUpdate hears nothing: %m");
        }
        at += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t) sent : 0;
    }
    return SV_OK;
}

/// What comes until `room` is full, the other end hangs up, or nothing comes for so long: how much
/// that is.
static size_t hear(int fd, void *room, size_t room_bytes, int ms) {
    char *at = room;
    size_t got = 0;
    while (got < room_bytes) {
        ssize_t bytes = recv(fd, at + got, room_bytes - got, 0);
        if (bytes == 0 || (bytes < 0 && !(errno == EAGAIN && waited(fd, POLLIN, ms)))) {
            break;
        }
        got += bytes > 0 ? (size_t) bytes : 0;
    }
    return got;
}

static sv_err hear_answer(int fd, swu_message *out, sv_why *why) {
    size_t got = hear(fd, out, sizeof *out, SV_SWUPDATE_ANSWER_MS);
    return got == sizeof *out && out->magic == SWU_MAGIC
                   && (out->kind == SWU_ACK || out->kind == SWU_NACK)
               ? SV_OK
               : sv_fail(why, got == 0 ? SV_ERR_UNAVAILABLE : SV_ERR_INVALID,
                         "SWUpdate answers %zu bytes, and not the %zu of version 2022.12", got,
                         sizeof *out);
}

/// The answer, over a connection that stays open.
static sv_err ask(const sv_swupdate_link *link, const swu_message *question, int *fd,
                  swu_message *answer, sv_why *why) {
    SV_TRY(knock(link, CONTROL, fd, why));
    SV_TRY(say(*fd, question, sizeof *question, why));
    return hear_answer(*fd, answer, why);
}

static void question_of(int kind, swu_message *out) {
    memset(out, 0, sizeof *out);
    out->magic = SWU_MAGIC;
    out->kind = kind;
}

sv_err sv_swupdate_probe(const sv_swupdate_link *link, sv_why *why) {
    swu_message question;
    swu_message answer;
    char more = 0;
    SV_DEFER(sv_fd_drop) int fd = -1;
    SV_DEFER(sv_fd_drop) int progress = -1;
    question_of(SWU_STATUS, &question);
    SV_TRY(ask(link, &question, &fd, &answer, why));
    if (hear(fd, &more, 1, SV_SWUPDATE_ANSWER_MS) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "SWUpdate answers more than version 2022.12 does");
    }
    return knock(link, PROGRESS, &progress, why);
}

// ---- an installation ----------------------------------------------------------------------------

typedef struct course {
    sv_swupdate_link *link;
    const sv_image_bytes *image;
    int control, progress;
    swu_course at;
    // the message that comes
    swu_progress message;
    size_t have;
    bool stale;       ///< it began before ours did
    int64_t heard_us; ///< when the last one came, or it was asked
    // what goes out
    uint8_t piece[PIECE_BYTES];
    size_t piece_bytes, said; ///< of the piece
    uint64_t read;            ///< of the image
    bool given;               ///< all of it
} course;

static void drop_course(course **c) {
    if (*c != NULL) {
        sv_fd_drop(&(*c)->control);
        sv_fd_drop(&(*c)->progress);
        free(*c);
        *c = NULL;
    }
}

/// What came is taken; `ours`: it counts.
static sv_err take_progress(course *c, bool ours, sv_why *why) {
    for (;;) {
        ssize_t got =
            recv(c->progress, (char *) &c->message + c->have, sizeof c->message - c->have, 0);
        if (got < 0 && errno == EAGAIN) {
            c->stale = !ours && c->have > 0;
            return SV_OK;
        }
        if (got <= 0) {
            return sv_fail(why, SV_ERR_UNAVAILABLE,
                           "SWUpdate ended in the middle of the installation");
        }
        c->have += (size_t) got;
        c->heard_us = sv_clock_monotonic_us();
        if (c->have == sizeof c->message) {
            c->have = 0;
            if (ours && !c->stale) {
                swu_follow(&c->message, &c->at);
            }
            c->stale = false;
        }
    }
}

/// It closes when it has heard enough, or too much: how it ended, it tells elsewhere.
static void hang_up(course *c) {
    sv_fd_drop(&c->control);
    c->control = -1;
}

/// As much of the image as it takes now.
static sv_err give(course *c, sv_why *why) {
    if (c->said == c->piece_bytes) {
        uint64_t left = c->image->length - c->read;
        c->piece_bytes = left < PIECE_BYTES ? (size_t) left : (size_t) PIECE_BYTES;
        c->said = 0;
        SV_TRY(c->image->read(c->image->arg, c->read, c->piece, c->piece_bytes, why));
        c->read += c->piece_bytes;
    }
    ssize_t sent = send(c->control, c->piece + c->said, c->piece_bytes - c->said, MSG_NOSIGNAL);
    if (sent > 0) {
        c->said += (size_t) sent;
    } else if (errno != EAGAIN) {
        hang_up(c);
    }
    c->given = c->control >= 0 && c->said == c->piece_bytes && c->read == c->image->length;
    if (c->given) {
        (void) shutdown(c->control, SHUT_WR);
    }
    return SV_OK;
}

/// The end of an installation may have been told before this connection was taken. It is told
/// before SWUpdate is idle.
static sv_err check_it_goes_on(course *c, sv_why *why) {
    swu_message question;
    swu_message answer;
    SV_DEFER(sv_fd_drop) int fd = -1;
    int64_t now_us = sv_clock_monotonic_us();
    if (now_us - c->heard_us < (int64_t) SV_SWUPDATE_SILENCE_MS * US_PER_MS) {
        return SV_OK;
    }
    c->heard_us = now_us;
    question_of(SWU_NOTIFY, &question);
    sv_err err = ask(c->link, &question, &fd, &answer, NULL); // one that is busy is asked again
    SV_TRY(take_progress(c, true, why));
    bool over = err == SV_OK && answer.of.status.current == SWU_IDLE && c->at.end == SWU_GOES_ON;
    return over ? sv_fail(why, SV_ERR_UNAVAILABLE,
                          "SWUpdate is done, and how it ended was not heard")
                : SV_OK;
}

/// Whether SWUpdate has room is asked with whether it has said something: it stands still as long
/// as nobody hears it.
static sv_err turn(course *c, sv_why *why) {
    struct pollfd both[] = { { .fd = c->progress, .events = POLLIN },
                             { .fd = c->given ? -1 : c->control, .events = POLLOUT } };
    sv_placing_tick(&c->link->placing);
    if (poll(both, SV_COUNT(both), TURN_MS) < 0 && errno != EINTR) {
        return sv_fail(why, SV_ERR_IO, "cannot wait for SWUpdate: %m");
    }
    if (both[0].revents != 0) {
        SV_TRY(take_progress(c, true, why));
    }
    if (both[1].revents != 0 && c->at.end == SWU_GOES_ON) {
        SV_TRY(give(c, why));
    }
    SV_TRY(check_it_goes_on(c, why));
    return sv_placing_look(&c->link->placing, c->at.percent, c->at.says, why);
}

/// SWUpdate is at something: for a moment.
static sv_err wait_a_moment(course *c, sv_why *why) {
    const int64_t until_us = sv_clock_monotonic_us() + (int64_t) AGAIN_MS * US_PER_MS;
    while (sv_clock_monotonic_us() < until_us) {
        sv_placing_tick(&c->link->placing);
        (void) waited(c->progress, POLLIN, TURN_MS);
        SV_TRY(take_progress(c, false, why));
    }
    return sv_placing_look(&c->link->placing, 0, "it is at another installation", why);
}

/// Is the end that was heard ours? SWUpdate, told twice at the same moment, takes both, and
/// installs one; it closes what it has read to its end, before it tells that it succeeded.
/// [swupdate-3]
static sv_err check_ours(const course *c, sv_why *why) {
    char more = 0;
    bool closed = c->given && recv(c->control, &more, 1, 0) == 0;
    return closed && !c->at.foreign
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE,
                         "SWUpdate has installed something, and not what it was given here");
}

/// It is free, and has taken the request.
static sv_err begin(course *c, const swu_message *request, const char *selection, sv_why *why) {
    swu_message answer;
    for (;;) {
        SV_TRY(ask(c->link, request, &c->control, &answer, why));
        if (answer.kind == SWU_ACK) {
            c->heard_us = sv_clock_monotonic_us();
            return take_progress(c, false, why); // what was before
        }
        hang_up(c);
        if (strnlen(answer.of.text, sizeof answer.of.text) == 0) {
            return sv_fail(why, SV_ERR_UNAVAILABLE,
                           "SWUpdate does not let itself be told to install '%.100s': start it "
                           "with -q %.100s",
                           selection, selection);
        }
        SV_TRY(wait_a_moment(c, why));
    }
}

/// The first error that it tells of the installation that is over; it comes by another way than
/// that it is over, and maybe later.
static void hear_reason(const course *c, char *out, size_t room) {
    swu_message message;
    swu_message question;
    SV_DEFER(sv_fd_drop) int fd = -1;
    (void) snprintf(out, room, "it says no reason");
    question_of(SWU_NOTIFY, &question);
    if (ask(c->link, &question, &fd, &message, NULL) != SV_OK) {
        return;
    }
    while (hear(fd, &message, sizeof message, SV_SWUPDATE_REASON_MS) == sizeof message
           && message.of.notice.status != SWU_IDLE) {
        if (message.of.notice.level == SWU_LEVEL_ERROR) {
            swu_text(message.of.notice.text, sizeof message.of.notice.text, out, room);
            return;
        }
    }
}

static sv_err install(void *arg, const char *selection, const char *mark,
                      const sv_image_bytes *image, sv_why *why) {
    sv_swupdate_link *link = arg;
    char reason[SV_PLACING_SAYS_ROOM];
    swu_message request;
    SV_DEFER(drop_course) course *c = sv_mem_new(sizeof *c);
    *c = (course){ .link = link, .image = image, .control = -1, .progress = -1 };
    SV_TRY(swu_install(selection, mark, image->length, &request, why));
    (void) snprintf(c->at.mark, sizeof c->at.mark, "%s", mark);
    (void) snprintf(c->at.says, sizeof c->at.says, "it takes the image");
    SV_TRY(knock(link, PROGRESS, &c->progress, why));
    sv_placing_begin(&link->placing);
    SV_TRY(begin(c, &request, selection, why));
    while (c->at.end == SWU_GOES_ON) {
        SV_TRY(turn(c, why));
    }
    if (c->at.end == SWU_SUCCEEDED) {
        SV_TRY(check_ours(c, why));
        sync(); // also what it wrote beside the slot
        return SV_OK;
    }
    hear_reason(c, reason, sizeof reason);
    return sv_fail(why, SV_ERR_UNTRUSTED, "SWUpdate does not install the image: %.150s", reason);
}

sv_swupdate_daemon sv_swupdate_link_daemon(sv_swupdate_link *link) {
    link->placing.who = "SWUpdate";
    return (sv_swupdate_daemon){ .arg = link, .install = install };
}
