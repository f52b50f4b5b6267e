#include "last_word.h"

enum { NOTE_BYTES_MAX = 4096 };

sv_err sv_last_word_store(sv_fleet *fleet, const sv_device *device, const sv_last_word *word,
                          sv_why *why) {
    char room[NOTE_BYTES_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_stmt *stmt;
    int64_t at_ms = 0;
    (void) word->told(device, &at_ms);
    sv_json_open_object(&out);
    word->put(device, &out);
    sv_json_close_object(&out);
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(sv_db_stmt(fleet->db, word->store, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_int(stmt, 2, at_ms);
    sv_stmt_bind_text(stmt, 3, sv_textbuf_text(&text));
    return sv_stmt_run(stmt, why);
}

static sv_err forget(sv_fleet *fleet, sv_device *device, const sv_last_word *word, sv_why *why) {
    sv_stmt *stmt;
    word->drop(device);
    SV_TRY(sv_db_stmt(fleet->db, word->forget, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    return sv_stmt_run(stmt, why);
}

sv_err sv_last_word_hear(sv_fleet *fleet, sv_device *device, const sv_last_word *word,
                         const sv_json *item, bool *changed, sv_why *why) {
    const sv_json *note = sv_json_get(item, word->key);
    int64_t before_ms;
    if (note != NULL && sv_json_is_null(note) && word->drop != NULL
        && word->told(device, &before_ms)) {
        *changed = true;
        return sv_fleet_medium(forget(fleet, device, word, why));
    }
    if (note == NULL || !word->take(device, note, fleet->wall_us() / 1000)) {
        return SV_OK; // nothing, or nothing that this version knows
    }
    *changed = true;
    return sv_fleet_medium(sv_last_word_store(fleet, device, word, why));
}

static void restore(sv_device *device, const sv_last_word *word, sv_stmt *row) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t told_ms;
    if (device != NULL && !word->told(device, &told_ms)
        && sv_json_parse(sv_stmt_text(row, 2), &root, NULL, NULL) == SV_OK) {
        (void) word->take(device, root, sv_stmt_int(row, 1));
    }
}

sv_err sv_last_word_load(sv_fleet *fleet, const sv_last_word *word, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, word->all, &row, why));
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        restore(sv_registry_device(fleet->registry, sv_stmt_text(row, 0)), word, row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_last_word_write(const sv_device *device, const sv_last_word *word, sv_json_out *out) {
    int64_t at_ms;
    if (!word->told(device, &at_ms)) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    word->put(device, out);
    sv_json_add_int(out, "at", at_ms);
    sv_json_close_object(out);
}
