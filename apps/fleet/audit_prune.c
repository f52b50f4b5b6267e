// What the audit log forgets: runs of lines, each of which becomes one signed record over which the
// chain leads on. [audit-3] [audit-10]
#include "audit_keep_own.h"
#include "fleet.h"

#include <inttypes.h>
#include <string.h>
#include <sys/log.h>

/// Lines `first` to `last`, and the pruned records that they join.
typedef struct run {
    int64_t first, last; ///< last 0: there is nothing to forget
} run;

static sv_err read_number(sv_stmt *row, int64_t otherwise, int64_t *out, sv_why *why) {
    sv_err err = sv_stmt_next(row, why);
    *out = err == SV_OK ? sv_stmt_int(row, 0) : otherwise;
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The number that `sql` gives; `otherwise` when there is no row.
static sv_err number(sv_db *db, const char *sql, int64_t otherwise, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, sql, &row, why));
    return read_number(row, otherwise, out, why);
}

/// So, about `one`.
static sv_err number_of(sv_db *db, const char *sql, int64_t one, int64_t otherwise, int64_t *out,
                        sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, sql, &row, why));
    sv_stmt_bind_int(row, 1, one);
    return read_number(row, otherwise, out, why);
}

/// From the log's beginning to the last line that is too old, but never the newest line of all.
/// With the lines that are a day older than they must be the whole day goes.
static sv_err find_old(sv_db *db, int64_t before_us, run *out, sv_why *why) {
    int64_t newest = 0;
    int64_t is_time = 0;
    int64_t young = 0;
    SV_TRY(number_of(db,
                     "SELECT at_us <= ?1 FROM event_log WHERE seq < (SELECT max(seq) FROM"
                     " event_log) ORDER BY seq LIMIT 1",
                     before_us - SV_AUDIT_AGE_SLACK_US, 0, &is_time, why));
    if (!is_time) {
        return SV_OK;
    }
    SV_TRY(number(db, "SELECT max(seq) FROM event_log", 0, &newest, why));
    SV_TRY(number_of(db, "SELECT seq FROM event_log WHERE +at_us >= ?1 ORDER BY seq LIMIT 1",
                     before_us, newest, &young, why));
    SV_TRY(number(db, "SELECT min(seq) FROM event_log", 0, &out->first, why));
    out->last = (young < newest ? young : newest) - 1;
    return SV_OK;
}

static const char NTH_REFUSED[] =
    "SELECT seq FROM event_log WHERE outcome = 'refused' ORDER BY seq DESC LIMIT 1 OFFSET ?1";

/// When a good many refusals are too many, up to which line they go; then that stays until they
/// have gone.
static sv_err find_too_many(sv_db *db, int64_t most, int64_t *to, sv_why *why) {
    int64_t any = 0;
    SV_TRY(number_of(db, NTH_REFUSED, most + SV_AUDIT_REFUSED_SLACK, 0, &any, why));
    return any > 0 ? number_of(db, NTH_REFUSED, most, 0, to, why) : SV_OK;
}

/// The oldest refusal that is one too many, and those that follow it without another line between.
static sv_err find_refused(sv_fleet *fleet, run *out, sv_why *why) {
    sv_db *db = fleet->db;
    int64_t *to = &fleet->audit->refused_to;
    int64_t end = 0;
    SV_TRY(*to == 0 ? find_too_many(db, fleet->audit->refused_max, to, why) : SV_OK);
    if (*to == 0) {
        return SV_OK;
    }
    SV_TRY(number(db, "SELECT min(seq) FROM event_log WHERE outcome = 'refused'", 0, &out->first,
                  why));
    if (out->first == 0 || out->first > *to) {
        *to = 0;
        return SV_OK;
    }
    SV_TRY(number_of(db,
                     "SELECT seq FROM event_log WHERE seq > ?1 AND outcome <> 'refused' ORDER BY"
                     " seq LIMIT 1",
                     out->first, INT64_MAX, &end, why));
    int64_t last = end - 1 < *to ? end - 1 : *to;
    int64_t most = out->first + SV_AUDIT_RUN_MAX - 1;
    // Numbers that are pruned already may stand between.
    return number_of(db, "SELECT max(seq) FROM event_log WHERE seq <= ?1",
                     last < most ? last : most, out->first, &out->last, why);
}

/// Records that touch the run become part of it.
static sv_err join(sv_db *db, run *out, sv_why *why) {
    SV_TRY(
        number_of(db,
                  "SELECT coalesce(min(\"first\"), ?1) FROM event_pruned WHERE \"last\" >= ?1 - 1"
                  " AND \"first\" <= ?1",
                  out->first, out->first, &out->first, why));
    return number_of(
        db,
        "SELECT coalesce(max(\"last\"), ?1) FROM event_pruned WHERE \"first\" <= ?1 + 1"
        " AND \"last\" >= ?1",
        out->last, out->last, &out->last, why);
}

/// `hash` of the line `seq`, or of the record that ends there; `prev` where one begins.
static sv_err hash_at(sv_db *db, const char *sql, int64_t seq, uint8_t out[SV_AUDIT_HASH_BYTES],
                      sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, sql, &row, why));
    sv_stmt_bind_int(row, 1, seq);
    sv_err err = sv_stmt_next(row, why);
    sv_text bytes = err == SV_OK ? sv_stmt_bytes(row, 0) : SV_TEXT("");
    if (bytes.len == SV_AUDIT_HASH_BYTES) {
        memcpy(out, bytes.at, bytes.len);
    }
    sv_stmt_reset(row);
    return bytes.len == SV_AUDIT_HASH_BYTES
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "line %" PRId64
                         " of the audit log is not there: see selvedge audit verify",
                         seq);
}

