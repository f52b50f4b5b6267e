// What the signer answers: its own policy over requests of fixed size, the journal before the
// answer. Knows no sockets, so that a fuzzer can ask it anything.
#ifndef SV_SIGNER_SERVICE_H
#define SV_SIGNER_SERVICE_H

#include "config.h"
#include "director.h"
#include "journal.h"

#include <crypto/authority.h>
#include <crypto/signer.h>

enum { AUDIT_A_MINUTE = 120 }; ///< signatures about the audit log, whoever asks [signer-11]

typedef struct signer_service {
    const signer_config *config;
    sv_authority *authority;
    signer_journal journal;
    signer_director *director;
    int64_t (*now_us)(void);
    int64_t audit_minute; ///< the one that is counted
    unsigned audit_count;
    uint64_t issued, refused;
} signer_service;

/// A revocation list of one connection.
typedef struct crl_draft {
    bool begun;
    uint64_t count;
    sv_textbuf records, der;
} crl_draft;

crl_draft crl_draft_new(void);
void crl_draft_drop(crl_draft *draft);

/// Requests that were read together; their certificates are recorded together. Every answer is
/// filled. SV_ERR_STATE: the journal is beyond mending, nothing may be answered, and the program
/// has to end. [signer-3] [signer-4] [signer-6] [signer-7]
sv_err service_answer(signer_service *service, crl_draft *draft, const sv_signer_request *requests,
                      size_t count, sv_signer_answer *answers, sv_why *why);

#endif
