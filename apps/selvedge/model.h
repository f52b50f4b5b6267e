// The verbs of `selvedge model`, and the reading of a model's file that two of them share.
#ifndef SELVEDGE_MODEL_H
#define SELVEDGE_MODEL_H

#include "command.h"
#include <detect/model_file.h>

int cmd_model_train(int argc, char **argv);
int cmd_model_predict(int argc, char **argv);
int cmd_model_show(int argc, char **argv);
// Through the fleet server:
int cmd_model_put(int argc, char **argv);
int cmd_model_list(int argc, char **argv);
int cmd_model_shadow(int argc, char **argv);
int cmd_model_live(int argc, char **argv);
int cmd_model_rollback(int argc, char **argv);
int cmd_model_off(int argc, char **argv);

/// `model` borrows from `bytes`, a heap buffer with room for SV_MODEL_BYTES_MAX and one more.
sv_err model_load(const char *path, sv_textbuf *bytes, sv_model *model, sv_why *why);

#endif
