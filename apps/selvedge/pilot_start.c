// Starting the programs in order, waiting for each to answer, and stopping them in reverse.
#include "pilot.h"
#include <base/fd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TURN_US = 20000,
    STOP_PATIENCE_US = 5 * 1000000,
    LAST_WORDS_MAX = 600,
};

static void program(const pilot *p, const char *name, char room[SV_PATH_MAX]) {
    if (sv_disk_join(room, SV_PATH_MAX, p->bin, name) != SV_OK) {
        abort();
    }
}

/// Define and start one child; `log_name` is the file under log/.
static sv_err spawn(pilot *p, const char *name, const char *log_name, const char *const *args,
                    bool finite, pilot_child **out, sv_why *why) {
    if (p->child_count >= PILOT_CHILDREN_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d programs", PILOT_CHILDREN_MAX);
    }
    char relative[PILOT_NAME_MAX + 16];
    char log[SV_PATH_MAX];
    (void) snprintf(relative, sizeof relative, "log/%s.log", log_name);
    pilot_path(p, log, relative);
    pilot_child *child = &p->children[p->child_count];
    SV_TRY(pilot_child_define(child, name, log, args, why));
    child->finite = finite;
    SV_TRY(pilot_child_start(child, why));
    p->child_count++;
    *out = child;
    return SV_OK;
}

static sv_err never_answered(const pilot_child *child, const char *last, sv_why *why) {
    char words[LAST_WORDS_MAX];
    pilot_child_last_words(child, words, sizeof words);
    pilot_say("the end of %s:\n%s", child->log, words);
    return sv_fail(why, SV_ERR_IO, "%s did not become ready: %s. Its log is %s", child->name,
                   last[0] == '\0' ? "it ended" : last, child->log);
}

typedef bool ready_fn(pilot *p, const pilot_site *site, sv_why *why);

static sv_err wait_ready(pilot *p, pilot_child *child, const pilot_site *site, ready_fn *ready,
                         sv_why *why) {
    int64_t end_us = sv_clock_monotonic_us() + PILOT_READY_US;
    sv_why last = { 0 };
    while (sv_clock_monotonic_us() < end_us && !p->interrupted) {
        if (waitpid(child->pid, NULL, WNOHANG) == child->pid) {
            child->pid = 0;
            return never_answered(child, "", why);
        }
        if (ready(p, site, &last)) {
            return SV_OK;
        }
        sv_loop_turn(p->loop, TURN_US);
    }
    return p->interrupted ? sv_fail(why, SV_ERR_STATE, "interrupted")
                          : never_answered(child, last.text, why);
}

static bool fleet_ready(pilot *p, const pilot_site *site, sv_why *why) {
    (void) site;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(4096);
    return pilot_ask(p, p->http, "GET", "/readyz", NULL, &body, NULL, why) == 200;
}

static bool gateway_ready(pilot *p, const pilot_site *site, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(4096);
    return pilot_ask_gateway(p, site, "/healthz", &body, why) == 200;
}

static sv_err read_token(pilot *p, sv_why *why) {
    char path[SV_PATH_MAX];
    pilot_path(p, path, "fleet/admin.token");
    char room[PILOT_TOKEN_MAX];
    sv_textbuf token = SV_TEXTBUF(room);
    SV_TRY(sv_disk_read(path, &token, why));
    return sv_text_copy(sv_text_trim(sv_textbuf_text(&token)), p->token, sizeof p->token);
}

static sv_err open_http(pilot *p, sv_why *why) {
    if (p->options.bind != NULL) {
        char ca[SV_PATH_MAX];
        pilot_path(p, ca, "pki/ca.crt");
        sv_tls_files files = { .ca = ca };
        SV_TRY(sv_tls_client(&files, &p->tls, why));
    }
    return sv_http_client_open(p->loop, p->operator_url, p->tls, PILOT_ASK_US, &p->http, why);
}

/// Does it take connections? Who may ask is its own matter.
static bool signer_ready(pilot *p, const pilot_site *site, sv_why *why) {
    (void) site;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sv_text_copy(sv_text_of(p->signer_socket), address.sun_path, sizeof address.sun_path)
            != SV_OK
        || fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof address) != 0) {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "nobody answers on '%s': %m", p->signer_socket);
        return false;
    }
    return true;
}

static sv_err start_signer(pilot *p, sv_why *why) {
    if (p->signer_socket[0] == '\0') {
        return SV_OK;
    }
    char binary[SV_PATH_MAX];
    char config[SV_PATH_MAX];
    program(p, "selvedge-signer", binary);
    pilot_path(p, config, "signer/signer.yaml");
    const char *const args[] = { binary, "--config", config, NULL };
    pilot_say("starting the signer, which holds the issuing key");
    SV_TRY(spawn(p, "signer", "signer", args, false, &p->signer, why));
    return wait_ready(p, p->signer, NULL, signer_ready, why);
}

static sv_err start_fleet(pilot *p, sv_why *why) {
    char binary[SV_PATH_MAX];
    char config[SV_PATH_MAX];
    program(p, "selvedge-fleet", binary);
    pilot_path(p, config, "fleet/fleet.yaml");
    const char *const args[] = { binary, "--config", config, NULL };
    pilot_say("starting the fleet server (SQLite) on %s", p->operator_url);
    pilot_port_release(&p->operators);
    pilot_port_release(&p->devices);
    SV_TRY(spawn(p, "fleet server", "fleet", args, false, &p->fleet, why));
    SV_TRY(open_http(p, why));
    SV_TRY(wait_ready(p, p->fleet, NULL, fleet_ready, why));
    return read_token(p, why);
}

