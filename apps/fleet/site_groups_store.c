// The rows.
#include "site_groups_own.h"

#include "site_rules.h"

#include <sys/log.h>

enum { NAMES_ROOM = SV_MEMBERS_GROUPS_MAX * (SV_ID_ROOM + 1) + 1 };

// ---- reading ------------------------------------------------------------------------------------

/// Lines of names, `-` before one that is not known.
static size_t read_names(sv_text text, sv_member_group out[SV_MEMBERS_GROUPS_MAX]) {
    size_t count = 0;
    while (text.len > 0 && count < SV_MEMBERS_GROUPS_MAX) {
        sv_text line = sv_text_cut(&text, '\n');
        bool known = !sv_text_starts(line, SV_TEXT("-"));
        sv_text name = known ? line : (sv_text){ line.at + 1, line.len - 1 };
        out[count] = (sv_member_group){ .known = known };
        if (sv_text_copy(name, out[count].name, SV_ID_ROOM) == SV_OK) {
            count++;
        }
    }
    return count;
}

/// Of groups that there are no more nothing is read.
static size_t read_member(const sv_members *members, sv_text text,
                          sv_text out[SV_MEMBERS_GROUPS_MAX]) {
    size_t count = 0;
    while (text.len > 0 && count < SV_MEMBERS_GROUPS_MAX) {
        sv_text name = sv_text_cut(&text, ' ');
        const sv_member_group *group = sv_members_find(members, name);
        if (group != NULL && group->known) {
            out[count++] = name;
        }
    }
    return count;
}

