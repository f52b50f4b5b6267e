#include "sandbox_internal.h"

#include <base/attr.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Newer than Debian 12's header.
enum {
    TRUNCATE = 1 << 14,
    DEVICE_IOCTL = 1 << 15,
    SCOPE_ABSTRACT_SOCKETS = 1,
    SCOPE_SIGNALS = 2,
    WITH_REFER = 2,
    WITH_TRUNCATE = 3,
    WITH_DEVICE_IOCTL = 5,
    WITH_SCOPES = 6,
};

/// As the kernel has it now; an older one reads as much of it as it knows.
typedef struct ruleset {
    uint64_t files, net, scopes;
} ruleset;

static const uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t read_all = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t write_file = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
static const uint64_t write_all = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE
                                  | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
                                  | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR
                                  | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM
                                  | LANDLOCK_ACCESS_FS_REFER; // from one of its folders to another

/// Everything that a kernel of this generation can forbid.
static ruleset handled_by(long generation, unsigned kinds) {
    uint64_t first = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    uint64_t scopes =
        SCOPE_ABSTRACT_SOCKETS | ((kinds & SV_SANDBOX_HANGUP) == 0 ? (uint64_t) SCOPE_SIGNALS : 0);
    return (ruleset){
        .files = first | (generation >= WITH_REFER ? LANDLOCK_ACCESS_FS_REFER : 0)
                 | (generation >= WITH_TRUNCATE ? (uint64_t) TRUNCATE : 0)
                 | (generation >= WITH_DEVICE_IOCTL ? (uint64_t) DEVICE_IOCTL : 0),
        .scopes = generation >= WITH_SCOPES ? scopes : 0,
    };
}

static sv_err allow(int rules, const sv_sandbox_path *item, uint64_t handled, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(item->path, O_PATH | O_CLOEXEC);
    struct stat info;
    if (fd < 0 && item->optional && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
        return SV_OK;
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot open '%s': %m", item->path);
    }
    bool folder = S_ISDIR(info.st_mode);
    uint64_t rights = folder ? read_all : read_file;
    if (item->writable) {
        rights |= folder ? write_all : write_file;
    }
    struct landlock_path_beneath_attr rule = { .allowed_access = rights & handled,
                                               .parent_fd = fd };
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot confine '%s': %m", item->path);
    }
    return SV_OK;
}

sv_err sv_box_confine_files(const sv_sandbox *box, const char **state_out, sv_why *why) {
    long generation =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (generation < 1) {
        *state_out = errno == EOPNOTSUPP ? "files not confined: landlock is switched off here"
                                         : "files not confined: this kernel has no landlock";
        return SV_OK;
    }
    const ruleset attr = handled_by(generation, box->kinds);
    SV_DEFER(sv_fd_drop)
    int rules = (int) syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0) {
        return sv_fail(why, SV_ERR_IO, "the kernel takes no landlock rules: %m");
    }
    for (size_t i = 0; i < box->path_count; i++) {
        SV_TRY(allow(rules, &box->paths[i], attr.files, why));
    }
    if (SV_BOX_SANITIZED) {
        const sv_sandbox_path proc = { .path = "/proc", .optional = true };
        SV_TRY(allow(rules, &proc, attr.files, why));
    }
    if (syscall(SYS_landlock_restrict_self, rules, 0) != 0) {
        return sv_fail(why, SV_ERR_IO, "the kernel takes no landlock rules: %m");
    }
    *state_out = "files confined";
    return SV_OK;
}
