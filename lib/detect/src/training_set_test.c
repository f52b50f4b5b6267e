#include <base/num.h>
#include <base/test.h>
#include <detect/training_set.h>
#include <math.h>

enum { ROOM = 4096 };

static sv_training_set two_rows(void) {
    sv_training_set set = { .task = SV_MODEL_CLASS,
                            .rows = 2,
                            .groups = 2,
                            .columns = 2,
                            .classes = 2,
                            .within = 30,
                            .cap = 125,
                            .source = SV_TEXT("data: a.csv\n"),
                            .group = SV_TEXT("machine"),
                            .class_name = { SV_TEXT("ok"), SV_TEXT("bad") } };
    set.column[0].name = SV_TEXT("torque");
    set.column[1] = (sv_model_column){ .name = SV_TEXT("grade"),
                                       .categories = 1,
                                       .category = { SV_TEXT("L") } };
    return set;
}

static void write_two(const sv_training_set *set, sv_textbuf *out) {
    sv_training_set_put(set, out);
    const sv_training_row first = { .group = 1, .truth = 1, .values = { 4.5, SV_NAN } };
    const sv_training_row second = { .group = 0, .truth = 0, .values = { -1, 0 } };
    sv_training_row_put(set, &first, out);
    sv_training_row_put(set, &second, out);
}

// [model-7]
static void a_training_set_reads_back_as_it_was_written(void **state) {
    (void) state;
    const sv_training_set set = two_rows();
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    write_two(&set, &out);
    sv_training_set back;
    sv_training_row row;
    assert_int_equal(sv_training_set_read(sv_textbuf_text(&out), &back, NULL), SV_OK);
    assert_int_equal(back.rows, 2);
    assert_int_equal(back.within, 30);
    assert_true(sv_text_is(back.group, "machine"));
    assert_true(sv_text_is(back.column[1].category[0], "L"));
    assert_true(sv_text_is(back.class_name[1], "bad"));
    sv_training_row_get(&back, 0, &row);
    assert_true(row.group == 1 && row.truth == 1 && row.values[0] == 4.5 && isnan(row.values[1]));
    sv_training_row_get(&back, 1, &row);
    assert_true(row.group == 0 && row.truth == 0 && row.values[0] == -1 && row.values[1] == 0);
}

// [model-7]
static void every_cut_of_a_training_set_is_refused(void **state) {
    (void) state;
    const sv_training_set set = two_rows();
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    write_two(&set, &out);
    sv_training_set back;
    for (size_t len = 0; len < out.len; len++) {
        sv_text cut = { .at = room, .len = len };
        assert_int_equal(sv_training_set_read(cut, &back, NULL), SV_ERR_INVALID);
    }
}

static void refuse(void (*damage)(sv_training_set *), const char *sentence) {
    sv_training_set set = two_rows(), back;
    damage(&set);
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_why why = { 0 };
    write_two(&set, &out);
    assert_int_equal(sv_training_set_read(sv_textbuf_text(&out), &back, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, sentence);
}

static void one_machine(sv_training_set *set) {
    set->groups = 1;
}
static void three_rows(sv_training_set *set) {
    set->rows = 3;
}
static void one_class(sv_training_set *set) {
    set->classes = 1;
}
static void settings_alone(sv_training_set *set) {
    set->settings = 2;
}

static void of_lives_without_machines(sv_training_set *set) {
    set->groups = 0;
    set->within = 30;
}
static void of_remaining_life_with_a_horizon(sv_training_set *set) {
    set->task = SV_MODEL_RUL;
    set->classes = 0;
    set->within = 30;
}

// [model-7]
static void what_breaks_the_limits_of_a_training_set_is_refused(void **state) {
    (void) state;
    refuse(one_machine, "row 1 of the training set: machine 1, truth 1");
    refuse(three_rows, "the training set is cut, or breaks its limits: 3 rows of 2 columns");
    refuse(one_class, "the training set is cut, or breaks its limits: 2 rows of 2 columns");
    refuse(of_lives_without_machines,
           "the training set is cut, or breaks its limits: 2 rows of 2 columns");
    refuse(of_remaining_life_with_a_horizon,
           "the training set is cut, or breaks its limits: 2 rows of 2 columns");
    refuse(settings_alone, "the training set is cut, or breaks its limits: 2 rows of 2 columns");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_set_reads_back_as_it_was_written),
        cmocka_unit_test(every_cut_of_a_training_set_is_refused),
        cmocka_unit_test(what_breaks_the_limits_of_a_training_set_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
