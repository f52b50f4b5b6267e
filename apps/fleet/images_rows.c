// Images in the database.
#include "audit_keep.h"
#include "images_own.h"

#include <inttypes.h>
#include <stdio.h>

enum { DETAIL_ROOM = 200 };

static void join_hardware(const sv_image_row *row, sv_textbuf *out) {
    for (size_t i = 0; i < row->hardware_count; i++) {
        sv_textbuf_add_str(out, i > 0 ? "\n" : "");
        sv_textbuf_add_str(out, row->hardware[i]);
    }
}

sv_err sv_images_insert(sv_db *db, const sv_images_found *found, sv_why *why) {
    const sv_image_row *row = &found->row;
    char room[SV_TARGET_HARDWARE_MAX * SV_TARGET_NAME_ROOM];
    sv_textbuf hardware = SV_TEXTBUF(room);
    sv_stmt *stmt;
    join_hardware(row, &hardware);
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO image (path, kind, product, version, hardware, counter, slot,"
                      " length, sha256, sha1, md5, file, sealed, complete, at_us, entry, signed_by)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
                      " ?16, ?17) ON CONFLICT DO NOTHING",
                      &stmt, why));
    const char *const texts[] = { row->path, row->kind == SV_IMAGE_FILE ? "file" : "selvedge",
                                  row->product, row->version };
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        sv_stmt_bind_str(stmt, 1 + (int) i, texts[i]);
    }
    sv_stmt_bind_text(stmt, 5, sv_textbuf_text(&hardware));
    sv_stmt_bind_int(stmt, 6, row->counter);
    sv_stmt_bind_str(stmt, 7, row->slot);
    sv_stmt_bind_int(stmt, 8, (int64_t) row->length);
    sv_stmt_bind_str(stmt, 9, row->sha256);
    sv_stmt_bind_str(stmt, 10, row->sha1);
    sv_stmt_bind_str(stmt, 11, row->md5);
    sv_stmt_bind_str(stmt, 12, row->file);
    sv_stmt_bind_int(stmt, 13, row->sealed);
    sv_stmt_bind_int(stmt, 14, row->complete);
    sv_stmt_bind_int(stmt, 15, row->at_us);
    sv_stmt_bind_str(stmt, 16, found->entry != NULL ? found->entry : "");
    sv_stmt_bind_str(stmt, 17, found->signed_by != NULL ? found->signed_by : "[]");
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 1
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "there is an image '%s' already", row->path);
}

/// Since when an image that was there before is known.
static sv_err keep_since(sv_db *db, sv_image_row *row, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT at_us FROM image WHERE path = ?1 AND sha256 = ?2", &stmt, why));
    sv_stmt_bind_str(stmt, 1, row->path);
    sv_stmt_bind_str(stmt, 2, row->sha256);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        row->at_us = sv_stmt_int(stmt, 0);
        sv_stmt_reset(stmt);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err store_rows(const sv_images_job *done, sv_why *why) {
    sv_db *db = done->fleet->db;
    for (size_t i = 0; i < done->judging.count; i++) {
        SV_TRY(keep_since(db, &done->judging.images[i].row, why));
    }
    SV_TRY(sv_db_exec(db, "DELETE FROM image WHERE kind = 'selvedge'", why));
    for (size_t i = 0; i < done->judging.count; i++) {
        SV_TRY(sv_images_insert(db, &done->judging.images[i], why));
    }
    return SV_OK;
}

static sv_err store_set(const sv_images_job *done, int64_t number, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(done->fleet->db,
                      "UPDATE image_set SET number = ?1, at_us = ?2, by = ?3, trust = ?4", &stmt,
                      why));
    sv_stmt_bind_int(stmt, 1, number);
    sv_stmt_bind_int(stmt, 2, done->judging.now_us);
    sv_stmt_bind_str(stmt, 3, done->user);
    sv_stmt_bind_str(stmt, 4, done->judging.trust);
    return sv_stmt_run(stmt, why);
}

sv_err sv_images_note(sv_fleet *fleet, const char *user, const char *what, const char *about,
                      const char *detail, sv_why *why) {
    char name[SV_AUDIT_NAME_MAX];
    (void) snprintf(name, sizeof name, "%s", about);
    return sv_audit_deed(
        fleet, &(sv_audit_event){ .who = user, .what = what, .about = name, .detail = detail },
        why);
}

static sv_err note_set(const sv_images_job *done, int64_t number, sv_why *why) {
    char detail[DETAIL_ROOM];
    char about[32];
    const sv_images_judging *j = &done->judging;
    (void) snprintf(about, sizeof about, "set %" PRId64, number);
    (void) snprintf(detail, sizeof detail,
                    "%zu images, %zu of them not whole here; root %" PRId64 "%s, targets %" PRId64,
                    j->count, j->incomplete, j->root_version,
                    j->number == 0 ? " (believed from now on)" : "", j->targets_version);
    return sv_images_note(done->fleet, done->user, "images.publish", about, detail, why);
}

sv_err sv_images_replace(const sv_images_job *done, int64_t number, sv_why *why) {
    SV_TRY(store_rows(done, why));
    SV_TRY(store_set(done, number, why));
    return note_set(done, number, why);
}
