// A tree checked against a table of keys.
#include "config_tree.h"
#include <base/num.h>
#include <base/time.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SUGGEST_DISTANCE_MAX = 3, SHOWN_MAX = 60 };

static void fault_unknown(const sv_config_node *at, sv_text key, const sv_config_key *keys,
                          sv_config_faults *faults) {
    const char *nearest = NULL;
    size_t best = SUGGEST_DISTANCE_MAX + 1;
    for (const sv_config_key *known = keys; known->name != NULL; known++) {
        size_t far = sv_text_distance(key, sv_text_of(known->name));
        if (far < best) {
            best = far;
            nearest = known->name;
        }
    }
    if (nearest != NULL) {
        sv_config_fault(faults, at, "\"%.*s\" is not a key here; did you mean \"%s\"?",
                        SV_TEXT_ARG(key), nearest);
    } else {
        sv_config_fault(faults, at, "\"%.*s\" is not a key here", SV_TEXT_ARG(key));
    }
}

static sv_err parse_bytes(sv_text text, int64_t *out) {
    static const struct {
        const char *suffix;
        int64_t factor;
    } UNITS[] = { { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 },
                  { "kB", 1000 },  { "MB", 1000000 },  { "GB", 1000000000 },
                  { "", 1 } };
    for (size_t i = 0; i < SV_COUNT(UNITS); i++) {
        size_t len = strlen(UNITS[i].suffix);
        uint64_t count = 0;
        if (text.len > len && memcmp(text.at + text.len - len, UNITS[i].suffix, len) == 0
            && sv_text_u64((sv_text){ text.at, text.len - len },
                           INT64_MAX / (uint64_t) UNITS[i].factor, &count)
                   == SV_OK) {
            *out = (int64_t) count * UNITS[i].factor;
            return SV_OK;
        }
    }
    return SV_ERR_INVALID;
}

static sv_err parse_int(sv_text text, int64_t *out) {
    bool negative = text.len > 0 && text.at[0] == '-';
    uint64_t value = 0;
    sv_text digits = negative ? (sv_text){ text.at + 1, text.len - 1 } : text;
    SV_TRY(sv_text_u64(digits, INT64_MAX, &value));
    *out = negative ? -(int64_t) value : (int64_t) value;
    return SV_OK;
}

typedef struct field {
    const sv_config_key *key;
    const sv_config_node *node;
    sv_config_faults *faults;
    void *at; ///< in the target, of the type that the key says
} field;

static void fault_kind(const field *f, sv_text value, const char *wanted) {
    sv_config_fault(f->faults, f->node, "%s: \"%.*s\" is not %s", f->key->name,
                    (int) (value.len < SHOWN_MAX ? value.len : SHOWN_MAX), value.at, wanted);
}

static void read_text(const field *f, sv_text value) {
    sv_why why = { 0 };
    if (sv_text_copy(value, f->at, f->key->size) != SV_OK) {
        sv_config_fault(f->faults, f->node, "%s: longer than %zu bytes", f->key->name,
                        f->key->size - 1);
    } else if (f->key->check != NULL && f->key->check(value, &why) != SV_OK) {
        sv_config_fault(f->faults, f->node, "%s: %s", f->key->name, why.text);
    }
}

static void read_bool(const field *f, sv_text value) {
    bool yes = sv_text_is(value, "true") || sv_text_is(value, "yes") || sv_text_is(value, "on");
    bool no = sv_text_is(value, "false") || sv_text_is(value, "no") || sv_text_is(value, "off");
    if (yes || no) {
        *(bool *) f->at = yes;
    } else {
        fault_kind(f, value, "true or false");
    }
}

static void read_whole(const field *f, sv_text value) {
    static const char *const WANTED[] = { [SV_CONFIG_INT] = "a whole number",
                                          [SV_CONFIG_DURATION] =
                                              "a length of time such as 500ms, 30s, 5m, 2h, 7d",
                                          [SV_CONFIG_BYTES] = "a size such as 4096, 64KiB, 10MiB" };
    int64_t number = 0;
    sv_err err = f->key->type == SV_CONFIG_INT        ? parse_int(value, &number)
                 : f->key->type == SV_CONFIG_DURATION ? sv_duration_parse(value, &number)
                                                      : parse_bytes(value, &number);
    if (err != SV_OK) {
        fault_kind(f, value, WANTED[f->key->type]);
        return;
    }
    if ((f->key->min != 0 || f->key->max != 0) && (number < f->key->min || number > f->key->max)) {
        sv_config_fault(f->faults, f->node, "%s: %.*s is outside %lld to %lld%s", f->key->name,
                        SV_TEXT_ARG(value), (long long) f->key->min, (long long) f->key->max,
                        f->key->type == SV_CONFIG_DURATION ? " microseconds" : "");
        return;
    }
    *(int64_t *) f->at = number;
}

static void read_number(const field *f, sv_text value) {
    double number = 0;
    if (sv_num_parse(value, &number) == SV_OK) {
        *(double *) f->at = number;
    } else {
        fault_kind(f, value, "a number");
    }
}

