// Whatever the bytes: a set whose rows can all be had, within its limits, or a refusal.
#include <base/mem.h>
#include <detect/training_set.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    sv_text bytes = { .at = (const char *) data, .len = size };
    if (sv_training_set_read(bytes, set, NULL) != SV_OK) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(size + 1);
    sv_training_set_put(set, &again);
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        sv_training_row_put(set, &row, &again);
    }
    if (again.overflowed || again.len != size) {
        abort();
    }
    return 0;
}
