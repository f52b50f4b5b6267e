#include "ledger.h"

#include <base/mem.h>
#include <model/ledger.h>

typedef struct item {
    sv_text device_id, epoch;
    sv_ledger ledger;
    sv_ranges numbers;
} item;

static void drop_item(item *i) {
    sv_ledger_drop(&i->ledger);
    sv_ranges_drop(&i->numbers);
}

static sv_err read_item(const sv_json *value, item *out, sv_why *why) {
    if (!sv_json_text(sv_json_get(value, "device_id"), &out->device_id)
        || !sv_json_text(sv_json_get(value, "epoch"), &out->epoch) || out->epoch.len == 0
        || out->epoch.len > SV_EPOCH_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "device_id or epoch is missing");
    }
    return sv_ledger_read(value, &out->ledger, &out->numbers, why);
}

static void bind_key(sv_stmt *stmt, const item *i, const sv_gateway *gateway) {
    sv_stmt_bind_text(stmt, 1, i->device_id);
    sv_stmt_bind_text(stmt, 2, i->epoch);
    sv_stmt_bind_str(stmt, 3, gateway->id);
}

/// How many numbers are known already; -1: the epoch is new at this gateway.
static sv_err known_count(sv_db *db, const item *i, const sv_gateway *gateway, int64_t *out,
                          sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT count FROM ledger WHERE device = ?1 AND epoch = ?2 AND gateway = ?3",
                      &stmt, why));
    bind_key(stmt, i, gateway);
    sv_err err = sv_stmt_next(stmt, why);
    *out = err == SV_OK ? sv_stmt_int(stmt, 0) : -1;
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err write_row(sv_fleet *fleet, const item *i, const sv_gateway *gateway, sv_why *why) {
    char numbers_room[SV_LEDGER_NUMBERS_MAX];
    char line_room[SV_LEDGER_LINE_MAX];
    sv_textbuf numbers = SV_TEXTBUF(numbers_room);
    sv_textbuf line = SV_TEXTBUF(line_room);
    sv_ranges_format(&i->numbers, &numbers);
    sv_ledger_format(&i->ledger, &line);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO ledger (device, epoch, gateway, numbers, count, book, first_us,"
                      " told_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                      " ON CONFLICT (device, epoch, gateway) DO UPDATE SET numbers = ?4,"
                      " count = ?5, book = ?6, first_us = ?7, told_us = ?8",
                      &stmt, why));
    bind_key(stmt, i, gateway);
    sv_stmt_bind_text(stmt, 4, sv_textbuf_text(&numbers));
    sv_stmt_bind_int(stmt, 5, sv_ledger_count(&i->numbers));
    sv_stmt_bind_text(stmt, 6, sv_textbuf_text(&line));
    sv_stmt_bind_int(stmt, 7, i->ledger.first_us);
    sv_stmt_bind_int(stmt, 8, fleet->wall_us());
    return sv_stmt_run(stmt, why);
}

// The epoch in hand stays whatever the clock says.
static sv_err forget_oldest(sv_db *db, const item *i, const sv_gateway *gateway, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM ledger WHERE device = ?1 AND (epoch, gateway) <> (?2, ?3)"
                      " AND (epoch, gateway) NOT IN (SELECT epoch, gateway FROM ledger"
                      " WHERE device = ?1 AND (epoch, gateway) <> (?2, ?3)"
                      " ORDER BY told_us DESC, epoch LIMIT ?4)",
                      &stmt, why));
    bind_key(stmt, i, gateway);
    sv_stmt_bind_int(stmt, 4, SV_LEDGER_EPOCHS_MAX - 1);
    return sv_stmt_run(stmt, why);
}

static sv_err store_item(sv_fleet *fleet, sv_gateway *gateway, const sv_json *value, sv_why *why) {
    SV_DEFER(drop_item) item i = { .numbers = SV_RANGES_EMPTY };
    sv_device *device;
    int64_t known = -1;
    SV_TRY(read_item(value, &i, why));
    SV_TRY(sv_registry_bind(fleet->registry, gateway, i.device_id, &device, why));
    SV_TRY(sv_fleet_medium(known_count(fleet->db, &i, gateway, &known, why)));
    if (sv_ledger_count(&i.numbers) < known) {
        return sv_fail(why, SV_ERR_STATE, "device %s has more numbers already", device->id);
    }
    SV_TRY(sv_fleet_medium(write_row(fleet, &i, gateway, why)));
    return known >= 0 ? SV_OK : sv_fleet_medium(forget_oldest(fleet->db, &i, gateway, why));
}

static sv_err store_items(sv_fleet *fleet, sv_gateway *gateway, const sv_json *items,
                          int64_t *refused, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(items); i++) {
        sv_err err = store_item(fleet, gateway, sv_json_at(items, i), why);
        if (err != SV_OK && !sv_uplink_is_fault_of_item(err)) {
            return err;
        }
        *refused += err != SV_OK;
    }
    return SV_OK;
}

sv_err sv_ledger_take(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                      sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    const sv_json *items = sv_json_get(root, "items");
    if (!sv_json_is_array(items)) {
        return sv_fail(why, SV_ERR_INVALID, "items is not an array");
    }
    if (sv_json_count(items) > SV_LEDGER_ITEMS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu items are more than %d; send smaller requests",
                       sv_json_count(items), SV_LEDGER_ITEMS_MAX);
    }
    int64_t refused = 0;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = store_items(fleet, gateway, items, &refused, why);
    SV_TRY(sv_uplink_end(fleet, err, why));
    fleet->counts.items_refused += refused;
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "refused", refused);
    sv_json_close_object(&out);
    return sv_textbuf_end(answer);
}
