#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <detect/tree.h>
#include <math.h>

enum { DEPTH = 3, TREES = 10, FEATURES = 5, TREE_BYTES = 7 * 6 + 8 * 4 };

typedef struct wood {
    sv_tree trees[TREES];
    uint8_t bytes[TREES * TREE_BYTES];
    sv_forest forest;
} wood;

static wood planted(uint64_t seed, uint8_t outputs) {
    wood w = { .forest = { .count = TREES,
                           .depth = DEPTH,
                           .outputs = outputs,
                           .features = FEATURES,
                           .base = 0.25F } };
    sv_prng prng = { .state = seed };
    for (size_t t = 0; t < TREES; t++) {
        sv_tree *tree = &w.trees[t];
        for (size_t i = 0; i < 7; i++) {
            tree->splits[i].feature = (uint16_t) (sv_prng_next(&prng) % FEATURES);
            tree->splits[i].missing_left = sv_prng_next(&prng) % 2 == 0;
            tree->splits[i].below = (float) (int) (sv_prng_next(&prng) % 5);
        }
        for (size_t i = 0; i < 8; i++) {
            tree->leaves[i] = (float) sv_prng_normal(&prng);
        }
        sv_tree_put(tree, DEPTH, w.bytes + t * TREE_BYTES);
    }
    return w;
}

/// The plain way down, with branches.
static float leaf_of(const sv_tree *tree, const float *values) {
    size_t node = 0;
    while (node < 7) {
        float value = values[tree->splits[node].feature];
        bool left =
            isnan(value) ? tree->splits[node].missing_left : value < tree->splits[node].below;
        node = 2 * node + (left ? 1 : 2);
    }
    return tree->leaves[node - 7];
}

// [model-2]
static void the_walk_without_branches_ends_where_the_plain_one_does(void **state) {
    (void) state;
    sv_prng prng = { .state = 7 };
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint8_t outputs = seed % 2 == 0 ? 1 : 2;
        wood w = planted(seed, outputs);
        w.forest.trees = w.bytes;
        assert_int_equal(sv_forest_check(&w.forest, sizeof w.bytes, NULL), SV_OK);
        for (unsigned row = 0; row < 200; row++) {
            float values[FEATURES];
            for (size_t i = 0; i < FEATURES; i++) {
                // Whole numbers meet thresholds exactly; every sixth is missing.
                unsigned pick = (unsigned) (sv_prng_next(&prng) % 6);
                values[i] = pick == 5 ? (float) SV_NAN : (float) pick;
            }
            float expected[2] = { 0.25F, 0.25F }, sums[2] = { 0 };
            for (size_t t = 0; t < TREES; t++) {
                expected[t % outputs] += leaf_of(&w.trees[t], values);
            }
            sv_forest_sums(&w.forest, values, sums);
            assert_memory_equal(sums, expected, outputs * sizeof sums[0]);
        }
    }
}

static void a_forest_may_lie_at_any_address(void **state) {
    (void) state;
    wood w = planted(3, 1);
    uint8_t room[sizeof w.bytes + 1];
    memcpy(room + 1, w.bytes, sizeof w.bytes);
    const float values[FEATURES] = { 0, 1, 2, 3, 4 };
    float here = 0, there = 0;
    w.forest.trees = w.bytes;
    sv_forest_sums(&w.forest, values, &here);
    w.forest.trees = room + 1;
    sv_forest_sums(&w.forest, values, &there);
    assert_memory_equal(&here, &there, sizeof here);
}

static void refuse(const wood *from, void (*damage)(wood *), const char *sentence) {
    wood w = *from;
    damage(&w);
    w.forest.trees = w.bytes;
    sv_why why = { 0 };
    assert_int_equal(sv_forest_check(&w.forest, sizeof w.bytes, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, sentence);
}

static void no_depth(wood *w) {
    w->forest.depth = 0;
}
static void too_deep(wood *w) {
    w->forest.depth = 9;
}
static void no_outputs(wood *w) {
    w->forest.outputs = 0;
}
static void uneven_outputs(wood *w) {
    w->forest.outputs = 3;
}
static void one_tree_more(wood *w) {
    w->forest.count = TREES + 1;
}
static void a_feature_too_far(wood *w) {
    w->trees[4].splits[6].feature = FEATURES;
    sv_tree_put(&w->trees[4], DEPTH, w->bytes + (size_t) 4 * TREE_BYTES);
}
static void an_endless_leaf(wood *w) {
    w->trees[9].leaves[7] = (float) INFINITY;
    sv_tree_put(&w->trees[9], DEPTH, w->bytes + (size_t) 9 * TREE_BYTES);
}

// [model-1]
static void what_could_lead_a_walk_astray_is_refused(void **state) {
    (void) state;
    wood w = planted(1, 1);
    refuse(&w, no_depth, "trees of depth 0; 1 to 8 are known");
    refuse(&w, too_deep, "trees of depth 9; 1 to 8 are known");
    refuse(&w, no_outputs, "10 trees of 5 features for 0 outputs");
    refuse(&w, uneven_outputs, "10 trees of 5 features for 3 outputs");
    refuse(&w, one_tree_more, "11 trees are 814 bytes, not 740, and at most 262144");
    refuse(&w, a_feature_too_far, "tree 4 asks for feature 5 of 5");
    refuse(&w, an_endless_leaf, "a leaf of tree 9 is no finite number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_without_branches_ends_where_the_plain_one_does),
        cmocka_unit_test(a_forest_may_lie_at_any_address),
        cmocka_unit_test(what_could_lead_a_walk_astray_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
