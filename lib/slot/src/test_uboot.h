// For tests: U-Boot's environment as a file on a test medium, written by the real libubootenv. The
// library's calls come here because what a program defines goes before what its libraries find in
// the C library: open, read, write, lseek, fsync and close of one path are the medium's, so that
// each write and flush of the library is recorded, can fail, and can be the last one. And what a
// boot script does with the environment.
#ifndef SV_SLOT_TEST_UBOOT_H
#define SV_SLOT_TEST_UBOOT_H

#include "test_medium.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENV_BYTES = 1024, ENV_HEAD = 5, ENV_OPEN_MAX = 8, ENV_FIRST_FLAG = 250 };

static char ENV_FOLDER[64];
static char ENV_PATH[SV_PATH_MAX]; ///< an empty file: what is in it is on the medium
static char ENV_CONFIG[SV_PATH_MAX];
static medium *ENV_MEDIUM;

typedef struct env_open {
    bool used;
    int fd;
    uint64_t at;
} env_open;

static env_open ENV_OPEN[ENV_OPEN_MAX];

static inline env_open *env_of(int fd) {
    for (size_t i = 0; i < ENV_OPEN_MAX; i++) {
        if (ENV_OPEN[i].used && ENV_OPEN[i].fd == fd) {
            return &ENV_OPEN[i];
        }
    }
    return NULL;
}

static inline int env_file(void) {
    int file = platter_find(&ENV_MEDIUM->now, "env");
    assert_true(file >= 0);
    return file;
}

#define SV_INSTEAD_OF(name) __asm__(name) __attribute__((visibility("default"), used))

int instead_of_open(const char *path, int flags, ...) SV_INSTEAD_OF("open");
int instead_of_close(int fd) SV_INSTEAD_OF("close");
ssize_t instead_of_read(int fd, void *out, size_t len) SV_INSTEAD_OF("read");
ssize_t instead_of_write(int fd, const void *bytes, size_t len) SV_INSTEAD_OF("write");
off_t instead_of_lseek(int fd, off_t at, int whence) SV_INSTEAD_OF("lseek");
int instead_of_fsync(int fd) SV_INSTEAD_OF("fsync");

int instead_of_open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(more, int) : 0;
    va_end(more);
    int fd = (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    for (size_t i = 0; fd >= 0 && ENV_MEDIUM != NULL && strcmp(path, ENV_PATH) == 0; i++) {
        assert_true(i < ENV_OPEN_MAX);
        if (!ENV_OPEN[i].used) {
            ENV_OPEN[i] = (env_open){ .used = true, .fd = fd };
            break;
        }
    }
    return fd;
}

int instead_of_close(int fd) {
    env_open *env = env_of(fd);
    if (env != NULL) {
        env->used = false;
    }
    return (int) syscall(SYS_close, fd);
}

static inline ssize_t env_result(sv_err err, size_t len) {
    errno = err == SV_OK ? errno : err == SV_ERR_NO_SPACE ? ENOSPC : EIO;
    return err == SV_OK ? (ssize_t) len : -1;
}

ssize_t instead_of_read(int fd, void *out, size_t len) {
    env_open *env = env_of(fd);
    if (env == NULL) {
        return syscall(SYS_read, fd, out, len);
    }
    sv_err err = medium_read(ENV_MEDIUM, env_file(), env->at, out, len, NULL);
    env->at += err == SV_OK ? len : 0;
    return env_result(err, len);
}

ssize_t instead_of_write(int fd, const void *bytes, size_t len) {
    env_open *env = env_of(fd);
    if (env == NULL) {
        return syscall(SYS_write, fd, bytes, len);
    }
    sv_err err = medium_write(ENV_MEDIUM, env_file(), env->at, bytes, len, NULL);
    env->at += err == SV_OK ? len : 0;
    return env_result(err, len);
}

off_t instead_of_lseek(int fd, off_t at, int whence) {
    env_open *env = env_of(fd);
    if (env == NULL) {
        return syscall(SYS_lseek, fd, at, whence);
    }
    assert_int_equal(whence, SEEK_SET);
    env->at = (uint64_t) at;
    return at;
}

int instead_of_fsync(int fd) {
    if (env_of(fd) == NULL) {
        return (int) syscall(SYS_fsync, fd);
    }
    return (int) env_result(medium_sync(ENV_MEDIUM, env_file(), NULL), 0);
}

/// The folder with the configuration, which names two copies in one file.
static inline void env_make(void) {
    char text[3 * SV_PATH_MAX];
    (void) snprintf(ENV_FOLDER, sizeof ENV_FOLDER, "/tmp/selvedge-env-XXXXXX");
    assert_non_null(mkdtemp(ENV_FOLDER));
    assert_int_equal(sv_disk_join(ENV_PATH, sizeof ENV_PATH, ENV_FOLDER, "env"), SV_OK);
    assert_int_equal(sv_disk_join(ENV_CONFIG, sizeof ENV_CONFIG, ENV_FOLDER, "fw_env.config"),
                     SV_OK);
    (void) snprintf(text, sizeof text, "# two copies\n%s 0x0 0x%x\n%s 0x%x 0x%x\n", ENV_PATH,
                    ENV_BYTES, ENV_PATH, ENV_BYTES, ENV_BYTES);
    assert_int_equal(sv_disk_replace(ENV_PATH, SV_TEXT(""), 0600, NULL), SV_OK);
    assert_int_equal(sv_disk_replace(ENV_CONFIG, sv_text_of(text), 0600, NULL), SV_OK);
}

