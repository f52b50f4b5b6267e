// What programs listen on, and what strangers are answered there.
#include "checklist_gather.h"

#include <arpa/inet.h>
#include <base/mem.h>
#include <codec/encode.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TABLE_BYTES_MAX = 4 * 1024 * 1024,
    SOCKETS_MAX = 65536, ///< of one program
    LISTENING = 0x0A,
    REQUEST_MAX = 512,
};

// ---- which there are ----------------------------------------------------------------------------

/// The numbers of a program's sockets, in order.
typedef struct sockets {
    uint64_t *at;
    size_t count;
} sockets;

static void sockets_drop(sockets *s) {
    free(s->at);
}

static int by_number(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *) one;
    uint64_t b = *(const uint64_t *) other;
    return (a > b) - (a < b);
}

static sv_err list_sockets(const char *proc, int64_t pid, sockets *out, sv_why *why) {
    static const char PREFIX[] = "socket:[";
    char folder[SV_PATH_MAX];
    (void) snprintf(folder, sizeof folder, "%.200s/%lld/fd", proc, (long long) pid);
    DIR *open = opendir(folder);
    if (open == NULL) {
        return sv_fail(why, SV_ERR_IO, "what it has open cannot be seen: %m");
    }
    out->at = sv_mem_array(SOCKETS_MAX, sizeof *out->at);
    for (struct dirent *item = readdir(open); item != NULL; item = readdir(open)) {
        char path[SV_PATH_MAX];
        char target[64];
        if (sv_disk_join(path, sizeof path, folder, item->d_name) != SV_OK) {
            continue;
        }
        ssize_t len = readlink(path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        if (strncmp(target, PREFIX, sizeof PREFIX - 1) == 0 && out->count < SOCKETS_MAX) {
            out->at[out->count++] = strtoull(target + sizeof PREFIX - 1, NULL, 10);
        }
    }
    (void) closedir(open);
    qsort(out->at, out->count, sizeof *out->at, by_number);
    return SV_OK;
}

/// "0100007F" or 32 digits: words of the machine, in hexadecimal.
static bool read_address(const char *hex, sv_fact_door *door) {
    uint8_t bytes[16];
    size_t words = strlen(hex) / 8;
    if ((words != 1 && words != 4) || strlen(hex) % 8 != 0) {
        return false;
    }
    for (size_t i = 0; i < words; i++) {
        char digits[9] = { 0 };
        memcpy(digits, hex + 8 * i, 8);
        uint32_t word = (uint32_t) strtoul(digits, NULL, 16);
        memcpy(bytes + 4 * i, &word, sizeof word);
    }
    static const uint8_t ONE[16] = { [15] = 1 };
    static const uint8_t MAPPED[12] = { [10] = 0xFF, [11] = 0xFF };
    door->loopback = words == 1
                         ? bytes[0] == 127
                         : memcmp(bytes, ONE, sizeof ONE) == 0
                               || (memcmp(bytes, MAPPED, sizeof MAPPED) == 0 && bytes[12] == 127);
    return inet_ntop(words == 1 ? AF_INET : AF_INET6, bytes, door->address, sizeof door->address)
           != NULL;
}

void sv_gather_door_kind(const sv_fact_program *program, sv_fact_door *door) {
    for (size_t i = 0; i < program->settings.door_count; i++) {
        if (program->settings.doors[i].port == door->port) {
            door->kind = program->settings.doors[i].kind;
            door->tls = program->settings.doors[i].tls;
        }
    }
}

/// The n-th word of a line of the kernel's table, from 0.
static bool nth_word(sv_text line, size_t n, char room[40]) {
    sv_text word = SV_TEXT("");
    for (size_t i = 0; i <= n && line.len > 0;) {
        word = sv_text_cut(&line, ' ');
        i += word.len > 0;
    }
    return word.len > 0 && sv_text_copy(word, room, 40) == SV_OK;
}

/// One that listens, as the kernel writes it down: "1: 0100007F:1F90 00000000:0000 0A ... inode".
static bool read_listener(sv_text line, sv_fact_door *door, uint64_t *inode) {
    enum { ADDRESS = 1, STATE = 3, INODE = 9 };
    char address[40];
    char state[40];
    char number[40];
    if (!nth_word(line, ADDRESS, address) || !nth_word(line, STATE, state)
        || !nth_word(line, INODE, number) || strtoul(state, NULL, 16) != LISTENING) {
        return false;
    }
    char *colon = strchr(address, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    door->port = (uint16_t) strtoul(colon + 1, NULL, 16);
    *inode = strtoull(number, NULL, 10);
    return read_address(address, door);
}

static void take_line(sv_text line, const sockets *mine, const sv_fact_program *program,
                      sv_facts *facts) {
    sv_fact_door door = { .port = 0 };
    uint64_t number = 0;
    if (!read_listener(line, &door, &number)) {
        return;
    }
    if (mine->count == 0
        || bsearch(&number, mine->at, mine->count, sizeof number, by_number) == NULL) {
        return;
    }
    if (facts->door_count == SV_FACT_DOORS_MAX) {
        (void) sv_fail(&facts->doors_missing, SV_ERR_NO_SPACE, "more than %d sockets listen here",
                       SV_FACT_DOORS_MAX);
        return;
    }
    (void) snprintf(door.of, sizeof door.of, "%s", program->name);
    (void) snprintf(door.ca, sizeof door.ca, "%s", program->settings.ca);
    sv_gather_door_kind(program, &door);
    facts->doors[facts->door_count++] = door;
}

static sv_err read_table(const char *proc, const sv_fact_program *program, const char *name,
                         const sockets *mine, sv_facts *facts, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf table = SV_TEXTBUF_HEAP(TABLE_BYTES_MAX);
    (void) snprintf(path, sizeof path, "%.200s/%lld/net/%s", proc, (long long) program->pid, name);
    SV_TRY(sv_disk_read(path, &table, why));
    sv_text rest = sv_textbuf_text(&table);
    while (rest.len > 0) {
        take_line(sv_text_cut(&rest, '\n'), mine, program, facts);
    }
    return SV_OK;
}

void sv_gather_doors(const char *proc, const sv_fact_program *program, sv_facts *facts) {
    SV_DEFER(sockets_drop) sockets mine = { 0 };
    sv_why why = { .text = "" };
    sv_err err = list_sockets(proc, program->pid, &mine, &why);
    if (err == SV_OK) {
        err = read_table(proc, program, "tcp", &mine, facts, &why);
    }
    if (err == SV_OK) {
        err = read_table(proc, program, "tcp6", &mine, facts, &why);
        err = err == SV_ERR_NOT_FOUND ? SV_OK : err; // a kernel without IPv6
    }
    if (err != SV_OK) {
        (void) sv_fail(&facts->doors_missing, err, "%s: %.280s", program->name, why.text);
    }
}

// ---- what is answered ---------------------------------------------------------------------------

static sv_probe knock(const sv_fact_door *door, sv_probe_way way) {
    bool every_four = strcmp(door->address, "0.0.0.0") == 0;
    bool every_six = strcmp(door->address, "::") == 0;
    return (sv_probe){ .address = every_four  ? "127.0.0.1"
                                  : every_six ? "::1"
                                              : door->address,
                       .port = door->port,
                       .way = way };
}

static sv_probe_answer told(const sv_fact_door *door, sv_probe_way way) {
    sv_probed found;
    sv_probe probe = knock(door, way);
    probe.request = "GET / HTTP/1.0\r\n\r\n";
    sv_probe_door(&probe, &found);
    return found.answer;
}

/// The status of the answer, or 0.
static int send_request(const sv_fact_door *door, const char *request, bool stranger,
                        sv_probed *found) {
    enum { STATUS_AT = sizeof "HTTP/1.x" };
    sv_probe probe = knock(door, door->tls ? SV_PROBE_MODERN : SV_PROBE_PLAIN);
    probe.request = request;
    probe.stranger = stranger;
    sv_probe_door(&probe, found);
    uint64_t status = 0;
    sv_text digits = { .at = found->heard + STATUS_AT, .len = 3 };
    bool http = strncmp(found->heard, "HTTP/1.", STATUS_AT - 2) == 0
                && strlen(found->heard) > STATUS_AT + 3;
    return http && sv_text_u64(digits, 999, &status) == SV_OK ? (int) status : 0;
}

/// Asks as anybody could: without certificate, session or token.
static int ask(const sv_fact_door *door, const char *path, bool stranger, sv_probed *found) {
    char request[REQUEST_MAX];
    (void) snprintf(request, sizeof request,
                    "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n", path,
                    door->port);
    return send_request(door, request, stranger, found);
}

/// Logs in as somebody who has read a list of defaults, twice, so that nobody is locked out by it.
/// A server that has heard too much from here says 429, which is no answer to the question.
static void try_defaults(sv_fact_door *door) {
    static const char *const PASSWORDS[] = { "admin", "changeme" };
    char request[REQUEST_MAX];
    char body[96];
    sv_probed found;
    for (size_t i = 0; i < SV_COUNT(PASSWORDS); i++) {
        int len =
            snprintf(body, sizeof body, "{\"user\":\"admin\",\"password\":\"%s\"}", PASSWORDS[i]);
        (void) snprintf(request, sizeof request,
                        "POST /api/v1/session HTTP/1.1\r\nHost: localhost:%u\r\nX-Selvedge: 1\r\n"
                        "Content-Type: application/json\r\nContent-Length: %d\r\n"
                        "Connection: close\r\n\r\n%s",
                        door->port, len, body);
        int status = send_request(door, request, false, &found);
        door->logins_tried++;
        door->logins_refused += status == 400 || status == 401 || status == 403;
        if (status >= 200 && status < 300) {
            (void) snprintf(door->default_login, sizeof door->default_login, "admin with '%s'",
                            PASSWORDS[i]);
        }
    }
}

/// Everything that is told to those who have logged in, as far as it needs no id.
static void ask_operator_door(sv_fact_door *door) {
    static const char *const PATHS[] = {
        "/api/v1/session",       "/api/v1/overview",   "/api/v1/devices", "/api/v1/alerts",
        "/api/v1/notify",        "/api/v1/enrolments", "/api/v1/audit",   "/api/v1/certificates",
        "/api/v1/notifications", "/api/v1/standing",   "/api/v1/events",  "/api/v1/openapi.json",
        "/api/v1/users",         "/api/v1/tokens",     "/metrics",
    };
    sv_probed found;
    for (size_t i = 0; i < SV_COUNT(PATHS) && door->open_path[0] == '\0'; i++) {
        door->status = ask(door, PATHS[i], false, &found);
        if (door->status != 401 && door->status != 403 && door->status != 404) {
            (void) snprintf(door->open_path, sizeof door->open_path, "%s", PATHS[i]);
        }
    }
    (void) ask(door, "/", false, &found);
    sv_gather_headers(found.heard, door->headers_lack);
    try_defaults(door);
    if (ask(door, "/.well-known/security.txt", false, &found) == 200) {
        sv_gather_contact(found.heard, door);
    }
}

static void ask_with_nothing(sv_fact_door *door, const char *path) {
    sv_probed found;
    door->status = ask(door, path, false, &found);
    int status = ask(door, path, true, &found);
    // Who is sent away in the handshake hears no status at all.
    door->status = status >= 200 && status < 300 ? status : door->status;
}

static void look_at_tls(sv_fact_door *door) {
    sv_probe probe = knock(door, SV_PROBE_MODERN);
    probe.ca = door->ca[0] != '\0' ? door->ca : NULL;
    probe.request = "\r\n";
    sv_probe_door(&probe, &door->today);
    if (door->today.answer == SV_PROBE_NOBODY) {
        return;
    }
    door->plain = told(door, SV_PROBE_PLAIN);
    door->old = told(door, SV_PROBE_OLD);
    door->cbc = told(door, SV_PROBE_CBC);
    door->null = told(door, SV_PROBE_NULL);
}

static void look_at_door(sv_fact_door *door) {
    sv_probed found;
    if (door->tls) {
        look_at_tls(door);
    }
    switch (door->kind) {
    case SV_DOOR_OPERATOR:
        ask_operator_door(door);
        break;
    case SV_DOOR_DEVICE:
        ask_with_nothing(door, "/v1/self");
        break;
    case SV_DOOR_PAGE:
        ask_with_nothing(door, "/v1/status");
        break;
    case SV_DOOR_MQTT:
        sv_probe_door(
            &(sv_probe){ .address = knock(door, SV_PROBE_MODERN).address, .port = door->port },
            &found);
        door->nobody = found.answer;
        sv_probe_door(&(sv_probe){ .address = knock(door, SV_PROBE_MODERN).address,
                                   .port = door->port,
                                   .stranger = true },
                      &found);
        door->stranger = found.answer;
        break;
    case SV_DOOR_LOCAL:
    case SV_DOOR_UNKNOWN:
        break;
    }
}

void sv_gather_answers(sv_facts *facts) {
    for (size_t i = 0; i < facts->door_count; i++) {
        look_at_door(&facts->doors[i]);
    }
}

/// One header's value in an answer, up to its line's end; empty when it is not there.
static sv_text header(const char *heard, const char *name) {
    sv_text rest = sv_text_of(heard);
    while (rest.len > 0) {
        sv_text line = sv_text_cut(&rest, '\n');
        sv_text key = sv_text_cut(&line, ':');
        if (key.len == strlen(name) && strncasecmp(key.at, name, key.len) == 0) {
            return sv_text_trim(line);
        }
        if (sv_text_trim(key).len == 0) {
            break;
        }
    }
    return SV_TEXT("");
}

void sv_gather_contact(const char *answer, sv_fact_door *door) {
    const char *body = strstr(answer, "\r\n\r\n");
    body = body != NULL ? body + 4 : "";
    if (sv_text_copy(header(body, "Contact"), door->contact, sizeof door->contact) != SV_OK
        || sv_time_parse(header(body, "Expires"), &door->contact_until_us) != SV_OK) {
        door->contact[0] = '\0';
    }
}

static bool has(sv_text value, const char *part) {
    return value.len > 0 && memmem(value.at, value.len, part, strlen(part)) != NULL;
}

void sv_gather_headers(const char *answer, char lack[160]) {
    sv_text policy = header(answer, "Content-Security-Policy");
    sv_text referrer = header(answer, "Referrer-Policy");
    const char *fault = "";
    if (policy.len == 0) {
        fault = "it has no Content-Security-Policy";
    } else if (!has(policy, "default-src 'none'") && !has(policy, "default-src 'self'")) {
        fault = "its Content-Security-Policy does not begin with nothing (default-src)";
    } else if (has(policy, "unsafe-") || has(policy, "*") || has(policy, "http:")) {
        fault = "its Content-Security-Policy allows scripts from elsewhere, or written into pages";
    } else if (!has(policy, "frame-ancestors 'none'")) {
        fault = "other pages may put it into a frame (frame-ancestors)";
    } else if (!has(header(answer, "X-Content-Type-Options"), "nosniff")) {
        fault = "it has no X-Content-Type-Options: nosniff";
    } else if (!has(referrer, "no-referrer") && !has(referrer, "same-origin")) {
        fault = "other sites are told where somebody came from (Referrer-Policy)";
    }
    (void) snprintf(lack, 160, "%s", fault);
}
