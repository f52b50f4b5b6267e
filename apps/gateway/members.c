#include "members.h"

#include "gateway.h"
#include "members_page.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/log.h>

enum { STATUS_OK = 200, STATUS_NONE = 404, NAMES_ROOM = SV_MEMBERS_GROUPS_MAX * (SV_ID_ROOM + 1) };

// ---- what is on disk ----------------------------------------------------------------------------

static void keep_device(gw *g, const sv_members *members, sv_text device) {
    char room[NAMES_ROOM];
    sv_textbuf names = SV_TEXTBUF(room);
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_members_of(members, device, in);
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_add_str(&names, i > 0 ? " " : "");
        sv_textbuf_add(&names, in[i]);
    }
    sv_writer_add(g->writer, count > 0 ? "INSERT OR REPLACE INTO member VALUES (?, ?)"
                                       : "DELETE FROM member WHERE device = ?");
    sv_writer_text(g->writer, device);
    if (count > 0) {
        sv_writer_text(g->writer, sv_textbuf_text(&names));
    }
}

static void keep_groups(gw *g, const sv_members *members) {
    sv_writer_add(g->writer, "DELETE FROM member_group");
    for (size_t i = 0; i < sv_members_group_count(members); i++) {
        const sv_member_group *group = sv_members_group_at(members, i);
        sv_writer_add(g->writer, "INSERT INTO member_group VALUES (?, ?, ?)");
        sv_writer_str(g->writer, group->name);
        sv_writer_int(g->writer, (int64_t) i);
        sv_writer_int(g->writer, group->known);
    }
}

/// What differs is written: who is in other groups than before, and who was in some.
static void keep(gw *g, const sv_members *old, const sv_members *fresh, int64_t revision) {
    for (size_t i = 0; i < sv_members_device_count(fresh); i++) {
        sv_text device = sv_members_device_at(fresh, i);
        if (!sv_members_agree(old, fresh, device)) {
            keep_device(g, fresh, device);
        }
    }
    for (size_t i = 0; i < sv_members_device_count(old); i++) {
        sv_text device = sv_members_device_at(old, i);
        sv_text in[SV_MEMBERS_GROUPS_MAX];
        if (sv_members_of(fresh, device, in) == 0) {
            keep_device(g, fresh, device);
        }
    }
    keep_groups(g, fresh);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO members VALUES (1, ?)");
    sv_writer_int(g->writer, revision);
    sv_writer_hurry(g->writer);
}

