// Configuration files: YAML 1.1 (libyaml) read into a tree in which every node knows its line and
// column, and checked as a whole against one table of keys per program. Aliases, anchors, tags,
// duplicate keys and several documents are refused. The table also prints `--help`'s list of keys.
#ifndef SV_CODEC_CONFIG_H
#define SV_CODEC_CONFIG_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_CONFIG_BYTES_MAX = 8 * 1024 * 1024,
    SV_CONFIG_DEPTH_MAX = 32,
    SV_CONFIG_FAULTS_MAX = 20, ///< reported at once; the rest is counted
};

typedef struct sv_config_node sv_config_node;

/// Where a fault stands, from 1; both 0: in the file as a whole.
typedef struct sv_config_place {
    size_t line, column;
    size_t from, to; ///< its sentence, in the text of all faults
} sv_config_place;

/// Everything that is wrong with a file, one line each: `gateway.yaml:12:9: high: "8o" is not a
/// number`.
typedef struct sv_config_faults {
    sv_textbuf text; ///< SV_TEXTBUF_HEAP
    unsigned count;
    const char *file; ///< the name put before each line; borrowed
    sv_config_place places[SV_CONFIG_FAULTS_MAX];
} sv_config_faults;

void sv_config_faults_drop(sv_config_faults *faults);
/// Add a fault at a node; programs use it for what the table cannot say.
SV_PRINTF(3, 4)
void sv_config_fault(sv_config_faults *faults, const sv_config_node *at, const char *fmt, ...);
/// How many are told of: SV_CONFIG_FAULTS_MAX at most.
size_t sv_config_faults_told(const sv_config_faults *faults);
/// In the order of the file from now on.
void sv_config_faults_sort(sv_config_faults *faults);
/// The sentence of one of them, without file and place.
sv_text sv_config_faults_sentence(const sv_config_faults *faults, size_t index);

/// The same at byte `offset` of a scalar's text; at its start where it spans lines or is escaped.
SV_PRINTF(4, 5)
void sv_config_fault_inside(sv_config_faults *faults, const sv_config_node *scalar, size_t offset,
                            const char *fmt, ...);

/// Parse `yaml` into a tree. SV_ERR_INVALID with the fault added. Texts of the tree are its own.
sv_err sv_config_parse(sv_text yaml, sv_config_node **out, sv_config_faults *faults);
void sv_config_node_drop(sv_config_node **root);

typedef enum sv_config_kind { SV_CONFIG_SCALAR, SV_CONFIG_MAP, SV_CONFIG_LIST } sv_config_kind;
sv_config_kind sv_config_node_kind(const sv_config_node *node);
sv_text sv_config_node_text(const sv_config_node *scalar);
size_t sv_config_node_count(const sv_config_node *map_or_list);
/// Item `index` of a map (with its key) or of a list (`key` gets the empty text; may be NULL).
const sv_config_node *sv_config_node_at(const sv_config_node *node, size_t index, sv_text *key);
const sv_config_node *sv_config_node_get(const sv_config_node *map, const char *key);

/// From 1.
size_t sv_config_node_line(const sv_config_node *node);

typedef enum sv_config_type {
    SV_CONFIG_TEXT,     ///< char[size], NUL-terminated
    SV_CONFIG_BOOL,     ///< bool
    SV_CONFIG_INT,      ///< int64_t in [min, max]
    SV_CONFIG_NUMBER,   ///< double, finite
    SV_CONFIG_DURATION, ///< int64_t microseconds: 500ms, 30s, 5m, 2h, 7d
    SV_CONFIG_BYTES,    ///< int64_t: 4096, 64KiB, 10MiB, 2GiB (also kB, MB, GB)
    SV_CONFIG_CHOICE,   ///< int, the index in `choices`
    SV_CONFIG_SECTION,  ///< a map checked by `keys`; `offset` is the base of its fields
    SV_CONFIG_CUSTOM,   ///< any node; `read` does it
} sv_config_type;

typedef struct sv_config_key {
    const char *name;
    sv_config_type type;
    size_t offset; ///< of the field in the target struct
    size_t size;   ///< of the array, for TEXT
    const char
        *fallback;    ///< written as in the file; NULL: the key is required; "": stays zero / empty
    const char *help; ///< one sentence, with the unit
    int64_t min, max; ///< for INT, DURATION, BYTES; both 0: no bound
    sv_err (*check)(sv_text value, sv_why *why); ///< for TEXT: one more judgement, or NULL
    const char *const *choices;                  ///< NULL-terminated
    const struct sv_config_key *keys;            ///< for SECTION; ends with a NULL name
    /// For CUSTOM: `target` is the whole struct given to sv_config_read; NULL `node` when the key
    /// is absent.
    void (*read)(const sv_config_node *node, void *target, sv_config_faults *faults);
} sv_config_key;

/// Check `root` against `keys` and fill `target`: unknown keys (with the nearest known one named),
/// missing ones, wrong types and bounds are all collected. SV_ERR_INVALID when anything was wrong.
sv_err sv_config_read(const sv_config_node *root, const sv_config_key *keys, void *target,
                      sv_config_faults *faults);

/// The table as a page of help: key, kind, default, sentence.
void sv_config_help(const sv_config_key *keys, sv_textbuf *out);

#endif
