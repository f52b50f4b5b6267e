#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/child.h>
#include <sys/clock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_BYTES = 1024, US_PER_MS = 1000 };

/// Its own process group, so that what it starts ends with it; signals as a program expects them.
static int spawn(const char *const *argv, int out_fd, pid_t *pid) {
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = { path, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    (void) sigemptyset(&none);
    (void) sigfillset(&all);
    (void) posix_spawn_file_actions_init(&files);
    (void) posix_spawnattr_init(&attributes);
    (void) posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void) posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
    (void) posix_spawnattr_setpgroup(&attributes, 0);
    (void) posix_spawnattr_setsigmask(&attributes, &none);
    (void) posix_spawnattr_setsigdefault(&attributes, &all);
    (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                                     | POSIX_SPAWN_SETSIGDEF);
    int number = posix_spawn(pid, argv[0], &files, &attributes, (char *const *) (uintptr_t) argv,
                             environment);
    (void) posix_spawnattr_destroy(&attributes);
    (void) posix_spawn_file_actions_destroy(&files);
    return number;
}

/// What is there to read now. False: there will be no more.
static bool read_some(int fd, sv_textbuf *out) {
    char bytes[READ_BYTES];
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got > 0) {
        sv_textbuf_add(out, (sv_text){ .at = bytes, .len = (size_t) got });
    }
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/// Until it has ended. False: it has not, in time.
static bool follow(int process, int out_fd, int deadline_ms, sv_textbuf *out) {
    int64_t until_us = sv_clock_monotonic_us() + (int64_t) deadline_ms * US_PER_MS;
    struct pollfd wait_for[2] = { { .fd = process, .events = POLLIN },
                                  { .fd = out_fd, .events = POLLIN } };
    for (;;) {
        int64_t left_ms = (until_us - sv_clock_monotonic_us()) / US_PER_MS;
        int ready = left_ms > 0 ? poll(wait_for, 2, (int) left_ms) : 0;
        if (ready == 0) {
            return false;
        }
        if (ready < 0) {
            continue; // a signal
        }
        bool ended = wait_for[0].revents != 0;
        if (wait_for[1].revents != 0 && !read_some(out_fd, out)) {
            wait_for[1].fd = -1;
        }
        if (ended) { // what it has written is in the pipe
            while (wait_for[1].fd >= 0 && poll(&wait_for[1], 1, 0) > 0 && read_some(out_fd, out)) {
            }
            return true;
        }
    }
}

static sv_err judge(const char *program, bool in_time, int deadline_ms, int status, sv_textbuf *out,
                    sv_why *why) {
    if (!in_time) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "'%.200s' did not end in %d ms and was killed",
                       program, deadline_ms);
    }
    if (!WIFEXITED(status)) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "'%.200s' was killed by signal %d", program,
                       WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return sv_fail(why, SV_ERR_STATE, "'%.200s' ended with %d", program, WEXITSTATUS(status));
    }
    return sv_textbuf_end(out) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "'%.200s' answers with too many bytes", program);
}

sv_err sv_child_run(const char *const *argv, int deadline_ms, sv_textbuf *out, sv_why *why) {
    int ends[2] = { -1, -1 };
    pid_t pid = -1;
    if (argv[0][0] != '/') {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is no absolute path of a program", argv[0]);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make a pipe: %m");
    }
    SV_DEFER(sv_fd_drop) int from = ends[0];
    SV_DEFER(sv_fd_drop) int to = ends[1];
    int number = spawn(argv, to, &pid);
    if (number != 0) {
        return sv_fail(why, number == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO,
                       "cannot run '%.200s': %s", argv[0], sv_errno_text(number));
    }
    sv_fd_drop(&to);
    SV_DEFER(sv_fd_drop) int process = (int) syscall(SYS_pidfd_open, pid, 0);
    bool in_time = process >= 0 && follow(process, from, deadline_ms, out);
    if (!in_time) {
        (void) kill(-pid, SIGKILL);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return judge(argv[0], in_time, deadline_ms, status, out, why);
}
