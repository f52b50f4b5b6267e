#include "uplink.h"

#include "clones.h"
#include "expected.h"
#include "failure_note.h"
#include "inbox.h"
#include "life_note.h"
#include "machine_health.h"
#include "models.h"
#include "series.h"
#include "site_rules.h"
#include "uplink_batch.h"

#include <base/mem.h>
#include <base/ranges.h>
#include <codec/json.h>
#include <model/alert.h>
#include <stdlib.h>

enum { NUMBERS_MAX = 65536 };

static sv_err parse_object(sv_text body, sv_json **out, sv_why *why) {
    SV_TRY(sv_json_parse(body, out, NULL, why));
    if (!sv_json_is_object(*out)) {
        return sv_fail(why, SV_ERR_INVALID, "the body is not a JSON object");
    }
    return SV_OK;
}

static void put_refused(sv_json_out *out, int64_t refused) {
    if (refused > 0) {
        sv_json_add_int(out, "refused", refused);
    }
}

sv_err sv_uplink_end(sv_fleet *fleet, sv_err err, sv_why *why) {
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_db_commit(fleet->db, why));
    } else {
        sv_db_rollback(fleet->db);
    }
    sv_registry_settle(fleet->registry, err == SV_OK);
    return err;
}

bool sv_uplink_is_fault_of_item(sv_err err) {
    return err == SV_ERR_INVALID || err == SV_ERR_UNTRUSTED || err == SV_ERR_STATE;
}

// ---- readings -----------------------------------------------------------------------------------

