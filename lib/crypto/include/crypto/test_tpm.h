// For tests: a TPM of their own (swtpm), whose state is a folder. Its clients find it by
// SELVEDGE_TPM.
#ifndef SV_CRYPTO_TEST_TPM_H
#define SV_CRYPTO_TEST_TPM_H

#include <arpa/inet.h>
#include <base/fd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SV_TEST_TPM_WAIT_MS = 10000, SV_TEST_TPM_NAME_ROOM = 64 };

typedef struct sv_test_tpm {
    pid_t pid;
    char name[SV_TEST_TPM_NAME_ROOM]; ///< for SELVEDGE_TPM
    uint16_t port;                    ///< and the one after it
} sv_test_tpm;

/// False, with a line that says so, where the program is not installed.
static inline bool sv_test_has(const char *program) {
    bool has = access(program, X_OK) == 0;
    if (!has) {
        (void) fprintf(stderr, "skipped: %s is not installed\n", program);
    }
    return has;
}

static inline struct sockaddr_in sv_test_tpm_address(uint16_t port) {
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static inline bool sv_test_port_is_free(uint16_t port) {
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = sv_test_tpm_address(port);
    return bind(fd, (const struct sockaddr *) &at, sizeof at) == 0;
}

static inline bool sv_test_port_answers(uint16_t port) {
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = sv_test_tpm_address(port);
    return connect(fd, (const struct sockaddr *) &at, sizeof at) == 0;
}

/// Below the ports that the kernel gives out by itself, and by process, so that tests beside each
/// other do not meet.
static inline uint16_t sv_test_port_pair(void) {
    static unsigned tried;
    for (unsigned i = 0; i < 5000; i++) {
        unsigned at = 12000 + 2 * (((unsigned) getpid() * 7 + tried++) % 5000);
        if (sv_test_port_is_free((uint16_t) at) && sv_test_port_is_free((uint16_t) (at + 1))) {
            return (uint16_t) at;
        }
    }
    abort();
}

static inline _Noreturn void sv_test_tpm_exec(const char *folder, uint16_t port) {
    char state[256];
    char server[64];
    char control[64];
    (void) snprintf(state, sizeof state, "dir=%s", folder);
    (void) snprintf(server, sizeof server, "type=tcp,port=%u", (unsigned) port);
    (void) snprintf(control, sizeof control, "type=tcp,port=%u", (unsigned) port + 1);
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) execl("/usr/bin/swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
                 server, "--ctrl", control, "--flags", "not-need-init,startup-clear",
                 (char *) NULL);
    _exit(127);
}

/// Start it (again) with the state in `folder`; it is the TPM of this process from now on.
static inline void sv_test_tpm_start(sv_test_tpm *tpm, const char *folder) {
    if (tpm->port == 0) {
        tpm->port = sv_test_port_pair();
    }
    tpm->pid = fork();
    if (tpm->pid == 0) {
        sv_test_tpm_exec(folder, tpm->port);
    }
    (void) snprintf(tpm->name, sizeof tpm->name, "swtpm:host=127.0.0.1,port=%u",
                    (unsigned) tpm->port);
    (void) setenv("SELVEDGE_TPM", tpm->name, 1); // NOLINT(concurrency-mt-unsafe): one thread yet
    for (int waited = 0; !sv_test_port_answers((uint16_t) (tpm->port + 1)); waited += 10) {
        if (waited > SV_TEST_TPM_WAIT_MS || waitpid(tpm->pid, NULL, WNOHANG) != 0) {
            (void) fprintf(stderr, "swtpm does not start in '%s'\n", folder);
            abort();
        }
        (void) usleep(10000);
    }
}

static inline void sv_test_tpm_stop(sv_test_tpm *tpm) {
    if (tpm->pid > 0) {
        (void) kill(tpm->pid, SIGTERM);
        (void) waitpid(tpm->pid, NULL, 0);
        tpm->pid = 0;
    }
}

#endif
