#include "standing.h"

#include "actions.h"
#include "audit_log.h"
#include "clones.h"
#include "fleet.h"
#include "standing_own.h"

#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/log.h>

// ---- the log ------------------------------------------------------------------------------------

static sv_err read_change(sv_stmt *row, sv_standing_change *out, sv_why *why) {
    int64_t state = sv_stmt_int(row, 2);
    *out = (sv_standing_change){ .version = sv_stmt_int(row, 0),
                                 .state = (sv_standing_state) state,
                                 .before_us = sv_stmt_int(row, 3) };
    if (state < 0 || state >= SV_STANDING__COUNT || !sv_id_is_valid(sv_stmt_text(row, 1))
        || sv_text_copy(sv_stmt_text(row, 1), out->id, sizeof out->id) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "change %" PRId64 " of the standing is damaged",
                       out->version);
    }
    return SV_OK;
}

static sv_err take_row(sv_standing_log *log, sv_stmt *row, sv_why *why) {
    sv_standing_change change;
    SV_TRY(read_change(row, &change, why));
    if (change.version != log->version + 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "change %" PRId64 " of the standing is missing; restore the database",
                       log->version + 1);
    }
    SV_TRY(sv_standings_set(log->table, &change));
    log->version = change.version;
    return SV_OK;
}

sv_err sv_standing_hash_at(sv_db *db, int64_t version, uint8_t out[SV_STANDING_HASH_BYTES],
                           sv_why *why) {
    sv_stmt *stmt;
    memset(out, 0, SV_STANDING_HASH_BYTES);
    if (version == 0) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(db, "SELECT hash FROM standing WHERE version = ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, version);
    SV_TRY(sv_stmt_next(stmt, why));
    sv_text hash = sv_stmt_bytes(stmt, 0);
    bool whole = hash.len == SV_STANDING_HASH_BYTES;
    if (whole) {
        memcpy(out, hash.at, SV_STANDING_HASH_BYTES);
    }
    sv_stmt_reset(stmt);
    return whole ? SV_OK
                 : sv_fail(why, SV_ERR_INVALID, "change %" PRId64 " of the standing has no hash",
                           version);
}

static sv_err load(sv_db *db, sv_standing_log *log, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT version, id, state, before_us FROM standing ORDER BY version",
                      &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        err = take_row(log, row, why);
        if (err != SV_OK) {
            sv_stmt_reset(row);
            return err;
        }
    }
    return err == SV_ERR_NOT_FOUND ? sv_standing_hash_at(db, log->version, log->hash, why) : err;
}

sv_err sv_standing_log_open(sv_db *db, sv_standing_log **out, sv_why *why) {
    SV_DEFER(sv_standing_log_drop) sv_standing_log *log = sv_mem_new(sizeof *log);
    uint8_t key[16];
    sv_random(key, sizeof key);
    log->table = sv_standings_new(key);
    SV_TRY(load(db, log, why));
    *out = log;
    log = NULL;
    return SV_OK;
}

void sv_standing_log_drop(sv_standing_log **log) {
    sv_standing_log *old = *log;
    *log = NULL;
    if (old != NULL) {
        sv_standings_drop(&old->table);
        free(old);
    }
}

// ---- what holds ---------------------------------------------------------------------------------

sv_standing sv_standing_of(const sv_standing_log *log, sv_text id) {
    sv_standing found = { .state = SV_STANDING_ACTIVE };
    (void) sv_standings_get(log->table, id, &found);
    return found;
}

sv_err sv_standing_allows(const sv_standing_log *log, const char *id, int64_t not_before_us,
                          sv_why *why) {
    sv_standing now = sv_standing_of(log, sv_text_of(id));
    if (sv_standing_judge(&now, not_before_us) != SV_STANDING_REFUSED) {
        return SV_OK;
    }
    char room[40];
    sv_textbuf moment = SV_TEXTBUF(room);
    sv_time_add(&moment, now.before_us);
    return sv_fail(why, SV_ERR_UNTRUSTED,
                   "'%s' is %s: certificates that began before " SV_TEXT_FMT " do not count", id,
                   now.state == SV_STANDING_RETIRED ? "retired" : "revoked",
                   SV_TEXT_ARG(sv_textbuf_text(&moment)));
}

