// Certificates that the PKI's folder knows of come into the table of certificates: those issued by
// hand, and what was revoked there. [enrol-32]
#ifndef SV_FLEET_ISSUED_IMPORT_H
#define SV_FLEET_ISSUED_IMPORT_H

#include <stdint.h>

enum {
    SV_IMPORT_A_TURN = 500, ///< certificates; the others a turn later
    SV_IMPORT_REST = 20,    ///< times as long as a look at the folder took it rests after it
};
#define SV_IMPORT_LOOK_US INT64_C(5000000) ///< and as long at least

typedef struct sv_import {
    int64_t next_mono_us; ///< when it looks again
    uint64_t seen;        ///< the folder as it was when all of it was in
} sv_import;

struct sv_fleet;

/// Once a second.
void sv_import_turn(struct sv_fleet *fleet);

#endif
