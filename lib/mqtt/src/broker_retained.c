// Retained messages, at the nodes of the tree of topics.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>

static size_t bytes_of(const sv_broker_held *held) {
    return sizeof *held + held->topic_len + held->payload_len + held->forwarded_len;
}

static sv_broker_retained *find(const sv_broker *broker, sv_text topic) {
    const sv_broker_node *node = broker->root;
    const char *end = topic.at + topic.len;
    while (node != NULL) {
        sv_text level = sv_text_cut(&topic, '/');
        node = sv_broker_node_child(node, level);
        if (level.at + level.len == end) {
            break;
        }
    }
    return node == NULL ? NULL : node->retained;
}

bool sv_broker_retained_fits(const sv_broker *broker, const sv_broker_post *post) {
    if (post->payload.len == 0) {
        return true;
    }
    const sv_broker_retained *old = find(broker, post->topic);
    size_t bytes = sizeof *old->held + post->topic.len + post->payload.len + post->forwarded.len;
    size_t kept_bytes = broker->retained_bytes - (old == NULL ? 0 : bytes_of(old->held));
    return (old != NULL || broker->retained_count < broker->limits.retained_max)
           && bytes <= broker->limits.retained_bytes_max - kept_bytes;
}

void sv_broker_retained_drop(sv_broker *broker, sv_broker_retained *retained) {
    if (retained->previous != NULL) {
        retained->previous->next = retained->next;
    } else {
        broker->retained = retained->next;
    }
    if (retained->next != NULL) {
        retained->next->previous = retained->previous;
    }
    broker->retained_count--;
    broker->retained_bytes -= bytes_of(retained->held);
    retained->node->retained = NULL;
    sv_broker_node_prune(retained->node);
    sv_broker_let_go(&retained->held);
    free(retained);
}

sv_broker_retained *sv_broker_retained_put(sv_broker *broker, sv_broker_held *held, uint8_t qos) {
    sv_broker_node *node = sv_broker_node_for(broker, sv_broker_held_topic(held));
    sv_broker_retained *retained = node->retained;
    if (retained == NULL) {
        retained = sv_mem_new(sizeof *retained);
        retained->node = node;
        node->retained = retained;
        retained->next = broker->retained;
        if (broker->retained != NULL) {
            broker->retained->previous = retained;
        }
        broker->retained = retained;
        broker->retained_count++;
    } else {
        broker->retained_bytes -= bytes_of(retained->held);
        sv_broker_let_go(&retained->held);
    }
    held->holders++;
    retained->held = held;
    retained->qos = qos;
    broker->retained_bytes += bytes_of(held);
    return retained;
}

static void raise_group(sv_broker_post *post, uint64_t group) {
    post->group = group > post->group ? group : post->group;
}

void sv_broker_retain(sv_broker *broker, sv_broker_post *post) {
    if (post->payload.len > 0) {
        if (post->held == NULL) {
            post->held =
                sv_broker_hold(post->topic, post->payload, post->forwarded, post->expires_us);
        }
        (void) sv_broker_retained_put(broker, post->held, post->qos);
        raise_group(post, sv_broker_keep_retained(broker, post->held, post->qos));
        return;
    }
    sv_broker_retained *old = find(broker, post->topic);
    if (old != NULL) {
        sv_broker_retained_drop(broker, old);
        raise_group(post, sv_broker_forget_retained(broker, post->topic));
    }
}

void sv_broker_sweep_retained(sv_broker *broker) {
    for (sv_broker_retained *next = broker->retained; next != NULL;) {
        sv_broker_retained *retained = next;
        next = retained->next;
        if (retained->held->expires_us <= broker->now_us) {
            (void) sv_broker_forget_retained(broker, sv_broker_held_topic(retained->held));
            sv_broker_retained_drop(broker, retained);
        }
    }
}

