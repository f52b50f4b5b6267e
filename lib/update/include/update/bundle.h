// A bundle: one release in one file, for a device without a network (docs/spec/repository.md). It
// is a ustar archive with the repository's metadata, one encoding of one image, and content keys
// wrapped for devices:
//
//   target                              the path of the image
//   metadata/1.root.json … timestamp.json, 7.snapshot.json, 4.targets.json …
//   artifacts/<sha256>/<encoding>.index and the encoding behind it
//   keys/<device id>.cms
//
// Nothing of it is believed because it is in a bundle: the metadata goes through sv_trust like a
// server's, and what trust says is held against the rest. Does no I/O. [repo-10]
#ifndef SV_UPDATE_BUNDLE_H
#define SV_UPDATE_BUNDLE_H

#include <update/image.h>
#include <update/trust.h>

enum {
    SV_BUNDLE_FILES_MAX = 512,
    SV_BUNDLE_NAME_ROOM = 257,
    SV_BUNDLE_PATH_ROOM = 512, ///< of the image's path
    SV_BUNDLE_KEY_MAX = 16 * 1024,
    SV_BUNDLE_BLOCK_BYTES = 512,
};

typedef struct sv_bundle sv_bundle;

/// Read the list of what is in it. `file` is borrowed until the bundle is dropped. SV_ERR_INVALID
/// for whatever is not exactly a bundle, SV_ERR_UNAVAILABLE when it ends too soon: it is cut.
/// [repo-11]
sv_err sv_bundle_open(const sv_image_bytes *file, sv_bundle **out, sv_why *why);
void sv_bundle_drop(sv_bundle **bundle);

/// The path of the image that it is about.
const char *sv_bundle_target(const sv_bundle *bundle);

/// For `fetch` of a sv_trust_io, `arg` being the bundle.
sv_err sv_bundle_fetch(void *bundle, const char *name, size_t bytes_max, sv_textbuf *out,
                       sv_why *why);

/// The image's bytes in the bundle.
typedef struct sv_bundle_image {
    const sv_encoding *encoding; ///< one of the target's
    uint64_t at;                 ///< of the encoding in the file
} sv_bundle_image;

/// What the bundle has of a target that is trusted: appends the index. SV_ERR_UNTRUSTED when it is
/// another image's, of an encoding that the target does not have, or longer or shorter than the
/// target says.
sv_err sv_bundle_image_of(const sv_bundle *bundle, const sv_target *target, sv_bundle_image *out,
                          sv_textbuf *index, sv_why *why);

/// The content key wrapped for a device. SV_ERR_NOT_FOUND.
sv_err sv_bundle_key(const sv_bundle *bundle, const char *device, sv_textbuf *out, sv_why *why);
/// For how many devices there is one.
size_t sv_bundle_key_count(const sv_bundle *bundle);

/// What goes before a file of a bundle, and how many zeroes go behind it; two blocks of zeroes end
/// it. SV_ERR_INVALID for a name that no bundle has.
sv_err sv_bundle_head(const char *name, uint64_t bytes, uint8_t out[SV_BUNDLE_BLOCK_BYTES],
                      size_t *padding, sv_why *why);

#endif
