#include "forest_json.h"
#include <base/test.h>
#include <stdio.h>

// A root that splits feature 1 at 2.5, missing right; its left child is a leaf, its right one
// splits feature 0 at -1, missing left.
#define NODES                                                                                      \
    "\"left_children\":[1,-1,3,-1,-1],\"right_children\":[2,-1,4,-1,-1],"                          \
    "\"split_indices\":[1,0,0,0,0],\"split_conditions\":[2.5E0,1E1,-1E0,2E1,3E1],"                 \
    "\"default_left\":[0,0,1,0,0],\"loss_changes\":[7,0,2.5,0,0],\"categories\":[]"
#define MODEL(trees) "{\"learner\":{\"gradient_booster\":{\"model\":{\"trees\":[" trees "]}}}}"

static double gain[2];

static sv_err read_one(const char *json, uint8_t depth, sv_forest *forest, sv_textbuf *out,
                       sv_why *why) {
    gain[0] = gain[1] = 0;
    *forest = (sv_forest){ .depth = depth, .outputs = 1, .features = 2 };
    return forest_from_json(sv_text_of(json), forest, out, gain, why);
}

// [model-2]
static void a_leaf_above_the_last_level_fills_all_below_it(void **state) {
    (void) state;
    static const struct {
        float row[2], sum;
    } cases[] = {
        { { 5, 0 }, 10 },
        { { -5, 2.4F }, 10 },
        { { -5, 2.5F }, 20 },
        { { -1, 3 }, 30 },
        { { (float) __builtin_nanf(""), 3 }, 20 },
        { { 0, (float) __builtin_nanf("") }, 30 },
    };
    for (uint8_t depth = 2; depth <= 4; depth++) {
        sv_forest forest;
        SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_FOREST_BYTES_MAX);
        assert_int_equal(read_one(MODEL("{" NODES "}"), depth, &forest, &out, NULL), SV_OK);
        for (size_t i = 0; i < SV_COUNT(cases); i++) {
            float sum = 0;
            sv_forest_sums(&forest, cases[i].row, &sum);
            assert_true(sum == cases[i].sum);
        }
        assert_true(gain[0] == 2.5 && gain[1] == 7);
    }
}

static void trees_that_do_not_fit_are_refused(void **state) {
    (void) state;
    static const struct {
        const char *json, *sentence;
        uint8_t depth;
    } cases[] = {
        { MODEL("{" NODES "}"), "xgboost: a tree is deeper than asked for", 1 },
        { MODEL("{\"left_children\":[1]}"), "xgboost: node 0 of a tree is cut", 2 },
        { MODEL("{\"categories\":[3]}"), "xgboost: a tree splits by categories", 2 },
        { MODEL(""), "0 trees of 2 features for 1 outputs", 2 },
        { "{}", "0 trees of 2 features for 1 outputs", 2 },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_forest forest;
        sv_why why = { 0 };
        SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_FOREST_BYTES_MAX);
        assert_int_equal(read_one(cases[i].json, cases[i].depth, &forest, &out, &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, cases[i].sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_above_the_last_level_fills_all_below_it),
        cmocka_unit_test(trees_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
