// A TUF repository behind two addresses and a folder of what is trusted: the I/O of lib/update.
#ifndef SELVEDGE_TUF_REPOSITORY_H
#define SELVEDGE_TUF_REPOSITORY_H

#include <sys/disk.h>
#include <update/trust.h>

enum {
    TUF_URL_MAX = 2048,
    TUF_PIECE_BYTES = 1024 * 1024, ///< asked for at once of what is longer
};
#define TUF_PATIENCE_US INT64_C(30000000) ///< with one answer

typedef struct tuf_repository tuf_repository;

typedef struct tuf_place {
    const char *metadata_dir; ///< what is trusted
    const char *metadata_url; ///< NULL: nothing is fetched
    const char *ca;           ///< for https; NULL: the system's
} tuf_place;

sv_err tuf_repository_open(const tuf_place *place, tuf_repository **out, sv_why *why);
void tuf_repository_drop(tuf_repository **repository);

/// For sv_trust_open; lives as long as the repository.
sv_trust_io tuf_repository_io(tuf_repository *repository);

/// Append what is at `base` followed by `name`, percent-encoded as addresses are. SV_ERR_NOT_FOUND
/// for 403 and 404, SV_ERR_INVALID when it has more than `bytes_max`.
sv_err tuf_repository_get(tuf_repository *repository, const char *base, sv_text name,
                          size_t bytes_max, sv_textbuf *out, sv_why *why);

#endif
