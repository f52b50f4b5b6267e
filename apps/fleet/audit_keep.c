#include "audit_keep.h"

#include "audit_keep_own.h"
#include "fleet.h"

#include <base/mem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/stat.h>

sv_audit_keeper *sv_audit_keeper_new(sv_audit_sign_fn *sign) {
    sv_audit_keeper *keeper = sv_mem_new(sizeof *keeper);
    *keeper = (sv_audit_keeper){ .sign = sign, .refused_max = SV_AUDIT_REFUSED_MAX };
    return keeper;
}

void sv_audit_keeper_drop(sv_audit_keeper **keeper) {
    free(*keeper);
    *keeper = NULL;
}

static sv_err one_number(sv_db *db, const char *sql, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, sql, &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_audit_keeper_load(sv_fleet *fleet, sv_why *why) {
    SV_TRY(sv_audit_begin(fleet->db, fleet->config.id, fleet->wall_us(), why));
    return one_number(fleet->db, "SELECT coalesce(max(seq), 0) FROM event_checkpoint",
                      &fleet->audit->signed_to, why);
}

int64_t sv_audit_signed_to(const sv_fleet *fleet) {
    return fleet->audit->signed_to;
}

sv_err sv_audit_seal_of(sv_text answer, int64_t at_us, sv_audit_seal *out, sv_why *why) {
    sv_text signature = answer;
    sv_text domain = sv_text_cut(&signature, '\n');
    *out = (sv_audit_seal){ .at_us = at_us, .signature_bytes = signature.len };
    if (signature.len == 0 || signature.len > sizeof out->signature
        || sv_text_copy(domain, out->domain, sizeof out->domain) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the signer's answer is no signature");
    }
    memcpy(out->signature, signature.at, signature.len);
    return SV_OK;
}

// ---- checkpoints --------------------------------------------------------------------------------

static sv_err store(sv_db *db, const sv_audit_checkpoint *checkpoint, sv_why *why) {
    const sv_audit_seal *seal = &checkpoint->seal;
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(db,
                   "INSERT OR REPLACE INTO event_checkpoint (seq, hash, at_us, domain, signature)"
                   " VALUES (?1, ?2, ?3, ?4, ?5)",
                   &stmt, why));
    sv_stmt_bind_int(stmt, 1, checkpoint->seq);
    sv_stmt_bind_bytes(stmt, 2, (sv_text){ (const char *) checkpoint->hash, SV_AUDIT_HASH_BYTES });
    sv_stmt_bind_int(stmt, 3, seal->at_us);
    sv_stmt_bind_str(stmt, 4, seal->domain);
    sv_stmt_bind_bytes(stmt, 5, (sv_text){ (const char *) seal->signature, seal->signature_bytes });
    return sv_stmt_run(stmt, why);
}

/// Into the file beside the database, too: whoever cuts the one has to cut the other.
static sv_err write_down(const sv_fleet *fleet, sv_text record, sv_why *why) {
    char path[SV_PATH_MAX];
    char old[SV_PATH_MAX];
    struct stat info;
    int length = snprintf(path, sizeof path, "%s" SV_AUDIT_FILE_ENDING, fleet->config.store.path);
    int length_old = snprintf(old, sizeof old, "%s.1", path);
    if (length >= (int) sizeof path || length_old >= (int) sizeof old) {
        return sv_fail(why, SV_ERR_INVALID, "the path of the database is too long");
    }
    if (stat(path, &info) == 0 && info.st_size > SV_AUDIT_FILE_MAX && rename(path, old) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot rename '%s': %m", path);
    }
    return sv_disk_append(path, record, 0600, why);
}

static void keep(sv_fleet *fleet, const sv_audit_checkpoint *checkpoint) {
    char room[SV_AUDIT_SEALED_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    const sv_audit_record record = { .kind = SV_AUDIT_CHECKPOINT, .checkpoint = *checkpoint };
    sv_why why = { 0 };
    if (store(fleet->db, checkpoint, &why) != SV_OK) {
        SV_LOG(error, "audit.checkpoint", "%s", why.text);
        return;
    }
    fleet->audit->signed_to = checkpoint->seq;
    fleet->audit->waits_since_us = 0;
    sv_audit_record_add(&text, &record);
    // The log of the system is one more place to find it in.
    SV_LOG(info, "audit.checkpoint", SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&text)));
    sv_textbuf_add_char(&text, '\n');
    if (write_down(fleet, sv_textbuf_text(&text), &why) != SV_OK) {
        SV_LOG(error, "audit.file", "%s", why.text);
    }
}

