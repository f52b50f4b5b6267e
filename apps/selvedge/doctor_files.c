// What a program needs on its own machine: a configuration without faults, files it may read, a
// certificate that counts, a clock, room on the disk.
#include "doctor.h"

#include <base/fd.h>
#include <base/time.h>
#include <crypto/identity.h>
#include <crypto/key_store.h>
#include <crypto/pki.h>
#include <errno.h>
#include <fcntl.h>
#include <net/tls.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SAID_MAX = 4096,
    CHECK_MS = 20000,
    PROGRAM_ROOM = 64,
    ROOM_BYTES_MIN = 64 * 1024 * 1024,
    ROOM_PERCENT_MIN = 3,
    ENDS_SOON_DAYS = 3,
};

// ---- the program's own judgement ----------------------------------------------------------------

static void become(const doctor_subject *subject, int out) {
    char beside[SV_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", beside, sizeof beside - PROGRAM_ROOM);
    beside[len < 0 ? 0 : len] = '\0';
    char *slash = strrchr(beside, '/');
    char *const args[] = { strdup(subject->program), strdup("--check-config"), strdup("--config"),
                           strdup(subject->config), NULL };
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) {
        _exit(127);
    }
    if (slash != NULL) {
        (void) snprintf(slash + 1, PROGRAM_ROOM, "%s", subject->program);
        (void) execv(beside, args);
    }
    (void) execvp(subject->program, args);
    _exit(127);
}

/// What it says, of which the first SAID_MAX - 1 bytes are kept, until it ends or is too slow.
static void listen_to(int from, char said[SAID_MAX]) {
    char room[SAID_MAX];
    sv_textbuf kept = { .at = said, .cap = SAID_MAX };
    struct pollfd wait = { .fd = from, .events = POLLIN };
    while (poll(&wait, 1, CHECK_MS) > 0) {
        ssize_t got = read(from, room, sizeof room);
        if (got <= 0) {
            break;
        }
        size_t fits = SAID_MAX - 1 - kept.len;
        sv_textbuf_add(&kept, (sv_text){ room, (size_t) got < fits ? (size_t) got : fits });
    }
    said[kept.len] = '\0';
}

