#include "pilot_child.h"
#include "pilot.h"
#include <base/fd.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_MIN_US = 500000,
    PAUSE_MAX_US = 10 * 1000000,
    SETTLED_US = 20 * 1000000, ///< a child that lived so long starts again at once
    STOP_POLL_US = 10000,
    SMAPS_BYTES = 4096,
    LAST_WORDS_BYTES = 512,
};

sv_err pilot_child_define(pilot_child *child, const char *name, const char *log,
                          const char *const *args, sv_why *why) {
    *child = (pilot_child){ .wanted = true };
    size_t used = 0;
    size_t count = 0;
    for (; args[count] != NULL; count++) {
        size_t len = strlen(args[count]) + 1;
        if (count >= PILOT_ARGS_MAX || len > sizeof child->arg_room - used) {
            return sv_fail(why, SV_ERR_NO_SPACE, "the command line of %s is too long", name);
        }
        memcpy(child->arg_room + used, args[count], len);
        child->args[count] = child->arg_room + used;
        used += len;
    }
    SV_TRY(sv_text_copy(sv_text_of(name), child->name, sizeof child->name));
    return sv_text_copy(sv_text_of(log), child->log, sizeof child->log);
}

/// Between fork and exec: nothing here allocates.
static void become(const pilot_child *child, int log_fd, pid_t parent) {
    sigset_t none;
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    // Should the pilot be killed, its children end with it.
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(1);
    }
    // Ctrl-C reaches the pilot alone, which stops its children in order.
    (void) setpgid(0, 0);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void) dup2(null_fd, STDIN_FILENO);
    (void) dup2(log_fd, STDOUT_FILENO);
    (void) dup2(log_fd, STDERR_FILENO);
    (void) execv(child->args[0], child->args);
    _exit(127);
}

sv_err pilot_child_start(pilot_child *child, sv_why *why) {
    if (access(child->args[0], X_OK) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot run '%s': %m", child->args[0]);
    }
    SV_DEFER(sv_fd_drop)
    int log_fd = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot write the log '%s': %m", child->log);
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot start %s: %m", child->name);
    }
    if (pid == 0) {
        become(child, log_fd, parent);
    }
    child->pid = pid;
    child->started_us = sv_clock_monotonic_us();
    child->again_us = 0;
    child->wanted = true;
    return SV_OK;
}

/// True when it has ended; `status` as from waitpid.
static bool reap(pilot_child *child, int *status) {
    if (child->pid == 0 || waitpid(child->pid, status, WNOHANG) != child->pid) {
        return false;
    }
    child->pid = 0;
    return true;
}

void pilot_child_stop(pilot_child *child, int64_t patience_us) {
    child->wanted = false;
    child->again_us = 0;
    if (child->pid == 0) {
        return;
    }
    (void) kill(child->pid, SIGTERM);
    int64_t end_us = sv_clock_monotonic_us() + patience_us;
    int status = 0;
    while (!reap(child, &status)) {
        if (sv_clock_monotonic_us() > end_us) {
            (void) kill(child->pid, SIGKILL);
        }
        (void) usleep(STOP_POLL_US);
    }
}

/// The line of its log that says most about why it ended: the last one.
static sv_text last_line(char *words) {
    sv_text rest = sv_text_trim(sv_text_of(words));
    sv_text line = rest;
    while (rest.len > 0) {
        line = sv_text_cut(&rest, '\n');
    }
    return line;
}

static void say_ended(const pilot_child *child, int status) {
    if (WIFSIGNALED(status)) {
        pilot_say("%s was killed by signal %d (%s); starting it again", child->name,
                  WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        char words[LAST_WORDS_BYTES];
        pilot_child_last_words(child, words, sizeof words);
        pilot_say(
            "%s ended with exit code %d; starting it again. The last line of %s: " SV_TEXT_FMT,
            child->name, WEXITSTATUS(status), child->log, SV_TEXT_ARG(last_line(words)));
    }
}

static int64_t pause_of(const pilot_child *child, int64_t now_us) {
    if (now_us - child->started_us > SETTLED_US) {
        return PAUSE_MIN_US;
    }
    int64_t pause_us = PAUSE_MIN_US;
    for (int i = 0; i < child->restarts && pause_us < PAUSE_MAX_US; i++) {
        pause_us *= 2;
    }
    return pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
}

/// True when it has ended by itself; says so and sets when it starts again.
static bool notice_death(pilot_child *child, int64_t now_us) {
    int status = 0;
    if (!reap(child, &status) || !child->wanted) {
        return false;
    }
    if (child->finite && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        child->wanted = false;
        return true;
    }
    say_ended(child, status);
    child->again_us = now_us + pause_of(child, now_us);
    child->restarts++;
    return true;
}

bool pilot_child_tend(pilot_child *child, int64_t now_us) {
    bool changed = notice_death(child, now_us);
    if (child->again_us == 0 || now_us < child->again_us) {
        return changed;
    }
    sv_why why = { 0 };
    if (pilot_child_start(child, &why) != SV_OK) {
        pilot_say("%s", why.text);
        child->again_us = now_us + PAUSE_MAX_US;
        return changed;
    }
    return true;
}

int64_t pilot_child_pss(const pilot_child *child) {
    char path[64];
    char room[SMAPS_BYTES] = "";
    sv_textbuf smaps = SV_TEXTBUF(room);
    (void) snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int) child->pid);
    if (child->pid == 0 || sv_disk_read(path, &smaps, NULL) != SV_OK) {
        return 0;
    }
    const char *line = strstr(room, "\nPss:");
    return line == NULL ? 0 : strtoll(line + 5, NULL, 10) * 1024;
}

void pilot_child_last_words(const pilot_child *child, char *room, size_t room_bytes) {
    room[0] = '\0';
    SV_DEFER(sv_fd_drop) int fd = open(child->log, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    off_t size = lseek(fd, 0, SEEK_END);
    off_t wanted = (off_t) room_bytes - 1;
    ssize_t got = pread(fd, room, (size_t) wanted, size > wanted ? size - wanted : 0);
    room[got > 0 ? got : 0] = '\0';
}
