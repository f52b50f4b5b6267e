// SQLite with our habits: WAL, synchronous=FULL, foreign keys, statements prepared once, every
// error with its sentence, schema migrations from embedded .sql. A handle belongs to one thread at
// a time.
#ifndef SV_STORE_DB_H
#define SV_STORE_DB_H

#include <base/err.h>
#include <base/text.h>

typedef struct sv_db sv_db;
typedef struct sv_stmt sv_stmt;

/// One step of a schema's history. A database keeps the names of those it has had, in a table
/// `schema_step`: each is applied once, in the order of the list, all that are missing in one
/// transaction. A new step may stand anywhere behind those it builds on. Databases from before
/// names were kept know how many they have had: what was in a list then stays its beginning.
typedef struct sv_db_migration {
    const char *name; ///< for ever: with another name it is another step
    const char *sql;
} sv_db_migration;

/// Creates the file with mode 0600. SV_ERR_INVALID when it is not a database or damaged (the
/// sentence says what to do), SV_ERR_STATE when it has had steps that are not among these,
/// SV_ERR_NO_SPACE, SV_ERR_IO; the schema is then as it was.
sv_err sv_db_open(const char *path, const sv_db_migration *migrations, size_t count, sv_db **out,
                  sv_why *why);
/// So, with pages of that size (a power of two from 512; 0: SQLite's own) if the file is new. Small
/// pages are for who commits little and often: a commit writes whole pages.
sv_err sv_db_open_paged(const char *path, size_t page_bytes, const sv_db_migration *migrations,
                        size_t count, sv_db **out, sv_why *why);
/// One that is there, to look at: nothing is written, nor is its schema judged. Its program may be
/// running. SV_ERR_NOT_FOUND when there is none.
sv_err sv_db_open_read(const char *path, sv_db **out, sv_why *why);
/// So, to write into: for a command beside the program whose database it is.
sv_err sv_db_open_write(const char *path, sv_db **out, sv_why *why);
void sv_db_drop(sv_db **db);

/// What a statement cannot sort in memory goes to a file without a name in the folder of `path`,
/// and not to the system's. Once, before the first database of the process is opened.
void sv_db_temporary_beside(const char *path);

sv_err sv_db_begin(sv_db *db, sv_why *why);  ///< BEGIN IMMEDIATE
sv_err sv_db_commit(sv_db *db, sv_why *why); ///< on failure the transaction is rolled back
void sv_db_rollback(sv_db *db);
bool sv_db_is_in_transaction(const sv_db *db);
sv_err sv_db_exec(sv_db *db, const char *sql, sv_why *why);

/// Prepared once and kept by the database: the same `sql` pointer gives the same statement, reset
/// and cleared.
sv_err sv_db_stmt(sv_db *db, const char *sql, sv_stmt **out, sv_why *why);

/// Parameters are numbered from 1. Texts are copied.
void sv_stmt_bind_text(sv_stmt *stmt, int index, sv_text value);
void sv_stmt_bind_str(sv_stmt *stmt, int index, const char *value); ///< NULL binds NULL
void sv_stmt_bind_bytes(sv_stmt *stmt, int index, sv_text value);   ///< a BLOB
void sv_stmt_bind_int(sv_stmt *stmt, int index, int64_t value);
void sv_stmt_bind_number(sv_stmt *stmt, int index, double value); ///< not finite binds NULL
void sv_stmt_bind_null(sv_stmt *stmt, int index);

/// Run to its end. SV_ERR_NO_SPACE when the disk is full.
sv_err sv_stmt_run(sv_stmt *stmt, sv_why *why);
/// Next row: SV_OK, SV_ERR_NOT_FOUND after the last (the statement is reset then).
sv_err sv_stmt_next(sv_stmt *stmt, sv_why *why);
/// End an unfinished walk early.
void sv_stmt_reset(sv_stmt *stmt);
/// Columns are numbered from 0; texts are borrowed until the next step.
sv_text sv_stmt_text(sv_stmt *stmt, int column);
sv_text sv_stmt_bytes(sv_stmt *stmt, int column);
int64_t sv_stmt_int(sv_stmt *stmt, int column);
double sv_stmt_number(sv_stmt *stmt, int column); ///< NULL gives NaN
bool sv_stmt_is_null(sv_stmt *stmt, int column);
int64_t sv_db_changes(const sv_db *db);

#endif
