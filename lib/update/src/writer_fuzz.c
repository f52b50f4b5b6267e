// A targets file of somebody else (a supplier's, or one that waits for signatures) is changed,
// joined and looked through. The first byte chooses what; the rest is the file, or a public key.
// What is taken stays as it was but for the change, what is not is refused with a sentence.
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>
#include <string.h>
#include <update/writer.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

static const sv_tuf_head HEAD = { .version = 7, .expires_us = 90 * SV_TIME_DAY_US };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// Every entry of before, but the one that changed.
static sv_err must_be_there(void *arg, sv_text path, const sv_json *entry) {
    const sv_tuf_metadata *after = arg;
    sv_tuf_file file;
    (void) entry;
    must(sv_text_is(path, "added") || sv_tuf_target_of(after, path, &file));
    return SV_OK;
}

static void change(const sv_tuf_metadata *old) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *after = NULL;
    const sv_tuf_change add = { .path = SV_TEXT("added"),
                                .entry = SV_TEXT("{\"length\":1,\"hashes\":{\"sha256\":\"00\"}}") };
    sv_why why = { 0 };
    sv_tuf_file file;
    if (sv_tuf_targets_make(&HEAD, old, &add, &text, &why) != SV_OK) {
        must(why.text[0] != '\0');
        return;
    }
    must(sv_tuf_read(sv_textbuf_text(&text), SV_TUF_TARGETS, &after, NULL) == SV_OK);
    must(after->version == HEAD.version && sv_tuf_target_of(after, SV_TEXT("added"), &file));
    must(sv_json_count(sv_json_get(after->document, "signatures")) == 0);
    must(sv_json_each(sv_json_get(old->content, "targets"), must_be_there, after) == SV_OK);
}

static void hold(sv_tuf_holders *out) {
    SV_DEFER(sv_json_drop) sv_json *value = NULL;
    must(sv_json_parse(SV_TEXT("{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{"
                               "\"public\":\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a"
                               "68f707511a\"}}"),
                       &value, NULL, NULL)
             == SV_OK
         && sv_tuf_public_read(value, &out->keys[0], NULL) == SV_OK);
    out->count = 1;
    out->threshold = 1;
}

static void spread(const sv_tuf_metadata *old) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *after = NULL;
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    const sv_tuf_bins bins = { .count = 16, .holders = holders };
    const sv_tuf_change spread = { .bins = &bins };
    sv_why why = { 0 };
    hold(holders);
    if (sv_tuf_targets_make(&HEAD, old, &spread, &text, &why) != SV_OK) {
        must(why.text[0] != '\0');
        return;
    }
    must(sv_tuf_read(sv_textbuf_text(&text), SV_TUF_TARGETS, &after, NULL) == SV_OK);
    must(sv_tuf_bins_count(after) == bins.count);
    must(sv_json_each(sv_json_get(old->content, "targets"), must_be_there, after) == SV_OK);
}

static void join(sv_text bytes, const sv_tuf_metadata *old) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *after = NULL;
    if (sv_tuf_signatures_join(bytes, bytes, SV_TUF_TARGETS, &text, NULL) != SV_OK) {
        return; // has numbers that cannot be signed
    }
    must(sv_tuf_read(sv_textbuf_text(&text), SV_TUF_TARGETS, &after, NULL) == SV_OK);
    must(sv_json_count(sv_json_get(after->document, "signatures"))
         == sv_json_count(sv_json_get(old->document, "signatures")));
}

static void read_key(sv_text bytes) {
    SV_DEFER(sv_json_drop) sv_json *value = NULL;
    sv_tuf_public key = { .id = "" };
    sv_why why = { 0 };
    if (sv_json_parse(bytes, &value, NULL, NULL) != SV_OK) {
        return;
    }
    if (sv_tuf_public_read(value, &key, &why) == SV_OK) {
        must(strlen(key.id) == SV_TUF_KEYID_ROOM - 1);
    } else {
        must(why.text[0] != '\0' && key.id[0] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *old = NULL;
    if (size == 0) {
        return 0;
    }
    sv_text bytes = { .at = (const char *) data + 1, .len = size - 1 };
    if (data[0] % 2 == 0) {
        read_key(bytes);
    } else if (sv_tuf_read(bytes, SV_TUF_TARGETS, &old, NULL) == SV_OK) {
        change(old);
        spread(old);
        join(bytes, old);
    }
    return 0;
}
