// The different products and versions that devices run: few, however many devices there are. What
// is asked of them (`version < 1.1`, `product = lathe`) is asked of each kind once, and devices of
// kinds that cannot fit are passed over without a look at their rows. [running-9]
#ifndef SV_FLEET_KINDS_H
#define SV_FLEET_KINDS_H

#include "running.h"

enum { SV_KINDS_MAX = 4096, SV_KIND_UNKNOWN = 0 };

/// As queries ask it.
typedef struct sv_kind {
    char product[SV_RUNNING_WORD_ROOM];
    char version[SV_RUNNING_WORD_ROOM];
} sv_kind;

typedef struct sv_kinds sv_kinds;
sv_kinds *sv_kinds_new(void);
void sv_kinds_drop(sv_kinds **kinds);

/// Its number, made if it is new, and never another's while this process runs; SV_KIND_UNKNOWN when
/// there are too many: such devices are looked at one by one.
uint16_t sv_kinds_number(sv_kinds *kinds, sv_text product, sv_text version);
/// Not of SV_KIND_UNKNOWN.
const sv_kind *sv_kinds_at(const sv_kinds *kinds, uint16_t number);

#endif
