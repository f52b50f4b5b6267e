#include "images.h"

#include <string.h>

static bool take(sv_stmt *row, int column, char *room, size_t bytes) {
    return sv_text_copy(sv_stmt_text(row, column), room, bytes) == SV_OK;
}

static bool take_hardware(sv_text lines, sv_image_row *out) {
    while (lines.len > 0) {
        sv_text line = sv_text_cut(&lines, '\n');
        if (out->hardware_count == SV_TARGET_HARDWARE_MAX
            || sv_text_copy(line, out->hardware[out->hardware_count], SV_TARGET_NAME_ROOM)
                   != SV_OK) {
            return false;
        }
        out->hardware_count++;
    }
    return true;
}

sv_err sv_image_row_read(sv_stmt *row, sv_image_row *out, sv_why *why) {
    *out = (sv_image_row){ .kind = sv_text_is(sv_stmt_text(row, 1), "file") ? SV_IMAGE_FILE
                                                                            : SV_IMAGE_SELVEDGE,
                           .counter = (uint32_t) sv_stmt_int(row, 5),
                           .length = (uint64_t) sv_stmt_int(row, 7),
                           .sealed = sv_stmt_int(row, 12) != 0,
                           .complete = sv_stmt_int(row, 13) != 0,
                           .at_us = sv_stmt_int(row, 14) };
    bool whole =
        take(row, 0, out->path, sizeof out->path) && take(row, 2, out->product, sizeof out->product)
        && take(row, 3, out->version, sizeof out->version)
        && take_hardware(sv_stmt_text(row, 4), out) && take(row, 6, out->slot, sizeof out->slot)
        && take(row, 8, out->sha256, sizeof out->sha256)
        && take(row, 9, out->sha1, sizeof out->sha1) && take(row, 10, out->md5, sizeof out->md5)
        && take(row, 11, out->file, sizeof out->file);
    return whole
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "the database's row of image '%s' is damaged", out->path);
}

/// The one row that the statement gives.
static sv_err read_one(sv_stmt *row, sv_text wanted, sv_image_row *out, sv_why *why) {
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no image '" SV_TEXT_FMT "'", SV_TEXT_ARG(wanted));
    }
    SV_TRY(err);
    err = sv_image_row_read(row, out, why);
    sv_stmt_reset(row);
    return err;
}

sv_err sv_images_find(sv_fleet *fleet, sv_text path, sv_image_row *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(
        sv_db_stmt(fleet->db, "SELECT " SV_IMAGE_COLUMNS " FROM image WHERE path = ?1", &row, why));
    sv_stmt_bind_text(row, 1, path);
    return read_one(row, path, out, why);
}

sv_err sv_images_target(sv_fleet *fleet, sv_text path, sv_target *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT entry FROM image WHERE path = ?1 AND entry <> ''", &row,
                      why));
    sv_stmt_bind_text(row, 1, path);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_target_parse(sv_stmt_text(row, 0), out, why));
        sv_stmt_reset(row);
    }
    return err;
}

sv_err sv_images_find_bytes(sv_fleet *fleet, sv_text sha256, sv_image_row *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(
        fleet->db, "SELECT " SV_IMAGE_COLUMNS " FROM image WHERE sha256 = ?1 ORDER BY path LIMIT 1",
        &row, why));
    sv_stmt_bind_text(row, 1, sha256);
    return read_one(row, sha256, out, why);
}

sv_err sv_images_each(sv_fleet *fleet, sv_images_visit *visit, void *arg, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(fleet->db, "SELECT " SV_IMAGE_COLUMNS " FROM image ORDER BY path", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        sv_image_row row;
        err = sv_image_row_read(stmt, &row, why);
        err = err == SV_OK ? visit(arg, &row) : err;
        if (err != SV_OK) {
            sv_stmt_reset(stmt);
            return err;
        }
        err = sv_stmt_next(stmt, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
