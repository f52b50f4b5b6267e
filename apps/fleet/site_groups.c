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
        drop_sites(*groups);
        free(*groups);
        *groups = NULL;
    }
}

/// Nothing of what was begun is in the database: what is there counts, and all is done again.
static void begin_anew(sv_fleet *fleet, const sv_why *failure) {
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

/// The groups that its rules name, and whether there are such.
static sv_err name_groups(sv_fleet *fleet, site_told *s, sv_why *why) {
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

static sv_err judge(sv_fleet *fleet, site_told *s, sv_device *device, sv_why *why) {
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

/// `groups` {"revision"}, to the site's gateways.
static sv_err announce(sv_fleet *fleet, site_told *s, sv_why *why) {
    char room[64];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_textbuf_addf(&data, "{\"revision\":%lld}", (long long) s->revision);
    s->news = false;
    sv_err err =
        sv_push_add(fleet, (sv_push_to){ .site = s->site }, "groups", sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err announce_all(sv_fleet *fleet, sv_why *why) {
    for (size_t i = 0; i < fleet->site_groups->count; i++) {
        if (fleet->site_groups->sites[i].news) {
            SV_TRY(announce(fleet, &fleet->site_groups->sites[i], why));
        }
    }
    return SV_OK;
}

/// The open pages are told once it is so.
static void tell_live(sv_fleet *fleet, const site_told *s) {
    char room[SV_ID_ROOM + 32];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_textbuf_addf(&data, "{\"site\":\"%s\"}", s->site->name);
    sv_live_send(fleet->live, s->site->name, "rules", sv_textbuf_text(&data));
}

/// Ends the transaction that `err` happened in.
static void end(sv_fleet *fleet, sv_err err, sv_why *why) {
    if (sv_push_commit(fleet, err, why) != SV_OK) {
        begin_anew(fleet, why);
    }
}

// ---- one site, one device -----------------------------------------------------------------------

static sv_err judge_site(sv_fleet *fleet, site_told *s, sv_why *why) {
    SV_TRY(name_groups(fleet, s, why));
    for (size_t i = 0;
         sv_members_group_count(s->told) > 0 && i < sv_registry_device_count(fleet->registry);
         i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        if (device->site == s->site) {
            SV_TRY(judge(fleet, s, device, why));
        }
    }
    return s->news ? announce(fleet, s, why) : SV_OK;
}

void sv_site_groups_renamed(sv_fleet *fleet, const sv_site *site) {
    sv_why why = { 0 };
    site_told *s = site_told_of(fleet->site_groups, site);
    int64_t before = s->revision;
    sv_err err = sv_fleet_medium(sv_db_begin(fleet->db, &why));
    if (err != SV_OK) {
        begin_anew(fleet, &why);
        return;
    }
    end(fleet, judge_site(fleet, s, &why), &why);
    s = site_told_of(fleet->site_groups, site);
    if (s->revision != before) {
        tell_live(fleet, s);
    }
}

void sv_site_groups_look(sv_fleet *fleet, sv_device *device) {
    sv_why why = { 0 };
    site_told *s = site_told_of(fleet->site_groups, device->site);
    if (sv_members_group_count(s->told) == 0) {
        return;
    }
    if (sv_fleet_medium(sv_db_begin(fleet->db, &why)) != SV_OK) {
        begin_anew(fleet, &why);
        return;
    }
    sv_err err = judge(fleet, s, device, &why);
    err = err == SV_OK && s->news ? announce(fleet, s, &why) : err;
    end(fleet, err, &why);
}

// ---- all of them, a part in each turn -----------------------------------------------------------

void sv_site_groups_changed(sv_fleet *fleet) {
    fleet->site_groups->again = true;
}

static bool any_names_groups(const sv_site_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        if (sv_members_group_count(groups->sites[i].told) > 0) {
            return true;
        }
    }
    return false;
}

/// Devices that the registry has forgotten are in no group; one of them may be another site's by
/// now.
static sv_err look_for_gone(sv_fleet *fleet, site_told *s, sv_why *why) {
    for (size_t i = sv_members_device_count(s->told); i > 0; i--) {
        char id[SV_ID_ROOM];
        SV_TRY(sv_text_copy(sv_members_device_at(s->told, i - 1), id, sizeof id));
        const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(id));
        if (device == NULL || device->site != s->site) {
            SV_TRY(sv_members_put(s->told, sv_text_of(id), NULL, 0, why));
            rise(fleet, s);
            SV_TRY(site_groups_keep_device(fleet, s, sv_text_of(id), why));
            SV_TRY(site_groups_keep_names(fleet, s, why));
        }
    }
    return SV_OK;
}

static sv_err begin(sv_fleet *fleet, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    size_t devices = sv_registry_device_count(fleet->registry);
    uint64_t forgotten = sv_registry_forgotten(fleet->registry);
    bool gone = forgotten != groups->forgotten;
    for (size_t i = 0; i < groups->count; i++) {
        SV_TRY(name_groups(fleet, &groups->sites[i], why));
        if (gone) {
            SV_TRY(look_for_gone(fleet, &groups->sites[i], why));
        }
    }
    groups->devices = devices;
    groups->forgotten = forgotten;
    groups->left_out = 0;
    groups->again = false;
    groups->after[0] = '\0';
    groups->sweeping = any_names_groups(groups);
    groups->next_us = fleet->mono_us() + SV_SITE_GROUPS_EVERY_US;
    return site_groups_prune(fleet, why);
}

static sv_err step(sv_fleet *fleet, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    size_t count = sv_registry_device_count(fleet->registry);
    size_t i = sv_registry_device_after(fleet->registry, groups->after);
    size_t asked = 0;
    for (size_t looked = 0;
         i < count && looked < SV_SITE_GROUPS_LOOKED && asked < SV_SITE_GROUPS_ASKED;
         looked++, i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        site_told *s = site_told_of(groups, device->site);
        SV_TRY(judge(fleet, s, device, why));
        asked += s->queries ? 1 : 0;
        memcpy(groups->after, device->id, sizeof groups->after);
    }
    groups->sweeping = i < count;
    return SV_OK;
}

static sv_err turn(sv_fleet *fleet, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    if (!groups->sweeping) {
        SV_TRY(begin(fleet, why));
    }
    if (groups->sweeping) {
        SV_TRY(step(fleet, why));
    }
    return groups->sweeping ? SV_OK : announce_all(fleet, why);
}

void sv_site_groups_turn(sv_fleet *fleet) {
    sv_site_groups *groups = fleet->site_groups;
    sv_why why = { 0 };
    bool due = groups->again || fleet->mono_us() >= groups->next_us
               || sv_registry_device_count(fleet->registry) != groups->devices
               || sv_registry_forgotten(fleet->registry) != groups->forgotten;
    if (!groups->sweeping && !due) {
        return;
    }
    if (sv_fleet_medium(sv_db_begin(fleet->db, &why)) != SV_OK) {
        begin_anew(fleet, &why);
        return;
    }
    end(fleet, turn(fleet, &why), &why);
}
