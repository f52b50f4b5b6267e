// Which steps of a schema's history a database has had. It keeps their names, so where a step
// stands in the list says only in which order those that are missing are applied.
#ifndef SV_STORE_SCHEMA_H
#define SV_STORE_SCHEMA_H

#include <store/db.h>

/// Applies what is missing, all of it or nothing. SV_ERR_STATE when the database has had a step
/// that is not among these.
sv_err sv_schema_bring(sv_db *db, const char *path, const sv_db_migration *steps, size_t count,
                       sv_why *why);

#endif
