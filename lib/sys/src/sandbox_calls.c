#include "sandbox_internal.h"

#include <asm/ioctls.h>
#include <base/attr.h>
#include <errno.h>
#include <linux/fs.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/log.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/// A call by number, and by the name that the log says.
typedef struct call {
    int number;
    const char *name;
} call;

#define CALL(name)                                                                                 \
    { SCMP_SYS(name), #name }

/// Memory, time, descriptors that are open, and files (which landlock judges).
static const call always[] = {
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
    CALL(munmap),
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
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(getpid),
    CALL(gettid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
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
    CALL(symlink),
    CALL(symlinkat),
    CALL(fchown),
    CALL(setpriority),
    CALL(adjtimex),
    CALL(clock_adjtime),
    CALL(getcpu),
    CALL(msync),
};

static const call peers[] = {
    CALL(accept),      CALL(accept4),     CALL(recvfrom), CALL(recvmsg),    CALL(recvmmsg),
    CALL(sendto),      CALL(sendmsg),     CALL(sendmmsg), CALL(getsockopt), CALL(setsockopt),
    CALL(getsockname), CALL(getpeername), CALL(shutdown),
};

static const call threads[] = {
    CALL(set_tid_address),
    CALL(sched_setaffinity),
};

/// Nobody of ours asks for these by mistake.
static const call deadly[] = {
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
    CALL(clock_settime),
    CALL(settimeofday),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(setreuid),
    CALL(setregid),
    CALL(setgroups),
    CALL(setfsuid),
    CALL(setfsgid),
    CALL(capset),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(move_mount),
    CALL(open_tree),
    CALL(fsopen),
    CALL(fsmount),
    CALL(fsconfig),
    CALL(fspick),
    CALL(mount_setattr),
    CALL(swapoff),
    CALL(acct),
    CALL(syslog),
    CALL(quotactl),
    CALL(kcmp),
    CALL(pidfd_getfd),
    CALL(personality),
    CALL(process_madvise),
    CALL(move_pages),
    CALL(migrate_pages),
};

// ---- what is said before the process dies -------------------------------------------------------

/// The kernel sends the signal to whoever tried, so nothing else of this thread is under way. The
/// handler counts once (SA_RESETHAND) and cannot be exchanged (see confine_signals): what remains
/// is the default, which ends the process.
static void on_deadly(int number, siginfo_t *info, void *context) {
    (void) context;
    char message[96] = "a system call that only an intruder needs";
    sv_textbuf text = SV_TEXTBUF(message);
    for (size_t i = 0; i < SV_COUNT(deadly); i++) {
        if (deadly[i].number == info->si_syscall) {
            sv_textbuf_add_str(&text, deadly[i].name);
            sv_textbuf_add_str(&text, " was called, which the sandbox forbids; the process ends");
            (void) (sv_textbuf_end(&text) == SV_OK);
        }
    }
    sv_log_dying("sandbox.forbidden", message);
    (void) syscall(SYS_tgkill, getpid(), gettid(), number);
}

static sv_err catch_deadly(sv_why *why) {
    struct sigaction action = { .sa_sigaction = on_deadly,
                                // one bit of it is the sign of an int
                                .sa_flags = (int) (SA_SIGINFO | SA_RESETHAND | SA_NODEFER) };
    (void) sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot catch SIGSYS: %m");
}

// ---- rules --------------------------------------------------------------------------------------

// Each returns false when the filter cannot be built. What this machine does not know nobody can
// call on it (EDOM).

static bool put(scmp_filter_ctx filter, uint32_t action, int number, unsigned count,
                const struct scmp_arg_cmp *when) {
    int failed = seccomp_rule_add_array(filter, action, number, count, when);
    return failed == 0 || failed == -EDOM;
}

static bool put_all(scmp_filter_ctx filter, uint32_t action, const call *calls, size_t count) {
    bool built = true;
    for (size_t i = 0; built && i < count; i++) {
        built = put(filter, action, calls[i].number, 0, NULL);
    }
    return built;
}

/// Allowed while the bits `mask` of the argument are `value`.
static bool allow_bits(scmp_filter_ctx filter, int number, unsigned argument, uint64_t mask,
                       uint64_t value) {
    const struct scmp_arg_cmp when = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);
    return put(filter, SCMP_ACT_ALLOW, number, 1, &when);
}

static bool allow_when(scmp_filter_ctx filter, int number, unsigned argument, uint64_t value) {
    const struct scmp_arg_cmp when = SCMP_CMP64(argument, SCMP_CMP_EQ, value, 0);
    return put(filter, SCMP_ACT_ALLOW, number, 1, &when);
}

/// Nothing is ever writable and executable, and nothing becomes executable. [sandbox-5]
static bool confine_memory(scmp_filter_ctx filter) {
    enum { BOTH = PROT_WRITE | PROT_EXEC, PROTECTION = 2 };
    return allow_bits(filter, SCMP_SYS(mmap), PROTECTION, BOTH, 0)
           && allow_bits(filter, SCMP_SYS(mmap), PROTECTION, BOTH, PROT_WRITE)
           && allow_bits(filter, SCMP_SYS(mmap), PROTECTION, BOTH, PROT_EXEC)
           && allow_bits(filter, SCMP_SYS(mprotect), PROTECTION, PROT_EXEC, 0);
}

/// Signals to itself alone, and the handler of SIGSYS stays.
static bool confine_signals(scmp_filter_ctx filter) {
    const struct scmp_arg_cmp other = SCMP_CMP64(0, SCMP_CMP_NE, SIGSYS, 0);
    const struct scmp_arg_cmp ours = SCMP_CMP64(0, SCMP_CMP_EQ, SIGSYS, 0);
    return allow_when(filter, SCMP_SYS(tgkill), 0, (uint64_t) getpid())
           && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1, &other)
           && put(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(rt_sigaction), 1, &ours);
}

