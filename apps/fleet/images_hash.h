// Somebody else's file that was uploaded: held against the SHA-256 that it is called by, hashed as
// update protocols want it, and moved to its place. For a thread of its own. [images-7]
#ifndef SV_FLEET_IMAGES_HASH_H
#define SV_FLEET_IMAGES_HASH_H

#include "images_folder.h"

#include <stdatomic.h>

typedef struct sv_images_hashing {
    char dir[SV_PATH_MAX];
    sv_images_part part;
    atomic_bool stop; ///< end soon
    atomic_uint_fast64_t checked;
    // what came of it
    sv_err err;
    sv_why why;
    uint64_t length;
    atomic_uint_fast64_t of;
    char sha1[40 + 1], md5[32 + 1]; ///< lower-case
} sv_images_hashing;

/// SV_ERR_INVALID: the bytes are others than the name says, and were thrown away.
void sv_images_hash(sv_images_hashing *hashing);

#endif
