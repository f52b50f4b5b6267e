#include "door.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/local_socket.h>
#include <sys/log.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_US = MACHINE_PING_US, US_PER_MS = 1000 };

struct door {
    updater *u;
    machine_watchdog *watchdog;
    updater_peer peer;
    int listener, signals;
    bool ends;                             ///< a signal came
    bool ticking;                          ///< who asks is being answered
    int connections[DOOR_CONNECTIONS_MAX]; ///< -1: free
    size_t session;                        ///< whose CHECK runs; DOOR_CONNECTIONS_MAX: nobody's
    int64_t ticked_us;
    uint8_t in[SV_UPDATER_PACKET_MAX + 1];     ///< of the session's agent, or of who has just asked
    uint8_t beside[SV_UPDATER_PACKET_MAX + 1]; ///< of others, meanwhile
    uint8_t out[SV_UPDATER_PACKET_MAX];
};

// ---- packets ------------------------------------------------------------------------------------

/// Whoever does not read what it asked for is cut.
static bool put(door *d, size_t at, const sv_updater_message *message) {
    size_t bytes = sv_updater_write(message, d->out);
    return send(d->connections[at], d->out, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) bytes;
}

typedef enum got { GOT_NOTHING, GOT_PACKET, GOT_END, GOT_NONSENSE } got;

static got take(const door *d, size_t at, uint8_t *room, sv_updater_message *out, sv_why *why) {
    ssize_t bytes = recv(d->connections[at], room, SV_UPDATER_PACKET_MAX + 1, MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return GOT_NOTHING;
    }
    if (bytes <= 0) {
        return GOT_END;
    }
    if (sv_updater_read(room, (size_t) bytes, out, why) != SV_OK) {
        return GOT_NONSENSE;
    }
    if (!sv_updater_verb_is_agents(out->verb)) {
        (void) sv_fail(why, SV_ERR_INVALID, "'%s' is the updater's to say",
                       sv_updater_verb_name(out->verb));
        return GOT_NONSENSE;
    }
    return GOT_PACKET;
}

static void cut(door *d, size_t at, const char *reason) {
    if (reason != NULL) {
        SV_LOG(warn, "updater.cut", "%s", reason);
    }
    sv_fd_drop(&d->connections[at]);
    d->connections[at] = -1;
}

static void accept_one(door *d) {
    SV_DEFER(sv_fd_drop) int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (!sv_local_socket_may_ask(fd, d->u->config->allow_uid)) {
        SV_LOG(warn, "updater.stranger", "user %lld may not ask",
               (long long) sv_local_socket_peer(fd));
        return;
    }
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        if (d->connections[i] < 0) {
            d->connections[i] = sv_fd_take(&fd);
            return;
        }
    }
    SV_LOG(warn, "updater.full", "%d connections are open already", DOOR_CONNECTIONS_MAX);
}

// ---- waiting ------------------------------------------------------------------------------------

/// Who has something to say, until then at the latest.
typedef struct heard {
    bool at[DOOR_CONNECTIONS_MAX];
} heard;

static void note_signal(door *d) {
    struct signalfd_siginfo info;
    d->ends = read(d->signals, &info, sizeof info) == (ssize_t) sizeof info || d->ends;
}

static void listen_until(door *d, int64_t until_us, heard *out) {
    enum { LISTENER, SIGNALS, FIRST };
    struct pollfd fds[FIRST + DOOR_CONNECTIONS_MAX] = {
        [LISTENER] = { .fd = d->listener, .events = POLLIN },
        [SIGNALS] = { .fd = d->signals, .events = POLLIN },
    };
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        fds[FIRST + i] = (struct pollfd){ .fd = d->connections[i], .events = POLLIN };
    }
    *out = (heard){ { false } };
    int64_t now_us = sv_clock_monotonic_us();
    machine_watchdog_ping(d->watchdog, now_us);
    int64_t wait_us = until_us - now_us < TURN_US ? until_us - now_us : TURN_US;
    int wait_ms = wait_us <= 0 ? 0 : (int) (wait_us / US_PER_MS) + 1;
    if (poll(fds, SV_COUNT(fds), wait_ms) <= 0) {
        return;
    }
    if (fds[SIGNALS].revents != 0) {
        note_signal(d);
    }
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        out->at[i] = d->connections[i] >= 0 && fds[FIRST + i].revents != 0;
    }
    if (fds[LISTENER].revents != 0) {
        accept_one(d);
    }
}