/// Calls that do many things: those of them that are needed.
static bool confine_mixed(scmp_filter_ctx filter) {
    return allow_when(filter, SCMP_SYS(ioctl), 1, FIONREAD)
           && allow_when(filter, SCMP_SYS(ioctl), 1, FIONBIO)
           && allow_when(filter, SCMP_SYS(ioctl), 1, TCGETS)
           && allow_when(filter, SCMP_SYS(prctl), 0, PR_SET_NAME)
           && allow_when(filter, SCMP_SYS(prlimit64), 0, 0);
}

static bool allow_socket(scmp_filter_ctx filter, int family, int type) {
    enum { TYPE_BITS = 0xf };
    const struct scmp_arg_cmp when[] = {
        SCMP_CMP64(0, SCMP_CMP_EQ, (uint64_t) family, 0),
        SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, TYPE_BITS, (uint64_t) type),
    };
    return put(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), SV_COUNT(when), when);
}

/// Sockets that go out; what listens is listening already. [sandbox-4]
static bool allow_sockets(scmp_filter_ctx filter) {
    static const int FAMILIES[] = { AF_UNIX, AF_INET, AF_INET6 };
    bool built = put(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0, NULL)
                 && allow_when(filter, SCMP_SYS(socketpair), 0, AF_UNIX)
                 && allow_socket(filter, AF_UNIX, SOCK_SEQPACKET);
    for (size_t i = 0; built && i < SV_COUNT(FAMILIES); i++) {
        built = allow_socket(filter, FAMILIES[i], SOCK_STREAM)
                && allow_socket(filter, FAMILIES[i], SOCK_DGRAM);
    }
    return built;
}

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER
                 | CLONE_NEWPID | CLONE_NEWNET
};

/// A thread of this process. What clone3 is asked stands in memory, where no filter looks: libc
/// takes clone when there is no clone3.
static bool allow_threads(scmp_filter_ctx filter) {
    return put_all(filter, SCMP_ACT_ALLOW, threads, SV_COUNT(threads))
           && put(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL)
           && allow_bits(filter, SCMP_SYS(clone), 0, (uint64_t) NAMESPACES | CLONE_THREAD,
                         CLONE_THREAD);
}

