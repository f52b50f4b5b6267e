// A chunk of a delta from the other side (image_delta.h): which method says it in the fewest bytes.
#ifndef SV_UPDATE_DELTA_MAKE_H
#define SV_UPDATE_DELTA_MAKE_H

#include "delta_find.h"
#include "image_delta.h"

enum { SV_DELTA_MARGIN_BYTES = 32 * 1024 }; ///< of the prefix, on both sides of what was found

typedef struct sv_delta_maker sv_delta_maker;

/// The packer is lent.
sv_err sv_delta_maker_new(const sv_image_bytes *old, sv_packer *packer, sv_delta_maker **out,
                          sv_why *why);
void sv_delta_maker_drop(sv_delta_maker **maker);

/// `chunk` lies at `at` of the new image.
sv_err sv_delta_make(sv_delta_maker *maker, uint64_t at, sv_text chunk, uint8_t out[SV_DELTA_ROOM],
                     size_t *bytes, sv_why *why);

#endif
