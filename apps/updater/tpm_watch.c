#include "tpm_watch.h"

#include "box.h"

#include <base/fd.h>
#include <crypto/tpm_counter.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PIPE_FD = STDERR_FILENO + 1 };

/// What the TPM's library says of each attempt is for nobody.
static void be_alone(int pipe_fd) {
    (void) setenv("TSS2_LOG", "all+none", 1);
    if (pipe_fd != PIPE_FD && dup2(pipe_fd, PIPE_FD) < 0) {
        _exit(1);
    }
    (void) close_range(PIPE_FD + 1, ~0U, 0);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (updater_box_drop_rights(1U << CAP_DAC_OVERRIDE, NULL)
        != SV_OK) { // the TPM's device is tss's
        _exit(1);
    }
}

/// The other end of the pipe is closed when the updater ends, however it does.
static bool has_ended(int wait_s) {
    struct pollfd fd = { .fd = PIPE_FD };
    return poll(&fd, 1, wait_s * 1000) != 0;
}

static void ask_until_it_answers(int pipe_fd) {
    be_alone(pipe_fd);
    for (int wait_s = TPM_WATCH_FIRST_S;;) {
        if (has_ended(wait_s)) {
            _exit(0);
        }
        if (sv_tpm_answers(NULL) == SV_OK) {
            _exit(write(PIPE_FD, "", 1) == 1 ? 0 : 1);
        }
        wait_s = wait_s * 2 < TPM_WATCH_LAST_S ? wait_s * 2 : TPM_WATCH_LAST_S;
    }
}

sv_err tpm_watch_start(tpm_watch *out, sv_why *why) {
    int ends[2] = { -1, -1 };
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make a pipe: %m");
    }
    SV_DEFER(sv_fd_drop) int ours = ends[0];
    SV_DEFER(sv_fd_drop) int theirs = ends[1];
    pid_t child = fork();
    if (child < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot begin to ask for the TPM: %m");
    }
    if (child == 0) {
        ask_until_it_answers(theirs);
    }
    out->fd = sv_fd_take(&ours);
    return SV_OK;
}

bool tpm_watch_has_come(const tpm_watch *watch) {
    struct pollfd fd = { .fd = watch->fd, .events = POLLIN };
    return watch->fd >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) != 0;
}

void tpm_watch_drop(tpm_watch *watch) {
    sv_fd_drop(&watch->fd);
    watch->fd = -1;
}
