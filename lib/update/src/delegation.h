// To whom a targets file hands on a path: by patterns, by prefixes of the path's hash, or to hash
// bins (TUF specification 1.0, §4.5; TAP 15 for bins whose names follow from a prefix).
#ifndef SV_UPDATE_DELEGATION_H
#define SV_UPDATE_DELEGATION_H

#include <update/metadata.h>

enum {
    SV_TUF_NAME_ROOM = 256,   ///< of a delegated role
    SV_TUF_CHILDREN_MAX = 64, ///< roles of one file that may speak for one path
    SV_TUF_BIN_BITS_MAX = 24, ///< 16 million bins
};

typedef struct sv_tuf_child {
    char name[SV_TUF_NAME_ROOM];
    sv_tuf_voucher by; ///< borrows from the file
    bool terminating;  ///< nobody after it is asked
} sv_tuf_child;

/// The roles that may speak for `path`, in their order, up to the first terminating one. Gives how
/// many.
size_t sv_tuf_children(const sv_tuf_metadata *targets, sv_text path,
                       sv_tuf_child out[SV_TUF_CHILDREN_MAX]);

/// `*` any characters, `?` one, `[a-c]`, `[!a-c]`; none of them matches a `/`, so that both have
/// equally many parts.
bool sv_tuf_pattern_matches(sv_text pattern, sv_text path);

#endif