static sv_err read_numbers(sv_db *db, const sv_gateway *gateway, sv_text epoch, sv_ranges *out,
                           sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT numbers FROM received WHERE gateway = ?1 AND epoch = ?2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, gateway->id);
    sv_stmt_bind_text(stmt, 2, epoch);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK && sv_ranges_parse(sv_stmt_text(stmt, 0), out) != SV_OK) {
        err = sv_fail(why, SV_ERR_IO, "the numbers of gateway %s are damaged", gateway->id);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err write_numbers(sv_fleet *fleet, const sv_gateway *gateway, sv_text epoch,
                            const sv_ranges *numbers, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(NUMBERS_MAX);
    sv_stmt *stmt;
    sv_ranges_format(numbers, &text);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO received (gateway, epoch, numbers, used_us)"
                      " VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (gateway, epoch) DO UPDATE SET numbers = ?3, used_us = ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway->id);
    sv_stmt_bind_text(stmt, 2, epoch);
    sv_stmt_bind_text(stmt, 3, sv_textbuf_text(&text));
    sv_stmt_bind_int(stmt, 4, fleet->wall_us());
    SV_TRY(sv_stmt_run(stmt, why));
    // The epoch in hand stays whatever the clock says.
    SV_TRY(sv_db_stmt(fleet->db,
                      "DELETE FROM received WHERE gateway = ?1 AND epoch <> ?2 AND epoch NOT IN"
                      " (SELECT epoch FROM received WHERE gateway = ?1"
                      " ORDER BY used_us DESC LIMIT ?3)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway->id);
    sv_stmt_bind_text(stmt, 2, epoch);
    sv_stmt_bind_int(stmt, 3, SV_UPLINK_EPOCHS_MAX);
    return sv_stmt_run(stmt, why);
}

typedef struct taken_item {
    sv_stream *stream;
    sv_point point;
} taken_item;

typedef struct batch {
    sv_fleet *fleet;
    sv_gateway *gateway;
    sv_ranges numbers; ///< committed, and those of this batch
    int64_t seq;       ///< the highest of this batch
    int64_t repeated, refused;
    taken_item *taken;
    size_t taken_count;
} batch;

static void drop_numbers(batch *b) {
    sv_ranges_drop(&b->numbers);
}

/// A summary may say what was expected.
static sv_err store_expected(batch *b, const sv_uplink_item *item, const sv_stream *stream,
                             sv_why *why) {
    return item->says_expected
               ? sv_fleet_medium(sv_expected_add(b->fleet->db, stream, &item->expected, why))
               : SV_OK;
}

static sv_err store_item(batch *b, const sv_uplink_item *item, sv_why *why) {
    taken_item taken = { .point = item->point };
    if (!item->good) {
        return sv_fail(why, SV_ERR_INVALID, "the item is neither an average nor a summary");
    }
    sv_device *device;
    SV_TRY(sv_registry_bind(b->fleet->registry, b->gateway, item->device_id, &device, why));
    SV_TRY(sv_registry_stream(b->fleet->registry, device, item->sensor, item->unit, &taken.stream,
                              why));
    SV_TRY(sv_fleet_medium(sv_series_add(b->fleet->db, taken.stream, &taken.point, why)));
    SV_TRY(store_expected(b, item, taken.stream, why));
    b->taken[b->taken_count++] = taken;
    return SV_OK;
}

// An item whose number is known is passed over, one that is wrong is counted, and only the database
// stops the batch.
static sv_err take_item(batch *b, const sv_uplink_item *item, sv_why *why) {
    if (item->seq == 0) {
        b->refused++;
        return SV_OK;
    }
    b->seq = item->seq > b->seq ? item->seq : b->seq;
    if (sv_ranges_add(&b->numbers, item->seq) != SV_RANGES_NEW) {
        b->repeated++;
        return SV_OK;
    }
    sv_err err = store_item(b, item, why);
    if (sv_uplink_is_fault_of_item(err)) {
        b->refused++;
        err = SV_OK;
    }
    return err;
}

static sv_err take_batch(batch *b, const sv_uplink_batch *sent, sv_why *why) {
    SV_TRY(read_numbers(b->fleet->db, b->gateway, sent->epoch, &b->numbers, why));
    for (size_t i = 0; i < sent->count; i++) {
        SV_TRY(take_item(b, &sent->items[i], why));
    }
    if (sent->from > 0 && b->seq >= sent->from) {
        // What is not among the items was dropped by the gateway: nothing is missing there.
        sv_ranges_add_all(&b->numbers, sent->from, b->seq);
    }
    return b->seq == 0 ? SV_OK : write_numbers(b->fleet, b->gateway, sent->epoch, &b->numbers, why);
}

static void show_batch(batch *b) {
    for (size_t i = 0; i < b->taken_count; i++) {
        const taken_item *item = &b->taken[i];
        if (sv_series_note(b->fleet->db, item->stream, &item->point)) {
            sv_live_point(b->fleet->live, item->stream, item->point.at_ms, item->point.value);
        }
    }
    b->fleet->counts.batches++;
    b->fleet->counts.points_stored += (int64_t) b->taken_count;
    b->fleet->counts.points_repeated += b->repeated;
    b->fleet->counts.items_refused += b->refused;
}

sv_err sv_uplink_readings(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                          sv_why *why) {
    SV_DEFER(sv_uplink_batch_drop) sv_uplink_batch sent = { .epoch = SV_TEXT("") };
    SV_TRY(sv_uplink_batch_read(body, &sent, why));
    SV_DEFER(sv_mem_drop) taken_item *taken = sv_mem_array(sent.count + 1, sizeof(taken_item));
    int64_t began_us = fleet->mono_us();
    SV_DEFER(drop_numbers)
    batch b = { .fleet = fleet, .gateway = gateway, .numbers = SV_RANGES_EMPTY, .taken = taken };
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_uplink_end(fleet, sv_fleet_medium(take_batch(&b, &sent, why)), why));
    show_batch(&b);
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "epoch", sent.epoch);
    sv_json_add_int(&out, "seq", b.seq);
    // As long as this one took: what waited takes half of the server's time at most.
    int64_t pause_ms = (fleet->mono_us() - began_us) / 1000;
    if (pause_ms > 0) {
        sv_json_add_int(&out, "pause_ms", pause_ms);
    }
    put_refused(&out, b.refused);
    sv_json_close_object(&out);
    return sv_textbuf_end(answer);
}

// ---- alerts -------------------------------------------------------------------------------------

sv_err sv_uplink_alert(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                       sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_alert alert;
    SV_TRY(parse_object(body, &root, why));
    SV_TRY(sv_alert_from_json(root, &alert, why));
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", alert.id);
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(alert.device_id));
    // A device that nobody has named yet is not made by an alert: a stranger's refused attempt to
    // connect is one too.
    if (device != NULL && device->site != gateway->site) {
        fleet->counts.items_refused++;
        put_refused(&out, 1);
    } else {
        const sv_stream *stream =
            device != NULL ? sv_device_stream(device, sv_text_of(alert.sensor)) : NULL;
        SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
        sv_err err = alert.event == SV_ALERT_ACKNOWLEDGED
                         ? sv_inbox_take_acknowledged(fleet->db, &alert, gateway,
                                                      fleet->wall_us() / 1000, why)
                         : sv_inbox_take(fleet->db, &alert, gateway->site->name,
                                         stream != NULL ? stream->unit : NULL, why);
        SV_TRY(sv_uplink_end(fleet, sv_fleet_medium(err), why));
        fleet->counts.alerts_taken++;
        sv_fleet_tell_alert(fleet, sv_text_of(alert.id));
    }
    sv_json_close_object(&out);
    return sv_textbuf_end(answer);
}

