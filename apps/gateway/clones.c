#include "clones.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gw_clones_open(gw_clones *clones, const uint8_t key[16]) {
    *clones = (gw_clones){ .of = sv_map_new(GW_CLONE_WATCHES, key),
                           .waiting = sv_map_new((size_t) GW_CLONE_WATCHES * GW_CLONE_TURNS, key) };
}

void gw_clones_close(gw_clones *clones) {
    for (size_t i = 0; clones->of != NULL && i < sv_map_count(clones->of); i++) {
        free(sv_map_at(clones->of, i, NULL));
    }
    sv_map_drop(&clones->of);
    sv_map_drop(&clones->waiting);
}

static sv_text place_of(const char *address) {
    const char *port = strrchr(address, ':');
    return (sv_text){ .at = address,
                      .len = port == NULL ? strlen(address) : (size_t) (port - address) };
}

static bool is_one_place(const gw_clone_turn *turn) {
    return sv_text_eq(place_of(turn->loser), place_of(turn->taker));
}

static void forget_turn(gw_clones *clones, gw_clone_watch *watch, size_t index) {
    (void) sv_map_remove(clones->waiting, sv_text_of(watch->turns[index].loser));
    watch->count--;
    memmove(&watch->turns[index], &watch->turns[index + 1],
            (watch->count - index) * sizeof watch->turns[0]);
}

static void forget_turns(gw_clones *clones, gw_clone_watch *watch, bool of_one_place) {
    for (size_t i = watch->count; i-- > 0;) {
        if (!of_one_place || is_one_place(&watch->turns[i])) {
            forget_turn(clones, watch, i);
        }
    }
}

static void forget(gw_clones *clones, gw_clone_watch *watch) {
    forget_turns(clones, watch, false);
    (void) sv_map_remove(clones->of, sv_text_of(watch->id));
    free(watch);
}

static gw_clone_watch *watch_of(gw_clones *clones, sv_text id) {
    gw_clone_watch *watch = sv_map_get(clones->of, id);
    if (watch != NULL) {
        return watch;
    }
    watch = sv_mem_new(sizeof *watch);
    if (sv_text_copy(id, watch->id, sizeof watch->id) != SV_OK
        || sv_map_put(clones->of, id, watch) != SV_OK) {
        free(watch);
        return NULL;
    }
    return watch;
}

void gw_clones_took(gw_clones *clones, sv_text id, const char *loser, const char *taker,
                    int64_t now_us) {
    gw_clone_watch *watch = watch_of(clones, id);
    if (watch == NULL) {
        return;
    }
    if (watch->count == GW_CLONE_TURNS) {
        forget_turn(clones, watch, 0);
    }
    gw_clone_turn *turn = &watch->turns[watch->count];
    *turn = (gw_clone_turn){ .at_us = now_us };
    (void) snprintf(turn->loser, sizeof turn->loser, "%s", loser);
    (void) snprintf(turn->taker, sizeof turn->taker, "%s", taker);
    if (sv_map_put(clones->waiting, sv_text_of(turn->loser), watch) == SV_OK) {
        watch->count++;
    }
}

void gw_clones_ended(gw_clones *clones, sv_text id) {
    gw_clone_watch *watch = sv_map_get(clones->of, id);
    if (watch != NULL) {
        forget_turns(clones, watch, true);
    }
}

static bool is_between(const gw_clone_turn *turn, sv_text one, sv_text other) {
    sv_text loser = place_of(turn->loser);
    sv_text taker = place_of(turn->taker);
    return (sv_text_eq(loser, one) && sv_text_eq(taker, other))
           || (sv_text_eq(loser, other) && sv_text_eq(taker, one));
}

static bool is_proof(const gw_clone_watch *watch, const gw_clone_turn *newest, int64_t now_us) {
    sv_text one = place_of(newest->loser);
    sv_text other = place_of(newest->taker);
    size_t proven = 0;
    for (size_t i = 0; i < watch->count; i++) {
        const gw_clone_turn *turn = &watch->turns[i];
        proven += turn->answered && now_us - turn->at_us <= GW_CLONE_WITHIN_US
                          && is_between(turn, one, other)
                      ? 1
                      : 0;
    }
    return proven == GW_CLONE_TURNS;
}

/// It was not there: at one place a new beginning, and of two no more than that.
static void forget_silent(gw_clones *clones, gw_clone_watch *watch, size_t index) {
    if (is_one_place(&watch->turns[index])) {
        forget_turns(clones, watch, true);
    } else {
        forget_turn(clones, watch, index);
    }
}

static void write_places(const gw_clone_turn *turn, char places[2 * GW_CLONE_PLACE_ROOM]) {
    sv_textbuf text = { .at = places, .cap = (size_t) 2 * GW_CLONE_PLACE_ROOM };
    sv_text one = place_of(turn->loser);
    sv_text other = place_of(turn->taker);
    bool in_order =
        one.len == other.len ? memcmp(one.at, other.at, one.len) <= 0 : one.len < other.len;
    sv_textbuf_add(&text, in_order ? one : other);
    if (!sv_text_eq(one, other)) {
        sv_textbuf_add_str(&text, ", ");
        sv_textbuf_add(&text, in_order ? other : one);
    }
    (void) (sv_textbuf_end(&text) == SV_OK); // there is room for two
}

const gw_clone_watch *gw_clones_parted(gw_clones *clones, const char *loser, bool answered,
                                       int64_t now_us, char places[2 * GW_CLONE_PLACE_ROOM]) {
    gw_clone_watch *watch = sv_map_remove(clones->waiting, sv_text_of(loser));
    size_t index = 0;
    while (watch != NULL && index < watch->count && strcmp(watch->turns[index].loser, loser) != 0) {
        index++;
    }
    if (watch == NULL || index == watch->count) {
        return NULL;
    }
    if (!answered) {
        forget_silent(clones, watch, index);
        return NULL;
    }
    watch->turns[index].answered = true;
    if (!is_proof(watch, &watch->turns[index], now_us)) {
        return NULL;
    }
    write_places(&watch->turns[index], places);
    forget_turns(clones, watch, false);
    return watch;
}

static bool is_over(const gw_clone_watch *watch, int64_t now_us) {
    return watch->count == 0 || now_us - watch->turns[watch->count - 1].at_us > GW_CLONE_WITHIN_US;
}

void gw_clones_sweep(gw_clones *clones, int64_t now_us) {
    // Backwards: the last one takes the place of one that goes.
    for (size_t i = sv_map_count(clones->of); i-- > 0;) {
        gw_clone_watch *watch = sv_map_at(clones->of, i, NULL);
        if (is_over(watch, now_us)) {
            forget(clones, watch);
        }
    }
}
