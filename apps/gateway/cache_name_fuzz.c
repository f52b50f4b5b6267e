// Whatever is asked for: what is kept lies in its folder, under a name that is none of another.
#include "cache_name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char HEX[] = "0123456789abcdef";
    sv_text target = { .at = (const char *) data, .len = size };
    gw_cache_name name;
    char room[256];
    if (gw_cache_name_read(target, &name)) {
        must(strlen(name.sha256) == 64 && strspn(name.sha256, HEX) == 64);
        must(name.is_file ? strcmp(name.file, "file") == 0
                          : strcmp(name.file, "raw") == 0 || strcmp(name.file, "zstd") == 0
                                || strncmp(name.file, "delta-", 6) == 0);
        must(strchr(name.file, '/') == NULL && strchr(name.file, '.') == NULL);
        must(!name.is_file || !name.is_index);
    }
    if (gw_cache_metadata_name(target, "press-1", room, sizeof room)) {
        const char *last = strrchr(room, '/');
        must(strncmp(room, "image/", 6) == 0 || strncmp(room, "director/press-1/", 17) == 0);
        must(last[1] != '.' && last[1] != '\0');
    }
    return 0;
}
