// The folder of images, and what may be put into it (docs/spec/images.md):
//
//   sets/<n>/metadata/          what devices read; sets/<n>/trust/ what it was judged by
//   artifacts/<sha256>/<name>   bytes that were judged: an encoding, its index, or a file;
//   the same with .part         what was uploaded and is not judged yet, half or whole,
//   metadata/<name>             and so of metadata
//
// Nothing moves from one folder to another: where the kernel's landlock is of its first generation
// a confined process may not.
//
// Used on the loop's thread, but for what images_judge.h does in it.
#ifndef SV_FLEET_IMAGES_FOLDER_H
#define SV_FLEET_IMAGES_FOLDER_H

#include <base/err.h>
#include <base/text.h>
#include <sys/disk.h>

enum {
    SV_IMAGES_PART_BYTES = 1024 * 1024, ///< of one request
    SV_IMAGES_PARTS_MAX = 2048,         ///< files that wait to be judged
    SV_IMAGES_NAME_ROOM = 128 + 1,
};

#define SV_IMAGES_PART_AGE_US (7 * SV_TIME_DAY_US) ///< an upload that rests for so long is dropped
#define SV_IMAGES_FREE_BYTES (UINT64_C(64) << 20)  ///< that stay free on the disk

typedef struct sv_images_folder {
    char dir[SV_PATH_MAX];
    uint64_t room; ///< bytes that all of it may have
    uint64_t used;
    size_t parts; ///< files that are not judged
} sv_images_folder;

/// Makes what is missing, drops what a stopped program left half, and counts. SV_ERR_IO when the
/// folder cannot be written.
sv_err sv_images_folder_open(const char *dir, uint64_t room, sv_images_folder *out, sv_why *why);
/// Count again; parts that rest for too long go. `now_us` 0: none does.
void sv_images_folder_sweep(sv_images_folder *folder, int64_t now_us);

#define SV_IMAGES_PART_END ".part" ///< of what is not judged; no file ends so

/// `<folder>/<sub>/<a>/<b>`; `a` and `b` may be empty.
sv_err sv_images_path(const char *dir, const char *sub, const char *a, const char *b,
                      char room[SV_PATH_MAX], sv_why *why);
/// `sets/<number>/<what>[/<name>]`.
sv_err sv_images_set_path(const char *dir, int64_t number, const char *what, const char *name,
                          char room[SV_PATH_MAX], sv_why *why);

/// A file that is uploaded: of metadata, where `sha256` is empty, or of an image's bytes.
typedef struct sv_images_part {
    char sha256[64 + 1];
    char name[SV_IMAGES_NAME_ROOM];
} sv_images_part;

/// SV_ERR_INVALID for a name that no such file has. `sha256` empty: metadata. [images-1]
sv_err sv_images_part_read(sv_text sha256, sv_text name, sv_images_part *out, sv_why *why);
/// Where it lies until it is judged.
sv_err sv_images_part_path(const char *dir, const sv_images_part *part, char room[SV_PATH_MAX],
                           sv_why *why);
/// How much of it is here; `judged`: it is in its place. Of metadata, whether it is in the set.
sv_err sv_images_part_state(const sv_images_folder *folder, int64_t number,
                            const sv_images_part *part, uint64_t *bytes, bool *judged, sv_why *why);
/// Put `bytes` at `offset`; what was behind it goes. *now: how much is here afterwards, also when
/// it fails. SV_ERR_STATE: less is here than `offset`, or it is judged already; SV_ERR_NO_SPACE:
/// the folder or the disk is full, and what was here before stays; SV_ERR_INVALID: it is longer
/// than such a file can be. [images-2]
sv_err sv_images_part_put(sv_images_folder *folder, const sv_images_part *part, uint64_t offset,
                          sv_text bytes, uint64_t *now, sv_why *why);
/// What was judged gets its name: flushed first, and then for good, with the folders that it is in.
sv_err sv_images_settle(const char *from, const char *to, sv_why *why);
/// Is any metadata waiting?
bool sv_images_has_staged(const sv_images_folder *folder);

#endif
