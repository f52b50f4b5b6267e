// Whatever the file: what is taken is within the grammar, once, and from a line that is there.
#include "device_file.h"

#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
    sv_why why = { 0 };
    if (sv_device_file_parse((sv_text){ .at = (const char *) data, .len = size }, &file, &why)
        != SV_OK) {
        require(why.text[0] != '\0' && file.count == 0);
        return 0;
    }
    for (size_t i = 0; i < file.count; i++) {
        const sv_device_line *line = &file.lines[i];
        require(sv_id_is_valid(sv_text_of(line->id)) && sv_id_is_valid(sv_text_of(line->site)));
        require(line->type[0] == '\0' || sv_id_is_valid(sv_text_of(line->type)));
        require(line->line >= 2 && (i == 0 || line->line > file.lines[i - 1].line));
        require(i == 0 || strcasecmp(line->id, file.lines[i - 1].id) != 0);
    }
    return 0;
}
