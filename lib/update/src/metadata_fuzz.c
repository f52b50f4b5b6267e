// The first byte chooses the type. Whatever is read: it says why not, nobody has signed it who did
// not, and looking up paths in it ends.
#include "delegation.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const sv_tuf_metadata *targets) {
    static const char *const PATHS[] = { "", "file", "a/b/c", "../x", "*" };
    sv_tuf_child *children = calloc(SV_TUF_CHILDREN_MAX, sizeof *children);
    for (size_t i = 0; children != NULL && i < SV_COUNT(PATHS); i++) {
        sv_tuf_file file;
        size_t count = sv_tuf_children(targets, sv_text_of(PATHS[i]), children);
        (void) sv_tuf_target_of(targets, sv_text_of(PATHS[i]), &file);
        for (size_t k = 0; k < count; k++) {
            if (children[k].name[0] == '\0' || sv_tuf_name_is_top(sv_text_of(children[k].name))
                || children[k].by.threshold < 1) {
                abort();
            }
        }
    }
    free(children);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
    sv_why why = { 0 };
    if (size == 0) {
        return 0;
    }
    sv_tuf_type type = (sv_tuf_type) (data[0] % SV_TUF_TYPE__COUNT);
    sv_text bytes = { .at = (const char *) data + 1, .len = size - 1 };
    sv_err err = sv_tuf_read(bytes, type, &metadata, &why);
    if (err != SV_OK) {
        if (why.code != err || why.text[0] == '\0' || metadata != NULL) {
            abort();
        }
        return 0;
    }
    if (metadata->version < 1) {
        abort();
    }
    if (type == SV_TUF_ROOT) {
        sv_tuf_voucher by = sv_tuf_root_names(metadata, SV_TUF_ROOT);
        if (sv_tuf_check(metadata, &by, NULL) == SV_OK
            && sv_json_count(sv_json_get(metadata->document, "signatures")) == 0) {
            abort();
        }
    } else if (type == SV_TUF_TARGETS) {
        look_up(metadata);
    }
    return 0;
}
