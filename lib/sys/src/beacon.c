#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/beacon.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MARK_S = 24 * 3600, WATCHED_FIRST = 8 };

typedef struct watched {
    int fd;
    uint32_t wants; ///< EPOLLIN, EPOLLOUT
} watched;

typedef struct watch_list {
    watched *at;
    size_t count, room;
} watch_list;

struct sv_beacon {
    struct event_base *base;
    /// A timer of known length. libevent tells times of its timers by the wall clock, which may
    /// have jumped since; the distance to this one is right all the same.
    struct event *mark;
    watch_list now, before;
    int64_t next_us; ///< until the next timer, in the update under way
    struct timeval mark_at;
    int epoll_fd, timer_fd;
};

static void mark_due(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    (void) arg;
}

sv_err sv_beacon_open(sv_loop *loop, sv_beacon **out, sv_why *why) {
    SV_DEFER(sv_beacon_drop) sv_beacon *beacon = sv_mem_new(sizeof *beacon);
    *beacon = (sv_beacon){
        .base = sv_loop_base(loop),
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
    };
    beacon->mark = event_new(beacon->base, -1, 0, mark_due, NULL);
    struct epoll_event timer = { .events = EPOLLIN, .data.fd = beacon->timer_fd };
    if (beacon->epoll_fd < 0 || beacon->timer_fd < 0 || beacon->mark == NULL
        || epoll_ctl(beacon->epoll_fd, EPOLL_CTL_ADD, beacon->timer_fd, &timer) != 0) {
        return sv_fail(why, SV_ERR_IO, "no descriptor for the loop: %m");
    }
    sv_beacon_update(beacon);
    *out = beacon;
    beacon = NULL;
    return SV_OK;
}

int sv_beacon_fd(const sv_beacon *beacon) {
    return beacon->epoll_fd;
}

static watched *find(const watch_list *list, int fd) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].fd == fd) {
            return &list->at[i];
        }
    }
    return NULL;
}

static void want(watch_list *list, int fd, uint32_t wants) {
    watched *known = find(list, fd);
    if (known != NULL) {
        known->wants |= wants;
        return;
    }
    if (list->count == list->room) {
        list->room = list->room == 0 ? WATCHED_FIRST : 2 * list->room;
        list->at = sv_mem_resize(list->at, list->room * sizeof *list->at);
    }
    list->at[list->count++] = (watched){ .fd = fd, .wants = wants };
}

static int64_t us_between(const struct timeval *from, const struct timeval *to) {
    return (int64_t) (to->tv_sec - from->tv_sec) * 1000000 + (to->tv_usec - from->tv_usec);
}

static int note(const struct event_base *base, const struct event *event, void *arg) {
    (void) base;
    sv_beacon *beacon = arg;
    struct timeval due;
    int pending = event_pending(event, EV_READ | EV_WRITE | EV_TIMEOUT, &due);
    if (event != beacon->mark && (pending & EV_TIMEOUT) != 0) {
        int64_t in_us = us_between(&beacon->mark_at, &due) + MARK_S * INT64_C(1000000);
        beacon->next_us = in_us < beacon->next_us ? in_us : beacon->next_us;
    }
    uint32_t wants = ((pending & EV_READ) != 0 ? (uint32_t) EPOLLIN : 0)
                     | ((pending & EV_WRITE) != 0 ? (uint32_t) EPOLLOUT : 0);
    if (event_get_fd(event) >= 0 && wants != 0) {
        want(&beacon->now, event_get_fd(event), wants);
    }
    return 0;
}

static void set_timer(const sv_beacon *beacon) {
    // Zero would stop it.
    int64_t us = beacon->next_us < 1 ? 1 : beacon->next_us;
    struct itimerspec at = {
        .it_value = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 },
    };
    (void) timerfd_settime(beacon->timer_fd, 0, &at, NULL);
}

static void watch(const sv_beacon *beacon, const watched *one) {
    struct epoll_event event = { .events = one->wants, .data.fd = one->fd };
    // Whether the kernel still has it is not known: a descriptor that was closed has gone from it,
    // and the same number may be another one now.
    if (epoll_ctl(beacon->epoll_fd, EPOLL_CTL_MOD, one->fd, &event) != 0 && errno == ENOENT) {
        (void) epoll_ctl(beacon->epoll_fd, EPOLL_CTL_ADD, one->fd, &event);
    }
}

void sv_beacon_update(sv_beacon *beacon) {
    watch_list before = beacon->now;
    beacon->now = beacon->before;
    beacon->before = before;
    beacon->now.count = 0;
    beacon->next_us = MARK_S * INT64_C(1000000);

    const struct timeval far = { .tv_sec = MARK_S };
    (void) event_add(beacon->mark, &far);
    (void) event_pending(beacon->mark, EV_TIMEOUT, &beacon->mark_at);
    (void) event_base_foreach_event(beacon->base, note, beacon);
    if (event_base_get_num_events(beacon->base, EVENT_BASE_COUNT_ACTIVE) > 0) {
        beacon->next_us = 0; // something was left for the next turn
    }

    for (size_t i = 0; i < beacon->now.count; i++) {
        watch(beacon, &beacon->now.at[i]);
    }
    for (size_t i = 0; i < beacon->before.count; i++) {
        if (find(&beacon->now, beacon->before.at[i].fd) == NULL) {
            (void) epoll_ctl(beacon->epoll_fd, EPOLL_CTL_DEL, beacon->before.at[i].fd, NULL);
        }
    }
    set_timer(beacon);
}

void sv_beacon_drop(sv_beacon **beacon) {
    sv_beacon *gone = *beacon;
    if (gone == NULL) {
        return;
    }
    *beacon = NULL;
    if (gone->mark != NULL) {
        event_free(gone->mark);
    }
    sv_fd_drop(&gone->epoll_fd);
    sv_fd_drop(&gone->timer_fd);
    free(gone->now.at);
    free(gone->before.at);
    free(gone);
}
