// Paths of an archive: what is read of them, and that a link ends in the tree it is in.
#ifndef SV_SLOT_TAR_PATH_H
#define SV_SLOT_TAR_PATH_H

#include <base/err.h>

/// Takes `./` from its beginning and `/` from its end; empty is the tree's own folder.
/// SV_ERR_INVALID for what leads out of it, or is no path at all.
sv_err sv_tar_path_tidy(char *path, sv_why *why);

/// Where a link at `path` may lead: `..` only at its beginning, as often as there are folders above
/// it. Those are folders, not links, so that what follows starts in the tree; and another link that
/// is met on the way ends in the tree as well.
sv_err sv_tar_target_check(const char *path, const char *target, sv_why *why);

#endif
