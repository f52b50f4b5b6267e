// Columns of a row as members of a JSON object, null where there is nothing.
#ifndef SV_STORE_JSON_H
#define SV_STORE_JSON_H

#include <codec/json.h>
#include <store/db.h>

/// A text; null also for an empty one.
void sv_stmt_add_text(sv_stmt *stmt, int column, sv_json_out *out, const char *key);
/// A whole number.
void sv_stmt_add_int(sv_stmt *stmt, int column, sv_json_out *out, const char *key);
/// JSON that was stored as it came.
void sv_stmt_add_raw(sv_stmt *stmt, int column, sv_json_out *out, const char *key);

#endif
