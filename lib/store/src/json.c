#include <store/json.h>

void sv_stmt_add_text(sv_stmt *stmt, int column, sv_json_out *out, const char *key) {
    sv_text text = sv_stmt_text(stmt, column);
    if (text.len == 0) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_text(out, key, text);
    }
}

void sv_stmt_add_int(sv_stmt *stmt, int column, sv_json_out *out, const char *key) {
    if (sv_stmt_is_null(stmt, column)) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_int(out, key, sv_stmt_int(stmt, column));
    }
}

void sv_stmt_add_raw(sv_stmt *stmt, int column, sv_json_out *out, const char *key) {
    sv_json_key(out, key);
    if (sv_stmt_is_null(stmt, column)) {
        sv_json_put_null(out);
    } else {
        sv_json_put_raw(out, sv_stmt_text(stmt, column));
    }
}
