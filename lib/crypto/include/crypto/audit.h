// The audit log (model/audit.h) as something that can be relied on: each line is hashed onto the
// one before it, and the issuing certificate's key signs how far the log has come and what was
// forgotten of it (docs/spec/audit.md). Neither does I/O but for reading the CA's file, nor reads a
// clock.
#ifndef SV_CRYPTO_AUDIT_H
#define SV_CRYPTO_AUDIT_H

#include <base/err.h>
#include <model/audit.h>

enum { SV_AUDIT_MESSAGE_MAX = 640 }; ///< bytes of what is signed

/// SHA-256 over `line->prev` and the line's canonical form. SV_ERR_NO_SPACE: it is longer than any
/// line of ours can be. [audit-6]
sv_err sv_audit_hash(const sv_audit_line *line, uint8_t out[SV_AUDIT_HASH_BYTES], sv_why *why);

/// The bytes that are signed; no two kinds of statement, of this log or of another thing, have the
/// same. Domain and moment are the seal's. [audit-7]
void sv_audit_checkpoint_message(const sv_audit_checkpoint *checkpoint, sv_textbuf *out);
void sv_audit_gap_message(const sv_audit_gap *gap, sv_textbuf *out);

struct evp_pkey_st;
/// Fill the signature; what the signer does. [audit-7]
sv_err sv_audit_checkpoint_sign(struct evp_pkey_st *key, sv_audit_checkpoint *checkpoint,
                                sv_why *why);
sv_err sv_audit_gap_sign(struct evp_pkey_st *key, sv_audit_gap *gap, sv_why *why);

/// Whose signature counts: the CA certificates of a file (PEM), each for what was signed while it
/// was valid. [audit-8]
typedef struct sv_audit_trust sv_audit_trust;

sv_err sv_audit_trust_open(const char *ca_path, sv_audit_trust **out, sv_why *why);
void sv_audit_trust_drop(sv_audit_trust **trust);
/// SV_ERR_UNTRUSTED: nobody who counts signed it. NULL: nobody counts.
sv_err sv_audit_checkpoint_verify(const sv_audit_trust *trust,
                                  const sv_audit_checkpoint *checkpoint, sv_why *why);
sv_err sv_audit_gap_verify(const sv_audit_trust *trust, const sv_audit_gap *gap, sv_why *why);

#endif