// ---- health -------------------------------------------------------------------------------------

static void take_gateway(sv_fleet *fleet, sv_gateway *gateway, const sv_json *facts) {
    gateway->heard = true;
    gateway->heard_mono_us = fleet->mono_us();
    gateway->last_seen_us = fleet->wall_us();
    (void) sv_json_number(sv_json_get(facts, "readings_per_s"), &gateway->readings_per_s);
    (void) sv_json_int(sv_json_get(facts, "bytes_in"), &gateway->bytes_in);
    (void) sv_json_int(sv_json_get(facts, "bytes_up"), &gateway->bytes_up);
    (void) sv_json_int(sv_json_get(facts, "refused"), &gateway->refused);
    (void) sv_json_int(sv_json_get(facts, "spool"), &gateway->spool);
    (void) sv_json_number(sv_json_get(facts, "spool_fill"), &gateway->spool_fill);
    const sv_json *dropped = sv_json_get(facts, "dropped");
    (void) sv_json_int(sv_json_get(dropped, "averages"), &gateway->dropped.averages);
    (void) sv_json_int(sv_json_get(dropped, "minutes"), &gateway->dropped.minutes);
    (void) sv_json_int(sv_json_get(dropped, "alerts"), &gateway->dropped.alerts);
    (void) sv_json_bool(sv_json_get(facts, "full"), &gateway->full);
    (void) sv_json_number(sv_json_get(facts, "available"), &gateway->available);
    if (sv_models_told(gateway, sv_json_get(facts, "models"))) {
        sv_models_changed(fleet, gateway->site);
    }
}

