#include "simulate_firmware.h"

#include "simulate_slots.h"

#include <base/fd.h>
#include <base/mem.h>
#include <codec/json.h>
#include <ddi/device.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEND_US = 200000, DOWN_US = 1500000, EXIT_REBOOT = 64, BACKLOG = 4 };

struct sim_firmware {
    sv_loop *loop;
    char *folder, *door, *id, *cert, *key;
    sv_tls *tls;
    bool has_agent;
    const sim_firmware_events *events;
    void *arg;
    char machine[SV_PATH_MAX]; ///< its folder
    char socket[SV_PATH_MAX], config[SV_PATH_MAX];
    char updater[SV_PATH_MAX]; ///< the program
    sim_image image;           ///< that runs
    unsigned slot;
    sv_ddi_device *device; ///< NULL: the machine is down
    int listener;
    sv_watch *called;
    pid_t process; ///< of the updater; 0: it does not run
    sv_timer *tend;
    int64_t start_us; ///< when it starts again; 0: it runs
};

sv_err sim_image_read(sv_text text, sim_image *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text version = { 0 };
    sv_text fails_on = { 0 };
    sim_image image = { 0 };
    SV_TRY(sv_json_parse(text, &root, NULL, why));
    (void) sv_json_text(sv_json_get(root, "fails_on"), &fails_on);
    if (!sv_json_text(sv_json_get(root, "version"), &version)
        || sv_text_copy(version, image.version, sizeof image.version) != SV_OK
        || sv_text_copy(fails_on, image.fails_on, sizeof image.fails_on) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the image says no version, or names no machine");
    }
    *out = image;
    return SV_OK;
}

static bool fails(const sim_firmware *firmware) {
    return strcmp(firmware->image.fails_on, firmware->id) == 0;
}

bool sim_firmware_is_ready(const char *folder) {
    char path[SV_PATH_MAX];
    return sv_disk_join(path, sizeof path, folder, SIM_FIRMWARE_DIRECTOR) == SV_OK
           && sv_disk_exists(path);
}

// ---- the updater --------------------------------------------------------------------------------

static void open_log(const sim_firmware *firmware) {
    char log[SV_PATH_MAX];
    if (sv_disk_join(log, sizeof log, firmware->machine, "updater.log") != SV_OK) {
        return;
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void) dup2(fd, STDERR_FILENO);
        (void) dup2(fd, STDOUT_FILENO);
    }
}

/// In the child; as systemd starts what a socket activates.
static _Noreturn void become_updater(const sim_firmware *firmware) {
    enum { FIRST_SOCKET = 3 };
    char pid[24];
    const char *slot = firmware->slot == 0 ? "a" : "b";
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_log(firmware);
    (void) snprintf(pid, sizeof pid, "%ld", (long) getpid());
    bool fits = firmware->listener == FIRST_SOCKET
                    ? fcntl(FIRST_SOCKET, F_SETFD, 0) == 0
                    : dup2(firmware->listener, FIRST_SOCKET) == FIRST_SOCKET;
    (void) close_range(FIRST_SOCKET + 1, ~0U, 0);
    if (fits && setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0) {
        (void) execl(firmware->updater, firmware->updater, "--config", firmware->config,
                     "--running", slot, (char *) NULL);
    }
    _exit(127);
}

static void on_called(void *arg) {
    sim_firmware *firmware = arg;
    pid_t child = fork();
    if (child == 0) {
        become_updater(firmware);
    }
    if (child > 0) {
        firmware->process = child;
        sv_watch_drop(&firmware->called); // whoever calls now calls the updater
    }
}

static void wait_for_call(sim_firmware *firmware) {
    if (firmware->called == NULL) {
        firmware->called =
            sv_watch_readable(firmware->loop, firmware->listener, on_called, firmware);
    }
}

static sv_err listen_for_calls(sim_firmware *firmware, sv_why *why) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    SV_TRY(sv_text_copy(sv_text_of(firmware->socket), address.sun_path, sizeof address.sun_path));
    (void) unlink(firmware->socket);
    firmware->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (firmware->listener < 0
        || bind(firmware->listener, (const struct sockaddr *) &address, sizeof address) != 0
        || listen(firmware->listener, BACKLOG) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot listen on '%s': %m", firmware->socket);
    }
    wait_for_call(firmware);
    return SV_OK;
}

