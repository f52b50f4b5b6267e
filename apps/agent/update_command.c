#include "update_command.h"

#include "config.h"

#include <ddi/updater.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_MACHINE = 5 };
enum { SHOWN_MAX = 16 * 1024, HISTORY_MAX = 128 * 1024, BAR_WIDTH = 30, PERCENT = 100 };

#define ANSWER_US (30 * SV_TIME_SECOND_US)
#define LOOK_AGAIN_US (SV_TIME_SECOND_US / 2)

static const char HELP[] =
    "usage: selvedge-agent update status|history|rollback [--config FILE] [--socket PATH]\n"
    "                             [--output table|json]\n\n"
    "What selvedge-updater of this machine says; only the user that it allows may ask it.\n\n"
    "  status    what runs, what lies in the other slot, and the update under way; on a terminal\n"
    "            it stays until a download is done\n"
    "  history   what updates before came to, when, and for which action of the fleet server;\n"
    "            images that did not prove themselves\n"
    "  rollback  start the release before again, if it was confirmed and may still run\n\n"
    "  --config FILE   the agent's configuration, for `update: {socket: ...}`\n"
    "  --socket PATH   of the updater (" SV_AGENT_UPDATER_SOCKET ")\n\n"
    "Exit codes: 0 done, 1 no, 2 wrong usage, 3 the updater cannot be reached, 5 this machine.\n";

typedef struct wish {
    const char *verb, *config, *socket;
    bool json;
} wish;

/// One question, and what came.
typedef struct talk {
    sv_loop *loop;
    sv_ddi_updater *updater;
    bool ended, answered;
    sv_updater_message answer;
    sv_agent_history history;
    sv_why why;
} talk;

/// What lies in a packet that is gone when the answer was told.
static void keep_entries(const sv_updater_entries *entries, sv_agent_history *out) {
    out->count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const uint8_t *bytes = entries->bytes + i * SV_HISTORY_ENTRY_BYTES;
        if (sv_history_entry_read(bytes, &out->entries[out->count], NULL) == SV_OK) {
            out->count++;
        }
    }
}

static void on_ended(void *arg, const sv_updater_message *answer, const sv_why *why) {
    talk *t = arg;
    t->ended = true;
    t->answered = answer != NULL;
    if (answer != NULL) {
        t->answer = *answer;
        if (answer->verb == SV_UPDATER_ENTRIES) {
            keep_entries(&answer->entries, &t->history);
        }
    } else {
        t->why = *why;
    }
}

static int fail(int code, const char *sentence) {
    (void) fprintf(stderr, "selvedge-agent: %s\n", sentence);
    return code;
}

int64_t sv_agent_update_wait_us(sv_updater_verb verb) {
    return verb == SV_UPDATER_ROLLBACK ? SV_DDI_UPDATER_PATIENCE_US : ANSWER_US;
}

/// SV_OK with a STATUS, ENTRIES or REBOOT in `t->answer`.
static int ask(talk *t, sv_updater_verb verb) {
    t->ended = false;
    if (sv_ddi_updater_ask(t->updater, &(sv_updater_message){ .verb = (uint8_t) verb }) != SV_OK) {
        return fail(EXIT_MACHINE, "the updater cannot be asked");
    }
    int64_t end_us = sv_clock_monotonic_us() + sv_agent_update_wait_us(verb);
    while (!t->ended && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(t->loop, LOOK_AGAIN_US);
    }
    if (!t->ended) {
        sv_ddi_updater_stop(t->updater);
        return fail(EXIT_UNREACHABLE, "the updater does not answer: is it busy with another one?");
    }
    if (!t->answered) {
        return fail(EXIT_UNREACHABLE, t->why.text);
    }
    return t->answer.verb == SV_UPDATER_REFUSED ? fail(EXIT_NO, t->answer.refused.why) : EXIT_DONE;
}

static void print(void (*format)(const sv_updater_status *, sv_textbuf *),
                  const sv_updater_status *status) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SHOWN_MAX);
    format(status, &out);
    (void) fwrite(out.at, 1, out.len, stdout);
}

static void show_bar(const sv_updater_status *status) {
    uint64_t of = status->update.image_bytes;
    unsigned percent = of == 0 ? 0 : (unsigned) (status->written * PERCENT / of);
    unsigned full = percent * BAR_WIDTH / PERCENT;
    char bar[BAR_WIDTH + 1];
    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '#', full < BAR_WIDTH ? full : BAR_WIDTH);
    bar[BAR_WIDTH] = '\0';
    (void) fprintf(stderr, "\r%s [%s] %3u %%", status->update.version, bar, percent);
    (void) fflush(stderr);
}

