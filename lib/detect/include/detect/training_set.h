// What `selvedge model train` hands to `selvedge-train`: rows as numbers, with whose they are and
// what was true of them. The one program reads files of many kinds, the other knows xgboost; this
// is all that passes between them, through a pipe.
#ifndef SV_DETECT_TRAINING_SET_H
#define SV_DETECT_TRAINING_SET_H

#include <detect/model_file.h>

enum {
    SV_TRAINING_ROWS_MAX = 4 * 1000 * 1000,
    SV_TRAINING_GROUPS_MAX = 65536,
    SV_TRAINING_SOURCE_MAX = 4096,
    SV_TRAINING_CAP_MAX = 1000 * 1000,
};
/// As many bytes as a set may have.
#define SV_TRAINING_BYTES_MAX ((size_t) 1 << 30)

typedef struct sv_training_set {
    sv_model_task task;
    uint32_t rows;
    uint32_t groups;   ///< machines; 0: rows stand for themselves
    uint16_t columns;  ///< from 1
    uint16_t settings; ///< so many of them, the first
    uint8_t classes;   ///< from 2 for SV_MODEL_CLASS
    double cap;        ///< SV_MODEL_RUL: more than so many rows left is as good as new; from 1
    uint32_t within;   ///< SV_MODEL_CLASS: what comes true in so many rows of a life; 0: rows
                       ///< stand for themselves
    sv_text source;    ///< `key: value` lines for the card: files, hashes
    sv_text group;     ///< the column that named the machine
    sv_model_column column[SV_RECIPE_COLUMNS_MAX];
    sv_text class_name[SV_MODEL_CLASSES_MAX];
    const uint8_t *data; ///< borrowed: the rows as sv_training_row reads them
} sv_training_set;

typedef struct sv_training_row {
    uint32_t group;                       ///< below `groups`; 0 without
    double truth;                         ///< rows left, from 0; or the class
    double values[SV_RECIPE_COLUMNS_MAX]; ///< not-a-number where missing
} sv_training_row;

/// The head; as many rows as it promises must follow.
void sv_training_set_put(const sv_training_set *set, sv_textbuf *out);
void sv_training_row_put(const sv_training_set *set, const sv_training_row *row, sv_textbuf *out);

/// Borrows from `bytes`. SV_ERR_INVALID for what is no such set, or breaks its limits.
sv_err sv_training_set_read(sv_text bytes, sv_training_set *out, sv_why *why);
/// `index` is below set->rows.
void sv_training_row_get(const sv_training_set *set, uint32_t index, sv_training_row *out);

#endif