static sv_err load_sites(sv_fleet *fleet, sv_site_groups *out, sv_why *why) {
    sv_member_group names[SV_MEMBERS_GROUPS_MAX];
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT site, revision, names FROM site_groups", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        const sv_site *site = sv_registry_site(fleet->registry, sv_stmt_text(row, 0));
        site_told *s = site == NULL ? NULL : site_told_of(out, site);
        if (s != NULL) {
            s->revision = sv_stmt_int(row, 1);
            size_t count = read_names(sv_stmt_text(row, 2), names);
            (void) sv_members_groups(s->told, names, count, NULL); // as they were written
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err load_members(sv_fleet *fleet, sv_site_groups *out, sv_why *why) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT site, device, names FROM site_member WHERE names <> ''",
                      &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        const sv_site *site = sv_registry_site(fleet->registry, sv_stmt_text(row, 0));
        site_told *s = site == NULL ? NULL : site_told_of(out, site);
        if (s != NULL) {
            size_t count = read_member(s->told, sv_stmt_text(row, 2), in);
            (void) sv_members_put(s->told, sv_stmt_text(row, 1), in, count, NULL);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err site_groups_load(sv_fleet *fleet, sv_site_groups *out, sv_why *why) {
    SV_TRY(load_sites(fleet, out, why));
    return load_members(fleet, out, why);
}

// ---- which are wanted ---------------------------------------------------------------------------

static bool is_among(const sv_member_group *groups, size_t count, sv_text name) {
    for (size_t i = 0; i < count; i++) {
        if (sv_text_is(name, groups[i].name)) {
            return true;
        }
    }
    return false;
}

static sv_err add_version(sv_db *db, const sv_site *site, int64_t version,
                          sv_member_group out[SV_MEMBERS_GROUPS_MAX], size_t *count, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(db,
                      "SELECT name FROM site_rules_group WHERE site = ?1 AND version = ?2"
                      " ORDER BY place",
                      &row, why));
    sv_stmt_bind_str(row, 1, site->name);
    sv_stmt_bind_int(row, 2, version);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_text name = sv_stmt_text(row, 0);
        if (*count < SV_MEMBERS_GROUPS_MAX && !is_among(out, *count, name)
            && sv_text_copy(name, out[*count].name, SV_ID_ROOM) == SV_OK) {
            ++*count;
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The version that a gateway says it goes by; 0: its file, or it has said nothing.
static int64_t goes_by(const sv_gateway *gateway) {
    SV_DEFER(sv_json_drop) sv_json *told = NULL;
    int64_t version = 0;
    if (gateway->rules == NULL
        || sv_json_parse(sv_text_of(gateway->rules), &told, NULL, NULL) != SV_OK
        || !sv_json_int(sv_json_get(told, "version"), &version)) {
        return 0;
    }
    return version;
}

static sv_err newest(sv_db *db, const sv_site *site, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT coalesce(max(version), 0) FROM site_rules WHERE site = ?1", &row,
                      why));
    sv_stmt_bind_str(row, 1, site->name);
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err site_groups_wanted(sv_fleet *fleet, const sv_site *site,
                          sv_member_group out[SV_MEMBERS_GROUPS_MAX], size_t *count, sv_why *why) {
    int64_t version = 0;
    for (size_t i = 0; i < SV_MEMBERS_GROUPS_MAX; i++) {
        out[i] = (sv_member_group){ .known = false };
    }
    *count = 0;
    SV_TRY(newest(fleet->db, site, &version, why));
    SV_TRY(add_version(fleet->db, site, version, out, count, why));
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        int64_t its = gateway->site == site ? goes_by(gateway) : 0;
        if (its > 0 && its != version) {
            SV_TRY(add_version(fleet->db, site, its, out, count, why));
        }
    }
    return SV_OK;
}

// ---- writing ------------------------------------------------------------------------------------

sv_err sv_site_groups_note(sv_db *db, const sv_site *site, int64_t version, const sv_rules *rules,
                           sv_why *why) {
    sv_member_group names[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_rules_fleet_groups(rules, names);
    sv_stmt *stmt;
    for (size_t i = 0; i < count; i++) {
        SV_TRY(sv_db_stmt(db,
                          "INSERT INTO site_rules_group (site, version, place, name)"
                          " VALUES (?1, ?2, ?3, ?4)",
                          &stmt, why));
        sv_stmt_bind_str(stmt, 1, site->name);
        sv_stmt_bind_int(stmt, 2, version);
        sv_stmt_bind_int(stmt, 3, (int64_t) i);
        sv_stmt_bind_str(stmt, 4, names[i].name);
        SV_TRY(sv_stmt_run(stmt, why));
    }
    SV_TRY(sv_db_stmt(db, "DELETE FROM site_rules_group WHERE site = ?1 AND version <= ?2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, site->name);
    sv_stmt_bind_int(stmt, 2, version - SV_SITE_RULES_VERSIONS_MAX);
    return sv_stmt_run(stmt, why);
}

sv_err site_groups_keep_names(sv_fleet *fleet, const site_told *s, sv_why *why) {
    char room[NAMES_ROOM];
    sv_textbuf names = SV_TEXTBUF(room);
    sv_stmt *stmt;
    for (size_t i = 0; i < sv_members_group_count(s->told); i++) {
        const sv_member_group *group = sv_members_group_at(s->told, i);
        sv_textbuf_addf(&names, "%s%s%s", i > 0 ? "\n" : "", group->known ? "" : "-", group->name);
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO site_groups (site, revision, names)"
                      " VALUES (?1, ?2, coalesce(?3, ''))"
                      " ON CONFLICT (site) DO UPDATE SET revision = ?2,"
                      " names = coalesce(?3, names)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, s->site->name);
    sv_stmt_bind_int(stmt, 2, s->revision);
    if (!s->unsettled) {
        sv_stmt_bind_text(stmt, 3, sv_textbuf_text(&names));
    }
    return sv_stmt_run(stmt, why);
}

sv_err site_groups_keep_device(sv_fleet *fleet, const site_told *s, sv_text device, sv_why *why) {
    char room[NAMES_ROOM];
    sv_textbuf names = SV_TEXTBUF(room);
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_members_of(s->told, device, in);
    sv_stmt *stmt;
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_add_str(&names, i > 0 ? " " : "");
        sv_textbuf_add(&names, in[i]);
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO site_member (site, device, revision, names)"
                      " VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (site, device) DO UPDATE SET revision = ?3, names = ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, s->site->name);
    sv_stmt_bind_text(stmt, 2, device);
    sv_stmt_bind_int(stmt, 3, s->revision);
    sv_stmt_bind_text(stmt, 4, sv_textbuf_text(&names));
    return sv_stmt_run(stmt, why);
}

sv_err site_groups_prune(sv_fleet *fleet, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "DELETE FROM site_member WHERE (site, device) IN (SELECT site, device"
                      " FROM site_member WHERE names = '' AND revision < ?1 LIMIT ?2)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, fleet->wall_us() - SV_SITE_GROUPS_GONE_US);
    sv_stmt_bind_int(stmt, 2, SV_SITE_GROUPS_PRUNED);
    return sv_stmt_run(stmt, why);
}

// ---- giving -------------------------------------------------------------------------------------

static void put_device(const site_told *s, sv_text device, sv_json_out *out) {
    sv_text in[SV_MEMBERS_GROUPS_MAX];
    size_t count = sv_members_of(s->told, device, in);
    sv_json_open_object(out);
    sv_json_add_text(out, "id", device);
    sv_json_key(out, "in");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_json_put_text(out, in[i]);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

/// Up to which number; `more`: there are devices beyond it.
static sv_err put_devices(sv_fleet *fleet, const site_told *s, int64_t after, int64_t *last,
                          bool *more, sv_json_out *out, sv_why *why) {
    size_t count = 0;
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, revision FROM site_member WHERE site = ?1 AND revision > ?2"
                      " ORDER BY revision LIMIT ?3",
                      &row, why));
    sv_stmt_bind_str(row, 1, s->site->name);
    sv_stmt_bind_int(row, 2, after);
    sv_stmt_bind_int(row, 3, SV_SITE_GROUPS_PAGE + 1);
    *last = s->revision;
    *more = false;
    int64_t seen = after;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        if (count++ == SV_SITE_GROUPS_PAGE) {
            *last = seen;
            *more = true;
            sv_stmt_reset(row);
            return SV_OK;
        }
        put_device(s, sv_stmt_text(row, 0), out);
        seen = sv_stmt_int(row, 1);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void put_groups(const site_told *s, sv_json_out *out) {
    sv_json_key(out, "groups");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_members_group_count(s->told); i++) {
        const sv_member_group *group = sv_members_group_at(s->told, i);
        sv_json_open_object(out);
        sv_json_add_str(out, "name", group->name);
        sv_json_add_bool(out, "known", group->known);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

sv_err sv_site_groups_give(sv_fleet *fleet, const sv_site *site, int64_t after, sv_json_out *out,
                           sv_why *why) {
    const site_told *s = site_told_of(fleet->site_groups, site);
    char room[32];
    sv_textbuf sum = SV_TEXTBUF(room);
    int64_t last = 0;
    bool more = false;
    if (s->unsettled) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "who is in the groups of site %s is being looked for: ask again",
                       s->site->name);
    }
    sv_json_open_object(out);
    put_groups(s, out);
    sv_json_key(out, "devices");
    sv_json_open_array(out);
    SV_TRY(put_devices(fleet, s, after, &last, &more, out, why));
    sv_json_close_array(out);
    sv_textbuf_addf(&sum, "%016llx", (unsigned long long) sv_members_sum(s->told));
    sv_json_add_int(out, "revision", last);
    sv_json_add_bool(out, "more", more);
    sv_json_add_text(out, "sum", sv_textbuf_text(&sum));
    sv_json_close_object(out);
    return SV_OK;
}

void sv_site_groups_write(const sv_fleet *fleet, const sv_site *site, sv_json_out *out) {
    const site_told *s = site_told_of(fleet->site_groups, site);
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_members_group_count(s->told); i++) {
        const sv_member_group *group = sv_members_group_at(s->told, i);
        sv_json_open_object(out);
        sv_json_add_str(out, "name", group->name);
        sv_json_add_bool(out, "known", group->known);
        sv_json_add_int(out, "devices", (int64_t) group->count);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}
