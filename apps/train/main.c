// selvedge-train: a training set on stdin, a model on stdout, progress on stderr. `selvedge model
// train` reads the files and calls it; it is a program of its own so that nothing else links
// xgboost.
#include "train.h"
#include <base/mem.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_MACHINE = 5, CHUNK_BYTES = 1 << 16 };

static int help(void) {
    (void) fputs("usage: selvedge-train < TRAINING-SET > MODEL\n\n"
                 "Grows the trees for `selvedge model train`, which reads your files, calls this "
                 "program and\n"
                 "writes the model. There is nothing to set here; begin with\n\n"
                 "  selvedge model train --help\n",
                 stdout);
    return EXIT_DONE;
}

static int fail(sv_err err, const sv_why *why) {
    (void) fprintf(stderr, "selvedge-train: %s\n", why->text);
    return err == SV_ERR_INVALID ? EXIT_USAGE : EXIT_MACHINE;
}

static sv_err read_all(FILE *from, sv_textbuf *out, sv_why *why) {
    static char chunk[CHUNK_BYTES];
    size_t len = 0;
    while ((len = fread(chunk, 1, sizeof chunk, from)) > 0) {
        sv_textbuf_add(out, (sv_text){ .at = chunk, .len = len });
    }
    if (ferror(from) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read the training set: %m");
    }
    return out->overflowed ? sv_fail(why, SV_ERR_INVALID,
                                     "the training set is larger than %zu MiB; take fewer rows",
                                     SV_TRAINING_BYTES_MAX >> 20)
                           : SV_OK;
}

static sv_err run(sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TRAINING_BYTES_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf model = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    SV_TRY(read_all(stdin, &bytes, why));
    SV_TRY(sv_training_set_read(sv_textbuf_text(&bytes), set, why));
    SV_TRY(train(set, &model, why));
    if (fwrite(model.at, 1, model.len, stdout) != model.len || fflush(stdout) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot write the model: %m");
    }
    return SV_OK;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void) printf("selvedge-train %s\n", SV_VERSION);
        return EXIT_DONE;
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        return help();
    }
    sv_why why = { 0 };
    if (argc > 1) {
        return fail(
            sv_fail(&why, SV_ERR_INVALID, "\"%.60s\" is one argument too many; --help", argv[1]),
            &why);
    }
    sv_err err = run(&why);
    return err == SV_OK ? EXIT_DONE : fail(err, &why);
}
