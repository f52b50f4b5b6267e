// The fleet server's line to selvedge-signer, which holds the issuing key: questions on the loop,
// answered later. The fleet server never sees the key, and lives on without the signer.
//
// A signer that restarts is found again by itself. What it had not answered when it went away ends
// with a sentence; nothing is asked twice by itself, for a certificate may have been made.
#ifndef SV_FLEET_SIGNER_H
#define SV_FLEET_SIGNER_H

#include <crypto/signer.h>
#include <sys/loop.h>

enum {
    SV_SIGNER_QUEUE_MAX = 512,            ///< questions without an answer, beyond the window too
    SV_SIGNER_WAIT_US = 15000000,         ///< a signer that says nothing for so long is given up
    SV_SIGNER_RETRY_US = 500000,          ///< between two attempts to reach it
    SV_SIGNER_DER_MAX = 48 * 1024 * 1024, ///< of a CRL
};

typedef struct sv_signer sv_signer;

/// Always succeeds in looking for it; whether it is there is seen later.
/// `mono_us` is the clock by which it is given up.
sv_signer *sv_signer_open(sv_loop *loop, const char *socket_path, int64_t (*mono_us)(void));
/// Whatever waits for an answer is told (SV_ERR_UNAVAILABLE) before this returns.
void sv_signer_drop(sv_signer **signer);
/// Is it there? A NULL signer never is.
bool sv_signer_is_up(const sv_signer *signer);

/// The answer: the certificate, signature or CRL, borrowed for the call; or why there is none.
/// SV_ERR_UNAVAILABLE: ask again later; SV_ERR_INVALID and SV_ERR_UNTRUSTED: the policy says no.
typedef void sv_signer_done(void *arg, sv_err err, sv_text bytes, const sv_why *why);

/// The ways to ask. SV_OK: `done` is called once, later, never from within; else it never is,
/// and `why` says what to tell (SV_ERR_UNAVAILABLE: no signer, or too many wait). A NULL signer is
/// answered so.
sv_err sv_signer_issue(sv_signer *signer, const sv_issue *issue, sv_signer_done *done, void *arg,
                       sv_why *why);
sv_err sv_signer_standing(sv_signer *signer, int64_t version,
                          const uint8_t hash[SV_STANDING_HASH_BYTES], int64_t at_us,
                          sv_signer_done *done, void *arg, sv_why *why);
sv_err sv_signer_audit(sv_signer *signer, const sv_signer_statement *statement,
                       sv_signer_done *done, void *arg, sv_why *why);
/// The three signatures of a device's documents, in hexadecimal, a line each.
sv_err sv_signer_direct(sv_signer *signer, const sv_direct *direct, sv_signer_done *done, void *arg,
                        sv_why *why);
/// The root of all devices' documents.
sv_err sv_signer_director_root(sv_signer *signer, int64_t version, sv_signer_done *done, void *arg,
                               sv_why *why);
/// A CRL of `count` records, which are read until `done` is called. One at a time: SV_ERR_STATE
/// while another is under way.
sv_err sv_signer_crl(sv_signer *signer, const sv_signer_record *records, size_t count,
                     sv_signer_done *done, void *arg, sv_why *why);
/// Whoever asked with `arg` has gone: its `done` is not called any more. What was asked is done all
/// the same; a CRL ends here.
void sv_signer_forget(sv_signer *signer, const void *arg);

#endif
