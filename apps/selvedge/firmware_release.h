// A release as `selvedge update publish` and `bundle` leave it, for `firmware install`: who signed
// it is judged from a root, as a device does; then its image can be read anywhere, each chunk
// judged, opened and expanded when it is asked for.
#ifndef SELVEDGE_FIRMWARE_RELEASE_H
#define SELVEDGE_FIRMWARE_RELEASE_H

#include "update_source.h"

typedef struct firmware_release_asked {
    const char *where;  ///< a repository's folder, or a bundle
    const char *root;   ///< that is trusted
    const char *target; ///< path of the image; NULL: the only one, or the bundle's
    const char *keys;   ///< folder of who signed it, for the content key; NULL: none
} firmware_release_asked;

typedef struct firmware_release {
    update_source *source;
    char path[SV_TUF_TARGET_PATH_ROOM]; ///< of the image
    sv_target target;
    sv_image_bytes bytes; ///< the image
    // From here on its own.
    const sv_encoding *encoding;
    update_file file;        ///< of the chunks, in a folder
    const update_file *from; ///< the one that they are read from
    uint64_t at;             ///< of the first chunk there
    sv_textbuf index;
    sv_image_reader *reader;
    uint8_t chunk[SV_CHUNK_BYTES]; ///< the one that was opened last
    uint64_t chunk_number;
    size_t chunk_bytes; ///< 0: none was
} firmware_release;

/// SV_ERR_UNTRUSTED with what is wrong, SV_ERR_NOT_FOUND when there is no such release,
/// SV_ERR_INVALID when it has to be said which one, or with which keys. [slot-26]
sv_err firmware_release_open(const firmware_release_asked *asked, firmware_release **out,
                             sv_why *why);
void firmware_release_drop(firmware_release **release);

#endif
