// Judges what was uploaded, as a device would (update/trust.h): the metadata from the root that
// came with the first publication, then every byte of every encoding by what is signed. It touches
// the folder alone, so that a thread of its own can do it; the set that is served stays as it is.
// [images-3] [images-4]
#ifndef SV_FLEET_IMAGES_JUDGE_H
#define SV_FLEET_IMAGES_JUDGE_H

#include "images.h"

#include <stdatomic.h>

enum {
    SV_IMAGES_ROLES_MAX = 320, ///< targets files of one repository
    SV_IMAGES_ENTRY_MAX = 16 * 1024,
};

/// An image that somebody vouches for.
typedef struct sv_images_found {
    sv_image_row row;
    char *entry;     ///< what its target entry says, JSON
    char *signed_by; ///< [{"keyid","role"}]
} sv_images_found;

typedef struct sv_images_judging {
    char dir[SV_PATH_MAX];
    int64_t number; ///< of the set that is served; 0: none, and the root is believed that comes
    int64_t now_us;
    atomic_bool stop;                 ///< end soon
    atomic_uint_fast64_t checked, of; ///< bytes
    // what came of it
    sv_err err;
    sv_why why;
    sv_images_found *images; ///< by path
    size_t count, room;
    size_t incomplete; ///< of them, that are not here whole
    int64_t root_version, targets_version;
    char *trust; ///< JSON: who is trusted, and until when
} sv_images_judging;

/// Fills what came of it. With SV_OK the next set is whole at `sets/.next`, and what was judged is
/// in its place in `artifacts/`. SV_ERR_UNTRUSTED or SV_ERR_INVALID with the file and what is wrong
/// with it; bytes that are not what is signed are thrown away.
void sv_images_judge(sv_images_judging *judging);
void sv_images_judging_drop(sv_images_judging *judging);

/// Is the encoding in its place, whole and judged? Looks at the index and at lengths.
bool sv_images_has(const char *dir, const sv_target *target, const sv_encoding *encoding);

#endif
