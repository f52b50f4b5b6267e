#include "cursor.h"
#include <assert.h>
#include <detect/tree.h>
#include <math.h>

enum { MISSING_LEFT = 0x8000, FEATURE_BITS = 0x7fff, SPLIT_BYTES = 6, TOGETHER = 8 };

static inline size_t splits_of(unsigned depth) {
    return ((size_t) 1 << depth) - 1;
}

static inline size_t leaves_at(unsigned depth) {
    return splits_of(depth) * SPLIT_BYTES;
}

static inline size_t tree_bytes(unsigned depth) {
    return leaves_at(depth) + (splits_of(depth) + 1) * sizeof(float);
}

size_t sv_tree_bytes(unsigned depth) {
    return tree_bytes(depth);
}

void sv_tree_put(const sv_tree *tree, unsigned depth, uint8_t *out) {
    assert(depth >= 1 && depth <= SV_FOREST_DEPTH_MAX);
    size_t splits = splits_of(depth);
    for (size_t i = 0; i < splits; i++) {
        uint8_t *split = out + i * SPLIT_BYTES;
        set_float(split, tree->splits[i].below);
        set_u16(split + sizeof(float),
                (uint16_t) (tree->splits[i].feature
                            | (tree->splits[i].missing_left ? MISSING_LEFT : 0)));
    }
    for (size_t i = 0; i <= splits; i++) {
        set_float(out + leaves_at(depth) + i * sizeof(float), tree->leaves[i]);
    }
}

static sv_err check_tree(const sv_forest *forest, uint32_t number, sv_why *why) {
    unsigned depth = forest->depth;
    const uint8_t *tree = forest->trees + number * sv_tree_bytes(depth);
    for (size_t i = 0; i < splits_of(depth); i++) {
        unsigned feature = le16_at(tree + i * SPLIT_BYTES + sizeof(float)) & FEATURE_BITS;
        if (feature >= forest->features) {
            return sv_fail(why, SV_ERR_INVALID, "tree %u asks for feature %u of %u", number,
                           feature, forest->features);
        }
    }
    for (size_t i = 0; i <= splits_of(depth); i++) {
        if (!isfinite(float_at(tree + leaves_at(depth) + i * sizeof(float)))) {
            return sv_fail(why, SV_ERR_INVALID, "a leaf of tree %u is no finite number", number);
        }
    }
    return SV_OK;
}

sv_err sv_forest_check(const sv_forest *forest, size_t len, sv_why *why) {
    if (forest->depth < 1 || forest->depth > SV_FOREST_DEPTH_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "trees of depth %u; 1 to %d are known", forest->depth,
                       SV_FOREST_DEPTH_MAX);
    }
    if (forest->count < 1 || forest->count > SV_FOREST_TREES_MAX || forest->features < 1
        || forest->features > SV_FOREST_FEATURES_MAX || forest->outputs < 1
        || forest->outputs > SV_FOREST_OUTPUTS_MAX || forest->count % forest->outputs != 0
        || !isfinite(forest->base)) {
        return sv_fail(why, SV_ERR_INVALID, "%u trees of %u features for %u outputs", forest->count,
                       forest->features, forest->outputs);
    }
    size_t wanted = forest->count * sv_tree_bytes(forest->depth);
    if (wanted != len || len > SV_FOREST_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%u trees are %zu bytes, not %zu, and at most %d",
                       forest->count, wanted, len, SV_FOREST_BYTES_MAX);
    }
    for (uint32_t i = 0; i < forest->count; i++) {
        SV_TRY(check_tree(forest, i, why));
    }
    return SV_OK;
}

/// The child to go to, without a branch that the processor would have to guess. One read takes the
/// split and two bytes after it: there is always a leaf.
static inline size_t step(const uint8_t *tree, size_t node, const float *values) {
    uint64_t raw = 0;
    memcpy(&raw, tree + node * SPLIT_BYTES, sizeof raw);
    raw = le64toh(raw);
    uint32_t bits = (uint32_t) raw;
    unsigned split = (unsigned) (raw >> 32) & UINT16_MAX;
    float below = 0;
    memcpy(&below, &bits, sizeof below);
    float value = values[split & FEATURE_BITS];
    unsigned missing_right = (split >> 15) ^ 1U;
    unsigned right = (unsigned) (value >= below) | ((unsigned) isnan(value) & missing_right);
    return 2 * node + 1 + right;
}

/// Several trees side by side: each step waits for the one before it in its own tree only. Inlined
/// where the depth is known, both loops are unrolled and all nodes stay in registers.
static inline __attribute__((always_inline)) void
walk(unsigned depth, const uint8_t *first, const float *values, float leaves[TOGETHER]) {
    size_t node[TOGETHER] = { 0 };
    _Pragma("GCC unroll 8") for (unsigned level = 0; level < depth; level++) {
        _Pragma("GCC unroll 8") for (size_t i = 0; i < TOGETHER; i++) {
            node[i] = step(first + i * tree_bytes(depth), node[i], values);
        }
    }
    _Pragma("GCC unroll 8") for (size_t i = 0; i < TOGETHER; i++) {
        size_t leaf = leaves_at(depth) + (node[i] - splits_of(depth)) * sizeof(float);
        leaves[i] = float_at(first + i * tree_bytes(depth) + leaf);
    }
}

static float leaf_of(unsigned depth, const uint8_t *tree, const float *values) {
    size_t node = 0;
    for (unsigned level = 0; level < depth; level++) {
        node = step(tree, node, values);
    }
    return float_at(tree + leaves_at(depth) + (node - splits_of(depth)) * sizeof(float));
}

/// The leaves of the next trees; how many they are.
static unsigned leaves_from(const sv_forest *forest, uint32_t first, const float *values,
                            float leaves[TOGETHER]) {
    const uint8_t *trees = forest->trees + first * tree_bytes(forest->depth);
    if (forest->count - first < TOGETHER) {
        leaves[0] = leaf_of(forest->depth, trees, values);
        return 1;
    }
    switch (forest->depth) {
    case 4:
        walk(4, trees, values, leaves);
        break;
    case 5:
        walk(5, trees, values, leaves);
        break;
    default:
        walk(forest->depth, trees, values, leaves);
        break;
    }
    return TOGETHER;
}

void sv_forest_sums(const sv_forest *forest, const float *features, float *sums) {
    for (unsigned i = 0; i < forest->outputs; i++) {
        sums[i] = forest->base;
    }
    unsigned output = 0;
    for (uint32_t next = 0; next < forest->count;) {
        float leaves[TOGETHER];
        unsigned trees = leaves_from(forest, next, features, leaves);
        for (unsigned i = 0; i < trees; i++) {
            sums[output] += leaves[i];
            output = output + 1 < forest->outputs ? output + 1 : 0;
        }
        next += trees;
    }
}
