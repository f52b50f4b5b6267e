// What the two halves of the director share: its roots (director_roots.c), and the documents that
// are signed under them (director.c).
#ifndef SV_FLEET_DIRECTOR_OWN_H
#define SV_FLEET_DIRECTOR_OWN_H

#include "director.h"

#include <update/director_make.h>

struct sv_director {
    sv_fleet *fleet;
    char path[SV_PATH_MAX]; ///< of the newest root, for whoever provisions
    sv_textbuf root;        ///< the newest
    int64_t version;        ///< of it; 0: none is known
    sv_tuf_public key;      ///< that it names
    int64_t asked;          ///< the signer, for this version; 0: nothing is under way
    int64_t next_us;        ///< monotonic: not before
    bool confirmed;         ///< the signer has the newest too
    sv_why why;             ///< it has another one, or none; empty: not
};

#endif
