// The folder that devices read (docs/spec/repository.md), served by any HTTP server:
//
//   metadata/                 as TUF wants it, consistent snapshots
//   artifacts/<image sha256>/ the encodings of an image, and beside each its index
//   targets/                  plain images under the names that other TUF clients know
#ifndef SELVEDGE_UPDATE_REPO_H
#define SELVEDGE_UPDATE_REPO_H

#include "update_release.h"

enum { UPDATE_VERSIONS_KEPT = 16 }; ///< of each role behind the newest; roots all stay

/// Bring the release's metadata into the repository, at once: what clients see is the old set or
/// the new one, whenever this stops. [repo-7]
sv_err update_repo_write(const update_release *release, const char *repo, sv_why *why);

#endif