// ---- a start of the machine ---------------------------------------------------------------------

/// Each start makes connection and agent anew: there is nothing from before it.
static void on_look(void *arg, int64_t since_us, sv_ddi_seen *out) {
    const sim_firmware *firmware = arg;
    (void) since_us;
    *out = (sv_ddi_seen){ .connected = firmware->events->is_connected(firmware->arg),
                          .critical = fails(firmware) ? "the spindle does not turn" : NULL,
                          .script_passed = true,
                          .script = "" };
}

static void on_said(void *arg, bool good, const char *event, const char *sentence) {
    const sim_firmware *firmware = arg;
    (void) good;
    (void) fprintf(stderr, "%s: %s: %s\n", firmware->id, event, sentence);
}

static sv_err start(sim_firmware *firmware, sv_why *why) {
    static const sv_ddi_device_events EVENTS = { .look = on_look, .said = on_said };
    SV_TRY(sim_slots_choose(firmware->machine, &firmware->slot, &firmware->image, why));
    SV_TRY(listen_for_calls(firmware, why));
    if (firmware->has_agent) {
        return SV_OK;
    }
    const sv_ddi_device_options options = { .id = firmware->id,
                                            .door = firmware->door,
                                            .socket = firmware->socket,
                                            .cert = firmware->cert,
                                            .key = firmware->key,
                                            .hold = "",
                                            .version = firmware->image.version,
                                            .client = "selvedge-simulate",
                                            .tls = firmware->tls,
                                            .poll_us = SV_TIME_MINUTE_US,
                                            .deadline_us = SIM_FIRMWARE_DEADLINE_US };
    return sv_ddi_device_open(firmware->loop, &options, &EVENTS, firmware, &firmware->device, why);
}

static void go_down(sim_firmware *firmware) {
    sv_ddi_device_drop(&firmware->device);
    sv_watch_drop(&firmware->called);
    sv_fd_drop(&firmware->listener);
    firmware->start_us = sv_clock_monotonic_us() + DOWN_US;
    if (!firmware->has_agent) {
        firmware->events->down(firmware->arg);
    }
}

static void start_again(sim_firmware *firmware) {
    sv_why why = { 0 };
    firmware->start_us = 0;
    if (start(firmware, &why) != SV_OK) {
        (void) fprintf(stderr, "%s: does not start: %s\n", firmware->id, why.text);
        return;
    }
    (void) fprintf(stderr, "%s: starts %s in slot %c\n", firmware->id, firmware->image.version,
                   firmware->slot == 0 ? 'a' : 'b');
    if (!firmware->has_agent) {
        firmware->events->up(firmware->arg);
    }
}

/// What became of the updater; one that has nothing to do any more is ended.
static void tend(void *arg) {
    sim_firmware *firmware = arg;
    int status = 0;
    if (firmware->start_us != 0 && sv_clock_monotonic_us() >= firmware->start_us) {
        start_again(firmware);
    }
    if (firmware->process == 0) {
        return;
    }
    if (waitpid(firmware->process, &status, WNOHANG) == firmware->process) {
        firmware->process = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REBOOT) {
            go_down(firmware);
        } else {
            wait_for_call(firmware);
        }
    } else if (firmware->device != NULL && sv_ddi_device_is_quiet(firmware->device)) {
        (void) kill(firmware->process, SIGTERM);
    }
}

// ---- its life -----------------------------------------------------------------------------------

static sv_err find_updater(char room[SV_PATH_MAX], sv_why *why) {
    char self[SV_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot tell where the programs are: %m");
    }
    *slash = '\0';
    return sv_disk_join(room, SV_PATH_MAX, self, "selvedge-updater");
}

