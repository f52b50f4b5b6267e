// selvedge-signer: holds the issuing key, parses nothing of strangers, has no network.
#include "box.h"
#include "door.h"

#include <crypto/key_store.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/daemon.h>
#include <sys/log.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct program {
    sv_loop *loop;
    signer_config config;
    signer_service service;
    signer_door *door;
    bool failed;
} program;

static void list_keys(sv_textbuf *out) {
    sv_config_help(SIGNER_KEYS, out);
}

static const sv_daemon DAEMON = {
    .name = "selvedge-signer",
    .usage = "selvedge-signer --config FILE [--check-config]",
    .about = "Holds the issuing key and makes certificates, as far as its own policy allows,\n"
             "for the one program of this machine that may ask: the fleet server.",
    .notes = "SIGHUP: read the issuing certificate and key again (selvedge pki rotate).\n",
    .keys = list_keys,
};

static int read_config(const char *path, signer_config *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    sv_why why;
    if (sv_disk_read(path, &yaml, &why) != SV_OK) {
        return sv_daemon_fail(&DAEMON, SV_ERR_INVALID, &why);
    }
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    if (signer_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
        return SV_DAEMON_USAGE;
    }
    return SV_DAEMON_DONE;
}

static void on_stop(void *arg) {
    sv_loop_stop(((program *) arg)->loop);
}

static void on_failure(void *arg) {
    ((program *) arg)->failed = true;
    on_stop(arg);
}

/// Nobody but the signer's user may read the issuing key, not even its group. [signer-9]
static sv_err check_key_file(const signer_config *config, sv_why *why) {
    char path[SV_PATH_MAX];
    struct stat info;
    if (sv_key_is_hard(sv_text_of(config->key))) {
        return SV_OK;
    }
    if (config->key[0] == '\0') {
        SV_TRY(sv_disk_join(path, sizeof path, config->pki, "ca.key"));
    } else {
        SV_TRY(sv_text_copy(sv_text_of(config->key), path, sizeof path));
    }
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' has mode %03o: others may read the issuing key; run: chmod 600 '%s'",
                       path, info.st_mode & 0777, path);
    }
    return SV_OK;
}

static sv_err open_authority(const signer_config *config, sv_authority **out, sv_why *why) {
    SV_TRY(check_key_file(config, why));
    return sv_authority_open(config->pki, config->key[0] != '\0' ? config->key : NULL, out, why);
}

/// The director's key and roots as they are now, after `selvedge director rotate`. [director-9]
static void reload_director(program *p) {
    signer_director *fresh = NULL;
    sv_why why = { 0 };
    if (director_open(p->config.pki, sv_clock_believed_us(), &fresh, &why) != SV_OK) {
        SV_LOG(error, "director.kept", "%s; the director's key of before stays", why.text);
        return;
    }
    if (fresh->version != p->service.director->version) {
        SV_LOG(info, "director.reloaded", "root %lld of the director, key %s",
               (long long) fresh->version, fresh->who.id);
    }
    fresh->minute = p->service.director->minute;
    fresh->count = p->service.director->count;
    director_drop(&p->service.director);
    p->service.director = fresh;
}

/// The issuing certificate and key as they are now; what cannot be read changes nothing.
/// [signer-10]
static void on_reload(void *arg) {
    program *p = arg;
    reload_director(p);
    sv_authority *fresh = NULL;
    sv_why why = { 0 };
    if (open_authority(&p->config, &fresh, &why) != SV_OK) {
        SV_LOG(error, "signer.kept", "%s; the issuing key of before stays", why.text);
        return;
    }
    sv_authority_drop(&p->service.authority);
    p->service.authority = fresh;
    SV_LOG(info, "signer.reloaded", "issuing certificate and key read again");
}

static sv_err start(program *p, sv_why *why) {
    p->service = (signer_service){ .config = &p->config,
                                   .journal = JOURNAL_CLOSED,
                                   .now_us = sv_clock_believed_us };
    SV_TRY(open_authority(&p->config, &p->service.authority, why));
    SV_TRY(journal_open(p->config.pki, &p->service.journal, why));
    SV_TRY(director_open(p->config.pki, sv_clock_believed_us(), &p->service.director, why));
    SV_TRY(sv_loop_open(&p->loop, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGTERM, on_stop, p, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGINT, on_stop, p, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGHUP, on_reload, p, why));
    SV_TRY(door_open(p->loop, &p->service, on_failure, p, &p->door, why));
    SV_TRY(signer_box_enter(&p->config, why));
    SV_LOG(info, "signer.ready", "%s, domain %s", p->config.socket,
           sv_authority_domain(p->service.authority));
    return SV_OK;
}

static void stop(program *p) {
    door_drop(&p->door);
    sv_loop_drop(&p->loop);
    journal_drop(&p->service.journal);
    director_drop(&p->service.director);
    sv_authority_drop(&p->service.authority);
}

static int run(program *p) {
    sv_log_open(DAEMON.name, SV_LOG_info);
    sv_why why = { 0 };
    sv_err err = start(p, &why);
    if (err == SV_OK) {
        err = sv_loop_run(p->loop, &why);
        SV_LOG(info, "signer.stop", "%llu issued, %llu refused",
               (unsigned long long) p->service.issued, (unsigned long long) p->service.refused);
    }
    stop(p);
    if (err != SV_OK) {
        return sv_daemon_fail(&DAEMON, err, &why);
    }
    return p->failed ? SV_DAEMON_MACHINE : SV_DAEMON_DONE;
}

int main(int argc, char **argv) {
    sv_daemon_asked asked;
    int early = sv_daemon_read(&DAEMON, argc, argv, &asked);
    if (early >= 0) {
        return early;
    }
    static program p;
    int code = read_config(asked.config, &p.config);
    if (code != SV_DAEMON_DONE) {
        return code;
    }
    if (asked.check) {
        return sv_daemon_fine(asked.config);
    }
    code = run(&p);
    // Nothing that libraries do at exit is among the calls that are left.
    (void) fflush(NULL);
    _exit(code);
}
