// Actions of devices that are out: revoked or retired. They would wait for ever, and a campaign
// with them.
#include "actions_own.h"

#include "standing.h"

#include <stdio.h>
#include <sys/log.h>

static sv_err put_out(sv_fleet *fleet, const char *device, sv_standing_state state, sv_why *why) {
    sv_action open;
    sv_err err = sv_actions_open_of(fleet, device, &open, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    return sv_actions_end_as_canceled(
        fleet, &open,
        state == SV_STANDING_RETIRED ? "the device was retired" : "the device was revoked", why);
}

/// Undone alone when it fails, also within the transaction of others.
static sv_err put_out_whole(sv_fleet *fleet, const char *device, sv_standing_state state,
                            sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    if (own) {
        return sv_actions_end(fleet, own, put_out(fleet, device, state, why), why);
    }
    SV_TRY(sv_db_exec(fleet->db, "SAVEPOINT put_out", why));
    sv_err err = put_out(fleet, device, state, why);
    if (err != SV_OK) {
        SV_TRY(sv_db_exec(fleet->db, "ROLLBACK TO put_out", NULL));
    }
    SV_TRY(sv_db_exec(fleet->db, "RELEASE put_out", NULL));
    return err;
}

void sv_actions_put_out(sv_fleet *fleet, const char *device, sv_standing_state state) {
    sv_why why = { 0 };
    if (put_out_whole(fleet, device, state, &why) != SV_OK) {
        SV_LOG(error, "actions.failed", "what %s, which is out, has open: %s", device, why.text);
    }
}

/// The first one that is out among the next few; SV_ERR_NOT_FOUND: none is.
static sv_err next_out(sv_fleet *fleet, char device[SV_ID_ROOM], sv_why *why) {
    char *at = fleet->actions->looked_at;
    sv_stmt *row;
    int count = 0;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device FROM action INDEXED BY action_open"
                      " WHERE state < 6 AND device > ?1 ORDER BY device LIMIT ?2",
                      &row, why));
    sv_stmt_bind_str(row, 1, at);
    sv_stmt_bind_int(row, 2, SV_ACTIONS_LOOKED_AT);
    sv_err err = SV_OK;
    bool found = false;
    while (!found && (err = sv_stmt_next(row, why)) == SV_OK) {
        (void) sv_text_copy(sv_stmt_text(row, 0), device, SV_ID_ROOM);
        (void) snprintf(at, SV_ID_ROOM, "%s", device);
        found = sv_standing_is_out(fleet->standing, sv_text_of(device));
        count++;
    }
    sv_stmt_reset(row);
    if (err == SV_ERR_NOT_FOUND && count < SV_ACTIONS_LOOKED_AT) {
        at[0] = '\0'; // from the beginning, next time
    }
    return err;
}

sv_err sv_actions_look_for_out(sv_fleet *fleet, sv_why *why) {
    char device[SV_ID_ROOM] = "";
    sv_err err = next_out(fleet, device, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    sv_standing now = sv_standing_of(fleet->standing, sv_text_of(device));
    sv_actions_put_out(fleet, device, now.state);
    return SV_OK;
}
