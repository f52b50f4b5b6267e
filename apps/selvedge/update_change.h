// The next version of a document in a folder of keys: made, signed with what is here, settled when
// that is enough, and otherwise told who is missing.
#ifndef SELVEDGE_UPDATE_CHANGE_H
#define SELVEDGE_UPDATE_CHANGE_H

#include "update_documents.h"

enum { UPDATE_DAYS_ROOT = 365, UPDATE_DAYS_TARGETS = 365 };

/// How long a new version is valid: `--for 90d`, or NULL for `days`. Gives its end.
sv_err update_end_of(const char *text, int64_t days, int64_t *expires_us, sv_why *why);

/// The newest root's roles. SV_ERR_INVALID with the remedy when the folder has no root.
sv_err update_root_roles(const update_folder *folder, sv_tuf_holders out[SV_TUF_TYPE__COUNT],
                         sv_why *why);
/// A root with these roles follows the settled one. When it names other keys for targets, targets
/// are made again for them. [repo-9]
sv_err update_root_change(const update_folder *folder,
                          const sv_tuf_holders roles[SV_TUF_TYPE__COUNT], int64_t expires_us,
                          sv_why *why);
/// The next targets file of `role`; the first when there is none.
sv_err update_targets_change(const update_folder *folder, const char *role,
                             const sv_tuf_change *change, int64_t expires_us, sv_why *why);
/// The version that follows a document; of one that nobody has signed yet, and of none, the same.
int64_t update_next_version(const update_document *old);
/// What became of a role, on stdout: settled, or who is missing.
sv_err update_tell(const update_folder *folder, const char *role, sv_why *why);

#endif
