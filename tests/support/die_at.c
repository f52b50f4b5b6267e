// Preloaded into a program: it dies, as by `kill -9` (or ends with 137), just before the
// SV_DIE_AT-th change that it would make to the disk. A test that counts up meets every moment
// there is. With SV_FLIP, what is written to files whose name ends so is not what is on the disk
// afterwards; with SV_UNREAD, they cannot be read.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { DIED = 137 }; ///< as a shell says of one that was killed

static long left = -2; ///< -1: for ever

static void spend(void) {
    if (left == -2) {
        const char *text = getenv("SV_DIE_AT"); // NOLINT(concurrency-mt-unsafe)
        left = text != NULL ? strtol(text, NULL, 10) : -1;
    }
    if (left > 0 && --left == 0) {
        (void) kill(getpid(), SIGKILL);
        _exit(DIED); // a sandbox may forbid signals
    }
}

#define REAL(name) ((typeof(&(name))) dlsym(RTLD_NEXT, #name))

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's own names are reserved.

int rename(const char *from, const char *to) {
    spend();
    return REAL(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    spend();
    return REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to) {
    spend();
    return REAL(link)(from, to);
}

int unlink(const char *path) {
    spend();
    return REAL(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags) {
    spend();
    return REAL(unlinkat)(dir, path, flags);
}

int rmdir(const char *path) {
    spend();
    return REAL(rmdir)(path);
}

int mkdir(const char *path, mode_t mode) {
    spend();
    return REAL(mkdir)(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode) {
    spend();
    return REAL(mkdirat)(dir, path, mode);
}

int symlinkat(const char *to, int dir, const char *path) {
    spend();
    return REAL(symlinkat)(to, dir, path);
}

int syncfs(int fd) {
    spend();
    return REAL(syncfs)(fd);
}

int fsync(int fd) {
    spend();
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    spend();
    return REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t len) {
    spend();
    return REAL(ftruncate)(fd, len);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    spend();
    return REAL(renameat)(from_dir, from, to_dir, to);
}

/// Does the file's name end as this variable says?
static int is_named(int fd, const char *variable) {
    const char *wanted = getenv(variable); // NOLINT(concurrency-mt-unsafe)
    char link_name[64];
    char path[1024];
    (void) snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", fd);
    ssize_t len = wanted != NULL ? readlink(link_name, path, sizeof path - 1) : -1;
    if (len < 0 || (size_t) len < strlen(wanted)) {
        return 0;
    }
    path[len] = '\0';
    return strcmp(path + len - strlen(wanted), wanted) == 0;
}

/// One that makes a file is a change.
int openat(int dir, const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
        spend();
    }
    return REAL(openat)(dir, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    if (fd > 2) {
        spend();
    }
    if (fd > 2 && len > 1 && is_named(fd, "SV_FLIP")) {
        const unsigned char bent = (unsigned char) (*(const unsigned char *) bytes ^ 1);
        return REAL(write)(fd, &bent, 1);
    }
    return REAL(write)(fd, bytes, len);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at) {
    if (is_named(fd, "SV_UNREAD")) {
        errno = EIO;
        return -1;
    }
    return REAL(pread)(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    spend();
    if (len > 1 && is_named(fd, "SV_FLIP")) {
        const unsigned char bent = (unsigned char) (*(const unsigned char *) bytes ^ 1);
        return REAL(pwrite)(fd, &bent, 1, at);
    }
    return REAL(pwrite)(fd, bytes, len, at);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
