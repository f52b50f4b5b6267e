// A target: looked up, fetched where it is not there yet, judged, and only then given its name.
#ifndef SELVEDGE_TUF_TARGET_H
#define SELVEDGE_TUF_TARGET_H

#include "repository.h"

#define TUF_TARGET_BYTES_MAX INT64_C(4294967295) ///< as many as an answer can announce

typedef struct tuf_target_way {
    const char *base_url, *dir;
    bool hashed; ///< names begin with hashes where snapshots are consistent
} tuf_target_way;

/// After a refresh. `*fetched` is false when it was there already, as it has to be.
sv_err tuf_target_get(tuf_repository *repository, sv_trust *trust, const tuf_target_way *way,
                      sv_text path, bool *fetched, sv_why *why);

#endif
