#include "command.h"
#include <stdio.h>
#include <string.h>

int sv_exit_of(sv_err err) {
    switch (err) {
    case SV_OK:
        return SV_EXIT_DONE;
    case SV_ERR_INVALID:
    case SV_ERR_STATE:
        return SV_EXIT_USAGE;
    case SV_ERR_UNTRUSTED:
        return SV_EXIT_REFUSED;
    case SV_ERR_UNAVAILABLE:
        return SV_EXIT_UNREACHABLE;
    case SV_ERR_NOT_FOUND:
    case SV_ERR_NO_SPACE:
    case SV_ERR_IO:
    case SV_ERR__COUNT:
    default:
        return SV_EXIT_MACHINE;
    }
}

int sv_exit_with(sv_err err, const sv_why *why) {
    (void) fprintf(stderr, "selvedge: %s\n", why->text[0] == '\0' ? sv_err_name(err) : why->text);
    return sv_exit_of(err);
}

static void list(FILE *to, const sv_command *commands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void) fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
}

int sv_command_run(const char *name, const char *about, const sv_command *commands, size_t count,
                   int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        (void) printf("usage: %s COMMAND [options]\n\n%s\n\n", name, about);
        list(stdout, commands, count);
        (void) printf("\n`%s COMMAND --help` explains one.\n", name);
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
