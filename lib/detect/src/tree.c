#include "cursor.h"
#include <assert.h>
#include <detect/tree.h>
#include <math.h>

enum { MISSING_LEFT = 0x8000, FEATURE_BITS = 0x7fff, TOGETHER = 4 };

static size_t splits_of(unsigned depth) {
    return ((size_t) 1 << depth) - 1;
}

static size_t leaves_at(unsigned depth) {
    return splits_of(depth) * sizeof(float);
}

static size_t features_at(unsigned depth) {
    return leaves_at(depth) + (splits_of(depth) + 1) * sizeof(float);
}

size_t sv_tree_bytes(unsigned depth) {
    return features_at(depth) + splits_of(depth) * sizeof(uint16_t);
}

void sv_tree_put(const sv_tree *tree, unsigned depth, uint8_t *out) {
    assert(depth >= 1 && depth <= SV_FOREST_DEPTH_MAX);
    size_t splits = splits_of(depth);
    for (size_t i = 0; i < splits; i++) {
        set_float(out + i * sizeof(float), tree->splits[i].below);
        set_u16(out + features_at(depth) + i * sizeof(uint16_t),
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
        unsigned feature = le16_at(tree + features_at(depth) + i * sizeof(uint16_t)) & FEATURE_BITS;
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

/// The child to go to, without a branch that the processor would have to guess.
static inline size_t step(const uint8_t *tree, size_t features, size_t node, const float *values) {
    unsigned split = le16_at(tree + features + node * sizeof(uint16_t));
    float below = float_at(tree + node * sizeof(float));
    float value = values[split & FEATURE_BITS];
    unsigned missing_right = (split >> 15) ^ 1U;
    unsigned right = (unsigned) (value >= below) | ((unsigned) isnan(value) & missing_right);
    return 2 * node + 1 + right;
}

/// Several trees side by side: each step waits for the one before it in its own tree only.
static void walk(const sv_forest *forest, uint32_t first, unsigned trees, const float *values,
                 float leaves[TOGETHER]) {
    unsigned depth = forest->depth;
    size_t bytes = sv_tree_bytes(depth);
    size_t features = features_at(depth);
    const uint8_t *tree[TOGETHER];
    size_t node[TOGETHER] = { 0 };
    for (unsigned i = 0; i < TOGETHER; i++) {
        tree[i] = forest->trees + (first + (i < trees ? i : 0)) * bytes;
    }
    for (unsigned level = 0; level < depth; level++) {
        for (unsigned i = 0; i < TOGETHER; i++) {
            node[i] = step(tree[i], features, node[i], values);
        }
    }
    // Leaves follow the thresholds, so the number of a node is its place.
    for (unsigned i = 0; i < TOGETHER; i++) {
        leaves[i] = float_at(tree[i] + node[i] * sizeof(float));
    }
}

void sv_forest_sums(const sv_forest *forest, const float *features, float *sums) {
    for (unsigned i = 0; i < forest->outputs; i++) {
        sums[i] = forest->base;
    }
    unsigned output = 0;
    for (uint32_t first = 0; first < forest->count; first += TOGETHER) {
        float leaves[TOGETHER];
        unsigned trees = forest->count - first < TOGETHER ? forest->count - first : TOGETHER;
        walk(forest, first, trees, features, leaves);
        for (unsigned i = 0; i < trees; i++) {
            sums[output] += leaves[i];
            output = output + 1 < forest->outputs ? output + 1 : 0;
        }
    }
}
