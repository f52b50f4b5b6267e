// YAML into a tree of nodes that know where they stand.
#include "config_tree.h"
#include <base/mem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { FAULTS_BYTES_MAX = 64 * 1024 };

void sv_config_faults_drop(sv_config_faults *faults) {
    sv_textbuf_drop(&faults->text);
}

static bool count_fault(sv_config_faults *faults) {
    if (faults->text.cap_max == 0) {
        faults->text = SV_TEXTBUF_HEAP(FAULTS_BYTES_MAX);
    }
    faults->count++;
    return faults->count <= SV_CONFIG_FAULTS_MAX;
}

SV_PRINTF(4, 0)
static void add_fault(sv_config_faults *faults, const sv_config_node *at, size_t column,
                      const char *fmt, va_list args) {
    if (!count_fault(faults)) {
        return;
    }
    char sentence[SV_WHY_MAX];
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    sv_config_place *place = &faults->places[faults->count - 1];
    *place = (sv_config_place){ .line = at == NULL ? 0 : at->line, .column = column };
    sv_textbuf_add_str(&faults->text, faults->file == NULL ? "configuration" : faults->file);
    if (at != NULL) {
        sv_textbuf_addf(&faults->text, ":%zu:%zu", at->line, column);
    }
    sv_textbuf_add_str(&faults->text, ": ");
    place->from = faults->text.len;
    sv_textbuf_add_str(&faults->text, sentence);
    place->to = faults->text.len;
    sv_textbuf_add_char(&faults->text, '\n');
}

size_t sv_config_faults_told(const sv_config_faults *faults) {
    return faults->count < SV_CONFIG_FAULTS_MAX ? faults->count : SV_CONFIG_FAULTS_MAX;
}

static int by_place(const void *left, const void *right) {
    const sv_config_place *a = left;
    const sv_config_place *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return a->column != b->column ? (a->column < b->column ? -1 : 1)
                                  : (a->from > b->from) - (a->from < b->from);
}

void sv_config_faults_sort(sv_config_faults *faults) {
    qsort(faults->places, sv_config_faults_told(faults), sizeof *faults->places, by_place);
}

sv_text sv_config_faults_sentence(const sv_config_faults *faults, size_t index) {
    const sv_config_place *place = &faults->places[index];
    return (sv_text){ .at = faults->text.at + place->from, .len = place->to - place->from };
}

void sv_config_fault(sv_config_faults *faults, const sv_config_node *at, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    add_fault(faults, at, at == NULL ? 0 : at->column, fmt, args);
    va_end(args);
}

void sv_config_fault_inside(sv_config_faults *faults, const sv_config_node *scalar, size_t offset,
                            const char *fmt, ...) {
    size_t column = scalar->text_column == 0 ? scalar->column : scalar->text_column + offset;
    va_list args;
    va_start(args, fmt);
    add_fault(faults, scalar, column, fmt, args);
    va_end(args);
}

static sv_config_node *new_node(const yaml_event_t *event, sv_config_kind kind) {
    sv_config_node *node = sv_mem_new(sizeof *node);
    node->kind = kind;
    node->line = event->start_mark.line + 1;
    node->column = event->start_mark.column + 1;
    return node;
}

void sv_config_node_drop(sv_config_node **root) {
    if (*root == NULL) {
        return;
    }
    for (size_t i = 0; i < (*root)->count; i++) {
        sv_config_node_drop(&(*root)->items[i].value);
        free((*root)->items[i].key);
    }
    free((*root)->items);
    free((*root)->text);
    free(*root);
    *root = NULL;
}

static void append(sv_config_node *parent, sv_config_item item) {
    if ((parent->count & (parent->count - 1)) == 0) {
        size_t cap = parent->count == 0 ? 1 : parent->count * 2;
        parent->items = sv_mem_resize(parent->items, cap * sizeof *parent->items);
    }
    parent->items[parent->count++] = item;
}

typedef struct reader {
    yaml_parser_t parser;
    sv_config_faults *faults;
    bool failed;
} reader;

