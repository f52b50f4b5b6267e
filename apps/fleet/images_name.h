// What files of images may be called, in the server's folder and in addresses. A name that is none
// of these never reaches the disk. [images-1]
#ifndef SV_FLEET_IMAGES_NAME_H
#define SV_FLEET_IMAGES_NAME_H

#include <base/text.h>

/// `timestamp.json`, `7.snapshot.json`, `3.bin-0f.json`: a number and a role.
bool sv_images_is_metadata(sv_text name);
/// 64 lower-case hexadecimal digits.
bool sv_images_is_sha256(sv_text name);
/// `raw`, `zstd`, `delta-<64 digits>`.
bool sv_images_is_encoding(sv_text name);
/// An encoding, or `<encoding>.index`.
bool sv_images_is_artifact(sv_text name);
/// Of somebody else's file: `[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}` with an ending that is
/// neither `.index` nor `.part`.
bool sv_images_is_file(sv_text name);

#endif
