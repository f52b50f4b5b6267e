// Whatever is read as a bundle: what is refused says why, what is taken has one spelling, so that
// its headers can be made again from names and sizes to the same bytes.
#include <stdlib.h>
#include <string.h>
#include <update/bundle.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct memory {
    const uint8_t *at;
    size_t len;
} memory;

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static sv_err read_at(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const memory *m = arg;
    (void) why;
    must(at <= m->len && bytes <= m->len - at);
    if (bytes > 0) {
        memcpy(out, m->at + at, bytes);
    }
    return SV_OK;
}

/// The first header is the target's, for which only the size is free.
static void make_again(const memory *m, const char *target) {
    uint8_t head[SV_BUNDLE_BLOCK_BYTES];
    size_t padding = 0;
    must(sv_bundle_head("target", strlen(target), head, &padding, NULL) == SV_OK);
    must(m->len > sizeof head && memcmp(head, m->at, sizeof head) == 0);
    must(memcmp(m->at + sizeof head, target, strlen(target)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memory m = { .at = data, .len = size };
    const sv_image_bytes file = { .arg = &m, .length = size, .read = read_at };
    SV_DEFER(sv_bundle_drop) sv_bundle *bundle = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX);
    sv_why why = { 0 };
    sv_err err = sv_bundle_open(&file, &bundle, &why);
    if (err != SV_OK) {
        must(why.text[0] != '\0' && bundle == NULL
             && (err == SV_ERR_INVALID || err == SV_ERR_UNAVAILABLE));
        return 0;
    }
    must(size % SV_BUNDLE_BLOCK_BYTES == 0 && sv_bundle_target(bundle)[0] != '\0');
    make_again(&m, sv_bundle_target(bundle));
    err = sv_bundle_fetch(bundle, "timestamp.json", SV_TUF_TIMESTAMP_MAX, &out, NULL);
    must(err == SV_OK || err == SV_ERR_NOT_FOUND);
    must(sv_bundle_fetch(bundle, "../target", SV_TUF_TIMESTAMP_MAX, &out, NULL) != SV_OK);
    return 0;
}
