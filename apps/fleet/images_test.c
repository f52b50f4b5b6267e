#include "images.h"

#include "fleet_fixture.h"

static void add(fixture *f, const char *values) {
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO image (path, kind, product, version, hardware, counter, slot,"
                    " length, sha256, at_us) VALUES (%s)",
                    values);
    assert_int_equal(sv_db_exec(f->fleet.db, sql, NULL), SV_OK);
}

static void an_image_is_found_by_its_path_and_by_its_bytes(void **state) {
    fixture *f = *state;
    sv_image_row row;
    sv_why why = { 0 };
    add(f, "'lathe/2.img', 'selvedge', 'lathe', '2.0', 'rev-a' || char(10) || 'rev-b', 7,"
           " 'rootfs', 100000, 'ab', 5");
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/2.img"), &row, &why), SV_OK);
    assert_string_equal(row.version, "2.0");
    assert_int_equal(row.hardware_count, 2);
    assert_string_equal(row.hardware[1], "rev-b");
    assert_int_equal(row.counter, 7);
    assert_int_equal(row.kind, SV_IMAGE_SELVEDGE);
    assert_false(row.complete);
    assert_int_equal(sv_images_find_bytes(&f->fleet, SV_TEXT("ab"), &row, &why), SV_OK);
    assert_string_equal(row.path, "lathe/2.img");
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("lathe/3.img"), &row, &why),
                     SV_ERR_NOT_FOUND);
    assert_string_equal(why.text, "there is no image 'lathe/3.img'");
}

static sv_err note_version(void *arg, const sv_image_row *row) {
    sv_textbuf_addf(arg, "%s ", row->version);
    return SV_OK;
}

static sv_err stop_at_once(void *arg, const sv_image_row *row) {
    (*(int *) arg)++;
    (void) row;
    return SV_ERR_STATE;
}

static void every_image_is_walked_by_path_until_somebody_stops(void **state) {
    fixture *f = *state;
    char room[64];
    int visits = 0;
    sv_textbuf seen = SV_TEXTBUF(room);
    add(f, "'b', 'file', 'p', '2', 'h', 0, '', 1, 'b2', 1");
    add(f, "'a', 'file', 'p', '1', 'h', 0, '', 1, 'b1', 1");
    assert_int_equal(sv_images_each(&f->fleet, note_version, &seen, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&seen), SV_OK);
    assert_string_equal(room, "1 2 ");
    assert_int_equal(sv_images_each(&f->fleet, stop_at_once, &visits, NULL), SV_ERR_STATE);
    assert_int_equal(visits, 1);
    assert_int_equal(sv_images_each(&f->fleet, stop_at_once, &visits, NULL), SV_ERR_STATE);
}

static void a_damaged_row_is_no_image(void **state) {
    fixture *f = *state;
    sv_image_row row;
    add(f, "'a', 'file', printf('%0100d', 0), '1', 'h', 0, '', 1, 'b1', 1");
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("a"), &row, NULL), SV_ERR_IO);
    add(f, "'b', 'file', 'p', '1', replace(printf('%09d', 0), '0', 'h' || char(10)), 0, '', 1,"
           " 'b1', 1");
    assert_int_equal(sv_images_find(&f->fleet, SV_TEXT("b"), &row, NULL), SV_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_image_is_found_by_its_path_and_by_its_bytes,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(every_image_is_walked_by_path_until_somebody_stops,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_row_is_no_image, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