static void read_choice(const field *f, sv_text value) {
    char wanted[SV_WHY_MAX];
    sv_textbuf list = SV_TEXTBUF(wanted);
    sv_textbuf_add_str(&list, "one of");
    for (int i = 0; f->key->choices[i] != NULL; i++) {
        if (sv_text_is(value, f->key->choices[i])) {
            *(int *) f->at = i;
            return;
        }
        sv_textbuf_addf(&list, "%s %s", i == 0 ? "" : ",", f->key->choices[i]);
    }
    fault_kind(f, value, wanted);
}

static void read_scalar(const field *f, sv_text value) {
    switch (f->key->type) {
    case SV_CONFIG_TEXT:
        read_text(f, value);
        break;
    case SV_CONFIG_BOOL:
        read_bool(f, value);
        break;
    case SV_CONFIG_INT:
    case SV_CONFIG_DURATION:
    case SV_CONFIG_BYTES:
        read_whole(f, value);
        break;
    case SV_CONFIG_NUMBER:
        read_number(f, value);
        break;
    case SV_CONFIG_CHOICE:
        read_choice(f, value);
        break;
    case SV_CONFIG_SECTION:
    case SV_CONFIG_CUSTOM:
        break;
    }
}

static void read_keys(const sv_config_node *map, const sv_config_node *parent,
                      const sv_config_key *keys, char *target, sv_config_faults *faults);

static void read_key(const sv_config_key *key, const sv_config_node *node,
                     const sv_config_node *parent, char *target, sv_config_faults *faults) {
    field f = { .key = key, .node = node, .faults = faults, .at = target + key->offset };
    if (key->type == SV_CONFIG_CUSTOM) {
        key->read(node, target, faults);
    } else if (key->type == SV_CONFIG_SECTION) {
        if (node == NULL && key->fallback == NULL) {
            sv_config_fault(faults, parent, "the section \"%s:\" is missing: %s", key->name,
                            key->help);
        } else {
            read_keys(node, parent, key->keys, f.at, faults);
        }
    } else if (node != NULL && node->kind != SV_CONFIG_SCALAR) {
        sv_config_fault(faults, node, "%s: a single value is wanted here", key->name);
    } else if (node != NULL) {
        read_scalar(&f, sv_config_node_text(node));
    } else if (key->fallback == NULL) {
        sv_config_fault(faults, parent, "\"%s:\" is missing: %s", key->name, key->help);
    } else if (key->fallback[0] != '\0') {
        read_scalar(&f, sv_text_of(key->fallback));
    }
}

static bool is_known(sv_text name, const sv_config_key *keys) {
    for (const sv_config_key *key = keys; key->name != NULL; key++) {
        if (sv_text_is(name, key->name)) {
            return true;
        }
    }
    return false;
}

/// `map` may be NULL: an optional section that is absent gets its keys' fallbacks.
static void read_keys(const sv_config_node *map, const sv_config_node *parent,
                      const sv_config_key *keys, char *target, sv_config_faults *faults) {
    if (map != NULL && map->kind != SV_CONFIG_MAP) {
        sv_config_fault(faults, map, "a section with keys is wanted here");
        return;
    }
    for (size_t i = 0; map != NULL && i < map->count; i++) {
        sv_text name = sv_text_of(map->items[i].key);
        if (!is_known(name, keys)) {
            fault_unknown(map->items[i].value, name, keys, faults);
        }
    }
    for (const sv_config_key *key = keys; key->name != NULL; key++) {
        const sv_config_node *node = map == NULL ? NULL : sv_config_node_get(map, key->name);
        read_key(key, node, map == NULL ? parent : map, target, faults);
    }
}

sv_err sv_config_read(const sv_config_node *root, const sv_config_key *keys, void *target,
                      sv_config_faults *faults) {
    unsigned before = faults->count;
    read_keys(root, root, keys, target, faults);
    return faults->count == before ? SV_OK : SV_ERR_INVALID;
}

static void help_keys(const sv_config_key *keys, unsigned depth, sv_textbuf *out) {
    for (const sv_config_key *key = keys; key->name != NULL; key++) {
        int indent = (int) depth * 2 + 2;
        sv_textbuf_addf(out, "%*s%s:%*s%s", indent, "", key->name,
                        (int) (24 - indent - (int) strlen(key->name) > 1
                                   ? 24 - indent - (int) strlen(key->name)
                                   : 1),
                        "", key->help);
        if (key->type != SV_CONFIG_SECTION && key->fallback != NULL && key->fallback[0] != '\0') {
            sv_textbuf_addf(out, " [%s]", key->fallback);
        } else if (key->fallback == NULL) {
            sv_textbuf_add_str(out, " (required)");
        }
        sv_textbuf_add_char(out, '\n');
        if (key->type == SV_CONFIG_SECTION) {
            help_keys(key->keys, depth + 1, out);
        }
    }
}

void sv_config_help(const sv_config_key *keys, sv_textbuf *out) {
    help_keys(keys, 0, out);
}
