// Is an audit log whole? Its records are shown to the judge in the order in which they stand, and
// the verdict names the first one that was changed, taken out, put in, moved or cut off. The judge
// neither reads nor keeps the log, so that a database, an export and a fuzzer share it. [audit-9]
#ifndef SV_CRYPTO_AUDIT_JUDGE_H
#define SV_CRYPTO_AUDIT_JUDGE_H

#include <base/time.h>
#include <crypto/audit.h>

enum {
    SV_AUDIT_EXPECTED_MAX = 200000, ///< checkpoints from elsewhere
    SV_AUDIT_UNSIGNED_MAX = 2000,   ///< lines behind the last checkpoint that need none yet
};
#define SV_AUDIT_UNSIGNED_US SV_TIME_HOUR_US ///< nor may there be so much time between them

typedef enum sv_audit_finding {
    SV_AUDIT_INTACT,
    SV_AUDIT_CHANGED,
    SV_AUDIT_REMOVED,
    SV_AUDIT_REORDERED,
    SV_AUDIT_INSERTED,
    SV_AUDIT_TRUNCATED,
    SV_AUDIT_UNTRUSTED, ///< what vouches for it is signed by nobody who counts
    SV_AUDIT_UNSIGNED,  ///< the chain holds, and nothing signed vouches for it
    SV_AUDIT_FINDING__COUNT
} sv_audit_finding;

/// "intact", "changed", "removed", ...
const char *sv_audit_finding_name(sv_audit_finding finding);

typedef struct sv_audit_verdict {
    sv_audit_finding finding;
    int64_t seq; ///< the first line that it is about
    sv_why why;  ///< the sentence; "" when intact
    int64_t lines, first, last;
    int64_t pruned;      ///< lines that are gone, as is signed
    int64_t checkpoints; ///< that fit
    int64_t signed_to;   ///< the last line that one of them covers; 0: none
    int64_t signed_us;   ///< when that was signed
} sv_audit_verdict;

typedef struct sv_audit_judge sv_audit_judge;

/// The log is judged from behind line `after`; what came before is not asked about.
SV_NOT_NULL sv_audit_judge *sv_audit_judge_new(const sv_audit_trust *trust, int64_t after);
void sv_audit_judge_drop(sv_audit_judge **judge);

/// A checkpoint that was kept elsewhere, before the first record is shown. SV_ERR_UNTRUSTED: it is
/// signed by nobody who counts; SV_ERR_NO_SPACE: too many.
sv_err sv_audit_judge_expect(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint,
                             sv_why *why);

/// One after the other, as they stand. Head and end of an export are the caller's affair.
void sv_audit_judge_line(sv_audit_judge *judge, const sv_audit_line *line);
void sv_audit_judge_gap(sv_audit_judge *judge, const sv_audit_gap *gap);
void sv_audit_judge_checkpoint(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint);
/// Something stands there that is no record.
void sv_audit_judge_broken(sv_audit_judge *judge, const char *sentence);

/// That was all. `claimed`: how far somebody unsigned says that it went (an export's end); 0: not
/// said. `whole`: the log ends here, so that a checkpoint behind it tells of lines that were cut
/// off.
sv_audit_verdict sv_audit_judge_end(sv_audit_judge *judge, int64_t claimed, bool whole);

#endif
