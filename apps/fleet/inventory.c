#include "inventory.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- a device as it is asked --------------------------------------------------------------------

static bool has(const sv_query_device *device, sv_query_field field, sv_text name) {
    const sv_inventory *inventory = device->of;
    return sv_groups_have(field == SV_QUERY_TAG ? inventory->tags : inventory->groups, device,
                          name);
}

static void ask_of(sv_fleet *fleet, sv_inventory_device *d) {
    const sv_device *device = d->device;
    const sv_running *running = &d->running;
    sv_text *field = d->asked.field;
    field[SV_QUERY_ID] = sv_text_of(device->id);
    field[SV_QUERY_SITE] = sv_text_of(device->site->name);
    field[SV_QUERY_TYPE] = sv_text_of(device->type);
    field[SV_QUERY_PRODUCT] = sv_text_of(running->product);
    field[SV_QUERY_VERSION] =
        sv_text_of(running->version[0] != '\0' ? running->version : device->version);
    field[SV_QUERY_HARDWARE] = sv_text_of(running->hardware);
    field[SV_QUERY_SLOT] = sv_text_of(running->slot);
    field[SV_QUERY_GATEWAY] = sv_text_of(device->gateway != NULL ? device->gateway->id : "");
    field[SV_QUERY_HEALTH] = sv_text_of(sv_fleet_health_name(sv_device_health(device)));
    d->asked.online = device->online;
    d->asked.diverges = device->diverges;
    d->asked.has = has;
    d->asked.of = fleet->inventory;
    d->asked.depth = 0;
}

sv_err sv_inventory_of(sv_fleet *fleet, sv_device *device, sv_inventory_device *out, sv_why *why) {
    *out = (sv_inventory_device){ .device = device };
    sv_err err = sv_running_of(fleet, device->id, &out->running, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    ask_of(fleet, out);
    return SV_OK;
}

// ---- all of them --------------------------------------------------------------------------------

/// Rows of what runs, walked beside the registry: both are in order of id.
typedef struct rows {
    sv_stmt *stmt;
    sv_text device; ///< of the row that it stands at; empty: there are no more
} rows;

static sv_err next_row(rows *r, sv_why *why) {
    sv_err err = sv_stmt_next(r->stmt, why);
    r->device = err == SV_OK ? sv_stmt_text(r->stmt, 0) : SV_TEXT("");
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static int order(sv_text row, const char *id) {
    size_t len = strlen(id);
    int first = memcmp(row.at, id, row.len < len ? row.len : len);
    return first != 0 ? first : (row.len > len) - (row.len < len);
}

static sv_err seek(rows *r, const char *id, sv_running *out, sv_why *why) {
    memset(out, 0, sizeof *out);
    while (r->device.len > 0 && order(r->device, id) < 0) {
        SV_TRY(next_row(r, why));
    }
    if (r->device.len == 0 || order(r->device, id) != 0) {
        return SV_OK;
    }
    char *const words[] = { out->product,  out->version, out->sha256,
                            out->hardware, out->slot,    out->timezone };
    for (int i = 0; i < (int) SV_COUNT(words); i++) {
        (void) sv_text_copy(sv_stmt_text(r->stmt, i + 1), words[i], SV_RUNNING_WORD_ROOM);
    }
    out->counter = sv_stmt_int(r->stmt, 7);
    out->at_us = sv_stmt_int(r->stmt, 8);
    return SV_OK;
}

static sv_err walk(sv_fleet *fleet, rows *r, size_t from, size_t to, sv_inventory_fn *each,
                   void *arg, sv_why *why) {
    sv_inventory_device d = { 0 };
    for (size_t i = from; i < to; i++) {
        d.device = sv_registry_device_at(fleet->registry, i);
        SV_TRY(seek(r, d.device->id, &d.running, why));
        ask_of(fleet, &d);
        SV_TRY(each(arg, &d, why));
    }
    return SV_OK;
}

sv_err sv_inventory_each(sv_fleet *fleet, const char *after, size_t limit, sv_inventory_fn *each,
                         void *arg, char last[SV_ID_ROOM], sv_why *why) {
    size_t known = sv_registry_device_count(fleet->registry);
    size_t from = sv_registry_device_after(fleet->registry, after);
    size_t to = known - from > limit ? from + limit : known;
    rows r = { 0 };
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, product, version, sha256, hardware, slot, timezone, counter,"
                      " at_us FROM running WHERE device > ?1 AND at_us > 0 ORDER BY device",
                      &r.stmt, why));
    sv_stmt_bind_str(r.stmt, 1, after);
    SV_TRY(next_row(&r, why));
    sv_err err = walk(fleet, &r, from, to, each, arg, why);
    sv_stmt_reset(r.stmt);
    const char *end = to < known ? sv_registry_device_at(fleet->registry, to - 1)->id : "";
    (void) sv_text_copy(sv_text_of(end), last, SV_ID_ROOM);
    return err;
}

sv_err sv_inventory_read(sv_fleet *fleet, sv_text text, sv_query *out, sv_why *why) {
    sv_query query;
    SV_TRY(sv_query_read(text, &query, why));
    SV_TRY(sv_groups_check_names(fleet->inventory->groups, &query, why));
    *out = query;
    return SV_OK;
}

// ---- opening ------------------------------------------------------------------------------------