/// While a download runs and somebody looks.
static int stay(talk *t) {
    int code = EXIT_DONE;
    bool shown = false;
    while (code == EXIT_DONE && t->answer.status.busy
           && t->answer.status.state == SV_TRIAL_DOWNLOADING) {
        show_bar(&t->answer.status);
        shown = true;
        (void) usleep((useconds_t) LOOK_AGAIN_US);
        code = ask(t, SV_UPDATER_ASK);
    }
    if (shown) {
        (void) fputc('\n', stderr);
    }
    return code;
}

static int show_status(talk *t, const wish *w) {
    int code = ask(t, SV_UPDATER_ASK);
    if (code == EXIT_DONE && !w->json && isatty(STDOUT_FILENO) == 1) {
        code = stay(t);
    }
    if (code == EXIT_DONE) {
        print(w->json ? sv_agent_status_json : sv_agent_status_table, &t->answer.status);
    }
    return code;
}

static int show_history(talk *t, const wish *w) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(HISTORY_MAX);
    int code = ask(t, SV_UPDATER_HISTORY);
    code = code == EXIT_DONE ? ask(t, SV_UPDATER_ASK) : code;
    if (code == EXIT_DONE) {
        (w->json ? sv_agent_history_json : sv_agent_history_table)(&t->answer.status, &t->history,
                                                                   &out);
        (void) fwrite(out.at, 1, out.len, stdout);
    }
    return code;
}

static int roll_back(talk *t, const wish *w) {
    int code = ask(t, SV_UPDATER_ROLLBACK);
    if (code == EXIT_DONE) {
        (void) fputs(w->json ? "{\"rollback\":true}\n"
                             : "the release before is started again now\n",
                     stdout);
    }
    return code;
}

static const struct {
    const char *name;
    int (*run)(talk *, const wish *);
} VERBS[] = { { "status", show_status }, { "history", show_history }, { "rollback", roll_back } };

static int read_socket(const wish *w, char room[SV_PATH_MAX]) {
    static sv_agent_config config;
    if (w->socket != NULL || w->config == NULL) {
        const char *path = w->socket != NULL ? w->socket : SV_AGENT_UPDATER_SOCKET;
        return sv_text_copy(sv_text_of(path), room, SV_PATH_MAX) == SV_OK
                   ? EXIT_DONE
                   : fail(EXIT_USAGE, "--socket is too long");
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = w->config };
    sv_why why;
    if (sv_disk_read(w->config, &yaml, &why) != SV_OK) {
        return fail(EXIT_USAGE, why.text);
    }
    if (sv_agent_config_read(sv_textbuf_text(&yaml), &config, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
        return EXIT_USAGE;
    }
    const char *path = config.update.socket;
    (void) snprintf(room, SV_PATH_MAX, "%s", path[0] != '\0' ? path : SV_AGENT_UPDATER_SOCKET);
    return EXIT_DONE;
}

/// -1: go on.
static int read_line(int argc, char **argv, wish *out) {
    static const struct option OPTIONS[] = { { "config", required_argument, NULL, 'c' },
                                             { "socket", required_argument, NULL, 's' },
                                             { "output", required_argument, NULL, 'o' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    *out = (wish){ 0 };
    optind = 1;
    for (int c = 0; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (c == 'h') {
            (void) fputs(HELP, stdout);
            return EXIT_DONE;
        }
        bool is_output = c == 'o' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "table") == 0);
        if (c == '?' || (c == 'o' && !is_output)) {
            return c == '?' ? EXIT_USAGE : fail(EXIT_USAGE, "--output is table or json");
        }
        out->config = c == 'c' ? optarg : out->config;
        out->socket = c == 's' ? optarg : out->socket;
        out->json = c == 'o' ? strcmp(optarg, "json") == 0 : out->json;
    }
    out->verb = optind + 1 == argc ? argv[optind] : NULL;
    return -1;
}

static int run(const wish *w, int (*verb)(talk *, const wish *)) {
    char socket[SV_PATH_MAX];
    static talk t;
    static const sv_ddi_updater_events EVENTS = { .ended = on_ended };
    int code = read_socket(w, socket);
    if (code != EXIT_DONE) {
        return code;
    }
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    const sv_ddi_updater_options options = { .socket = socket, .id = "" };
    if (sv_loop_open(&loop, &t.why) != SV_OK
        || sv_ddi_updater_open(loop, &options, &EVENTS, &t, &t.updater, &t.why) != SV_OK) {
        return fail(EXIT_MACHINE, t.why.text);
    }
    t.loop = loop;
    code = verb(&t, w);
    sv_ddi_updater_drop(&t.updater);
    return code;
}

int sv_agent_update_command(int argc, char **argv) {
    wish w;
    int early = read_line(argc, argv, &w);
    if (early >= 0) {
        return early;
    }
    for (size_t i = 0; w.verb != NULL && i < SV_COUNT(VERBS); i++) {
        if (strcmp(w.verb, VERBS[i].name) == 0) {
            return run(&w, VERBS[i].run);
        }
    }
    (void) fputs("selvedge-agent: update what? status, history or rollback (--help says more)\n",
                 stderr);
    return EXIT_USAGE;
}
