#include "test_tar.h"

#include <base/fd.h>
#include <base/mem.h>
#include <codec/compress.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static archive A;
static char FOLDER[64];
static char OTHER[80]; ///< beside it

static void begin(void) {
    A.len = 0;
    if (FOLDER[0] != '\0') {
        assert_int_equal(sv_disk_remove_tree(FOLDER, NULL), SV_OK);
    }
    (void) snprintf(FOLDER, sizeof FOLDER, "/tmp/selvedge-tree-XXXXXX");
    assert_non_null(mkdtemp(FOLDER));
    (void) snprintf(OTHER, sizeof OTHER, "%s-other", FOLDER);
}

static const char *in_folder(const char *name) {
    static char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, FOLDER, name), SV_OK);
    return path;
}

/// A small tree with everything that there is.
static void small_tree(void) {
    tar_folder(&A, "./");
    tar_folder(&A, "bin");
    (void) tar_add(&A, '0', "bin/run", 0700, "", SV_TEXT("#!/bin/sh\n"));
    tar_folder(&A, "etc");
    tar_file(&A, "etc/conf", "a = 1\n");
    tar_file(&A, "empty", "");
    tar_link(&A, "etc/run", "../bin/run");
    tar_close(&A);
}

typedef sv_err deed(const sv_tree_archive *of, int folder, sv_why *why);

static sv_err compare(const sv_tree_archive *of, int folder, sv_why *why) {
    return sv_tree_compare(of, folder, true, why);
}

static sv_err with(deed *what, sv_why *why) {
    SV_DEFER(sv_fd_drop) int folder = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const sv_image_bytes image = tar_image(&A);
    const sv_tree_archive of = { .image = &image, .digest = A.digest, .bytes_max = TAR_ROOM };
    assert_true(folder >= 0);
    return what(&of, folder, why);
}

static void refused(deed *what, sv_err err, const char *sentence) {
    sv_why why = { 0 };
    sv_err got = with(what, &why);
    if (got != err || strstr(why.text, sentence) == NULL) {
        fail_msg("not refused as %d, '%s', but as %d: %s", (int) err, sentence, (int) got,
                 why.text);
    }
}

static mode_t mode_of(const char *name) {
    struct stat info;
    assert_int_equal(lstat(in_folder(name), &info), 0);
    return info.st_mode;
}

static void a_tree_is_unpacked_as_its_archive_says(void **state) { // [slot-30] [slot-31]
    (void) state;
    mode_t mask = umask(077);
    begin();
    small_tree();
    assert_int_equal(with(sv_tree_unpack, NULL), SV_OK);
    assert_int_equal(mode_of("bin"), S_IFDIR | 0755);
    assert_int_equal(mode_of("bin/run"), S_IFREG | 0755);
    assert_int_equal(mode_of("etc/conf"), S_IFREG | 0644);
    assert_int_equal(mode_of("etc/run") & S_IFMT, S_IFLNK);
    assert_int_equal(with(compare, NULL), SV_OK);
    (void) umask(mask);
}

static void zstd_of_an_archive_is_the_same_tree(void **state) { // [slot-30]
    (void) state;
    begin();
    small_tree();
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(TAR_ROOM);
    assert_int_equal(sv_compress(tar_text(&A), &packed), SV_OK);
    memcpy(A.at, packed.at, packed.len);
    A.len = packed.len;
    sv_sha256(tar_text(&A), A.digest);
    assert_int_equal(with(sv_tree_unpack, NULL), SV_OK);
    assert_int_equal(with(compare, NULL), SV_OK);
    A.len -= 3;
    refused(compare, SV_ERR_INVALID, "ends too early");
}

static void count_tick(void *arg) {
    (*(unsigned *) arg)++;
}

/// 48 MiB of zeros, in less than a piece of an archive: the watchdog hears of each piece of them,
/// and no flush is of more than some of them.
static void little_of_an_archive_may_be_much_of_a_tree(void **state) { // [slot-31] [updater-13]
    (void) state;
    enum { ZEROS = 48 * 1024 * 1024, LEAST = ZEROS / (1024 * 1024) };
    unsigned ticks[2] = { 0, 0 };
    begin();
    size_t header = tar_add(&A, '0', "zeros", 0644, "", SV_TEXT(""));
    (void) snprintf(A.at + header + 124, 12, "%011o", (unsigned) ZEROS);
    tar_sum(&A, header);
    SV_DEFER(sv_mem_drop) char *whole = sv_mem_new(ZEROS + 2048);
    memcpy(whole, A.at, 512);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(TAR_ROOM);
    assert_int_equal(sv_compress((sv_text){ .at = whole, .len = ZEROS + 512 + 1024 }, &packed),
                     SV_OK);
    assert_true(packed.len < 32768);
    memcpy(A.at, packed.at, packed.len);
    A.len = packed.len;
    sv_sha256(tar_text(&A), A.digest);
    const sv_image_bytes image = tar_image(&A);
    sv_tree_archive of = { .image = &image,
                           .digest = A.digest,
                           .bytes_max = ZEROS,
                           .tick = count_tick,
                           .tick_arg = &ticks[0] };
    SV_DEFER(sv_fd_drop) int folder = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(sv_tree_unpack(&of, folder, NULL), SV_OK);
    of.tick_arg = &ticks[1];
    assert_int_equal(sv_tree_compare(&of, folder, false, NULL), SV_OK);
    assert_true(ticks[0] >= ticks[1] + 3); // of flushes: one for 16 MiB or so, and one at the end
    assert_true(ticks[1] >= LEAST);
}