int64_t sv_standing_floor_us(const sv_standing_log *log, sv_text id) {
    return sv_standing_of(log, id).before_us;
}

bool sv_standing_is_out(const sv_standing_log *log, sv_text id) {
    return sv_standing_of(log, id).state >= SV_STANDING_REVOKED;
}

bool sv_standing_is_retired(const sv_fleet *fleet, const sv_device *device) {
    return sv_standing_of(fleet->standing, sv_text_of(device->id)).state == SV_STANDING_RETIRED;
}

int64_t sv_standing_version(const sv_standing_log *log) {
    return log->version;
}

// ---- deciding -----------------------------------------------------------------------------------

/// What will hold once all that is stored is settled.
static sv_standing coming(const sv_standing_log *log, sv_text id) {
    for (size_t i = log->pending_count; i > 0; i--) {
        const sv_standing_change *change = &log->pending[i - 1];
        if (strlen(change->id) == id.len && strncasecmp(change->id, id.at, id.len) == 0) {
            return (sv_standing){ .state = change->state,
                                  .before_us = change->before_us,
                                  .version = change->version };
        }
    }
    return sv_standing_of(log, id);
}

static sv_err check_order(const sv_standing_order *order, const sv_standing *now, sv_why *why) {
    sv_text reason = sv_text_of(order->reason);
    SV_TRY(sv_id_check("id", order->id, why));
    if (reason.len > SV_STANDING_REASON_MAX || !sv_utf8_is_valid(reason)
        || memchr(reason.at, '\n', reason.len) != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "the reason is not one line of at most %d bytes",
                       SV_STANDING_REASON_MAX);
    }
    if (order->state >= now->state || order->replaces || order->folder_us > 0
        || now->state < SV_STANDING_REVOKED) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_STATE,
                   "'" SV_TEXT_FMT "' is %s and stays so; a new key takes its place with: selvedge "
                   "device replace " SV_TEXT_FMT,
                   SV_TEXT_ARG(order->id), sv_standing_state_name(now->state),
                   SV_TEXT_ARG(order->id));
}

/// Certificates count in whole seconds: the bound is the next one, so that what was issued in this
/// second is covered too, and above that of every certificate known, should a clock have gone back.
/// `clock_us`: what the clock says, believed or not; the signer issues by it.
static int64_t bound(const sv_standing_order *order, const sv_standing *now, int64_t now_us,
                     int64_t clock_us) {
    int64_t latest_us = (now_us > clock_us ? now_us : clock_us) + SV_STANDING_AHEAD_US;
    int64_t before_us = order->folder_us > 0 ? order->folder_us
                                             : (now_us / SV_TIME_SECOND_US + 1) * SV_TIME_SECOND_US;
    int64_t known_us = order->known_us + SV_TIME_SECOND_US;
    if (known_us > before_us && known_us <= latest_us) {
        before_us = known_us;
    }
    return before_us > now->before_us ? before_us : now->before_us;
}

sv_err sv_standing_add_row(sv_db *db, const sv_standing_change *change,
                           const sv_standing_order *order, int64_t at_us,
                           uint8_t hash[SV_STANDING_HASH_BYTES], sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_standing_chain(hash, change, why));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO standing (version, id, state, before_us, reason, who, at_us,"
                      " hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, change->version);
    sv_stmt_bind_str(stmt, 2, change->id);
    sv_stmt_bind_int(stmt, 3, change->state);
    sv_stmt_bind_int(stmt, 4, change->before_us);
    sv_stmt_bind_text(stmt, 5, sv_text_of(order->reason));
    sv_stmt_bind_text(stmt, 6, sv_text_of(order->by));
    sv_stmt_bind_int(stmt, 7, at_us);
    sv_stmt_bind_bytes(stmt, 8, (sv_text){ (const char *) hash, SV_STANDING_HASH_BYTES });
    return sv_stmt_run(stmt, why);
}

