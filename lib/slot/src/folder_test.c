// A real folder, and what somebody may have put into it. attacks row 31
#include <base/fd.h>
#include <base/test.h>
#include <fcntl.h>
#include <slot/disk.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char FOLDER[64];
static sv_slot_folder *OPEN;
static const sv_slot_disk *D;

static int begin(void **state) {
    (void) state;
    (void) snprintf(FOLDER, sizeof FOLDER, "/tmp/selvedge-folder-XXXXXX");
    assert_non_null(mkdtemp(FOLDER));
    assert_int_equal(sv_slot_folder_open(FOLDER, &OPEN, NULL), SV_OK);
    D = sv_slot_folder_disk(OPEN);
    return 0;
}

static int end(void **state) {
    (void) state;
    sv_slot_folder_drop(&OPEN);
    return sv_disk_remove_tree(FOLDER, NULL) == SV_OK ? 0 : -1;
}

static const char *path_of(const char *name) {
    static char path[SV_PATH_MAX];
    (void) snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    return path;
}

typedef struct range {
    off_t at, bytes;
} range;

static range BEGUN[8];
static size_t BEGUN_COUNT;

// In the place of the C library's.
int note_range(int fd, off_t at, off_t bytes, unsigned how) __asm__("sync_file_range")
    __attribute__((visibility("default"), used));

int note_range(int fd, off_t at, off_t bytes, unsigned how) {
    assert_true(fd >= 0);
    assert_int_equal(how, SYNC_FILE_RANGE_WRITE);
    assert_true(BEGUN_COUNT < SV_COUNT(BEGUN));
    BEGUN[BEGUN_COUNT++] = (range){ at, bytes };
    return 0;
}

