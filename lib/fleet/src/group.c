#include <base/map.h>
#include <base/mem.h>
#include <fleet/group.h>

#include <stdlib.h>

typedef struct group {
    sv_query *query; ///< NULL: a list
    sv_map *devices;
} group;

struct sv_groups {
    sv_map *by_name;
};

sv_groups *sv_groups_new(void) {
    sv_groups *groups = sv_mem_new(sizeof *groups);
    groups->by_name = sv_map_new(SV_GROUPS_MAX, NULL);
    return groups;
}

static void drop_group(group *g) {
    if (g != NULL) {
        free(g->query);
        sv_map_drop(&g->devices);
        free(g);
    }
}

void sv_groups_drop(sv_groups **groups) {
    if (*groups == NULL) {
        return;
    }
    for (size_t i = 0; i < sv_map_count((*groups)->by_name); i++) {
        drop_group(sv_map_at((*groups)->by_name, i, NULL));
    }
    sv_map_drop(&(*groups)->by_name);
    free(*groups);
    *groups = NULL;
}

static sv_err put(sv_groups *groups, sv_text name, group *fresh, sv_why *why) {
    group *old = sv_map_get(groups->by_name, name);
    if (sv_map_put(groups->by_name, name, fresh) != SV_OK) {
        drop_group(fresh);
        return sv_fail(why, SV_ERR_STATE, "there are %d groups already, no more are kept",
                       SV_GROUPS_MAX);
    }
    drop_group(old);
    return SV_OK;
}

// ---- groups that ask for groups -----------------------------------------------------------------

static bool asks_for_group(const sv_query_step *step) {
    return (step->op == SV_QUERY_IS || step->op == SV_QUERY_IS_NOT)
           && step->field == SV_QUERY_GROUP;
}

/// What is looked at: below `root`, which nothing may ask for, as it would be if `name` were
/// `query`.
typedef struct looking {
    const sv_groups *groups;
    sv_text root;
    sv_text name;
    const sv_query *query;
    size_t steps; ///< so far, each as often as it would be taken
} looking;

/// NULL: it is a list.
static sv_err find_asked(const looking *l, sv_text asked, const sv_query **out, sv_why *why) {
    const group *g = sv_map_get(l->groups->by_name, asked);
    if (sv_text_eq(asked, l->root)) {
        return sv_fail(why, SV_ERR_INVALID, "group " SV_TEXT_FMT " would ask for itself",
                       SV_TEXT_ARG(asked));
    }
    if (g == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "there is no group '" SV_TEXT_FMT "'",
                       SV_TEXT_ARG(asked));
    }
    *out = sv_text_eq(asked, l->name) ? l->query : g->query;
    return SV_OK;
}

/// A device is asked all of these steps: there is a bound to them, and so to the time it takes.
static sv_err check_below(looking *l, const sv_query *query, unsigned depth, sv_why *why) {
    l->steps += query->step_count;
    if (l->steps > SV_GROUP_STEPS_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the groups it asks for have more than %d steps together",
                       SV_GROUP_STEPS_MAX);
    }
    for (size_t i = 0; i < query->step_count; i++) {
        const sv_query_step *step = &query->steps[i];
        const sv_query *below = NULL;
        if (!asks_for_group(step)) {
            continue;
        }
        SV_TRY(find_asked(l, sv_query_value(query, step), &below, why));
        if (depth == SV_GROUP_DEPTH_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "groups ask for groups more than %d deep",
                           SV_GROUP_DEPTH_MAX);
        }
        if (below != NULL) {
            SV_TRY(check_below(l, below, depth + 1, why));
        }
    }
    return SV_OK;
}

/// Those that ask for `name` become larger with it.
static sv_err check_above(const sv_groups *groups, sv_text name, const sv_query *query,
                          sv_why *why) {
    for (size_t i = 0; i < sv_map_count(groups->by_name); i++) {
        looking l = { .groups = groups, .name = name, .query = query };
        sv_why fault = { 0 };
        const group *g = sv_map_at(groups->by_name, i, &l.root);
        if (g->query != NULL && !sv_text_eq(l.root, name)
            && check_below(&l, g->query, 1, &fault) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "group " SV_TEXT_FMT " would not do any more: %s",
                           SV_TEXT_ARG(l.root), fault.text);
        }
    }
    return SV_OK;
}