static sv_broker_retained *first_below(const sv_broker_node *node) {
    sv_broker_retained *found = node->retained;
    size_t count = node->children == NULL ? 0 : sv_map_count(node->children);
    for (size_t i = 0; i < count && found == NULL; i++) {
        found = first_below(sv_map_at(node->children, i, NULL));
    }
    return found;
}

/// Under the root topic with this index, which goes with the last of what it holds.
static sv_broker_retained *first_of(const sv_broker *broker, size_t index, sv_text id) {
    const sv_map *roots = broker->root->children;
    if (roots == NULL || index >= sv_map_count(roots)) {
        return NULL;
    }
    const sv_broker_node *own = sv_broker_node_child(sv_map_at(roots, index, NULL), id);
    return own == NULL ? NULL : first_below(own);
}

void sv_broker_retained_forget(sv_broker *broker, sv_text id) {
    // Backwards: the last one takes the place of one that goes.
    for (size_t i = broker->root->children == NULL ? 0 : sv_map_count(broker->root->children);
         i-- > 0;) {
        for (sv_broker_retained *retained = first_of(broker, i, id); retained != NULL;
             retained = first_of(broker, i, id)) {
            (void) sv_broker_forget_retained(broker, sv_broker_held_topic(retained->held));
            sv_broker_retained_drop(broker, retained);
        }
    }
}

typedef struct lookup {
    sv_broker *broker;
    const sv_broker_subscription *subscription;
} lookup;

static void send_one(const lookup *search, const sv_broker_retained *retained) {
    const sv_broker_subscription *wants = search->subscription;
    if (retained == NULL || retained->held->expires_us <= search->broker->now_us) {
        return;
    }
    sv_broker_post post = sv_broker_post_of(retained->held, retained->qos, true);
    sv_broker_terms terms = {
        .qos = wants->qos < retained->qos ? wants->qos : retained->qos,
        .retain = true,
        .patient = true,
        .ids = &wants->id,
        .id_count = wants->id == 0 ? 0 : 1,
    };
    sv_broker_deliver(search->broker, wants->session, &post, &terms);
    sv_broker_post_drop(&post);
}

static bool is_hidden(const sv_broker_node *node) {
    return node->parent->parent == NULL && node->level_len > 0 && node->level[0] == '$';
}

static void send_below(const lookup *search, const sv_broker_node *node) {
    send_one(search, node->retained);
    size_t count = node->children == NULL ? 0 : sv_map_count(node->children);
    for (size_t i = 0; i < count; i++) {
        const sv_broker_node *child = sv_map_at(node->children, i, NULL);
        if (!is_hidden(child)) {
            send_below(search, child);
        }
    }
}

static void send_matching(const lookup *search, const sv_broker_node *node, sv_text rest,
                          bool more);

static void send_every(const lookup *search, const sv_broker_node *node, sv_text rest, bool more) {
    size_t count = node->children == NULL ? 0 : sv_map_count(node->children);
    for (size_t i = 0; i < count; i++) {
        const sv_broker_node *child = sv_map_at(node->children, i, NULL);
        if (!is_hidden(child)) {
            send_matching(search, child, rest, more);
        }
    }
}

static void send_matching(const lookup *search, const sv_broker_node *node, sv_text rest,
                          bool more) {
    if (!more) {
        send_one(search, node->retained);
        return;
    }
    const char *end = rest.at + rest.len;
    sv_text level = sv_text_cut(&rest, '/');
    more = level.at + level.len != end;
    if (sv_text_is(level, "#")) {
        send_below(search, node);
    } else if (sv_text_is(level, "+")) {
        send_every(search, node, rest, more);
    } else {
        const sv_broker_node *child = sv_broker_node_child(node, level);
        if (child != NULL) {
            send_matching(search, child, rest, more);
        }
    }
}

void sv_broker_send_retained(sv_broker *broker, const sv_broker_subscription *subscription) {
    lookup search = { .broker = broker, .subscription = subscription };
    send_matching(&search, broker->root,
                  (sv_text){ .at = subscription->filter, .len = subscription->filter_len }, true);
}
