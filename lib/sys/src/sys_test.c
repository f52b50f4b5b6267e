#include <base/test.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/loop.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/worker.h>
#include <unistd.h>

static void count(void *arg) {
    (*(int *) arg)++;
}

static void timers_run_once_or_again_until_stopped(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    int once = 0;
    int often = 0;
    sv_timer *first = sv_timer_new(loop, count, &once);
    sv_timer *second = sv_timer_new(loop, count, &often);
    sv_timer_once(first, 1000);
    sv_timer_every(second, 1000);
    int64_t end_us = sv_clock_monotonic_us() + 50000;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, 2000);
    }
    assert_int_equal(once, 1);
    assert_true(often > 5);
    assert_false(sv_timer_is_set(first));
    sv_timer_stop(second);
    int stopped_at = often;
    sv_loop_turn(loop, 10000);
    assert_int_equal(often, stopped_at);
    sv_timer_drop(&first);
    sv_timer_drop(&second);
}

static void a_signal_is_a_callback_on_the_loop(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    int seen = 0;
    assert_int_equal(sv_loop_on_signal(loop, SIGUSR1, count, &seen, NULL), SV_OK);
    (void) raise(SIGUSR1);
    for (int i = 0; i < 100 && seen == 0; i++) {
        sv_loop_turn(loop, 1000);
    }
    assert_int_equal(seen, 1);
}

typedef struct job {
    int number;
    int *ran;
    int *done;
} job;

static void run_job(void *arg) {
    job *mine = arg;
    assert_int_equal(*mine->ran, mine->number);
    (*mine->ran)++;
}

static void end_job(void *arg) {
    job *mine = arg;
    assert_int_equal(*mine->done, mine->number);
    (*mine->done)++;
}

static void note_end(void *arg) {
    (void) arg;
}

static void note_nice(void *arg) {
    *(int *) arg = getpriority(PRIO_PROCESS, 0);
}

static void a_nice_worker_gives_way_and_nobody_else_does(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    int before = getpriority(PRIO_PROCESS, 0);
    int there = -1;
    sv_worker *worker = NULL;
    assert_int_equal(sv_worker_open(loop, 2, &worker, NULL), SV_OK);
    sv_worker_nice(worker, 19);
    assert_int_equal(sv_worker_submit(worker, note_nice, note_end, &there), SV_OK);
    sv_worker_drop(&worker);
    assert_int_equal(there, 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}

static void a_worker_keeps_the_order_and_finishes_what_it_accepted(void **state) {
    (void) state;
    enum { JOBS = 64 };
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    sv_worker *worker = NULL;
    assert_int_equal(sv_worker_open(loop, JOBS, &worker, NULL), SV_OK);
    static job jobs[JOBS + 1];
    int ran = 0;
    int done = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (job){ .number = i, .ran = &ran, .done = &done };
        assert_int_equal(sv_worker_submit(worker, run_job, end_job, &jobs[i]), SV_OK);
    }
    assert_int_equal(sv_worker_submit(worker, run_job, end_job, &jobs[JOBS]), SV_ERR_NO_SPACE);
    sv_worker_drop(&worker);
    assert_int_equal(ran, JOBS);
    assert_int_equal(done, JOBS);
}

static void a_replaced_file_is_whole_and_has_its_mode(void **state) {
    (void) state;
    char folder[] = "/tmp/selvedge-disk-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, folder, "secret"), SV_OK);
    assert_int_equal(sv_disk_replace(path, SV_TEXT("one"), 0600, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(path, SV_TEXT("two"), 0600, NULL), SV_OK);
    assert_int_equal(sv_disk_append(path, SV_TEXT("+"), 0600, NULL), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf content = SV_TEXTBUF_HEAP(100);
    assert_int_equal(sv_disk_read(path, &content, NULL), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&content), "two+"));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    sv_why why = { 0 };
    char small[3];
    sv_textbuf tight = SV_TEXTBUF(small);
    assert_int_equal(sv_disk_read(path, &tight, &why), SV_ERR_NO_SPACE);
    assert_int_equal(sv_disk_replace("/tmp", SV_TEXT(""), 0600, &why), SV_ERR_IO);
    assert_string_equal(why.text, "cannot write '/tmp': it is no ordinary file");
    assert_int_equal(sv_disk_replace("/dev/full", SV_TEXT(""), 0600, &why), SV_ERR_IO);
    assert_int_equal(sv_disk_replace("/proc/selvedge/x", SV_TEXT(""), 0600, &why),
                     SV_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "/proc/selvedge/x"));
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_false(sv_disk_exists(folder));
}

