// `selvedge pilot`: options, the order of things, and the end.
#include "pilot.h"
#include "command.h"
#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <codec/json.h>
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

enum { TEND_US = 250000, DESCRIPTION_MAX = 65536 };

static const char ABOUT[] =
    "Starts a complete site on this machine: a PKI, a gateway per site that "
    "its devices reach over mutual TLS, the fleet\n"
    "server with its dashboard, simulated machines and an agent for this "
    "machine itself. Everything listens on\n"
    "loopback. Ctrl-C stops it all and keeps the data; the next `selvedge "
    "pilot` goes on with it.\n\n"
    "  selvedge pilot                                        look around\n"
    "  selvedge pilot --check --seconds 20 --output json     prove that "
    "every hop works, then stop\n"
    "  selvedge pilot --check --sites 3 --devices 510        three factories; one loses its link "
    "and catches up\n"
    "  selvedge pilot --bind 192.0.2.7                       a headless "
    "box: the dashboard over HTTPS";

void pilot_say(const char *fmt, ...) {
    char line[SV_WHY_MAX + SV_PATH_MAX];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    pilot_status_clear();
    (void) fprintf(stderr, "pilot: %s\n", line);
}

static void interrupt(void *arg) {
    pilot *p = arg;
    p->interrupted = true;
}

static sv_err find_programs(pilot *p, sv_why *why) {
    ssize_t len = readlink("/proc/self/exe", p->bin, sizeof p->bin - 1);
    char *slash = len > 0 ? strrchr(p->bin, '/') : NULL;
    if (slash == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot tell where the programs are: %m");
    }
    *slash = '\0';
    return SV_OK;
}

static bool is_safe_path(const char *path) {
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char) *at <= ' ' || strchr("'\"\\#{}[],:&*!|>%@`", *at) != NULL) {
            return false;
        }
    }
    return strlen(path) < SV_PATH_MAX - 2 * SV_ID_MAX - 64;
}

/// A folder that is ours, or that holds nothing yet.
static sv_err check_folder(const char *path, const char *lock, sv_why *why) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot read the folder '%s': %m", path);
    }
    bool empty = true;
    for (struct dirent *item = readdir(folder); item != NULL && empty; item = readdir(folder)) {
        empty = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
    }
    (void) closedir(folder);
    return empty || sv_disk_exists(lock)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "%s holds other things and no pilot; give --dir a new or an empty folder",
                         path);
}

static sv_err take_folder(pilot *p, sv_why *why) {
    SV_TRY(sv_disk_make_folder(p->options.dir, 0700, why));
    SV_DEFER(sv_mem_drop) char *absolute = realpath(p->options.dir, NULL);
    if (absolute == NULL || !is_safe_path(absolute)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--dir %s: use a shorter path of letters, digits, /, -, _ and .",
                       p->options.dir);
    }
    SV_TRY(sv_text_copy(sv_text_of(absolute), p->dir, sizeof p->dir));
    char lock[SV_PATH_MAX];
    pilot_path(p, lock, "pilot.lock");
    p->going_on = sv_disk_exists(lock) && !p->options.fresh;
    SV_TRY(check_folder(p->dir, lock, why));
    sv_err locked = sv_disk_lock(lock, &p->lock_fd, why);
    if (locked == SV_ERR_STATE) {
        return sv_fail(why, SV_ERR_IO,
                       "a pilot is running in %s already; look at its pilot.json, or start another "
                       "with --dir OTHER",
                       p->dir);
    }
    return locked;
}

