// One tree of levels for everything that hangs on topics: subscriptions at the end of their filter,
// retained messages at their topic. A walk visits a node at most once, so what a message costs is
// bounded by what has been subscribed, however its wildcards are laid.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

sv_broker_node *sv_broker_node_new(void) {
    return sv_mem_new(sizeof(sv_broker_node) + 1);
}

static sv_broker_node *child_new(sv_broker_node *parent, sv_text level) {
    sv_broker_node *child = sv_mem_new(sizeof *child + level.len + 1);
    child->parent = parent;
    child->level_len = level.len;
    memcpy(child->level, level.at, level.len);
    return child;
}

static sv_broker_node *wildcard_for(sv_broker_node *parent, sv_broker_node **place, sv_text level) {
    if (*place == NULL) {
        *place = child_new(parent, level);
    }
    return *place;
}

static sv_broker_node *child_for(sv_broker *broker, sv_broker_node *node, sv_text level) {
    if (sv_text_is(level, "+")) {
        return wildcard_for(node, &node->plus, level);
    }
    if (sv_text_is(level, "#")) {
        return wildcard_for(node, &node->hash, level);
    }
    if (node->children == NULL) {
        node->children = sv_map_new(UINT32_MAX / 2, broker->hash_key);
    }
    sv_broker_node *child = sv_map_get(node->children, level);
    if (child == NULL) {
        child = child_new(node, level);
        if (sv_map_put(node->children, level, child) != SV_OK) {
            abort(); // bounded by subscriptions and retained messages long before
        }
    }
    return child;
}

/// The next level; `*more` says whether another follows it.
static sv_text cut_level(sv_text *rest, bool *more) {
    const char *mark = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    *more = mark != NULL;
    sv_text level = *rest;
    if (mark != NULL) {
        level.len = (size_t) (mark - rest->at);
        *rest = (sv_text){ .at = mark + 1, .len = rest->len - level.len - 1 };
    }
    return level;
}

sv_broker_node *sv_broker_node_for(sv_broker *broker, sv_text filter) {
    sv_broker_node *node = broker->root;
    for (bool more = true; more;) {
        sv_text level = cut_level(&filter, &more);
        node = child_for(broker, node, level);
    }
    return node;
}

const sv_broker_node *sv_broker_node_child(const sv_broker_node *node, sv_text level) {
    return node->children == NULL ? NULL : sv_map_get(node->children, level);
}

static bool is_empty(const sv_broker_node *node) {
    return node->children == NULL && node->plus == NULL && node->hash == NULL
           && node->subscriptions == NULL && node->shares == NULL && node->retained == NULL;
}

void sv_broker_node_prune(sv_broker_node *node) {
    while (node->parent != NULL && is_empty(node)) {
        sv_broker_node *parent = node->parent;
        if (parent->plus == node) {
            parent->plus = NULL;
        } else if (parent->hash == node) {
            parent->hash = NULL;
        } else {
            (void) sv_map_remove(parent->children,
                                 (sv_text){ .at = node->level, .len = node->level_len });
            if (sv_map_count(parent->children) == 0) {
                sv_map_drop(&parent->children);
            }
        }
        free(node);
        node = parent;
    }
}

void sv_broker_tree_drop(sv_broker_node **root) {
    if (*root == NULL) {
        return;
    }
    size_t count = (*root)->children == NULL ? 0 : sv_map_count((*root)->children);
    for (size_t i = 0; i < count; i++) {
        sv_broker_node *child = sv_map_at((*root)->children, i, NULL);
        sv_broker_tree_drop(&child);
    }
    sv_map_drop(&(*root)->children);
    sv_broker_tree_drop(&(*root)->plus);
    sv_broker_tree_drop(&(*root)->hash);
    free(*root);
    *root = NULL;
}

static void link_first(sv_broker_subscription **first, sv_broker_subscription *subscription) {
    subscription->next = *first;
    if (*first != NULL) {
        (*first)->previous = subscription;
    }
    *first = subscription;
}

