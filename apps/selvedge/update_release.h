// What a repository is to hold: the settled documents of a folder of keys, judged as a client would
// judge them, and a snapshot and timestamp over them.
#ifndef SELVEDGE_UPDATE_RELEASE_H
#define SELVEDGE_UPDATE_RELEASE_H

#include "update_documents.h"

enum {
    UPDATE_DAYS_SNAPSHOT = 30,
    UPDATE_DAYS_TIMESTAMP = 7,
    UPDATE_WARNING_DAYS = 30, ///< before root or targets end
};

typedef struct update_release {
    const update_folder *folder;
    int64_t now_us;
    update_document root, targets, snapshot, timestamp;
    update_document delegated[UPDATE_ROLES_MAX];
    size_t delegated_count;
} update_release;

void update_release_drop(update_release *release);

/// Load and judge. SV_ERR_UNTRUSTED with who is missing or what has ended.
sv_err update_release_load(const update_folder *folder, int64_t now_us, update_release *out,
                           sv_why *why);

/// What a repository holds already, and we go on from. Only what keys of ours have signed counts.
typedef struct update_before {
    int64_t timestamp_version;
    update_document snapshot; ///< empty: none
} update_before;

/// A folder of metadata as it is published. SV_ERR_STATE when it knows newer roots or targets than
/// the release.
sv_err update_before_read(const update_release *release, const char *metadata_dir,
                          update_before *out, sv_why *why);
void update_before_drop(update_before *before);

typedef struct update_terms {
    int64_t snapshot_us, timestamp_us; ///< how long they are valid
} update_terms;

/// The snapshot of before where it still says what it should and lasts for half its time, a new one
/// otherwise; and always a new timestamp. Keeps both in the folder of keys. [repo-6]
sv_err update_release_seal(update_release *release, const update_before *before,
                           const update_terms *terms, sv_why *why);

enum { UPDATE_REMEDY_ROOM = 224 };
/// How a role is signed again: by us, or by the supplier whose it is.
void update_remedy(const update_release *release, const char *role, char room[UPDATE_REMEDY_ROOM]);

/// All targets files, `targets` first.
const update_document *update_release_targets(const update_release *release, size_t index);

#endif
