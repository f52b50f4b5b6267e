// Is the audit log whole? `selvedge audit verify` reads a fleet server's database, also while that
// runs, or an export, and names the first record that is not as it was written.
#ifndef SELVEDGE_AUDIT_VERIFY_H
#define SELVEDGE_AUDIT_VERIFY_H

#include "options.h"
#include <crypto/audit_judge.h>

typedef struct sv_audit_place {
    const char *db;   ///< a database; or
    const char *file; ///< an export, "-" for stdin
    const char *ca;   ///< whose signatures count
    /// Files with checkpoints that were kept elsewhere, NULL-terminated. Of a database the one
    /// beside it is read as well.
    const char *checkpoints[SV_OPTION_LIST_MAX + 1];
} sv_audit_place;

/// SV_OK: it was read and judged, whatever the verdict. SV_ERR_INVALID: there is nothing to judge.
sv_err sv_audit_verify(const sv_audit_place *place, sv_audit_verdict *out, sv_why *why);

/// Exit 0: intact; 1: not.
int cmd_audit_verify(int argc, char **argv);

#endif
