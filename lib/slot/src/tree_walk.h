// From a tree's folder to the folder that an entry is in, and errors by what errno says.
#ifndef SV_SLOT_TREE_WALK_H
#define SV_SLOT_TREE_WALK_H

#include <slot/tar.h>

/// The folder that was needed last stays open: the next entry is most often in it.
typedef struct sv_tree_walk {
    int root; ///< borrowed
    int fd;   ///< -1: none is open
    char folder[SV_TAR_PATH_MAX + 1];
} sv_tree_walk;

/// The folder `path` is in, borrowed, and its last part.
sv_err sv_tree_walk_to(sv_tree_walk *walk, const char *path, int *folder, const char **name,
                       sv_why *why);
void sv_tree_walk_drop(sv_tree_walk *walk);

/// errno as a fault: "cannot <what> '<path>'".
sv_err sv_tree_fail(const char *what, const char *path, sv_why *why);

/// Everything below an open folder, which must not be deeper than an archive's.
sv_err sv_tree_count(int folder, uint64_t *entries, sv_why *why);

#endif
