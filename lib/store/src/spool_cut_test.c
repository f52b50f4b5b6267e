// What a power cut, a full disk or a damaged one costs.
#include "spool_bench.h"

#include <base/prng.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void a_full_disk_costs_nothing_while_the_memory_lasts(void **state) {
    (void) state;
    options.disk.write = disk_write;
    for (size_t bytes = 0; bytes < 500; bytes += 3) { // the write fails after so many
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        power_bytes = SIZE_MAX;
        add(s, READING, 1, 0, false);
        commit(s);
        add(s, READING, 2, 100, false);
        uint64_t token = add(s, READING, 3, 100, true);
        add(s, READING, 4, 100, false);
        power_bytes = bytes;
        sv_why why;
        int64_t retry_us = now.monotonic_us + options.every_us;
        if (sv_spool_commit(s, now, &why) != SV_OK) {
            assert_int_equal(why.code, SV_ERR_NO_SPACE);
            assert_true(sv_spool_due_us(s) == retry_us);
        }
        power_bytes = SIZE_MAX;
        commit(s);
        sv_spool_settle(s, token);
        take_is(s, READING, 1, true);
        take_is(s, READING, 2, true);
        take_is(s, READING, 4, true);
        take_is_over(s);
        assert_int_equal(files(".seg"), 0);
    }
}

static void a_full_disk_is_not_strewn_with_empty_files(void **state) {
    (void) state;
    options.disk.write = disk_write;
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    add(s, READING, 1, 0, false);
    for (unsigned i = 0; i < 3; i++) {
        power_bytes = 10;
        assert_int_equal(sv_spool_commit(s, now, NULL), SV_ERR_NO_SPACE);
        assert_int_equal(files(".seg"), 0);
    }
    take_is(s, READING, 1, true);
}

static volatile unsigned *committed; ///< shared with the processes that are ended

static void share_committed(void) {
    committed =
        // cppcheck-suppress invalidFunctionArg
        mmap(NULL, sizeof *committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(committed != MAP_FAILED);
}

static bool write_until_the_power_goes(int fd, sv_text content) {
    if (!disk_write(fd, content)) {
        _exit(1);
    }
    return true;
}

static void commit_three_groups(size_t bytes) {
    options.disk.write = write_until_the_power_goes;
    power_bytes = bytes;
    sv_spool *s = open_spool();
    for (unsigned i = 1; i <= 3; i++) {
        add(s, READING, 2 * i - 1, 60, false);
        add(s, READING, 2 * i, 60, false);
        commit(s);
        *committed = 2 * i;
    }
    _exit(0);
}

static void wherever_the_power_goes_what_was_committed_comes_back(void **state) {
    (void) state;
    share_committed();
    int status = 1;
    for (size_t bytes = 0; status != 0; bytes++) {
        *committed = 0;
        pid_t child = fork();
        if (child == 0) {
            commit_three_groups(bytes);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        for (unsigned i = 1; i <= *committed; i++) {
            take_is(s, READING, i, true);
        }
        sv_spool_record more;
        for (unsigned i = *committed + 1; sv_spool_take(s, &more, now); i++) {
            assert_int_equal(number_of(&more), i);
            sv_spool_settle(s, more.token);
        }
        take_is_over(s);
        sv_spool_drop(&s);
        empty_folder();
    }
    assert_int_equal(*committed, 6);
    (void) munmap((void *) (uintptr_t) committed, sizeof *committed);
}

static void a_file_cut_at_any_byte_gives_every_whole_record(void **state) {
    (void) state;
    char content[1024];
    size_t len = write_six(content);
    assert_int_equal(len % 6, 0);
    for (size_t cut = 0; cut <= len; cut++) {
        put_file(content, cut);
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        for (unsigned i = 1; i <= cut / (len / 6); i++) {
            take_is(s, READING, i, true);
        }
        take_is_over(s);
        assert_int_equal(files("1-0000000001.seg.") == 0, cut == 0 || cut >= len / 6);
        empty_folder();
    }
}

static void a_damaged_byte_costs_its_record_and_the_file_is_kept(void **state) {
    (void) state;
    char content[1024];
    size_t len = write_six(content);
    for (size_t at = 0; at < len - len / 6; at++) { // in the last record it is a torn end
        content[at] ^= 0x40;
        put_file(content, len);
        content[at] ^= 0x40;
        damages = 0;
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        for (unsigned i = 1; i <= 6; i++) {
            if (i != at / (len / 6) + 1) {
                take_is(s, READING, i, true);
            }
        }
        take_is_over(s);
        assert_int_equal(files(".seg.damaged-"), 1);
        assert_int_equal(files(".seg"), 1);
        assert_int_equal(damages, 1);
        empty_folder();
    }
}

static void damaged_files_are_kept_up_to_a_number(void **state) {
    (void) state;
    for (uint32_t i = 1; i <= SV_SPOOL_DAMAGED_MAX + 2; i++) {
        char path[128];
        path_of(READING, i, path);
        assert_int_equal(sv_disk_replace(path, SV_TEXT("no record at all"), 0600, NULL), SV_OK);
    }
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    add(s, READING, 1, 0, false);
    take_is(s, READING, 1, true);
    assert_int_equal(files(".seg.damaged-"), SV_SPOOL_DAMAGED_MAX);
    assert_int_equal(files(".seg"), SV_SPOOL_DAMAGED_MAX);
}

/// Adds, takes, settles and commits until it is killed; `committed` is told after each commit.
static void live(unsigned first, uint64_t seed) {
    sv_spool *s = open_spool();
    sv_prng prng = { .state = seed };
    for (unsigned i = first;; i++) {
        add(s, READING, i, 40 + sv_prng_next(&prng) % 400, false);
        if (sv_prng_next(&prng) % 8 == 0) {
            commit(s);
            *committed = i;
        }
    }
}

static void killed_again_and_again_it_loses_nothing_committed(void **state) {
    (void) state;
    options.bytes = INT64_C(1) << 30;
    share_committed();
    sv_prng prng = { .state = 7 };
    unsigned next = 1; // the first that must be there
    for (unsigned round = 0; round < 25; round++) {
        *committed = next - 1;
        pid_t child = fork();
        if (child == 0) {
            live(next, round);
        }
        (void) usleep(1000 + (unsigned) (sv_prng_next(&prng) % 20000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
        while (next <= *committed) {
            take_is(s, READING, next++, true);
        }
        sv_spool_record more;
        while (sv_spool_take(s, &more, now)) { // written, and killed before it could say so
            assert_int_equal(number_of(&more), next++);
            sv_spool_settle(s, more.token);
        }
    }
    assert_true(next > 100);
    assert_int_equal(damages, 0);
    (void) munmap((void *) (uintptr_t) committed, sizeof *committed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_full_disk_costs_nothing_while_the_memory_lasts),
        WITH_FOLDER(a_full_disk_is_not_strewn_with_empty_files),
        WITH_FOLDER(wherever_the_power_goes_what_was_committed_comes_back),
        WITH_FOLDER(a_file_cut_at_any_byte_gives_every_whole_record),
        WITH_FOLDER(a_damaged_byte_costs_its_record_and_the_file_is_kept),
        WITH_FOLDER(damaged_files_are_kept_up_to_a_number),
        WITH_FOLDER(killed_again_and_again_it_loses_nothing_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