static const char *name_of_deed(const sv_standing_order *order) {
    static const char *const DEEDS[SV_STANDING__COUNT] = {
        [SV_STANDING_ACTIVE] = "standing.release",
        [SV_STANDING_QUARANTINED] = "standing.quarantine",
        [SV_STANDING_REVOKED] = "standing.revoke",
        [SV_STANDING_RETIRED] = "standing.retire",
    };
    return order->replaces ? "standing.replace" : DEEDS[order->state];
}

static sv_err add_event(sv_db *db, const sv_standing_change *change, const sv_standing_order *order,
                        int64_t now_us, sv_why *why) {
    return sv_audit_add(db,
                        &(sv_audit_event){ .at_us = now_us,
                                           .who = order->by,
                                           .from = order->from,
                                           .what = name_of_deed(order),
                                           .about = change->id,
                                           .outcome = SV_AUDIT_DONE,
                                           .detail = order->reason },
                        why);
}

/// Nothing is left to do when it is so already; what revokes covers what was issued meanwhile.
static bool is_so(const sv_standing_order *order, const sv_standing *now) {
    if (order->folder_us > 0) {
        return order->folder_us <= now->before_us;
    }
    return !order->replaces && order->state == now->state && order->state < SV_STANDING_REVOKED;
}

sv_err sv_standing_store(sv_fleet *fleet, const sv_standing_order *order, sv_standing_change *out,
                         sv_why *why) {
    sv_standing_log *log = fleet->standing;
    sv_standing now = coming(log, order->id);
    int64_t now_us = fleet->believed_us();
    SV_TRY(check_order(order, &now, why));
    bool revokes = order->replaces || order->state >= SV_STANDING_REVOKED;
    sv_standing_change change = { .version = log->version + (int64_t) log->pending_count + 1,
                                  .state = order->state,
                                  .before_us = revokes
                                                   ? bound(order, &now, now_us, fleet->wall_us())
                                                   : now.before_us };
    SV_TRY(sv_text_copy(order->id, change.id, sizeof change.id));
    if (is_so(order, &now)) {
        change.version = now.version;
        *out = change;
        return SV_OK;
    }
    if (log->pending_count == SV_STANDING_AT_ONCE_MAX
        || sv_standings_count(log->table) + log->pending_count >= SV_STANDING_IDS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "there is no room for more decisions about ids");
    }
    uint8_t hash[SV_STANDING_HASH_BYTES];
    memcpy(hash, log->pending_count > 0 ? log->pending_hash : log->hash, sizeof hash);
    SV_TRY(sv_fleet_medium(sv_standing_add_row(fleet->db, &change, order, now_us, hash, why)));
    SV_TRY(sv_fleet_medium(add_event(fleet->db, &change, order, now_us, why)));
    if (change.state >= SV_STANDING_REVOKED) {
        sv_actions_put_out(fleet, change.id, change.state);
    }
    memcpy(log->pending_hash, hash, sizeof hash);
    log->pending[log->pending_count++] = change;
    *out = change;
    return SV_OK;
}

/// A gateway comes again if it may. Ids are one in upper and lower case.
static void end_streams(sv_fleet *fleet, const char *id) {
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        if (strcasecmp(gateway->id, id) == 0) {
            sv_push_end(fleet, gateway);
        }
    }
}

