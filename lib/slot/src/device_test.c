// Slots that are real block devices: two loop devices over files of the test. What the kernel has
// in memory of a device and what lies on it can differ, and only the latter is what starts.
#include "test_device.h"
#include <base/fd.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOPS = 2 };

typedef struct loop {
    int backing, device; ///< -1: none
    char name[32];       ///< in /dev
} loop;

static loop LOOP[LOOPS] = { { .backing = -1, .device = -1 }, { .backing = -1, .device = -1 } };
static char FOLDER[64];
static release R[3]; ///< by counter
static sv_slot_folder *STATE, *DEVICES;

/// A free one over `backing`; somebody else may be quicker.
static bool loop_make(loop *l) {
    SV_DEFER(sv_fd_drop) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    for (int tries = 0; control >= 0 && tries < 20; tries++) {
        char path[64];
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        (void) snprintf(l->name, sizeof l->name, "loop%d", number);
        (void) snprintf(path, sizeof path, "/dev/%s", l->name);
        l->device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
        if (l->device < 0) {
            return false;
        }
        if (ioctl(l->device, LOOP_SET_FD, l->backing) == 0) {
            return true;
        }
        sv_fd_drop(&l->device);
    }
    return false;
}

static void loop_drop(loop *l) {
    if (l->device >= 0) {
        (void) ioctl(l->device, LOOP_CLR_FD, 0);
    }
    sv_fd_drop(&l->device);
    sv_fd_drop(&l->backing);
}

static int drop(void **state) {
    (void) state;
    sv_slot_folder_drop(&DEVICES);
    sv_slot_folder_drop(&STATE);
    for (size_t i = 0; i < LOOPS; i++) {
        loop_drop(&LOOP[i]);
    }
    return sv_disk_remove_tree(FOLDER, NULL) == SV_OK ? 0 : -1;
}

static void leave(void) {
    (void) drop(NULL);
    (void) fprintf(stderr, "skipped: no loop device can be had here\n");
    exit(0);
}

static int make(void **state) {
    static platter made; // the first release is in slot a
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&made, &R[1]);
    (void) snprintf(FOLDER, sizeof FOLDER, "/tmp/selvedge-device-XXXXXX");
    assert_non_null(mkdtemp(FOLDER));
    for (int i = 0; i < LOOPS; i++) {
        char path[SV_PATH_MAX];
        (void) snprintf(path, sizeof path, "%s/disk-%d", FOLDER, i);
        LOOP[i].backing = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(LOOP[i].backing >= 0);
        assert_int_equal(pwrite(LOOP[i].backing, made.files[i].data, SLOT_BYTES, 0), SLOT_BYTES);
        if (!loop_make(&LOOP[i])) {
            leave();
        }
    }
    if (sv_slot_folder_open("/dev", &DEVICES, NULL) != SV_OK) {
        leave();
    }
    assert_int_equal(sv_slot_folder_open(FOLDER, &STATE, NULL), SV_OK);
    return 0;
}

/// `d` must not move afterwards.
static void device_of(device *d, medium *unused) {
    device_on(d, unused);
    d->file.disk = sv_slot_folder_disk(STATE);
    d->native = (sv_native){ .disk = sv_slot_folder_disk(DEVICES),
                             .names = { LOOP[0].name, LOOP[1].name },
                             .devices = true,
                             .file = -1 };
    d->installer = sv_native_installer(&d->native);
    d->engine.disk = d->file.disk;
    d->engine.counter = NULL;
}

static void lies_on(const loop *l, const release *r) {
    uint8_t there[SLOT_BYTES];
    assert_int_equal(pread(l->backing, there, sizeof there, 0), sizeof there);
    assert_memory_equal(there, r->image, IMAGE_BYTES);
    assert_memory_equal(there + SLOT_BYTES - SV_BOOT_TRAILER_BYTES, r->header,
                        SV_BOOT_HEADER_BYTES);
}

static void an_update_goes_onto_a_block_device(void **state) { // [slot-1] [slot-6] [slot-7]
    (void) state;
    static medium unused;
    device d;
    sv_why why = { 0 };
    medium_begin(&unused, &unused.begin);
    device_of(&d, &unused);
    const sv_boot_state first = { .slots = { { SV_BOOT_SLOT_CONFIRMED, 0 } }, .counter = 1 };
    assert_int_equal(sv_boot_file_keep(&d.file, &first, NULL), SV_OK);
    d.file.running = 0;
    assert_int_equal(sv_engine_wake(&d.engine, NULL), SV_OK);
    if (install(&d.engine, &R[2], &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    lies_on(&LOOP[0], &R[1]);
    lies_on(&LOOP[1], &R[2]);
    d.file.running = 1;
    assert_int_equal(sv_engine_wake(&d.engine, NULL), SV_OK);
    assert_int_equal(sv_engine_health(&d.engine, true, "", NULL), SV_OK);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED);
}

/// The device changes behind what the kernel remembers of it.
static void what_is_read_back_comes_from_the_device_and_not_from_memory(void **state) { // [slot-6]
    (void) state;
    static medium unused;
    device d;
    medium_begin(&unused, &unused.begin);
    device_of(&d, &unused);
    const sv_installer *in = &d.installer;
    assert_int_equal(in->begin(in->arg, 1, IMAGE_BYTES, NULL), SV_OK);
    assert_int_equal(in->write(in->arg, 0, R[1].image, IMAGE_BYTES, NULL), SV_OK);
    assert_int_equal(in->flush(in->arg, NULL), SV_OK);
    assert_int_equal(in->seal(in->arg, R[1].header, NULL), SV_OK);
    assert_int_equal(in->read_back(in->arg, R[1].header, NULL), SV_OK);
    const uint8_t other = (uint8_t) ~R[1].image[700];
    assert_int_equal(pwrite(LOOP[1].backing, &other, 1, 700), 1);
    assert_int_equal(in->read_back(in->arg, R[1].header, NULL), SV_ERR_UNTRUSTED);
    in->end(in->arg);
}

static void a_plain_file_is_not_taken_for_a_device_nor_the_reverse(void **state) { // [slot-1]
    (void) state;
    const sv_slot_disk *devices = sv_slot_folder_disk(DEVICES);
    const sv_slot_disk *files = sv_slot_folder_disk(STATE);
    int file = -1;
    sv_why why = { 0 };
    assert_int_equal(devices->open(devices->arg, LOOP[0].name, 0, &file, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "is no plain file"));
    assert_int_equal(files->open(files->arg, "disk-0", SV_SLOT_DEVICE, &file, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "is no block device"));
}

static void behind_the_end_of_a_device_there_is_no_room(void **state) { // [slot-2]
    (void) state;
    const sv_slot_disk *devices = sv_slot_folder_disk(DEVICES);
    int file = -1;
    assert_int_equal(
        devices->open(devices->arg, LOOP[1].name, SV_SLOT_WRITE | SV_SLOT_DEVICE, &file, NULL),
        SV_OK);
    assert_int_equal(
        devices->write(devices->arg, file, SLOT_BYTES - 2, (const uint8_t *) "four", 4, NULL),
        SV_ERR_NO_SPACE);
    devices->close(devices->arg, file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_goes_onto_a_block_device),
        cmocka_unit_test(what_is_read_back_comes_from_the_device_and_not_from_memory),
        cmocka_unit_test(a_plain_file_is_not_taken_for_a_device_nor_the_reverse),
        cmocka_unit_test(behind_the_end_of_a_device_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
