// When the audit log cannot be written: a deed fails with its line; what has happened all the same
// is counted, an alert tells of it, for which a little room is kept free, and one line says it when
// there is room again. [audit-14]
#include "audit_keep_own.h"
#include "fleet.h"
#include "own_alert.h"

#include <base/fd.h>
#include <crypto/random.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/statvfs.h>
#include <unistd.h>

void sv_audit_note(sv_fleet *fleet, const sv_audit_event *event) {
    sv_audit_unwritten *lost = &fleet->audit->unwritten;
    sv_why why = { 0 };
    if (sv_audit_add(fleet->db, event, &why) == SV_OK) {
        return;
    }
    if (lost->count == 0) {
        lost->since_us = event->at_us;
        (void) snprintf(lost->first, sizeof lost->first, "%.60s %.60s", event->what,
                        event->about != NULL ? event->about : "");
        SV_LOG(error, "audit.unwritten", "%s is not in the log: %s", lost->first, why.text);
    }
    lost->why = why;
    lost->count++;
    lost->ever++;
    lost->until_us = event->at_us;
}

int64_t sv_audit_unwritten_ever(const sv_fleet *fleet) {
    return fleet->audit->unwritten.ever;
}

static void add_moment(sv_textbuf *out, int64_t at_us) {
    sv_time_add(out, at_us - at_us % SV_TIME_SECOND_US);
}

/// One line for all of them.
static void make_up(sv_fleet *fleet) {
    sv_audit_unwritten *lost = &fleet->audit->unwritten;
    char room[SV_AUDIT_DETAIL_MAX + 1];
    sv_textbuf detail = SV_TEXTBUF(room);
    if (lost->count == 0) {
        return;
    }
    sv_textbuf_addf(&detail, "%" PRId64 " lines between ", lost->count);
    add_moment(&detail, lost->since_us);
    sv_textbuf_add_str(&detail, " and ");
    add_moment(&detail, lost->until_us);
    sv_textbuf_addf(&detail, " could not be written, the first: %.130s", lost->first);
    if (sv_textbuf_end(&detail) != SV_OK) {
        return;
    }
    const sv_audit_event event = { .at_us = fleet->wall_us(),
                                   .who = "fleet",
                                   .what = "audit.unwritten",
                                   .about = fleet->config.id,
                                   .outcome = SV_AUDIT_FAILED,
                                   .detail = room };
    if (sv_audit_add(fleet->db, &event, &lost->why) == SV_OK) {
        SV_LOG(info, "audit.written", "%s", room);
        lost->count = 0;
    }
}

// ---- room ---------------------------------------------------------------------------------------

static sv_err reserve_path(const sv_fleet *fleet, char path[SV_PATH_MAX], sv_why *why) {
    return snprintf(path, SV_PATH_MAX, "%s.reserve", fleet->config.store.path) < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path of the database is too long");
}

static void give_reserve(const sv_fleet *fleet) {
    char path[SV_PATH_MAX];
    if (reserve_path(fleet, path, NULL) == SV_OK) {
        (void) unlink(path);
    }
}

/// Blocks that are really there, not a hole.
static void take_reserve(const sv_fleet *fleet) {
    char path[SV_PATH_MAX];
    if (reserve_path(fleet, path, NULL) != SV_OK || sv_disk_exists(path)) {
        return;
    }
    SV_DEFER(sv_fd_drop)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && posix_fallocate(fd, 0, SV_AUDIT_RESERVE_BYTES) != 0) {
        (void) unlink(path); // there is none then
    }
}

/// Bytes that this process may still write beside the database.
static int64_t room_left(const sv_fleet *fleet) {
    struct statvfs info;
    if (statvfs(fleet->config.store.path, &info) != 0) {
        return INT64_MAX; // whoever writes will see
    }
    uint64_t blocks = info.f_bavail < (uint64_t) 1 << 40 ? info.f_bavail : (uint64_t) 1 << 40;
    return (int64_t) (blocks * (info.f_frsize < 1 << 20 ? info.f_frsize : 1 << 20));
}

// ---- the alert ----------------------------------------------------------------------------------

static bool tell(sv_fleet *fleet, sv_alert_event event, const char *message) {
    sv_audit_keeper *keeper = fleet->audit;
    sv_why why = { 0 };
    char id[SV_OWN_ALERT_ROOM] = "";
    sv_err err = sv_own_alert_find(fleet, SV_AUDIT_ROOM_RULE, id, &why);
    if (err == SV_OK && id[0] == '\0') {
        if (event == SV_ALERT_CLEARED) {
            return true;
        }
        sv_random_hex(id);
    }
    const sv_own_alert alert = { .id = id,
                                 .rule = SV_AUDIT_ROOM_RULE,
                                 .type = SV_ALERT_HEALTH,
                                 .severity = SV_SEVERITY_CRITICAL,
                                 .event = event,
                                 .message = message };
    err = err == SV_OK ? sv_own_alert_store(fleet, &alert, &why) : err;
    if (err != SV_OK && !keeper->room_told) {
        SV_LOG(error, "audit.unalerted", "%s", why.text);
    }
    keeper->room_told = err != SV_OK;
    return err == SV_OK;
}

static void raise(sv_fleet *fleet) {
    const sv_audit_unwritten *lost = &fleet->audit->unwritten;
    char message[SV_ALERT_MESSAGE_MAX];
    give_reserve(fleet);
    if (lost->count > 0) {
        (void) snprintf(message, sizeof message,
                        "The audit log cannot be written: %.120s. %" PRId64
                        " lines wait; what needs one is refused",
                        lost->why.text, lost->count);
    } else {
        (void) snprintf(message, sizeof message,
                        "The disk of the fleet server's database is full: free some space. What "
                        "cannot be recorded is refused");
    }
    fleet->audit->room_alarm = tell(fleet, SV_ALERT_RAISED, message);
}

void sv_audit_room_turn(sv_fleet *fleet) {
    sv_audit_keeper *keeper = fleet->audit;
    int64_t left = room_left(fleet);
    bool is_low = left < SV_AUDIT_ROOM_MIN_BYTES || keeper->unwritten.count > 0;
    if (is_low && !keeper->room_alarm) {
        SV_LOG(error, "audit.room", "%" PRId64 " bytes are left for the database", left);
        raise(fleet);
    }
    make_up(fleet);
    if (left < SV_AUDIT_ROOM_AGAIN_BYTES || keeper->unwritten.count > 0) {
        return;
    }
    take_reserve(fleet);
    if (keeper->room_alarm || !keeper->room_known) {
        keeper->room_known = tell(fleet, SV_ALERT_CLEARED,
                                  "The audit log is written again: there is room on the disk");
        keeper->room_alarm = keeper->room_alarm && !keeper->room_known;
    }
}
