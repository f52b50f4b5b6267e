// What the signer has made, one line each (as in the folder's index), on disk before anybody is
// given it: `<pki>/signer/journal.ndjson`. And the number of the last revocation list, and the last
// checkpoint of the audit log.
#ifndef SV_SIGNER_JOURNAL_H
#define SV_SIGNER_JOURNAL_H

#include <crypto/pki.h>
#include <limits.h>
#include <model/audit.h>

typedef struct signer_journal {
    int fd;
    int64_t bytes; ///< all of them whole lines
    char crl_number[PATH_MAX];
    char checkpoint[PATH_MAX];
} signer_journal;

#define JOURNAL_CLOSED ((signer_journal){ .fd = -1 })

/// Creates it where it is missing, and cuts off a line that a power cut left half written.
/// SV_ERR_STATE when another signer has it.
sv_err journal_open(const char *pki, signer_journal *out, sv_why *why);
void journal_drop(signer_journal *journal);

/// Append `lines`, all of them durable when this returns SV_OK and none of them there otherwise.
sv_err journal_append(signer_journal *journal, sv_text lines, sv_why *why);

/// A number above every one given so far, durable; `floor` comes from elsewhere.
sv_err journal_next_crl(const signer_journal *journal, uint64_t floor, uint64_t *out, sv_why *why);
/// `<pki>/signer/audit-checkpoint` tells of this one from now on, as an export of the audit log
/// would, out of reach of whoever writes that. [signer-11]
sv_err journal_keep_checkpoint(const signer_journal *journal, const sv_audit_checkpoint *checkpoint,
                               sv_why *why);

#endif
