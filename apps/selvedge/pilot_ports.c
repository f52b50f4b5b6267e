// Which ports are free, and who holds the others.
#include "pilot.h"
#include <arpa/inet.h>
#include <base/fd.h>
#include <codec/encode.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TABLE_MAX = 4 * 1024 * 1024, NAME_MAX_BYTES = 64 };

/// The columns of /proc/net/tcp that are of interest here.
enum { LOCAL_COLUMN = 1, STATE_COLUMN = 3, INODE_COLUMN = 9, COLUMNS };

/// Listen on `port` (0: any); false when that is not possible.
static bool try_port(const char *address, uint16_t port, pilot_port *out) {
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(port) };
    int on = 1;
    if (fd < 0 || inet_pton(AF_INET, address, &where.sin_addr) != 1
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || bind(fd, (struct sockaddr *) &where, sizeof where) != 0 || listen(fd, 1) != 0) {
        return false;
    }
    socklen_t len = sizeof where;
    if (getsockname(fd, (struct sockaddr *) &where, &len) != 0) {
        return false;
    }
    *out = (pilot_port){ .number = ntohs(where.sin_port), .fd = sv_fd_take(&fd) };
    return true;
}

void pilot_port_release(pilot_port *port) {
    sv_fd_drop(&port->fd);
    port->fd = -1;
}

static size_t split(sv_text line, sv_text columns[COLUMNS]) {
    size_t count = 0;
    sv_text rest = sv_text_trim(line);
    while (rest.len > 0 && count < COLUMNS) {
        columns[count++] = sv_text_cut(&rest, ' ');
        rest = sv_text_trim(rest);
    }
    return count;
}

/// The inode when the line is of a socket that listens on `port`, else 0.
static uint64_t inode_of(sv_text line, uint16_t port) {
    sv_text columns[COLUMNS];
    if (split(line, columns) < COLUMNS || !sv_text_is(columns[STATE_COLUMN], "0A")) {
        return 0;
    }
    sv_text number = columns[LOCAL_COLUMN];
    (void) sv_text_cut(&number, ':');
    uint8_t digits[2];
    uint64_t inode = 0;
    if (sv_hex_parse(number, digits, sizeof digits) != SV_OK || (digits[0] << 8 | digits[1]) != port
        || sv_text_u64(columns[INODE_COLUMN], UINT64_MAX, &inode) != SV_OK) {
        return 0;
    }
    return inode;
}

/// The socket inode that listens on `port`, from /proc/net/tcp; 0 when there is none.
static uint64_t listening_inode(const char *table, uint16_t port) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TABLE_MAX);
    if (sv_disk_read(table, &text, NULL) != SV_OK) {
        return 0;
    }
    sv_text rest = sv_textbuf_text(&text);
    while (rest.len > 0) {
        uint64_t inode = inode_of(sv_text_cut(&rest, '\n'), port);
        if (inode != 0) {
            return inode;
        }
    }
    return 0;
}

static bool holds_socket(const char *pid, const char *wanted) {
    char folder[64];
    (void) snprintf(folder, sizeof folder, "/proc/%.20s/fd", pid);
    DIR *dir = opendir(folder);
    bool found = false;
    for (struct dirent *item = dir == NULL ? NULL : readdir(dir); item != NULL && !found;
         item = readdir(dir)) {
        char target[64] = "";
        ssize_t len = readlinkat(dirfd(dir), item->d_name, target, sizeof target - 1);
        found = len > 0 && strcmp(target, wanted) == 0;
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
    return found;
}

static void name_process(const char *pid, char out[128]) {
    char path[64];
    char room[NAME_MAX_BYTES];
    sv_textbuf name = SV_TEXTBUF(room);
    (void) snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    bool known = sv_disk_read(path, &name, NULL) == SV_OK;
    sv_text shown = known ? sv_text_trim(sv_textbuf_text(&name)) : SV_TEXT("a process");
    (void) snprintf(out, 128, SV_TEXT_FMT " (pid %.20s)", SV_TEXT_ARG(shown), pid);
}

/// Who listens on the loopback port: "nginx (pid 812)" or "a process of another user".
static void port_holder(uint16_t port, char out[128]) {
    (void) snprintf(out, 128, "a process of another user");
    uint64_t inode = listening_inode("/proc/net/tcp", port);
    inode = inode != 0 ? inode : listening_inode("/proc/net/tcp6", port);
    char wanted[64];
    (void) snprintf(wanted, sizeof wanted, "socket:[%llu]", (unsigned long long) inode);
    DIR *proc = inode == 0 ? NULL : opendir("/proc");
    for (struct dirent *item = proc == NULL ? NULL : readdir(proc); item != NULL;
         item = readdir(proc)) {
        if (item->d_name[0] >= '1' && item->d_name[0] <= '9'
            && holds_socket(item->d_name, wanted)) {
            name_process(item->d_name, out);
            break;
        }
    }
    if (proc != NULL) {
        (void) closedir(proc);
    }
}

sv_err pilot_port_choose(const char *address, uint16_t preferred, const char *what, pilot_port *out,
                         sv_why *why) {
    if (try_port(address, preferred, out)) {
        return SV_OK;
    }
    int reason = errno;
    if (!try_port(address, 0, out)) {
        return sv_fail(why, SV_ERR_IO, "no port can be opened on %s for the %s: %s", address, what,
                       reason == EADDRNOTAVAIL ? "that is no address of this machine"
                                               : sv_errno_text(reason));
    }
    char holder[128];
    port_holder(preferred, holder);
    pilot_say("port %u for the %s is held by %s; using %u", preferred, what, holder, out->number);
    return SV_OK;
}
