#include "updater.h"

#include <string.h>

static bool is_usable(const sv_encoding *encoding, const uint8_t *old) {
    return encoding->kind != SV_ENCODING_DELTA
           || (old != NULL && memcmp(encoding->from, old, sizeof encoding->from) == 0);
}

const sv_encoding *updater_choose(const sv_target *target, const uint8_t *old, const char *begun) {
    const sv_encoding *best = sv_target_encoding(target, sv_text_of(begun));
    if (best != NULL && is_usable(best, old)) {
        return best;
    }
    best = NULL;
    for (size_t i = 0; i < target->encoding_count; i++) {
        const sv_encoding *encoding = &target->encodings[i];
        if (is_usable(encoding, old) && (best == NULL || encoding->length < best->length)) {
            best = encoding;
        }
    }
    return best;
}
