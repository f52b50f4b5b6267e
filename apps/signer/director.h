// The director's key, and what is signed with it: which image a device is to run
// (docs/spec/director.md). It is a key of its own, made at the first start, that vouches for
// nothing but assignments: an image that the release keys have not signed is no image with it.
#ifndef SV_SIGNER_DIRECTOR_H
#define SV_SIGNER_DIRECTOR_H

#include <model/direct.h>
#include <sys/disk.h>
#include <update/director_make.h>

enum { DIRECT_A_MINUTE = 60000 }; ///< assignments signed, whoever asks [signer-13]

#define DIRECT_CLOCK_US (5 * SV_TIME_MINUTE_US) ///< between what who asks calls now, and our clock
#define DIRECT_VERSION_AHEAD_S (SV_TIME_DAY_US / SV_TIME_SECOND_US)

typedef struct signer_director {
    struct evp_pkey_st *key;
    sv_tuf_public who;
    char folder[SV_PATH_MAX];
    sv_textbuf root; ///< the newest
    int64_t version; ///< of it
    int64_t minute;  ///< the one that is counted
    unsigned count;
} signer_director;

/// `<pki>/signer/director.key` (0600) and the root of its documents, `director.root.json` beside
/// it, made where there are none; and the roots that followed. A change of the key that was cut off
/// is brought to its end. SV_ERR_INVALID when key and newest root do not belong together.
/// [signer-12] [director-9]
sv_err director_open(const char *pki, int64_t now_us, signer_director **out, sv_why *why);
void director_drop(signer_director **director);

/// Appends the three signatures of the documents that `direct` makes, a line each. SV_ERR_INVALID
/// for what is no assignment or not of this moment, SV_ERR_UNAVAILABLE when too many were asked
/// for. [signer-13]
sv_err director_sign(signer_director *director, const sv_direct *direct, int64_t now_us,
                     sv_textbuf *out, sv_why *why);
/// Root `version`; SV_ERR_NOT_FOUND when there is none.
sv_err director_root(const signer_director *director, int64_t version, sv_textbuf *out,
                     sv_why *why);

#endif