static void fail_at(reader *from, yaml_mark_t mark, const char *sentence) {
    sv_config_node here = { .line = mark.line + 1, .column = mark.column + 1 };
    sv_config_fault(from->faults, &here, "%s", sentence);
    from->failed = true;
}

static bool next_event(reader *from, yaml_event_t *event) {
    if (yaml_parser_parse(&from->parser, event) != 0) {
        return true;
    }
    const char *problem = from->parser.problem == NULL ? "not YAML" : from->parser.problem;
    fail_at(from, from->parser.problem_mark, problem);
    return false;
}

/// Anchors and tags would make the same text mean something else elsewhere.
static bool is_plain(reader *from, const yaml_event_t *event) {
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else {
        fail_at(from, event->start_mark, "aliases are not allowed; write the value out");
        return false;
    }
    if (anchor != NULL || tag != NULL) {
        fail_at(from, event->start_mark, "anchors and tags are not allowed; write the value out");
        return false;
    }
    return true;
}

static sv_config_node *read_node(reader *from, const yaml_event_t *event, unsigned depth);

static void read_list(reader *from, sv_config_node *list, unsigned depth) {
    while (!from->failed) {
        yaml_event_t event;
        if (!next_event(from, &event)) {
            return;
        }
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        sv_config_node *item = end ? NULL : read_node(from, &event, depth + 1);
        yaml_event_delete(&event);
        if (item == NULL) {
            return;
        }
        append(list, (sv_config_item){ .value = item });
    }
}

static bool read_pair(reader *from, sv_config_node *map, unsigned depth, const yaml_event_t *key) {
    if (!is_plain(from, key)) {
        return false;
    }
    if (key->type != YAML_SCALAR_EVENT) {
        fail_at(from, key->start_mark, "a key must be a plain text");
        return false;
    }
    yaml_event_t event;
    sv_config_item item = { .line = key->start_mark.line + 1,
                            .column = key->start_mark.column + 1 };
    if (next_event(from, &event)) {
        item.value = read_node(from, &event, depth + 1);
        yaml_event_delete(&event);
    }
    if (item.value == NULL) {
        return false;
    }
    item.key = sv_mem_copy_str((const char *) key->data.scalar.value, key->data.scalar.length);
    append(map, item);
    return true;
}

/// By key, the one that stands first in the file first.
static int by_key(const void *left, const void *right) {
    const sv_config_item *a = *(const sv_config_item *const *) left;
    const sv_config_item *b = *(const sv_config_item *const *) right;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : (a > b) - (a < b);
}

/// Sorted, not looked up: nobody who chooses the keys can make it slow.
static void refuse_repeated_key(reader *from, const sv_config_node *map) {
    SV_DEFER(sv_mem_drop)
    const sv_config_item **sorted = sv_mem_array(map->count + 1, sizeof(const sv_config_item *));
    const sv_config_item *repeated = NULL;
    for (size_t i = 0; i < map->count; i++) {
        sorted[i] = &map->items[i];
    }
    qsort(sorted, map->count, sizeof(const sv_config_item *), by_key);
    for (size_t i = 1; i < map->count; i++) {
        bool same = strcmp(sorted[i - 1]->key, sorted[i]->key) == 0;
        repeated = same && (repeated == NULL || sorted[i] < repeated) ? sorted[i] : repeated;
    }
    if (repeated != NULL) {
        sv_config_node here = { .line = repeated->line, .column = repeated->column };
        sv_config_fault(from->faults, &here, "\"%.80s\" stands here twice", repeated->key);
        from->failed = true;
    }
}

static void read_map(reader *from, sv_config_node *map, unsigned depth) {
    bool more = true;
    while (more && !from->failed) {
        yaml_event_t event;
        if (!next_event(from, &event)) {
            return;
        }
        more = event.type != YAML_MAPPING_END_EVENT && read_pair(from, map, depth, &event);
        yaml_event_delete(&event);
    }
    if (!from->failed) {
        refuse_repeated_key(from, map);
    }
}

