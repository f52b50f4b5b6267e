// An image on its way into a repository: encoded and sealed where the release engineer is, then
// moved to where devices find it.
#ifndef SELVEDGE_UPDATE_IMAGE_H
#define SELVEDGE_UPDATE_IMAGE_H

#include "update_progress.h"
#include "update_release.h"
#include <update/image.h>
#include <update/image_key.h>

/// A file that is an image.
typedef struct update_file {
    int fd;
    sv_image_bytes bytes;
    update_progress progress;
    const char *path;
} update_file;

/// SV_ERR_INVALID unless it is a plain file of 1 to SV_IMAGE_BYTES_MAX bytes. `out` must not move.
sv_err update_file_open(const char *path, update_file *out, sv_why *why);
void update_file_drop(update_file *file);
/// Its SHA-256.
sv_err update_file_digest(update_file *file, uint8_t out[SV_TARGET_HASH_BYTES], sv_why *why);

enum { UPDATE_FROM_MAX = SV_TARGET_ENCODINGS_MAX - 2 };

/// What the engineer says of an image.
typedef struct update_image {
    const char *file;
    const char *const *from; ///< older images, for those who have them; ends with NULL
    bool plain;
    const char *boot_key; ///< name of a key of the folder that signs the boot header; NULL: none
    /// Asked when digest and length are known, before anything is written; may change the target.
    sv_err (*check)(void *arg, sv_target *target, sv_why *why);
    void *check_arg;
    sv_target target; ///< what is said; the rest is filled in
} update_image;

/// Makes KEYS/artifacts/<sha256>/ and fills in the target: digest, length, encodings, boot header.
sv_err update_image_make(const update_folder *folder, update_image *image, sv_why *why);

/// The content key of an image. SV_ERR_NOT_FOUND with where it would be.
sv_err update_content_key(const update_folder *folder, const uint8_t digest[SV_TARGET_HASH_BYTES],
                          sv_image_key *out, sv_why *why);

/// `artifacts/<sha256>` and a file in it, below `dir`.
sv_err update_artifact_path(const char *dir, const uint8_t digest[SV_TARGET_HASH_BYTES],
                            const char *file, char room[SV_PATH_MAX], sv_why *why);

/// Everything that the release's targets need is in the repository afterwards: moved there from
/// KEYS/artifacts, judged by what the targets say. SV_ERR_UNTRUSTED when it is not what they say,
/// SV_ERR_NOT_FOUND when it is nowhere. [repo-12]
sv_err update_artifacts_bring(const update_release *release, const char *repo, sv_why *why);

/// What a document's targets need and `from`/artifacts has, is copied to KEYS/artifacts; the rest
/// is looked for when it is published.
sv_err update_artifacts_take(const update_folder *folder, const update_document *document,
                             const char *from, sv_why *why);

/// What other TUF clients fetch of a plain image, `targets/<folder>/<sha256>.<name>`, is the image.
sv_err update_plain_judge(const char *repo, const sv_target *target, const char *path, sv_why *why);

/// The index of an encoding below `dir` by the target, every chunk by the index, and a plain image
/// by its hash.
sv_err update_artifact_judge(const char *dir, const sv_target *target, const sv_encoding *encoding,
                             sv_why *why);

#endif
