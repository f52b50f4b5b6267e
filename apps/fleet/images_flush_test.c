// What is told to be published is on the medium: bytes, indexes, metadata, and every folder on the
// way to them, flushed after the last that was done to it.
#include "images_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FLUSHED_MAX = 256, FILES_MAX = 64 };

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

// ---- what was flushed ---------------------------------------------------------------------------

static ino_t flushed[FLUSHED_MAX];
static size_t flushed_count;

static void note(int fd) {
    struct stat info;
    if (flushed_count < FLUSHED_MAX && fstat(fd, &info) == 0) {
        flushed[flushed_count++] = info.st_ino;
    }
}

int fsync(int fd) {
    note(fd);
    return (int) syscall(SYS_fsync, fd);
}

int fdatasync(int fildes) {
    note(fildes);
    return (int) syscall(SYS_fdatasync, fildes);
}

static bool is_flushed(ino_t number) {
    for (size_t i = 0; i < flushed_count; i++) {
        if (flushed[i] == number) {
            return true;
        }
    }
    return false;
}

// ---- what is there ------------------------------------------------------------------------------

static size_t files, missing;

static int look(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void) at;
    files += kind == FTW_F;
    if (!is_flushed(info->st_ino)) {
        missing++;
        (void) fprintf(stderr, "%s is told of, and not on the medium\n", path);
    }
    return 0;
}

static void is_on_the_medium(const fixture *f, const char *sub, const char *name, size_t wanted) {
    char path[SV_PATH_MAX];
    assert_int_equal(
        sv_images_path(sv_images_folder_of(f->fleet.images)->dir, sub, name, "", path, NULL),
        SV_OK);
    files = missing = 0;
    assert_int_equal(nftw(path, look, FILES_MAX, FTW_PHYS), 0);
    assert_int_equal(missing, 0);
    assert_int_equal(files, wanted);
}

// [images-5]
static void what_is_published_is_on_the_medium(void **state) {
    fixture *f = *state;
    SV_DEFER(repo_drop) repo *r = repo_new(true, 1);
    sv_images_progress progress;
    repo_stage_metadata(&f->fleet, r);
    repo_stage_bytes(&f->fleet, r);
    flushed_count = 0;
    assert_int_equal(sv_images_publish(&f->fleet, "ann", &progress, NULL), SV_OK);
    is_on_the_medium(f, "artifacts", "", 4); // two encodings and their indexes
    is_on_the_medium(f, "sets", "", 8);      // four documents, and who is trusted by them
}

// [images-7]
static void a_file_of_others_that_is_offered_is_on_the_medium(void **state) {
    fixture *f = *state;
    const sv_images_file file = { .part = { .sha256 = ABC, .name = "lathe.swu" },
                                  .product = "lathe",
                                  .version = "2.0" };
    char path[SV_IMAGE_PATH_ROOM];
    sv_images_progress progress;
    repo_put(&f->fleet, ABC, "lathe.swu", SV_TEXT("abc"));
    flushed_count = 0;
    assert_int_equal(sv_images_add_file(&f->fleet, &file, "ann", path, &progress, NULL), SV_OK);
    is_on_the_medium(f, "artifacts", "", 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_published_is_on_the_medium),
        TEST(a_file_of_others_that_is_offered_is_on_the_medium),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
