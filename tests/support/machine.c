// A machine that misbehaves, to be preloaded into a program: a disk whose syncs take long, a wall
// clock that jumps, a kill -9 as soon as something is on disk, a time server that is there or not,
// hours that pass, a disk that takes nothing. What it does is read from the file SV_MACHINE (six
// 64-bit numbers: microseconds of each sync, microseconds added to the wall clock, not 0: the next
// sync is the last thing that the program does, 1 or 2: the kernel says that no time server has set
// the clock, or that one has, microseconds added to the uptime, and the errno with which files on
// the file system of SV_MACHINE_DISK take no byte and no sync any more, every other write after
// half of its bytes; 0: they do), which the test writes while the program runs.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

typedef struct machine {
    volatile int64_t sync_us, shift_us, ends, server, uptime_us, refusal;
} machine;

static machine honest;
static machine *here = &honest;
static bool has_disk;
static dev_t disk; ///< whose files are refused

__attribute__((constructor)) static void open_machine(void) {
    const char *path = getenv("SV_MACHINE");
    const char *refused = getenv("SV_MACHINE_DISK");
    struct stat info;
    has_disk = refused != NULL && stat(refused, &info) == 0;
    disk = has_disk ? info.st_dev : 0;
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    void *shared = mmap(NULL, sizeof *here, PROT_READ, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) {
        here = shared;
    }
    (void) close(fd);
}

static int take_time(void) {
    int64_t us = here->sync_us;
    const struct timespec pause = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    return nanosleep(&pause, NULL);
}

static int end_with(int result) {
    return here->ends == 0 ? result : raise(SIGKILL);
}

/// The errno that an access to this file ends with; 0: it does not.
static int refusal(int fd) {
    int64_t with = here->refusal;
    struct stat info;
    return with != 0 && has_disk && fstat(fd, &info) == 0 && info.st_dev == disk ? (int) with : 0;
}

static int fail_with(int number) {
    errno = number;
    return -1;
}

/// How much of a write gets through: all of it, half, or nothing.
static ssize_t passing(int fd, size_t bytes) {
    static unsigned calls;
    int number = refusal(fd);
    if (number == 0) {
        return (ssize_t) bytes;
    }
    return __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) % 2 == 0 && bytes > 1
               ? (ssize_t) bytes / 2
               : fail_with(number);
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's own names are reserved.
__attribute__((visibility("default"))) ssize_t write(int fd, const void *from, size_t bytes) {
    ssize_t some = passing(fd, bytes);
    return some < 0 ? some : syscall(SYS_write, fd, from, (size_t) some);
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *from, size_t bytes,
                                                      off_t at) {
    ssize_t some = passing(fd, bytes);
    return some < 0 ? some : syscall(SYS_pwrite64, fd, from, (size_t) some, at);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *from, size_t bytes,
                                                        off64_t at) {
    ssize_t some = passing(fd, bytes);
    return some < 0 ? some : syscall(SYS_pwrite64, fd, from, (size_t) some, at);
}

__attribute__((visibility("default"))) int fsync(int fd) {
    int number = refusal(fd);
    if (number != 0) {
        return fail_with(number);
    }
    (void) take_time();
    return end_with((int) syscall(SYS_fsync, fd));
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    int number = refusal(fd);
    if (number != 0) {
        return fail_with(number);
    }
    (void) take_time();
    return end_with((int) syscall(SYS_fdatasync, fd));
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int) syscall(SYS_clock_gettime, clock, at);
    int64_t more_us = clock == CLOCK_REALTIME   ? here->shift_us
                      : clock == CLOCK_BOOTTIME ? here->uptime_us
                                                : 0;
    if (result == 0 && more_us != 0) {
        int64_t us = more_us + at->tv_nsec / 1000;
        at->tv_sec += us / 1000000;
        at->tv_nsec = us % 1000000 * 1000;
        if (at->tv_nsec < 0) {
            at->tv_sec--;
            at->tv_nsec += 1000000000;
        }
    }
    return result;
}

__attribute__((visibility("default"))) time_t time(time_t *out) {
    struct timespec now = { .tv_sec = 0 };
    (void) clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict out,
                                                        void *restrict zone) {
    (void) zone;
    struct timespec now = { .tv_sec = 0 };
    int result = clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return result;
}

__attribute__((visibility("default"))) int adjtimex(struct timex *ask) {
    int state = (int) syscall(SYS_adjtimex, ask);
    return here->server == 0 ? state : here->server == 1 ? TIME_ERROR : TIME_OK;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
