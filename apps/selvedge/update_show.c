// `selvedge update show`
#include "show.h"
#include "update.h"
#include "update_source.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { JSON_MAX = 16 * 1024 * 1024 };

typedef struct viewing {
    sv_json_out *json;
    bool want; ///< those who have signed, or those who have not
} viewing;

static void put_signer(void *arg, sv_text keyid, bool has_signed) {
    viewing *v = arg;
    if (has_signed == v->want) {
        sv_json_put_text(v->json, keyid);
    }
}

static sv_err add_signers(sv_json_out *json, const char *key, bool want,
                          const sv_tuf_metadata *metadata, const sv_tuf_voucher *by, sv_why *why) {
    viewing v = { .json = json, .want = want };
    sv_json_key(json, key);
    sv_json_open_array(json);
    SV_TRY(sv_tuf_signers(metadata, by, put_signer, &v, why));
    sv_json_close_array(json);
    return SV_OK;
}

static sv_err add_role(sv_json_out *json, const update_document *document, const sv_tuf_voucher *by,
                       int64_t now_us, sv_why *why) {
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_time_add(&end, document->metadata->expires_us);
    sv_json_open_object(json);
    sv_json_add_str(json, "role", document->role);
    sv_json_add_int(json, "version", document->metadata->version);
    sv_json_add_text(json, "expires", sv_textbuf_text(&end));
    sv_json_add_bool(json, "ended", document->metadata->expires_us <= now_us);
    sv_json_add_int(json, "threshold", by->threshold);
    SV_TRY(add_signers(json, "signed", true, document->metadata, by, why));
    SV_TRY(add_signers(json, "not_signed", false, document->metadata, by, why));
    sv_json_close_object(json);
    return SV_OK;
}

static sv_err add_roles(sv_json_out *json, const update_source *source, int64_t now_us,
                        sv_why *why) {
    const update_document *const top[] = { &source->root, &source->timestamp, &source->snapshot };
    sv_json_key(json, "roles");
    sv_json_open_array(json);
    for (size_t i = 0; i < SV_COUNT(top); i++) {
        sv_tuf_voucher by = sv_tuf_root_names(source->root.metadata, update_type_of(top[i]->role));
        SV_TRY(add_role(json, top[i], &by, now_us, why));
    }
    for (size_t i = 0; i < source->targets_count; i++) {
        SV_TRY(add_role(json, &source->targets[i], &source->by[i], now_us, why));
    }
    sv_json_close_array(json);
    return SV_OK;
}

/// What is shown.
typedef struct asked {
    update_place place;
    const char *target, *image; ///< these alone; NULL: all
    bool as_json;
} asked;

static void add_hex(sv_json_out *json, const char *key, const uint8_t *bytes, size_t count) {
    char room[2 * SV_TARGET_HASH_BYTES + 1];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_hex_add(&hex, bytes, count);
    sv_json_add_text(json, key, sv_textbuf_text(&hex));
}

static void add_ours(sv_json_out *json, const sv_target *target) {
    sv_json_add_str(json, "product", target->product);
    sv_json_add_str(json, "version", target->version);
    sv_json_add_int(json, "counter", target->counter);
    sv_json_add_str(json, "slot", target->slot);
    sv_json_add_bool(json, "sealed", target->sealed);
    sv_json_add_bool(json, "boot_header", target->boot_len > 0);
    sv_json_add_str(json, "notes", target->notes[0] != '\0' ? target->notes : NULL);
    sv_json_key(json, "hardware");
    sv_json_open_array(json);
    for (size_t i = 0; i < target->hardware_count; i++) {
        sv_json_put_str(json, target->hardware[i]);
    }
    sv_json_close_array(json);
    sv_json_key(json, "encodings");
    sv_json_open_array(json);
    for (size_t i = 0; i < target->encoding_count; i++) {
        char name[SV_ENCODING_NAME_ROOM];
        sv_encoding_name(&target->encodings[i], name);
        sv_json_open_object(json);
        sv_json_add_str(json, "name", name);
        sv_json_add_int(json, "length", (int64_t) target->encodings[i].length);
        add_hex(json, "root", target->encodings[i].root, sizeof target->encodings[i].root);
        sv_json_close_object(json);
    }
    sv_json_close_array(json);
}

typedef struct listing {
    sv_json_out *json;
    const char *role, *only; ///< a path
    const char *digest;      ///< of an image, in hexadecimal
    size_t count;
} listing;

static sv_err add_target(void *arg, sv_text path, const sv_json *value) {
    listing *l = arg;
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_tuf_file file;
    sv_text hash = { 0 };
    if ((l->only != NULL && !sv_text_is(path, l->only)) || !sv_tuf_file_read(value, &file)) {
        return SV_OK;
    }
    bool hashed = sv_json_text(sv_json_get(file.hashes, "sha256"), &hash);
    if (l->digest != NULL && !(hashed && sv_text_is(hash, l->digest))) {
        return SV_OK;
    }
    l->count++;
    sv_json_open_object(l->json);
    sv_json_add_text(l->json, "path", path);
    sv_json_add_str(l->json, "role", l->role);
    sv_json_add_int(l->json, "length", file.length);
    if (hashed) {
        sv_json_add_text(l->json, "sha256", hash);
    }
    if (sv_target_read(&file, target, NULL) == SV_OK) {
        add_ours(l->json, target);
    }
    sv_json_close_object(l->json);
    return SV_OK;
}