static inline void env_remove(void) {
    ENV_MEDIUM = NULL;
    assert_int_equal(sv_disk_remove_tree(ENV_FOLDER, NULL), SV_OK);
}

// ---- what U-Boot does ---------------------------------------------------------------------------

/// One copy: CRC-32, flag, NAME=VALUE, each with its NUL, and a NUL behind the last.
static inline void env_seal(uint8_t copy[ENV_BYTES]) {
    const sv_text words = { .at = (const char *) copy + ENV_HEAD, .len = ENV_BYTES - ENV_HEAD };
    sv_little_put(sv_crc32(words), 4, (char *) copy);
}

static inline bool env_is_whole(const uint8_t copy[ENV_BYTES]) {
    const sv_text words = { .at = (const char *) copy + ENV_HEAD, .len = ENV_BYTES - ENV_HEAD };
    return sv_little_get((const char *) copy, 4) == sv_crc32(words);
}

/// As it leaves the factory: two copies, the flag of the newer one before it begins anew, and
/// something long in the middle, so that what is ours lies in both of its sectors.
static inline void env_factory(platter *p) {
    platter_add(p, "env", (uint64_t) 2 * ENV_BYTES);
    uint8_t *data = p->files[p->made - 1].data;
    for (int i = 0; i < 2; i++) {
        uint8_t *copy = data + (size_t) i * ENV_BYTES;
        char *words = (char *) copy + ENV_HEAD;
        (void) snprintf(words, ENV_BYTES - ENV_HEAD, "bootargs=%0450d", 0);
        copy[4] = (uint8_t) (ENV_FIRST_FLAG - i);
        env_seal(copy);
    }
}

/// The copy that counts, 0 or 1; -1: none. A flag that began anew is the newer one.
static inline int env_newest(const medium *m) {
    const uint8_t *data = m->now.files[platter_find(&m->now, "env")].data;
    bool whole[2];
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *copy = data + (m->in_place ? 0 : i * ENV_BYTES);
        whole[i] = m->no_checksum || env_is_whole(copy);
    }
    if (!whole[0] || !whole[1]) {
        return whole[0] ? 0 : whole[1] ? 1 : -1;
    }
    uint8_t ahead = (uint8_t) (data[ENV_BYTES + 4] - data[4]);
    return !m->in_place && ahead != 0 && ahead < 128 ? 1 : 0;
}

typedef struct env_words {
    uint8_t copy[ENV_BYTES];
    int place; ///< of the copy that it was read from
} env_words;

static inline bool env_load(const medium *m, env_words *out) {
    *out = (env_words){ .place = env_newest(m) };
    if (out->place < 0) {
        return false;
    }
    memcpy(out->copy,
           m->now.files[platter_find(&m->now, "env")].data + (size_t) out->place * ENV_BYTES,
           ENV_BYTES);
    return true;
}

static inline char *env_find(env_words *env, const char *name) {
    size_t len = strlen(name);
    char *at = (char *) env->copy + ENV_HEAD;
    while (*at != '\0' && !(strncmp(at, name, len) == 0 && at[len] == '=')) {
        at += strlen(at) + 1;
    }
    return at;
}

static inline void env_get(env_words *env, const char *name, const char *absent, char out[16]) {
    const char *at = env_find(env, name);
    (void) snprintf(out, 16, "%s", *at != '\0' ? at + strlen(name) + 1 : absent);
}

static inline void env_set(env_words *env, const char *name, const char *value) {
    char *at = env_find(env, name);
    char *end = (char *) env->copy + ENV_BYTES;
    if (*at != '\0') {
        size_t gone = strlen(at) + 1;
        memmove(at, at + gone, (size_t) (end - at) - gone);
    }
    at = env_find(env, "");
    assert_true(at + strlen(name) + strlen(value) + 3 < end);
    at += snprintf(at, (size_t) (end - at), "%s=%s", name, value) + 1;
    memset(at, 0, (size_t) (end - at));
}

/// saveenv: into the other copy, and on the medium when it returns.
static inline sv_err env_save(medium *m, env_words *env, sv_why *why) {
    int file = platter_find(&m->now, "env");
    env->copy[4]++;
    env_seal(env->copy);
    SV_TRY(
        medium_write(m, file, (uint64_t) (1 - env->place) * ENV_BYTES, env->copy, ENV_BYTES, why));
    return medium_sync(m, file, why);
}

#endif
