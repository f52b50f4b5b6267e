#include "agent.h"
#include "box.h"
#include "enrol.h"
#include "update_command.h"

#include <base/mem.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/daemon.h>
#include <sys/log.h>

static void list_keys(sv_textbuf *out) {
    sv_config_help(SV_AGENT_KEYS, out);
}

static const sv_daemon DAEMON = {
    .name = "selvedge-agent",
    .usage = "selvedge-agent --config FILE [--check-config]\n"
             "       selvedge-agent enrol ID --at HOST:PORT --pin sha256:...\n"
             "       selvedge-agent update status|history|rollback",
    .about = "Sends this device's readings and health to its gateway. 'enrol' gets its\n"
             "certificate first, and says more with --help.",
    .keys = list_keys,
};

static int read_config(const char *path, sv_agent_config *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    sv_why why;
    if (sv_disk_read(path, &yaml, &why) != SV_OK) {
        return sv_daemon_fail(&DAEMON, SV_ERR_INVALID, &why);
    }
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    if (sv_agent_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
        return SV_DAEMON_USAGE;
    }
    return SV_DAEMON_DONE;
}

static void on_signal(void *agent) {
    sv_agent_close(agent);
}

static sv_err run(const sv_agent_config *config, const char *config_path, sv_why *why) {
    sv_tls_files files = { .ca = config->tls.ca,
                           .cert = config->tls.cert,
                           .key = config->tls.key,
                           .foreign = config->gateway.acks };
    SV_DEFER(sv_agent_script_drop) sv_agent_script *script = NULL;
    if (config->update.socket[0] != '\0' && config->update.health.script[0] != '\0') {
        SV_TRY(sv_agent_script_open(config->update.health.script, &script, why));
    }
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_TRY(sv_tls_client(&files, &tls, why));
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_TRY(sv_loop_open(&loop, why));
    SV_DEFER(sv_agent_drop) sv_agent *agent = NULL;
    SV_TRY(sv_agent_open(loop, config, tls, &script, &agent, why));
    SV_TRY(sv_loop_on_signal(loop, SIGTERM, on_signal, agent, why));
    SV_TRY(sv_loop_on_signal(loop, SIGINT, on_signal, agent, why));
    SV_TRY(sv_agent_box_enter(config, config_path, why));
    SV_LOG(info, "agent.start", "%s, gateway %s:%d", config->id, config->gateway.host,
           (int) config->gateway.port);
    SV_TRY(sv_loop_run(loop, why));
    // What is written but not sent, the DISCONNECT above all.
    sv_loop_turn(loop, 0);
    SV_LOG(info, "agent.stop", "%s", config->id);
    return SV_OK;
}

int main(int argc, char **argv) {
    sv_daemon_asked asked;
    sv_mem_frugal();
    if (argc > 1 && strcmp(argv[1], "enrol") == 0) {
        return sv_agent_enrol(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "update") == 0) {
        return sv_agent_update_command(argc - 1, argv + 1);
    }
    int early = sv_daemon_read(&DAEMON, argc, argv, &asked);
    if (early >= 0) {
        return early;
    }
    static sv_agent_config config;
    int code = read_config(asked.config, &config);
    if (code != SV_DAEMON_DONE) {
        return code;
    }
    if (asked.check) {
        return sv_daemon_fine(asked.config);
    }
    sv_log_open(DAEMON.name, SV_LOG_info);
    sv_why why = { 0 };
    sv_err err = run(&config, asked.config, &why);
    return err == SV_OK ? SV_DAEMON_DONE : sv_daemon_fail(&DAEMON, err, &why);
}