static sv_err hash_image(const char *path, char room[2 * SV_TARGET_HASH_BYTES + 1], sv_why *why) {
    SV_DEFER(update_file_drop) update_file image = { .fd = -1 };
    uint8_t digest[SV_TARGET_HASH_BYTES];
    sv_textbuf hex = { .at = room, .cap = 2 * SV_TARGET_HASH_BYTES + 1 };
    SV_TRY(update_file_open(path, &image, why));
    SV_TRY(update_file_digest(&image, digest, why));
    sv_hex_add(&hex, digest, sizeof digest);
    return sv_textbuf_end(&hex);
}

static sv_err add_targets(listing *l, const update_source *source) {
    sv_json_key(l->json, "targets");
    sv_json_open_array(l->json);
    for (size_t i = 0; i < source->targets_count; i++) {
        l->role = source->targets[i].role;
        SV_TRY(sv_json_each(sv_json_get(source->targets[i].metadata->content, "targets"),
                            add_target, l));
    }
    sv_json_close_array(l->json);
    return SV_OK;
}

static sv_err gather(const asked *a, const update_source *source, int64_t now_us, sv_textbuf *out,
                     sv_why *why) {
    char digest[2 * SV_TARGET_HASH_BYTES + 1];
    sv_json_out json = SV_JSON_OUT(out);
    listing l = { .json = &json, .only = a->target };
    if (a->image != NULL) {
        SV_TRY(hash_image(a->image, digest, why));
        l.digest = digest;
    }
    sv_json_open_object(&json);
    sv_json_add_str(&json, "kind", update_source_kind(source));
    if (source->bundle != NULL) {
        sv_json_add_str(&json, "target", sv_bundle_target(source->bundle));
        l.only = l.only != NULL ? l.only : sv_bundle_target(source->bundle);
        sv_json_add_int(&json, "content_keys", (int64_t) sv_bundle_key_count(source->bundle));
    }
    SV_TRY(add_roles(&json, source, now_us, why));
    SV_TRY(add_targets(&l, source));
    sv_json_close_object(&json);
    if (l.count == 0 && (a->image != NULL || a->target != NULL)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "'%.160s' is no release in '%.160s'",
                       a->image != NULL ? a->image : a->target, a->place.where);
    }
    return sv_textbuf_end(out);
}

// ---- the table ----------------------------------------------------------------------------------

static void print_ids(const char *what, const sv_json *ids) {
    if (sv_json_count(ids) == 0) {
        return;
    }
    (void) printf("%s", what);
    for (size_t i = 0; i < sv_json_count(ids); i++) {
        sv_text id = { 0 };
        (void) sv_json_text(sv_json_at(ids, i), &id);
        id.len = id.len < UPDATE_SHORT_ID ? id.len : UPDATE_SHORT_ID;
        (void) printf(" ");
        sv_show_plain(id);
    }
}

static void print_role(const sv_json *role) {
    bool ended = false;
    const sv_json *ids = sv_json_get(role, "signed");
    (void) sv_json_bool(sv_json_get(role, "ended"), &ended);
    (void) printf("%-10.*s version %lld until %.*s%s, %lld needed, signed by %zu:",
                  SV_TEXT_ARG(sv_show_words(role, "role")),
                  (long long) sv_show_number(role, "version"),
                  SV_TEXT_ARG(sv_show_words(role, "expires")), ended ? " (ended)" : "",
                  (long long) sv_show_number(role, "threshold"), sv_json_count(ids));
    print_ids("", ids);
    print_ids("; not by", sv_json_get(role, "not_signed"));
    (void) putchar('\n');
}

/// Of hash bins, which are signed alike, the one that ends first stands for all.
static void print_roles(const sv_json *roles) {
    const sv_json *first = NULL;
    size_t bins = 0;
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *role = sv_json_at(roles, i);
        if (!sv_tuf_is_bin(sv_show_words(role, "role"))) {
            print_role(role);
            continue;
        }
        bins++;
        sv_text end = sv_show_words(role, "expires"); // all of one length
        sv_text soonest = sv_show_words(first, "expires");
        first = first == NULL || memcmp(end.at, soonest.at, end.len) < 0 ? role : first;
    }
    if (first != NULL) {
        (void) printf("%zu hash bins, of which ends first:\n", bins);
        print_role(first);
    }
}