/// While a CHECK of another connection runs, it is told how things are, and nothing is done.
static void answer_beside(door *d, size_t at) {
    sv_updater_message asked;
    sv_updater_message answer = { .verb = SV_UPDATER_REFUSED };
    sv_why why = { 0 };
    got what = take(d, at, d->beside, &asked, &why);
    if (what == GOT_NOTHING) {
        return;
    }
    if (what != GOT_PACKET) {
        cut(d, at, what == GOT_NONSENSE ? why.text : NULL);
        return;
    }
    answer.number = asked.number;
    if (asked.verb == SV_UPDATER_ASK) {
        answer.verb = SV_UPDATER_STATUS;
        updater_status(d->u, sv_clock_monotonic_us(), &answer.status);
    } else if (asked.verb == SV_UPDATER_HISTORY) {
        updater_history(d->u, &answer);
    } else {
        answer.refused =
            (sv_updater_refused){ .err = SV_ERR_STATE, .why = "a check for an update runs" };
    }
    if (!put(d, at, &answer)) {
        cut(d, at, "who asked does not read the answer");
    }
}

static void answer_others(door *d, const heard *who) {
    d->ticking = true;
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        if (i != d->session && who->at[i]) {
            answer_beside(d, i);
        }
    }
    d->ticking = false;
}

void door_tick(void *arg) {
    door *d = arg;
    int64_t now_us = sv_clock_monotonic_us();
    heard who;
    if (d->ticking || now_us - d->ticked_us < TURN_US / 10) {
        return;
    }
    d->ticked_us = now_us;
    listen_until(d, 0, &who);
    if (d->session < DOOR_CONNECTIONS_MAX) {
        answer_others(d, &who);
    }
}

// ---- the agent whose CHECK runs -----------------------------------------------------------------

static sv_err peer_send(void *arg, const sv_updater_message *message, sv_why *why) {
    door *d = arg;
    return put(d, d->session, message)
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the agent is gone, or does not read");
}

/// SV_OK with nothing in `*out` when it asked how things are, and was told.
static sv_err peer_packet(door *d, sv_updater_message *out, bool *taken, sv_why *why) {
    switch (take(d, d->session, d->in, out, why)) {
    case GOT_NOTHING:
        return SV_OK;
    case GOT_END:
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the agent has closed the connection");
    case GOT_NONSENSE:
        return SV_ERR_INVALID;
    case GOT_PACKET:
        break;
    }
    *taken = out->verb != SV_UPDATER_ASK;
    if (!*taken) {
        sv_updater_message answer = { .verb = SV_UPDATER_STATUS, .number = out->number };
        updater_status(d->u, sv_clock_monotonic_us(), &answer.status);
        return peer_send(d, &answer, why);
    }
    return SV_OK;
}

static sv_err peer_receive(void *arg, int64_t until_us, sv_updater_message *out, sv_why *why) {
    door *d = arg;
    heard who;
    for (bool taken = false; !taken;) {
        int64_t now_us = sv_clock_monotonic_us();
        if (now_us >= until_us) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "the agent brought nothing in time");
        }
        listen_until(d, until_us, &who);
        if (d->ends) {
            return sv_fail(why, SV_ERR_UNAVAILABLE, "the updater is being stopped");
        }
        answer_others(d, &who);
        if (who.at[d->session]) {
            SV_TRY(peer_packet(d, out, &taken, why));
        }
    }
    return SV_OK;
}

/// Asked of the kernel: what the agent said before it went may still wait to be read.
static sv_err peer_is_there(void *arg, sv_why *why) {
    enum { PEER, SIGNALS, BOTH };
    door *d = arg;
    struct pollfd fds[BOTH] = {
        [PEER] = { .fd = d->connections[d->session], .events = POLLRDHUP },
        [SIGNALS] = { .fd = d->signals, .events = POLLIN },
    };
    if (poll(fds, BOTH, 0) > 0 && fds[SIGNALS].revents != 0) {
        note_signal(d);
    }
    if (d->ends) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the updater is being stopped");
    }
    return fds[PEER].revents == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the agent has closed the connection");
}

static void peer_wipe(void *arg) {
    door *d = arg;
    explicit_bzero(d->in, sizeof d->in);
}

static int64_t peer_now(void *arg) {
    (void) arg;
    return sv_clock_monotonic_us();
}

