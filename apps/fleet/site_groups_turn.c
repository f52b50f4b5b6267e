// Looking at devices, a few milliseconds at a time: at those of a site whose groups are others, and
// at all of them once a minute.
#include "site_groups_own.h"

#include "walk.h"

#include <string.h>

enum { LOOKED_AT = 250 }; ///< of those that ask the database nothing, before the clock is looked at

// ---- a site whose groups are others -------------------------------------------------------------

/// Its devices, some of them; others' are passed over.
static sv_err look_on(sv_fleet *fleet, site_told *s, int64_t end_us, sv_why *why) {
    size_t count = sv_registry_device_count(fleet->registry);
    size_t from = sv_registry_device_after(fleet->registry, s->after);
    size_t i = sv_members_group_count(s->told) > 0 ? from : count;
    bool is_late = false;
    for (; i < count && !is_late; i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        bool is_its = device->site == s->site;
        if (is_its) {
            SV_TRY(site_groups_judge(fleet, s, device, why));
        }
        if (is_its || i % SV_WALK_PASSED_OVER == 0) {
            is_late = fleet->mono_us() >= end_us;
        }
    }
    if (i > from && i < count) {
        memcpy(s->after, sv_registry_device_at(fleet->registry, i - 1)->id, sizeof s->after);
    }
    s->unsettled = i < count;
    if (s->unsettled) {
        return SV_OK;
    }
    s->changed = s->news;
    SV_TRY(site_groups_keep_names(fleet, s, why));
    return site_groups_announce(fleet, s, why);
}

static site_told *next_unsettled(const sv_site_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        if (groups->sites[i].unsettled) {
            return &groups->sites[i];
        }
    }
    return NULL;
}

// ---- all of them, a part in each second ---------------------------------------------------------

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
            SV_TRY(site_groups_leave(fleet, s, sv_text_of(id), why));
        }
    }
    return SV_OK;
}

static sv_err announce_all(sv_fleet *fleet, sv_why *why) {
    for (size_t i = 0; i < fleet->site_groups->count; i++) {
        SV_TRY(site_groups_announce(fleet, &fleet->site_groups->sites[i], why));
    }
    return SV_OK;
}

static sv_err begin(sv_fleet *fleet, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    size_t devices = sv_registry_device_count(fleet->registry);
    uint64_t forgotten = sv_registry_forgotten(fleet->registry);
    bool gone = forgotten != groups->forgotten;
    for (size_t i = 0; i < groups->count; i++) {
        SV_TRY(site_groups_name(fleet, &groups->sites[i], why));
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
    SV_TRY(site_groups_prune(fleet, why));
    return groups->sweeping ? SV_OK : announce_all(fleet, why);
}

static bool is_due(const sv_fleet *fleet) {
    const sv_site_groups *groups = fleet->site_groups;
    return groups->again || fleet->mono_us() >= groups->next_us
           || sv_registry_device_count(fleet->registry) != groups->devices
           || sv_registry_forgotten(fleet->registry) != groups->forgotten;
}

static bool may_look(const sv_site_groups *groups) {
    return groups->looked < SV_SITE_GROUPS_LOOKED && groups->asked < SV_SITE_GROUPS_ASKED;
}

static sv_err sweep_on(sv_fleet *fleet, int64_t end_us, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    size_t count = sv_registry_device_count(fleet->registry);
    size_t i = sv_registry_device_after(fleet->registry, groups->after);
    bool is_late = false;
    for (; i < count && may_look(groups) && !is_late; i++) {
        sv_device *device = sv_registry_device_at(fleet->registry, i);
        site_told *s = site_told_of(groups, device->site);
        SV_TRY(site_groups_judge(fleet, s, device, why));
        groups->looked++;
        groups->asked += s->queries ? 1 : 0;
        memcpy(groups->after, device->id, sizeof groups->after);
        if (s->queries || i % LOOKED_AT == 0) {
            is_late = fleet->mono_us() >= end_us;
        }
    }
    groups->sweeping = i < count;
    return groups->sweeping ? SV_OK : announce_all(fleet, why);
}

// ---- slices -------------------------------------------------------------------------------------

static bool has_more(const sv_site_groups *groups) {
    return next_unsettled(groups) != NULL || (groups->sweeping && may_look(groups));
}

static sv_err slice(sv_fleet *fleet, sv_why *why) {
    sv_site_groups *groups = fleet->site_groups;
    int64_t end_us = fleet->mono_us() + SV_WALK_US;
    site_told *s;
    while ((s = next_unsettled(groups)) != NULL) {
        SV_TRY(look_on(fleet, s, end_us, why));
        if (fleet->mono_us() >= end_us) {
            return SV_OK;
        }
    }
    return groups->sweeping && may_look(groups) ? sweep_on(fleet, end_us, why) : SV_OK;
}

/// The open pages are told once it is so.
static void tell_live(sv_fleet *fleet) {
    for (size_t i = 0; i < fleet->site_groups->count; i++) {
        site_told *s = &fleet->site_groups->sites[i];
        char room[SV_ID_ROOM + 32];
        sv_textbuf data = SV_TEXTBUF(room);
        if (s->changed) {
            sv_textbuf_addf(&data, "{\"site\":\"%s\"}", s->site->name);
            sv_live_send(fleet->live, s->site->name, "rules", sv_textbuf_text(&data));
            s->changed = false;
        }
    }
}

static void on_time(void *arg) {
    (void) sv_site_groups_go_on(arg);
}

static void go_on_later(sv_fleet *fleet) {
    sv_site_groups *groups = fleet->site_groups;
    if (fleet->loop == NULL || !has_more(groups)) {
        return;
    }
    if (groups->timer == NULL) {
        groups->timer = sv_timer_new(fleet->loop, on_time, fleet);
    }
    sv_timer_once(groups->timer, SV_WALK_PAUSE_US);
}

/// A slice, in one transaction with what begins it.
static void run(sv_fleet *fleet, site_told *renamed, bool begins) {
    sv_why why = { 0 };
    sv_err err = sv_fleet_medium(sv_db_begin(fleet->db, &why));
    if (err != SV_OK) {
        site_groups_anew(fleet, &why);
        return;
    }
    err = renamed != NULL ? site_groups_name(fleet, renamed, &why) : SV_OK;
    err = err == SV_OK && begins ? begin(fleet, &why) : err;
    err = err == SV_OK ? slice(fleet, &why) : err;
    site_groups_end(fleet, err, &why);
    tell_live(fleet);
    go_on_later(fleet);
}

bool sv_site_groups_go_on(sv_fleet *fleet) {
    if (has_more(fleet->site_groups)) {
        run(fleet, NULL, false);
    }
    return has_more(fleet->site_groups);
}

void sv_site_groups_renamed(sv_fleet *fleet, const sv_site *site) {
    run(fleet, site_told_of(fleet->site_groups, site), false);
}

void sv_site_groups_turn(sv_fleet *fleet) {
    sv_site_groups *groups = fleet->site_groups;
    groups->looked = groups->asked = 0;
    bool begins = !groups->sweeping && is_due(fleet);
    if (begins || has_more(groups)) {
        run(fleet, NULL, begins);
    }
}