sv_err sv_groups_check_query(const sv_groups *groups, sv_text name, const sv_query *query,
                             sv_why *why) {
    looking l = { .groups = groups, .root = name, .name = name, .query = query };
    SV_TRY(check_below(&l, query, 1, why));
    return sv_groups_know(groups, name) ? check_above(groups, name, query, why) : SV_OK;
}

sv_err sv_groups_check_names(const sv_groups *groups, const sv_query *query, sv_why *why) {
    looking l = { .groups = groups, .root = SV_TEXT(""), .name = SV_TEXT("") };
    return check_below(&l, query, 1, why);
}

sv_err sv_groups_put_query(sv_groups *groups, sv_text name, const sv_query *query, sv_why *why) {
    SV_TRY(sv_groups_check_query(groups, name, query, why));
    group *fresh = sv_mem_new(sizeof *fresh);
    fresh->query = sv_mem_new(sizeof *fresh->query);
    *fresh->query = *query;
    return put(groups, name, fresh, why);
}

// ---- lists --------------------------------------------------------------------------------------

sv_err sv_groups_put_list(sv_groups *groups, sv_text name, sv_why *why) {
    group *fresh = sv_mem_new(sizeof *fresh);
    fresh->devices = sv_map_new(SV_GROUP_DEVICES_MAX, NULL);
    return put(groups, name, fresh, why);
}

sv_err sv_groups_add(sv_groups *groups, sv_text name, sv_text device, sv_why *why) {
    group *g = sv_map_get(groups->by_name, name);
    if (g == NULL || g->query != NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no list '" SV_TEXT_FMT "'",
                       SV_TEXT_ARG(name));
    }
    return sv_map_put(g->devices, device, g) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "a group has at most %d devices",
                         SV_GROUP_DEVICES_MAX);
}

void sv_groups_leave(sv_groups *groups, sv_text device) {
    for (size_t i = sv_map_count(groups->by_name); i > 0; i--) { // the last one takes a free place
        sv_text name;
        group *g = sv_map_at(groups->by_name, i - 1, &name);
        if (g->query == NULL && sv_map_remove(g->devices, device) != NULL
            && sv_map_count(g->devices) == 0) {
            (void) sv_map_remove(groups->by_name, name);
            drop_group(g);
        }
    }
}

// ---- all ----------------------------------------------------------------------------------------

sv_err sv_groups_may_remove(const sv_groups *groups, sv_text name, sv_why *why) {
    if (!sv_groups_know(groups, name)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no group '" SV_TEXT_FMT "'",
                       SV_TEXT_ARG(name));
    }
    for (size_t i = 0; i < sv_map_count(groups->by_name); i++) {
        sv_text other;
        const group *g = sv_map_at(groups->by_name, i, &other);
        for (size_t k = 0; g->query != NULL && k < g->query->step_count; k++) {
            const sv_query_step *step = &g->query->steps[k];
            if (asks_for_group(step) && sv_text_eq(sv_query_value(g->query, step), name)) {
                return sv_fail(why, SV_ERR_STATE, "group " SV_TEXT_FMT " asks for it",
                               SV_TEXT_ARG(other));
            }
        }
    }
    return SV_OK;
}

sv_err sv_groups_remove(sv_groups *groups, sv_text name, sv_why *why) {
    SV_TRY(sv_groups_may_remove(groups, name, why));
    drop_group(sv_map_remove(groups->by_name, name));
    return SV_OK;
}

size_t sv_groups_count(const sv_groups *groups) {
    return sv_map_count(groups->by_name);
}

bool sv_groups_know(const sv_groups *groups, sv_text name) {
    return sv_map_get(groups->by_name, name) != NULL;
}

const sv_query *sv_groups_query(const sv_groups *groups, sv_text name) {
    const group *g = sv_map_get(groups->by_name, name);
    return g != NULL ? g->query : NULL;
}

bool sv_groups_have(const sv_groups *groups, const sv_query_device *device, sv_text name) {
    const group *g = sv_map_get(groups->by_name, name);
    if (g == NULL || device->depth > SV_GROUP_DEPTH_MAX) {
        return false;
    }
    if (g->query == NULL) {
        return sv_map_get(g->devices, device->field[SV_QUERY_ID]) != NULL;
    }
    sv_query_device deeper = *device;
    deeper.depth++;
    return sv_query_fits(g->query, &deeper);
}
