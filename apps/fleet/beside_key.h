// A key that seals what of the database must not be read by who has the database alone: 32 random
// bytes in a file (0600) beside it. Who restores one restores both.
#ifndef SV_FLEET_BESIDE_KEY_H
#define SV_FLEET_BESIDE_KEY_H

#include "people.h"

#include <crypto/aead.h>

/// The key in the file `name` beside the database `store`; made when there is none. `lost` ends the
/// sentence when it is no such key: what nobody can read without it, and what to do.
sv_err sv_beside_key_open(const char *store, const char *name, const char *lost, sv_aead **out,
                          sv_why *why);

#endif
