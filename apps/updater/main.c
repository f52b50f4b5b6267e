// selvedge-updater: root, no network. Writes the slot that does not run, and nothing that the
// device's own keys have not signed.
#include "box.h"
#include "door.h"
#include "moment.h"
#include "start.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/daemon.h>
#include <sys/log.h>
#include <unistd.h>

enum { COMMAND_LINE_MAX = 64 * 1024, AGAIN_US = 900000 };

typedef struct program {
    updater_config config;
    updater_slots slots;
    updater u;
    machine_watchdog watchdog;
    door *door;
    tpm_watch tpm;
    unsigned running;
    bool gives_up; ///< the slots cannot be seen, and a release was to prove itself
} program;

static const char *running_text, *start_text;

static bool chooses;

static const sv_daemon_option OPTIONS[] = {
    { .name = "running", .text = &running_text },
    { .name = "choose", .flag = &chooses },
    { .name = "start", .text = &start_text },
};

static void list_keys(sv_textbuf *out) {
    sv_config_help(UPDATER_KEYS, out);
}

static const sv_daemon DAEMON = {
    .name = "selvedge-updater",
    .usage = "selvedge-updater --config FILE [--running a|b | --choose [--start NAME]]\n"
             "                        [--check-config]",
    .about = "Brings releases into this device's slots: judges what the agent fetches, writes the\n"
             "slot that does not run, reads it back, arms it, and goes back from what does not\n"
             "prove itself.",
    .own = "  --running a|b    the slot that runs; without it, selvedge.slot= of the kernel's\n"
           "                   command line\n"
           "  --choose         with 'installer: files', at every start before anything of a tree\n"
           "                   runs: make \"current\" lead to the tree that is to run, and end; "
           "once for\n"
           "                   a start, which is one of process 1\n"
           "  --start NAME     with --choose: which start this is, where process 1 stays\n",
    .notes =
        "With 'reboot: exit' the exit code 64 means: start it again through the boot loader.\n",
    .keys = list_keys,
    .options = OPTIONS,
    .option_count = SV_COUNT(OPTIONS),
};

static int read_config(const char *path, updater_config *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    sv_why why;
    if (sv_disk_read(path, &yaml, &why) != SV_OK) {
        return sv_daemon_fail(&DAEMON, SV_ERR_INVALID, &why);
    }
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    if (updater_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
        return SV_DAEMON_USAGE;
    }
    return SV_DAEMON_DONE;
}

/// Which slot runs; of trees, the link says it. [updater-12]
static sv_err find_running(const updater_config *config, unsigned *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf line = SV_TEXTBUF_HEAP(COMMAND_LINE_MAX);
    if (running_text != NULL) {
        *out = strcmp(running_text, "a") == 0   ? 0
               : strcmp(running_text, "b") == 0 ? 1
                                                : SV_BOOT_NO_SLOT;
        return *out < SV_BOOT_SLOTS
                   ? SV_OK
                   : sv_fail(why, SV_ERR_INVALID, "--running is a or b, not '%s'", running_text);
    }
    *out = config->installer != UPDATER_FILES && sv_disk_read("/proc/cmdline", &line, NULL) == SV_OK
               ? updater_running_slot(sv_textbuf_text(&line))
               : SV_BOOT_NO_SLOT;
    return SV_OK;
}

static void say_ready(const program *p) {
    const updater_seen *seen = &p->u.seen;
    const sv_trial *trial = &p->slots.engine.journal.trial;
    if (seen->running >= SV_BOOT_SLOTS) {
        SV_LOG(
            warn, "updater.running",
            "nobody says which slot runs: a release on trial cannot prove itself; see --running");
    }
    SV_LOG(info, "updater.ready", "%s, slot %s runs, the update is %s", p->config.id,
           sv_slot_letter(seen->running), sv_trial_state_name((sv_trial_state) trial->state));
}

static void tell_of_placing(void *arg, int percent, const char *says) {
    updater_tell_placing(arg, percent, says);
}

typedef sv_err attempt(program *p, sv_why *why);

/// What is needed to see the slots may be missing, or nonsense, because of the release that runs:
/// while one is to prove itself it is attempted for as long as that may take. Then the machine
/// starts, as often as the boot loader lets it. [updater-40]
static sv_err insist(program *p, attempt *what, sv_why *why) {
    const int64_t until_us = sv_clock_monotonic_us() + p->config.trial_deadline_us;
    for (;;) {
        sv_why fault = { 0 };
        sv_err err = what(p, &fault);
        bool waits = err != SV_OK && err != SV_ERR_STATE // another updater has the lock
                     && !(p->door != NULL && door_ends(p->door))
                     && updater_slots_await_proof(&p->slots);
        int64_t now_us = sv_clock_monotonic_us();
        p->gives_up = waits && now_us >= until_us;
        if (!waits || p->gives_up) {
            return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
        }
        SV_LOG(warn, "updater.waits", "%s; a release is to prove itself, and cannot without it",
               fault.text);
        machine_watchdog_ping(&p->watchdog, now_us);
        (void) usleep(AGAIN_US);
    }
}

static sv_err open_slots(program *p, sv_why *why) {
    updater_slots_drop(&p->slots);
    return updater_slots_open(&p->slots, &p->config, p->running, why);
}

static sv_err wake(program *p, sv_why *why) {
    door_tick(p->door); // also who wants it to end
    return updater_wake(&p->u, why);
}

/// A TPM that is not there yet. Without anybody who asks again it is only said. [updater-31]
static void wait_for_tpm(program *p) {
    sv_why why = { 0 };
    if (p->config.counter_index != 0 && p->slots.tpm_fault.code == SV_ERR_UNAVAILABLE
        && tpm_watch_start(&p->tpm, &why) != SV_OK) {
        SV_LOG(warn, "updater.counter", "%s", why.text);
    }
    p->u.tpm = &p->tpm;
}

