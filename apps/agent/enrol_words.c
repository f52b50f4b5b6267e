#include "enrol.h"

#include <codec/url.h>
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOOR_PORT = 8444, GATEWAY_PORT = 8883, RANDOM_LOOKING = 43 };

static bool is_token_char(char c) {
    return isalnum((unsigned char) c) != 0 || c == '-' || c == '_';
}

// 43 characters with capitals, small letters and digits among them: what 256 random bits look like.
bool sv_agent_looks_like_token(const char *word) {
    bool upper = false;
    bool lower = false;
    bool digit = false;
    size_t len = 0;
    for (; word[len] != '\0'; len++) {
        if (!is_token_char(word[len])) {
            return false;
        }
        upper = upper || isupper((unsigned char) word[len]) != 0;
        lower = lower || islower((unsigned char) word[len]) != 0;
        digit = digit || isdigit((unsigned char) word[len]) != 0;
    }
    return len == RANDOM_LOOKING && upper && lower && digit;
}

sv_err sv_agent_token_parse(sv_text text, char token[SV_AGENT_TOKEN_MAX + 1], sv_why *why) {
    sv_text word = sv_text_trim(text);
    bool good = word.len >= SV_AGENT_TOKEN_MIN && word.len <= SV_AGENT_TOKEN_MAX;
    for (size_t i = 0; good && i < word.len; i++) {
        good = is_token_char(word.at[i]);
    }
    if (word.len == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "no token came on the standard input; pipe it in: echo TOKEN | "
                       "selvedge-agent enrol ...");
    }
    if (!good) {
        return sv_fail(why, SV_ERR_INVALID,
                       "what came on the standard input is no token (one word of letters, digits, "
                       "- and _, %d to %d of them); nothing was sent",
                       SV_AGENT_TOKEN_MIN, SV_AGENT_TOKEN_MAX);
    }
    return sv_text_copy(word, token, SV_AGENT_TOKEN_MAX + 1);
}

/// Refused without a word of it: whoever lists this machine's processes reads their arguments.
static sv_err refuse_tokens(int argc, char **argv, sv_why *why) {
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (sv_agent_looks_like_token(argv[i])
            || (value != NULL && sv_agent_looks_like_token(value + 1))) {
            return sv_fail(why, SV_ERR_INVALID,
                           "a token is no argument, for others on this machine can read those: "
                           "pipe it in (echo TOKEN | selvedge-agent enrol ...), and ask for a new "
                           "one if this machine has other users");
        }
    }
    return SV_OK;
}

typedef struct words {
    const char *id, *at, *pin, *out, *key, *gateway, *org, *unit;
    bool help;
} words;

static sv_err read_words(int argc, char **argv, words *out, sv_why *why) {
    static const struct option OPTIONS[] = {
        { "at", required_argument, NULL, 'a' },
        { "pin", required_argument, NULL, 'p' },
        { "out", required_argument, NULL, 'o' },
        { "key", required_argument, NULL, 'k' },
        { "gateway", required_argument, NULL, 'g' },
        { "org", required_argument, NULL, 'O' },
        { "unit", required_argument, NULL, 'U' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    static const char LETTERS[] = "apokgOU";
    const char **const values[] = { &out->at,      &out->pin, &out->out, &out->key,
                                    &out->gateway, &out->org, &out->unit };
    opterr = 0;
    for (int option = 0; (option = getopt_long(argc, argv, ":h", OPTIONS, NULL)) != -1;) {
        const char *place = strchr(LETTERS, option);
        if (option == '?' || option == ':') {
            const char *wrong = optind > 0 && optind <= argc ? argv[optind - 1] : "";
            return sv_fail(why, SV_ERR_INVALID,
                           option == ':' ? "%.64s needs a value" : "\"%.64s\" is not an option",
                           wrong);
        }
        out->help = out->help || option == 'h';
        if (place != NULL && option != 'h') {
            *values[place - LETTERS] = optarg;
        }
    }
    for (; optind < argc; optind++) {
        if (out->id != NULL) {
            return sv_fail(why, SV_ERR_INVALID, "one id is needed; \"%.64s\" is one too many",
                           argv[optind]);
        }
        out->id = argv[optind];
    }
    return SV_OK;
}

static sv_err check_there(const words *w, sv_why *why) {
    const char *missing = w->id == NULL    ? "the device's id: selvedge-agent enrol ID ..."
                          : w->at == NULL  ? "--at HOST:PORT, the door that certifies"
                          : w->pin == NULL ? "--pin sha256:..., by which the authority is known"
                                           : NULL;
    return missing == NULL ? SV_OK : sv_fail(why, SV_ERR_INVALID, "what is missing is %s", missing);
}

static sv_err find_folder(const words *w, sv_agent_enrolment *out, sv_why *why) {
    char here[PATH_MAX] = "";
    const char *folder = w->out != NULL ? w->out : w->id;
    if (folder[0] != '/' && realpath(".", here) == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot find this folder: %m");
    }
    int len =
        snprintf(out->out, sizeof out->out, "%s%s%s", here, here[0] != '\0' ? "/" : "", folder);
    int key_len = w->key != NULL ? snprintf(out->key, sizeof out->key, "%s", w->key)
                                 : snprintf(out->key, sizeof out->key, "%s/%s.key",
                                            folder[0] == '/' ? folder : out->out, w->id);
    return len > 0 && (size_t) len < sizeof out->out - SV_ID_ROOM && key_len > 0
                   && (size_t) key_len < sizeof out->key
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%.64s' is too long", folder);
}

static sv_err take_words(const words *w, sv_agent_enrolment *out, sv_why *why) {
    SV_TRY(check_there(w, why));
    SV_TRY(sv_id_check("id", sv_text_of(w->id), why));
    SV_TRY(sv_text_copy(sv_text_of(w->id), out->id, sizeof out->id));
    SV_TRY(sv_pin_parse(sv_text_of(w->pin), &out->pin, why));
    sv_why fault = { 0 };
    if (sv_host_port_parse(sv_text_of(w->at), DOOR_PORT, out->host, &out->port, &fault) != SV_OK
        || sv_text_copy(sv_text_of(w->at), out->at, sizeof out->at) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--at \"%.64s\": %s", w->at, fault.text);
    }
    const char *gateway = w->gateway != NULL ? w->gateway : out->host;
    (void) snprintf(out->gateway, sizeof out->gateway, "%s", out->host);
    out->gateway_port = GATEWAY_PORT;
    if (w->gateway != NULL
        && sv_host_port_parse(sv_text_of(gateway), GATEWAY_PORT, out->gateway, &out->gateway_port,
                              &fault)
               != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "--gateway \"%.64s\": %s", gateway, fault.text);
    }
    out->org = w->org;
    out->unit = w->unit;
    return find_folder(w, out, why);
}

sv_err sv_agent_enrol_parse(int argc, char **argv, sv_agent_enrolment *out, bool *help,
                            sv_why *why) {
    words w = { 0 };
    SV_TRY(refuse_tokens(argc, argv, why));
    SV_TRY(read_words(argc, argv, &w, why));
    *help = w.help;
    return w.help ? SV_OK : take_words(&w, out, why);
}
