#include "belief.h"

#include "audit_keep.h"
#include "commands.h"
#include "enrol.h"
#include "inbox.h"
#include "maintenance.h"
#include "notify.h"
#include "series.h"

#include <sys/clock.h>
#include <sys/log.h>

sv_err sv_fleet_belief_resume(const sv_fleet *fleet, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT at_us, doubted_us FROM belief", &row, why));
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        sv_clock_resume(sv_stmt_int(row, 0), 0);
        sv_clock_carry(sv_stmt_int(row, 1));
        sv_stmt_reset(row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err keep(const sv_fleet *fleet, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT OR REPLACE INTO belief (id, at_us, doubted_us) VALUES (1, ?1, ?2)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, fleet->believed_us());
    sv_stmt_bind_int(stmt, 2, sv_clock_doubted_for_us());
    return sv_stmt_run(stmt, why);
}

static void keep_in_time(sv_fleet *fleet) {
    sv_why why;
    int64_t mono_us = fleet->mono_us();
    if (fleet->belief_kept && mono_us - fleet->belief_kept_us < SV_BELIEF_KEEP_US) {
        return;
    }
    fleet->belief_kept = true;
    fleet->belief_kept_us = mono_us;
    if (keep(fleet, &why) != SV_OK) {
        SV_LOG(warn, "clock.unkept", "%s", why.text);
    }
}

void sv_fleet_belief_turn(sv_fleet *fleet) {
    keep_in_time(fleet);
    int64_t ahead_us = sv_clock_doubt_us();
    if (ahead_us > 0 && !fleet->clock_doubted) {
        SV_LOG(warn, "clock.doubted",
               "the clock has leapt ahead by %lld s; for a day nothing is thrown away for its age "
               "by it, and neither a certificate nor a token has ended",
               (long long) (ahead_us / SV_TIME_SECOND_US));
    } else if (ahead_us == 0 && fleet->clock_doubted) {
        SV_LOG(info, "clock.believed", "the clock is believed again");
    }
    fleet->clock_doubted = ahead_us > 0;
}

static sv_err prune_all(sv_fleet *fleet, int64_t *cursor, sv_why *why) {
    int64_t now_us = fleet->believed_us();
    int64_t before_ms = (now_us - fleet->config.store.retention_us) / 1000;
    SV_TRY(sv_series_prune(fleet->db, before_ms, cursor, why));
    SV_TRY(sv_inbox_prune(fleet->db, before_ms, why));
    SV_TRY(sv_people_prune(fleet->db, now_us, why));
    SV_TRY(sv_push_prune(fleet->db, now_us, why));
    SV_TRY(sv_commands_prune(fleet->db, before_ms, why));
    SV_TRY(sv_notify_prune(fleet, before_ms, why));
    SV_TRY(sv_maintenance_prune(fleet->db, before_ms, why));
    sv_audit_prune(fleet);
    return sv_enrol_prune(fleet->db, before_ms * 1000, why);
}

void sv_fleet_prune(sv_fleet *fleet, int64_t *cursor) {
    sv_why why = { 0 };
    if (prune_all(fleet, cursor, &why) != SV_OK) {
        SV_LOG(warn, "retention.failed", "%s", why.text);
    }
}