static void unlink_from(sv_broker_subscription **first, sv_broker_subscription *subscription) {
    if (subscription->previous != NULL) {
        subscription->previous->next = subscription->next;
    } else {
        *first = subscription->next;
    }
    if (subscription->next != NULL) {
        subscription->next->previous = subscription->previous;
    }
}

static sv_broker_share *share_for(sv_broker_node *node, sv_text name) {
    for (sv_broker_share *share = node->shares; share != NULL; share = share->next) {
        if (sv_text_eq((sv_text){ .at = share->name, .len = share->name_len }, name)) {
            return share;
        }
    }
    sv_broker_share *share = sv_mem_new(sizeof *share + name.len + 1);
    share->node = node;
    share->name_len = name.len;
    memcpy(share->name, name.at, name.len);
    share->next = node->shares;
    if (node->shares != NULL) {
        node->shares->previous = share;
    }
    node->shares = share;
    return share;
}

void sv_broker_share_let_go(sv_broker_share *share) {
    share->holders--;
    if (share->members == NULL && share->node != NULL) {
        if (share->previous != NULL) {
            share->previous->next = share->next;
        } else {
            share->node->shares = share->next;
        }
        if (share->next != NULL) {
            share->next->previous = share->previous;
        }
        share->node = NULL;
    }
    if (share->holders == 0) {
        free(share);
    }
}

sv_broker_subscription *sv_broker_subscribed(const sv_broker_session *session, sv_text filter) {
    return session->subscriptions == NULL ? NULL : sv_map_get(session->subscriptions, filter);
}

sv_broker_subscription *sv_broker_subscription_add(sv_broker *broker, sv_broker_session *session,
                                                   sv_text filter) {
    sv_text name = SV_TEXT("");
    sv_text inner = filter;
    bool shared = sv_mqtt_filter_shared(filter, &name, &inner);
    sv_broker_subscription *subscription = sv_mem_new(sizeof *subscription + filter.len + 1);
    subscription->session = session;
    subscription->filter_len = filter.len;
    memcpy(subscription->filter, filter.at, filter.len);
    subscription->node = sv_broker_node_for(broker, shared ? inner : filter);
    if (shared) {
        subscription->share = share_for(subscription->node, name);
        subscription->share->holders++;
    }
    link_first(shared ? &subscription->share->members : &subscription->node->subscriptions,
               subscription);
    if (session->subscriptions == NULL) {
        session->subscriptions = sv_map_new(UINT32_MAX / 2, broker->hash_key);
    }
    if (sv_map_put(session->subscriptions, filter, subscription) != SV_OK) {
        abort(); // bounded by subscriptions_max long before
    }
    broker->subscription_count++;
    return subscription;
}

void sv_broker_subscription_drop(sv_broker *broker, sv_broker_subscription *subscription) {
    sv_broker_session *session = subscription->session;
    sv_broker_share *share = subscription->share;
    if (share != NULL) {
        share->turn = share->turn == subscription ? subscription->next : share->turn;
        unlink_from(&share->members, subscription);
        sv_broker_share_let_go(share);
    } else {
        unlink_from(&subscription->node->subscriptions, subscription);
    }
    sv_broker_node_prune(subscription->node);
    (void) sv_map_remove(session->subscriptions,
                         (sv_text){ .at = subscription->filter, .len = subscription->filter_len });
    if (sv_map_count(session->subscriptions) == 0) {
        sv_map_drop(&session->subscriptions);
    }
    broker->subscription_count--;
    free(subscription);
}

static bool can_have(const sv_broker_subscription *member, const sv_broker_session *except,
                     bool present) {
    const sv_broker_session *session = member->session;
    if (session == except) {
        return false;
    }
    return present ? session->client != NULL
                   : member->qos > 0 && sv_broker_session_persists(session);
}

sv_broker_subscription *sv_broker_share_next(sv_broker_share *share,
                                             const sv_broker_session *except, bool present) {
    sv_broker_subscription *start = share->turn != NULL ? share->turn : share->members;
    sv_broker_subscription *member = start;
    while (member != NULL) {
        sv_broker_subscription *next = member->next != NULL ? member->next : share->members;
        if (can_have(member, except, present)) {
            share->turn = next;
            return member;
        }
        member = next == start ? NULL : next;
    }
    return NULL;
}

