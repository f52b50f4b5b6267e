// What a client of a TUF repository believes (TUF specification 1.0, §5): from a root that it was
// given to the newest metadata, and from there to a target, through whatever was delegated. It does
// no I/O: files of the repository come through `fetch`, what is trusted is kept through `keep` and
// `load`. Not thread-safe.
//
// It keeps nothing that it has not judged, and gives no way round a judgement: expired, rolled
// back, mixed from two snapshots, signed by too few, longer than announced.
#ifndef SV_UPDATE_TRUST_H
#define SV_UPDATE_TRUST_H

#include <update/metadata.h>

enum {
    SV_TRUST_ROOTS_MAX = 256, ///< new roots in one refresh
    SV_TRUST_VISITS_MAX = 33, ///< targets files that are asked about one path
    SV_TRUST_NAME_ROOM = 320, ///< of a file of the repository
};

typedef struct sv_trust_io {
    void *arg;
    /// Append the repository's metadata file `name` ("3.root.json", percent-encoded as it stands in
    /// an address), of at most `bytes_max`. SV_ERR_NOT_FOUND when there is none; SV_ERR_INVALID
    /// when it is longer.
    sv_err (*fetch)(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why);
    /// Append what was kept as `name` ("root.json"). SV_ERR_NOT_FOUND.
    sv_err (*load)(void *arg, const char *name, sv_textbuf *out, sv_why *why);
    /// Keep it, in place of what was there; whole or not at all.
    sv_err (*keep)(void *arg, const char *name, sv_text bytes, sv_why *why);
} sv_trust_io;

typedef struct sv_trust sv_trust;

/// Is this a root that vouches for itself?
sv_err sv_trust_root_check(sv_text bytes, sv_why *why);
/// Begin from the root that is kept. `now_us` is now until the end.
sv_err sv_trust_open(const sv_trust_io *io, int64_t now_us, sv_trust **out, sv_why *why);
void sv_trust_drop(sv_trust **trust);

/// Get the newest root, timestamp, snapshot and targets. SV_ERR_UNTRUSTED or SV_ERR_INVALID with
/// the file and what is wrong with it; what was trusted before stays kept.
sv_err sv_trust_refresh(sv_trust *trust, sv_why *why);

/// A target that somebody vouches for. Borrows from the trust, until the next look-up.
typedef struct sv_trust_target {
    sv_tuf_file file;
    const char *role; ///< who says so
} sv_trust_target;

/// After a refresh. SV_ERR_NOT_FOUND when nobody who may speak for it knows it.
sv_err sv_trust_find(sv_trust *trust, sv_text path, sv_trust_target *out, sv_why *why);
/// The top-level targets file, after a refresh; NULL before. Borrows from the trust.
const sv_tuf_metadata *sv_trust_targets_file(const sv_trust *trust);
/// The file's name in the repository: the path, whose last part begins with its hash where
/// snapshots are consistent and `hashed`.
sv_err sv_trust_target_name(const sv_trust *trust, const sv_trust_target *target, sv_text path,
                            bool hashed, sv_textbuf *out);

#endif