static void a_draft_has_its_name_when_it_is_kept(void **state) {
    (void) state;
    char folder[] = "/tmp/selvedge-draft-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, folder, "file"), SV_OK);
    sv_disk_draft *draft = NULL;
    assert_int_equal(sv_disk_draft_open(path, 0644, &draft, NULL), SV_OK);
    assert_int_equal(sv_disk_draft_add(draft, SV_TEXT("one"), NULL), SV_OK);
    sv_disk_draft_drop(&draft);
    assert_int_equal(rmdir(folder), 0); // nothing is left of what was not kept
    assert_int_equal(sv_disk_make_folder(folder, 0700, NULL), SV_OK);
    assert_int_equal(sv_disk_draft_open(path, 0644, &draft, NULL), SV_OK);
    assert_int_equal(sv_disk_draft_add(draft, SV_TEXT("o"), NULL), SV_OK);
    assert_int_equal(sv_disk_draft_add(draft, SV_TEXT("ne"), NULL), SV_OK);
    assert_false(sv_disk_exists(path));
    assert_int_equal(sv_disk_draft_keep(draft, NULL), SV_OK);
    sv_disk_draft_drop(&draft);
    SV_DEFER(sv_textbuf_drop) sv_textbuf content = SV_TEXTBUF_HEAP(100);
    assert_int_equal(sv_disk_read(path, &content, NULL), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&content), "one"));
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
}

static void put_empty(const char *folder, const char *name) {
    char path[256];
    assert_int_equal(sv_disk_join(path, sizeof path, folder, name), SV_OK);
    assert_int_equal(sv_disk_replace(path, SV_TEXT(""), 0600, NULL), SV_OK);
}

static bool has(const char *folder, const char *name) {
    char path[256];
    return sv_disk_join(path, sizeof path, folder, name) == SV_OK && sv_disk_exists(path);
}

static void drafts_of_processes_that_are_no_more_are_cleared(void **state) {
    (void) state; // [repo-17]
    static const char *const GONE[] = { "a.999999999.new", "b.c.999999998.new" };
    static const char *const STAY[] = { "a",        "a.new",  ".1.new",
                                        "a.x1.new", "a..new", "a.99999999999.new",
                                        "a.1.new" }; // process 1 lives
    char folder[] = "/tmp/selvedge-drafts-XXXXXX";
    char own[64];
    assert_non_null(mkdtemp(folder));
    (void) snprintf(own, sizeof own, "a.%d.new", (int) getpid());
    for (size_t i = 0; i < SV_COUNT(STAY); i++) {
        put_empty(folder, STAY[i]);
    }
    for (size_t i = 0; i < SV_COUNT(GONE); i++) {
        put_empty(folder, GONE[i]);
    }
    put_empty(folder, own);
    assert_int_equal(sv_disk_clear_drafts(folder, "b", NULL), SV_OK);
    assert_true(has(folder, GONE[0]) && has(folder, GONE[1])); // the one is of b.c
    assert_int_equal(sv_disk_clear_drafts(folder, "b.c", NULL), SV_OK);
    assert_true(has(folder, GONE[0]) && !has(folder, GONE[1]));
    assert_int_equal(sv_disk_clear_drafts(folder, NULL, NULL), SV_OK);
    assert_false(has(folder, GONE[0]));
    assert_true(has(folder, own));
    for (size_t i = 0; i < SV_COUNT(STAY); i++) {
        assert_true(has(folder, STAY[i]));
    }
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_int_equal(sv_disk_clear_drafts(folder, NULL, NULL), SV_OK); // no folder, no drafts
}

