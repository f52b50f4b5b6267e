#include "agent.h"
#include "enrol.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_MACHINE = 5, HELP_BYTES_MAX = 16384 };

typedef struct arguments {
    const char *config;
    bool check_only, help, version;
} arguments;

static int print_help(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf keys = SV_TEXTBUF_HEAP(HELP_BYTES_MAX);
    sv_config_help(SV_AGENT_KEYS, &keys);
    (void) printf("usage: selvedge-agent --config FILE [--check-config]\n"
                  "       selvedge-agent enrol ID --at HOST:PORT --pin sha256:...\n\n"
                  "Sends this device's readings and health to its gateway. 'enrol' gets its\n"
                  "certificate first, and says more with --help.\n\n"
                  "  --config FILE    the configuration\n"
                  "  --check-config   say what is wrong with it and end\n"
                  "  --version        print the version and end\n"
                  "  --help           print this and end\n\n"
                  "Exit codes: 0 done, 2 wrong usage or configuration, 5 this machine.\n\n"
                  "Keys of the configuration:\n" SV_TEXT_FMT,
                  SV_TEXT_ARG(sv_textbuf_text(&keys)));
    return EXIT_DONE;
}

static bool parse_arguments(int argc, char **argv, arguments *out) {
    static const struct option OPTIONS[] = {
        { "config", required_argument, NULL, 'c' },
        { "check-config", no_argument, NULL, 'k' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    for (int option = 0; (option = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1;) {
        out->config = option == 'c' ? optarg : out->config;
        out->check_only = out->check_only || option == 'k';
        out->help = out->help || option == 'h';
        out->version = out->version || option == 'v';
        if (option == '?') {
            return false;
        }
    }
    if (optind < argc) {
        (void) fprintf(stderr, "selvedge-agent: \"%s\" is not an option\n", argv[optind]);
        return false;
    }
    if (out->config == NULL && !out->help && !out->version) {
        (void) fprintf(stderr, "selvedge-agent: name the configuration with --config FILE\n");
        return false;
    }
    return true;
}

static int exit_code_of(sv_err err) {
    return err == SV_ERR_IO || err == SV_ERR_NOT_FOUND || err == SV_ERR_NO_SPACE ? EXIT_MACHINE
                                                                                 : EXIT_USAGE;
}

static int fail(sv_err err, const sv_why *why) {
    (void) fprintf(stderr, "selvedge-agent: %s\n", why->text);
    return exit_code_of(err);
}

static int read_config(const char *path, sv_agent_config *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    sv_why why;
    sv_err err = sv_disk_read(path, &yaml, &why);
    if (err != SV_OK) {
        (void) fprintf(stderr, "selvedge-agent: %s\n", why.text);
        return EXIT_USAGE;
    }
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    if (sv_agent_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static void on_signal(void *agent) {
    sv_agent_close(agent);
}

static sv_err run(const sv_agent_config *config, sv_why *why) {
    sv_tls_files files = { .ca = config->tls.ca,
                           .cert = config->tls.cert,
                           .key = config->tls.key,
                           .foreign = config->gateway.acks };
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_TRY(sv_tls_client(&files, &tls, why));
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_TRY(sv_loop_open(&loop, why));
    SV_DEFER(sv_agent_drop) sv_agent *agent = NULL;
    SV_TRY(sv_agent_open(loop, config, tls, &agent, why));
    SV_TRY(sv_loop_on_signal(loop, SIGTERM, on_signal, agent, why));
    SV_TRY(sv_loop_on_signal(loop, SIGINT, on_signal, agent, why));
    SV_LOG(info, "agent.start", "%s, gateway %s:%d", config->id, config->gateway.host,
           (int) config->gateway.port);
    SV_TRY(sv_loop_run(loop, why));
    // What is written but not sent, the DISCONNECT above all.
    sv_loop_turn(loop, 0);
    SV_LOG(info, "agent.stop", "%s", config->id);
    return SV_OK;
}

int main(int argc, char **argv) {
    arguments args = { 0 };
    if (argc > 1 && strcmp(argv[1], "enrol") == 0) {
        return sv_agent_enrol(argc - 1, argv + 1);
    }
    if (!parse_arguments(argc, argv, &args)) {
        return EXIT_USAGE;
    }
    if (args.help) {
        return print_help();
    }
    if (args.version) {
        (void) printf("selvedge-agent %s\n", SV_VERSION);
        return EXIT_DONE;
    }
    static sv_agent_config config;
    int code = read_config(args.config, &config);
    if (code != EXIT_DONE) {
        return code;
    }
    if (args.check_only) {
        (void) printf("configuration is fine\n");
        return EXIT_DONE;
    }
    sv_log_open("selvedge-agent", SV_LOG_info);
    sv_why why = { 0 };
    sv_err err = run(&config, &why);
    return err == SV_OK ? EXIT_DONE : fail(err, &why);
}
