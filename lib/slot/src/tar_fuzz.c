// Whatever an archive says, what is read of it stays in its tree, in its bounds, and is the same in
// whatever pieces it comes.
#include <slot/tar.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 4096 };

typedef struct seen {
    uint64_t sum, bytes, left;
    uint32_t entries;
} seen;

static void add(seen *s, const void *bytes, size_t len) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        s->sum = s->sum * 1099511628211U + at[i];
    }
}

/// As deep as its path has parts below the tree's folder; a target may climb so many.
static void check_path(const char *path, unsigned up) {
    bool climbs = true;
    sv_text rest = sv_text_of(path);
    if (path[0] == '/' || strlen(path) > SV_TAR_PATH_MAX) {
        abort();
    }
    while (rest.len > 0) {
        sv_text part = sv_text_cut(&rest, '/');
        bool is_up = sv_text_is(part, "..");
        if (part.len == 0 || sv_text_is(part, ".") || (is_up && (!climbs || up == 0))) {
            abort();
        }
        climbs = is_up;
        up -= is_up ? 1 : 0;
    }
}

static sv_err take_entry(void *arg, const sv_tar_entry *entry, sv_why *why) {
    seen *s = arg;
    unsigned up = 0;
    (void) why;
    check_path(entry->path, 0);
    for (const char *at = entry->path; *at != '\0'; at++) {
        up += *at == '/' ? 1 : 0;
    }
    if (entry->path[0] == '\0' || s->left != 0 || ++s->entries > SV_TAR_ENTRIES_MAX) {
        abort();
    }
    if (entry->kind == SV_TAR_LINK) {
        check_path(entry->target, up);
        add(s, entry->target, strlen(entry->target));
    }
    s->left = entry->bytes;
    s->bytes += entry->bytes;
    if (s->bytes > BYTES_MAX) {
        abort();
    }
    add(s, entry->path, strlen(entry->path));
    return SV_OK;
}

static sv_err take_bytes(void *arg, sv_text bytes, sv_why *why) {
    seen *s = arg;
    (void) why;
    if (bytes.len > s->left) {
        abort();
    }
    s->left -= bytes.len;
    add(s, bytes.at, bytes.len);
    return SV_OK;
}

static sv_err take_end(void *arg, sv_why *why) {
    const seen *s = arg;
    (void) why;
    if (s->left != 0) {
        abort();
    }
    return SV_OK;
}

static sv_err read_by(sv_text rest, size_t step, seen *out) {
    static sv_tar tar;
    *out = (seen){ .sum = 1 };
    sv_tar_begin(
        &tar,
        (sv_tar_taker){ .arg = out, .entry = take_entry, .bytes = take_bytes, .end = take_end },
        BYTES_MAX);
    while (rest.len > 0) {
        sv_text piece = { .at = rest.at, .len = rest.len < step ? rest.len : step };
        SV_TRY(sv_tar_push(&tar, piece, NULL));
        rest.at += piece.len;
        rest.len -= piece.len;
    }
    return sv_tar_end(&tar, NULL);
}

static bool is_same(const seen *a, const seen *b) {
    return a->sum == b->sum && a->bytes == b->bytes && a->entries == b->entries;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sv_text text = { .at = (const char *) data, .len = size };
    seen whole;
    seen pieces;
    sv_err one = read_by(text, size, &whole);
    sv_err many = read_by(text, 77, &pieces);
    if (one != many || (one == SV_OK && !is_same(&whole, &pieces))) {
        abort();
    }
    return 0;
}
