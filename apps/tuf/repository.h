// A TUF repository behind two addresses and a folder of what is trusted: the I/O of lib/update.
#ifndef SELVEDGE_TUF_REPOSITORY_H
#define SELVEDGE_TUF_REPOSITORY_H

#include <net/http_client.h>
#include <sys/disk.h>
#include <update/trust.h>

#define TUF_PATIENCE_US INT64_C(30000000) ///< with SV_HTTP_FLOOR_BYTES of an answer, or its end

typedef struct tuf_repository tuf_repository;

typedef struct tuf_place {
    const char *metadata_dir; ///< what is trusted
    const char *metadata_url; ///< NULL: nothing is fetched
    const char *ca;           ///< for https; NULL: the system's
    const char *cert, *key;   ///< what is shown, where clients have to; NULL: nothing
} tuf_place;

sv_err tuf_repository_open(const tuf_place *place, tuf_repository **out, sv_why *why);
void tuf_repository_drop(tuf_repository **repository);

/// For sv_trust_open; lives as long as the repository.
sv_trust_io tuf_repository_io(tuf_repository *repository);

/// What is at `base` followed by `name`, percent-encoded as addresses are, goes to `part` as it
/// comes, until it does not like it. SV_ERR_NOT_FOUND for 403 and 404.
sv_err tuf_repository_get(tuf_repository *repository, const char *base, sv_text name,
                          sv_http_part *part, void *arg, sv_why *why);

#endif
