// An intruder, preloaded into a daemon: on SIGUSR2 the thread that gets it tries what whoever has
// taken over a parser would try, and writes one line per attempt to stderr: `probe THREAD NAME
// ERRNO` (0: it worked). SV_PROBE_READ and SV_PROBE_WRITE name files that are not the program's;
// the call that SV_PROBE_DEADLY names is made last. With SV_PROBE_OLD the kernel has no landlock.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *read_path, *write_path, *deadly;
static int old_kernel;

static int try_read(void) {
    return open(read_path, O_RDONLY | O_CLOEXEC);
}
static int try_write(void) {
    return open(write_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static int try_remove(void) {
    return unlink(read_path);
}
static int try_fork(void) {
    long child = syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0);
    if (child == 0) {
        _exit(0);
    }
    return (int) child;
}
static int try_netlink(void) {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}
static int try_packet(void) {
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}
static int try_raw(void) {
    return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}
static int try_connect(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
/// On whatever sockets there are: the filter looks at the call, not at the descriptor.
static int try_listen(void) {
    return listen(STDERR_FILENO, 1);
}
static int try_bind(void) {
    const struct sockaddr_in any = { .sin_family = AF_INET };
    return bind(STDERR_FILENO, (const struct sockaddr *) &any, sizeof any);
}
static int try_code(void) {
    // cppcheck-suppress invalidFunctionArg
    void *at = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}
static int try_kill(void) {
    return kill(getppid(), 0);
}

static const struct {
    const char *name;
    int (*attempt)(void);
} refused[] = {
    { "read", try_read },     { "write", try_write },   { "remove", try_remove },
    { "fork", try_fork },     { "raw", try_raw },       { "netlink", try_netlink },
    { "packet", try_packet }, { "listen", try_listen }, { "bind", try_bind },
    { "code", try_code },     { "kill", try_kill },     { "socket", try_connect },
};

static void try_deadly(void) {
    static char shell[] = "/bin/sh";
    static char *const none[] = { shell, NULL };
    if (strcmp(deadly, "execve") == 0) {
        (void) execve(shell, none, none + 1);
    } else if (strcmp(deadly, "ptrace") == 0) {
        (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    } else if (strcmp(deadly, "process_vm_readv") == 0) {
        (void) syscall(SYS_process_vm_readv, getppid(), 0L, 0L, 0L, 0L, 0L);
    } else if (strcmp(deadly, "mount") == 0) {
        (void) mount("none", "/mnt", "tmpfs", 0, NULL);
    } else if (strcmp(deadly, "finit_module") == 0) {
        (void) syscall(SYS_finit_module, -1, "", 0);
    } else if (strcmp(deadly, "bpf") == 0) {
        (void) syscall(SYS_bpf, 0L, 0L, 0L);
    } else if (strcmp(deadly, "keyctl") == 0) {
        (void) syscall(SYS_keyctl, 0, -1, 0, 0, 0);
    } else if (strcmp(deadly, "unshare") == 0) {
        (void) unshare(CLONE_NEWUSER);
    } else if (strcmp(deadly, "setuid") == 0) {
        (void) syscall(SYS_setuid, 12345);
    }
}

static void on_probe(int number) {
    (void) number;
    int before = errno;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        errno = 0;
        int result = refused[i].attempt();
        (void) dprintf(STDERR_FILENO, "probe %ld %s %d\n", (long) gettid(), refused[i].name,
                       result < 0 ? errno : 0);
    }
    if (deadly != NULL) {
        try_deadly();
        (void) dprintf(STDERR_FILENO, "probe %ld survived %s\n", (long) gettid(), deadly);
    }
    (void) dprintf(STDERR_FILENO, "probe %ld end\n", (long) gettid());
    errno = before;
}

__attribute__((constructor)) static void wait_for_signal(void) {
    // NOLINTBEGIN(concurrency-mt-unsafe): there are no threads yet.
    read_path = getenv("SV_PROBE_READ");
    write_path = getenv("SV_PROBE_WRITE");
    deadly = getenv("SV_PROBE_DEADLY");
    old_kernel = getenv("SV_PROBE_OLD") != NULL;
    // NOLINTEND(concurrency-mt-unsafe)
    if (read_path != NULL) {
        const struct sigaction action = { .sa_handler = on_probe, .sa_flags = SA_RESTART };
        (void) sigaction(SIGUSR2, &action, NULL);
    }
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's own names are reserved.
/// Threads that want to hear no signal hear this one.
__attribute__((visibility("default"))) int pthread_sigmask(int how, const sigset_t *set,
                                                           sigset_t *before) {
    sigset_t rest;
    if (set != NULL) {
        rest = *set;
        (void) sigdelset(&rest, SIGUSR2);
    }
    return sigprocmask(how, set != NULL ? &rest : NULL, before) == 0 ? 0 : errno;
}

__attribute__((visibility("default"))) long syscall(long number, ...) {
    static long (*real)(long, ...);
    long a[6];
    va_list args;
    va_start(args, number);
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) {
        a[i] = va_arg(args, long);
    }
    va_end(args);
    if (old_kernel && number == SYS_landlock_create_ruleset) {
        errno = ENOSYS;
        return -1;
    }
    if (real == NULL) {
        real = (long (*)(long, ...)) dlsym(RTLD_NEXT, "syscall");
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
