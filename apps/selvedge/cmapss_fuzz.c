// Whatever the line: a row of whole numbers from 1 and of values, or a sentence, and nothing read
// past its end.
#include "cmapss.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *line = malloc(size == 0 ? 1 : size); // no NUL: the length counts
    if (line == NULL) {
        return 0;
    }
    memcpy(line, data, size);
    sv_cmapss_row row;
    sv_why why = { 0 };
    sv_err err = sv_cmapss_parse((sv_text){ .at = line, .len = size }, &row, &why);
    if (err == SV_OK ? row.unit == 0 || row.cycle == 0 : why.text[0] == '\0') {
        abort();
    }
    free(line);
    return 0;
}
