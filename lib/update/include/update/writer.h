// Metadata of a TUF repository, made and signed (docs/spec/repository.md). Texts in, texts out: who
// calls reads and keeps the files. A document is `{"signatures","signed"}` as sv_tuf_read takes it;
// what is made here has been read back by it before it is given away.
//
// Making and signing are two steps, because k of n people sign in turn, each on a machine of their
// own. A change makes a document without signatures.
#ifndef SV_UPDATE_WRITER_H
#define SV_UPDATE_WRITER_H

#include <update/metadata.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum {
    SV_TUF_KEYID_ROOM = 64 + 1,
    SV_TUF_PUBLIC_ROOM = 1024,
    SV_TUF_HOLDERS_MAX = 16, ///< keys that vouch for one role in what we make
    SV_TUF_PATHS_MAX = 16,   ///< patterns of one delegation
    SV_TUF_ROLE_ROOM = 64 + 1,
    SV_TUF_TARGET_PATH_ROOM = 512, ///< of a target's path
    SV_TUF_BINS_MAX = 256,         ///< files that targets are spread over by the hash of their path
    SV_TUF_BIN_ROOM = 8,           ///< "bin-3f"
};

/// A public key as metadata has it. Its id is the SHA-256 of the canonical form of the rest.
/// [repo-1]
typedef struct sv_tuf_public {
    char id[SV_TUF_KEYID_ROOM];
    char type[16];
    char scheme[32];
    char text[SV_TUF_PUBLIC_ROOM]; ///< PEM, or of Ed25519 hexadecimal
} sv_tuf_public;

sv_err sv_tuf_public_of(struct evp_pkey_st *key, sv_tuf_public *out, sv_why *why);
/// `{"keytype","scheme","keyval":{"public"}}`. SV_ERR_INVALID for a key that no signature could be
/// judged with.
sv_err sv_tuf_public_read(const sv_json *value, sv_tuf_public *out, sv_why *why);
void sv_tuf_public_write(const sv_tuf_public *key, sv_json_out *out);

/// Who vouches for a role: so many of these.
typedef struct sv_tuf_holders {
    sv_tuf_public keys[SV_TUF_HOLDERS_MAX];
    size_t count;
    int64_t threshold;
} sv_tuf_holders;

/// Whom metadata names. SV_ERR_INVALID when there are more than we handle.
sv_err sv_tuf_holders_read(const sv_tuf_voucher *by, sv_tuf_holders *out, sv_why *why);
/// SV_ERR_INVALID unless every key stands there once and the threshold can be met.
sv_err sv_tuf_holders_check(const sv_tuf_holders *holders, const char *role, sv_why *why);

typedef struct sv_tuf_head {
    int64_t version;
    int64_t expires_us; ///< the fraction of its second is cut
} sv_tuf_head;

/// By sv_tuf_type.
sv_err sv_tuf_root_make(const sv_tuf_head *head, const sv_tuf_holders roles[SV_TUF_TYPE__COUNT],
                        sv_textbuf *out, sv_why *why);

/// A file that a snapshot or timestamp announces: with its version, length and SHA-256. [repo-4]
typedef struct sv_tuf_announced {
    const char *name; ///< "targets.json"
    int64_t version;
    sv_text bytes;
} sv_tuf_announced;

sv_err sv_tuf_snapshot_make(const sv_tuf_head *head, const sv_tuf_announced *files, size_t count,
                            sv_textbuf *out, sv_why *why);
sv_err sv_tuf_timestamp_make(const sv_tuf_head *head, const sv_tuf_announced *snapshot,
                             sv_textbuf *out, sv_why *why);

/// `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, and none of the four top-level roles: what we let others be
/// called.
bool sv_tuf_role_is_valid(sv_text name);

typedef struct sv_tuf_delegation {
    const char *name;
    const sv_tuf_holders *holders;
    const char *paths[SV_TUF_PATHS_MAX];
    size_t path_count;
    bool terminating;
} sv_tuf_delegation;

/// Targets spread over so many files, by the first digits of the SHA-256 of their path: a client
/// fetches the one that its path falls into. They are delegated roles, behind all others. [repo-20]
typedef struct sv_tuf_bins {
    size_t count; ///< 16 or 256
    const sv_tuf_holders *holders;
} sv_tuf_bins;

/// "bin-3", "bin-3f": a name that nobody else is given.
bool sv_tuf_is_bin(sv_text role);
void sv_tuf_bin_name(size_t count, size_t index, char room[SV_TUF_BIN_ROOM]);
/// Into how many bins a targets file is spread; 0: it is not.
size_t sv_tuf_bins_count(const sv_tuf_metadata *targets);
/// Which of `count` bins a path falls into.
size_t sv_tuf_bin_of(size_t count, sv_text path);

/// What becomes different in a targets file. Members that are NULL or empty change nothing.
typedef struct sv_tuf_change {
    sv_text path;
    sv_text entry;                       ///< JSON; empty: the path goes
    const sv_tuf_delegation *delegation; ///< new, or in place of the one of that name
    sv_text undelegate;                  ///< a role that goes
    const sv_tuf_bins *bins;             ///< new, or as many as before with other holders
} sv_tuf_change;

/// `old` NULL: from an empty one. What nobody changes stays as it was, unknown members too.
/// SV_ERR_NOT_FOUND when what is to go is not there.
sv_err sv_tuf_targets_make(const sv_tuf_head *head, const sv_tuf_metadata *old,
                           const sv_tuf_change *change, sv_textbuf *out, sv_why *why);

/// The document, signed with one more key; a signature that it has by this key is replaced.
/// [repo-2]
sv_err sv_tuf_sign(sv_text document, sv_tuf_type type, struct evp_pkey_st *key, sv_textbuf *out,
                   sv_why *why);
/// The same with a signature that somebody else makes: `sign` appends it, in hexadecimal, over the
/// message, which is the canonical form of what is signed.
typedef sv_err sv_tuf_signature_of(void *arg, sv_text message, sv_textbuf *hex, sv_why *why);
sv_err sv_tuf_sign_as(sv_text document, sv_tuf_type type, const char *keyid,
                      sv_tuf_signature_of *sign, void *arg, sv_textbuf *out, sv_why *why);
/// `document` with the signatures that `other` has more, when both say the same (to the byte, in
/// the canonical form); SV_ERR_INVALID when they do not. Of two by one key, the document's counts.
sv_err sv_tuf_signatures_join(sv_text document, sv_text other, sv_tuf_type type, sv_textbuf *out,
                              sv_why *why);

#endif