// ---- serving ------------------------------------------------------------------------------------

/// What one connection asks. True: to start again.
static bool serve_one(door *d, size_t at) {
    sv_updater_message asked;
    sv_updater_message answer;
    sv_why why = { 0 };
    got what = take(d, at, d->in, &asked, &why);
    if (what == GOT_NOTHING) {
        return false;
    }
    if (what != GOT_PACKET) {
        cut(d, at, what == GOT_NONSENSE ? why.text : NULL);
        return false;
    }
    d->session = at;
    updater_do(d->u, &asked, sv_clock_monotonic_us(), &d->peer, &answer);
    d->session = DOOR_CONNECTIONS_MAX;
    bool sent = put(d, at, &answer);
    if (!sent || d->u->broken) {
        cut(d, at, d->u->broken ? "the agent broke the rules" : NULL);
    }
    return answer.verb == SV_UPDATER_REBOOT;
}

/// A trial that nobody called healthy. True: to start again.
static bool look_at_deadline(door *d) {
    sv_why why = { 0 };
    if (d->u->health_until_us == 0 || sv_clock_monotonic_us() < d->u->health_until_us) {
        return false;
    }
    if (updater_give_up(d->u, &why) == SV_OK) {
        return true;
    }
    SV_LOG(error, "updater.give_up", "%s", why.text);
    updater_wait_for_health(d->u, sv_clock_monotonic_us());
    return false;
}

/// What it would need takes a new start. A trial is let prove itself before that. [updater-31]
static bool is_to_begin_anew(const updater *u) {
    return sv_rauc_link_is_gone(u->rauc)
           || (u->tpm != NULL && u->health_until_us == 0 && tpm_watch_has_come(u->tpm));
}

bool door_serve(door *d) {
    heard who;
    while (!d->ends && !is_to_begin_anew(d->u)) {
        int64_t until_us = sv_clock_monotonic_us() + TURN_US;
        if (d->u->health_until_us != 0 && d->u->health_until_us < until_us) {
            until_us = d->u->health_until_us;
        }
        listen_until(d, until_us, &who);
        for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
            if (who.at[i] && d->connections[i] >= 0 && serve_one(d, i)) {
                return true;
            }
        }
        if (look_at_deadline(d)) {
            return true;
        }
    }
    return false;
}

bool door_ends(const door *d) {
    return d->ends;
}

static sv_err open_listener(const updater_config *config, int *out, sv_why *why) {
    const sv_local_socket socket = { .path = config->socket,
                                     .who = "updater",
                                     .allow_uid = config->allow_uid,
                                     .socket_group = config->socket_group,
                                     .backlog = DOOR_CONNECTIONS_MAX };
    SV_TRY(sv_local_socket_inherited(out, why));
    return *out >= 0 ? SV_OK : sv_local_socket_listen(&socket, out, why);
}

static sv_err open_signals(int *out, sv_why *why) {
    sigset_t ours;
    (void) sigemptyset(&ours);
    (void) sigaddset(&ours, SIGTERM);
    (void) sigaddset(&ours, SIGINT);
    *out = sigprocmask(SIG_BLOCK, &ours, NULL) == 0
               ? signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK)
               : -1;
    return *out >= 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot wait for signals: %m");
}

sv_err door_open(updater *u, machine_watchdog *watchdog, door **out, sv_why *why) {
    SV_DEFER(door_drop) door *d = sv_mem_new(sizeof *d);
    d->u = u;
    d->watchdog = watchdog;
    d->session = DOOR_CONNECTIONS_MAX;
    d->listener = -1;
    d->signals = -1;
    d->peer = (updater_peer){ .arg = d,
                              .send = peer_send,
                              .receive = peer_receive,
                              .is_there = peer_is_there,
                              .wipe = peer_wipe,
                              .now_us = peer_now };
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        d->connections[i] = -1;
    }
    SV_TRY(open_signals(&d->signals, why));
    SV_TRY(open_listener(u->config, &d->listener, why));
    *out = d;
    d = NULL;
    return SV_OK;
}

void door_drop(door **d) {
    if (*d == NULL) {
        return;
    }
    for (size_t i = 0; i < DOOR_CONNECTIONS_MAX; i++) {
        sv_fd_drop(&(*d)->connections[i]);
    }
    sv_fd_drop(&(*d)->listener);
    sv_fd_drop(&(*d)->signals);
    free(*d);
    *d = NULL;
}
