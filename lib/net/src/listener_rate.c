// How fast links are read from: each has a budget that grows with time, up to a second's worth. Who
// overdraws it waits in the network, where TCP slows the sender down; nobody else's turn is longer
// for it.
#include "listener_internal.h"

#include <sys/clock.h>

enum { PAY_EVERY_US = 20 * 1000 }; ///< a link that owes little is read from so much later at most

void sv_link_rate_begin(sv_link *link) {
    link->budget = SV_LISTENER_TURN_BYTES; // who comes back again and again gains nothing by it
    link->paid_us = sv_clock_monotonic_us();
}

static void pay(sv_link *link, int64_t now_us) {
    int64_t rate = link->listener->bytes_per_s;
    int64_t most = rate > SV_LISTENER_TURN_BYTES ? rate : SV_LISTENER_TURN_BYTES;
    int64_t passed_us = now_us - link->paid_us;
    passed_us = passed_us < SV_TIME_MINUTE_US ? passed_us : SV_TIME_MINUTE_US;
    int64_t grown = passed_us * rate / SV_TIME_SECOND_US;
    if (grown > 0) {
        link->budget = link->budget + grown < most ? link->budget + grown : most;
        link->paid_us = now_us;
    }
}

static void tell(sv_link *link, int64_t now_us) {
    const sv_listener *listener = link->listener;
    if (link->slowed_us != 0 && now_us - link->slowed_us < SV_LISTENER_SLOWED_AGAIN_US) {
        return;
    }
    link->slowed_us = now_us;
    if (listener->events.slowed != NULL) {
        listener->events.slowed(link->owner);
    }
}

bool sv_link_rate_spend(sv_link *link, size_t len) {
    sv_listener *listener = link->listener;
    if (listener->bytes_per_s == 0) {
        return false;
    }
    int64_t now_us = sv_clock_monotonic_us();
    pay(link, now_us);
    link->budget -= (int64_t) len;
    if (link->budget >= 0) {
        return false;
    }
    link->slowed = true;
    listener->slowed_count++;
    listener->slowed_total++;
    TAILQ_INSERT_TAIL(&listener->slowed, link, pay);
    (void) event_del(&link->readable);
    sv_link_read_no_more(link);
    if (!sv_timer_is_set(listener->pay)) {
        sv_timer_once(listener->pay, PAY_EVERY_US);
    }
    tell(link, now_us);
    return true;
}

void sv_link_rate_forget(sv_link *link) {
    if (link->slowed) {
        TAILQ_REMOVE(&link->listener->slowed, link, pay);
        link->listener->slowed_count--;
        link->slowed = false;
    }
}

void sv_links_pay(void *arg) {
    sv_listener *listener = arg;
    int64_t now_us = sv_clock_monotonic_us();
    sv_link *next = NULL;
    for (sv_link *link = TAILQ_FIRST(&listener->slowed); link != NULL; link = next) {
        next = TAILQ_NEXT(link, pay);
        pay(link, now_us);
        if (link->budget >= 0) {
            sv_link_rate_forget(link);
            (void) event_add(&link->readable, NULL);
            sv_link_read_again(link); // TLS may hold what the socket will not tell of
        }
    }
    if (!TAILQ_EMPTY(&listener->slowed)) {
        sv_timer_once(listener->pay, PAY_EVERY_US);
    }
}