/// Its exit code; 127: it could not be started.
static int check_config(const doctor_subject *subject, char said[SAID_MAX]) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return 127;
    }
    pid_t child = fork();
    if (child == 0) {
        become(subject, ends[1]);
    }
    (void) close(ends[1]);
    listen_to(ends[0], said);
    (void) close(ends[0]);
    int status = 0;
    if (child < 0 || (kill(child, SIGKILL) != 0 && errno != ESRCH)
        || waitpid(child, &status, 0) != child) {
        return 127;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static void judge_config(const doctor_subject *subject, doctor_report *report) {
    char said[SAID_MAX] = "";
    int code = check_config(subject, said);
    sv_text rest = sv_text_of(said);
    sv_text first = sv_text_cut(&rest, '\n');
    if (code == 0) {
        doctor_good(report, DOCTOR_CONFIG, subject->config, "%s finds no faults", subject->program);
    } else if (code == 127) {
        doctor_skip(report, DOCTOR_CONFIG, subject->config,
                    "not judged: %s is neither beside this program nor in PATH", subject->program);
    } else {
        char remedy[DOCTOR_REMEDY_ROOM];
        (void) snprintf(remedy, sizeof remedy,
                        "mend the file; `%s --config FILE --check-config` lists every fault, "
                        "`--help` every key",
                        subject->program);
        doctor_bad(report, DOCTOR_CONFIG, subject->config, remedy, SV_TEXT_FMT, SV_TEXT_ARG(first));
    }
}

// ---- permissions --------------------------------------------------------------------------------

static void judge_missing(const doctor_file *file, const char *of, doctor_report *report) {
    if (errno == ENOENT && file->optional) {
        return;
    }
    bool absent = errno == ENOENT || errno == ENOTDIR;
    doctor_bad(report, DOCTOR_PERMISSION, of,
               absent ? "make it, or name the right one in the configuration"
                      : "run this as the program's own user, or as root: sudo selvedge doctor ...",
               "'%s': %m", file->path);
}

/// True when there is nothing to say against it.
static bool judge_file(const doctor_file *file, const char *of, doctor_report *report) {
    struct stat info;
    size_t bad = report->bad;
    if (stat(file->path, &info) != 0) {
        judge_missing(file, of, report);
        return report->bad == bad;
    }
    if (file->folder && access(file->path, W_OK | X_OK) != 0) {
        doctor_bad(report, DOCTOR_PERMISSION, of,
                   "give the folder to the program's user (chown, chmod u+rwx); run this as that "
                   "user",
                   "'%s' cannot be written in: %m (it belongs to user %u, mode %04o; this is user "
                   "%u)",
                   file->path, info.st_uid, info.st_mode & 07777, geteuid());
    } else if (!file->folder && access(file->path, R_OK) != 0) {
        doctor_bad(report, DOCTOR_PERMISSION, of,
                   "give the file to the program's user, or run this as that user or as root",
                   "'%s' cannot be read: %m (it belongs to user %u, mode %04o; this is user %u)",
                   file->path, info.st_uid, info.st_mode & 07777, geteuid());
    } else if (file->secret && (info.st_mode & 027) != 0) {
        doctor_bad(report, DOCTOR_PERMISSION, of, "chmod 600 it; if it was read, make a new one",
                   "'%s' is a secret that others may read or its group may write (mode %04o)",
                   file->path, info.st_mode & 07777);
    }
    return report->bad == bad;
}

static bool judge_permissions(const doctor_subject *subject, doctor_report *report) {
    bool good = true;
    for (size_t i = 0; i < subject->file_count; i++) {
        good = judge_file(&subject->files[i], subject->config, report) && good;
    }
    if (good) {
        doctor_good(report, DOCTOR_PERMISSION, subject->config,
                    "all %zu files and folders that it names can be used by user %u",
                    subject->file_count, geteuid());
    }
    return good;
}

// ---- certificate and clock ----------------------------------------------------------------------

static void put_time(int64_t at_us, char room[40]) {
    sv_textbuf text = { .at = room, .cap = 40 };
    sv_time_add(&text, at_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US);
    (void) (sv_textbuf_end(&text) == SV_OK);
}

static bool judge_clock(const doctor_subject *subject, const sv_validity *validity,
                        doctor_report *report) {
    char now[40];
    char begin[40];
    const sv_instant here = sv_clock_instant();
    put_time(here.wall_us, now);
    if (here.wall_us < SV_CLOCK_PAST_US || here.wall_us < validity->begin_us) {
        put_time(validity->begin_us > SV_CLOCK_PAST_US ? validity->begin_us : SV_CLOCK_PAST_US,
                 begin);
        doctor_bad(report, DOCTOR_CLOCK, subject->config,
                   "set the clock: run a time service (chrony, systemd-timesyncd) and let it reach "
                   "its server",
                   "this machine's clock says %s, which is before %s", now, begin);
        return false;
    }
    doctor_good(report, DOCTOR_CLOCK, subject->config, "%s%s", now,
                here.proven ? ", set by a time server" : "; no time server has set it");
    return true;
}

static bool judge_dates(const doctor_subject *subject, const sv_validity *validity,
                        doctor_report *report) {
    char end[40];
    int64_t left_us = validity->end_us - sv_clock_wall_us();
    put_time(validity->end_us, end);
    if (left_us <= 0) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "if this clock is right, have a new one: `selvedge device add ID` for a device, "
                   "`selvedge pki issue` for a server or gateway",
                   "'%s' has ended at %s", subject->cert, end);
        return false;
    }
    if (left_us < ENDS_SOON_DAYS * SV_TIME_DAY_US && !subject->renews) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "renew it, or remove `renew: off` so that the program does",
                   "'%s' ends at %s, and nobody renews it", subject->cert, end);
    }
    return true;
}

