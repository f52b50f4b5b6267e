#include <base/mem.h>
#include <codec/canonical.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    sv_text key;
    const sv_json *value;
} member;

typedef struct members {
    member *at;
    size_t count;
} members;

static void members_drop(members *all) {
    free(all->at);
}

static sv_err take_member(void *arg, sv_text key, const sv_json *value) {
    members *all = arg;
    all->at[all->count++] = (member){ .key = key, .value = value };
    return SV_OK;
}

/// By bytes, which for UTF-8 is the order of the code points.
static int compare(const void *left, const void *right) {
    const sv_text *a = &((const member *) left)->key;
    const sv_text *b = &((const member *) right)->key;
    size_t shorter = a->len < b->len ? a->len : b->len;
    int order = shorter > 0 ? memcmp(a->at, b->at, shorter) : 0;
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void add_text(sv_textbuf *out, sv_text text) {
    sv_textbuf_add_char(out, '"');
    for (sv_text rest = text; rest.len > 0;) {
        size_t run = 0;
        while (run < rest.len && rest.at[run] != '"' && rest.at[run] != '\\') {
            run++;
        }
        sv_textbuf_add(out, (sv_text){ .at = rest.at, .len = run });
        if (run < rest.len) {
            sv_textbuf_add_char(out, '\\');
            sv_textbuf_add_char(out, rest.at[run++]);
        }
        rest = (sv_text){ .at = rest.at + run, .len = rest.len - run };
    }
    sv_textbuf_add_char(out, '"');
}

static sv_err add_value(const sv_json *value, sv_textbuf *out, sv_why *why);

static sv_err add_object(const sv_json *object, sv_textbuf *out, sv_why *why) {
    SV_DEFER(members_drop)
    members all = { .at = sv_mem_array(sv_json_size(object) + 1, sizeof *all.at) };
    SV_TRY(sv_json_each(object, take_member, &all));
    qsort(all.at, all.count, sizeof *all.at, compare);
    sv_textbuf_add_char(out, '{');
    for (size_t i = 0; i < all.count; i++) {
        if (i > 0) {
            sv_textbuf_add_char(out, ',');
        }
        add_text(out, all.at[i].key);
        sv_textbuf_add_char(out, ':');
        SV_TRY(add_value(all.at[i].value, out, why));
    }
    sv_textbuf_add_char(out, '}');
    return SV_OK;
}

static sv_err add_array(const sv_json *array, sv_textbuf *out, sv_why *why) {
    sv_textbuf_add_char(out, '[');
    for (size_t i = 0; i < sv_json_count(array); i++) {
        if (i > 0) {
            sv_textbuf_add_char(out, ',');
        }
        SV_TRY(add_value(sv_json_at(array, i), out, why));
    }
    sv_textbuf_add_char(out, ']');
    return SV_OK;
}

// The parser has bounded the depth of what comes here.
// NOLINTNEXTLINE(misc-no-recursion)
static sv_err add_value(const sv_json *value, sv_textbuf *out, sv_why *why) {
    sv_text text;
    int64_t whole = 0;
    bool truth = false;
    if (sv_json_is_object(value)) {
        return add_object(value, out, why);
    }
    if (sv_json_is_array(value)) {
        return add_array(value, out, why);
    }
    if (sv_json_text(value, &text)) {
        add_text(out, text);
    } else if (sv_json_int(value, &whole)) {
        sv_textbuf_addf(out, "%lld", (long long) whole);
    } else if (sv_json_bool(value, &truth)) {
        sv_textbuf_add_str(out, truth ? "true" : "false");
    } else if (sv_json_is_null(value)) {
        sv_textbuf_add_str(out, "null");
    } else {
        return sv_fail(why, SV_ERR_INVALID,
                       "a number that is not whole, or beyond 2^53, has no canonical form");
    }
    return SV_OK;
}

sv_err sv_canonical_add(const sv_json *value, sv_textbuf *out, sv_why *why) {
    SV_TRY(add_value(value, out, why));
    return out->overflowed
               ? sv_fail(why, SV_ERR_NO_SPACE, "the canonical form is longer than %zu bytes",
                         out->cap_max > 0 ? out->cap_max : out->cap)
               : SV_OK;
}