static void print_list(const char *what, const sv_json *list, const char *member) {
    (void) printf("%s", what);
    for (size_t i = 0; i < sv_json_count(list); i++) {
        const sv_json *one = sv_json_at(list, i);
        sv_text text = { 0 };
        (void) sv_json_text(member != NULL ? sv_json_get(one, member) : one, &text);
        (void) printf("%s", i > 0 ? ", " : "");
        sv_show_plain((sv_text){ .at = text.at, .len = text.len < 18 ? text.len : 18 });
        if (member != NULL) {
            (void) printf(" %lld bytes", (long long) sv_show_number(one, "length"));
        }
    }
}

/// With their roots, for who asked for one image.
static void print_encodings(const sv_json *list) {
    for (size_t i = 0; i < sv_json_count(list); i++) {
        const sv_json *one = sv_json_at(list, i);
        (void) printf("\n  as ");
        sv_show_plain(sv_show_words(one, "name"));
        (void) printf(" %lld bytes, root %.*s", (long long) sv_show_number(one, "length"),
                      SV_TEXT_ARG(sv_show_words(one, "root")));
    }
}

static void print_target(const sv_json *target, bool alone) {
    bool sealed = false;
    bool boot = false;
    bool ours = sv_json_bool(sv_json_get(target, "sealed"), &sealed);
    (void) sv_json_bool(sv_json_get(target, "boot_header"), &boot);
    (void) putchar('\n');
    sv_show_plain(sv_show_words(target, "path"));
    (void) printf("  %lld bytes, by %.*s\n  sha256 ", (long long) sv_show_number(target, "length"),
                  SV_TEXT_ARG(sv_show_words(target, "role")));
    sv_show_plain(sv_show_words(target, "sha256"));
    (void) putchar('\n');
    if (!ours) {
        return;
    }
    (void) printf("  %.*s %.*s, release counter %lld, slot %.*s, %s%s\n",
                  SV_TEXT_ARG(sv_show_words(target, "product")),
                  SV_TEXT_ARG(sv_show_words(target, "version")),
                  (long long) sv_show_number(target, "counter"),
                  SV_TEXT_ARG(sv_show_words(target, "slot")), sealed ? "sealed" : "plain",
                  boot ? ", with a boot header" : "");
    print_list("  for ", sv_json_get(target, "hardware"), NULL);
    if (alone) {
        print_encodings(sv_json_get(target, "encodings"));
    } else {
        print_list("\n  as ", sv_json_get(target, "encodings"), "name");
    }
    if (sv_show_words(target, "notes").len > 0) {
        (void) printf("\n  ");
        sv_show_plain(sv_show_words(target, "notes"));
    }
    (void) putchar('\n');
}

static sv_err print_table(const asked *a, sv_text text, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *all = NULL;
    SV_TRY(sv_json_parse(text, &all, NULL, why));
    const sv_json *roles = sv_json_get(all, "roles");
    const sv_json *targets = sv_json_get(all, "targets");
    (void) printf("%.*s\n", SV_TEXT_ARG(sv_show_words(all, "kind")));
    print_roles(roles);
    for (size_t i = 0; i < sv_json_count(targets); i++) {
        print_target(sv_json_at(targets, i), a->image != NULL || a->target != NULL);
    }
    if (a->place.root == NULL) {
        (void) fprintf(stderr, "This is what it says of itself, by the first root in it. Whether a "
                               "device believes it: selvedge update verify\n");
    }
    return SV_OK;
}

static sv_err show(const asked *a, sv_why *why) {
    SV_DEFER(update_source_drop) update_source *source = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(JSON_MAX);
    SV_TRY(update_source_open(&a->place, &source, why));
    SV_TRY(gather(a, source, sv_clock_wall_us(), &text, why));
    if (a->as_json) {
        (void) printf("%s\n", text.at);
        return SV_OK;
    }
    return print_table(a, sv_textbuf_text(&text), why);
}

int update_show(int argc, char **argv) {
    static const update_page page = {
        "selvedge update show WHERE [--target PATH | --image FILE] [--root root.json] [--output "
        "json|table]",
        "What is in a repository's folder, a bundle, or a repository at an address: which images, "
        "for "
        "which\nhardware, in which encodings; who signed, how many it takes, and until when.\n\n"
        "example: selvedge update show repo\n"
        "example: selvedge update show release.tar --root root.json\n"
        "example: selvedge update show repo --image firmware.img",
    };
    asked a = { .place.now_us = 0 }; // what has ended is shown as well
    const char *output = NULL;
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "target", "PATH", SV_OPTION_TEXT, &a.target, "this image alone", false, 0, 0 },
        { "image", "FILE", SV_OPTION_TEXT, &a.image,
          "the releases that have the bytes of this file", false, 0, 0 },
        { "root", "FILE", SV_OPTION_TEXT, &a.place.root,
          "the root that is trusted [the first one that is there]", false, 0, 0 },
        { "ca", "FILE", SV_OPTION_TEXT, &a.place.ca,
          "for https: the certificates to trust [the system's]", false, 0, 0 },
        SV_OUTPUT_OPTION(output),
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a.place.where = plain[0];
    sv_err err = sv_output_parse(output, &a.as_json, &why);
    return update_end(err == SV_OK ? show(&a, &why) : err, &why);
}
