// Whatever file it is: it is read, or refused with a sentence.
#include "elf_facts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_elf_facts facts;
    sv_why why = { .text = "" };
    sv_text file = { .at = (const char *) data, .len = size };
    if (sv_elf_read(file, &facts, &why) != SV_OK && why.text[0] == '\0') {
        abort();
    }
    return 0;
}
