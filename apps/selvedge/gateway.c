// `selvedge gateway`: the operator's noun for what the program selvedge-gateway does from the
// command line. It becomes that program, found beside this one or in PATH; `status` asks a running
// one.
#include "command.h"
#include "gateway_status.h"
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <unistd.h>

#define PROGRAM "selvedge-gateway"

enum { ARGS_MAX = 32 };

static int become(char *const *args) {
    char beside[SV_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", beside, sizeof beside - sizeof PROGRAM);
    beside[len < 0 ? 0 : len] = '\0';
    char *slash = strrchr(beside, '/');
    if (slash != NULL) {
        memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
        (void) execv(beside, args);
    }
    (void) execvp(PROGRAM, args);
    sv_why why;
    sv_err err =
        sv_fail(&why, SV_ERR_IO,
                "cannot start " PROGRAM ", neither as '%s' nor from PATH: %m; install it", beside);
    return sv_exit_with(err, &why);
}

static bool wants_help(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static int mosquitto_config(int argc, char **argv) {
    if (wants_help(argc, argv)) {
        (void) puts(
            "usage: selvedge gateway mosquitto-config --config FILE --acl FILE --broker-cert FILE\n"
            "           --broker-key FILE --data DIR [...]\n\n"
            "Print the configuration of a mosquitto that serves this gateway and its devices: "
            "mutual\n"
            "TLS, who may say what by certificate, bounded connections, packets and queues. The\n"
            "rules by certificate are written to --acl. It is the whole file: what stands in two\n"
            "files mosquitto refuses. With broker: {crl: FILE} start the gateway first, which "
            "fetches\n"
            "the revocation list.\n\n"
            "  selvedge gateway mosquitto-config --config gateway.yaml --acl /etc/mosquitto/acl\n"
            "      --broker-cert broker.crt --broker-key broker.key --data /var/lib/mosquitto\n"
            "      > /etc/mosquitto/mosquitto.conf\n\n"
            "  --config FILE          the gateway's YAML: host and port, CA, CRL (required)\n"
            "  --acl FILE             where the rules go (required)\n"
            "  --broker-cert FILE     the broker's own certificate, role server (required)\n"
            "  --broker-key FILE      its key (required)\n"
            "  --data DIR             folder of the broker's persistence (required)\n\n"
            "`" PROGRAM " --help` lists the keys of the YAML and every option.");
        return SV_EXIT_DONE;
    }
    char *args[ARGS_MAX] = { (char[]){ PROGRAM }, (char[]){ "--print-mosquitto-config" } };
    if (argc > ARGS_MAX - 2) {
        (void) fprintf(stderr, "selvedge: more than %d arguments\n", ARGS_MAX - 3);
        return SV_EXIT_USAGE;
    }
    for (int i = 1; i < argc; i++) {
        args[i + 1] = argv[i];
    }
    return become(args);
}

static int become_check(const char *file, const char *device, const char *sensor) {
    const char *args[ARGS_MAX] = { PROGRAM, "--check-config", "--config", file };
    size_t count = 4;
    if (device != NULL) {
        args[count++] = "--device";
        args[count++] = device;
    }
    if (sensor != NULL) {
        args[count++] = "--sensor";
        args[count++] = sensor;
    }
    // execv takes them as char *const and leaves them alone.
    char *plain[ARGS_MAX] = { NULL };
    memcpy(plain, args, sizeof plain);
    return become(plain);
}

static int check(int argc, char **argv) {
    const char *plain[2] = { NULL };
    const char *device = NULL;
    const char *sensor = NULL;
    const sv_option options[] = {
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &device,
          .help = "what this one gets; without it those that the file names, and any other" },
        { .name = "sensor",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &sensor,
          .help = "of this one; without it those that the file speaks of, and any other" },
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge gateway check FILE [--device ID] [--sensor NAME]",
            "Is this a configuration a gateway can start with, and what would each device get?\n"
            "Exit 0: yes, and each rule with the line where it stands; 2: no, with every fault on "
            "a\nline of its own: file:line:column: what is wrong.\n\n"
            "  selvedge gateway check /etc/selvedge/gateway.yaml --device press-1",
            options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID,
                      "name the gateway's YAML file: selvedge gateway check gateway.yaml");
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return become_check(plain[0], device, sensor);
}

int cmd_gateway(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "status", "how the gateway on this machine is doing", cmd_gateway_status },
        { "set-aside", "what quarantined devices have measured", cmd_gateway_set_aside },
        { "release", "end a quarantine that this gateway began", cmd_gateway_release },
        { "check", "is a configuration good, and what does each device get?", check },
        { "mosquitto-config", "print the configuration of a broker for it", mosquitto_config },
    };
    return sv_command_run("selvedge gateway", "A site's gateway, from the command line.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
