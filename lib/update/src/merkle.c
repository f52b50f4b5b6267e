#include "merkle.h"
#include <assert.h>
#include <base/mem.h>
#include <crypto/digest.h>
#include <stdlib.h>
#include <string.h>

/// `stack[0..depth)` are the roots of whole subtrees, the largest first: one for each bit that is
/// set in `leaves`.
struct sv_merkle {
    sv_digest *digest;
    uint64_t leaves;
    size_t depth;
    uint8_t stack[SV_MERKLE_LEVELS_MAX][SV_MERKLE_HASH_BYTES];
};

static const sv_text LEAF = { .at = "\0", .len = 1 };
static const sv_text NODE = { .at = "\1", .len = 1 };

sv_merkle *sv_merkle_new(void) {
    sv_merkle *tree = sv_mem_new(sizeof *tree);
    tree->digest = sv_digest_new(SV_DIGEST_SHA256);
    return tree;
}

void sv_merkle_drop(sv_merkle **tree) {
    if (*tree != NULL) {
        sv_digest_drop(&(*tree)->digest);
        free(*tree);
        *tree = NULL;
    }
}

void sv_merkle_leaf(sv_merkle *tree, sv_text chunk, uint8_t out[SV_MERKLE_HASH_BYTES]) {
    sv_digest_add(tree->digest, LEAF);
    sv_digest_add(tree->digest, chunk);
    sv_digest_end(tree->digest, out);
}

/// The two topmost become one.
static void join(sv_merkle *tree) {
    uint8_t *left = tree->stack[tree->depth - 2];
    sv_digest_add(tree->digest, NODE);
    sv_digest_add(tree->digest,
                  (sv_text){ .at = (const char *) left, .len = (size_t) 2 * SV_MERKLE_HASH_BYTES });
    sv_digest_end(tree->digest, left);
    tree->depth--;
}

void sv_merkle_add(sv_merkle *tree, const uint8_t leaf[SV_MERKLE_HASH_BYTES]) {
    assert(tree->depth < SV_MERKLE_LEVELS_MAX);
    memcpy(tree->stack[tree->depth++], leaf, SV_MERKLE_HASH_BYTES);
    for (uint64_t whole = tree->leaves; (whole & 1) != 0; whole >>= 1) {
        join(tree);
    }
    tree->leaves++;
}

void sv_merkle_root(sv_merkle *tree, uint8_t out[SV_MERKLE_HASH_BYTES]) {
    assert(tree->depth > 0);
    while (tree->depth > 1) {
        join(tree);
    }
    memcpy(out, tree->stack[0], SV_MERKLE_HASH_BYTES);
}
