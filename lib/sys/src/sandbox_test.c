#include <base/test.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sandbox.h>
#include <sys/socket.h>
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
static int tried(int (*probe)(void), unsigned calls) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const sv_sandbox box = {
            .calls = calls, .paths = { { inside, true } }, .path_count = 1, .secret = true
        };
        bool confined = false;
        if (sv_sandbox_enter(&box, &confined, NULL) != SV_OK) {
            _exit(NOT_ENTERED);
        }
        if (!confined) {
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

// [signer-5]
static void what_is_forbidden_is_refused_or_ends_the_process(void **state) {
    (void) state;
    int first = tried(write_inside, 0);
    if (first == NOT_CONFINED) {
        skip(); // a kernel without landlock
    }
    assert_int_equal(first, 0);
    assert_int_equal(tried(read_outside, 0), EACCES);
    assert_int_equal(tried(read_etc, 0), EACCES);
    assert_int_equal(tried(write_elsewhere, 0), EACCES);
    assert_int_equal(tried(make_socket, 0), EPERM);
    assert_int_equal(tried(make_local_socket, SV_SANDBOX_PEERS), EPERM);
    assert_int_equal(tried(make_local_socket, SV_SANDBOX_SOCKETS), 0);
    assert_int_equal(tried(start_process, SV_SANDBOX_PEERS), EPERM);
    assert_int_equal(tried(execute, SV_SANDBOX_SOCKETS | SV_SANDBOX_PEERS), -SIGSYS);
    assert_int_equal(tried(trace, 0), -SIGSYS);
    assert_int_equal(tried(mount_something, 0), -SIGSYS);
    assert_int_equal(tried(become_another, 0), -SIGSYS);
}

static void a_path_that_is_not_there_is_named(void **state) {
    (void) state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const sv_sandbox box = { .paths = { { "/absent/file", false } }, .path_count = 1 };
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
        cmocka_unit_test(what_is_forbidden_is_refused_or_ends_the_process),
        cmocka_unit_test(a_path_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
