// What an updater needs on its machine: keys, roots, slots, what the boot loader remembers, room, a
// watchdog; and whether it answers. Nothing is written, and no watchdog is opened: to open one is
// to start it.
#include "doctor.h"

#include <base/fd.h>
#include <boot/key.h>
#include <errno.h>
#include <fcntl.h>
#include <slot/boot_control.h>
#include <slot/swupdate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <update/image.h>
#include <update/message.h>
#include <update/trust.h>

enum {
    ANSWER_S = 10,
    STATE_ROOM = 8 * 1024 * 1024, ///< metadata, journal, history
    MIB = 1024 * 1024,
};

// ---- keys and roots -----------------------------------------------------------------------------

static void judge_key(const char *path, const char *of, doctor_report *report) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_BOOT_KEY_TEXT_MAX);
    sv_boot_key key;
    sv_why why = { .text = "" };
    if (sv_disk_read(path, &text, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_KEYS, of,
                   "put the public half of the release engineer's boot key there: `jq -r "
                   ".keyval.public keys/public/boot.json`",
                   "%s", why.text);
    } else if (!sv_boot_key_read((const uint8_t *) text.at, text.len, &key)) {
        doctor_bad(report, DOCTOR_KEYS, of,
                   "have a boot key made (`selvedge update keys new boot --key ec`) and put its "
                   "public half there; nothing that is signed otherwise is started",
                   "'%s' is no public key of the curve P-256", path);
    } else {
        doctor_good(report, DOCTOR_KEYS, of, "boot headers by '%s' count", path);
    }
}

/// What it trusts since its first start lies in the state folder; the file that it began with need
/// not be there any more.
static bool is_kept(const doctor_updater *updater, const char *shelf, char room[SV_PATH_MAX]) {
    int len = snprintf(room, SV_PATH_MAX, "%s/%s.root.json", updater->state, shelf);
    return len > 0 && len < SV_PATH_MAX && access(room, F_OK) == 0;
}

static void judge_root(const doctor_updater *updater, const char *path, const char *shelf,
                       const char *remedy, const char *of, doctor_report *report) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    char kept[SV_PATH_MAX];
    sv_why why = { .text = "" };
    const char *file = is_kept(updater, shelf, kept) ? kept : path;
    sv_err err = sv_disk_read(file, &text, &why);
    if (err == SV_OK) {
        err = sv_trust_root_check(sv_textbuf_text(&text), &why);
    }
    if (err == SV_OK) {
        doctor_good(report, DOCTOR_ROOTS, of, "the %s's root is trusted, '%s'", shelf, file);
    } else {
        doctor_bad(report, DOCTOR_ROOTS, of, remedy, "the %s's root, '%s': %s", shelf, file,
                   why.text);
    }
}

static void judge_roots(const doctor_updater *updater, const char *of, doctor_report *report) {
    judge_root(updater, updater->image_root, "image",
               "put the release keys' root there: keys/root.json of `selvedge update keys init`, "
               "carried by hand",
               of, report);
    judge_root(updater, updater->director_root, "director",
               "put the director's root there: director-root.json beside the fleet server's "
               "database, or GET /api/v1/director/root",
               of, report);
}

// ---- slots that SWUpdate writes -----------------------------------------------------------------

/// Does its daemon answer, and does what runs say what it is? [doctor-10]
static void judge_swupdate(const doctor_updater *updater, const char *of, doctor_report *report) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_SWUPDATE_RELEASE_MAX);
    char version[SV_SWUPDATE_VERSION_ROOM] = "";
    static sv_swupdate_link link;
    sv_why why = { .text = "" };
    (void) snprintf(link.folder, sizeof link.folder, "%s", updater->sockets);
    if (sv_swupdate_probe(&link, &why) != SV_OK) {
        doctor_bad(
            report, DOCTOR_SLOTS, of,
            "start swupdate with TMPDIR at that folder, and -q for both selections; run this "
            "as root",
            "%s", why.text);
    } else {
        doctor_good(report, DOCTOR_SLOTS, of, "SWUpdate answers in '%s'", updater->sockets);
    }
    if (sv_disk_read(updater->release, &text, &why) == SV_OK) {
        sv_swupdate_version(sv_textbuf_text(&text), version);
    }
    if (version[0] == '\0') {
        doctor_bad(report, DOCTOR_SLOTS, of,
                   "have each image say its own version there, as it is signed; without it nobody "
                   "knows what runs, and no release proves itself",
                   "'%s' has no IMAGE_VERSION", updater->release);
    } else {
        doctor_good(report, DOCTOR_SLOTS, of, "what runs says that it is %s", version);
    }
}

// ---- the boot loader ----------------------------------------------------------------------------

