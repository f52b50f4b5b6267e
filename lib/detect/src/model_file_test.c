#include <base/mem.h>
#include <base/test.h>
#include <detect/model_file.h>
#include <math.h>

enum { ROOM = 8192, VERSION_AT = 8, BODY_AT = 20 };

static void assert_near(double value, double expected, double by) {
    if (!(fabs(value - expected) <= by)) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

typedef struct made {
    uint8_t trees[3 * 14];
    sv_model model;
} made;

static made life_model(void) {
    made m = { .model = { .task = SV_MODEL_RUL,
                          .card = SV_TEXT("engines: 3\n"),
                          .group = SV_TEXT("unit"),
                          .cap = 125,
                          .knots = 2 } };
    m.model.columns[0].name = SV_TEXT("load");
    m.model.columns[1].name = SV_TEXT("temperature");
    m.model.recipe = (sv_recipe){
        .kind = SV_RECIPE_LIFE, .sensors = 1, .settings = 1, .regimes = 1, .setting_scale = { 1 }
    };
    m.model.recipe.regime[0].spread[0] = 1;
    m.model.knot[0] = (sv_model_knot){ .at = 0, .offset = { -3, -2, -1, -0.5F, 0, 0.5F, 1, 2, 3 } };
    m.model.knot[1] =
        (sv_model_knot){ .at = 100, .offset = { -30, -20, -10, -5, 0, 5, 10, 40, 80 } };
    m.model.forest = (sv_forest){
        .count = 1, .depth = 1, .outputs = 1, .features = SV_RECIPE_SENSOR_FEATURES + 1, .base = 10
    };
    // Whatever the mean over the first span: below 1 there are 60 rows left, from 1 on 40.
    const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } }, .leaves = { 50, 30 } };
    sv_tree_put(&tree, 1, m.trees);
    return m;
}

static made class_model(uint8_t classes) {
    made m = { .model = { .task = SV_MODEL_CLASS,
                          .classes = classes,
                          .class_name = { SV_TEXT("ok"), SV_TEXT("bad"), SV_TEXT("worse") },
                          .slope = 2,
                          .shift = -1,
                          .threshold = 0.4F } };
    m.model.columns[0] = (sv_model_column){ .name = SV_TEXT("grade"),
                                            .categories = 2,
                                            .category = { SV_TEXT("H"), SV_TEXT("L") } };
    m.model.recipe = (sv_recipe){ .kind = SV_RECIPE_ROWS, .sensors = 1 };
    uint8_t outputs = classes == 2 ? 1 : classes;
    m.model.forest = (sv_forest){ .count = outputs, .depth = 1, .outputs = outputs, .features = 1 };
    return m;
}

/// The same of lives: what comes true in so many rows.
static made class_life_model(void) {
    made m = life_model(), of = class_model(2);
    m.model.task = SV_MODEL_CLASS;
    m.model.within = 30;
    m.model.cap = 0;
    m.model.knots = 0;
    m.model.classes = 2;
    memcpy(m.model.class_name, of.model.class_name, sizeof m.model.class_name);
    m.model.slope = of.model.slope;
    m.model.threshold = of.model.threshold;
    return m;
}

static sv_err write_one(made *m, sv_textbuf *out, sv_why *why) {
    m->model.forest.trees = m->trees;
    return sv_model_write(&m->model, out, why);
}

// [model-1]
static void what_is_written_reads_back_and_writes_the_same_bytes(void **state) {
    (void) state;
    made life = life_model(), classes = class_model(2), class_life = class_life_model();
    made *const models[] = { &life, &classes, &class_life };
    for (size_t i = 0; i < SV_COUNT(models); i++) {
        char first[ROOM], second[ROOM];
        sv_textbuf out = SV_TEXTBUF(first), again = SV_TEXTBUF(second);
        sv_model back;
        assert_int_equal(write_one(models[i], &out, NULL), SV_OK);
        assert_int_equal(sv_model_read(sv_textbuf_text(&out), &back, NULL), SV_OK);
        assert_true(sv_text_eq(back.card, models[i]->model.card));
        assert_near((double) back.within, (double) models[i]->model.within, 0);
        assert_true(sv_text_eq(back.columns[0].name, models[i]->model.columns[0].name));
        assert_int_equal(sv_model_write(&back, &again, NULL), SV_OK);
        assert_int_equal(out.len, again.len);
        assert_memory_equal(first, second, out.len);
    }
}

