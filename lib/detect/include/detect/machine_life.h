// How long a machine will last, or what is wrong with it, by a model where the machine is: its
// readings become rows as long as those that the model has learnt from (grid.h), rows become
// features (recipe.h, the code that training uses), features a remaining life with its interval and
// the probability of failing within the horizon, or the probability of each class. What is far from
// all that the model has learnt from is followed as `strange`: a model that knows other machines
// should not be believed. (A model of rows by themselves does not know how far they lay.)
//
// No I/O, no heap; a struct of fixed size that stays where it was started and borrows the model.
// Saved and loaded between any two readings it goes on the same to the last bit.
#ifndef SV_DETECT_MACHINE_LIFE_H
#define SV_DETECT_MACHINE_LIFE_H

#include <detect/grid.h>
#include <detect/model_file.h>

enum {
    SV_MLIFE_CONFIRM_ROWS = 3, ///< that must be risky before it is an alarm
    SV_MLIFE_ROWS_MIN = 20,    ///< of a life before which nothing is said: it is compared with them
    SV_MLIFE_PARTS = 3,
    SV_MLIFE_SAVE_BYTES_MAX = 32 * 1024,
};

/// What somebody wants to know of the model's answers.
typedef struct sv_mlife_terms {
    int64_t row_us;    ///< how long a row is; the model has learnt from such
    double horizon;    ///< in rows; of classes what the model says, 0 where it says none
    double confidence; ///< from this risk on it is an alarm
} sv_mlife_terms;

typedef struct sv_mlife {
    const sv_model *model; ///< borrowed
    sv_mlife_terms terms;
    sv_grid grid; ///< its sensors are `place`
    sv_grid_sensor place[SV_GRID_SENSORS_MAX];
    uint8_t column[SV_GRID_SENSORS_MAX]; ///< of the grid's sensors, in the model
    sv_wear wear;
    bool known;                               ///< what follows says something
    sv_remaining remaining;                   ///< SV_MODEL_RUL
    double probability[SV_MODEL_CLASSES_MAX]; ///< SV_MODEL_CLASS: of each class
    double risk; ///< of failing within the horizon, or of all classes but the one that is fine
    float come[SV_GRID_SENSORS_MAX]; ///< by sensor: how far it has come from its first rows
    float by[SV_GRID_SENSORS_MAX];   ///< of classes: by how much the risk is higher for it
    uint32_t over;
    bool alarmed;
    double strange; ///< the share of values far from all that was learnt, followed
} sv_mlife;

/// A sensor that has come far from its own first rows, or for which the risk is higher.
typedef struct sv_mlife_part {
    sv_text sensor;
    double come; ///< below 0: lower. In spreads of what was learnt; of rows by themselves in its
                 ///< unit
    double by;   ///< of classes: the risk less what it would be with this sensor as at first
} sv_mlife_part;

/// SV_ERR_INVALID for a model with texts or more columns than a grid has, one of which no class is
/// fine, and terms out of bounds.
sv_err sv_mlife_check(const sv_model *model, const sv_mlife_terms *terms, sv_why *why);
/// A machine at its first row. Model and terms passed the check.
void sv_mlife_start(sv_mlife *life, const sv_model *model, const sv_mlife_terms *terms);
/// Does the model look at this sensor?
bool sv_mlife_asks(const sv_model *model, sv_text sensor);
/// One reading; true when it ended a row of which something can be said.
bool sv_mlife_take(sv_mlife *life, sv_text sensor, double value, int64_t at_us);
/// The sensors that have come farthest, a spread at least; of classes those that raise the risk
/// most, by a hundredth at least. At most SV_MLIFE_PARTS.
size_t sv_mlife_parts(const sv_mlife *life, sv_mlife_part out[SV_MLIFE_PARTS]);
/// The class that is most probable of those that are not fine (SV_MODEL_CLASS).
unsigned sv_mlife_fault(const sv_mlife *life);

size_t sv_mlife_save(const sv_mlife *life, uint8_t *room, size_t room_bytes);
/// Into one that was started with the same model and terms. SV_ERR_INVALID, and as it was, for
/// bytes that were cut, have changed, or are of other columns or rows.
sv_err sv_mlife_load(sv_mlife *life, const uint8_t *bytes, size_t len, sv_why *why);

#endif
