#include "listener_internal.h"

#include <base/fd.h>
#include <stdlib.h>
#include <sys/clock.h>

/// Links with something to do to the worker, as many as it takes.
static void hand_on(sv_listener *listener) {
    while (!TAILQ_EMPTY(&listener->idle) && !TAILQ_EMPTY(&listener->sources)) {
        sv_link *link = sv_source_take_ready(listener);
        sv_shake *shake = TAILQ_FIRST(&listener->idle);
        TAILQ_REMOVE(&listener->idle, shake, place);
        if (link->ssl == NULL) {
            shake->ctx = listener->tls->ctx;
            (void) SSL_CTX_up_ref(shake->ctx);
            link->round = listener->round;
        }
        shake->link = link;
        shake->fd = link->fd;
        shake->ssl = link->ssl;
        link->ssl = NULL;
        link->shake = shake;
        if (sv_worker_submit(listener->worker, sv_shake_run, sv_shake_done, shake) != SV_OK) {
            abort(); // it takes as many as there are
        }
    }
}

void sv_handshake_ready(sv_link *link) {
    if (!link->ready && link->shake == NULL) {
        sv_source_add_ready(link);
        hand_on(link->listener);
    }
}

void sv_handshake_forget(sv_link *link) {
    if (link->ready) {
        sv_source_remove_ready(link);
    }
}

void sv_handshake_orphan(sv_link *link) {
    if (link->shake != NULL) {
        link->shake->link = NULL;
        link->shake = NULL;
        link->fd = -1;
    }
}

/// Of the oldest that have nothing to do, one of the source that has most half-open links: one
/// address cannot have those of the others closed.
static sv_link *find_for_shedding(sv_listener *listener) {
    sv_link *found = NULL;
    sv_link *link = TAILQ_FIRST(&listener->links[SV_LINK_HALF_OPEN]);
    for (int i = 0; i < SV_LISTENER_SHED_LOOK && link != NULL; i++) {
        bool idle = !link->ready && link->shake == NULL;
        if (idle && (found == NULL || link->source->half_open > found->source->half_open)) {
            found = link;
        }
        link = TAILQ_NEXT(link, place);
    }
    return found;
}

bool sv_handshake_room(sv_listener *listener) {
    sv_link *found = find_for_shedding(listener);
    int64_t left_us = SV_LISTENER_GRACE_US;
    if (found != NULL) {
        left_us += found->since_us - sv_clock_monotonic_us();
    }
    if (left_us > 0) {
        // A storm of honest clients: shedding would only make them come again. Accepting goes on
        // when one of them is through.
        listener->crowded = true;
        sv_timer_once(listener->rest, left_us);
        return false;
    }
    sv_why why;
    (void) sv_fail(&why, SV_ERR_NO_SPACE,
                   "TLS: handshake not finished when its place was needed for the next");
    sv_link_shed(found, &why);
    return !listener->dropped;
}

static void come_up(sv_link *link, const sv_identity *identity) {
    const sv_listener *listener = link->listener;
    if (listener->count[SV_LINK_UP] >= listener->links_max) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "%zu links are up, the most there may be (%s)",
                       listener->count[SV_LINK_UP], identity->id);
        sv_link_shed(link, &why);
        return;
    }
    sv_why why;
    if (listener->events.welcome != NULL
        && listener->events.welcome(listener->arg, link->peer, identity, &why) != SV_OK) {
        sv_link_refuse(link, &why, true);
        return;
    }
    sv_link_up(link, identity);
    if (link->state == SV_LINK_UP && link->round != listener->round) {
        sv_review_late(link);
    }
}

static void go_on(sv_link *link, const sv_shake *shake) {
    switch (shake->end) {
    case SV_SHAKE_READ:
        (void) event_add(&link->readable, NULL);
        break;
    case SV_SHAKE_WRITE:
        (void) event_add(&link->writable, NULL);
        break;
    case SV_SHAKE_UP:
        come_up(link, &shake->identity);
        break;
    case SV_SHAKE_REFUSED:
    case SV_SHAKE_ANSWERED:
        sv_link_refuse(link, &shake->why, shake->end == SV_SHAKE_ANSWERED);
        break;
    case SV_SHAKE_NO_MEMORY: {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "TLS: no memory for another link");
        sv_link_shed(link, &why);
        break;
    }
    }
}

/// Back to the link, or to nobody.
static void take_back(sv_listener *listener, sv_shake *shake) {
    sv_link *link = shake->link;
    TAILQ_REMOVE(&listener->finished, shake, place);
    if (link == NULL) {
        SSL_free(shake->ssl);
        sv_fd_drop(&shake->fd);
    } else {
        link->shake = NULL;
        link->ssl = shake->ssl;
        go_on(link, shake);
    }
    shake->ssl = NULL;
    TAILQ_INSERT_TAIL(&listener->idle, shake, place);
}

void sv_handshake_take_back(sv_listener *listener) {
    for (sv_shake *shake = TAILQ_FIRST(&listener->finished); shake != NULL;
         shake = TAILQ_FIRST(&listener->finished)) {
        take_back(listener, shake);
    }
}

/// What the worker has done since the last turn.
void sv_handshake_work(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    sv_handshake_take_back(listener);
    if (!listener->dropped) {
        sv_review_work(listener);
        hand_on(listener);
    }
    sv_listener_leave(listener);
}

void sv_handshake_deadline(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    int64_t over_us = sv_clock_monotonic_us() - listener->handshake_us;
    sv_link_list *half_open = &listener->links[SV_LINK_HALF_OPEN];
    sv_link *oldest = TAILQ_FIRST(half_open);
    for (; oldest != NULL && oldest->since_us <= over_us; oldest = TAILQ_FIRST(half_open)) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "TLS: handshake not finished within %.3g s",
                       (double) listener->handshake_us / 1e6);
        sv_link_refuse(oldest, &why, false);
    }
    if (oldest != NULL) {
        sv_timer_once(listener->deadline, oldest->since_us - over_us);
    }
    sv_listener_leave(listener);
}