static sv_err read_groups(gw *g, sv_members *out, sv_why *why) {
    sv_member_group groups[SV_MEMBERS_GROUPS_MAX];
    size_t count = 0;
    sv_stmt *row = NULL;
    sv_err err;
    SV_TRY(sv_db_stmt(g->db, "SELECT name, known FROM member_group ORDER BY place", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_member_group group = { .known = sv_stmt_int(row, 1) != 0 };
        if (count < SV_MEMBERS_GROUPS_MAX
            && sv_text_copy(sv_stmt_text(row, 0), group.name, SV_ID_ROOM) == SV_OK) {
            groups[count++] = group;
        }
    }
    return err == SV_ERR_NOT_FOUND ? sv_members_groups(out, groups, count, why) : err;
}

static sv_err read_devices(gw *g, sv_members *out, sv_why *why) {
    sv_stmt *row = NULL;
    sv_err err;
    SV_TRY(sv_db_stmt(g->db, "SELECT device, names FROM member", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_text in[SV_MEMBERS_GROUPS_MAX];
        sv_text rest = sv_stmt_text(row, 1);
        size_t count = 0;
        while (rest.len > 0 && count < SV_MEMBERS_GROUPS_MAX) {
            in[count++] = sv_text_cut(&rest, ' ');
        }
        (void) sv_members_put(out, sv_stmt_text(row, 0), in, count, NULL); // as it was written
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err read_revision(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT coalesce(max(revision), 0) FROM members", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    g->members.revision = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err gw_members_open(gw *g, sv_why *why) {
    g->members.in_force = sv_members_new(NULL);
    SV_TRY(read_revision(g, why));
    SV_TRY(read_groups(g, g->members.in_force, why));
    return read_devices(g, g->members.in_force, why);
}

// ---- coming in force ----------------------------------------------------------------------------

sv_rules *gw_members_with(gw *g, sv_rules *rules) {
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    if (sv_rules_fleet_groups(rules, named) == 0) {
        return rules;
    }
    sv_rules *with = sv_rules_with(rules, g->members.in_force);
    sv_rules_drop(&rules);
    return with;
}

bool gw_members_lack(const gw *g, const sv_rules *rules) {
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_rules_fleet_groups(rules, named);
    for (size_t i = 0; i < count; i++) {
        if (sv_members_find(g->members.in_force, sv_text_of(named[i].name)) == NULL) {
            return true;
        }
    }
    return false;
}

void gw_members_warn(const gw *g, const sv_rules *rules) {
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_rules_fleet_groups(rules, named);
    for (size_t i = 0; i < count; i++) {
        const sv_member_group *group =
            sv_members_find(g->members.in_force, sv_text_of(named[i].name));
        if (group == NULL || !group->known || group->count == 0) {
            SV_LOG(warn, "members.nobody",
                   "group %s, which the rules name, %s: it matches no device", named[i].name,
                   group == NULL   ? "has not been told by the fleet server"
                   : !group->known ? "does not exist at the fleet server"
                                   : "has no device of this site");
        }
    }
}

/// Rules and guards of those that are in other groups now.
static void apply(gw *g, sv_members *fresh) {
    sv_members *old = g->members.in_force;
    sv_rules *before = g->config.rules;
    g->members.in_force = fresh;
    sv_member_group named[SV_MEMBERS_GROUPS_MAX];
    if (sv_rules_fleet_groups(before, named) > 0) {
        g->config.rules = sv_rules_with(before, fresh);
        gw_ingest_members(g, old, fresh);
        sv_rules_drop(&before);
    }
    sv_members_drop(&old);
}

void gw_members_turn(gw *g) {
    gw_members *m = &g->members;
    if (m->next.members == NULL || g->committed < m->next.group) {
        return;
    }
    bool differs =
        sv_members_sum(m->next.members) != sv_members_sum(m->in_force)
        || sv_members_group_count(m->next.members) != sv_members_group_count(m->in_force);
    m->revision = m->next.revision;
    sv_members *fresh = m->next.members;
    m->next.members = NULL;
    apply(g, fresh);
    SV_LOG(info, "members.applied", "%zu groups, %zu devices of the site in them, number %lld",
           sv_members_group_count(fresh), sv_members_device_count(fresh), (long long) m->revision);
    if (differs) {
        gw_members_warn(g, g->config.rules);
    }
}

// ---- what comes ---------------------------------------------------------------------------------

static void drop_coming(gw_members *m) {
    sv_members_drop(&m->coming.members);
    m->coming.whole = false;
}

static void begin_coming(gw_members *m) {
    if (m->coming.members == NULL) {
        m->coming.members = m->coming.whole ? sv_members_new(NULL) : sv_members_copy(m->in_force);
        m->coming.revision = m->coming.whole ? 0 : m->revision;
    }
}

static bool is_news(const gw_members *m) {
    return m->coming.whole || m->coming.revision != m->revision;
}

/// All is there, and is what the fleet server has.
static void take_over(gw *g) {
    gw_members *m = &g->members;
    m->wanted = m->again;
    m->again = false;
    gw_pause_end(&m->pause);
    if (!is_news(m)) {
        drop_coming(m);
        return;
    }
    keep(g, m->in_force, m->coming.members, m->coming.revision);
    m->next.members = m->coming.members;
    m->next.revision = m->coming.revision;
    m->next.group = sv_writer_group(g->writer);
    m->coming.members = NULL;
    m->coming.whole = false;
}

sv_err gw_members_take(gw *g, const sv_json *given, sv_why *why) {
    gw_members *m = &g->members;
    gw_members_page page;
    begin_coming(m);
    sv_err err = gw_members_page_read(given, m->coming.members, &page, why);
    if (err != SV_OK) {
        drop_coming(m);
        return err;
    }
    m->coming.revision = page.revision;
    if (page.more) {
        gw_pause_end(&m->pause); // the next part at once
    } else if (page.sum == sv_members_sum(m->coming.members)) {
        take_over(g);
    } else if (m->coming.whole) {
        drop_coming(m);
        return sv_fail(why, SV_ERR_INVALID, "the sum of what came is not that of all there is");
    } else {
        SV_LOG(warn, "members.lost", "something was lost after number %lld; all is asked for",
               (long long) m->revision);
        drop_coming(m);
        m->coming.whole = true;
    }
    return SV_OK;
}

// ---- asking -------------------------------------------------------------------------------------

static void on_look(void *arg);

static void try_later(gw *g, const sv_http_reply_view *reply, const sv_why *why) {
    gw_pause_longer(g, &g->members.pause, "members.unfetched", reply, why);
}

static void fetched(void *arg, const sv_http_reply_view *reply, const sv_why *unreached) {
    gw *g = arg;
    gw_members *m = &g->members;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { 0 };
    m->under_way = false;
    if (g->exit_code != 0) {
        return;
    }
    if (reply->status == STATUS_NONE) {
        m->wanted = false; // it knows nothing of groups in rules
        drop_coming(m);
    } else if (reply->status != STATUS_OK) {
        try_later(g, reply, reply->status == 0 ? unreached : NULL);
    } else if (sv_json_parse(reply->body, &root, NULL, &why) != SV_OK
               || gw_members_take(g, root, &why) != SV_OK) {
        try_later(g, reply, &why);
    } else if (m->wanted) {
        on_look(g);
    }
}

static void on_look(void *arg) {
    gw *g = arg;
    gw_members *m = &g->members;
    char path[SV_ID_ROOM + 64];
    if (!m->wanted || m->under_way || m->next.members != NULL || g->full || g->exit_code != 0
        || sv_writer_is_behind(g->writer) || !gw_pause_is_over(&m->pause)) {
        return;
    }
    begin_coming(m);
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/groups?after=%" PRId64, g->config.id,
                    m->coming.revision);
    m->under_way = gw_uplink_get(g, path, fetched);
}

void gw_members_lost(gw *g) {
    gw_members *m = &g->members;
    if (m->timer == NULL || g->config.rules_from != GW_RULES_FROM_FLEET) {
        return;
    }
    m->again = m->under_way;
    m->wanted = true;
    gw_pause_end(&m->pause);
    on_look(g);
}

/// `groups` {"revision"}: asked for by the next look.
gw_event_end gw_members_want(gw *g, int64_t id, const sv_json *data) {
    int64_t revision = 0;
    (void) id;
    if (!sv_json_int(sv_json_get(data, "revision"), &revision) || revision < 1) {
        return GW_EVENT_REFUSED;
    }
    if (g->config.rules_from != GW_RULES_FROM_FLEET) {
        return GW_EVENT_IDLE;
    }
    gw_members_lost(g);
    return GW_EVENT_DONE;
}

void gw_members_start(gw *g) {
    if (g->config.fleet.url[0] == '\0') {
        return;
    }
    g->members.timer = sv_timer_new(g->loop, on_look, g);
    sv_timer_every(g->members.timer, GW_PAUSE_LOOK_US);
    gw_members_lost(g);
}

void gw_members_close(gw *g) {
    sv_timer_drop(&g->members.timer);
    sv_members_drop(&g->members.in_force);
    sv_members_drop(&g->members.next.members);
    sv_members_drop(&g->members.coming.members);
}

void gw_members_write(const gw *g, sv_json_out *out) {
    const sv_members *members = g->members.in_force;
    sv_json_open_object(out);
    sv_json_add_int(out, "revision", g->members.revision);
    sv_json_key(out, "groups");
    sv_json_open_array(out);
    for (size_t i = 0; members != NULL && i < sv_members_group_count(members); i++) {
        const sv_member_group *group = sv_members_group_at(members, i);
        sv_json_open_object(out);
        sv_json_add_str(out, "name", group->name);
        sv_json_add_bool(out, "known", group->known);
        sv_json_add_int(out, "devices", (int64_t) group->count);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}