static sv_err plan(sv_fleet *fleet, sv_signer_statement *out, sv_why *why) {
    sv_db *db = fleet->db;
    run what = { 0 };
    int64_t now_us = fleet->believed_us();
    *out = (sv_signer_statement){ .at_us = now_us };
    SV_TRY(find_old(db, now_us - SV_AUDIT_KEPT_US, &what, why));
    if (what.last == 0) {
        SV_TRY(find_refused(fleet, &what, why));
    }
    if (what.last == 0) {
        return SV_OK;
    }
    SV_TRY(join(db, &what, why));
    SV_TRY(hash_at(db,
                   "SELECT prev FROM event_log WHERE seq = ?1 UNION ALL"
                   " SELECT prev FROM event_pruned WHERE \"first\" = ?1",
                   what.first, out->prev, why));
    SV_TRY(hash_at(db,
                   "SELECT hash FROM event_log WHERE seq = ?1 UNION ALL"
                   " SELECT hash FROM event_pruned WHERE \"last\" = ?1",
                   what.last, out->hash, why));
    out->first = what.first;
    out->last = what.last;
    return SV_OK;
}

// ---- doing it -----------------------------------------------------------------------------------

static sv_err take_out(sv_db *db, const char *sql, const sv_signer_statement *what, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_int(stmt, 1, what->first);
    sv_stmt_bind_int(stmt, 2, what->last);
    return sv_stmt_run(stmt, why);
}

static sv_err put_in(sv_db *db, const sv_signer_statement *what, const sv_audit_seal *seal,
                     sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO event_pruned (\"first\", \"last\", prev, hash, at_us, domain,"
                      " signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, what->first);
    sv_stmt_bind_int(stmt, 2, what->last);
    sv_stmt_bind_bytes(stmt, 3, (sv_text){ (const char *) what->prev, SV_AUDIT_HASH_BYTES });
    sv_stmt_bind_bytes(stmt, 4, (sv_text){ (const char *) what->hash, SV_AUDIT_HASH_BYTES });
    sv_stmt_bind_int(stmt, 5, seal->at_us);
    sv_stmt_bind_str(stmt, 6, seal->domain);
    sv_stmt_bind_bytes(stmt, 7, (sv_text){ (const char *) seal->signature, seal->signature_bytes });
    return sv_stmt_run(stmt, why);
}

static sv_err forget(sv_db *db, const sv_signer_statement *what, const sv_audit_seal *seal,
                     sv_why *why) {
    SV_TRY(take_out(db, "DELETE FROM event_log WHERE seq BETWEEN ?1 AND ?2", what, why));
    SV_TRY(take_out(db, "DELETE FROM event_pruned WHERE \"first\" >= ?1 AND \"last\" <= ?2", what,
                    why));
    // A checkpoint within can be compared with nothing any more.
    SV_TRY(take_out(db, "DELETE FROM event_checkpoint WHERE seq >= ?1 AND seq < ?2", what, why));
    return put_in(db, what, seal, why);
}

static sv_err store(sv_db *db, const sv_signer_statement *what, const sv_audit_seal *seal,
                    sv_why *why) {
    SV_TRY(sv_db_begin(db, why));
    sv_err err = forget(db, what, seal, why);
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

static void next(sv_fleet *fleet);

static void on_signed(void *arg, sv_err err, sv_text answer, const sv_why *reason) {
    sv_fleet *fleet = arg;
    sv_audit_keeper *keeper = fleet->audit;
    sv_audit_seal seal;
    sv_why why = reason != NULL ? *reason : (sv_why){ 0 };
    keeper->prune_under_way = false;
    if (err == SV_OK) {
        err = sv_audit_seal_of(answer, keeper->pruning.at_us, &seal, &why);
    }
    if (err == SV_OK) {
        err = store(fleet->db, &keeper->pruning, &seal, &why);
    }
    if (err != SV_OK) {
        SV_LOG(warn, "audit.prune", "%s; the lines stay", why.text);
        return;
    }
    next(fleet);
}

/// One more run, until nothing is left to forget or it was enough for now.
static void next(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    const sv_audit_seal nobody = { .at_us = fleet->believed_us() };
    sv_why why = { 0 };
    sv_err err = SV_OK;
    while (err == SV_OK && !keeper->prune_under_way
           && keeper->pruned_this_turn++ < SV_AUDIT_PRUNED_A_TURN) {
        err = plan(fleet, &keeper->pruning, &why);
        if (err != SV_OK || keeper->pruning.last == 0) {
            break;
        }
        if (keeper->sign == NULL) {
            err = store(fleet->db, &keeper->pruning, &nobody, &why);
            continue;
        }
        keeper->prune_under_way = true;
        err = keeper->sign(fleet->signer, &keeper->pruning, on_signed, fleet, &why);
        keeper->prune_under_way = keeper->prune_under_way && err == SV_OK;
    }
    if (err != SV_OK) {
        SV_LOG(warn, "audit.prune", "%s; the lines stay", why.text);
    }
}

void sv_audit_prune(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    if (!keeper->prune_under_way) {
        keeper->pruned_this_turn = 0;
        next(fleet);
    }
}
