#include "kinds.h"

#include <base/map.h>
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <string.h>

struct sv_kinds {
    sv_map *by_name; ///< product, a line's end, version
    sv_kind **list;  ///< from SV_KIND_UNKNOWN + 1
    size_t count;
};

sv_kinds *sv_kinds_new(void) {
    sv_kinds *kinds = sv_mem_new(sizeof *kinds);
    uint8_t key[16];
    sv_random(key, sizeof key);
    kinds->by_name = sv_map_new(SV_KINDS_MAX, key);
    kinds->list = sv_mem_array(SV_KINDS_MAX, sizeof(sv_kind *));
    kinds->count = SV_KIND_UNKNOWN + 1;
    return kinds;
}

void sv_kinds_drop(sv_kinds **kinds) {
    sv_kinds *old = *kinds;
    *kinds = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->count; i++) {
        free(old->list[i]);
    }
    free(old->list);
    sv_map_drop(&old->by_name);
    free(old);
}

static uint16_t add(sv_kinds *kinds, sv_text name, sv_text product, sv_text version) {
    if (kinds->count == SV_KINDS_MAX) {
        return SV_KIND_UNKNOWN;
    }
    sv_kind *kind = sv_mem_new(sizeof *kind);
    if (sv_text_copy(product, kind->product, sizeof kind->product) != SV_OK
        || sv_text_copy(version, kind->version, sizeof kind->version) != SV_OK
        || sv_map_put(kinds->by_name, name, &kinds->list[kinds->count]) != SV_OK) {
        free(kind);
        return SV_KIND_UNKNOWN;
    }
    kinds->list[kinds->count] = kind;
    return (uint16_t) kinds->count++;
}

uint16_t sv_kinds_number(sv_kinds *kinds, sv_text product, sv_text version) {
    char room[2 * SV_RUNNING_WORD_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, product);
    sv_textbuf_add_char(&name, '\n');
    sv_textbuf_add(&name, version);
    bool is_clear = product.len == 0 || memchr(product.at, '\n', product.len) == NULL;
    if (!is_clear || sv_textbuf_end(&name) != SV_OK) {
        return SV_KIND_UNKNOWN;
    }
    sv_kind **place = sv_map_get(kinds->by_name, sv_textbuf_text(&name));
    return place != NULL ? (uint16_t) (place - kinds->list)
                         : add(kinds, sv_textbuf_text(&name), product, version);
}

const sv_kind *sv_kinds_at(const sv_kinds *kinds, uint16_t number) {
    return kinds->list[number];
}
