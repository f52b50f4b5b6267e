// Databases and their disks, as they are.
#include "checklist_gather.h"

#include <stdio.h>
#include <store/db.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { NINE_BITS = 0777 };

static sv_err look_inside(sv_fact_database *out, sv_why *why) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_open_read(out->path, &db, why));
    SV_TRY(sv_db_stmt(db, "PRAGMA quick_check(1)", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    sv_text said = sv_stmt_text(stmt, 0);
    (void) snprintf(out->check, sizeof out->check, "%.*s", (int) (said.len < 100 ? said.len : 100),
                    said.at);
    sv_stmt_reset(stmt);
    SV_TRY(sv_db_stmt(db, "PRAGMA user_version", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    out->schema = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    out->devices = -1; // a gateway's has no such table
    if (sv_db_stmt(db, "SELECT count(*) FROM device", &stmt, NULL) == SV_OK
        && sv_stmt_next(stmt, NULL) == SV_OK) {
        out->devices = sv_stmt_int(stmt, 0);
        sv_stmt_reset(stmt);
    }
    return SV_OK;
}

static sv_err look_at(sv_fact_database *out, sv_why *why) {
    struct stat info;
    struct statvfs disk;
    if (stat(out->path, &info) != 0 || statvfs(out->path, &disk) != 0) {
        return sv_fail(why, SV_ERR_IO, "'%.200s' cannot be looked at: %m", out->path);
    }
    out->mode = info.st_mode & NINE_BITS;
    out->changed_us = (int64_t) info.st_mtim.tv_sec * SV_TIME_SECOND_US;
    out->disk_bytes = (uint64_t) disk.f_blocks * disk.f_frsize;
    out->free_bytes = (uint64_t) disk.f_bavail * disk.f_frsize;
    sv_err err = look_inside(out, why);
    if (err == SV_ERR_INVALID) { // damaged is what it was asked for
        (void) snprintf(out->check, sizeof out->check, "%.100s", why->text);
        return SV_OK;
    }
    return err;
}

void sv_gather_database(const char *path, const char *of, sv_fact_database *out) {
    (void) snprintf(out->path, sizeof out->path, "%s", path);
    (void) snprintf(out->of, sizeof out->of, "%s", of);
    if (look_at(out, &out->missing) == SV_OK) {
        out->missing.text[0] = '\0';
    }
}

void sv_gather_databases(sv_facts *facts) {
    for (size_t i = 0; i < facts->file_count; i++) {
        const sv_fact_file *file = &facts->files[i];
        if (file->kind != SV_FILE_DATABASE || facts->database_count == SV_FACT_DATABASES_MAX) {
            continue;
        }
        sv_fact_database *db = &facts->databases[facts->database_count++];
        sv_gather_database(file->path, file->of, db);
        for (size_t k = 0; k < facts->program_count; k++) {
            if (sv_text_is(sv_text_of(file->of), facts->programs[k].name)) {
                db->kind = facts->programs[k].kind;
            }
        }
    }
}
