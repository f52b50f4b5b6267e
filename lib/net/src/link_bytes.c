#include "link_bytes.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 512 };

static void make_room(link_bytes *bytes, size_t len) {
    if (bytes->from > 0) {
        memmove(bytes->at, bytes->at + bytes->from, bytes->len);
        bytes->from = 0;
    }
    if (bytes->cap - bytes->len >= len) {
        return;
    }
    size_t cap = bytes->cap > 0 ? bytes->cap * 2 : SMALLEST;
    cap = cap - bytes->len < len ? bytes->len + len : cap;
    bytes->at = sv_mem_resize(bytes->at, cap);
    bytes->cap = cap;
}

void link_bytes_add(link_bytes *bytes, sv_text more) {
    if (more.len == 0) {
        return;
    }
    if (bytes->cap - bytes->from - bytes->len < more.len) {
        make_room(bytes, more.len);
    }
    memcpy(bytes->at + bytes->from + bytes->len, more.at, more.len);
    bytes->len += more.len;
}

sv_text link_bytes_text(const link_bytes *bytes) {
    return (sv_text){ .at = bytes->at + bytes->from, .len = bytes->len };
}

void link_bytes_take(link_bytes *bytes, size_t len) {
    if (len >= bytes->len) {
        link_bytes_drop(bytes);
        return;
    }
    bytes->from += len;
    bytes->len -= len;
}

void link_bytes_drop(link_bytes *bytes) {
    free(bytes->at);
    *bytes = (link_bytes){ 0 };
}
