// Whatever the bytes: a life that is taken in takes any readings, and is written as it was read.
// The bytes are tried as they are and with a checksum of their own, which chance does not find.
#include "machine_life_fixture.h"
#include "state.h"
#include <base/prng.h>
#include <base/test.h>
#include <stdlib.h>

enum { READINGS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static life_made made;
static sv_mlife life;

static void hear(uint64_t seed) {
    sv_prng prng = { .state = seed };
    sv_mlife_part parts[SV_MLIFE_PARTS];
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t bits = sv_prng_next(&prng);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        sv_text name = i % 2 == 0 ? SV_TEXT("load") : SV_TEXT("temperature");
        (void) sv_mlife_take(&life, name, value, (int64_t) (sv_prng_next(&prng) >> (i % 32 + 1)));
        if (!(life.risk >= 0 && life.risk <= 1 && life.strange >= 0 && life.strange <= 1)
            || sv_mlife_parts(&life, parts) > SV_MLIFE_PARTS) {
            abort();
        }
    }
}

static void take_in(const sv_mlife_terms *terms, const uint8_t *bytes, size_t len) {
    static uint8_t again[SV_MLIFE_SAVE_BYTES_MAX];
    sv_mlife_start(&life, &made.model, terms);
    if (sv_mlife_load(&life, bytes, len, NULL) != SV_OK) {
        return;
    }
    if (sv_mlife_save(&life, again, sizeof again) != len) {
        abort();
    }
    hear(len);
}

static void take_as(const sv_mlife_terms *terms, const uint8_t *data, size_t size) {
    static uint8_t room[SV_MLIFE_SAVE_BYTES_MAX];
    take_in(terms, data, size);
    if (size >= SV_STATE_SUM_BYTES && size <= sizeof room) {
        memcpy(room, data, size);
        sv_textbuf out = sv_state_room(room, size);
        out.len = size - SV_STATE_SUM_BYTES;
        take_in(terms, room, sv_state_seal(&out));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    life_make(&made);
    take_as(&LIFE_TERMS, data, size);
    life_make_classes(&made);
    take_as(&LIFE_TERMS, data, size);
    life_make_rows(&made);
    take_as(&ROW_TERMS, data, size);
    return 0;
}
