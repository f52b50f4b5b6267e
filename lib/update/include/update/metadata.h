// One file of TUF metadata (TUF specification 1.0, §4): read, checked for its shape, and held
// against the keys that somebody else named for it. Says nothing about which file is the newest;
// that is trust.h. Unknown members are kept, and count for the signature.
#ifndef SV_UPDATE_METADATA_H
#define SV_UPDATE_METADATA_H

#include <codec/json.h>

typedef enum sv_tuf_type {
    SV_TUF_ROOT,
    SV_TUF_TIMESTAMP,
    SV_TUF_SNAPSHOT,
    SV_TUF_TARGETS,
    SV_TUF_TYPE__COUNT
} sv_tuf_type;

enum {
    SV_TUF_ROOT_MAX = 512 * 1024, ///< bytes of a file, where nobody has said how long it is
    SV_TUF_TIMESTAMP_MAX = 16 * 1024,
    SV_TUF_SNAPSHOT_MAX = 2 * 1024 * 1024,
    SV_TUF_TARGETS_MAX = 5 * 1024 * 1024,
    SV_TUF_KEYS_MAX = 64, ///< that vouch for one role
};

/// "root", "timestamp", "snapshot", "targets".
const char *sv_tuf_type_name(sv_tuf_type type);
/// Bytes of such a file, see above.
size_t sv_tuf_type_max(sv_tuf_type type);
/// A role that nobody can delegate.
bool sv_tuf_name_is_top(sv_text name);

typedef struct sv_tuf_metadata {
    sv_json *document;
    const sv_json *content; ///< what is signed
    sv_tuf_type type;
    int64_t version, expires_us;
} sv_tuf_metadata;

/// SV_ERR_INVALID with what is wrong with its shape: type, specification version, version, end,
/// keys, roles, files, targets, delegations, two signatures by one key id.
sv_err sv_tuf_read(sv_text bytes, sv_tuf_type type, sv_tuf_metadata **out, sv_why *why);
void sv_tuf_drop(sv_tuf_metadata **metadata);

/// Who has to have signed something: so many of these keys. Borrows from the metadata that says so.
typedef struct sv_tuf_voucher {
    const sv_json *keys;   ///< by key id
    const sv_json *keyids; ///< those that count
    int64_t threshold;
} sv_tuf_voucher;

/// Whom a root names for a top-level role.
sv_tuf_voucher sv_tuf_root_names(const sv_tuf_metadata *root, sv_tuf_type role);
/// SV_ERR_UNTRUSTED unless at least `threshold` different keys have signed. One key counts once,
/// under whatever ids it stands; a signature by an unknown key, of an unknown scheme or that does
/// not fit is as good as none.
sv_err sv_tuf_check(const sv_tuf_metadata *metadata, const sv_tuf_voucher *by, sv_why *why);
/// Each of the keys that count, in their order, and whether it has signed.
typedef void sv_tuf_signer_visit(void *arg, sv_text keyid, bool has_signed);
sv_err sv_tuf_signers(const sv_tuf_metadata *metadata, const sv_tuf_voucher *by,
                      sv_tuf_signer_visit *visit, void *arg, sv_why *why);

/// What is known of a file before it is fetched. Borrows.
typedef struct sv_tuf_file {
    int64_t version;       ///< 0 of a target
    int64_t length;        ///< -1: not said
    const sv_json *hashes; ///< NULL: not said
    const sv_json *custom; ///< of a target, what else its signer says (target.h); NULL: nothing
} sv_tuf_file;

/// From its JSON; false: that is no object.
bool sv_tuf_file_read(const sv_json *entry, sv_tuf_file *out);

/// What a timestamp or snapshot says about `name` ("targets.json"); false: nothing.
bool sv_tuf_file_of(const sv_tuf_metadata *metadata, sv_text name, sv_tuf_file *out);
/// SV_ERR_UNTRUSTED unless bytes have that length and every hash that we know (sha256, sha512), of
/// which there has to be one when there are hashes.
sv_err sv_tuf_file_check(const sv_tuf_file *file, sv_text bytes, sv_why *why);

/// The same of what comes piece by piece. What is announced is copied.
typedef struct sv_tuf_judge sv_tuf_judge;

sv_err sv_tuf_judge_open(const sv_tuf_file *file, sv_tuf_judge **out, sv_why *why);
/// SV_ERR_UNTRUSTED as soon as there is more than announced.
sv_err sv_tuf_judge_add(sv_tuf_judge *judge, sv_text piece, sv_why *why);
/// All has come.
sv_err sv_tuf_judge_end(sv_tuf_judge *judge, sv_why *why);
void sv_tuf_judge_drop(sv_tuf_judge **judge);

/// What a targets file says about a path; false: nothing.
bool sv_tuf_target_of(const sv_tuf_metadata *targets, sv_text path, sv_tuf_file *out);

#endif
