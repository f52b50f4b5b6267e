// Whether links that are up may stay when the certificates and the revocation list have been read
// again: one certificate after the other, on the worker's thread.
#include "listener_internal.h"
#include "tls_refusal.h"

#include <openssl/err.h>

static void run(void *job) {
    sv_review *review = job;
    review->err = sv_tls_judge_live(review->ctx, review->leaf, &review->why);
    ERR_clear_error();
}

static void done(void *job) {
    sv_review *review = job;
    review->finished = true;
    sv_listener_look(review->listener);
}

void sv_review_clear(sv_review *review) {
    X509_free(review->leaf);
    SSL_CTX_free(review->ctx);
    review->leaf = NULL;
    review->ctx = NULL;
    review->link = NULL;
    review->running = review->finished = false;
}

static void start(sv_listener *listener) {
    sv_review *review = &listener->review;
    while (review->next != NULL && review->next->round == listener->round) {
        review->next = TAILQ_NEXT(review->next, place);
    }
    sv_link *link = review->next;
    if (link == NULL || review->running) {
        return;
    }
    review->link = link;
    review->next = TAILQ_NEXT(link, place);
    review->round = listener->round;
    review->ctx = listener->tls->ctx;
    (void) SSL_CTX_up_ref(review->ctx);
    review->leaf = SSL_get1_peer_certificate(link->ssl);
    review->running =
        sv_worker_submit(listener->worker, run, done, review) == SV_OK; // there is a place for it
}

void sv_review_begin(sv_listener *listener) {
    listener->round++;
    listener->review.next = TAILQ_FIRST(&listener->links[SV_LINK_UP]);
    start(listener);
}

void sv_review_late(sv_link *link) {
    sv_listener *listener = link->listener;
    if (listener->review.next == NULL) {
        listener->review.next = link; // the last in the list
        start(listener);
    }
}

void sv_review_forget(sv_link *link) {
    sv_review *review = &link->listener->review;
    if (review->next == link) {
        review->next = TAILQ_NEXT(link, place);
    }
    if (review->link == link) {
        review->link = NULL;
    }
}

/// The verdict is as old as the context it was made with: after another change nothing follows.
static void conclude(sv_listener *listener, sv_link *link, const sv_review *review) {
    if (link == NULL || review->round != listener->round) {
        return;
    }
    if (review->err == SV_OK) {
        link->round = review->round;
    } else if (listener->events.unwelcome != NULL) {
        sv_why why = review->why;
        listener->events.unwelcome(link->owner, &why);
    } else {
        sv_why why = review->why;
        sv_link_down(link, &why);
    }
}

void sv_review_work(sv_listener *listener) {
    sv_review *review = &listener->review;
    if (review->finished) {
        sv_link *link = review->link;
        review->link = NULL;
        conclude(listener, link, review);
        sv_review_clear(review);
    }
    if (!listener->dropped) {
        start(listener);
    }
}