static void write_text(const char *name, const char *text) {
    FILE *file = fopen(in_folder(name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/// Every way in which a disk may have lost or changed something of it. [slot-31]
static void whatever_is_not_as_the_archive_says_is_found(void **state) {
    (void) state;
    const int ways = geteuid() == 0 ? 16 : 15; // to give a file away takes root
    for (int i = 0; i < ways; i++) {
        begin();
        small_tree();
        assert_int_equal(with(sv_tree_unpack, NULL), SV_OK);
        switch (i) {
        case 0:
            write_text("etc/conf", "a = 2\n");
            break;
        case 1:
            write_text("etc/conf", "a = 1\n\n");
            break;
        case 2:
            write_text("etc/conf", "");
            break;
        case 3:
            write_text("more", "");
            break;
        case 4:
            assert_int_equal(unlink(in_folder("empty")), 0);
            break;
        case 5:
            assert_int_equal(chmod(in_folder("bin/run"), 0644), 0);
            break;
        case 6:
            assert_int_equal(chmod(in_folder("etc"), 0777), 0);
            break;
        case 7:
            assert_int_equal(unlink(in_folder("etc/run")), 0);
            assert_int_equal(symlink("../bin/ru", in_folder("etc/run")), 0);
            break;
        case 8:
            assert_int_equal(unlink(in_folder("etc/run")), 0);
            write_text("etc/run", "../bin/run");
            break;
        case 9: // the same file, behind a link
            assert_int_equal(rename(in_folder("etc/conf"), OTHER), 0);
            assert_int_equal(symlink(OTHER, in_folder("etc/conf")), 0);
            break;
        case 10: // the same folder, behind a link
            assert_int_equal(rename(in_folder("etc"), OTHER), 0);
            assert_int_equal(symlink(OTHER, in_folder("etc")), 0);
            break;
        case 11:
            assert_int_equal(link(in_folder("empty"), OTHER), 0);
            break;
        case 12:
            assert_int_equal(unlink(in_folder("empty")), 0);
            assert_int_equal(mkfifo(in_folder("empty"), 0644), 0);
            break;
        case 13:
            assert_int_equal(chmod(in_folder("bin/run"), 04755), 0);
            break;
        case 15:
            assert_int_equal(chown(in_folder("etc/conf"), 1, 1), 0);
            break;
        default:
            assert_int_equal(mkdir(in_folder("bin/more"), 0755), 0);
            break;
        }
        assert_int_equal(with(compare, NULL), SV_ERR_UNTRUSTED);
        assert_int_equal(sv_disk_remove_tree(OTHER, NULL), SV_OK);
    }
}

static void an_archive_leads_nowhere_else(void **state) { // [slot-30]
    (void) state;
    for (int i = 0; i < 2; i++) {
        begin();
        assert_int_equal(mkdir(OTHER, 0755), 0);
        tar_folder(&A, "real");
        tar_link(&A, "link", "real");
        tar_file(&A, i == 0 ? "link/file" : "missing/file", "x");
        tar_close(&A);
        refused(sv_tree_unpack, SV_ERR_INVALID, "does not come before it");
        assert_int_equal(access(in_folder("real/file"), F_OK), -1);
        assert_int_equal(sv_disk_remove_tree(OTHER, NULL), SV_OK);
    }
    const char types[] = "0052"; // whatever is there twice
    for (size_t i = 0; i + 1 < sizeof types; i++) {
        begin();
        tar_link(&A, "it", "to");
        (void) tar_add(&A, types[i], "it", 0755, "to", SV_TEXT(""));
        tar_close(&A);
        refused(sv_tree_unpack, SV_ERR_INVALID, "'it' twice");
    }
}

static void another_archive_than_was_signed_is_said_at_its_end(void **state) { // [slot-30]
    (void) state;
    begin();
    small_tree();
    A.digest[7] ^= 1;
    refused(sv_tree_unpack, SV_ERR_UNTRUSTED, "not the one that was signed");
}

static void a_disk_that_is_full_is_no_fault_of_the_archive(void **state) { // [slot-30]
    (void) state;
    const struct rlimit small = { .rlim_cur = 3, .rlim_max = RLIM_INFINITY };
    struct rlimit before;
    begin();
    small_tree();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sv_err err = with(sv_tree_unpack, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, SV_ERR_NO_SPACE);
}

static int end(void **state) {
    (void) state;
    return sv_disk_remove_tree(FOLDER, NULL) == SV_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_unpacked_as_its_archive_says),
        cmocka_unit_test(zstd_of_an_archive_is_the_same_tree),
        cmocka_unit_test(little_of_an_archive_may_be_much_of_a_tree),
        cmocka_unit_test(whatever_is_not_as_the_archive_says_is_found),
        cmocka_unit_test(an_archive_leads_nowhere_else),
        cmocka_unit_test(another_archive_than_was_signed_is_said_at_its_end),
        cmocka_unit_test(a_disk_that_is_full_is_no_fault_of_the_archive),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