static void say_boot(const sv_boot_state *state, bool damaged, const char *of,
                     doctor_report *report) {
    static const char *const NAMES[] = { "idle", "trial", "confirmed", "bad" };
    bool any = false;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        any = any || state->slots[i].state == SV_BOOT_SLOT_CONFIRMED;
    }
    if (damaged) {
        doctor_bad(report, DOCTOR_BOOT, of,
                   "look after the disk (`dmesg`); the next start judges the slots anew and "
                   "confirms what runs",
                   "both copies of boot-state are damaged");
        return;
    }
    doctor_good(report, DOCTOR_BOOT, of, "slot a is %s, slot b %s, release counter %u%s",
                state->slots[0].state < SV_COUNT(NAMES) ? NAMES[state->slots[0].state] : "bad",
                state->slots[1].state < SV_COUNT(NAMES) ? NAMES[state->slots[1].state] : "bad",
                state->counter, any ? "" : "; none is confirmed yet: what runs will be");
}

static void judge_boot_file(const doctor_updater *updater, const char *of, doctor_report *report) {
    sv_slot_folder *folder = NULL;
    sv_boot_state state = { .primary = 0 };
    bool damaged = false;
    sv_why why = { .text = "" };
    sv_err err = sv_slot_folder_open(updater->state, &folder, &why);
    if (err == SV_OK) {
        const sv_boot_file file = { .disk = sv_slot_folder_disk(folder) };
        err = sv_boot_file_read(&file, &state, &damaged, &why);
    }
    if (err == SV_ERR_NOT_FOUND) {
        doctor_skip(report, DOCTOR_BOOT, of, "nothing is remembered yet: %s", why.text);
    } else if (err != SV_OK) {
        doctor_bad(report, DOCTOR_BOOT, of,
                   "run this as root; the state folder is root's, and nobody else may write there",
                   "%s", why.text);
    } else {
        say_boot(&state, damaged, of, report);
    }
    sv_slot_folder_drop(&folder);
}

static void judge_boot_other(const doctor_updater *updater, const char *of, doctor_report *report) {
    bool is_script = updater->boot[0] != '\0';
    const char *path = is_script ? updater->boot : updater->uboot;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        doctor_bad(report, DOCTOR_BOOT, of,
                   is_script ? "name the boot loader's program, by its absolute path"
                             : "name the file that fw_setenv reads, usually /etc/fw_env.config",
                   "'%s': %s", path, errno != 0 ? sv_errno_text(errno) : "no plain file");
    } else if (is_script && access(path, X_OK) != 0) {
        doctor_bad(report, DOCTOR_BOOT, of, "chmod +x it", "'%s': %m", path);
    } else {
        doctor_good(report, DOCTOR_BOOT, of, "'%s' is asked which slot starts", path);
    }
}

// ---- room and watchdog --------------------------------------------------------------------------

static void judge_room(const doctor_updater *updater, uint64_t slot_bytes, const char *of,
                       doctor_report *report) {
    struct statvfs disk;
    uint64_t wanted = STATE_ROOM + 2 * sv_image_index_bytes(slot_bytes)
                      + (updater->is_swupdate ? (uint64_t) updater->room : 0); // the .swu
    if (statvfs(updater->state, &disk) != 0) {
        doctor_skip(report, DOCTOR_DISK, of, "'%s' is made at the first start", updater->state);
        return;
    }
    uint64_t free_bytes = (uint64_t) disk.f_bavail * disk.f_frsize;
    if ((disk.f_flag & ST_RDONLY) != 0) {
        doctor_bad(report, DOCTOR_DISK, of,
                   "put `state:` on a disk that both slots share and that "
                   "is mounted writable",
                   "the disk of '%s' is read-only", updater->state);
    } else if (free_bytes < wanted) {
        doctor_bad(report, DOCTOR_DISK, of,
                   "make room there: journal, metadata and the index of an image of a slot's size "
                   "have to fit",
                   "%llu MiB are free for '%s', and an update takes up to %llu",
                   (unsigned long long) (free_bytes / MIB), updater->state,
                   (unsigned long long) (wanted / MIB));
    } else {
        doctor_good(report, DOCTOR_DISK, of, "%llu MiB are free for '%s'",
                    (unsigned long long) (free_bytes / MIB), updater->state);
    }
}

static void judge_watchdog(const doctor_updater *updater, const char *of, doctor_report *report) {
    struct stat info;
    if (updater->watchdog[0] == '\0') {
        doctor_skip(report, DOCTOR_WATCHDOG, of,
                    "none is named: a release that hangs the machine waits for somebody to switch "
                    "it off and on");
    } else if (stat(updater->watchdog, &info) != 0) {
        doctor_bad(report, DOCTOR_WATCHDOG, of,
                   "load the board's watchdog driver (softdog where it has none), or remove "
                   "`watchdog:`",
                   "'%s': %m", updater->watchdog);
    } else if (!S_ISCHR(info.st_mode)) {
        doctor_bad(report, DOCTOR_WATCHDOG, of, "name the device, /dev/watchdog as a rule",
                   "'%s' is no device", updater->watchdog);
    } else {
        doctor_good(report, DOCTOR_WATCHDOG, of, "'%s' is there", updater->watchdog);
    }
}

