#include "site_groups_own.h"

#include "inventory.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

// ---- from start to end --------------------------------------------------------------------------

site_told *site_told_of(const sv_site_groups *groups, const sv_site *site) {
    return &groups
                ->sites[site - groups->sites[0].site]; // one for each of the registry, in its order
}

static void drop_sites(sv_site_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        sv_members_drop(&groups->sites[i].told);
    }
    free(groups->sites);
    groups->sites = NULL;
    groups->count = 0;
}

static sv_err read_all(sv_fleet *fleet, sv_site_groups *groups, sv_why *why) {
    groups->count = sv_registry_site_count(fleet->registry);
    groups->sites = sv_mem_array(groups->count + 1, sizeof *groups->sites);
    for (size_t i = 0; i < groups->count; i++) {
        groups->sites[i] = (site_told){ .site = sv_registry_site_at(fleet->registry, i),
                                        .told = sv_members_new(NULL) };
    }
    SV_TRY(site_groups_load(fleet, groups, why));
    for (size_t i = 0; i < groups->count; i++) { // whether they were told is not kept
        groups->sites[i].news = groups->sites[i].revision > 0;
    }
    return SV_OK;
}

sv_err sv_site_groups_open(sv_fleet *fleet, sv_site_groups **out, sv_why *why) {
    sv_site_groups *groups = sv_mem_new(sizeof *groups);
    groups->again = true;
    groups->forgotten = UINT64_MAX;
    sv_err err = read_all(fleet, groups, why);
    if (err != SV_OK) {
        sv_site_groups_drop(&groups);
        return err;
    }
    *out = groups;
    return SV_OK;
}

void sv_site_groups_drop(sv_site_groups **groups) {
    if (*groups != NULL) {
        sv_timer_drop(&(*groups)->timer);
        drop_sites(*groups);
        free(*groups);
        *groups = NULL;
    }
}

void site_groups_anew(sv_fleet *fleet, const sv_why *failure) {
    sv_site_groups *groups = fleet->site_groups;
    sv_why why = { 0 };
    SV_LOG(error, "groups.failed", "who is in the groups of rules is not stored: %s; tried again",
           failure->text);
    drop_sites(groups);
    groups->sweeping = false;
    groups->again = true;
    groups->forgotten = UINT64_MAX;
    if (read_all(fleet, groups, &why) != SV_OK) {
        SV_LOG(error, "groups.failed", "nor can it be read: %s", why.text);
    }
}

// ---- changes, in the caller's transaction -------------------------------------------------------

/// Numbers rise, also past those of a database that was restored.
static void rise(const sv_fleet *fleet, site_told *s) {
    int64_t now_us = fleet->wall_us();
    s->revision = s->revision + 1 > now_us ? s->revision + 1 : now_us;
    s->news = true;
}

static bool is_told(const sv_members *told, const sv_member_group *wanted, size_t count) {
    bool same = sv_members_group_count(told) == count;
    for (size_t i = 0; same && i < count; i++) {
        const sv_member_group *group = sv_members_find(told, sv_text_of(wanted[i].name));
        same = group != NULL && group->known == wanted[i].known;
    }
    return same;
}

sv_err site_groups_name(sv_fleet *fleet, site_told *s, sv_why *why) {
    const sv_groups *all = fleet->inventory->groups;
    sv_member_group wanted[SV_MEMBERS_GROUPS_MAX];
    size_t count = 0;
    SV_TRY(site_groups_wanted(fleet, s->site, wanted, &count, why));
    s->queries = false;
    for (size_t i = 0; i < count; i++) {
        wanted[i].known = sv_groups_know(all, sv_text_of(wanted[i].name));
        s->queries = s->queries || sv_groups_query(all, sv_text_of(wanted[i].name)) != NULL;
    }
    if (is_told(s->told, wanted, count)) {
        return SV_OK;
    }
    SV_TRY(sv_members_groups(s->told, wanted, count, why));
    rise(fleet, s);
    s->unsettled = true;
    s->after[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!wanted[i].known) {
            SV_LOG(warn, "groups.unknown",
                   "the rules of site %s name group %s, which there is not: nobody is in it",
                   s->site->name, wanted[i].name);
        }
    }
    return site_groups_keep_names(fleet, s, why);
}