void sv_standing_apply(sv_fleet *fleet, const sv_standing_change *change) {
    sv_standing_log *log = fleet->standing;
    sv_device *device = sv_registry_device(fleet->registry, sv_text_of(change->id));
    if (sv_standings_set(log->table, change) != SV_OK) {
        SV_LOG(error, "standing.full", "%s is not kept in memory", change->id);
    }
    SV_LOG(info, "standing.changed", "%s is %s (change %" PRId64 ")", change->id,
           sv_standing_state_name(change->state), change->version);
    end_streams(fleet, change->id);
    if (device != NULL) {
        sv_fleet_tell_device(fleet, device);
    }
    sv_clones_decided(fleet, change);
}

void sv_standing_settle(sv_fleet *fleet, bool committed) {
    sv_standing_log *log = fleet->standing;
    size_t count = log->pending_count;
    log->pending_count = 0;
    if (!committed || count == 0) {
        return;
    }
    log->version += (int64_t) count;
    memcpy(log->hash, log->pending_hash, sizeof log->hash);
    for (size_t i = 0; i < count; i++) {
        sv_standing_apply(fleet, &log->pending[i]);
    }
    sv_standing_turn(fleet);
}

sv_err sv_standing_set(sv_fleet *fleet, const sv_standing_order *order, sv_standing_change *out,
                       sv_why *why) {
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_standing_store(fleet, order, out, why);
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_db_commit(fleet->db, why));
    } else {
        sv_db_rollback(fleet->db);
    }
    sv_standing_settle(fleet, err == SV_OK);
    return err;
}

// ---- showing it ---------------------------------------------------------------------------------

void sv_standing_write(sv_fleet *fleet, sv_text id, sv_json_out *out) {
    sv_standing now = sv_standing_of(fleet->standing, id);
    sv_stmt *stmt = NULL;
    sv_json_open_object(out);
    sv_json_add_str(out, "state", sv_standing_state_name(now.state));
    if (now.version > 0
        && sv_db_stmt(fleet->db, "SELECT at_us, reason, who FROM standing WHERE version = ?1",
                      &stmt, NULL)
               == SV_OK) {
        sv_stmt_bind_int(stmt, 1, now.version);
    }
    if (stmt != NULL && sv_stmt_next(stmt, NULL) == SV_OK) {
        sv_json_add_int(out, "since", sv_stmt_int(stmt, 0) / 1000);
        sv_json_add_text(out, "reason", sv_stmt_text(stmt, 1));
        sv_json_add_text(out, "by", sv_stmt_text(stmt, 2));
        sv_stmt_reset(stmt);
    } else {
        sv_json_add_null(out, "since");
        sv_json_add_null(out, "reason");
        sv_json_add_null(out, "by");
    }
    sv_json_close_object(out);
}

sv_err sv_standing_page_read(const sv_standing_log *log, sv_db *db, int64_t after,
                             sv_standing_page *out, sv_why *why) {
    if (after > log->version) {
        return sv_fail(why, SV_ERR_STATE,
                       "you hold version %" PRId64 " of the standing, this server's log ends at "
                       "%" PRId64 ": its database is older than what you hold",
                       after, log->version);
    }
    int64_t last =
        log->version - after > SV_STANDING_LINES_MAX ? after + SV_STANDING_LINES_MAX : log->version;
    SV_DEFER(sv_standing_page_drop)
    sv_standing_page page = { .from = after, .newest = log->version };
    page.changes = sv_mem_array((size_t) (last - after) + 1, sizeof *page.changes);
    page.head.version = last;
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT version, id, state, before_us FROM standing WHERE version > ?1"
                      " AND version <= ?2 ORDER BY version",
                      &row, why));
    sv_stmt_bind_int(row, 1, after);
    sv_stmt_bind_int(row, 2, last);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        err = read_change(row, &page.changes[page.count++], why);
        if (err != SV_OK) {
            sv_stmt_reset(row);
            return sv_fleet_medium(err);
        }
    }
    SV_TRY(err == SV_ERR_NOT_FOUND ? SV_OK : err);
    SV_TRY(sv_fleet_medium(sv_standing_hash_at(db, last, page.head.hash, why)));
    *out = page;
    page.changes = NULL;
    return SV_OK;
}
