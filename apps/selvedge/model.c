// The noun `model`: trees that say how long a machine will last, or what is wrong with it.
#include "model.h"
#include <base/mem.h>
#include <stdio.h>
#include <sys/disk.h>

sv_err model_load(const char *path, sv_textbuf *bytes, sv_model *model, sv_why *why) {
    sv_err err = sv_disk_read(path, bytes, why);
    if (err == SV_ERR_NO_SPACE) {
        return sv_fail(why, SV_ERR_INVALID, "'%.100s' is larger than a model may be, %d bytes",
                       path, SV_MODEL_BYTES_MAX);
    }
    SV_TRY(err);
    sv_why fault = { .text = "" };
    err = sv_model_read(sv_textbuf_text(bytes), model, &fault);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%.60s: %s", path, fault.text);
}

int cmd_model_show(int argc, char **argv) {
    const char *plain[2] = { NULL };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, NULL, 0, plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge model show MODEL",
                        "Prints the card of a model: what it was made from, what it looks at, and "
                        "how good it was\non machines that it had not seen.",
                        NULL, 0);
        return SV_EXIT_DONE;
    }
    if (err == SV_OK && plain[0] == NULL) {
        err = sv_fail(&why, SV_ERR_INVALID, "which model? selvedge model show MODEL");
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    err = model_load(plain[0], &bytes, model, &why);
    if (err != SV_OK) {
        (void) sv_exit_with(err, &why);
        return err == SV_ERR_NOT_FOUND ? SV_EXIT_USAGE : sv_exit_of(err);
    }
    (void) printf("%.*s", SV_TEXT_ARG(model->card));
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void) (sv_fail(&why, SV_ERR_IO, "cannot write the card: %m") == SV_OK);
        return sv_exit_with(SV_ERR_IO, &why);
    }
    return SV_EXIT_DONE;
}

int cmd_model(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "train", "learn from machines of the past", cmd_model_train },
        { "predict", "remaining life of machines, or the class of rows", cmd_model_predict },
        { "show", "a model's card: made from what, and how good", cmd_model_show },
        { "put", "hand a signed model to the fleet server", cmd_model_put },
        { "list", "the fleet server's models, or what runs at a site", cmd_model_list },
        { "shadow", "run it at a site without alerts", cmd_model_shadow },
        { "live", "let it raise alerts at a site", cmd_model_live },
        { "rollback", "go back to what was live before", cmd_model_rollback },
        { "off", "run it at a site no more", cmd_model_off },
    };
    return sv_command_run("selvedge model",
                          "How long will it last, or what is wrong with it? Trees, learnt from "
                          "history.\nBegin with: selvedge model train --help",
                          verbs, SV_COUNT(verbs), argc, argv);
}
