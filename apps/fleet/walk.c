#include "walk.h"

#include "inventory.h"
#include "kinds.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

typedef struct under_way {
    sv_fleet *fleet;
    sv_walk walk;
    char after[SV_ID_ROOM];
    bool is_whole;
    uint8_t kinds[SV_KINDS_MAX]; ///< what was found of each: an `answer`
} under_way;

enum answer { NOT_ASKED, MAY_FIT, CANNOT_FIT };

struct sv_walks {
    sv_fleet *fleet;
    sv_timer *timer;
    under_way list[SV_WALKS_MAX];
    size_t count, next;
};

// ---- steps --------------------------------------------------------------------------------------

static sv_err look(void *arg, const sv_inventory_device *d, sv_why *why) {
    const under_way *w = arg;
    const sv_text *field = d->asked.field;
    (void) why;
    if (d->device->kind == SV_KIND_UNKNOWN) {
        d->device->kind =
            sv_kinds_number(w->fleet->kinds, field[SV_QUERY_PRODUCT], field[SV_QUERY_VERSION]);
    }
    if (sv_query_fits(w->walk.query, &d->asked)) {
        w->walk.each(w->walk.arg, d->device);
    }
    return SV_OK;
}

static bool may_fit(under_way *w, const sv_device *device) {
    uint8_t *known = &w->kinds[device->kind];
    if (device->kind == SV_KIND_UNKNOWN) {
        return true;
    }
    if (*known == NOT_ASKED) {
        const sv_kind *kind = sv_kinds_at(w->fleet->kinds, device->kind);
        bool may =
            sv_query_may_fit(w->walk.query, sv_text_of(kind->product), sv_text_of(kind->version));
        *known = may ? MAY_FIT : CANNOT_FIT;
    }
    return *known == MAY_FIT;
}

/// Those of kinds that cannot fit; false when it came to no other yet.
static bool pass_over(under_way *w) {
    const sv_registry *registry = w->fleet->registry;
    size_t from = sv_registry_device_after(registry, w->after);
    size_t known = sv_registry_device_count(registry);
    size_t to = known - from > SV_WALK_PASSED_OVER ? from + SV_WALK_PASSED_OVER : known;
    size_t i = from;
    while (i < to && !may_fit(w, sv_registry_device_at(registry, i))) {
        i++;
    }
    if (i > from) {
        memcpy(w->after, sv_registry_device_at(registry, i - 1)->id, sizeof w->after);
    }
    w->is_whole = i == known;
    return i < to;
}

/// What the registry alone can say asks nothing of the database.
static void step_in_memory(under_way *w) {
    const sv_walk *walk = &w->walk;
    const sv_registry *registry = w->fleet->registry;
    size_t from = sv_registry_device_after(registry, w->after);
    size_t known = sv_registry_device_count(registry);
    size_t to = known - from > SV_WALK_STEP ? from + SV_WALK_STEP : known;
    for (size_t i = from; i < to; i++) {
        sv_device *device = sv_registry_device_at(registry, i);
        const sv_query_device asked = { .online = device->online, .diverges = device->diverges };
        if (i + 1 == to) {
            memcpy(w->after, device->id, sizeof w->after);
        }
        if (walk->query == NULL || sv_query_fits(walk->query, &asked)) {
            walk->each(walk->arg, device);
        }
    }
    w->is_whole = to == known;
}

static sv_err step(under_way *w, sv_why *why) {
    char last[SV_ID_ROOM];
    if (w->walk.query == NULL || !sv_query_compares(w->walk.query)) {
        step_in_memory(w);
        return SV_OK;
    }
    if (!pass_over(w)) {
        return SV_OK;
    }
    SV_TRY(sv_inventory_each(w->fleet, w->after, SV_WALK_STEP, look, w, last, why));
    memcpy(w->after, last, sizeof w->after);
    w->is_whole = last[0] == '\0';
    return SV_OK;
}

static sv_err go_on(under_way *w, sv_why *why) {
    int64_t end_us = w->fleet->mono_us() + SV_WALK_US;
    do {
        SV_TRY(step(w, why));
    } while (!w->is_whole && w->fleet->mono_us() < end_us);
    return SV_OK;
}

sv_err sv_walk_now(sv_fleet *fleet, const sv_walk *walk, sv_why *why) {
    under_way w = { .fleet = fleet, .walk = *walk };
    while (!w.is_whole) {
        SV_TRY(step(&w, why));
    }
    return SV_OK;
}

// ---- those that are under way -------------------------------------------------------------------

static void finish(sv_walks *walks, size_t i, sv_err err, const sv_why *why) {
    const sv_walk walk = walks->list[i].walk;
    walks->list[i] = walks->list[--walks->count];
    walk.done(walk.arg, err, why);
}

/// Each in turn.
static void on_time(void *arg) {
    sv_walks *walks = arg;
    size_t i = walks->next++ % walks->count;
    sv_why why = { 0 };
    sv_err err = go_on(&walks->list[i], &why);
    if (err != SV_OK || walks->list[i].is_whole) {
        finish(walks, i, err, &why);
    }
    if (walks->count > 0) {
        sv_timer_once(walks->timer, SV_WALK_PAUSE_US);
    }
}

static sv_err keep(sv_walks *walks, const under_way *w, sv_why *why) {
    if (walks->count == SV_WALKS_MAX) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "%d questions about all devices are being answered; ask again in a second",
                       SV_WALKS_MAX);
    }
    if (walks->timer == NULL) {
        walks->timer = sv_timer_new(walks->fleet->loop, on_time, walks);
    }
    walks->list[walks->count++] = *w;
    sv_timer_once(walks->timer, SV_WALK_PAUSE_US);
    return SV_OK;
}

void sv_walk_begin(sv_fleet *fleet, const sv_walk *walk) {
    under_way w = { .fleet = fleet, .walk = *walk };
    sv_why why = { 0 };
    sv_err err = go_on(&w, &why);
    if (err == SV_OK && !w.is_whole) {
        err = keep(fleet->walks, &w, &why);
        if (err == SV_OK) {
            return;
        }
    }
    walk->done(walk->arg, err, &why);
}

sv_walks *sv_walks_new(sv_fleet *fleet) {
    sv_walks *walks = sv_mem_new(sizeof *walks);
    walks->fleet = fleet;
    return walks;
}

void sv_walks_drop(sv_walks **walks) {
    sv_walks *old = *walks;
    sv_why why = { 0 };
    if (old == NULL) {
        return;
    }
    sv_err err = sv_fail(&why, SV_ERR_UNAVAILABLE, "the server ends; ask again");
    while (old->count > 0) {
        finish(old, 0, err, &why);
    }
    sv_timer_drop(&old->timer);
    free(old);
    *walks = NULL;
}
