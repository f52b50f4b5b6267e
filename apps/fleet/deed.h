// A deed of a person and its line in the event log: both or neither.
#ifndef SV_FLEET_DEED_H
#define SV_FLEET_DEED_H

#include "audit_log.h"
#include "visit.h"

/// What was done, for the line.
typedef struct sv_deed {
    const char *what, *about, *detail;
    sv_text before, after; ///< of a change
} sv_deed;

/// Begin before the deed; afterwards sv_deed_end with how it went: the line is written and both are
/// kept, or the deed is undone and, when a rule refused it, a line says so. The error that came of
/// it.
sv_err sv_deed_begin(const sv_visit *v, sv_why *why);
sv_err sv_deed_end(const sv_visit *v, sv_err err, const sv_deed *deed, sv_why *why);

/// One line about something refused, to somebody who may be nobody.
void sv_deed_refused(const sv_visit *v, const char *who, const sv_deed *deed);

#endif