static void take_report(sv_device *device, const sv_json *report) {
    if (!sv_json_is_object(report)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_FLEET_REPORT_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_put_value(&out, report);
    if (!text.overflowed) {
        sv_device_take_report(device, sv_textbuf_text(&text));
    }
}

/// True when it is another one for whoever looks: a second more or less is none.
static bool take_clock(sv_device *device, const sv_json *item) {
    int64_t before_us = device->clock_ahead_us;
    int64_t ahead_us = 0;
    bool told = sv_json_int(sv_json_get(item, "clock_ahead"), &ahead_us)
                && ahead_us > -SV_UPLINK_AHEAD_US && ahead_us < SV_UPLINK_AHEAD_US;
    device->clock_ahead_us = told ? ahead_us : 0;
    return llabs(device->clock_ahead_us - before_us) > SV_TIME_SECOND_US;
}

// What a device said a moment ago costs no write by itself: presence, type and health are stored
// when they change, the rest once a minute.
static sv_err take_device(sv_fleet *fleet, sv_gateway *gateway, const sv_json *item, sv_why *why) {
    sv_text id;
    bool online;
    sv_device *device;
    if (!sv_json_text(sv_json_get(item, "device_id"), &id)
        || !sv_json_bool(sv_json_get(item, "online"), &online)) {
        return sv_fail(why, SV_ERR_INVALID, "device_id or online is missing");
    }
    int64_t heard_us = 0;
    (void) sv_json_int(sv_json_get(item, "last_seen"), &heard_us);
    sv_clones_look(fleet, gateway, id, online, heard_us);
    SV_TRY(sv_registry_bind(fleet->registry, gateway, id, &device, why));
    bool fresh = device->last_seen_us == 0 && device->since_us == 0;
    bool changed = fresh || device->said_online != online;
    sv_fleet_health reported = device->reported;
    sv_text type;
    device->said_online = online;
    (void) sv_json_int(sv_json_get(item, "since"), &device->since_us);
    int64_t seen_us = device->last_seen_us;
    (void) sv_json_int(sv_json_get(item, "last_seen"), &device->last_seen_us);
    device->seen_again |= device->last_seen_us > seen_us;
    if (sv_json_text(sv_json_get(item, "type"), &type) && sv_id_is_valid(type)
        && !sv_text_is(type, device->type)) {
        changed |= sv_text_copy(type, device->type, sizeof device->type) == SV_OK;
    }
    bool clock = take_clock(device, item);
    take_report(device, sv_json_get(item, "report"));
    changed |= device->reported != reported;
    bool machine = false;
    SV_TRY(sv_machine_take(fleet, device, item, &machine, why));
    SV_TRY(sv_life_take(fleet, device, item, &machine, why));
    SV_TRY(sv_failure_take(fleet, device, item, &machine, why));
    bool presence = sv_device_judge(device);
    if (changed || presence || clock || machine) {
        sv_fleet_tell_device(fleet, device);
    }
    if (changed || device->last_seen_us - device->stored_seen_us >= SV_FLEET_STORE_US) {
        return sv_fleet_medium(sv_registry_store(fleet->registry, device, why));
    }
    return SV_OK;
}

static sv_err take_devices(sv_fleet *fleet, sv_gateway *gateway, const sv_json *devices,
                           int64_t *refused, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(devices); i++) {
        sv_err err = take_device(fleet, gateway, sv_json_at(devices, i), why);
        *refused += sv_uplink_is_fault_of_item(err);
        if (err != SV_OK && !sv_uplink_is_fault_of_item(err)) {
            return err;
        }
    }
    return SV_OK;
}

sv_err sv_uplink_health(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                        sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(parse_object(body, &root, why));
    const sv_json *facts = sv_json_get(root, "gateway");
    const sv_json *devices = sv_json_get(root, "devices");
    if (!sv_json_is_object(facts) || !sv_json_is_array(devices)) {
        return sv_fail(why, SV_ERR_INVALID, "gateway or devices is missing");
    }
    take_gateway(fleet, gateway, facts);
    sv_fleet_judge(fleet);
    int64_t refused = 0;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err =
        sv_fleet_medium(sv_site_rules_told(fleet, gateway, sv_json_get(facts, "rules"), why));
    if (err == SV_OK) {
        err = take_devices(fleet, gateway, devices, &refused, why);
    }
    SV_TRY(sv_uplink_end(fleet, err, why));
    SV_TRY(sv_models_withdrawn(fleet, gateway, sv_json_get(facts, "models"), why));
    sv_clones_turn(fleet);
    fleet->counts.items_refused += refused;
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    put_refused(&out, refused);
    sv_json_close_object(&out);
    return sv_textbuf_end(answer);
}
