// Releases spread over hash bins: delegated roles of our own, signed by who signs targets. Each bin
// is a document like any other, and a release makes another version of its bin alone. [repo-20]
#ifndef SELVEDGE_UPDATE_BINS_H
#define SELVEDGE_UPDATE_BINS_H

#include "update_documents.h"

/// Into how many bins the newest targets are spread; 0: they are not.
sv_err update_bins_count(const update_folder *folder, size_t *out, sv_why *why);
/// Whose release `path` is when nobody says: `targets` where it is there already or there are no
/// bins, else its bin.
sv_err update_bins_role(const update_folder *folder, sv_text path, char room[UPDATE_NAME_ROOM],
                        sv_why *why);

/// Every document with releases beside those of `role`: targets and all bins are of one house, a
/// supplier's role stands alone. Each entry once.
sv_err update_bins_each(const update_folder *folder, const char *role, sv_json_visit *visit,
                        void *arg, sv_why *why);

/// Spread into `count` bins, whose keys are those of targets in the newest root, and make those
/// that are not there or not signed by enough of them.
sv_err update_bins_make(const update_folder *folder, size_t count, int64_t expires_us, sv_why *why);
/// The same bins for other keys of targets, where they differ; *done: it was so.
sv_err update_bins_follow(const update_folder *folder, int64_t expires_us, bool *done, sv_why *why);
/// Every bin once more with a later end.
sv_err update_bins_renew(const update_folder *folder, int64_t expires_us, sv_why *why);

#endif
