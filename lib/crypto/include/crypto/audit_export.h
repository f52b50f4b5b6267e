// An export of the audit log, judged line by line as it is read. [audit-12]
#ifndef SV_CRYPTO_AUDIT_EXPORT_H
#define SV_CRYPTO_AUDIT_EXPORT_H

#include <crypto/audit_judge.h>

typedef struct sv_audit_export sv_audit_export;

SV_NOT_NULL sv_audit_export *sv_audit_export_new(const sv_audit_trust *trust);
void sv_audit_export_drop(sv_audit_export **reading);
/// Before the first line; as sv_audit_judge_expect.
sv_err sv_audit_export_expect(sv_audit_export *reading, const sv_audit_checkpoint *checkpoint,
                              sv_why *why);
/// The next line, without its end. SV_ERR_INVALID: this is no export, or one with a filter, of
/// which nobody can say whether anything is missing.
sv_err sv_audit_export_line(sv_audit_export *reading, sv_text line, sv_why *why);
/// SV_ERR_INVALID: there was no line.
sv_err sv_audit_export_end(sv_audit_export *reading, sv_audit_verdict *out, sv_why *why);

#endif