static void a_long_write_begins_to_be_flushed_while_it_is_made(void **state) { // [slot-42]
    (void) state;
    static uint8_t piece[256 * 1024];
    const off_t mib = (off_t) 1024 * 1024;
    int file = -1;
    BEGUN_COUNT = 0;
    assert_int_equal(D->open(D->arg, "slot", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    for (uint64_t at = 0; at < 9 * sizeof piece; at += sizeof piece) {
        assert_int_equal(D->write(D->arg, file, at, piece, sizeof piece, NULL), SV_OK);
    }
    assert_int_equal(BEGUN_COUNT, 2);
    assert_true(BEGUN[0].at == 0 && BEGUN[0].bytes == mib);
    assert_true(BEGUN[1].at == mib && BEGUN[1].bytes == mib);
    // Elsewhere it begins anew; and what is small waits for its flush.
    assert_int_equal(D->write(D->arg, file, (uint64_t) mib * 8, piece, sizeof piece, NULL), SV_OK);
    assert_int_equal(D->write(D->arg, file, 0, piece, 100, NULL), SV_OK);
    assert_int_equal(BEGUN_COUNT, 2);
    D->close(D->arg, file);
}

int note_advice(int fd, off_t at, off_t bytes, int what) __asm__("posix_fadvise")
    __attribute__((visibility("default"), used));

int note_advice(int fd, off_t at, off_t bytes, int what) {
    assert_true(fd >= 0);
    if (what == POSIX_FADV_WILLNEED) {
        assert_true(BEGUN_COUNT < SV_COUNT(BEGUN));
        BEGUN[BEGUN_COUNT++] = (range){ at, bytes };
    }
    return 0;
}

static void who_reads_in_a_row_has_the_next_bytes_coming(void **state) { // [slot-42]
    (void) state;
    static uint8_t piece[256 * 1024];
    const off_t mib = (off_t) 1024 * 1024;
    int file = -1;
    assert_int_equal(D->open(D->arg, "slot", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    assert_int_equal(D->set_length(D->arg, file, (uint64_t) mib * 8, NULL), SV_OK);
    BEGUN_COUNT = 0;
    for (uint64_t at = 0; at < (uint64_t) mib * 3; at += sizeof piece) {
        assert_int_equal(D->read(D->arg, file, at, piece, sizeof piece, NULL), SV_OK);
    }
    assert_int_equal(BEGUN_COUNT, 2);
    assert_true(BEGUN[0].at == 0 && BEGUN[0].bytes == 2 * mib);
    assert_true(BEGUN[1].at == 2 * mib && BEGUN[1].bytes == 2 * mib);
    // Here and there is not in a row.
    for (uint64_t at = (uint64_t) mib * 7; at > (uint64_t) mib * 5; at -= sizeof piece) {
        assert_int_equal(D->read(D->arg, file, at, piece, 100, NULL), SV_OK);
    }
    assert_int_equal(BEGUN_COUNT, 2);
    D->close(D->arg, file);
}

static void what_is_written_is_read_again(void **state) { // [slot-2]
    (void) state;
    int file = -1;
    uint64_t bytes = 0;
    uint8_t read[3] = { 0 };
    assert_int_equal(D->open(D->arg, "slot-a", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    assert_int_equal(D->set_length(D->arg, file, 10000, NULL), SV_OK);
    assert_int_equal(D->write(D->arg, file, 9000, (const uint8_t *) "abc", 3, NULL), SV_OK);
    assert_int_equal(D->sync(D->arg, file, NULL), SV_OK);
    assert_int_equal(D->forget(D->arg, file, NULL), SV_OK);
    assert_int_equal(D->read(D->arg, file, 9000, read, 3, NULL), SV_OK);
    assert_memory_equal(read, "abc", 3);
    assert_int_equal(D->length(D->arg, file, &bytes, NULL), SV_OK);
    assert_int_equal(bytes, 10000);
    D->close(D->arg, file);
    struct stat info;
    assert_int_equal(stat(path_of("slot-a"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(D->rename(D->arg, "slot-a", "slot-b", NULL), SV_OK);
    assert_int_equal(D->sync_folder(D->arg, NULL), SV_OK);
    assert_int_equal(D->unlink(D->arg, "slot-b", NULL), SV_OK);
    assert_int_equal(D->unlink(D->arg, "slot-b", NULL), SV_OK);
    assert_int_equal(D->open(D->arg, "slot-b", 0, &file, NULL), SV_ERR_NOT_FOUND);
}

static void a_read_behind_the_end_is_an_error(void **state) { // [slot-2]
    (void) state;
    int file = -1;
    uint8_t read[3];
    sv_why why = { 0 };
    assert_int_equal(D->open(D->arg, "journal", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    assert_int_equal(D->set_length(D->arg, file, 2, NULL), SV_OK);
    assert_int_equal(D->read(D->arg, file, 0, read, 3, &why), SV_ERR_IO);
    assert_non_null(strstr(why.text, "journal' ends at byte 2, too soon"));
    D->close(D->arg, file);
}

static void nothing_but_a_plain_file_of_one_name_is_opened(void **state) { // [slot-1]
    (void) state;
    const struct {
        const char *name;
        sv_err err;
        const char *sentence;
    } cases[] = {
        { "link", SV_ERR_UNTRUSTED, "is a link: it is not followed" },
        { "dangling", SV_ERR_UNTRUSTED, "is a link: it is not followed" },
        { "folder", SV_ERR_IO, "cannot open" },
        { "pipe", SV_ERR_UNTRUSTED, "is no plain file" },
        { "second", SV_ERR_UNTRUSTED, "has other names too" },
        { "../x", SV_ERR_INVALID, "is no name of a file" },
        { "folder/x", SV_ERR_INVALID, "is no name of a file" },
        { "..", SV_ERR_INVALID, "is no name of a file" },
        { "", SV_ERR_INVALID, "is no name of a file" },
        { "/etc/passwd", SV_ERR_INVALID, "is no name of a file" },
    };
    sv_text content = SV_TEXT("x");
    assert_int_equal(sv_disk_replace(path_of("outside"), content, 0600, NULL), SV_OK);
    assert_int_equal(symlink("outside", path_of("link")), 0);
    assert_int_equal(symlink("nowhere", path_of("dangling")), 0);
    assert_int_equal(mkdir(path_of("folder"), 0700), 0);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    char first[SV_PATH_MAX];
    (void) snprintf(first, sizeof first, "%s", path_of("first"));
    assert_int_equal(sv_disk_replace(first, content, 0600, NULL), SV_OK);
    assert_int_equal(link(first, path_of("second")), 0);
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        int file = -1;
        sv_why why = { 0 };
        assert_int_equal(D->open(D->arg, cases[i].name, SV_SLOT_WRITE, &file, &why), cases[i].err);
        assert_non_null(strstr(why.text, cases[i].sentence));
        assert_int_equal(file, -1);
    }
    // What is to be new takes no name that is there, whatever is behind it.
    int file = -1;
    assert_int_not_equal(D->open(D->arg, "dangling", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL),
                         SV_OK);
    assert_false(sv_disk_exists(path_of("nowhere")));
}

static void a_device_is_opened_only_where_one_is_meant(void **state) { // [slot-1]
    (void) state;
    int file = -1;
    sv_why why = { 0 };
    assert_int_equal(D->open(D->arg, "plain", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    D->close(D->arg, file);
    assert_int_equal(D->open(D->arg, "plain", SV_SLOT_WRITE | SV_SLOT_DEVICE, &file, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "is no block device"));
    if (mknod(path_of("null"), S_IFCHR | 0600, makedev(1, 3)) == 0) { // root may
        assert_int_not_equal(D->open(D->arg, "null", SV_SLOT_WRITE, &file, NULL), SV_OK);
        assert_int_not_equal(D->open(D->arg, "null", SV_SLOT_WRITE | SV_SLOT_DEVICE, &file, NULL),
                             SV_OK);
    }
    if (mknod(path_of("loop"), S_IFBLK | 0600, makedev(7, 250)) == 0) {
        assert_int_not_equal(D->open(D->arg, "loop", SV_SLOT_WRITE, &file, NULL), SV_OK);
    }
}

static void a_folder_that_others_may_change_is_not_taken(void **state) { // [slot-1]
    (void) state;
    sv_slot_folder *folder = NULL;
    sv_why why = { 0 };
    for (mode_t mode = 0700; mode <= 0777; mode++) {
        bool trusted = (mode & (S_IWGRP | S_IWOTH)) == 0;
        assert_int_equal(chmod(FOLDER, mode), 0);
        assert_int_equal(sv_slot_folder_open(FOLDER, &folder, &why),
                         trusted ? SV_OK : SV_ERR_UNTRUSTED);
        assert_true(trusted || strstr(why.text, "others may change what is in") != NULL);
        sv_slot_folder_drop(&folder);
    }
    assert_int_equal(chmod(FOLDER, 0700), 0);
    assert_int_equal(sv_slot_folder_open(path_of("none"), &folder, &why), SV_ERR_NOT_FOUND);
}

static void a_full_disk_is_called_one(void **state) { // [slot-2] attacks row 33
    (void) state;
    int file = -1;
    sv_why why = { 0 };
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(D->open(D->arg, "slot-a", SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    SV_DEFER(sv_fd_drop) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    // The file's descriptor is made to lead to the full device: the folder cannot know.
    char target[SV_PATH_MAX];
    for (int fd = 3; fd < 64; fd++) {
        char link_path[64];
        (void) snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link_path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        if (len > 0 && strcmp(target, path_of("slot-a")) == 0) {
            assert_int_equal(dup2(full, fd), fd);
        }
    }
    assert_int_equal(D->write(D->arg, file, 0, (const uint8_t *) "abc", 3, &why), SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "slot-a': No space left on device"));
    D->close(D->arg, file);
}

static void too_many_files_are_refused(void **state) { // [slot-2]
    (void) state;
    int file = -1;
    char name[16];
    for (unsigned i = 0; i < SV_SLOT_FILES_MAX; i++) {
        (void) snprintf(name, sizeof name, "f%u", i);
        assert_int_equal(D->open(D->arg, name, SV_SLOT_WRITE | SV_SLOT_MAKE, &file, NULL), SV_OK);
    }
    assert_int_equal(D->open(D->arg, "f0", 0, &file, NULL), SV_ERR_NO_SPACE);
    D->close(D->arg, file);
    assert_int_equal(D->open(D->arg, "f0", 0, &file, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again, begin, end),
        cmocka_unit_test_setup_teardown(a_long_write_begins_to_be_flushed_while_it_is_made, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_reads_in_a_row_has_the_next_bytes_coming, begin, end),
        cmocka_unit_test_setup_teardown(a_read_behind_the_end_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(nothing_but_a_plain_file_of_one_name_is_opened, begin, end),
        cmocka_unit_test_setup_teardown(a_device_is_opened_only_where_one_is_meant, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_others_may_change_is_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_called_one, begin, end),
        cmocka_unit_test_setup_teardown(too_many_files_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
