#include <base/test.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sandbox.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/sv-box-XXXXXX";
static char inside[64], outside[64];

static int make(void **state) {
    (void) state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void) snprintf(inside, sizeof inside, "%s/in", folder);
    (void) snprintf(outside, sizeof outside, "%s/out", folder);
    return sv_disk_make_folder(inside, 0700, NULL) == SV_OK
                   && sv_disk_replace(outside, SV_TEXT("x"), 0600, NULL) == SV_OK
               ? 0
               : -1;
}

static int drop(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

enum { NOT_ENTERED = 200, NOT_CONFINED = 201 };

/// 0 or the errno of what was tried; -SIGSYS when the process died of it.
static int tried(int (*probe)(void), unsigned kinds) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static sv_sandbox box;
        box = (sv_sandbox){ .kinds = kinds, .secret = true };
        sv_sandbox_add(&box, inside, true);
        bool confined = false;
        if (sv_sandbox_enter(&box, &confined, NULL) != SV_OK) {
            _exit(NOT_ENTERED);
        }
        if (!confined && kinds == 0) {
            _exit(NOT_CONFINED);
        }
        errno = 0;
        _exit(probe() < 0 ? errno : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int read_outside(void) {
    return open(outside, O_RDONLY | O_CLOEXEC);
}
static int read_etc(void) {
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}
static int write_elsewhere(void) {
    return open("/tmp/sv-box-elsewhere", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static int write_inside(void) {
    char path[96], moved[96];
    (void) snprintf(path, sizeof path, "%s/a", inside);
    (void) snprintf(moved, sizeof moved, "%s/b", inside);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 && rename(path, moved) == 0
                   && unlink(moved) == 0
               ? 0
               : -1;
}
static int move_inside(void) {
    char path[96], below[96], moved[96];
    (void) snprintf(path, sizeof path, "%s/a", inside);
    (void) snprintf(below, sizeof below, "%s/folder", inside);
    (void) snprintf(moved, sizeof moved, "%s/folder/a", inside);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && mkdir(below, 0700) == 0 && rename(path, moved) == 0 && unlink(moved) == 0
               ? 0
               : -1;
}
static int make_socket(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
static int make_local_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
static int start_process(void) {
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child;
}
static int execute(void) {
    char name[] = "/bin/true";
    char *const arguments[] = { name, NULL };
    return execv(name, arguments);
}
static int trace(void) {
    return (int) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static int mount_something(void) {
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}
static int become_another(void) {
    return setuid(12345);
}

static int make_netlink(void) {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}
static int make_raw(void) {
    return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}
static int listen_anew(void) {
    int fd = make_socket();
    return fd < 0 ? -1 : listen(fd, 1);
}
static int take_a_port(void) {
    const struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = make_socket();
    return fd < 0 ? -1 : bind(fd, (const struct sockaddr *) &any, sizeof any);
}
static int new_users(void) {
    return unshare(CLONE_NEWUSER);
}
static int new_users_by_clone(void) {
    return (int) syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0L, 0L, 0L, 0);
}
static int ask_keys(void) {
    return (int) syscall(SYS_keyctl, 0, -1, 0, 0, 0);
}
static int load_program(void) {
    return (int) syscall(SYS_bpf, 0L, 0L, 0L);
}
static int load_module(void) {
    return (int) syscall(SYS_finit_module, -1, "", 0);
}
static int look_into_another(void) {
    return (int) syscall(SYS_process_vm_readv, getppid(), 0L, 0L, 0L, 0L, 0L);
}
static int end_another(void) {
    return kill(getppid(), 0);
}
static int end_another_by_thread(void) {
    return (int) syscall(SYS_tgkill, getppid(), getppid(), 0);
}
static int write_and_execute(void) {
    const int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    // cppcheck-suppress invalidFunctionArg
    void *at = mmap(NULL, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}
static int make_executable(void) {
    // cppcheck-suppress invalidFunctionArg
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? 0 : mprotect(at, 4096, PROT_READ | PROT_EXEC);
}
static int live_on(void) {
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    return sigaction(SIGSYS, &ignore, NULL);
}
static int execute_deafly(void) {
    sigset_t all;
    (void) sigfillset(&all);
    (void) sigprocmask(SIG_BLOCK, &all, NULL);
    return execute();
}

enum { ALL = SV_SANDBOX_PEERS | SV_SANDBOX_SOCKETS | SV_SANDBOX_THREADS | SV_SANDBOX_HANGUP };

// [signer-5] [sandbox-6]
static void only_what_is_listed_can_be_opened(void **state) {
    (void) state;
    int first = tried(write_inside, 0);
    assert_int_equal(tried(move_inside, 0), 0);
    if (first == NOT_CONFINED) {
        skip(); // a kernel without landlock
    }
    assert_int_equal(first, 0);
    assert_int_equal(tried(read_outside, ALL), EACCES);
    assert_int_equal(tried(read_etc, ALL), EACCES);
    assert_int_equal(tried(write_elsewhere, ALL), EACCES);
}

// [signer-5] [sandbox-3] [sandbox-4] [sandbox-5]
static void what_is_not_needed_is_refused(void **state) {
    (void) state;
    assert_int_equal(tried(make_socket, 0), EPERM);
    assert_int_equal(tried(make_local_socket, SV_SANDBOX_PEERS), EPERM);
    assert_int_equal(tried(make_local_socket, SV_SANDBOX_SOCKETS), 0);
    assert_int_equal(tried(make_socket, SV_SANDBOX_SOCKETS), 0);
    assert_int_equal(tried(make_netlink, ALL), EPERM);
    assert_int_equal(tried(make_raw, ALL), EPERM);
    assert_int_equal(tried(take_a_port, ALL), EPERM);
    assert_int_equal(tried(listen_anew, ALL), EPERM);
    assert_int_equal(tried(start_process, SV_SANDBOX_PEERS), EPERM);
    assert_int_equal(tried(start_process, ALL), EPERM);
    assert_int_equal(tried(end_another, ALL), EPERM);
    assert_int_equal(tried(end_another_by_thread, ALL), EPERM);
    assert_int_equal(tried(write_and_execute, ALL), EPERM);
    assert_int_equal(tried(make_executable, ALL), EPERM);
}

// [signer-5] [sandbox-2]
static void what_only_an_intruder_needs_ends_the_process(void **state) {
    (void) state;
    static int (*const DEADLY[])(void) = {
        execute,           trace,          mount_something,
        become_another,    new_users,      new_users_by_clone,
        ask_keys,          load_program,   load_module,
        look_into_another, execute_deafly, live_on,
    };
    for (size_t i = 0; i < SV_COUNT(DEADLY); i++) {
        assert_int_equal(tried(DEADLY[i], ALL), -SIGSYS);
    }
}

/// With a number that is none, so that the machine stays.
static int start_machine(void) {
    return (int) syscall(SYS_reboot, 0, 0, 0, NULL);
}
static int empty_cache(void) {
    return ioctl(-1, BLKFLSBUF, 0);
}

static void who_may_start_the_machine_says_so(void **state) { // [sandbox-12]
    (void) state;
    assert_int_equal(tried(start_machine, ALL), -SIGSYS);
    assert_int_equal(tried(empty_cache, ALL), EPERM);
    int start = tried(start_machine, SV_SANDBOX_MACHINE); // the kernel's own answer
    assert_true(start == EINVAL || start == EPERM);
    assert_int_equal(tried(empty_cache, SV_SANDBOX_MACHINE), EBADF);
}

static void what_ended_the_process_is_in_the_log(void **state) { // [sandbox-2]
    (void) state;
    int pipe_ends[2];
    char said[512] = "";
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    int own = dup(STDERR_FILENO);
    assert_int_equal(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(tried(execute, ALL), -SIGSYS);
    assert_int_equal(dup2(own, STDERR_FILENO), STDERR_FILENO);
    (void) close(own);
    (void) close(pipe_ends[1]);
    assert_true(read(pipe_ends[0], said, sizeof said - 1) > 0);
    (void) close(pipe_ends[0]);
    assert_non_null(strstr(said, "level=error"));
    assert_non_null(strstr(said, "event=sandbox.forbidden msg=\"execve was called"));
}

// ---- threads ------------------------------------------------------------------------------------

static pthread_barrier_t sealed;
static int thread_errno;

static void *try_in_thread(void *arg) {
    (void) arg;
    (void) pthread_barrier_wait(&sealed);
    // cppcheck-suppress leakReturnValNotUsed
    thread_errno = make_netlink() < 0 ? errno : 0;
    return NULL;
}

static void *do_nothing(void *arg) {
    return arg;
}

/// 0: the thread of before was refused its socket, and another one can be started still.
static int seal_over_a_thread(void) {
    static sv_sandbox box = { .kinds = ALL };
    pthread_t thread;
    pthread_t another;
    if (pthread_barrier_init(&sealed, NULL, 2) != 0
        || pthread_create(&thread, NULL, try_in_thread, NULL) != 0) {
        return 1;
    }
    if (sv_sandbox_files(&box, NULL) != SV_ERR_STATE) {
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sv_sandbox_calls(&box, NULL) != SV_OK) {
        return 3;
    }
    (void) pthread_barrier_wait(&sealed);
    (void) pthread_join(thread, NULL);
    if (thread_errno != EPERM) {
        return 4;
    }
    return pthread_create(&another, NULL, do_nothing, NULL) == 0 && pthread_join(another, NULL) == 0
               ? 0
               : 5;
}

static void threads_that_run_already_are_covered(void **state) { // [sandbox-1]
    (void) state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(seal_over_a_thread());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// ---- paths --------------------------------------------------------------------------------------

static bool has(const sv_sandbox *box, const char *path, bool writable) {
    for (size_t i = 0; i < box->path_count; i++) {
        if (strcmp(box->paths[i].path, path) == 0) {
            return box->paths[i].writable == writable;
        }
    }
    return false;
}

static void a_link_is_followed_to_the_folder_of_its_target(void **state) { // [sandbox-6]
    (void) state;
    static sv_sandbox box;
    char link_path[96];
    char real[PATH_MAX];
    (void) snprintf(link_path, sizeof link_path, "%s/link", inside);
    assert_int_equal(symlink(outside, link_path), 0);
    sv_sandbox_add_beside(&box, link_path, false);
    sv_sandbox_add_beside(&box, "plain", false);
    sv_sandbox_add_beside(&box, "/top", false);
    sv_sandbox_add_beside(&box, "", true);
    assert_non_null(realpath(folder, real));
    assert_true(has(&box, inside, false));
    assert_true(has(&box, real, false));
    assert_true(has(&box, ".", false));
    assert_true(has(&box, "/", false));
    assert_int_equal(box.path_count, 4);
    sv_sandbox_add_beside(&box, link_path, true);
    assert_true(has(&box, inside, true));
    assert_int_equal(box.path_count, 4);
    assert_int_equal(unlink(link_path), 0);
}

static void too_many_paths_enter_nothing(void **state) {
    (void) state;
    static sv_sandbox box;
    sv_why why = { 0 };
    for (int i = 0; i <= SV_SANDBOX_PATHS_MAX; i++) {
        char path[32];
        (void) snprintf(path, sizeof path, "/absent/%d", i);
        sv_sandbox_add(&box, path, false);
    }
    assert_int_equal(sv_sandbox_files(&box, &why), SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "more than 96"));
}

static void a_path_that_is_not_there_is_named(void **state) {
    (void) state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static sv_sandbox box;
        sv_sandbox_add(&box, "/absent/file", false);
        sv_why why = { 0 };
        bool confined = true;
        sv_err err = sv_sandbox_enter(&box, &confined, &why);
        _exit(err == SV_ERR_IO && strstr(why.text, "'/absent/file'") != NULL ? 0
              : err == SV_OK && !confined                                    ? 0
                                                                             : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_listed_can_be_opened),
        cmocka_unit_test(what_is_not_needed_is_refused),
        cmocka_unit_test(what_only_an_intruder_needs_ends_the_process),
        cmocka_unit_test(who_may_start_the_machine_says_so),
        cmocka_unit_test(what_ended_the_process_is_in_the_log),
        cmocka_unit_test(threads_that_run_already_are_covered),
        cmocka_unit_test(a_link_is_followed_to_the_folder_of_its_target),
        cmocka_unit_test(too_many_paths_enter_nothing),
        cmocka_unit_test(a_path_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
