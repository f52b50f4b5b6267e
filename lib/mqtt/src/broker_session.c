// Sessions and their wills.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>

sv_broker_session *sv_broker_session_new(sv_broker *broker, sv_text key) {
    sv_broker_session *session = sv_mem_new(sizeof *session);
    session->key = sv_mem_copy_str(key.at, key.len);
    session->expires_us = SV_BROKER_NEVER;
    session->will_due_us = SV_BROKER_NEVER;
    if (sv_map_put(broker->sessions, key, session) != SV_OK) {
        abort(); // the caller has counted
    }
    return session;
}

bool sv_broker_session_persists(const sv_broker_session *session) {
    return session->expiry_s > 0;
}

void sv_broker_will_drop(sv_broker_will **will) {
    if (*will != NULL) {
        sv_broker_let_go(&(*will)->held);
        free(*will);
        *will = NULL;
    }
}

/// The right to it may have been taken away since CONNECT.
static bool may_still(sv_broker *broker, const sv_broker_session *session,
                      const sv_broker_will *will) {
    sv_broker_peer peer = sv_broker_peer_of(session);
    sv_text topic = sv_broker_held_topic(will->held);
    if (broker->hooks.may_publish(broker->arg, &peer, topic)) {
        return true;
    }
    sv_text named = sv_broker_named(broker, topic);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "'%s' may have no will for '" SV_TEXT_FMT "' any more",
                   peer.client_id, SV_TEXT_ARG(named));
    sv_broker_tell(broker, SV_BROKER_DENIED, &peer, &why);
    return false;
}

void sv_broker_will_publish(sv_broker *broker, sv_broker_session *session) {
    sv_broker_will *will = session->will;
    session->will = NULL;
    session->will_due_us = SV_BROKER_NEVER;
    if (!may_still(broker, session, will)) {
        sv_broker_will_drop(&will);
        return;
    }
    will->held->expires_us =
        will->has_expiry ? sv_broker_after(broker->now_us, will->expiry_s) : SV_BROKER_NEVER;
    sv_broker_post post = sv_broker_post_of(will->held, will->qos, will->retain);
    sv_broker_peer peer = sv_broker_peer_of(session);
    post.from = session;
    const sv_broker_message told = { .topic = post.topic,
                                     .payload = post.payload,
                                     .qos = post.qos,
                                     .retain = post.retain,
                                     .is_will = true,
                                     .from = &peer };
    (void) broker->hooks.message(broker->arg, &told);
    bool passes_on = sv_broker_passes_on(broker, &told);
    if (passes_on && post.retain && sv_broker_retained_fits(broker, &post)) {
        sv_broker_retain(broker, &post);
    }
    if (passes_on) {
        sv_broker_route(broker, &post);
    }
    sv_broker_post_drop(&post);
    sv_broker_will_drop(&will);
}

void sv_broker_session_free(sv_broker *broker, sv_broker_session *session) {
    while (session->first != NULL) {
        session->first->kept = false;
        sv_broker_delivery_drop(broker, session, session->first);
    }
    while (session->subscriptions != NULL) {
        sv_broker_subscription_drop(broker, sv_map_at(session->subscriptions, 0, NULL));
    }
    sv_broker_will_drop(&session->will);
    sv_broker_person_lose(broker, session);
    (void) sv_map_remove(broker->sessions, sv_text_of(session->key));
    free(session->received);
    free(session->key);
    free(session);
}

void sv_broker_forget_queue(sv_broker *broker, sv_broker_session *session) {
    for (sv_broker_delivery *next = session->first; next != NULL; next = next->next) {
        sv_broker_forget_delivery(broker, session, next);
    }
    size_t left = session->received_count;
    for (unsigned id = 1; left > 0 && id <= UINT16_MAX; id++) {
        if (sv_broker_is_received(session, (uint16_t) id)) {
            (void) sv_broker_keep_received(broker, session, (uint16_t) id, false);
            left--;
        }
    }
}

void sv_broker_session_end(sv_broker *broker, sv_broker_session *session) {
    sv_broker_pass_on(broker, session, true);
    sv_broker_forget_queue(broker, session);
    session->expiry_s = 0;
    sv_broker_will_drop(&session->will);
    (void) sv_broker_keep_session(broker, session);
    sv_broker_session_free(broker, session);
}