static void on_checkpoint(void *arg, sv_err err, sv_text answer, const sv_why *reason) {
    sv_fleet *fleet = arg;
    sv_audit_keeper *keeper = fleet->audit;
    sv_audit_checkpoint checkpoint = { .seq = keeper->asked.last };
    sv_why why = { 0 };
    keeper->checkpoint_under_way = false;
    if (err == SV_OK) {
        err = sv_audit_seal_of(answer, keeper->asked.at_us, &checkpoint.seal, &why);
        reason = &why;
    }
    if (err != SV_OK) {
        if (!keeper->told) {
            SV_LOG(warn, "audit.unsigned", "nobody vouches for line %" PRId64 " yet: %s",
                   checkpoint.seq, reason->text);
        }
        keeper->told = true;
        return;
    }
    keeper->told = false;
    memcpy(checkpoint.hash, keeper->asked.hash, sizeof checkpoint.hash);
    keep(fleet, &checkpoint);
}

static sv_err ask_checkpoint(sv_fleet *fleet, sv_why *why) {
    sv_audit_keeper *keeper = fleet->audit;
    keeper->asked = (sv_signer_statement){ .at_us = fleet->believed_us() };
    SV_TRY(sv_audit_newest(fleet->db, &keeper->asked.last, keeper->asked.hash, why));
    keeper->checkpoint_under_way = true;
    sv_err err = keeper->sign(fleet->signer, &keeper->asked, on_checkpoint, fleet, why);
    if (err != SV_OK) {
        on_checkpoint(fleet, err, SV_TEXT(""), why);
    }
    return err;
}

/// Lines that nothing signed covers.
static int64_t waiting(const sv_fleet *fleet) {
    int64_t newest = 0;
    return one_number(fleet->db, "SELECT coalesce(max(seq), 0) FROM event_log", &newest, NULL)
                   == SV_OK
               ? newest - fleet->audit->signed_to
               : 0;
}

static bool is_due(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    int64_t now_us = fleet->mono_us();
    int64_t count = waiting(fleet);
    if (keeper->told && now_us - keeper->tried_us < SV_AUDIT_RETRY_US) {
        return false;
    }
    if (count <= 0) {
        keeper->waits_since_us = 0;
        return false;
    }
    if (keeper->waits_since_us == 0) {
        keeper->waits_since_us = now_us;
    }
    return keeper->signed_to == 0 || count >= SV_AUDIT_CHECKPOINT_LINES
           || now_us - keeper->waits_since_us >= SV_AUDIT_CHECKPOINT_US;
}

void sv_audit_turn(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    sv_audit_room_turn(fleet);
    if (keeper->sign == NULL || keeper->checkpoint_under_way || !is_due(fleet)) {
        return;
    }
    sv_why why = { 0 };
    keeper->tried_us = fleet->mono_us();
    (void) (ask_checkpoint(fleet, &why) == SV_OK); // it has told already
}

// ---- deeds --------------------------------------------------------------------------------------

sv_err sv_audit_deed(sv_fleet *fleet, const sv_audit_event *deed, sv_why *why) {
    sv_audit_event event = *deed;
    event.at_us = fleet->wall_us();
    event.from = fleet->asks_from;
    return sv_audit_add(fleet->db, &event, why);
}

// ---- the end ------------------------------------------------------------------------------------

void sv_audit_finish(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    sv_why why = { 0 };
    if (keeper == NULL || keeper->sign == NULL || fleet->db == NULL
        || !sv_signer_is_up(fleet->signer)) {
        return;
    }
    int64_t end_us = fleet->mono_us() + SV_AUDIT_FINISH_US;
    while (keeper->checkpoint_under_way && fleet->mono_us() < end_us) {
        sv_loop_turn(fleet->loop, SV_AUDIT_FINISH_US / 20);
    }
    if (waiting(fleet) <= 0 || keeper->checkpoint_under_way
        || ask_checkpoint(fleet, &why) != SV_OK) {
        return;
    }
    while (keeper->checkpoint_under_way && fleet->mono_us() < end_us) {
        sv_loop_turn(fleet->loop, SV_AUDIT_FINISH_US / 20);
    }
}
