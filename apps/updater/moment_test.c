#include "fake_disk.h"
#include "moment.h"

#include <base/little.h>
#include <base/test.h>
#include <base/time.h>
#include <slot/twin.h>
#include <sys/clock.h>

static void a_moment_that_was_signed_is_kept_at_once(void **state) { // [updater-9]
    (void) state;
    enum { KEPT_BYTES = 24, SIGNED = 8 };
    static fake_disk disk;
    uint8_t kept[KEPT_BYTES] = { 0 };
    fake_begin(&disk);
    int64_t at_us = sv_clock_believed_us() - SV_TIME_HOUR_US;
    assert_int_equal(moment_resume(&disk.disk, NULL), SV_OK);
    moment_signed(at_us);
    const sv_twin twin = {
        .disk = &disk.disk, .name = "clock", .kind = "SvCk", .bytes = KEPT_BYTES
    };
    assert_int_equal(sv_twin_read(&twin, kept, NULL), SV_OK);
    assert_int_equal(sv_little_get((const char *) kept + SIGNED, 8), at_us);
    size_t calls = disk.calls;
    moment_signed(at_us); // nothing new
    assert_int_equal(disk.calls, calls);
    disk.fail_at = calls + 1; // a disk that fails ends nothing
    moment_signed(at_us + 1);
    assert_true(disk.calls > calls);
    fake_end(&disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_that_was_signed_is_kept_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
