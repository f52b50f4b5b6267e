#include <sys/daemon.h>

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/log.h>

enum { COMMON = 4, FIRST_OWN = 1000 };

static int print_help(const sv_daemon *daemon) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf keys = SV_TEXTBUF_HEAP(SV_DAEMON_KEYS_MAX);
    daemon->keys(&keys);
    if (sv_textbuf_end(&keys) != SV_OK) {
        return SV_DAEMON_MACHINE;
    }
    (void) printf(
        "usage: %s\n\n%s\n\n"
        "  --config FILE    the configuration, YAML\n"
        "  --check-config   only say what is wrong with it: exit 0 when nothing is, else 2\n"
        "%s"
        "  --version        print the version\n"
        "  --help           print this\n\n"
        "%s"
        "Exit codes: 0 done, 2 wrong usage or configuration, 5 this machine (disk full, port "
        "taken, permission).\n\n"
        "Keys of the configuration:\n\n%s",
        daemon->usage, daemon->about, daemon->own != NULL ? daemon->own : "",
        daemon->notes != NULL ? daemon->notes : "", keys.at);
    return fflush(stdout) == 0 ? SV_DAEMON_DONE : SV_DAEMON_MACHINE;
}

static int print_version(const sv_daemon *daemon) {
    (void) printf("%s %s\n", daemon->name, SV_VERSION);
    return fflush(stdout) == 0 ? SV_DAEMON_DONE : SV_DAEMON_MACHINE;
}

static void list_options(const sv_daemon *daemon, struct option *out) {
    static const struct option all[COMMON] = { { "config", required_argument, NULL, 'c' },
                                               { "check-config", no_argument, NULL, 'k' },
                                               { "version", no_argument, NULL, 'v' },
                                               { "help", no_argument, NULL, 'h' } };
    for (size_t i = 0; i < COMMON; i++) {
        out[i] = all[i];
    }
    for (size_t i = 0; i < daemon->option_count; i++) {
        const sv_daemon_option *own = &daemon->options[i];
        out[COMMON + i] =
            (struct option){ .name = own->name,
                             .has_arg = own->text != NULL ? required_argument : no_argument,
                             .val = FIRST_OWN + (int) i };
    }
}

static void take_own(const sv_daemon_option *own) {
    if (own->text != NULL) {
        *own->text = optarg;
    } else {
        *own->flag = true;
    }
}

/// How `--help` is reached, after what was wrong.
static int say_wrong(const sv_daemon *daemon) {
    (void) fprintf(stderr, "%s: --help explains\n", daemon->name);
    return SV_DAEMON_USAGE;
}

int sv_daemon_read(const sv_daemon *daemon, int argc, char **argv, sv_daemon_asked *out) {
    struct option options[COMMON + SV_DAEMON_OPTIONS_MAX + 1] = { 0 };
    assert(daemon->option_count <= SV_DAEMON_OPTIONS_MAX);
    list_options(daemon, options);
    *out = (sv_daemon_asked){ .config = NULL };
    optind = 1;
    for (int got = 0; (got = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (got) {
        case 'c':
            out->config = optarg;
            break;
        case 'k':
            out->check = true;
            break;
        case 'v':
            return print_version(daemon);
        case 'h':
            return print_help(daemon);
        case '?': // getopt has said what
            return say_wrong(daemon);
        default:
            take_own(&daemon->options[got - FIRST_OWN]);
        }
    }
    if (optind < argc) {
        (void) fprintf(stderr, "%s: \"%s\" is not an option\n", daemon->name, argv[optind]);
        return say_wrong(daemon);
    }
    if (out->config == NULL) {
        (void) fprintf(stderr, "%s: name the configuration with --config FILE\n", daemon->name);
        return say_wrong(daemon);
    }
    return -1;
}

int sv_daemon_fine(const char *file) {
    (void) printf("%s: no faults\n", file);
    return fflush(stdout) == 0 ? SV_DAEMON_DONE : SV_DAEMON_MACHINE;
}

int sv_daemon_fail(const sv_daemon *daemon, sv_err err, const sv_why *why) {
    (void) fprintf(stderr, "%s: %s\n", daemon->name, why->text);
    return err == SV_ERR_INVALID ? SV_DAEMON_USAGE : SV_DAEMON_MACHINE;
}

sv_err sv_daemon_seal(const sv_sandbox *box, sv_why *why) {
    SV_TRY(sv_sandbox_calls(box, why));
    sv_log_write(sv_sandbox_is_confined() || box->every_path ? SV_LOG_info : SV_LOG_warn,
                 "sandbox.on", "%s; calls filtered, no new rights", sv_sandbox_state());
    return SV_OK;
}