static sv_err write_config(const sim_firmware *firmware, sv_why *why) {
    char room[8 * SV_PATH_MAX];
    sv_textbuf yaml = SV_TEXTBUF(room);
    sv_textbuf_addf(&yaml,
                    "id: %s\nproduct: " SIM_FIRMWARE_PRODUCT "\nhardware: " SIM_FIRMWARE_HARDWARE
                    "\nslots: %s\nstate: %s\n",
                    firmware->id, firmware->machine, firmware->machine);
    sv_textbuf_addf(&yaml,
                    "keys: [%s/" SIM_FIRMWARE_KEY "]\nimage_root: %s/" SIM_FIRMWARE_ROOT "\n",
                    firmware->folder, firmware->folder);
    sv_textbuf_addf(&yaml,
                    "director_root: %s/" SIM_FIRMWARE_DIRECTOR
                    "\nsocket: %s\nreboot: exit\ntrial_deadline: 1m\n",
                    firmware->folder, firmware->socket);
    SV_TRY(sv_textbuf_end(&yaml));
    return sv_disk_replace(firmware->config, sv_textbuf_text(&yaml), 0600, why);
}

static sv_err name_files(sim_firmware *firmware, sv_why *why) {
    char machines[SV_PATH_MAX];
    SV_TRY(sv_disk_join(machines, sizeof machines, firmware->folder, "machines"));
    SV_TRY(sv_disk_join(firmware->machine, SV_PATH_MAX, machines, firmware->id));
    SV_TRY(sv_disk_make_folder(firmware->machine, 0700, why));
    SV_TRY(sv_disk_join(firmware->socket, SV_PATH_MAX, firmware->machine, "sock"));
    SV_TRY(sv_disk_join(firmware->config, SV_PATH_MAX, firmware->machine, "updater.yaml"));
    return find_updater(firmware->updater, why);
}

static char *copy(const char *text) {
    return text == NULL ? NULL : sv_mem_copy_str(text, strlen(text));
}

sv_err sim_firmware_open(sv_loop *loop, const sim_firmware_setup *setup,
                         const sim_firmware_events *events, void *arg, sim_firmware **out,
                         sv_why *why) {
    SV_DEFER(sim_firmware_drop) sim_firmware *firmware = sv_mem_new(sizeof *firmware);
    *firmware = (sim_firmware){ .loop = loop,
                                .folder = copy(setup->folder),
                                .door = copy(setup->door),
                                .id = copy(setup->id),
                                .cert = copy(setup->cert),
                                .key = copy(setup->key),
                                .tls = setup->tls,
                                .has_agent = setup->has_agent,
                                .events = events,
                                .arg = arg,
                                .listener = -1 };
    firmware->tend = sv_timer_new(loop, tend, firmware);
    SV_TRY(name_files(firmware, why));
    SV_TRY(write_config(firmware, why));
    SV_TRY(sim_slots_prepare(firmware->machine, firmware->folder, why));
    SV_TRY(start(firmware, why));
    sv_timer_every(firmware->tend, TEND_US);
    *out = firmware;
    firmware = NULL;
    return SV_OK;
}

void sim_firmware_look(sim_firmware *firmware) {
    if (firmware->device != NULL) {
        sv_ddi_device_look(firmware->device);
    }
}

void sim_firmware_tell(const sim_firmware *firmware, sv_health *health) {
    if (firmware->device == NULL) {
        return;
    }
    (void) snprintf(health->metrics.firmware_version, sizeof health->metrics.firmware_version,
                    "%.31s", firmware->image.version);
    sv_ddi_device_tell(firmware->device, &health->metrics);
    if (fails(firmware) && health->alert_count < SV_COUNT(health->alerts)) {
        sv_health_alert *alert = &health->alerts[health->alert_count++];
        alert->level = SV_SEVERITY_CRITICAL;
        (void) sv_text_copy(SV_TEXT("The spindle does not turn"), alert->message,
                            sizeof alert->message);
    }
}

void sim_firmware_drop(sim_firmware **firmware) {
    sim_firmware *gone = *firmware;
    if (gone == NULL) {
        return;
    }
    *firmware = NULL;
    sv_ddi_device_drop(&gone->device);
    sv_watch_drop(&gone->called);
    sv_fd_drop(&gone->listener);
    sv_timer_drop(&gone->tend);
    if (gone->process > 0) {
        (void) kill(gone->process, SIGTERM);
        (void) waitpid(gone->process, NULL, 0);
    }
    free(gone->folder);
    free(gone->door);
    free(gone->id);
    free(gone->cert);
    free(gone->key);
    free(gone);
}