/// 0 where the text does not stand in the file byte by byte. Marks count characters.
static size_t text_column(const yaml_event_t *event) {
    size_t len = event->data.scalar.length;
    size_t quotes = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? 0 : 1;
    bool verbatim = event->start_mark.line == event->end_mark.line
                    && event->end_mark.column - event->start_mark.column == len + 2 * quotes;
    return verbatim ? event->start_mark.column + 1 + quotes : 0;
}

static sv_config_node *read_node(reader *from, const yaml_event_t *event, unsigned depth) {
    if (depth > SV_CONFIG_DEPTH_MAX) {
        fail_at(from, event->start_mark, "nested too deeply");
        return NULL;
    }
    if (!is_plain(from, event)) {
        return NULL;
    }
    if (event->type == YAML_SCALAR_EVENT) {
        sv_config_node *scalar = new_node(event, SV_CONFIG_SCALAR);
        scalar->text =
            sv_mem_copy_str((const char *) event->data.scalar.value, event->data.scalar.length);
        scalar->text_len = event->data.scalar.length;
        scalar->text_column = text_column(event);
        return scalar;
    }
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    sv_config_node *node = new_node(event, is_map ? SV_CONFIG_MAP : SV_CONFIG_LIST);
    if (is_map) {
        read_map(from, node, depth);
    } else {
        read_list(from, node, depth);
    }
    return node;
}

/// An empty file is an empty map.
static sv_config_node *read_documents(reader *from) {
    sv_config_node *root = NULL;
    unsigned documents = 0;
    for (bool more = true; more && !from->failed;) {
        yaml_event_t event;
        if (!next_event(from, &event)) {
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            fail_at(from, event.start_mark, "a second document starts here; only one is allowed");
        } else if (event.type == YAML_STREAM_END_EVENT && root == NULL) {
            root = new_node(&event, SV_CONFIG_MAP);
        } else if (event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT
                   || event.type == YAML_MAPPING_START_EVENT
                   || event.type == YAML_SEQUENCE_START_EVENT) {
            root = read_node(from, &event, 1);
        }
        yaml_event_delete(&event);
    }
    return root;
}

sv_err sv_config_parse(sv_text yaml, sv_config_node **out, sv_config_faults *faults) {
    reader from = { .faults = faults };
    if (yaml.len > SV_CONFIG_BYTES_MAX) {
        sv_config_fault(faults, NULL, "%zu bytes; at most %d are read", yaml.len,
                        SV_CONFIG_BYTES_MAX);
        return SV_ERR_INVALID;
    }
    if (yaml_parser_initialize(&from.parser) == 0) {
        return SV_ERR_NO_SPACE;
    }
    yaml_parser_set_input_string(
        &from.parser, (const unsigned char *) (yaml.at == NULL ? "" : yaml.at), yaml.len);
    sv_config_node *root = read_documents(&from);
    yaml_parser_delete(&from.parser);
    if (from.failed) {
        sv_config_node_drop(&root);
        return SV_ERR_INVALID;
    }
    *out = root;
    return SV_OK;
}

sv_config_kind sv_config_node_kind(const sv_config_node *node) {
    return node->kind;
}

sv_text sv_config_node_text(const sv_config_node *scalar) {
    return (sv_text){ .at = scalar->text == NULL ? "" : scalar->text, .len = scalar->text_len };
}

size_t sv_config_node_line(const sv_config_node *node) {
    return node->line;
}

size_t sv_config_node_count(const sv_config_node *map_or_list) {
    return map_or_list->count;
}

const sv_config_node *sv_config_node_at(const sv_config_node *node, size_t index, sv_text *key) {
    if (key != NULL) {
        *key = sv_text_of(node->items[index].key);
    }
    return node->items[index].value;
}

const sv_config_node *sv_config_node_get(const sv_config_node *map, const char *key) {
    for (size_t i = 0; map->kind == SV_CONFIG_MAP && i < map->count; i++) {
        if (sv_text_is(sv_text_of(map->items[i].key), key)) {
            return map->items[i].value;
        }
    }
    return NULL;
}