static sv_err start(program *p, sv_why *why) {
    (void) signal(SIGPIPE, SIG_IGN); // of a TPM behind a program that has ended
    SV_TRY(find_running(&p->config, &p->running, why));
    machine_watchdog_open(p->config.watchdog, &p->watchdog);
    SV_TRY(insist(p, open_slots, why));
    SV_TRY(updater_take_roots(&p->config, p->slots.state, why));
    SV_TRY(moment_resume(p->slots.state, why));
    p->u = (updater){ .config = &p->config,
                      .state = p->slots.state,
                      .engine = &p->slots.engine,
                      .believed_us = sv_clock_believed_us,
                      .signed_us = moment_signed,
                      .rauc = p->slots.rauc_link,
                      .started_us = sv_clock_monotonic_us() };
    sv_random(&p->u.start, sizeof p->u.start);
    wait_for_tpm(p);
    SV_TRY(door_open(&p->u, &p->watchdog, &p->door, why));
    updater_slots_tick(&p->slots, door_tick, p->door);
    p->slots.watch.progress = tell_of_placing;
    p->slots.watch.progress_arg = &p->u;
    SV_TRY(updater_box_enter(&p->config, why));
    SV_TRY(insist(p, wake, why));
    updater_wait_for_health(&p->u, sv_clock_monotonic_us());
    say_ready(p);
    return SV_OK;
}

static void stop(program *p, bool starts_again) {
    sv_why why = { 0 };
    if (p->u.state != NULL && moment_keep(p->slots.state, &why) != SV_OK) {
        SV_LOG(warn, "updater.clock", "%s", why.text);
    }
    door_drop(&p->door);
    tpm_watch_drop(&p->tpm);
    updater_slots_drop(&p->slots);
    machine_watchdog_close(&p->watchdog, starts_again);
}

/// Once for a start. [updater-41]
static sv_err choose_tree(program *p, sv_why *why) {
    unsigned slot = SV_BOOT_NO_SLOT;
    char name[START_NAME_ROOM];
    if (p->config.installer != UPDATER_FILES) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--choose is for 'installer: files'; slots are chosen by the boot loader");
    }
    SV_TRY(start_name(start_text, name, why));
    SV_TRY(updater_slots_open(&p->slots, &p->config, SV_BOOT_NO_SLOT, why));
    SV_TRY(updater_box_enter(&p->config, why));
    SV_TRY(sv_files_current(&p->slots.files, &slot, why));
    if (slot < SV_BOOT_SLOTS && start_is_chosen(&p->config, name)) {
        SV_LOG(info, "updater.chosen", "tree-%s was chosen for this start already",
               sv_slot_letter(slot));
        return SV_OK;
    }
    SV_TRY(updater_slots_choose(&p->slots, &slot, why));
    SV_TRY(start_keep(&p->config, name, why));
    SV_LOG(info, "updater.chosen", "tree-%s is the one that runs", sv_slot_letter(slot));
    return SV_OK;
}

static int choose(program *p) {
    sv_why why = { 0 };
    sv_log_open(DAEMON.name, SV_LOG_info);
    sv_err err = choose_tree(p, &why);
    updater_slots_drop(&p->slots);
    return err == SV_OK ? SV_DAEMON_DONE : sv_daemon_fail(&DAEMON, err, &why);
}

static int run(program *p) {
    sv_log_open(DAEMON.name, SV_LOG_info);
    sv_why why = { 0 };
    sv_err err = start(p, &why);
    bool again = err == SV_OK ? door_serve(p->door) : p->gives_up;
    if (err == SV_OK && !again && sv_rauc_link_is_gone(p->slots.rauc_link)) {
        err =
            sv_fail(&why, SV_ERR_UNAVAILABLE,
                    "the connection to the system bus, and to RAUC, is gone; it takes a new start");
    }
    if (err == SV_OK && !again && tpm_watch_has_come(&p->tpm)) {
        err = sv_fail(&why, SV_ERR_UNAVAILABLE, "a TPM answers now; it takes a new start");
    }
    bool system = p->config.reboot == UPDATER_REBOOT_SYSTEM;
    if (p->gives_up) {
        SV_LOG(error, "updater.give_up", "%s: the machine starts again", why.text);
    } else if (err == SV_OK) {
        SV_LOG(info, "updater.stop", "%s", again ? "to start again" : "it is being stopped");
    }
    stop(p, again);
    if (err != SV_OK && !again) {
        return sv_daemon_fail(&DAEMON, err, &why);
    }
    if (again && system) {
        machine_reboot();
    }
    return again ? MACHINE_START_AGAIN : SV_DAEMON_DONE;
}

int main(int argc, char **argv) {
    sv_daemon_asked asked;
    sv_mem_frugal();
    int early = sv_daemon_read(&DAEMON, argc, argv, &asked);
    if (early >= 0) {
        return early;
    }
    static program p; // of zeros, which take no room in the file
    p.slots.lock = -1;
    p.slots.files.folder = -1;
    p.watchdog.fd = -1;
    p.tpm.fd = -1;
    int code = read_config(asked.config, &p.config);
    if (code != SV_DAEMON_DONE) {
        return code;
    }
    if (asked.check) {
        return sv_daemon_fine(asked.config);
    }
    code = chooses ? choose(&p) : run(&p);
    // Nothing that libraries do at exit is among the calls that are left.
    (void) fflush(NULL);
    _exit(code);
}
