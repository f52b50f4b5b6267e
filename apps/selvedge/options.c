#include "options.h"
#include <base/num.h>
#include <stdio.h>
#include <string.h>

static const sv_option *find(const sv_option *options, size_t count, sv_text name) {
    for (size_t i = 0; i < count; i++) {
        if (sv_text_is(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

static sv_err out_of_bounds(const sv_option *option, const char *value, sv_why *why) {
    return sv_fail(why, SV_ERR_INVALID, "--%s %s is outside %.15g to %.15g", option->name, value,
                   option->min, option->max);
}

static sv_err set_number(const sv_option *option, const char *value, sv_why *why) {
    double number = 0;
    bool whole = option->kind == SV_OPTION_INT;
    if (sv_num_parse(sv_text_of(value), &number) != SV_OK
        || (whole && (number < -9e15 || number > 9e15 || number != (double) (int64_t) number))) {
        return sv_fail(why, SV_ERR_INVALID, "--%s \"%.60s\" is not a %snumber", option->name, value,
                       whole ? "whole " : "");
    }
    bool bounded = option->min < option->max;
    if (bounded && (number < option->min || number > option->max)) {
        return out_of_bounds(option, value, why);
    }
    if (whole) {
        *(int64_t *) option->target = (int64_t) number;
    } else {
        *(double *) option->target = number;
    }
    return SV_OK;
}

static sv_err add_to_list(const sv_option *option, const char *value, sv_why *why) {
    const char **list = option->target;
    for (size_t i = 0; i + 1 < SV_OPTION_LIST_MAX; i++) {
        if (list[i] == NULL) {
            list[i] = value;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "--%s stands more than %d times", option->name,
                   SV_OPTION_LIST_MAX - 1);
}

static sv_err set_value(const sv_option *option, const char *value, sv_why *why) {
    switch (option->kind) {
    case SV_OPTION_TEXT:
        *(const char **) option->target = value;
        return SV_OK;
    case SV_OPTION_LIST:
        return add_to_list(option, value, why);
    case SV_OPTION_INT:
    case SV_OPTION_NUMBER:
        return set_number(option, value, why);
    case SV_OPTION_FLAG:
    default:
        return sv_fail(why, SV_ERR_INVALID, "--%s takes no value", option->name);
    }
}

/// argv[*at] is an option; moves *at past its value.
static sv_err take_option(int argc, char **argv, int *at, const sv_option *options, size_t count,
                          bool *seen, sv_why *why) {
    sv_text rest = sv_text_of(argv[*at] + 2);
    bool joined = strchr(argv[*at], '=') != NULL;
    sv_text name = sv_text_cut(&rest, '=');
    if (sv_text_is(name, "help")) {
        return SV_ERR_STATE;
    }
    const sv_option *option = find(options, count, name);
    if (option == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "there is no option --%.*s; --help lists them",
                       SV_TEXT_ARG(name));
    }
    seen[option - options] = true;
    if (option->kind == SV_OPTION_FLAG && !joined) {
        *(bool *) option->target = true;
        return SV_OK;
    }
    if (!joined && ++*at >= argc) {
        return sv_fail(why, SV_ERR_INVALID, "--%s needs a value: --%s %s", option->name,
                       option->name, option->value);
    }
    return set_value(option, joined ? rest.at : argv[*at], why);
}

enum { OPTIONS_MAX = 64 };

sv_err sv_options_parse(int argc, char **argv, const sv_option *options, size_t count,
                        const char **plain, size_t plain_max, sv_why *why) {
    bool seen[OPTIONS_MAX] = { false };
    size_t plain_count = 0;
    bool only_plain = false;
    for (int at = 1; at < argc; at++) {
        if (!only_plain && strcmp(argv[at], "--") == 0) {
            only_plain = true;
        } else if (!only_plain && strncmp(argv[at], "--", 2) == 0) {
            SV_TRY(take_option(argc, argv, &at, options, count, seen, why));
        } else if (plain_count >= plain_max) {
            return sv_fail(why, SV_ERR_INVALID, "\"%.80s\" is one argument too many", argv[at]);
        } else {
            plain[plain_count++] = argv[at];
        }
    }
    if (plain != NULL) {
        plain[plain_count] = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (options[i].required && !seen[i]) {
            return sv_fail(why, SV_ERR_INVALID, "--%s %s is missing: %s", options[i].name,
                           options[i].value, options[i].help);
        }
    }
    return SV_OK;
}

void sv_options_help(const char *usage, const char *about, const sv_option *options, size_t count) {
    (void) printf("usage: %s\n\n%s\n", usage, about);
    for (size_t i = 0; i < count; i++) {
        char left[64];
        (void) snprintf(left, sizeof left, "--%s%s%s", options[i].name,
                        options[i].value == NULL ? "" : " ",
                        options[i].value == NULL ? "" : options[i].value);
        (void) printf("%s  %-22s %s%s\n", i == 0 ? "\n" : "", left, options[i].help,
                      options[i].required ? " (required)" : "");
    }
}
