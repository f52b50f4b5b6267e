// Images for who looks at them.
#include "images.h"
#include "versions.h"

#include <base/mem.h>
#include <string.h>

enum { EXTRA_ENTRY = 15, EXTRA_SIGNED = 16, EXTRA_KEY = 17 };

static void write_words(const sv_image_row *row, sv_json_out *out) {
    bool is_file = row->kind == SV_IMAGE_FILE;
    sv_json_add_str(out, "path", row->path);
    sv_json_add_str(out, "kind", is_file ? "file" : "selvedge");
    sv_json_add_str(out, "product", row->product);
    sv_json_add_str(out, "version", row->version);
    sv_json_key(out, "hardware");
    sv_json_open_array(out);
    for (size_t i = 0; i < row->hardware_count; i++) {
        sv_json_put_str(out, row->hardware[i]);
    }
    sv_json_close_array(out);
    sv_json_add_int(out, "counter", row->counter);
    sv_json_add_str(out, "slot", row->slot);
    sv_json_add_int(out, "length", (int64_t) row->length);
    sv_json_add_str(out, "sha256", row->sha256);
    if (is_file) {
        sv_json_add_str(out, "sha1", row->sha1);
        sv_json_add_str(out, "md5", row->md5);
        sv_json_add_str(out, "file", row->file);
    }
    sv_json_add_bool(out, "sealed", row->sealed);
    sv_json_add_bool(out, "complete", row->complete);
    sv_json_add_int(out, "at", row->at_us / 1000);
}

static void write_item(sv_stmt *stmt, const sv_image_row *row, sv_target *target, int64_t wrong,
                       sv_json_out *out) {
    sv_text entry = sv_stmt_text(stmt, EXTRA_ENTRY);
    sv_json_open_object(out);
    write_words(row, out);
    if (entry.len > 0 && sv_target_parse(entry, target, NULL) == SV_OK) {
        sv_json_key(out, "encodings");
        sv_target_encodings_write(target, out);
        sv_json_add_str(out, "notes", target->notes);
    }
    sv_json_key(out, "signed_by");
    sv_json_put_raw(out, sv_stmt_text(stmt, EXTRA_SIGNED));
    sv_json_add_str(out, "key",
                    !row->sealed                        ? "none"
                    : sv_stmt_int(stmt, EXTRA_KEY) != 0 ? "here"
                                                        : "missing");
    sv_json_add_int(out, "went_wrong", wrong);
    sv_json_close_object(out);
}

sv_err sv_images_write(sv_fleet *fleet, const char *after, int64_t limit, const char *sites,
                       sv_json_out *out, char next[SV_IMAGE_PATH_ROOM], sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_stmt *stmt;
    int64_t count = 0;
    next[0] = '\0';
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT " SV_IMAGE_COLUMNS ", entry, signed_by,"
                      " EXISTS (SELECT 1 FROM image_key WHERE image_key.sha256 = image.sha256)"
                      " FROM image WHERE path > ?1 ORDER BY path LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, after);
    sv_stmt_bind_int(stmt, 2, limit);
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        sv_image_row row;
        err = sv_image_row_read(stmt, &row, why);
        if (err != SV_OK) {
            sv_stmt_reset(stmt);
            return err;
        }
        int64_t wrong = 0;
        err = sv_versions_went_wrong(fleet, row.path, sites, &wrong, why);
        if (err != SV_OK) {
            sv_stmt_reset(stmt);
            return err;
        }
        write_item(stmt, &row, target, wrong, out);
        if (++count == limit) {
            memcpy(next, row.path, sizeof row.path);
        }
        err = sv_stmt_next(stmt, why);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_images_trust_write(sv_fleet *fleet, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT trust FROM image_set", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    if (sv_stmt_is_null(row, 0)) {
        sv_json_put_null(out);
    } else {
        sv_json_put_raw(out, sv_stmt_text(row, 0));
    }
    sv_stmt_reset(row);
    return SV_OK;
}
