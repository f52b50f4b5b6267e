// Files and folders with the habits we want everywhere: whole reads with a bound, writes that are
// either the old or the new content after a power cut, secrets created with mode 0600.
#ifndef SV_SYS_DISK_H
#define SV_SYS_DISK_H

#include <base/err.h>
#include <base/text.h>
#include <stdbool.h>
#include <sys/types.h>

/// Append the file's bytes to `out` (whose cap_max bounds them). SV_ERR_NOT_FOUND, SV_ERR_IO (with
/// the path and the reason), SV_ERR_NO_SPACE when larger than `out` allows.
sv_err sv_disk_read(const char *path, sv_textbuf *out, sv_why *why);

/// Write to a temporary neighbour, fsync, rename over `path`, fsync the folder.
/// SV_ERR_NO_SPACE when the disk is full, SV_ERR_IO otherwise.
sv_err sv_disk_replace(const char *path, sv_text content, mode_t mode, sv_why *why);

/// SV_ERR_IO when a folder, device, pipe or socket is in that place: none is ever replaced. For
/// saying so before the work that makes the content; the two below ask by themselves.
sv_err sv_disk_may_replace(const char *path, sv_why *why);

/// The same for what comes piece by piece: it gets its name when it is whole. What was not kept is
/// removed when the draft is dropped.
typedef struct sv_disk_draft sv_disk_draft;

sv_err sv_disk_draft_open(const char *path, mode_t mode, sv_disk_draft **out, sv_why *why);
sv_err sv_disk_draft_add(sv_disk_draft *draft, sv_text piece, sv_why *why);
sv_err sv_disk_draft_keep(sv_disk_draft *draft, sv_why *why);
void sv_disk_draft_drop(sv_disk_draft **draft);

/// Remove the drafts in `folder`, of `name` alone or (NULL) of any, whose process is no more: one
/// that was killed leaves `<name>.<pid>.new`. A folder that is not there has none.
sv_err sv_disk_clear_drafts(const char *folder, const char *name, sv_why *why);

/// Append one record and fsync. Creates the file with `mode`.
sv_err sv_disk_append(const char *path, sv_text record, mode_t mode, sv_why *why);

/// Create the folder and its parents where they are missing.
sv_err sv_disk_make_folder(const char *path, mode_t mode, sv_why *why);

/// The folder's entry for `path` reaches the medium.
sv_err sv_disk_sync_folder_of(const char *path, sv_why *why);

/// Remove a file or a folder with all it holds; follows no link. Absent is fine.
sv_err sv_disk_remove_tree(const char *path, sv_why *why);

bool sv_disk_exists(const char *path);

/// `folder/name` into `room`; SV_ERR_NO_SPACE when it does not fit.
sv_err sv_disk_join(char *room, size_t room_bytes, const char *folder, const char *name);

/// Take the exclusive lock `path` (created if needed); the lock lives as long as *out_fd is open.
/// SV_ERR_STATE when somebody else holds it.
sv_err sv_disk_lock(const char *path, int *out_fd, sv_why *why);

enum { SV_PATH_MAX = 1024 };

#endif