static uint8_t lesser(uint8_t left, uint8_t right) {
    return left < right ? left : right;
}

/// To one member: who is there, or else one who will come back.
static void route_share(sv_broker *broker, sv_broker_share *share, sv_broker_post *post) {
    sv_broker_subscription *member = sv_broker_share_next(share, NULL, true);
    if (member == NULL) {
        member = sv_broker_share_next(share, NULL, false);
    }
    if (member == NULL) {
        return;
    }
    sv_broker_terms terms = {
        .qos = lesser(member->qos, post->qos),
        .retain = post->retain && member->retain_as_published,
        .share = share,
        .ids = &member->id,
        .id_count = member->id == 0 ? 0 : 1,
    };
    sv_broker_deliver(broker, member->session, post, &terms);
}

/// The walk of one message: who has matched so far, each session once.
typedef struct route {
    sv_broker *broker;
    sv_broker_post *post;
    sv_broker_session *matched;
} route;

static void collect(route *walk, const sv_broker_node *node) {
    for (sv_broker_subscription *found = node->subscriptions; found != NULL; found = found->next) {
        sv_broker_session *session = found->session;
        if (found->no_local && session == walk->post->from) {
            continue;
        }
        if (session->matches == NULL) {
            session->next_matched = walk->matched;
            walk->matched = session;
        }
        found->next_match = session->matches;
        session->matches = found;
    }
    for (sv_broker_share *share = node->shares; share != NULL; share = share->next) {
        route_share(walk->broker, share, walk->post);
    }
}

/// `more`: `rest` has levels still, be it an empty one.
static void match(route *walk, const sv_broker_node *node, sv_text rest, bool more) {
    bool hidden = node->parent == NULL && rest.len > 0 && rest.at[0] == '$'; // §4.7.2
    if (node->hash != NULL && !hidden) {
        collect(walk, node->hash);
    }
    if (!more) {
        collect(walk, node);
        return;
    }
    if (node->children == NULL && (node->plus == NULL || hidden)) {
        return;
    }
    sv_text level = cut_level(&rest, &more);
    const sv_broker_node *child = sv_broker_node_child(node, level);
    if (child != NULL) {
        match(walk, child, rest, more);
    }
    if (node->plus != NULL && !hidden) {
        match(walk, node->plus, rest, more);
    }
}

static void gather_id(sv_broker *broker, size_t *count, uint32_t id) {
    if (id == 0) {
        return;
    }
    if (*count == broker->ids_cap) {
        broker->ids_cap = broker->ids_cap == 0 ? 8 : broker->ids_cap * 2;
        broker->ids = sv_mem_resize(broker->ids, broker->ids_cap * sizeof *broker->ids);
    }
    broker->ids[(*count)++] = id;
}

/// One delivery for all the subscriptions of the session that matched [5 §3.3.4].
static void deliver_matches(sv_broker *broker, sv_broker_session *session, sv_broker_post *post) {
    sv_broker_terms terms = { .qos = 0 };
    while (session->matches != NULL) {
        const sv_broker_subscription *found = session->matches;
        session->matches = found->next_match;
        terms.qos = found->qos > terms.qos ? found->qos : terms.qos;
        terms.retain = terms.retain || (post->retain && found->retain_as_published);
        gather_id(broker, &terms.id_count, found->id);
    }
    terms.qos = lesser(terms.qos, post->qos);
    terms.ids = broker->ids;
    sv_broker_deliver(broker, session, post, &terms);
}

void sv_broker_route(sv_broker *broker, sv_broker_post *post) {
    route walk = { .broker = broker, .post = post };
    match(&walk, broker->root, post->topic, true);
    while (walk.matched != NULL) {
        sv_broker_session *session = walk.matched;
        walk.matched = session->next_matched;
        session->next_matched = NULL;
        deliver_matches(broker, session, post);
    }
}
