#include <base/attr.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/sandbox.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)

/// Memory, time, descriptors that are open, and files (which landlock judges).
static const int always[] = {
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(close),
    CALL(close_range),
    CALL(lseek),
    CALL(fcntl),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(pipe2),
    CALL(eventfd2),
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(madvise),
    CALL(brk),
    CALL(mlock),
    CALL(munlock),
    CALL(mincore),
    CALL(futex),
    CALL(membarrier),
    CALL(rseq),
    CALL(set_robust_list),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(tgkill),
    CALL(getpid),
    CALL(gettid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(prlimit64),
    CALL(getrlimit),
    CALL(getrusage),
    CALL(sysinfo),
    CALL(uname),
    CALL(exit),
    CALL(exit_group),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(time),
    CALL(getrandom),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(pselect6),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(open),
    CALL(openat),
    CALL(stat),
    CALL(fstat),
    CALL(lstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(statfs),
    CALL(fstatfs),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getdents64),
    CALL(getcwd),
    CALL(umask),
    CALL(fsync),
    CALL(fdatasync),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(flock),
    CALL(fchmod),
    CALL(unlink),
    CALL(unlinkat),
    CALL(rename),
    CALL(renameat),
    CALL(renameat2),
    CALL(mkdir),
    CALL(mkdirat),
    CALL(fadvise64),
    CALL(sync_file_range),
};

static const int peers[] = {
    CALL(accept),      CALL(accept4),     CALL(recvfrom), CALL(recvmsg),    CALL(recvmmsg),
    CALL(sendto),      CALL(sendmsg),     CALL(sendmmsg), CALL(getsockopt), CALL(setsockopt),
    CALL(getsockname), CALL(getpeername), CALL(shutdown),
};

static const int sockets[] = { CALL(socket), CALL(socketpair), CALL(connect), CALL(bind),
                               CALL(listen) };

static const int threads[] = { CALL(clone), CALL(clone3), CALL(set_tid_address),
                               CALL(sched_setaffinity) };

/// Nobody of ours asks for these by mistake.
static const int deadly[] = {
    CALL(execve),
    CALL(execveat),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(setns),
    CALL(unshare),
    CALL(keyctl),
    CALL(add_key),
    CALL(request_key),
    CALL(userfaultfd),
    CALL(io_uring_setup),
    CALL(open_by_handle_at),
    CALL(setuid),
    CALL(setgid),
    CALL(setresuid),
    CALL(setresgid),
    CALL(reboot),
    CALL(swapon),
    CALL(iopl),
    CALL(ioperm),
};

static void release(scmp_filter_ctx *filter) {
    seccomp_release(*filter);
}

static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        // What this machine does not know nobody can call on it.
        int failed = seccomp_rule_add(filter, action, calls[i], 0);
        if (failed != 0 && failed != -EDOM) {
            return false;
        }
    }
    return true;
}

static sv_err confine_calls(unsigned calls, sv_why *why) {
    SV_DEFER(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool built = filter != NULL && add_all(filter, SCMP_ACT_ALLOW, always, SV_COUNT(always))
                 && add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, SV_COUNT(deadly))
                 && ((calls & SV_SANDBOX_PEERS) == 0
                     || add_all(filter, SCMP_ACT_ALLOW, peers, SV_COUNT(peers)))
                 && ((calls & SV_SANDBOX_SOCKETS) == 0
                     || add_all(filter, SCMP_ACT_ALLOW, sockets, SV_COUNT(sockets)))
                 && ((calls & SV_SANDBOX_THREADS) == 0
                     || add_all(filter, SCMP_ACT_ALLOW, threads, SV_COUNT(threads)));
    int failed = built ? seccomp_load(filter) : -EINVAL;
    if (failed != 0) {
        errno = -failed;
        return sv_fail(why, SV_ERR_IO, "the kernel takes no seccomp filter: %m");
    }
    return SV_OK;
}

// ---- files --------------------------------------------------------------------------------------

enum { TRUNCATE = 1 << 14 }; // newer than Debian 12's header

static const uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t read_all = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t write_file = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
static const uint64_t write_all = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE
                                  | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
                                  | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR
                                  | LANDLOCK_ACCESS_FS_MAKE_SOCK;

/// Everything that a kernel of this generation can forbid.
static uint64_t handled_by(long generation) {
    uint64_t first = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    return first | (generation >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0)
           | (generation >= 3 ? (uint64_t) TRUNCATE : 0);
}

static sv_err allow(int rules, const sv_sandbox_path *item, uint64_t handled, sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = open(item->path, O_PATH | O_CLOEXEC);
    struct stat info;
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

static sv_err confine_files(const sv_sandbox *box, bool *confined, sv_why *why) {
    long generation =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (generation < 1) {
        return SV_OK; // not built in, or switched off when the machine started
    }
    const struct landlock_ruleset_attr attr = { .handled_access_fs = handled_by(generation) };
    SV_DEFER(sv_fd_drop)
    int rules = (int) syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0) {
        return sv_fail(why, SV_ERR_IO, "the kernel takes no landlock rules: %m");
    }
    for (size_t i = 0; i < box->path_count; i++) {
        SV_TRY(allow(rules, &box->paths[i], attr.handled_access_fs, why));
    }
    if (syscall(SYS_landlock_restrict_self, rules, 0) != 0) {
        return sv_fail(why, SV_ERR_IO, "the kernel takes no landlock rules: %m");
    }
    *confined = true;
    return SV_OK;
}

sv_err sv_sandbox_enter(const sv_sandbox *box, bool *confined_out, sv_why *why) {
    bool confined = false;
    if ((box->secret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot give up rights: %m");
    }
    if (!box->every_path) {
        SV_TRY(confine_files(box, &confined, why));
    }
    SV_TRY(confine_calls(box->calls, why));
    if (confined_out != NULL) {
        *confined_out = confined;
    }
    return SV_OK;
}
