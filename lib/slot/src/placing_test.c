#include <base/test.h>
#include <slot/placing.h>
#include <string.h>

static unsigned told;
static int percent_told;

static void tell(void *arg, int percent, const char *says) {
    assert_ptr_equal(arg, &told);
    assert_non_null(says);
    percent_told = percent;
    told++;
}

static void it_is_told_when_it_has_moved(void **state) { // [rauc-2] [swupdate-3]
    (void) state;
    const sv_placing_watch watch = { .progress = tell, .progress_arg = &told };
    sv_placing placing = { .who = "RAUC", .watch = &watch };
    sv_placing_begin(&placing);
    sv_placing_tick(&placing); // nobody wants to know
    assert_int_equal(sv_placing_look(&placing, 0, "", NULL), SV_OK);
    assert_int_equal(told, 1);
    assert_int_equal(sv_placing_look(&placing, 0, "", NULL), SV_OK);
    assert_int_equal(told, 1);
    assert_int_equal(sv_placing_look(&placing, 0, "it writes", NULL), SV_OK);
    assert_int_equal(sv_placing_look(&placing, 40, "it writes", NULL), SV_OK);
    assert_int_equal(told, 3);
    assert_int_equal(percent_told, 40);
    placing.told_us -= INT64_C(61000000); // and each minute
    assert_int_equal(sv_placing_look(&placing, 40, "it writes", NULL), SV_OK);
    assert_int_equal(told, 4);
}

static void it_is_not_waited_for_when_it_stands_still(void **state) { // [rauc-2] [swupdate-3]
    (void) state;
    sv_why why = { 0 };
    sv_placing placing = { .who = "SWUpdate" };
    sv_placing_begin(&placing);
    assert_int_equal(sv_placing_look(&placing, 40, "it writes", NULL), SV_OK);
    placing.moved_us -= INT64_C(3600000000);
    assert_int_equal(sv_placing_look(&placing, 40, "it writes", &why), SV_ERR_UNAVAILABLE);
    assert_string_equal(why.text, "SWUpdate is at 'it writes' (40 %) for 60 minutes now");
    assert_int_equal(sv_placing_look(&placing, 41, "it writes", NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_when_it_has_moved),
        cmocka_unit_test(it_is_not_waited_for_when_it_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
