// Where handshakes come from: one address that has many of them waits for itself, not for
// everybody.
#include "listener_internal.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static sv_source *find(sv_listener *listener, sv_text key) {
    sv_source *source = sv_map_get(listener->by_address, key);
    if (source != NULL) {
        return source;
    }
    source = sv_mem_new(sizeof *source);
    source->key_bytes = key.len;
    memcpy(source->key, key.at, key.len);
    TAILQ_INIT(&source->ready);
    if (sv_map_put(listener->by_address, key, source) != SV_OK) {
        abort(); // there is room for as many as there are half-open links
    }
    return source;
}

void sv_source_enter(sv_link *link, const sv_place *from) {
    char key[SV_PLACE_KEY_ROOM];
    size_t key_bytes = sv_place_key(from, key);
    link->source = find(link->listener, (sv_text){ .at = key, .len = key_bytes });
    link->source->half_open++;
}

void sv_source_leave(sv_link *link) {
    sv_source *source = link->source;
    link->source = NULL;
    if (source != NULL && --source->half_open == 0) {
        (void) sv_map_remove(link->listener->by_address,
                             (sv_text){ .at = source->key, .len = source->key_bytes });
        free(source);
    }
}

void sv_source_add_ready(sv_link *link) {
    sv_listener *listener = link->listener;
    sv_source *source = link->source;
    if (TAILQ_EMPTY(&source->ready)) {
        TAILQ_INSERT_TAIL(&listener->sources, source, turn);
    }
    TAILQ_INSERT_TAIL(&source->ready, link, turn);
    link->ready = true;
    listener->ready_count++;
}

void sv_source_remove_ready(sv_link *link) {
    sv_listener *listener = link->listener;
    sv_source *source = link->source;
    TAILQ_REMOVE(&source->ready, link, turn);
    link->ready = false;
    listener->ready_count--;
    if (TAILQ_EMPTY(&source->ready)) {
        TAILQ_REMOVE(&listener->sources, source, turn);
    }
}

sv_link *sv_source_take_ready(sv_listener *listener) {
    sv_source *source = TAILQ_FIRST(&listener->sources);
    if (source == NULL) {
        return NULL;
    }
    sv_link *link = TAILQ_FIRST(&source->ready);
    sv_source_remove_ready(link);
    if (!TAILQ_EMPTY(&source->ready)) { // behind the others
        TAILQ_REMOVE(&listener->sources, source, turn);
        TAILQ_INSERT_TAIL(&listener->sources, source, turn);
    }
    return link;
}
