// What the files of the images' store share among themselves.
#ifndef SV_FLEET_IMAGES_OWN_H
#define SV_FLEET_IMAGES_OWN_H

#include "images_hash.h"
#include "images_store.h"

#include <sys/worker.h>

/// What is being judged.
typedef struct sv_images_job {
    sv_fleet *fleet;
    char user[SV_ID_ROOM];
    bool is_file;
    sv_images_judging judging;
    sv_images_hashing hashing;
    sv_images_file file;
} sv_images_job;

struct sv_images {
    sv_images_folder folder;
    int64_t number; ///< of the set that is served
    int64_t last;   ///< the highest that ever was
    sv_worker *worker;
    sv_images_job *job;
    bool failed; ///< the last one did, and nobody has been told
    bool failed_file;
    sv_err err;
    sv_why why;
};

// ---- images_rows.c, in the caller's transaction -------------------------------------------------

/// SV_ERR_STATE when there is an image of this path.
sv_err sv_images_insert(sv_db *db, const sv_images_found *found, sv_why *why);
/// What a publication has found takes the place of what was known of images of ours.
sv_err sv_images_replace(const sv_images_job *done, int64_t number, sv_why *why);
/// A line in the event log; of `about` no more than fits there.
sv_err sv_images_note(sv_fleet *fleet, const char *user, const char *what, const char *about,
                      const char *detail, sv_why *why);

// ---- images_finish.c ----------------------------------------------------------------------------

/// The path that a file is offered as.
sv_err sv_images_file_path(const sv_images_file *file, char path[SV_IMAGE_PATH_ROOM], sv_why *why);
/// What was judged is served.
sv_err sv_images_finish_set(const sv_images_job *done, sv_why *why);
sv_err sv_images_finish_file(const sv_images_job *done, sv_why *why);
/// Sets that nobody is served go: of before, or of a publication that did not come to its end.
void sv_images_clear_sets(const sv_images *images);
/// Browsers hear that something about images is another; `path` NULL: about all of them.
void sv_images_tell(const sv_fleet *fleet, const char *path);

#endif