static bool forbid_namespaces(scmp_filter_ctx filter) {
    static const uint64_t EACH[] = { CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID };
    bool built = true;
    for (size_t i = 0; built && i < SV_COUNT(EACH); i++) {
        const struct scmp_arg_cmp when = SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, EACH[i], EACH[i]);
        built = put(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1, &when);
    }
    return built;
}

/// A build for tests looks for leaks when it ends: a second process that shares this one's memory
/// stops its threads. Beginning to be traced dies there too.
static bool allow_sanitizer(scmp_filter_ctx filter) {
    static const int REQUESTS[] = { PTRACE_ATTACH,  PTRACE_DETACH,    PTRACE_CONT,
                                    PTRACE_GETREGS, PTRACE_GETREGSET, PTRACE_KILL };
    bool built = allow_bits(filter, SCMP_SYS(clone), 0, (uint64_t) NAMESPACES | CLONE_VM, CLONE_VM)
                 && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(wait4), 0, NULL)
                 && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(getdents), 0, NULL)
                 && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, NULL);
    for (size_t i = 0; built && i < SV_COUNT(REQUESTS); i++) {
        built = allow_when(filter, SCMP_SYS(ptrace), 0, (uint64_t) REQUESTS[i]);
    }
    const struct scmp_arg_cmp traced = SCMP_CMP64(0, SCMP_CMP_EQ, PTRACE_TRACEME, 0);
    return built && put(filter, SCMP_ACT_TRAP, SCMP_SYS(ptrace), 1, &traced);
}

/// What a device's updater does to the machine.
static bool allow_machine(scmp_filter_ctx filter) {
    return put(filter, SCMP_ACT_ALLOW, SCMP_SYS(reboot), 0, NULL)
           && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(sync), 0, NULL)
           && put(filter, SCMP_ACT_ALLOW, SCMP_SYS(syncfs), 0, NULL)
           && allow_when(filter, SCMP_SYS(ioctl), 1, BLKFLSBUF);
}

static bool forbid_deadly(scmp_filter_ctx filter, unsigned kinds) {
    bool built = true;
    for (size_t i = 0; built && i < SV_COUNT(deadly); i++) {
        bool lenient =
            (SV_BOX_SANITIZED && deadly[i].number == SCMP_SYS(ptrace))
            || ((kinds & SV_SANDBOX_MACHINE) != 0 && deadly[i].number == SCMP_SYS(reboot));
        built = lenient || put(filter, SCMP_ACT_TRAP, deadly[i].number, 0, NULL);
    }
    return built;
}

static bool build(scmp_filter_ctx filter, unsigned kinds) {
    return seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0
           && seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0
           && put_all(filter, SCMP_ACT_ALLOW, always, SV_COUNT(always)) && confine_memory(filter)
           && confine_signals(filter) && confine_mixed(filter) && forbid_deadly(filter, kinds)
           && forbid_namespaces(filter) && (!SV_BOX_SANITIZED || allow_sanitizer(filter))
           && ((kinds & SV_SANDBOX_HANGUP) == 0 || allow_when(filter, SCMP_SYS(kill), 1, SIGHUP))
           && ((kinds & SV_SANDBOX_MACHINE) == 0 || allow_machine(filter))
           && ((kinds & SV_SANDBOX_PEERS) == 0
               || put_all(filter, SCMP_ACT_ALLOW, peers, SV_COUNT(peers)))
           && ((kinds & SV_SANDBOX_SOCKETS) == 0 || allow_sockets(filter))
           && ((kinds & SV_SANDBOX_THREADS) == 0 || allow_threads(filter));
}

static void release(scmp_filter_ctx *filter) {
    seccomp_release(*filter);
    // It took a quarter of a megabyte, once.
    (void) malloc_trim(0);
}

sv_err sv_box_confine_calls(unsigned kinds, sv_why *why) {
    SV_DEFER(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    SV_TRY(catch_deadly(why));
    int failed = filter != NULL && build(filter, kinds) ? seccomp_load(filter) : -EINVAL;
    if (failed != 0) {
        errno = -failed;
        return sv_fail(why, SV_ERR_IO, "the kernel takes no seccomp filter: %m");
    }
    return SV_OK;
}