static void describe_programs(const pilot *p, sv_json_out *out) {
    sv_json_key(out, "programs");
    sv_json_open_array(out);
    for (size_t i = 0; i < p->child_count; i++) {
        if (p->children[i].finite && p->children[i].pid == 0) {
            continue; // it has done its work
        }
        sv_json_open_object(out);
        sv_json_add_str(out, "name", p->children[i].name);
        sv_json_add_int(out, "pid", p->children[i].pid);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

sv_err pilot_describe(const pilot *p, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(DESCRIPTION_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    char path[SV_PATH_MAX];
    sv_json_open_object(&out);
    sv_json_key(&out, "gateways");
    sv_json_open_array(&out);
    for (size_t i = 0; i < p->site_count; i++) {
        sv_json_open_object(&out);
        sv_json_add_str(&out, "site", p->sites[i].name);
        sv_json_add_str(&out, "host", "127.0.0.1");
        sv_json_add_int(&out, "port", p->sites[i].mqtt.number);
        sv_json_close_object(&out);
    }
    sv_json_close_array(&out);
    sv_json_key(&out, "fleet");
    sv_json_open_object(&out);
    sv_json_add_str(&out, "operator_url", p->operator_url);
    sv_json_add_str(&out, "device_url", p->device_url);
    sv_json_close_object(&out);
    pilot_path(p, path, "pki/ca.crt");
    sv_json_add_str(&out, "ca", path);
    pilot_path(p, path, "pki");
    sv_json_add_str(&out, "pki", path);
    pilot_path(p, path, "fleet/admin.token");
    sv_json_add_str(&out, "token_file", path);
    describe_programs(p, &out);
    sv_json_close_object(&out);
    sv_textbuf_add_char(&text, '\n');
    pilot_path(p, path, "pilot.json");
    return sv_disk_replace(path, sv_textbuf_text(&text), 0600, why);
}

static void tend(void *arg) {
    pilot *p = arg;
    sv_why why = { 0 };
    int64_t now_us = sv_clock_monotonic_us();
    bool changed = false;
    for (size_t i = 0; i < p->child_count; i++) {
        changed = pilot_child_tend(&p->children[i], now_us) || changed;
    }
    if (changed && pilot_describe(p, &why) != SV_OK) {
        pilot_say("%s", why.text);
    }
}

sv_err pilot_login_link(pilot *p, char link[PILOT_LINK_ROOM], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(4096);
    char location[SV_PATH_MAX] = "";
    int status = pilot_ask(p, p->http, "POST", "/api/v1/login-links", "{}", &body, location, why);
    if (status != 201) {
        return status == 0 ? SV_ERR_UNAVAILABLE
                           : sv_fail(why, SV_ERR_UNAVAILABLE,
                                     "the fleet server gave no login link (HTTP %d)", status);
    }
    (void) snprintf(link, PILOT_LINK_ROOM, "%s%s", p->operator_url, location);
    return SV_OK;
}

static sv_err run(pilot *p, bool *passed, sv_why *why) {
    SV_TRY(find_programs(p, why));
    SV_TRY(take_folder(p, why));
    if (p->options.fresh) {
        SV_TRY(pilot_forget(p, why));
    }
    SV_TRY(sv_loop_on_signal(p->loop, SIGINT, interrupt, p, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGTERM, interrupt, p, why));
    SV_TRY(pilot_prepare(p, why));
    SV_TRY(pilot_start(p, why));
    sv_timer_every(p->tending, TEND_US);
    SV_TRY(pilot_describe(p, why));
    if (p->options.check) {
        *passed = pilot_check(p);
        return SV_OK;
    }
    char link[PILOT_LINK_ROOM];
    SV_TRY(pilot_login_link(p, link, why));
    if (p->options.bind != NULL) {
        pilot_say("the dashboard speaks HTTPS with this pilot's own CA: import %s/pki/ca.crt into "
                  "your browser as an authority",
                  p->dir);
    }
    pilot_watch(p, link);
    return SV_OK;
}

static sv_err parse(int argc, char **argv, pilot_options *o, sv_why *why) {
    const char *output = "table";
    const sv_option options[] = {
        { .name = "devices",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &o->devices,
          .min = 2,
          .max = PILOT_DEVICES_MAX,
          .help = "devices in all; the last one is this machine [20]" },
        { .name = "sites",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &o->sites,
          .min = 1,
          .max = PILOT_SITES_MAX,
          .help = "sites, each with a gateway [1]" },
        { .name = "dir",
          .value = "DIR",
          .kind = SV_OPTION_TEXT,
          .target = &o->dir,
          .help = "where everything is kept [./pilot]" },
        { .name = "bind",
          .value = "ADDR",
          .kind = SV_OPTION_TEXT,
          .target = &o->bind,
          .help = "serve the dashboard over HTTPS on this address as well" },
        { .name = "seconds",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &o->seconds,
          .min = 1,
          .max = 1e9,
          .help = "stop after so long; with --check the time the checks may take" },
        { .name = "check",
          .kind = SV_OPTION_FLAG,
          .target = &o->check,
          .help = "prove that every hop works, and with several sites that one may lose its link; "
                  "exit 0 or "
                  "1" },
        { .name = "fresh",
          .kind = SV_OPTION_FLAG,
          .target = &o->fresh,
          .help = "forget the data of earlier runs" },
        { .name = "output",
          .value = "json|table",
          .kind = SV_OPTION_TEXT,
          .target = &output,
          .help = "how --check prints its summary [table]" },
    };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge pilot [options]", ABOUT, options, SV_COUNT(options));
        return err;
    }
    SV_TRY(err);
    if (o->devices <= o->sites) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--sites %lld needs --devices %lld or more: a machine per site, and this "
                       "one",
                       (long long) o->sites, (long long) o->sites + 1);
    }
    struct in_addr address;
    if (o->bind != NULL && inet_pton(AF_INET, o->bind, &address) != 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--bind \"%.60s\" is not an IPv4 address like 192.0.2.7", o->bind);
    }
    o->json = strcmp(output, "json") == 0;
    if (!o->json && strcmp(output, "table") != 0) {
        return sv_fail(why, SV_ERR_INVALID, "--output \"%s\" is neither json nor table", output);
    }
    return SV_OK;
}

int cmd_pilot(int argc, char **argv) {
    static pilot p;
    sv_why why = { 0 };
    p = (pilot){ .options = { .devices = 20, .sites = 1, .dir = "./pilot" }, .lock_fd = -1 };
    sv_err err = parse(argc, argv, &p.options, &why);
    if (err == SV_ERR_STATE) {
        return SV_EXIT_DONE;
    }
    bool passed = true;
    if (err == SV_OK) {
        err = sv_loop_open(&p.loop, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    sv_timer *tending = sv_timer_new(p.loop, tend, &p);
    p.tending = tending;
    err = run(&p, &passed, &why);
    sv_timer_drop(&tending);
    bool stopped_by_hand = p.interrupted && err == SV_ERR_STATE;
    if (p.child_count > 0) {
        pilot_say("stopping");
    }
    pilot_stop(&p);
    sv_loop_drop(&p.loop);
    sv_fd_drop(&p.lock_fd);
    if (err != SV_OK && !stopped_by_hand) {
        if (p.going_on) {
            pilot_say("should the old data in %s be at fault: --fresh starts anew, --dir OTHER "
                      "elsewhere",
                      p.dir);
        }
        return sv_exit_with(err, &why);
    }
    return passed ? SV_EXIT_DONE : SV_EXIT_NO;
}
