// Preloaded into a program: what each of its writes at a place (pwrite) is about to cover goes to
// the file SV_POWER_LOG first, and each flush is noted there. Whoever ends the program as a power
// cut would can then take back what was not flushed: tests/support/power.py. The file is opened
// before the program has locked itself up.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

/// What is written of each; of a write the bytes that were there follow.
typedef struct note {
    char what; ///< 'w' a write, 'f' a flush
    char unused[7];
    uint64_t file; ///< its inode
    uint64_t at, bytes;
} note;

static int out = -1;

#define REAL(name) ((typeof(&(name))) dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SV_POWER_LOG"); // NOLINT(concurrency-mt-unsafe)
    out = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

static void put(char what, int fd, off_t at, const void *bytes, size_t len) {
    static char room[sizeof(note) + PIECE];
    struct stat info;
    note head = { .what = what, .at = (uint64_t) at, .bytes = len };
    if (out >= 0 && fstat(fd, &info) == 0) {
        head.file = info.st_ino;
        memcpy(room, &head, sizeof head);
        memcpy(room + sizeof head, bytes, len);
        (void) !write(out, room, sizeof head + len);
    }
}

static void note_write(int fd, size_t len, off_t at) {
    static char before[PIECE];
    for (size_t done = 0; done < len;) {
        size_t part = len - done < PIECE ? len - done : PIECE;
        ssize_t got = pread(fd, before, part, at + (off_t) done);
        put('w', fd, at + (off_t) done, before, got > 0 ? (size_t) got : 0);
        done += part;
    }
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's own names are reserved.

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    note_write(fd, len, at);
    return REAL(pwrite)(fd, bytes, len, at);
}

int fsync(int fd) {
    int rc = REAL(fsync)(fd);
    put('f', fd, 0, "", 0);
    return rc;
}

int fdatasync(int fd) {
    int rc = REAL(fdatasync)(fd);
    put('f', fd, 0, "", 0);
    return rc;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