/// The names it is in, of those that its site's rules name.
static sv_err ask(sv_fleet *fleet, const site_told *s, sv_device *device,
                  sv_text out[SV_MEMBERS_GROUPS_MAX], size_t *count, sv_why *why) {
    sv_inventory_device known = { .device = device };
    known.asked.field[SV_QUERY_ID] = sv_text_of(device->id);
    if (s->queries) {
        SV_TRY(sv_inventory_of(fleet, device, &known, why));
    }
    *count = 0;
    for (size_t i = 0; i < sv_members_group_count(s->told); i++) {
        const sv_member_group *group = sv_members_group_at(s->told, i);
        known.asked.depth = 0;
        if (group->known
            && sv_groups_have(fleet->inventory->groups, &known.asked, sv_text_of(group->name))) {
            out[(*count)++] = sv_text_of(group->name);
        }
    }
    return SV_OK;
}

static bool is_in_these(const site_told *s, sv_text device, const sv_text *in, size_t count) {
    sv_text old[SV_MEMBERS_GROUPS_MAX];
    bool same = sv_members_of(s->told, device, old) == count;
    for (size_t i = 0; same && i < count; i++) {
        same = sv_text_eq(old[i], in[i]); // both are in the order of the groups
    }
    return same;
}

sv_err site_groups_judge(sv_fleet *fleet, site_told *s, sv_device *device, sv_why *why) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    size_t count = 0;
    sv_text id = sv_text_of(device->id);
    if (sv_members_group_count(s->told) == 0) {
        return SV_OK;
    }
    SV_TRY(ask(fleet, s, device, in, &count, why));
    if (is_in_these(s, id, in, count)) {
        return SV_OK;
    }
    sv_why full = { 0 };
    if (sv_members_put(s->told, id, in, count, &full) != SV_OK) {
        if (fleet->site_groups->left_out++ == 0) { // once a sweep
            SV_LOG(error, "groups.full", "site %s, device %s: %s; there may be others",
                   s->site->name, device->id, full.text);
        }
        return SV_OK;
    }
    rise(fleet, s);
    SV_TRY(site_groups_keep_device(fleet, s, id, why));
    return site_groups_keep_names(fleet, s, why);
}

sv_err site_groups_leave(sv_fleet *fleet, site_told *s, sv_text device, sv_why *why) {
    SV_TRY(sv_members_put(s->told, device, NULL, 0, why));
    rise(fleet, s);
    SV_TRY(site_groups_keep_device(fleet, s, device, why));
    return site_groups_keep_names(fleet, s, why);
}

sv_err site_groups_announce(sv_fleet *fleet, site_told *s, sv_why *why) {
    char room[64];
    if (!s->news || s->unsettled) {
        return SV_OK;
    }
    sv_textbuf data = SV_TEXTBUF(room);
    sv_textbuf_addf(&data, "{\"revision\":%lld}", (long long) s->revision);
    s->news = false;
    sv_err err =
        sv_push_add(fleet, (sv_push_to){ .site = s->site }, "groups", sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void site_groups_end(sv_fleet *fleet, sv_err err, sv_why *why) {
    if (sv_push_commit(fleet, err, why) != SV_OK) {
        site_groups_anew(fleet, why);
    }
}

// ---- one device
// -----------------------------------------------------------------------------------

void sv_site_groups_look(sv_fleet *fleet, sv_device *device) {
    sv_why why = { 0 };
    site_told *s = site_told_of(fleet->site_groups, device->site);
    if (sv_members_group_count(s->told) == 0) {
        return;
    }
    if (sv_fleet_medium(sv_db_begin(fleet->db, &why)) != SV_OK) {
        site_groups_anew(fleet, &why);
        return;
    }
    sv_err err = site_groups_judge(fleet, s, device, &why);
    err = err == SV_OK ? site_groups_announce(fleet, s, &why) : err;
    site_groups_end(fleet, err, &why);
}
