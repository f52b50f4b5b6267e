// What a machine's life (detect/machine_life.h) has beyond the rest when its model names classes.
#ifndef SV_DETECT_MACHINE_LIFE_OWN_H
#define SV_DETECT_MACHINE_LIFE_OWN_H

#include "cursor.h"
#include <detect/machine_life.h>

/// A class that is fine, names that can be told, and the horizon of the model.
sv_err sv_mlife_check_classes(const sv_model *model, const sv_mlife_terms *terms, sv_why *why);
/// A row by itself: its features, and how far its values are from the machine's first ones.
void sv_mlife_take_row(sv_mlife *life, const double *row, float *features);
/// What the row's features say, and what each sensor has to do with it.
void sv_mlife_classify(sv_mlife *life, const double *row, const float *features);
void sv_mlife_put_classes(const sv_mlife *life, sv_textbuf *out);
void sv_mlife_get_classes(sv_cursor *in, sv_mlife *life);

#endif
