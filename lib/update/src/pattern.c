#include "delegation.h"

/// `[...]` at the start of `pattern`: its length, 0 when it does not end; *hit says whether `c` is
/// in it.
static size_t class_of(sv_text pattern, char c, bool *hit) {
    size_t i = 1;
    bool inverted = i < pattern.len && pattern.at[i] == '!';
    i += inverted ? 1 : 0;
    size_t first = i;
    bool found = false;
    while (i < pattern.len && (pattern.at[i] != ']' || i == first)) {
        char low = pattern.at[i];
        bool range = i + 2 < pattern.len && pattern.at[i + 1] == '-' && pattern.at[i + 2] != ']';
        char high = range ? pattern.at[i + 2] : low;
        found = found || (c >= low && c <= high);
        i += range ? 3 : 1;
    }
    *hit = found != inverted;
    return i < pattern.len ? i + 1 : 0;
}

/// How much of the pattern stands for `c`, 0 when it does not.
static size_t one(sv_text pattern, char c) {
    bool hit = false;
    if (pattern.len == 0) {
        return 0;
    }
    if (pattern.at[0] == '?') {
        return 1;
    }
    size_t len = pattern.at[0] == '[' ? class_of(pattern, c, &hit) : 0;
    if (len > 0) {
        return hit ? len : 0;
    }
    return pattern.at[0] == c ? 1 : 0;
}

static sv_text after(sv_text text, size_t bytes) {
    return (sv_text){ .at = text.at + bytes, .len = text.len - bytes };
}

/// One part of each. A star is tried with ever more behind it; only the last one seen can matter,
/// so that the time is bounded by the product of the lengths.
static bool part_matches(sv_text pattern, sv_text part) {
    sv_text star = { 0 };
    sv_text mark = { 0 };
    while (part.len > 0) {
        size_t step = one(pattern, part.at[0]);
        if (pattern.len > 0 && pattern.at[0] == '*') {
            pattern = after(pattern, 1);
            star = pattern;
            mark = part;
        } else if (step > 0) {
            pattern = after(pattern, step);
            part = after(part, 1);
        } else if (star.at != NULL) {
            mark = after(mark, 1);
            part = mark;
            pattern = star;
        } else {
            return false;
        }
    }
    while (pattern.len > 0 && pattern.at[0] == '*') {
        pattern = after(pattern, 1);
    }
    return pattern.len == 0;
}

static size_t slashes(sv_text text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.at[i] == '/' ? 1 : 0;
    }
    return count;
}

bool sv_tuf_pattern_matches(sv_text pattern, sv_text path) {
    if (slashes(pattern) != slashes(path)) {
        return false;
    }
    size_t parts = slashes(path) + 1;
    for (size_t i = 0; i < parts; i++) {
        sv_text left = sv_text_cut(&pattern, '/');
        if (!part_matches(left, sv_text_cut(&path, '/'))) {
            return false;
        }
    }
    return true;
}