static void removing_a_tree_follows_no_link(void **state) {
    (void) state;
    char folder[] = "/tmp/selvedge-tree-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char keep[SV_PATH_MAX];
    char inner[SV_PATH_MAX];
    char link[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(keep, sizeof keep, folder, "keep"), SV_OK);
    assert_int_equal(sv_disk_join(inner, sizeof inner, folder, "a/b/c"), SV_OK);
    assert_int_equal(sv_disk_join(link, sizeof link, folder, "a/link"), SV_OK);
    assert_int_equal(sv_disk_make_folder(inner, 0700, NULL), SV_OK);
    assert_int_equal(sv_disk_make_folder(keep, 0700, NULL), SV_OK);
    assert_int_equal(symlink(keep, link), 0);
    assert_int_equal(sv_disk_join(inner, sizeof inner, folder, "a"), SV_OK);
    assert_int_equal(sv_disk_remove_tree(inner, NULL), SV_OK);
    assert_false(sv_disk_exists(inner));
    assert_true(sv_disk_exists(keep));
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
}

static void a_lock_is_held_by_one(void **state) {
    (void) state;
    char path[] = "/tmp/selvedge-lock-XXXXXX";
    int made = mkstemp(path);
    assert_true(made >= 0);
    int first = -1;
    int second = -1;
    assert_int_equal(sv_disk_lock(path, &first, NULL), SV_OK);
    assert_int_equal(sv_disk_lock(path, &second, NULL), SV_ERR_STATE);
    (void) close(first);
    assert_int_equal(sv_disk_lock(path, &second, NULL), SV_OK);
    (void) close(second);
    (void) close(made);
    (void) unlink(path);
}

/// What one line of the log says after `msg=`.
static const char *logged(const char *message, char room[1024]) {
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    SV_LOG(error, "test.line", "%s", message);
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(before), 0);
    rewind(file);
    size_t len = fread(room, 1, 1023, file);
    room[len] = '\0';
    assert_int_equal(fclose(file), 0);
    const char *text = strstr(room, "msg=");
    assert_non_null(text);
    return text;
}

static void no_message_writes_lines_or_moves_the_cursor(void **state) {
    (void) state;
    static const struct {
        const char *message, *line;
    } CASES[] = {
        { "a\r\nb \"c\" \\", "msg=\"a\\x0d\\x0ab \\\"c\\\" \\\\\"\n" },
        { "\x1b[2J\x7f", "msg=\"\\x1b[2J\\x7f\"\n" },
        { "21.5 \u00b0C \u00e4 \u20ac \U0001f600",
          "msg=\"21.5 \u00b0C \u00e4 \u20ac \U0001f600\"\n" },
        { "\x9b"
          "2J",
          "msg=\"\\x9b2J\"\n" },
        { "\xc2\x9b"
          "2J",
          "msg=\"\\xc2\\x9b2J\"\n" },
        { "\xe2\x80\xaegnp.exe\xe2\x80\xac", "msg=\"\\xe2\\x80\\xaegnp.exe\\xe2\\x80\\xac\"\n" },
        { "\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\xa8",
          "msg=\"\\xe2\\x81\\xa6x\\xe2\\x81\\xa9\\xe2\\x80\\xa8\"\n" },
        { "cut \xe2\x82", "msg=\"cut \\xe2\\x82\"\n" },
        { "\xc0\xaf\xed\xa0\x80\xf8", "msg=\"\\xc0\\xaf\\xed\\xa0\\x80\\xf8\"\n" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[1024];
        assert_string_equal(logged(CASES[i].message, room), CASES[i].line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_message_writes_lines_or_moves_the_cursor),
        cmocka_unit_test(timers_run_once_or_again_until_stopped),
        cmocka_unit_test(a_signal_is_a_callback_on_the_loop),
        cmocka_unit_test(a_nice_worker_gives_way_and_nobody_else_does),
        cmocka_unit_test(a_worker_keeps_the_order_and_finishes_what_it_accepted),
        cmocka_unit_test(a_replaced_file_is_whole_and_has_its_mode),
        cmocka_unit_test(a_draft_has_its_name_when_it_is_kept),
        cmocka_unit_test(drafts_of_processes_that_are_no_more_are_cleared),
        cmocka_unit_test(removing_a_tree_follows_no_link),
        cmocka_unit_test(a_lock_is_held_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
