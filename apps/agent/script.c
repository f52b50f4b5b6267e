#include "script.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/child.h>
#include <sys/clock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 64 * 1024 };

/// What the child says of a run.
typedef struct outcome {
    sv_err err;
    char why[SV_WHY_MAX];
} outcome;

struct sv_agent_script {
    int fd;
    pid_t child;
    sv_loop *loop;
    sv_watch *watch;
    sv_loop_fn *ended;
    void *arg;
    bool runs, passed;
    int64_t again_us; ///< not before
    int64_t began_us; ///< the run that runs, or the last one
    char word[SV_WHY_MAX];
};

static void run(const char *path, outcome *out) {
    const char *const argv[] = { path, NULL };
    SV_DEFER(sv_textbuf_drop) sv_textbuf said = SV_TEXTBUF_HEAP(OUTPUT_MAX);
    sv_why why = { 0 };
    *out = (outcome){ .err = sv_child_run(argv, SV_AGENT_SCRIPT_MS, &said, &why) };
    if (out->err != SV_OK) {
        memcpy(out->why, why.text, sizeof out->why);
    }
}

/// Until the agent is no more.
static _Noreturn void serve(const char *path, int fd) {
    char go = 0;
    (void) signal(SIGTERM, SIG_IGN); // the agent's end is the end: a service gets its signal whole
    (void) signal(SIGINT, SIG_IGN);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) prctl(PR_SET_NAME, "health-script");
    while (recv(fd, &go, sizeof go, 0) == (ssize_t) sizeof go) {
        outcome out;
        run(path, &out);
        if (send(fd, &out, sizeof out, MSG_NOSIGNAL) != (ssize_t) sizeof out) {
            break;
        }
    }
    _exit(0);
}

sv_err sv_agent_script_open(const char *path, sv_agent_script **out, sv_why *why) {
    int ends[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make a pair of sockets: %m");
    }
    pid_t child = fork();
    if (child == 0) {
        (void) close(ends[0]);
        serve(path, ends[1]);
    }
    (void) close(ends[1]);
    if (child < 0) {
        (void) close(ends[0]);
        return sv_fail(why, SV_ERR_IO, "cannot start the child that runs '%s': %m", path);
    }
    *out = sv_mem_new(sizeof **out);
    **out = (sv_agent_script){ .fd = ends[0], .child = child };
    return SV_OK;
}

static void on_outcome(void *arg) {
    sv_agent_script *script = arg;
    outcome out = { 0 };
    ssize_t got = recv(script->fd, &out, sizeof out, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    script->runs = false;
    script->again_us = sv_clock_monotonic_us() + SV_AGENT_SCRIPT_AGAIN_US;
    if (got != (ssize_t) sizeof out) {
        sv_watch_drop(&script->watch);
        (void) strcpy(script->word, "cannot be run: the child that runs it has ended");
    } else {
        script->passed = out.err == SV_OK;
        out.why[sizeof out.why - 1] = '\0';
        memcpy(script->word, out.why, sizeof script->word);
    }
    script->ended(script->arg);
}

void sv_agent_script_use(sv_agent_script *script, sv_loop *loop, sv_loop_fn *ended, void *arg) {
    script->loop = loop;
    script->ended = ended;
    script->arg = arg;
    script->watch = sv_watch_readable(loop, script->fd, on_outcome, script);
}

void sv_agent_script_run(sv_agent_script *script, int64_t since_us) {
    int64_t now_us = sv_clock_monotonic_us();
    bool has_passed = sv_agent_script_has_passed(script, since_us);
    if (script->runs || has_passed || now_us < script->again_us || script->watch == NULL) {
        return;
    }
    script->began_us = now_us;
    script->passed = false;
    script->runs = send(script->fd, "g", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

bool sv_agent_script_has_passed(const sv_agent_script *script, int64_t since_us) {
    return script->passed && script->began_us >= since_us;
}

const char *sv_agent_script_word(const sv_agent_script *script, int64_t since_us) {
    return script->began_us >= since_us ? script->word : "";
}

void sv_agent_script_drop(sv_agent_script **script) {
    sv_agent_script *gone = *script;
    if (gone == NULL) {
        return;
    }
    *script = NULL;
    sv_watch_drop(&gone->watch);
    sv_fd_drop(&gone->fd);
    // It ends by itself, a run at the latest; nobody waits for that.
    (void) waitpid(gone->child, NULL, WNOHANG);
    free(gone);
}