static sv_err start_gateway(pilot *p, pilot_site *site, sv_why *why) {
    char name[PILOT_NAME_MAX];
    char binary[SV_PATH_MAX];
    char config[SV_PATH_MAX];
    program(p, "selvedge-gateway", binary);
    SV_TRY(sv_disk_join(config, sizeof config, site->folder, "gateway.yaml"));
    (void) snprintf(name, sizeof name, "gateway %s", site->name);
    const char *const args[] = { binary, "--config", config, NULL };
    pilot_say("starting the gateway of %s; devices reach it with mutual TLS on port %u", site->name,
              site->mqtt.number);
    pilot_port_release(&site->mqtt);
    pilot_port_release(&site->door);
    pilot_port_release(&site->http);
    SV_TRY(spawn(p, name, site->gateway_id, args, false, &site->gateway, why));
    return wait_ready(p, site->gateway, site, gateway_ready, why);
}

static sv_err start_machines(pilot *p, pilot_site *site, sv_why *why) {
    if (site->device_count == 0) {
        return SV_OK;
    }
    char name[PILOT_NAME_MAX];
    char log[PILOT_NAME_MAX];
    char binary[SV_PATH_MAX];
    char pki[SV_PATH_MAX];
    char address[64];
    char count[24];
    char first[24];
    program(p, "selvedge", binary);
    pilot_path(p, pki, "pki");
    (void) snprintf(name, sizeof name, "machines %s", site->name);
    (void) snprintf(log, sizeof log, "machines-%s", site->name);
    (void) snprintf(address, sizeof address, "127.0.0.1:%u", site->mqtt.number);
    (void) snprintf(count, sizeof count, "%lld", (long long) site->device_count);
    (void) snprintf(first, sizeof first, "%lld", (long long) site->first_device);
    char firmware[SV_PATH_MAX];
    char door[64];
    bool updates = p->signer_socket[0] != '\0'; // who signs what each is to run
    pilot_path(p, firmware, "firmware");
    (void) snprintf(door, sizeof door, "https://127.0.0.1:%u", site->door.number);
    const char *const args[] = { binary,
                                 "simulate",
                                 "--gateway",
                                 address,
                                 "--pki",
                                 pki,
                                 "--devices",
                                 count,
                                 "--first",
                                 first,
                                 "--health",
                                 "--fault-after",
                                 p->options.check ? "3" : "15",
                                 updates ? "--firmware" : NULL,
                                 firmware,
                                 "--door",
                                 door,
                                 site == &p->sites[0] ? "--updater" : NULL,
                                 "this-machine",
                                 NULL };
    pilot_say("starting %lld machines of %s", (long long) site->device_count, site->name);
    return spawn(p, name, log, args, false, &site->simulator, why);
}

/// The machines' releases go to the fleet server beside everything else. It ends by itself; what
/// fails is tried again.
static sv_err start_upload(pilot *p, sv_why *why) {
    char binary[SV_PATH_MAX];
    char repo[SV_PATH_MAX];
    char keys[SV_PATH_MAX];
    char token[SV_PATH_MAX];
    char ca[SV_PATH_MAX];
    program(p, "selvedge", binary);
    pilot_path(p, repo, "firmware/repo");
    pilot_path(p, keys, "firmware/keys");
    pilot_path(p, token, "fleet/admin.token");
    pilot_path(p, ca, "pki/ca.crt");
    const char *const args[] = { binary,
                                 "update",
                                 "upload",
                                 "--repo",
                                 repo,
                                 "--keys",
                                 keys,
                                 "--url",
                                 p->operator_url,
                                 "--token-file",
                                 token,
                                 p->options.bind != NULL ? "--ca" : NULL,
                                 ca,
                                 NULL };
    if (p->signer_socket[0] == '\0') {
        return SV_OK;
    }
    return spawn(p, "upload of the releases", "upload", args, true, &p->upload, why);
}

static sv_err start_agent(pilot *p, sv_why *why) {
    char binary[SV_PATH_MAX];
    char config[SV_PATH_MAX];
    program(p, "selvedge-agent", binary);
    pilot_path(p, config, "agent/agent.yaml");
    const char *const args[] = { binary, "--config", config, NULL };
    pilot_say("starting the agent of this machine");
    return spawn(p, "agent", "agent", args, false, &p->agent, why);
}

sv_err pilot_start(pilot *p, sv_why *why) {
    SV_TRY(start_signer(p, why));
    SV_TRY(start_fleet(p, why));
    for (size_t i = 0; i < p->site_count; i++) {
        SV_TRY(start_gateway(p, &p->sites[i], why));
    }
    for (size_t i = 0; i < p->site_count; i++) {
        SV_TRY(start_machines(p, &p->sites[i], why));
    }
    SV_TRY(start_upload(p, why));
    return start_agent(p, why);
}

void pilot_stop(pilot *p) {
    sv_http_client_drop(&p->http);
    sv_forward_drop(&p->line);
    for (size_t i = p->child_count; i > 0; i--) {
        pilot_child_stop(&p->children[i - 1], STOP_PATIENCE_US);
    }
    p->child_count = 0;
    sv_tls_drop(&p->tls);
}
