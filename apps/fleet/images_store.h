// What becomes of uploads: judged on a thread of their own, one at a time, then in the database and
// before devices as a whole (docs/spec/images.md).
#ifndef SV_FLEET_IMAGES_STORE_H
#define SV_FLEET_IMAGES_STORE_H

#include "images_folder.h"
#include "images_judge.h"

typedef struct sv_images sv_images;

/// Makes the folder where it is missing. SV_ERR_IO with the path when it cannot be used.
sv_err sv_images_open(sv_fleet *fleet, sv_images **out, sv_why *why);
/// What is under way ends soon, undone.
void sv_images_drop(sv_images **images);
/// Uploads that rest go. Once a minute.
void sv_images_turn(sv_fleet *fleet);

/// Of the set that is served; 0: none.
int64_t sv_images_set(const sv_images *images);
const sv_images_folder *sv_images_folder_of(const sv_images *images);

/// SV_ERR_UNAVAILABLE while something is being judged; else as sv_images_part_put.
sv_err sv_images_put(sv_fleet *fleet, const sv_images_part *part, uint64_t offset, sv_text bytes,
                     uint64_t *now, sv_why *why);

/// How far the judging is.
typedef struct sv_images_progress {
    bool busy; ///< ask again
    uint64_t checked, of;
} sv_images_progress;

/// Judge what is staged and serve it. SV_ERR_UNAVAILABLE while a file is judged, and so below.
/// SV_OK and `busy`: under way; SV_OK and not: it is served. Any other is what was wrong:
/// SV_ERR_UNTRUSTED with what a device would say. [images-3] [images-5]
sv_err sv_images_publish(sv_fleet *fleet, const char *user, sv_images_progress *out, sv_why *why);

/// Somebody else's file, which was uploaded as a part.
typedef struct sv_images_file {
    sv_images_part part;
    char product[SV_TARGET_NAME_ROOM], version[SV_TARGET_NAME_ROOM];
    char hardware[SV_TARGET_HARDWARE_MAX][SV_TARGET_NAME_ROOM];
    size_t hardware_count;
} sv_images_file;

/// Offer it as the image `files/<product>/<version>/<name>`, which goes to `path`. As above;
/// SV_ERR_INVALID: it is not the bytes that its name says, and they were thrown away. [images-7]
sv_err sv_images_add_file(sv_fleet *fleet, const sv_images_file *file, const char *user,
                          char path[SV_IMAGE_PATH_ROOM], sv_images_progress *out, sv_why *why);

/// The bytes go; a file is forgotten, an image of ours stays known as long as its metadata says so.
/// SV_ERR_STATE while a device is to install it, or a campaign has not ended. [images-8]
sv_err sv_images_remove(sv_fleet *fleet, sv_text path, const char *user, sv_why *why);

#endif
