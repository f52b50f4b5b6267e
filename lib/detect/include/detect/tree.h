// Gradient-boosted trees, walked where the machine is. A forest is what `selvedge-train` made of
// xgboost's trees: all of them complete binary trees of one depth, so that a walk has no branch to
// guess and needs no pointers. It borrows the bytes of a model file and changes nothing.
//
// A tree is, little-endian, 2^depth - 1 splits of 6 bytes (threshold, a float; feature, 16 bits,
// the highest of which says that a missing value goes left) and 2^depth leaves (float). Split i has
// its children at 2i + 1 (value < threshold) and 2i + 2; after the splits' numbers come the
// leaves'.
#ifndef SV_DETECT_TREE_H
#define SV_DETECT_TREE_H

#include <base/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SV_FOREST_DEPTH_MAX = 8,
    SV_FOREST_TREES_MAX = 4096,
    SV_FOREST_FEATURES_MAX = 1024,
    SV_FOREST_OUTPUTS_MAX = 16,
    SV_FOREST_BYTES_MAX = 256 * 1024,
};

typedef struct sv_forest {
    const uint8_t *trees; ///< borrowed, of any alignment
    uint32_t count;       ///< tree i speaks for output i % outputs
    uint8_t depth;        ///< from 1
    uint8_t outputs;
    uint16_t features; ///< how many the caller hands over
    float base;        ///< what every output begins with
} sv_forest;

/// A tree as its maker sees it, node by node in the order of the file.
typedef struct sv_tree {
    struct {
        uint16_t feature;
        bool missing_left;
        float below; ///< the left child is for values below it
    } splits[(1 << SV_FOREST_DEPTH_MAX) - 1];
    float leaves[1 << SV_FOREST_DEPTH_MAX];
} sv_tree;

/// How long one tree of `depth` is in the file.
size_t sv_tree_bytes(unsigned depth);
/// Write the first nodes of `tree`, as many as `depth` has, to sv_tree_bytes(depth) bytes.
void sv_tree_put(const sv_tree *tree, unsigned depth, uint8_t *out);

/// Whether the bytes, of which there are `len`, hold what the rest says, within the limits, with
/// features that exist and finite leaves. After that a walk can go nowhere else.
sv_err sv_forest_check(const sv_forest *forest, size_t len, sv_why *why);

/// The sum of the leaves for one row, added in the order of the trees as xgboost does, so that the
/// sums are the same to the last bit. `features` holds forest->features values, not-a-number where
/// one is missing; `sums` gets forest->outputs. [model-2]
void sv_forest_sums(const sv_forest *forest, const float *features, float *sums);

#endif
