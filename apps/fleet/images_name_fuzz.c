// Names of uploaded files: `<sha256>/<name>`, or a name alone. What is taken leads nowhere else.
#include "images_folder.h"
#include "images_name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text name = { .at = (const char *) data, .len = size };
    sv_text sha256 = { 0 };
    sv_images_part part;
    sv_why why = { 0 };
    if (size > 0 && memchr(data, '/', size) != NULL) {
        sha256 = sv_text_cut(&name, '/');
    }
    if (sv_images_part_read(sha256, name, &part, &why) != SV_OK) {
        must(why.text[0] != '\0');
        return 0;
    }
    must(strlen(part.name) == name.len && strlen(part.sha256) == sha256.len);
    must(strchr(part.name, '/') == NULL && part.name[0] != '.' && part.name[0] != '\0');
    must(part.sha256[0] == '\0' || sv_images_is_sha256(sv_text_of(part.sha256)));
    // An index has none of its own, and nothing that is judged looks as if it were not.
    size_t len = strlen(part.name);
    must(len < 12 || strcmp(part.name + len - 12, ".index.index") != 0);
    must(len < 5 || strcmp(part.name + len - 5, ".part") != 0);
    return 0;
}
