// What the files that judge images share.
#ifndef SV_FLEET_IMAGES_JUDGE_OWN_H
#define SV_FLEET_IMAGES_JUDGE_OWN_H

#include "images_folder.h"
#include "images_judge.h"

/// Bytes that are uploaded whole, and wait to be judged.
uint64_t sv_images_awaits(const char *dir, const sv_target *target, const sv_encoding *encoding);
/// The encoding is here, judged now or before; *here false: not all of it has come.
/// SV_ERR_UNTRUSTED: it is not what is signed.
sv_err sv_images_take(sv_images_judging *j, const sv_target *target, const sv_encoding *encoding,
                      bool *here, sv_why *why);

#endif
