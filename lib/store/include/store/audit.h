// The audit log in the fleet server's database, read as the records that crypto/audit_judge.h
// judges. Writes nothing.
#ifndef SV_STORE_AUDIT_H
#define SV_STORE_AUDIT_H

#include <model/audit.h>
#include <store/db.h>

/// Which lines; a text "" and a number 0 ask for nothing.
typedef struct sv_audit_filter {
    const char *who, *about, *outcome;
    const char *what; ///< "enrolment" is every "enrolment.…" too
    const char *text; ///< stands in any of its texts, whatever the case of ASCII letters
    int64_t from_us;  ///< not before
    int64_t to_us;    ///< before
} sv_audit_filter;

#define SV_AUDIT_FILTER_NONE                                                                       \
    ((sv_audit_filter){ .who = "", .about = "", .outcome = "", .what = "", .text = "" })

/// A row's columns, and the row as a line; its texts are the row's.
#define SV_AUDIT_COLUMNS                                                                           \
    "seq, at_us, who, \"from\", what, about, outcome, detail, \"before\", \"after\", prev, hash"
void sv_audit_row(sv_stmt *row, sv_audit_line *out);

/// The condition in SQL, and what it stands for: the parameters ?1 to ?7.
#define SV_AUDIT_WHERE                                                                             \
    "(?1 = '' OR who = ?1) AND (?2 = '' OR about = ?2) AND (?3 = '' OR outcome = ?3)"              \
    " AND (?4 = '' OR what = ?4 OR substr(what, 1, length(?4) + 1) = ?4 || '.')"                   \
    " AND (?5 = '' OR instr(lower(who || char(10) || \"from\" || char(10) || what || char(10)"     \
    " || about || char(10) || detail || char(10) || \"before\" || char(10) || \"after\"),"         \
    " lower(?5)) > 0) AND at_us >= ?6 AND (?7 = 0 OR at_us < ?7)"
void sv_audit_bind(sv_stmt *stmt, const sv_audit_filter *filter);

/// Called for each record; anything but SV_OK ends the walk with it.
typedef sv_err sv_audit_visit(void *arg, const sv_audit_record *record);

typedef struct sv_audit_span {
    int64_t after;    ///< records behind this line
    int64_t look_max; ///< rows that are looked at; 0: all
    sv_audit_filter filter;
    bool is_filtered; ///< then lines alone are shown
} sv_audit_span;

/// Lines, pruned records and checkpoints in the order of the chain. Of a log that may grow
/// meanwhile the caller holds a transaction. In `*end` how far it went, and whether more lines are
/// behind. SV_ERR_INVALID when the database has no such log.
sv_err sv_audit_walk(sv_db *db, const sv_audit_span *span, sv_audit_visit *visit, void *arg,
                     sv_audit_end *end, sv_why *why);

#endif
