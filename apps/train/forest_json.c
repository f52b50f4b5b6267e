#include "forest_json.h"
#include <codec/json.h>
#include <string.h>

/// One tree's arrays, node by node.
typedef struct source {
    const sv_json *left, *right, *feature, *below, *missing_left, *gain;
    unsigned features;
    double *gains;
} source;

static sv_err number_at(const sv_json *array, size_t index, double *out, sv_why *why) {
    return sv_json_number(sv_json_at(array, index), out)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "xgboost: node %zu of a tree is cut", index);
}

/// A leaf above the last level fills all below it.
static void fill(sv_tree *tree, size_t at, size_t splits, float leaf) {
    size_t count = 1; // from `at` on, in its row
    for (; at < splits; at = 2 * at + 1, count *= 2) {
        for (size_t i = 0; i < count; i++) {
            tree->splits[at + i].feature = 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        tree->leaves[at - splits + i] = leaf;
    }
}

static sv_err take_node(const source *from, size_t node, sv_tree *tree, size_t at, size_t splits,
                        sv_why *why) {
    double left = 0, right = 0, feature = 0, below = 0, missing_left = 0, gain = 0;
    SV_TRY(number_at(from->left, node, &left, why));
    SV_TRY(number_at(from->right, node, &right, why));
    SV_TRY(number_at(from->below, node, &below, why));
    if (left < 0) {
        fill(tree, at, splits, (float) below);
        return SV_OK;
    }
    if (at >= splits) {
        return sv_fail(why, SV_ERR_INVALID, "xgboost: a tree is deeper than asked for");
    }
    SV_TRY(number_at(from->feature, node, &feature, why));
    SV_TRY(number_at(from->missing_left, node, &missing_left, why));
    SV_TRY(number_at(from->gain, node, &gain, why));
    if (!(feature >= 0 && feature < from->features)) {
        return sv_fail(why, SV_ERR_INVALID, "xgboost: a tree splits by feature %g of %u", feature,
                       from->features);
    }
    from->gains[(size_t) feature] += gain;
    tree->splits[at].feature = (uint16_t) feature;
    tree->splits[at].below = (float) below;
    tree->splits[at].missing_left = missing_left != 0;
    SV_TRY(take_node(from, (size_t) left, tree, 2 * at + 1, splits, why));
    return take_node(from, (size_t) right, tree, 2 * at + 2, splits, why);
}

static sv_err take_tree(const sv_json *json, const sv_forest *forest, sv_textbuf *out, double *gain,
                        sv_why *why) {
    const source from = { .left = sv_json_get(json, "left_children"),
                          .right = sv_json_get(json, "right_children"),
                          .feature = sv_json_get(json, "split_indices"),
                          .below = sv_json_get(json, "split_conditions"),
                          .missing_left = sv_json_get(json, "default_left"),
                          .gain = sv_json_get(json, "loss_changes"),
                          .features = forest->features,
                          .gains = gain };
    if (sv_json_count(sv_json_get(json, "categories")) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "xgboost: a tree splits by categories");
    }
    sv_tree tree;
    memset(&tree, 0, sizeof tree);
    SV_TRY(take_node(&from, 0, &tree, 0, ((size_t) 1 << forest->depth) - 1, why));
    char *room = sv_textbuf_grow(out, sv_tree_bytes(forest->depth));
    if (room == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the trees need more than %d bytes",
                       SV_FOREST_BYTES_MAX);
    }
    sv_tree_put(&tree, forest->depth, (uint8_t *) room);
    return SV_OK;
}

sv_err forest_from_json(sv_text json, sv_forest *forest, sv_textbuf *out, double *gain,
                        sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(json, &root, NULL, why));
    const sv_json *booster = sv_json_get(sv_json_get(root, "learner"), "gradient_booster");
    const sv_json *trees = sv_json_get(sv_json_get(booster, "model"), "trees");
    for (size_t i = 0; i < sv_json_count(trees); i++) {
        SV_TRY(take_tree(sv_json_at(trees, i), forest, out, gain, why));
    }
    forest->count = (uint32_t) sv_json_count(trees);
    forest->trees = (const uint8_t *) out->at;
    return sv_forest_check(forest, out->len, why);
}
