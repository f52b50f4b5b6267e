#include "command.h"
#include <stdio.h>
#include <string.h>

enum { PORT_MQTT = 8883 };

// docs/spec/command-line.md has this table for people. [cli-4]
int sv_exit_of(sv_err err) {
    static const int EXITS[SV_ERR__COUNT] = {
        [SV_OK] = SV_EXIT_DONE,
        [SV_ERR_INVALID] = SV_EXIT_USAGE,   // typed wrong, or a file or configuration is broken
        [SV_ERR_NOT_FOUND] = SV_EXIT_USAGE, // what was named is not there
        [SV_ERR_STATE] = SV_EXIT_NO,        // taken, over, done already, somebody was faster
        [SV_ERR_UNAVAILABLE] = SV_EXIT_UNREACHABLE,
        [SV_ERR_UNTRUSTED] = SV_EXIT_REFUSED,
        [SV_ERR_NO_SPACE] = SV_EXIT_MACHINE,
        [SV_ERR_IO] = SV_EXIT_MACHINE,
    };
    return err >= 0 && err < SV_ERR__COUNT ? EXITS[err] : SV_EXIT_MACHINE;
}

sv_err sv_status_err(int status) {
    switch (status) {
    case 401:
    case 403:
        return SV_ERR_UNTRUSTED;
    case 404:
        return SV_ERR_NOT_FOUND;
    case 409:
    case 412:
        return SV_ERR_STATE;
    case 429:
        return SV_ERR_UNAVAILABLE; // later
    default:
        return status >= 400 && status < 500 ? SV_ERR_INVALID : SV_ERR_UNAVAILABLE;
    }
}

int sv_exit_with(sv_err err, const sv_why *why) {
    (void) fprintf(stderr, "selvedge: %s\n", why->text[0] == '\0' ? sv_err_name(err) : why->text);
    return sv_exit_of(err);
}

sv_err sv_output_parse(const char *text, bool *json, sv_why *why) {
    bool is_json = text != NULL && strcmp(text, "json") == 0;
    if (text != NULL && !is_json && strcmp(text, "table") != 0) {
        return sv_fail(why, SV_ERR_INVALID, "--output is json or table, not '%.64s'", text);
    }
    *json = is_json;
    return SV_OK;
}

sv_err sv_gateway_parse(const char *text, char host[SV_URL_HOST_MAX], uint16_t *port, sv_why *why) {
    sv_why fault = { .text = "" };
    if (sv_host_port_parse(sv_text_of(text), PORT_MQTT, host, port, &fault) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--gateway '%.80s' is not HOST:PORT: %s", text,
                       fault.text);
    }
    return SV_OK;
}

static void list(FILE *to, const sv_command *commands, size_t count) {
    int width = 0;
    for (size_t i = 0; i < count; i++) {
        int len = (int) strlen(commands[i].name);
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < count; i++) {
        (void) fprintf(to, "  %-*s  %s\n", width, commands[i].name, commands[i].help);
    }
}

int sv_command_run(const char *name, const char *about, const sv_command *commands, size_t count,
                   int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        (void) printf("usage: %s COMMAND [options]\n\n%s\n\n", name, about);
        list(stdout, commands, count);
        (void) printf("\n`%s COMMAND --help` explains one and shows an example.\n", name);
        return SV_EXIT_DONE;
    }
    for (size_t i = 0; argc > 1 && i < count; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        (void) fprintf(stderr, "selvedge: there is no `%s %.60s`; there are:\n", name, argv[1]);
    } else {
        (void) fprintf(stderr, "usage: %s COMMAND [options]\n", name);
    }
    list(stderr, commands, count);
    return SV_EXIT_USAGE;
}
