#include "model_set.h"
#include <base/mem.h>
#include <base/test.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct made {
    sv_textbuf bytes;
    sv_training_set set;
    char path[32];
} made;

static const char *const NONE[] = { NULL };

static void drop(made *of) {
    sv_textbuf_drop(&of->bytes);
    (void) unlink(of->path);
}

/// The training set of a file that holds `text`.
static sv_err make(made *of, const char *text, model_set_plan plan, bool is_cmapss,
                   const char *const *ignore, sv_why *why) {
    *of = (made){ .bytes = SV_TEXTBUF_HEAP(1 << 20), .path = "/tmp/model-set-XXXXXX" };
    int fd = mkstemp(of->path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
    (void) close(fd);
    SV_DEFER(model_data_drop) model_data data = { .rows = 0 };
    const model_data_plan read = { .is_cmapss = is_cmapss,
                                   .group = is_cmapss ? NULL : plan.group,
                                   .ignore = ignore };
    plan.setting = plan.setting == NULL ? NONE : plan.setting;
    plan.cap = 125;
    SV_TRY(model_data_read(&data, of->path, &read, why));
    SV_TRY(model_set_make(&data, &plan, &of->bytes, why));
    return sv_training_set_read(sv_textbuf_text(&of->bytes), &of->set, why);
}

static sv_training_row row_at(const made *of, uint32_t index) {
    sv_training_row row;
    sv_training_row_get(&of->set, index, &row);
    return row;
}

// [model-7]
static void remaining_life_counts_to_the_last_row_of_each_machine(void **state) {
    (void) state;
    SV_DEFER(drop) made of;
    assert_int_equal(make(&of, "m,a\nx,1\ny,5\nx,2\nx,\ny,7\n",
                          (model_set_plan){ .task = SV_MODEL_RUL, .group = "m" }, false, NULL,
                          NULL),
                     SV_OK);
    static const double left[] = { 2, 1, 1, 0, 0 };
    static const uint32_t machine[] = { 0, 1, 0, 0, 1 };
    assert_int_equal(of.set.rows, 5);
    assert_int_equal(of.set.groups, 2);
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(row_at(&of, i).truth == left[i] && row_at(&of, i).group == machine[i]);
    }
    assert_true(isnan(row_at(&of, 3).values[0]));
}

// [model-7]
static void texts_become_categories_and_what_says_nothing_is_left_out(void **state) {
    (void) state;
    SV_DEFER(drop) made of;
    const char *const ignore[] = { "secret", NULL };
    assert_int_equal(make(&of,
                          "id;grade;secret;torque;state\n1;M;9;4;healthy\n2;L;9;4,5;broken\n"
                          "3;;8;5;healthy\n4;M;1;;broken\n",
                          (model_set_plan){ .task = SV_MODEL_CLASS, .label = "state" }, false,
                          ignore, NULL),
                     SV_OK);
    assert_int_equal(of.set.columns, 2);
    assert_true(sv_text_is(of.set.column[0].name, "grade"));
    assert_int_equal(of.set.column[0].categories, 2);
    assert_true(sv_text_is(of.set.column[0].category[0], "L"));
    assert_true(row_at(&of, 0).values[0] == 1 && row_at(&of, 1).values[0] == 0);
    assert_true(isnan(row_at(&of, 2).values[0]));
    // What is wrong is looked for, whatever the order of the letters.
    assert_true(sv_text_is(of.set.class_name[1], "broken"));
    assert_true(row_at(&of, 0).truth == 0 && row_at(&of, 1).truth == 1);
}

static void the_class_to_look_for_can_be_named(void **state) {
    (void) state;
    SV_DEFER(drop) made of;
    assert_int_equal(
        make(&of, "a,state\n1,0\n3,1\n2,0\n",
             (model_set_plan){ .task = SV_MODEL_CLASS, .label = "state", .positive = "0" }, false,
             NULL, NULL),
        SV_OK);
    assert_true(sv_text_is(of.set.class_name[1], "0"));
    assert_true(row_at(&of, 0).truth == 1 && row_at(&of, 1).truth == 0);
}

// [model-8]
static void units_of_nasa_are_machines_and_their_first_columns_settings(void **state) {
    (void) state;
    static const char *const SETTINGS[] = { "setting_1", "setting_2", "setting_3", NULL };
    SV_DEFER(drop) made of;
    const char *text = "1 1 0 0 100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n"
                       "1 2 0 0 100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 22\n"
                       "2 1 0 0 100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 23\n";
    assert_int_equal(
        make(&of, text,
             (model_set_plan){ .task = SV_MODEL_RUL, .group = "unit", .setting = SETTINGS }, true,
             NULL, NULL),
        SV_OK);
    assert_int_equal(of.set.settings, 3);
    assert_int_equal(of.set.columns, 24);
    assert_true(row_at(&of, 0).truth == 1 && row_at(&of, 1).truth == 0);
    assert_true(row_at(&of, 2).group == 1 && row_at(&of, 2).values[23] == 23);
}

