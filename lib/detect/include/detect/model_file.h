// A model as a file: what selvedge-train writes and the edge reads. Little-endian, with a version,
// its own length and a checksum; docs/spec/model.md says every byte. Reading copies what is small
// and borrows the trees, the names and the card from the bytes, which must stay where they are.
#ifndef SV_DETECT_MODEL_FILE_H
#define SV_DETECT_MODEL_FILE_H

#include <detect/recipe.h>
#include <detect/tree.h>

enum {
    SV_MODEL_VERSION = 1,
    SV_MODEL_NAME_MAX = 64,
    SV_MODEL_CATEGORIES_MAX = 16,
    SV_MODEL_CLASSES_MAX = SV_FOREST_OUTPUTS_MAX,
    SV_MODEL_KNOTS_MAX = 16,
    SV_MODEL_LEVELS = 9,
    SV_MODEL_CARD_BYTES_MAX = 16 * 1024,
    SV_MODEL_BYTES_MAX = 512 * 1024,
};

typedef enum sv_model_task { SV_MODEL_RUL, SV_MODEL_CLASS, SV_MODEL__COUNT } sv_model_task;

/// "rul", "class".
const char *sv_model_task_name(sv_model_task task);

/// One column that a row must have.
typedef struct sv_model_column {
    sv_text name;
    uint8_t categories; ///< 0: numbers; otherwise the row holds the place of its text in this list
    sv_text category[SV_MODEL_CATEGORIES_MAX];
} sv_model_column;

/// Where the true remaining life lay when machines that the trees had not seen were estimated at
/// `at`: `offset[i]` to be added for the share sv_model_levels[i].
typedef struct sv_model_knot {
    float at;
    float offset[SV_MODEL_LEVELS];
} sv_model_knot;

typedef struct sv_model {
    sv_model_task task;
    sv_text card;  ///< `key: value` lines, for people
    sv_text group; ///< the column that names the machine; empty: there is none
    sv_model_column columns[SV_RECIPE_COLUMNS_MAX];
    sv_recipe recipe;
    sv_forest forest;
    float cap;       ///< no estimate of remaining life is larger
    uint8_t knots;   ///< from 1 for SV_MODEL_RUL, ascending
    uint8_t classes; ///< from 2 for SV_MODEL_CLASS; of two the second is what is looked for
    sv_model_knot knot[SV_MODEL_KNOTS_MAX];
    sv_text class_name[SV_MODEL_CLASSES_MAX];
    float slope, shift; ///< of two classes: logit = slope * sum + shift; of more: slope alone
    float threshold;    ///< of two classes: a probability above it is the second
    float within;       ///< of classes of lives: what comes true in so many rows, from 1; else 0
} sv_model;

/// The shares of machines, ascending, that a knot's offsets stand for; the second and the last but
/// one bound the interval.
extern const float sv_model_levels[SV_MODEL_LEVELS];

/// SV_ERR_INVALID with a sentence for whatever is no model, is damaged, or has another version.
/// [model-1]
sv_err sv_model_read(sv_text bytes, sv_model *out, sv_why *why);
/// The inverse of sv_model_read: the same model, the same bytes. SV_ERR_INVALID where reading would
/// refuse it, SV_ERR_NO_SPACE where `out` is too small. [model-1]
sv_err sv_model_write(const sv_model *model, sv_textbuf *out, sv_why *why);

typedef struct sv_remaining {
    double estimate;  ///< in rows, at least 0 and at most the model's cap
    double low, high; ///< nine machines in ten fail between them; high may lie above the cap
    double share[SV_MODEL_LEVELS];
} sv_remaining;

/// What features say about remaining life (SV_MODEL_RUL). [model-5]
void sv_model_remaining(const sv_model *model, const float *features, sv_remaining *out);
/// The same for an estimate that is there already.
void sv_model_remaining_at(const sv_model *model, double estimate, sv_remaining *out);
/// How probable a failure within so many rows is.
double sv_remaining_fails_within(const sv_remaining *remaining, double rows);

/// The class that stands for nothing being wrong: of two the first, of more the one that is called
/// so (healthy, normal, ok, good, fine, none, no, false); model->classes where none is.
unsigned sv_model_fine_class(const sv_model *model);
/// Is a class of this name nothing to worry about?
bool sv_model_is_fine_name(sv_text name);

/// Of each class, together 1; returns the place of the class to name (SV_MODEL_CLASS). [model-6]
unsigned sv_model_classify(const sv_model *model, const float *features,
                           double probability[SV_MODEL_CLASSES_MAX]);

#endif
