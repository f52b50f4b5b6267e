// A Merkle tree over chunks in the shape of RFC 6962, §2.1: leaf SHA-256(0x00 chunk), node
// SHA-256(0x01 left right). Leaves come one after the other; what is kept is one hash per level.
#ifndef SV_UPDATE_MERKLE_H
#define SV_UPDATE_MERKLE_H

#include <base/text.h>

enum { SV_MERKLE_HASH_BYTES = 32, SV_MERKLE_LEVELS_MAX = 64 };

typedef struct sv_merkle sv_merkle;

SV_NOT_NULL sv_merkle *sv_merkle_new(void);
void sv_merkle_drop(sv_merkle **tree);

/// The leaf of a chunk; adds nothing.
void sv_merkle_leaf(sv_merkle *tree, sv_text chunk, uint8_t out[SV_MERKLE_HASH_BYTES]);
void sv_merkle_add(sv_merkle *tree, const uint8_t leaf[SV_MERKLE_HASH_BYTES]);
/// The root of at least one leaf; none may be added afterwards.
void sv_merkle_root(sv_merkle *tree, uint8_t out[SV_MERKLE_HASH_BYTES]);

#endif
