// The images that this server hands on (docs/spec/images.md). Of images of ours it serves what was
// signed offline: it holds no key of theirs, and judges what is uploaded like a device would, from
// the root that came with the first publication. Of other people's files (.swu, .raucb) it knows
// length and hashes. What is said here is of the database; bytes lie in the images' folder.
#ifndef SV_FLEET_IMAGES_H
#define SV_FLEET_IMAGES_H

#include "fleet.h"

#include <model/direct.h>
#include <update/target.h>

enum {
    SV_IMAGE_PATH_ROOM = SV_DIRECT_PATH_ROOM, ///< of the path that an image is called by
    SV_IMAGE_FILE_ROOM = 128 + 1,
    SV_IMAGE_HEX_ROOM = 64 + 1,
    SV_IMAGES_MAX = 20000,
};

typedef enum sv_image_kind {
    SV_IMAGE_SELVEDGE, ///< signed, and judged by the device
    SV_IMAGE_FILE,     ///< somebody else's file, whose device judges it by its own means
} sv_image_kind;

typedef struct sv_image_row {
    char path[SV_IMAGE_PATH_ROOM];
    sv_image_kind kind;
    char product[SV_TARGET_NAME_ROOM];
    char version[SV_TARGET_NAME_ROOM];
    char hardware[SV_TARGET_HARDWARE_MAX][SV_TARGET_NAME_ROOM];
    size_t hardware_count;
    uint32_t counter;               ///< of the release; 0: a file has none
    char slot[SV_TARGET_NAME_ROOM]; ///< its class; "": a file has none
    uint64_t length;
    char sha256[SV_IMAGE_HEX_ROOM]; ///< lower-case, as all three
    char sha1[40 + 1], md5[32 + 1]; ///< of a file; "" of an image of ours
    char file[SV_IMAGE_FILE_ROOM];  ///< the file's name; "" of an image of ours
    bool sealed;
    bool complete; ///< every byte of it is here, judged
    int64_t at_us; ///< since when it is known here
} sv_image_row;

/// SV_ERR_NOT_FOUND with the path when there is no such image.
sv_err sv_images_find(sv_fleet *fleet, sv_text path, sv_image_row *out, sv_why *why);
/// One of the images with these bytes; which of them does not matter for the bytes.
sv_err sv_images_find_bytes(sv_fleet *fleet, sv_text sha256, sv_image_row *out, sv_why *why);

/// What is signed of it. SV_ERR_NOT_FOUND when there is no such image, or it is somebody else's.
sv_err sv_images_target(sv_fleet *fleet, sv_text path, sv_target *out, sv_why *why);

/// Every image, by path, until `visit` fails. No other walk begins meanwhile.
typedef sv_err sv_images_visit(void *arg, const sv_image_row *row);
sv_err sv_images_each(sv_fleet *fleet, sv_images_visit *visit, void *arg, sv_why *why);

/// The columns of sv_image_row_read, the first of a statement's.
#define SV_IMAGE_COLUMNS                                                                           \
    "path, kind, product, version, hardware, counter, slot, length, sha256, sha1, md5, file,"      \
    " sealed, complete, at_us"
sv_err sv_image_row_read(sv_stmt *row, sv_image_row *out, sv_why *why);

/// The value of "items" as the API has it: images after the path `after`, at most `limit`; `next`:
/// the last one's path when there may be more, else "".
/// `sites`: of whose devices it is told on how many each went wrong.
sv_err sv_images_write(sv_fleet *fleet, const char *after, int64_t limit, const char *sites,
                       sv_json_out *out, char next[SV_IMAGE_PATH_ROOM], sv_why *why);
/// The value of "trust": who vouches for the set that is served, or null.
sv_err sv_images_trust_write(sv_fleet *fleet, sv_json_out *out, sv_why *why);

#endif