/// A query that asks for groups which come later in the alphabet has to wait for them.
static sv_err load_queries(sv_db *db, sv_groups *groups, size_t *loaded, sv_why *why) {
    sv_stmt *row;
    SV_TRY(
        sv_db_stmt(db, "SELECT name, query FROM device_group WHERE query IS NOT NULL", &row, why));
    *loaded = 0;
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_query query;
        sv_text name = sv_stmt_text(row, 0);
        *loaded += !sv_groups_know(groups, name)
                   && sv_query_parse(sv_stmt_text(row, 1), &query, NULL) == SV_OK
                   && sv_groups_put_query(groups, name, &query, NULL) == SV_OK;
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err load_lists(sv_db *db, sv_groups *groups, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(db, "SELECT name FROM device_group WHERE query IS NULL", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        (void) sv_groups_put_list(groups, sv_stmt_text(row, 0), NULL);
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(sv_db_stmt(db, "SELECT name, device FROM device_group_member", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        (void) sv_groups_add(groups, sv_stmt_text(row, 0), sv_stmt_text(row, 1), NULL);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err load_tags(sv_db *db, sv_groups *tags, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(db, "SELECT tag, device FROM device_tag", &row, why));
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_text tag = sv_stmt_text(row, 0);
        if (sv_groups_know(tags, tag) || sv_groups_put_list(tags, tag, NULL) == SV_OK) {
            (void) sv_groups_add(tags, tag, sv_stmt_text(row, 1), NULL);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err load(sv_db *db, sv_inventory *inventory, sv_why *why) {
    size_t loaded = 0;
    SV_TRY(load_lists(db, inventory->groups, why));
    SV_TRY(load_tags(db, inventory->tags, why));
    do {
        SV_TRY(load_queries(db, inventory->groups, &loaded, why));
    } while (loaded > 0);
    return SV_OK;
}

sv_err sv_inventory_open(sv_db *db, sv_inventory **out, sv_why *why) {
    sv_inventory *inventory = sv_mem_new(sizeof *inventory);
    inventory->groups = sv_groups_new();
    inventory->tags = sv_groups_new();
    sv_err err = load(db, inventory, why);
    if (err != SV_OK) {
        sv_inventory_drop(&inventory);
        return err;
    }
    *out = inventory;
    return SV_OK;
}

void sv_inventory_drop(sv_inventory **inventory) {
    if (*inventory != NULL) {
        sv_groups_drop(&(*inventory)->groups);
        sv_groups_drop(&(*inventory)->tags);
        free(*inventory);
        *inventory = NULL;
    }
}

// ---- when something has changed -----------------------------------------------------------------

static sv_err settle_all(sv_fleet *fleet, sv_why *why) {
    sv_inventory *fresh = NULL;
    SV_TRY(sv_inventory_open(fleet->db, &fresh, why));
    sv_inventory_drop(&fleet->inventory);
    fleet->inventory = fresh;
    return SV_OK;
}

/// Its row: SV_ERR_NOT_FOUND when there is none; `query` "" of a list.
static sv_err read_group(sv_db *db, sv_text name, char query[SV_QUERY_BYTES_MAX + 1], sv_why *why) {
    sv_stmt *row;
    SV_TRY(
        sv_db_stmt(db, "SELECT coalesce(query, '') FROM device_group WHERE name = ?1", &row, why));
    sv_stmt_bind_text(row, 1, name);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), query, SV_QUERY_BYTES_MAX + 1);
    sv_stmt_reset(row);
    return err;
}

static sv_err settle_list(sv_fleet *fleet, sv_text name, sv_why *why) {
    sv_groups *groups = fleet->inventory->groups;
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_groups_put_list(groups, name, why));
    SV_TRY(
        sv_db_stmt(fleet->db, "SELECT device FROM device_group_member WHERE name = ?1", &row, why));
    sv_stmt_bind_text(row, 1, name);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        (void) sv_groups_add(groups, name, sv_stmt_text(row, 0), NULL);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err settle_group(sv_fleet *fleet, sv_text name, sv_why *why) {
    sv_groups *groups = fleet->inventory->groups;
    char text[SV_QUERY_BYTES_MAX + 1];
    sv_query query;
    sv_err err = read_group(fleet->db, name, text, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_groups_know(groups, name) ? sv_groups_remove(groups, name, why) : SV_OK;
    }
    SV_TRY(err);
    if (text[0] == '\0') {
        return settle_list(fleet, name, why);
    }
    SV_TRY(sv_query_read(sv_text_of(text), &query, why));
    return sv_groups_put_query(groups, name, &query, why);
}

static sv_err settle_tags(sv_fleet *fleet, const sv_device *device, sv_why *why) {
    sv_groups *tags = fleet->inventory->tags;
    sv_stmt *row;
    sv_err err;
    sv_groups_leave(tags, sv_text_of(device->id));
    SV_TRY(sv_db_stmt(fleet->db, "SELECT tag FROM device_tag WHERE device = ?1", &row, why));
    sv_stmt_bind_str(row, 1, device->id);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_text tag = sv_stmt_text(row, 0);
        if (sv_groups_know(tags, tag) || sv_groups_put_list(tags, tag, NULL) == SV_OK) {
            (void) sv_groups_add(tags, tag, sv_text_of(device->id), NULL);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_inventory_settle_group(sv_fleet *fleet, sv_text name, sv_why *why) {
    return settle_group(fleet, name, NULL) == SV_OK ? SV_OK : settle_all(fleet, why);
}

sv_err sv_inventory_settle_tags(sv_fleet *fleet, const sv_device *device, sv_why *why) {
    return settle_tags(fleet, device, NULL) == SV_OK ? SV_OK : settle_all(fleet, why);
}