void doctor_look_at_updater(const doctor_subject *subject, doctor_report *report) {
    const doctor_updater *updater = &subject->updater;
    for (size_t i = 0; i < updater->key_count; i++) {
        judge_key(updater->keys[i], subject->config, report);
    }
    judge_roots(updater, subject->config, report);
    uint64_t slot_bytes = doctor_look_at_slots(updater, subject->config, report);
    if (updater->is_swupdate) {
        judge_swupdate(updater, subject->config, report);
    }
    if (updater->is_rauc) {
        doctor_look_at_rauc(doctor_rauc_conf(), subject->config, report);
    } else if (updater->boot[0] != '\0' || updater->uboot[0] != '\0') {
        judge_boot_other(updater, subject->config, report);
    } else {
        judge_boot_file(updater, subject->config, report);
    }
    judge_room(updater, slot_bytes, subject->config, report);
    judge_watchdog(updater, subject->config, report);
    doctor_look_at_counter(updater, subject->config, report);
}

// ---- does it answer? ----------------------------------------------------------------------------

/// SV_OK with its status; SV_ERR_STATE: it hangs up, which it does on whoever may not ask.
static sv_err ask_status(const char *path, sv_updater_message *out, sv_why *why) {
    static uint8_t packet[SV_UPDATER_PACKET_MAX];
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct timeval patience = { .tv_sec = ANSWER_S };
    const sv_updater_message question = { .verb = SV_UPDATER_ASK, .number = 1 };
    SV_TRY(sv_text_copy(sv_text_of(path), at.sun_path, sizeof at.sun_path));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *) &at, sizeof at) != 0) {
        return sv_fail(why, errno == EACCES ? SV_ERR_STATE : SV_ERR_UNAVAILABLE, "%m");
    }
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    size_t bytes = sv_updater_write(&question, packet);
    ssize_t got = send(fd, packet, bytes, MSG_NOSIGNAL) == (ssize_t) bytes
                      ? recv(fd, packet, sizeof packet, 0)
                      : 0;
    if (got <= 0) {
        return sv_fail(why,
                       got == 0 || errno == EPIPE || errno == ECONNRESET ? SV_ERR_STATE
                                                                         : SV_ERR_UNAVAILABLE,
                       "it does not answer user %u", geteuid());
    }
    SV_TRY(sv_updater_read(packet, (size_t) got, out, why));
    return out->verb == SV_UPDATER_STATUS ? SV_OK
                                          : sv_fail(why, SV_ERR_UNAVAILABLE, "it says no status");
}

void doctor_ask_updater(const doctor_subject *subject, const char *path, doctor_report *report) {
    static sv_updater_message answer;
    sv_why why = { .text = "" };
    bool own = strcmp(subject->program, "selvedge-updater") == 0;
    sv_err err = ask_status(path, &answer, &why);
    const sv_updater_status *status = &answer.status;
    if (err == SV_ERR_STATE && own) {
        doctor_good(report, DOCTOR_SOCKET, subject->config,
                    "the updater listens at '%s'; how things are it tells its agent's user alone",
                    path);
    } else if (err != SV_OK) {
        doctor_bad(report, DOCTOR_SOCKET, subject->config,
                   err == SV_ERR_STATE
                       ? "let the updater's `allow_uid` name the agent's user and `socket_group` "
                         "its group; run this as that user"
                   : own ? "start selvedge-updater; where it ends at once its log says why"
                         : "start selvedge-updater, and let both configurations name the same "
                           "socket",
                   "the updater at '%s': %s", path, why.text);
    } else if (status->running >= SV_BOOT_SLOTS) {
        doctor_bad(report, DOCTOR_BOOT, subject->config,
                   own && subject->updater.is_files
                       ? "have `selvedge-updater --config FILE --choose` run at each start, before "
                         "the updater: selvedge-tree.service does it"
                       : "put selvedge.slot=a or b onto the kernel's command line of each slot, or "
                         "start the updater with --running",
                   "nobody says which slot runs: what is on trial can never prove itself");
    } else if (subject->id[0] != '\0' && strcmp(subject->id, status->id) != 0) {
        doctor_bad(report, DOCTOR_SOCKET, subject->config, "write the same id into both files",
                   "the updater is of '%s', and this is '%s'", status->id, subject->id);
    } else {
        doctor_good(report, DOCTOR_SOCKET, subject->config,
                    "the updater answers: %s %s in slot %c, the update is %s", status->product,
                    status->runs.known ? status->runs.version : "(nothing signed)",
                    status->running == 0 ? 'a' : 'b',
                    sv_trial_state_name((sv_trial_state) status->state));
    }
}