// [model-1]
static void every_cut_and_every_changed_byte_is_found(void **state) {
    (void) state;
    made m = life_model();
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(write_one(&m, &out, NULL), SV_OK);
    sv_model back;
    for (size_t len = 0; len < out.len; len++) {
        sv_text cut = { .at = room, .len = len };
        assert_int_equal(sv_model_read(cut, &back, NULL), SV_ERR_INVALID);
    }
    for (size_t i = 0; i < out.len; i++) {
        room[i] ^= 0x10;
        assert_int_equal(sv_model_read(sv_textbuf_text(&out), &back, NULL), SV_ERR_INVALID);
        room[i] ^= 0x10;
    }
    assert_int_equal(sv_model_read(sv_textbuf_text(&out), &back, NULL), SV_OK);
}

// [model-1]
static void a_refusal_says_what_is_wrong(void **state) {
    (void) state;
    made m = life_model();
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_model back;
    sv_why why = { 0 };
    assert_int_equal(write_one(&m, &out, NULL), SV_OK);
    assert_int_equal(sv_model_read(SV_TEXT("unit,cycle\n1,1\n"), &back, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "this is no model; `selvedge model train` makes one");
    room[VERSION_AT] = 2;
    assert_int_equal(sv_model_read(sv_textbuf_text(&out), &back, &why), SV_ERR_INVALID);
    assert_string_equal(why.text,
                        "a model of version 2; this program reads version 1, so train it again or "
                        "use the programs it was made with");
    room[VERSION_AT] = 1;
    room[BODY_AT + 4] ^= 1;
    assert_int_equal(sv_model_read(sv_textbuf_text(&out), &back, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the model is damaged: its checksum is another");
}

static void refuse(const made *from, void (*damage)(sv_model *), const char *sentence) {
    made m = *from;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_why why = { 0 };
    damage(&m.model);
    assert_int_equal(write_one(&m, &out, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, sentence);
}

static void knots_the_wrong_way(sv_model *model) {
    model->knot[1].at = 0;
}
static void levels_the_wrong_way(sv_model *model) {
    model->knot[0].offset[4] = 9;
}
static void no_cap(sv_model *model) {
    model->cap = 0;
}
static void other_features(sv_model *model) {
    model->forest.features = 9;
}
static void a_nameless_column(sv_model *model) {
    model->columns[1].name.len = 0;
}
static void one_class(sv_model *model) {
    model->classes = 1;
}
static void a_threshold_of_one(sv_model *model) {
    model->threshold = 1;
}

static void no_horizon(sv_model *model) {
    model->within = 0;
}
static void rows_with_a_horizon(sv_model *model) {
    model->within = 5;
}

// [model-1]
static void a_model_that_could_not_be_used_is_not_written(void **state) {
    (void) state;
    made life = life_model(), classes = class_model(2), class_life = class_life_model();
    refuse(&class_life, no_horizon, "a model of 2 classes with 1 outputs, true within 0 rows");
    refuse(&classes, rows_with_a_horizon,
           "a model of 2 classes with 1 outputs, true within 5 rows");
    refuse(&life, knots_the_wrong_way, "knot 1 of the interval is out of order");
    refuse(&life, levels_the_wrong_way, "knot 0 of the interval is out of order");
    refuse(&life, no_cap, "a model of remaining life with 2 knots up to 0");
    refuse(&life, other_features, "trees of 9 features, and 8 are made");
    refuse(&life, a_nameless_column, "a name of 0 bytes; 1 to 64 are right");
    refuse(&classes, one_class, "a model of 1 classes with 1 outputs, true within 0 rows");
    refuse(&classes, a_threshold_of_one, "a model of 2 classes with 1 outputs, true within 0 rows");
}

// [model-5]
static void an_interval_lies_between_those_of_the_knots_and_never_below_zero(void **state) {
    (void) state;
    made m = life_model();
    m.model.forest.trees = m.trees;
    float features[SV_RECIPE_SENSOR_FEATURES + 1] = { 0 };
    sv_remaining r;
    sv_model_remaining(&m.model, features, &r);
    assert_near(r.estimate, 60, 0);
    assert_near(r.low, 60 - (0.4 * 2 + 0.6 * 20), 1e-9);
    assert_near(r.high, 60 + (0.4 * 2 + 0.6 * 40), 1e-9);
    features[0] = 1;
    m.model.forest.base = -29;
    sv_model_remaining(&m.model, features, &r);
    assert_near(r.estimate, 1, 0);
    assert_near(r.low, 0, 0);
    m.model.forest.base = 1000;
    sv_model_remaining(&m.model, features, &r);
    assert_near(r.estimate, 125, 0);
    assert_near(r.low, 105, 0);
    assert_near(r.high, 165, 0);
}

// [model-5]
static void the_probability_of_failing_grows_with_the_horizon(void **state) {
    (void) state;
    made m = life_model();
    m.model.forest.trees = m.trees;
    float features[SV_RECIPE_SENSOR_FEATURES + 1] = { 0 };
    sv_remaining r;
    sv_model_remaining(&m.model, features, &r);
    double before = 0;
    for (unsigned half = 0; half < 600; half++) {
        double now = sv_remaining_fails_within(&r, half / 2.0);
        assert_true(now >= before && now <= 0.99 + 1e-6);
        before = now;
    }
    assert_near(sv_remaining_fails_within(&r, 0), 0, 0);
    assert_near(sv_remaining_fails_within(&r, 60), 0.5, 1e-9);
    assert_near(sv_remaining_fails_within(&r, r.low), 0.05, 1e-6);
}

// [model-6]
static void two_classes_go_by_the_threshold_and_more_by_the_largest(void **state) {
    (void) state;
    const float row[] = { 0 };
    double p[SV_MODEL_CLASSES_MAX];
    made two = class_model(2);
    two.model.forest.trees = two.trees;
    two.model.forest.base = 0.3F; // logit 2 * 0.3 - 1
    assert_int_equal(sv_model_classify(&two.model, row, p), 1);
    assert_near(p[1], 1 / (1 + exp(0.4)), 1e-7);
    assert_near(p[0] + p[1], 1, 1e-12);
    two.model.threshold = 0.5F;
    assert_int_equal(sv_model_classify(&two.model, row, p), 0);

    made three = class_model(3);
    for (size_t i = 0; i < 3; i++) {
        const sv_tree tree = { .leaves = { 0, i == 2 ? 1.5F : 0.5F * (float) i } };
        sv_tree_put(&tree, 1, three.trees + i * sv_tree_bytes(1));
    }
    three.model.forest.trees = three.trees;
    assert_int_equal(sv_model_classify(&three.model, row, p), 2);
    assert_near(p[1] / p[0], exp(1), 1e-6);
    assert_near(p[0] + p[1] + p[2], 1, 1e-12);
}

// [model-6]
static void what_is_fine_is_the_first_of_two_and_of_more_what_is_called_so(void **state) {
    (void) state;
    made two = class_model(2), three = class_model(3);
    two.model.class_name[0] = SV_TEXT("blue");
    assert_int_equal(sv_model_fine_class(&two.model), 0);
    assert_int_equal(sv_model_fine_class(&three.model), 0);
    three.model.class_name[0] = SV_TEXT("worst");
    assert_int_equal(sv_model_fine_class(&three.model), 3);
    three.model.class_name[2] = SV_TEXT("Healthy");
    assert_int_equal(sv_model_fine_class(&three.model), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back_and_writes_the_same_bytes),
        cmocka_unit_test(every_cut_and_every_changed_byte_is_found),
        cmocka_unit_test(a_refusal_says_what_is_wrong),
        cmocka_unit_test(a_model_that_could_not_be_used_is_not_written),
        cmocka_unit_test(an_interval_lies_between_those_of_the_knots_and_never_below_zero),
        cmocka_unit_test(the_probability_of_failing_grows_with_the_horizon),
        cmocka_unit_test(what_is_fine_is_the_first_of_two_and_of_more_what_is_called_so),
        cmocka_unit_test(two_classes_go_by_the_threshold_and_more_by_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
