// What the files of the trust share.
#ifndef SV_UPDATE_TRUST_OWN_H
#define SV_UPDATE_TRUST_OWN_H

#include "delegation.h"
#include <update/trust.h>

/// A targets file that was asked about the path of the last look-up.
typedef struct sv_trust_visit {
    char name[SV_TUF_NAME_ROOM];
    sv_tuf_metadata *targets; ///< owned, but for the first, which is the trust's
} sv_trust_visit;

struct sv_trust {
    sv_trust_io io;
    int64_t now_us;
    sv_tuf_metadata *root, *timestamp, *snapshot, *targets;
    sv_trust_visit visits[SV_TRUST_VISITS_MAX];
    size_t visit_count;
};

/// What is asked for, and what has to hold of it.
typedef struct sv_trust_want {
    const char *name; ///< kept as "<name>.json"; percent-encoded
    sv_tuf_type type;
    sv_tuf_voucher by;
    const sv_tuf_file *said; ///< NULL: nothing is known of it
} sv_trust_want;

/// Read and judge all but its end.
sv_err sv_trust_judge(const sv_trust_want *want, sv_text bytes, sv_tuf_metadata **out, sv_why *why);
/// SV_ERR_UNTRUSTED when its time is over.
sv_err sv_trust_end_check(const sv_trust *trust, const char *name, const sv_tuf_metadata *metadata,
                          sv_why *why);
/// What is kept, when it can still be believed. NULL otherwise; `bytes` is what was read.
sv_tuf_metadata *sv_trust_kept(const sv_trust *trust, const sv_trust_want *want, sv_textbuf *bytes);
/// Ask the repository; `version` 0: the name stands without one.
sv_err sv_trust_ask(const sv_trust *trust, const sv_trust_want *want, int64_t version,
                    sv_textbuf *out, sv_why *why);
sv_err sv_trust_keep(const sv_trust *trust, const sv_trust_want *want, sv_text bytes, sv_why *why);
/// A targets file that the snapshot knows: the kept one, or a fresh one, which is kept then.
sv_err sv_trust_targets(const sv_trust *trust, const char *role, const sv_tuf_voucher *by,
                        sv_tuf_metadata **out, sv_why *why);
/// Who was asked in the last look-up.
void sv_trust_visits_forget(sv_trust *trust);
bool sv_trust_is_consistent(const sv_trust *trust);

#endif
