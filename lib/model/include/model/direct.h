// What a director's documents for one device are composed of (docs/spec/director.md): numbers and
// checked texts, from which the signer makes what it signs and the fleet server what it serves.
#ifndef SV_MODEL_DIRECT_H
#define SV_MODEL_DIRECT_H

#include <model/id.h>

enum {
    SV_DIRECT_PATH_ROOM = 256 + 1, ///< of an image's path
    SV_DIRECT_HASH_BYTES = 32,
};

#define SV_DIRECT_BYTES_MAX (UINT64_C(1) << 40)
#define SV_DIRECT_NUMBER_MAX (INT64_C(1) << 53) ///< that JSON holds exactly

typedef struct sv_direct {
    char device[SV_ID_ROOM];
    char path[SV_DIRECT_PATH_ROOM]; ///< of the image; "": nothing is assigned, and what follows is
                                    ///< not looked at
    uint64_t length;
    uint8_t sha256[SV_DIRECT_HASH_BYTES];
    uint32_t counter; ///< of the release
    int64_t version;  ///< of the documents
    int64_t now_us;   ///< from when their time runs
} sv_direct;

/// Parts between single `/`, none of them empty, `.` or `..`, of printable ASCII without blanks,
/// `\` and `"`. [director-5]
sv_err sv_direct_path_check(sv_text path, sv_why *why);
/// SV_ERR_INVALID with what is wrong. It may come from another process: a text that does not end
/// is wrong too. [director-5]
sv_err sv_direct_check(const sv_direct *direct, sv_why *why);

#endif
