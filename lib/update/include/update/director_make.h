// The director's documents, made (docs/spec/director.md). What is signed is composed here, from the
// same few numbers and texts at both ends: by selvedge-signer, which signs it, and by the fleet
// server, which puts the signatures to it and serves it. So nothing but these travels between them.
#ifndef SV_UPDATE_DIRECTOR_MAKE_H
#define SV_UPDATE_DIRECTOR_MAKE_H

#include <base/time.h>
#include <model/direct.h>
#include <update/writer.h>

enum {
    SV_DIRECTOR_DOCUMENT_MAX = 16 * 1024,
    SV_DIRECTOR_ROOTS_MAX = 1000, ///< versions, one after another
};

// In the signer's folder, beside each other: the key, the one that is to follow it, the first root.
// Root N > 1 is in `director.N.root.json`.
#define SV_DIRECTOR_KEY_FILE "director.key"
#define SV_DIRECTOR_NEXT_KEY_FILE "director.next.key"
#define SV_DIRECTOR_FIRST_ROOT_FILE "director.root.json"

#define SV_DIRECTOR_VALID_US (7 * SV_TIME_DAY_US)
#define SV_DIRECTOR_ROOT_VALID_US (INT64_C(7305) * SV_TIME_DAY_US) ///< 20 years

typedef struct sv_director_documents {
    sv_textbuf targets, snapshot, timestamp;
} sv_director_documents;

void sv_director_documents_drop(sv_director_documents *documents);

/// All three, whose signatures `sign` gives in this order: targets, snapshot, timestamp. `keyid` is
/// of the one key that signs. SV_ERR_INVALID for an assignment that is none. [director-5]
sv_err sv_director_compose(const sv_direct *direct, const char *keyid, sv_tuf_signature_of *sign,
                           void *arg, sv_director_documents *out, sv_why *why);

/// The root of all devices: `key` alone, for all four roles. [director-6]
sv_err sv_director_root_make(struct evp_pkey_st *key, int64_t now_us, sv_textbuf *out, sv_why *why);
/// The root after `root`: `key` alone from now on; `old`, which `root` names, has signed it as
/// well. [director-9]
sv_err sv_director_root_next(sv_text root, struct evp_pkey_st *old, struct evp_pkey_st *key,
                             int64_t now_us, sv_textbuf *out, sv_why *why);
/// SV_ERR_UNTRUSTED or SV_ERR_INVALID unless `next` is the one after `root`, as devices judge it.
sv_err sv_director_root_follows(sv_text root, sv_text next, sv_why *why);
sv_err sv_director_root_version(sv_text root, int64_t *out, sv_why *why);
/// Whose signatures such a root asks for. SV_ERR_INVALID for a root of another shape.
sv_err sv_director_root_key(sv_text root, sv_tuf_public *out, sv_why *why);

#endif