// [model-14]
static void rows_near_an_end_are_of_the_class_that_it_was(void **state) {
    (void) state;
    SV_DEFER(drop) made of;
    // x failed of a bearing, y was renewed in time, z failed of a seal.
    assert_int_equal(make(&of,
                          "m,a,cause\nx,1,\ny,5,\nx,2,\nz,3,seal\nx,4,bearing\ny,7,\ny,8,seal\n"
                          "y,4,OK\nz,9,seal\n",
                          (model_set_plan){
                              .task = SV_MODEL_CLASS, .group = "m", .label = "cause", .within = 2 },
                          false, NULL, NULL),
                     SV_OK);
    static const double truth[] = { 0, 0, 1, 2, 1, 0, 2 }; // of the last two of y nobody knows
    assert_int_equal(of.set.within, 2);
    assert_int_equal(of.set.classes, 3);
    assert_true(sv_text_is(of.set.class_name[0], "healthy"));
    assert_true(sv_text_is(of.set.class_name[1], "bearing"));
    assert_true(sv_text_is(of.set.class_name[2], "seal"));
    assert_int_equal(of.set.columns, 1);
    assert_int_equal(of.set.rows, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_true(row_at(&of, i).truth == truth[i]);
    }
    assert_true(row_at(&of, 6).values[0] == 9);
}

// [model-14]
static void without_a_column_that_says_of_what_every_end_is_a_failure(void **state) {
    (void) state;
    SV_DEFER(drop) made of;
    assert_int_equal(make(&of, "m,a\nx,1\ny,5\nx,2\nx,9\nx,4\n",
                          (model_set_plan){ .task = SV_MODEL_CLASS, .group = "m", .within = 1 },
                          false, NULL, NULL),
                     SV_OK);
    static const double truth[] = { 0, 1, 0, 0, 1 };
    assert_true(sv_text_is(of.set.class_name[1], "failing"));
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(row_at(&of, i).truth == truth[i]);
    }
}

static void refuse(const char *text, model_set_plan plan, const char *sentence) {
    SV_DEFER(drop) made of;
    sv_why why = { 0 };
    assert_int_equal(make(&of, text, plan, false, NULL, &why), SV_ERR_INVALID);
    const char *after = strncmp(why.text, "/tmp/", 5) == 0 ? strstr(why.text, ": ") + 2 : why.text;
    assert_string_equal(after, sentence);
}

// [model-10]
static void what_cannot_be_learnt_from_is_said(void **state) {
    (void) state;
    const model_set_plan life = { .task = SV_MODEL_RUL, .group = "m" };
    const model_set_plan class = { .task = SV_MODEL_CLASS, .label = "c" };
    refuse("m,a\n,1\n", life, "line 2: no machine in column 'm'");
    refuse("m,\nx,1\n", life, "column 2 has no name, or one over 64 bytes");
    refuse("a,c\n1,0\n2,\n", class,
           "column 'c' has one value; a class is one of 2 to 16 texts "
           "or numbers");
    refuse("a,c\n1,0\n2,1\n4,\n", class, "row 3 has no 'c'");
    refuse("m,a,c\nx,1,seal\nx,2,\n",
           (model_set_plan){ .task = SV_MODEL_CLASS, .group = "m", .label = "c", .within = 1 },
           "the last row of no machine says in 'c' what it has failed of");
    refuse("a,c\nx,0\nx,1\n", (model_set_plan){ .task = SV_MODEL_RUL, .group = "c" },
           "no column is left to learn from");
    refuse("m,a,left\nx,1,-1\n",
           (model_set_plan){ .task = SV_MODEL_RUL, .group = "m", .label = "left" },
           "row 1: 'left' is -1; remaining life is a number from 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remaining_life_counts_to_the_last_row_of_each_machine),
        cmocka_unit_test(texts_become_categories_and_what_says_nothing_is_left_out),
        cmocka_unit_test(the_class_to_look_for_can_be_named),
        cmocka_unit_test(units_of_nasa_are_machines_and_their_first_columns_settings),
        cmocka_unit_test(rows_near_an_end_are_of_the_class_that_it_was),
        cmocka_unit_test(without_a_column_that_says_of_what_every_end_is_a_failure),
        cmocka_unit_test(what_cannot_be_learnt_from_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
