// selvedge model train: reads the files, lets selvedge-train grow the trees, writes the model when
// it is whole.
#include "model.h"
#include "model_set.h"
#include <base/fd.h>
#include <base/mem.h>
#include <detect/model_file.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 16 };
static const double CAP_DEFAULT = 125;

typedef struct asked {
    const char *task, *format, *out, *label, *group, *positive;
    const char *data[SV_OPTION_LIST_MAX], *setting[SV_OPTION_LIST_MAX], *ignore[SV_OPTION_LIST_MAX];
    double cap, within;
} asked;

static const char ABOUT[] =
    "Learns from machines of the past how long one like them will last, or what is wrong with it.\n"
    "\n"
    "  selvedge model train --task rul --format cmapss --data train_FD001.txt --out engine.model\n"
    "  selvedge model train --task rul --group machine --data history.csv --out press.model\n"
    "  selvedge model train --task class --label broken --data windows.csv --group machine --out "
    "gear.model\n"
    "  selvedge model train --task class --within 84 --label cause --group machine --data "
    "history.csv --out kind.model\n\n"
    "Remaining life (rul) wants the whole lives of 10 machines or more, row by row in the order of "
    "time, each\n"
    "to the end; estimates are in rows. A class wants rows that stand for themselves and a column "
    "that says\n"
    "what was true of each; or, with --within, whole lives as rul: what is learnt is whether a "
    "machine fails\n"
    "within so many rows, and of what, if a column says it in the machine's last row (empty or ok: "
    "it was\n"
    "renewed in time). Columns of other texts than 16, and columns that count the rows, are "
    "left out.\n"
    "Where machines run under a few operating conditions, name the columns that say which with "
    "--setting.\n\n"
    "What the card of the model claims, and its intervals, come from machines that the trees had "
    "not seen:\n"
    "a fifth of them at a time. The same files give the same model. It takes minutes.";

// ---- the other program --------------------------------------------------------------------------

typedef struct helper {
    pid_t pid;
    int to, from;
} helper;

static sv_err beside_us(char path[SV_PATH_MAX], sv_why *why) {
    ssize_t len = readlink("/proc/self/exe", path, SV_PATH_MAX - sizeof "/selvedge-train");
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot tell where selvedge-train is: %m");
    }
    memcpy(slash, "/selvedge-train", sizeof "/selvedge-train");
    return access(path, X_OK) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO,
                         "'%s' is not there; it grows the trees and belongs beside this program",
                         path);
}

/// Between fork and exec.
static void become(char *path, int in, int out, pid_t parent) {
    char *const args[] = { path, NULL };
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        (void) execv(path, args);
    }
    _exit(SV_EXIT_MACHINE);
}

static sv_err start(helper *out, sv_why *why) {
    char path[SV_PATH_MAX];
    int in[2] = { -1, -1 }, back[2] = { -1, -1 };
    SV_TRY(beside_us(path, why));
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make a pipe: %m");
    }
    pid_t parent = getpid();
    out->pid = fork();
    if (out->pid == 0) {
        become(path, in[0], back[1], parent);
    }
    (void) close(in[0]);
    (void) close(back[1]);
    out->to = in[1];
    out->from = back[0];
    return out->pid > 0 ? SV_OK : sv_fail(why, SV_ERR_IO, "cannot start selvedge-train: %m");
}

/// It reads all before it writes anything. One that ended early says why itself.
static void give(helper *of, sv_text bytes) {
    (void) signal(SIGPIPE, SIG_IGN);
    while (bytes.len > 0) {
        ssize_t len = write(of->to, bytes.at, bytes.len);
        if (len < 0 && errno != EINTR) {
            break;
        }
        bytes.at += len > 0 ? len : 0;
        bytes.len -= len > 0 ? (size_t) len : 0;
    }
    sv_fd_drop(&of->to);
}

static void take(helper *of, sv_textbuf *out) {
    char chunk[CHUNK_BYTES];
    ssize_t len = 0;
    while ((len = read(of->from, chunk, sizeof chunk)) > 0 || (len < 0 && errno == EINTR)) {
        sv_textbuf_add(out, (sv_text){ .at = chunk, .len = len > 0 ? (size_t) len : 0 });
    }
    sv_fd_drop(&of->from);
}

