// What a model is trained on, as it stands in files: rows of cells that are numbers or one of a few
// texts, and what becomes of each column.
#ifndef SELVEDGE_MODEL_DATA_H
#define SELVEDGE_MODEL_DATA_H

#include "csv.h"
#include <base/map.h>
#include <detect/training_set.h>

typedef struct model_data_column {
    char name[SV_MODEL_NAME_MAX + 1];
    bool is_text;   ///< a cell was no number
    bool is_steady; ///< grows by the same step from row to row: counts the rows, says no more
    bool is_left_out;
    double step;
    unsigned texts;                      ///< one more than fit: too many to tell apart
    char *text[SV_MODEL_CATEGORIES_MAX]; ///< in order of their arrival
} model_data_column;

typedef struct model_data {
    size_t columns, rows, rows_room;
    model_data_column *column;
    double *value;   ///< rows times columns
    uint8_t *code;   ///< rows times columns: the place among the column's texts
    uint32_t *group; ///< of every row; 0 where no column names machines
    sv_map *groups;  ///< names of machines; NULL without
    uint32_t machines;
    sv_textbuf source; ///< lines for the card
} model_data;

/// A machine-readable table, grown file by file.
typedef struct model_data_plan {
    bool is_cmapss;
    const char *group;         ///< the column that names machines, or NULL
    const char *const *ignore; ///< NULL-terminated
} model_data_plan;

/// Read a file ("-" is stdin), its rows after those there are. SV_ERR_INVALID with file and line;
/// SV_ERR_NOT_FOUND, SV_ERR_IO.
sv_err model_data_read(model_data *data, const char *path, const model_data_plan *plan,
                       sv_why *why);
void model_data_drop(model_data *data);
/// The column of this name, or data->columns.
size_t model_data_find(const model_data *data, const char *name);

#endif
