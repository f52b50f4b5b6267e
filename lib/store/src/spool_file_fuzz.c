#include "spool_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Whatever a file holds: each record that is read formats back to the bytes it came from.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text content = { .at = (const char *) data, .len = size };
    spool_survey survey = spool_survey_of(content);
    spool_item item;
    size_t records = 0;
    for (size_t at = 0; spool_item_next(content, &at, &item); records++) {
        assert(at <= size);
        size_t bytes = spool_item_bytes(&item);
        SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(bytes + 1);
        spool_item_add(&again, &item);
        assert(again.len == bytes && memcmp(again.at, data + at - bytes, bytes) == 0);
    }
    assert(records == survey.records);
    (void) survey; // used by assertions alone
    spool_name name;
    (void) spool_name_parse(content, &name);
    return 0;
}