/// The exit code is the helper's, which has said why.
static int grow(sv_text set, sv_textbuf *model, sv_why *why) {
    helper of = { .to = -1, .from = -1 };
    if (start(&of, why) != SV_OK) {
        return sv_exit_with(SV_ERR_IO, why);
    }
    give(&of, set);
    take(&of, model);
    int status = 0;
    while (waitpid(of.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    (void) sv_fail(why, SV_ERR_IO, "selvedge-train was ended by signal %d", WTERMSIG(status));
    return sv_exit_with(SV_ERR_IO, why);
}

// ---- the command --------------------------------------------------------------------------------

static sv_err check(const asked *a, sv_model_task *task, bool *is_cmapss, sv_why *why) {
    *is_cmapss = a->format != NULL && strcmp(a->format, "cmapss") == 0;
    bool is_class = strcmp(a->task, "class") == 0;
    *task = is_class ? SV_MODEL_CLASS : SV_MODEL_RUL;
    if (!is_class && strcmp(a->task, "rul") != 0) {
        return sv_fail(why, SV_ERR_INVALID, "--task is rul or class, not '%.40s'", a->task);
    }
    if (a->format != NULL && !*is_cmapss && strcmp(a->format, "csv") != 0) {
        return sv_fail(why, SV_ERR_INVALID, "--format is csv or cmapss, not '%.40s'", a->format);
    }
    if (a->within > 0 && (!is_class || a->positive != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--within belongs to --task class, and looks for failures: without "
                       "--positive");
    }
    if (*is_cmapss && ((is_class && !(a->within > 0)) || a->label != NULL || a->group != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "NASA's format says itself what its columns are, and holds lives: --task "
                       "rul, or class with --within, without --label and --group");
    }
    if (is_class && a->label == NULL && !(a->within > 0)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--task class needs --label COLUMN: what was true of each row? Or --within "
                       "ROWS: what fails within so many rows?");
    }
    if (a->within > 0 && !*is_cmapss && a->group == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--within needs --group COLUMN: which machine is each row of?");
    }
    if (!is_class && !*is_cmapss && a->group == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--task rul needs --group COLUMN: which machine is each row of?");
    }
    return SV_OK;
}

static sv_err gather(const asked *a, sv_model_task task, bool is_cmapss, sv_textbuf *set,
                     sv_why *why) {
    static const char *const CMAPSS_SETTINGS[] = { "setting_1", "setting_2", "setting_3", NULL };
    SV_DEFER(model_data_drop) model_data data = { .rows = 0 };
    const model_data_plan read = { .is_cmapss = is_cmapss, .group = a->group, .ignore = a->ignore };
    for (size_t i = 0; a->data[i] != NULL; i++) {
        SV_TRY(model_data_read(&data, a->data[i], &read, why));
    }
    const model_set_plan plan = { .task = task,
                                  .label = a->label,
                                  .within = (uint32_t) a->within,
                                  .group = is_cmapss ? "unit" : a->group,
                                  .positive = a->positive,
                                  .setting = is_cmapss ? CMAPSS_SETTINGS : a->setting,
                                  .cap = a->cap };
    return model_set_make(&data, &plan, set, why);
}

static int write_model(const asked *a, sv_text bytes, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    sv_err err = sv_model_read(bytes, model, why);
    err = err == SV_OK ? sv_disk_replace(a->out, bytes, 0644, why) : err;
    if (err != SV_OK) {
        (void) sv_exit_with(err, why);
        return SV_EXIT_MACHINE;
    }
    (void) printf("%.*s", SV_TEXT_ARG(model->card));
    (void) fprintf(stderr, "%s: %zu bytes\n", a->out, bytes.len);
    return SV_EXIT_DONE;
}

static int run(const asked *a) {
    sv_why why = { 0 };
    sv_model_task task = SV_MODEL_RUL;
    bool is_cmapss = false;
    SV_DEFER(sv_textbuf_drop) sv_textbuf set = SV_TEXTBUF_HEAP(SV_TRAINING_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf model = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    sv_err err = check(a, &task, &is_cmapss, &why);
    err = err == SV_OK ? sv_disk_may_replace(a->out, &why) : err;
    err = err == SV_OK ? gather(a, task, is_cmapss, &set, &why) : err;
    if (err != SV_OK) {
        (void) sv_exit_with(err, &why);
        return err == SV_ERR_NOT_FOUND ? SV_EXIT_USAGE : sv_exit_of(err);
    }
    int code = grow(sv_textbuf_text(&set), &model, &why);
    return code == SV_EXIT_DONE ? write_model(a, sv_textbuf_text(&model), &why) : code;
}

int cmd_model_train(int argc, char **argv) {
    asked a = { .cap = CAP_DEFAULT };
    const sv_option options[] = {
        { .name = "task",
          .value = "rul|class",
          .kind = SV_OPTION_TEXT,
          .target = &a.task,
          .help = "remaining life, or what a row is",
          .required = true },
        { .name = "data",
          .value = "FILE",
          .kind = SV_OPTION_LIST,
          .target = &a.data,
          .help = "what to learn from; - is stdin; may be given again",
          .required = true },
        { .name = "out",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.out,
          .help = "the model",
          .required = true },
        { .name = "format",
          .value = "csv|cmapss",
          .kind = SV_OPTION_TEXT,
          .target = &a.format,
          .help = "a header and rows, or NASA's text format [csv]" },
        { .name = "label",
          .value = "COLUMN",
          .kind = SV_OPTION_TEXT,
          .target = &a.label,
          .help = "what was true of a row; for rul the rows left, where lives are not whole; with "
                  "--within, in a machine's last row, what it has failed of" },
        { .name = "within",
          .value = "ROWS",
          .kind = SV_OPTION_NUMBER,
          .target = &a.within,
          .help = "a class of lives: what comes true within so many rows",
          .min = 1,
          .max = SV_TRAINING_CAP_MAX },
        { .name = "group",
          .value = "COLUMN",
          .kind = SV_OPTION_TEXT,
          .target = &a.group,
          .help = "which machine a row is of; judged by machines that were left out" },
        { .name = "positive",
          .value = "VALUE",
          .kind = SV_OPTION_TEXT,
          .target = &a.positive,
          .help = "of two classes the one to look for" },
        { .name = "setting",
          .value = "COLUMN",
          .kind = SV_OPTION_LIST,
          .target = &a.setting,
          .help = "says which operating condition a machine is in; may be given again" },
        { .name = "ignore",
          .value = "COLUMN",
          .kind = SV_OPTION_LIST,
          .target = &a.ignore,
          .help = "is not to be learnt from; may be given again" },
        { .name = "cap",
          .value = "ROWS",
          .kind = SV_OPTION_NUMBER,
          .target = &a.cap,
          .help = "more rows left than these are as good as new [125]",
          .min = 1,
          .max = SV_TRAINING_CAP_MAX },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge model train --task rul|class --data FILE --out FILE [options]",
                        ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    return err == SV_OK ? run(&a) : sv_exit_with(err, &why);
}