/// Whom it names, whether key and authority fit.
static bool judge_certificate(const doctor_subject *subject, doctor_report *report) {
    const sv_tls_files files = { .ca = subject->ca, .cert = subject->cert, .key = subject->key };
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    char cn[SV_ID_ROOM] = "";
    sv_identity who;
    sv_why why = { .text = "" };
    if (sv_tls_client(&files, &tls, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "certificate, key and `ca` must be files that were made for each other; have "
                   "them made again rather than mixed",
                   "%s", why.text);
        return false;
    }
    if (sv_pki_verify(subject->ca, subject->cert, &who, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "take `ca.crt` of the authority that issued it, or have it issued by this one",
                   "'%s': %s", subject->cert, why.text);
        return false;
    }
    if (sv_identity_cn_of_file(subject->cert, cn, &why) == SV_OK && subject->id[0] != '\0'
        && strcmp(cn, subject->id) != 0) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "write the certificate's name as `id:`, or have one issued for this id",
                   "'%s' is of '%s', and the configuration says id '%s'", subject->cert, cn,
                   subject->id);
        return false;
    }
    doctor_good(report, DOCTOR_CERTIFICATE, subject->config,
                "'%s' is of '%s', by an authority in "
                "'%s'",
                subject->cert, cn, subject->ca);
    return true;
}

static bool judge_identity(const doctor_subject *subject, bool readable, doctor_report *report) {
    sv_validity validity = { .end_us = INT64_MAX };
    sv_why why = { .text = "" };
    if (subject->cert[0] == '\0') {
        return judge_clock(subject, &validity, report);
    }
    if (!readable) {
        doctor_skip(report, DOCTOR_CERTIFICATE, subject->config,
                    "not judged: its files cannot be used");
        return false;
    }
    if (sv_validity_of_file(subject->cert, &validity, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_CERTIFICATE, subject->config,
                   "have a certificate issued, and name its PEM file in the configuration", "%s",
                   why.text);
        return false;
    }
    return judge_clock(subject, &validity, report) && judge_dates(subject, &validity, report)
           && judge_certificate(subject, report);
}

// ---- disk ---------------------------------------------------------------------------------------

/// The nearest folder above that is there.
static bool find_folder(const char *path, char room[SV_PATH_MAX]) {
    struct stat info;
    if (sv_text_copy(sv_text_of(path), room, SV_PATH_MAX) != SV_OK) {
        return false;
    }
    while (stat(room, &info) != 0) {
        char *slash = strrchr(room, '/');
        if (slash == NULL || slash == room) {
            return false;
        }
        *slash = '\0';
    }
    return true;
}

static void judge_disk(const char *path, const char *of, doctor_report *report) {
    char folder[SV_PATH_MAX];
    struct statvfs disk;
    if (!find_folder(path, folder) || statvfs(folder, &disk) != 0) {
        return;
    }
    uint64_t free_bytes = (uint64_t) disk.f_bavail * disk.f_frsize;
    uint64_t all_bytes = (uint64_t) disk.f_blocks * disk.f_frsize;
    double percent = all_bytes > 0 ? 100.0 * (double) free_bytes / (double) all_bytes : 100.0;
    double mib = (double) free_bytes / (1024.0 * 1024.0);
    if ((disk.f_flag & ST_RDONLY) != 0) {
        doctor_bad(report, DOCTOR_DISK, of, "mount it writable; `dmesg` says whether it fails",
                   "the disk of '%s' is read-only", path);
    } else if (free_bytes < ROOM_BYTES_MIN || percent < ROOM_PERCENT_MIN) {
        doctor_bad(report, DOCTOR_DISK, of,
                   "make room, or lower the bounds under `store:` or `spool:`; `du -x -d1` shows "
                   "what is large",
                   "%.0f MiB are free for '%s' (%.0f %%)", mib, path, percent);
    } else if (disk.f_files > 0 && disk.f_favail == 0) {
        doctor_bad(report, DOCTOR_DISK, of, "remove files: it has bytes left, but no inodes",
                   "the disk of '%s' takes no more files", path);
    } else {
        doctor_good(report, DOCTOR_DISK, of, "%.0f MiB are free for '%s' (%.0f %%)", mib, path,
                    percent);
    }
}

bool doctor_look_at_files(const doctor_subject *subject, doctor_report *report) {
    judge_config(subject, report);
    bool readable = judge_permissions(subject, report);
    bool usable = judge_identity(subject, readable, report);
    for (size_t i = 0; i < subject->file_count; i++) {
        if (subject->files[i].folder) {
            judge_disk(subject->files[i].path, subject->config, report);
        }
    }
    if (strcmp(subject->program, "selvedge-updater") == 0) {
        doctor_look_at_updater(subject, report);
    }
    return usable;
}
