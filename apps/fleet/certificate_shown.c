#include "certificate_shown.h"

#include "standing.h"

#include <sys/log.h>

enum { IS_RETIRED = 1 }; ///< in `ends_us`: it is looked at by the next turn; 0: not known

static sv_err store(const sv_fleet *fleet, const char *device, int64_t ends_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO certificate_shown (device, ends_us) VALUES (?1, ?2)"
                      " ON CONFLICT (device) DO UPDATE SET ends_us = ?2 WHERE ends_us < ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, ends_us);
    return sv_stmt_run(stmt, why);
}

void sv_certificate_shown_note(const sv_fleet *fleet, const char *id, int64_t not_after_us) {
    sv_device *device = sv_registry_device(fleet->registry, sv_text_of(id));
    sv_why why = { 0 };
    if (device != NULL && device->certificate_ends_us > 0
        && device->certificate_ends_us >= not_after_us) {
        return;
    }
    sv_err err = store(fleet, id, not_after_us, &why);
    if (err != SV_OK) {
        SV_LOG(warn, "certificate.unkept", "that %s has come with one: %s", id, why.text);
    } else if (device != NULL) {
        device->certificate_ends_us = not_after_us;
    }
}

bool sv_certificate_was_shown(const sv_fleet *fleet, const char *device) {
    sv_stmt *stmt;
    bool has = true;
    if (sv_db_stmt(fleet->db, "SELECT count(*) FROM certificate_shown WHERE device = ?1", &stmt,
                   NULL)
        == SV_OK) {
        sv_stmt_bind_str(stmt, 1, device);
        if (sv_stmt_next(stmt, NULL) == SV_OK) {
            has = sv_stmt_int(stmt, 0) > 0;
            sv_stmt_reset(stmt);
        }
    }
    return has;
}

// ---- what is over -------------------------------------------------------------------------------

typedef struct over {
    char ids[SV_CERTIFICATE_SHOWN_SLICE][SV_ID_ROOM];
    bool is_retired[SV_CERTIFICATE_SHOWN_SLICE]; ///< it was marked so
    size_t count;
} over;

static sv_err find_over(const sv_fleet *fleet, over *o, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, ends_us FROM certificate_shown"
                      " WHERE ends_us > 0 AND ends_us < ?1 ORDER BY ends_us LIMIT ?2",
                      &row, why));
    sv_stmt_bind_int(row, 1, fleet->believed_us() - SV_CERTIFICATE_SHOWN_US);
    sv_stmt_bind_int(row, 2, SV_CERTIFICATE_SHOWN_SLICE);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        o->is_retired[o->count] = sv_stmt_int(row, 1) == IS_RETIRED;
        (void) sv_text_copy(sv_stmt_text(row, 0), o->ids[o->count++], SV_ID_ROOM);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// A device that was retired and is not any more: when its certificate ends is not known.
static sv_err take_out(const sv_fleet *fleet, const char *id, bool is_retired, sv_why *why) {
    sv_device *device = sv_registry_device(fleet->registry, sv_text_of(id));
    bool is_back =
        is_retired && sv_standing_of(fleet->standing, sv_text_of(id)).state != SV_STANDING_RETIRED;
    sv_stmt *stmt;
    if (device != NULL) {
        device->certificate_ends_us = 0; // if it comes once more, that is kept once more
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      is_back ? "UPDATE certificate_shown SET ends_us = 0 WHERE device = ?1"
                              : "DELETE FROM certificate_shown WHERE device = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    return sv_stmt_run(stmt, why);
}

static sv_err take_out_all(const sv_fleet *fleet, const over *o, sv_why *why) {
    for (size_t i = 0; i < o->count; i++) {
        SV_TRY(take_out(fleet, o->ids[i], o->is_retired[i], why));
    }
    return SV_OK;
}

static sv_err turn(const sv_fleet *fleet, sv_why *why) {
    over o = { .count = 0 };
    SV_TRY(find_over(fleet, &o, why));
    if (o.count == 0) {
        return SV_OK;
    }
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = take_out_all(fleet, &o, why);
    err = err == SV_OK ? sv_db_commit(fleet->db, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
    }
    return err;
}

void sv_certificate_shown_turn(const sv_fleet *fleet) {
    sv_why why = { 0 };
    if (turn(fleet, &why) != SV_OK) {
        SV_LOG(warn, "certificate.unpruned", "%s", why.text);
    }
}
