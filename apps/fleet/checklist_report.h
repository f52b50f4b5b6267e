// The newest report of `selvedge checklist` that somebody has published, for the page that shows
// it. The server believes nothing of it but its form: it takes what it knows of a report, counts
// the verdicts itself, and remembers who published it and when.
#ifndef SV_FLEET_CHECKLIST_REPORT_H
#define SV_FLEET_CHECKLIST_REPORT_H

#include <base/err.h>
#include <base/text.h>
#include <codec/json.h>
#include <store/db.h>

enum {
    SV_CHECKLIST_BYTES_MAX = 256 * 1024, ///< of a report as it comes
    SV_CHECKLIST_STATEMENTS_MAX = 64,
    SV_CHECKLIST_LINES_MAX = 16, ///< of evidence, and of requirements
    SV_CHECKLIST_TEXT_MAX = 512, ///< bytes of each text
};
#define SV_CHECKLIST_AHEAD_US (5 * SV_TIME_MINUTE_US) ///< of our clock, at most

/// Writes the report as it is kept. SV_ERR_INVALID with what is wrong. [checklist-31]
sv_err sv_checklist_read(sv_text body, int64_t now_us, sv_textbuf *out, sv_why *why);

/// In the caller's transaction: it takes the place of the one before.
sv_err sv_checklist_keep(sv_db *db, sv_text report, const char *by, int64_t now_us, sv_why *why);
/// `{"published_at","by","report":{...}}`; SV_ERR_NOT_FOUND when nobody has published one.
sv_err sv_checklist_show(sv_db *db, sv_json_out *out, sv_why *why);

#endif
