#include "test_medium.h"

enum { PAYLOAD_BYTES = 12 };

static medium M;
static const sv_twin TWIN = {
    .disk = &M.disk, .name = "boot-state", .kind = "SvBs", .bytes = PAYLOAD_BYTES
};

static void begin(void) {
    static const platter NOTHING;
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &NOTHING);
}

static void put(unsigned value) {
    uint8_t payload[PAYLOAD_BYTES];
    memset(payload, (int) value, sizeof payload);
    assert_int_equal(sv_twin_write(&TWIN, payload, NULL), SV_OK);
}

/// The value that is read; -1: both copies are damaged, -2: there is no file.
static int get(void) {
    uint8_t payload[PAYLOAD_BYTES] = { 0 };
    sv_err err = sv_twin_read(&TWIN, payload, NULL);
    return err == SV_OK              ? payload[0]
           : err == SV_ERR_INVALID   ? -1
           : err == SV_ERR_NOT_FOUND ? -2
                                     : -3;
}

static void the_newest_copy_counts_and_the_older_one_is_written(void **state) { // [slot-3]
    (void) state;
    begin();
    assert_int_equal(get(), -2);
    for (unsigned value = 1; value < 20; value++) {
        put(value);
        assert_int_equal(get(), value);
        assert_int_equal(M.events[M.count - 2].kind, value == 1 ? MEDIUM_NAME : MEDIUM_WRITE);
        if (value > 1) {
            assert_int_equal(M.events[M.count - 2].at, value % 2 == 0 ? SV_TWIN_COPY_BYTES : 0);
            assert_int_equal(M.events[M.count - 1].kind, MEDIUM_SYNC);
        }
    }
}

static void any_byte_that_is_another_makes_a_copy_none(void **state) { // [slot-4]
    (void) state;
    begin();
    put(1);
    put(2);
    uint8_t *bytes = M.now.files[0].data;
    for (size_t at = 0; at < SV_TWIN_FILE_BYTES; at += at % 97 == 0 ? 1 : 3) {
        bytes[at] ^= 0x10;
        assert_int_equal(get(), at < SV_TWIN_COPY_BYTES ? 2 : 1);
        bytes[at] ^= 0x10;
    }
    bytes[100] ^= 1;
    bytes[SV_TWIN_COPY_BYTES + 100] ^= 1;
    assert_int_equal(get(), -1);
    put(3); // and it is made good again
    assert_int_equal(get(), 3);
}

static void a_record_of_another_kind_or_length_is_none(void **state) { // [slot-4]
    (void) state;
    uint8_t copy[SV_TWIN_COPY_BYTES];
    const uint8_t payload[PAYLOAD_BYTES] = { 7 };
    uint8_t read[PAYLOAD_BYTES] = { 0 };
    sv_twin_copy_write(copy, "SvBs", 5, payload, sizeof payload);
    assert_int_equal(sv_twin_copy_read(copy, "SvBs", sizeof read, read), 5);
    assert_memory_equal(read, payload, sizeof read);
    assert_int_equal(sv_twin_copy_read(copy, "SvJn", sizeof read, read), 0);
    assert_int_equal(sv_twin_copy_read(copy, "SvBs", sizeof read - 1, read), 0);
}

static void a_file_that_was_cut_is_no_record_and_grows_again(void **state) { // [slot-4]
    (void) state;
    begin();
    put(1);
    put(2);
    M.now.files[0].bytes = SV_TWIN_COPY_BYTES;
    assert_int_equal(get(), 1);
    M.now.files[0].bytes = 100;
    assert_int_equal(get(), -1);
}

static void a_write_that_fails_leaves_what_was_there(void **state) { // [slot-3]
    (void) state;
    const uint8_t payload[PAYLOAD_BYTES] = { 3, 3 };
    for (size_t call = 1; call <= 8; call++) {
        begin();
        put(1);
        put(2);
        M.calls = 0;
        M.fail_at = call;
        M.fail_for = SIZE_MAX;
        sv_err err = sv_twin_write(&TWIN, payload, NULL);
        M.fail_at = 0;
        assert_int_equal(get(), err == SV_OK || call == 6 ? 3 : 2);
        put(4);
        assert_int_equal(get(), 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_copy_counts_and_the_older_one_is_written),
        cmocka_unit_test(any_byte_that_is_another_makes_a_copy_none),
        cmocka_unit_test(a_record_of_another_kind_or_length_is_none),
        cmocka_unit_test(a_file_that_was_cut_is_no_record_and_grows_again),
        cmocka_unit_test(a_write_that_fails_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
