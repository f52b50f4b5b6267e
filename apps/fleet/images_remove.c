// Images that nobody needs any more. Bytes lie in a folder by their SHA-256: of an image of ours
// its encodings, of others' files each under its name. Several images may share them, so that what
// goes is what no other one is served from.
#include "images_own.h"

#include "images_name.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>
#include <unistd.h>

// ---- who needs it -------------------------------------------------------------------------------

static sv_err count_of(sv_db *db, const char *sql, const sv_image_row *row, int64_t *out,
                       sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, row->sha256);
    sv_stmt_bind_str(stmt, 2, row->path);
    sv_stmt_bind_int(stmt, 3, row->kind == SV_IMAGE_FILE);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// A file is needed by its own path; the bytes of an image of ours by each that has them.
#define NEEDED(path)                                                                               \
    " sha256 = ?1 AND CASE WHEN ?3 THEN " path " = ?2 ELSE " path                                  \
    " NOT IN (SELECT path FROM image WHERE kind = 'file') END"

static sv_err check_unused(sv_fleet *fleet, const sv_image_row *row, sv_why *why) {
    int64_t devices = 0;
    int64_t campaigns = 0;
    SV_TRY(count_of(fleet->db,
                    "SELECT count(*) FROM action WHERE state < 6 AND" NEEDED("action.path"), row,
                    &devices, why));
    SV_TRY(count_of(fleet->db,
                    "SELECT count(*) FROM campaign WHERE (state < 4 OR closing > 0)"
                    " AND" NEEDED("campaign.image"),
                    row, &campaigns, why));
    return devices == 0 && campaigns == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "%" PRId64 " devices and %" PRId64
                         " campaigns that have not ended need '%s'; stop them first",
                         devices, campaigns, row->path);
}

// ---- what goes ----------------------------------------------------------------------------------

static sv_err forget(sv_db *db, const sv_image_row *row, sv_why *why) {
    static const char FILE_SQL[] = "DELETE FROM image WHERE path = ?1";
    static const char IMAGE_SQL[] = "UPDATE image SET complete = 0 WHERE sha256 = ?1"
                                    " AND kind = 'selvedge'";
    bool is_file = row->kind == SV_IMAGE_FILE;
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, is_file ? FILE_SQL : IMAGE_SQL, &stmt, why));
    sv_stmt_bind_str(stmt, 1, is_file ? row->path : row->sha256);
    return sv_stmt_run(stmt, why);
}

/// Is another file, which was not removed, served from these bytes under this name?
static bool is_served(sv_fleet *fleet, const char *sha256, const char *name) {
    sv_stmt *stmt;
    bool served = true; // what cannot be asked is left
    if (sv_db_stmt(fleet->db,
                   "SELECT count(*) FROM image WHERE kind = 'file' AND sha256 = ?1 AND file = ?2",
                   &stmt, NULL)
        == SV_OK) {
        sv_stmt_bind_str(stmt, 1, sha256);
        sv_stmt_bind_str(stmt, 2, name);
        if (sv_stmt_next(stmt, NULL) == SV_OK) {
            served = sv_stmt_int(stmt, 0) > 0;
            sv_stmt_reset(stmt);
        }
    }
    return served;
}

/// `name` in the folder of its bytes.
static void remove_one(sv_fleet *fleet, const char *sha256, const char *name) {
    char path[SV_PATH_MAX];
    if (sv_images_path(fleet->images->folder.dir, "artifacts", sha256, name, path, NULL) == SV_OK) {
        (void) unlink(path);
    }
}

/// Of an image of ours: whatever is an encoding, or its index.
static void remove_encodings(sv_fleet *fleet, const char *sha256) {
    char path[SV_PATH_MAX];
    const struct dirent *entry = NULL;
    DIR *dir =
        sv_images_path(fleet->images->folder.dir, "artifacts", sha256, "", path, NULL) == SV_OK
            ? opendir(path)
            : NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        if (sv_images_is_artifact(sv_text_of(entry->d_name))) {
            remove_one(fleet, sha256, entry->d_name);
        }
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
}

/// The folder goes with what is last in it.
static void remove_bytes(sv_fleet *fleet, const sv_image_row *row) {
    char path[SV_PATH_MAX];
    sv_images *images = fleet->images;
    if (row->kind == SV_IMAGE_SELVEDGE) {
        remove_encodings(fleet, row->sha256);
    } else if (!is_served(fleet, row->sha256, row->file)) {
        remove_one(fleet, row->sha256, row->file);
    }
    if (sv_images_path(images->folder.dir, "artifacts", row->sha256, "", path, NULL) == SV_OK) {
        (void) rmdir(path);
    }
    sv_images_folder_sweep(&images->folder, 0);
}

static sv_err commit_removal(sv_fleet *fleet, const sv_image_row *row, const char *user,
                             sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = forget(fleet->db, row, why);
    err = err == SV_OK ? sv_images_note(fleet, user, "images.remove", row->path, row->sha256, why)
                       : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

sv_err sv_images_remove(sv_fleet *fleet, sv_text path, const char *user, sv_why *why) {
    sv_image_row row;
    SV_TRY(sv_images_find(fleet, path, &row, why));
    if (fleet->images->job != NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "an upload is being judged; ask again in a moment");
    }
    SV_TRY(check_unused(fleet, &row, why));
    SV_TRY(commit_removal(fleet, &row, user, why));
    remove_bytes(fleet, &row);
    SV_LOG(info, "images.removed", "%s by %s", row.path, user);
    sv_images_tell(fleet, row.path);
    return SV_OK;
}
