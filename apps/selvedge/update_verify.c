// `selvedge update verify`
#include "show.h"
#include "update.h"
#include "update_source.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>
#include <update/boot_header.h>

enum { JSON_MAX = 4096 };

typedef struct asked {
    update_place place;
    const char *target, *image, *hardware, *product, *output;
    int64_t counter;
    bool json;
} asked;

/// What is looked at, and what came of it.
typedef struct verifying {
    const asked *a;
    update_source *source;
    uint8_t digest[SV_TARGET_HASH_BYTES]; ///< of --image
    size_t matched;
    sv_why *why;
} verifying;

// ---- one image ----------------------------------------------------------------------------------

static bool has_hardware(const sv_target *target, const char *id) {
    for (size_t i = 0; i < target->hardware_count; i++) {
        if (strcmp(target->hardware[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/// Is it one for this device? The sentence is for who asked about this image alone.
static sv_err fits(const asked *a, const char *path, const sv_target *target, sv_why *why) {
    if (a->product != NULL && strcmp(target->product, a->product) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.120s' is firmware of %s, not of %.64s", path,
                       target->product, a->product);
    }
    if (a->hardware != NULL && !has_hardware(target, a->hardware)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.120s' is for hardware %s%s, not for %.64s", path,
                       target->hardware[0], target->hardware_count > 1 ? " and others" : "",
                       a->hardware);
    }
    if ((int64_t) target->counter < a->counter) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "'%.120s' has release counter %u; the device has %lld and goes back to "
                       "nothing older",
                       path, target->counter, (long long) a->counter);
    }
    return SV_OK;
}

/// A release whose boot header is another's would be installed and then not started.
static sv_err judge_boot(const char *path, const sv_target *target, sv_why *why) {
    sv_boot_header header;
    sv_why inner = { 0 };
    if (target->boot_len == 0 || sv_boot_header_of(target, &header, &inner) == SV_OK) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_UNTRUSTED, "'%.120s': %.240s", path, inner.text);
}

static sv_err say_wrong(const char *path, sv_err err, const sv_why *inner, sv_why *why) {
    return sv_fail(why, err == SV_ERR_IO ? err : SV_ERR_UNTRUSTED, "'%.120s': %.240s", path,
                   inner->text);
}

static sv_err judge_bytes(const verifying *v, const char *path, const sv_target *target,
                          sv_why *why) {
    bool bundle = v->source->bundle != NULL; // which has no file for other clients
    sv_why inner = { 0 };
    if (v->source->server != NULL) {
        return SV_OK;
    }
    for (size_t i = 0; i < (bundle ? 1 : target->encoding_count); i++) {
        sv_err err = update_source_judge(v->source, target, &target->encodings[i], &inner);
        if (err != SV_OK) {
            return say_wrong(path, err, &inner, why);
        }
    }
    if (!bundle && !target->sealed) {
        sv_err err = update_plain_judge(v->a->place.where, target, path, &inner);
        return err == SV_OK ? SV_OK : say_wrong(path, err, &inner, why);
    }
    return SV_OK;
}

static void tell(const verifying *v, const char *path, const sv_target *target) {
    if (!v->a->json) {
        (void) printf("%s: %s %s, release counter %u, %s%s\n", path, target->product,
                      target->version, target->counter, target->sealed ? "sealed, " : "",
                      v->a->image != NULL         ? "this image"
                      : v->source->server != NULL ? "signed; its bytes were not fetched"
                                                  : "signed and whole");
    }
}

static sv_err verify_image(verifying *v, const char *path, bool alone, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_trust_target found;
    SV_TRY(sv_trust_find(v->source->trust, sv_text_of(path), &found, why));
    sv_err err = sv_target_read(&found.file, target, why);
    if (err == SV_ERR_NOT_FOUND && !alone) {
        return SV_OK; // somebody else's
    }
    SV_TRY(err);
    if (v->a->image != NULL && memcmp(v->digest, target->digest, sizeof v->digest) != 0) {
        return SV_OK;
    }
    err = fits(v->a, path, target, why);
    if (err != SV_OK) {
        return alone ? err : SV_OK;
    }
    SV_TRY(judge_boot(path, target, why));
    if (v->a->image == NULL) {
        SV_TRY(judge_bytes(v, path, target, why));
    }
    v->matched++;
    tell(v, path, target);
    return SV_OK;
}

// ---- all of them --------------------------------------------------------------------------------

static sv_err verify_entry(void *arg, sv_text path, const sv_json *value) {
    verifying *v = arg;
    char room[SV_TUF_TARGET_PATH_ROOM];
    (void) value;
    if (sv_text_copy(path, room, sizeof room) != SV_OK) {
        return sv_fail(v->why, SV_ERR_UNTRUSTED, "a target's path is too long");
    }
    sv_err err = verify_image(v, room, false, v->why);
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(v->why, SV_ERR_UNTRUSTED,
                         "'%.160s' is signed by somebody who may not speak for it", room)
               : err;
}

static sv_err verify_all(verifying *v, sv_why *why) {
    for (size_t i = 0; i < v->source->targets_count; i++) {
        SV_TRY(sv_json_each(sv_json_get(v->source->targets[i].metadata->content, "targets"),
                            verify_entry, v));
    }
    bool chosen =
        v->a->image != NULL || v->a->product != NULL || v->a->hardware != NULL || v->a->counter > 0;
    return !chosen || v->matched > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         v->a->image != NULL
                             ? "'%.200s' is no release that is signed here for this device"
                             : "'%.200s' has no release for this device",
                         v->a->image != NULL ? v->a->image : v->a->place.where);
}

static sv_err verify(const asked *a, sv_why *why) {
    SV_DEFER(update_source_drop) update_source *source = NULL;
    SV_DEFER(update_file_drop) update_file image = { .fd = -1 };
    verifying v = { .a = a, .why = why };
    if (a->image != NULL) {
        SV_TRY(update_file_open(a->image, &image, why));
        SV_TRY(update_file_digest(&image, v.digest, why));
    }
    SV_TRY(update_source_open(&a->place, &source, why));
    v.source = source;
    if (!a->json) {
        (void) printf("%s %s: root %lld, timestamp %lld, targets %lld, all signed by enough\n",
                      update_source_kind(source), a->place.where,
                      (long long) source->root.metadata->version,
                      (long long) source->timestamp.metadata->version,
                      (long long) source->targets[0].metadata->version);
    }
    const char *one = source->bundle != NULL ? sv_bundle_target(source->bundle) : a->target;
    return one != NULL ? verify_image(&v, one, true, why) : verify_all(&v, why);
}

/// What was named and is not there is no answer; everything else that is wrong is: no.
static sv_err check_named(const asked *a, sv_why *why) {
    const char *const files[] = { a->place.root, a->image };
    for (size_t i = 0; i < SV_COUNT(files); i++) {
        if (files[i] != NULL && !sv_disk_exists(files[i])) {
            return sv_fail(why, SV_ERR_INVALID, "there is no '%.200s'", files[i]);
        }
    }
    struct stat info;
    if (strstr(a->place.where, "://") != NULL) {
        return SV_OK;
    }
    if (stat(a->place.where, &info) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "there is no '%.200s'", a->place.where);
    }
    return S_ISDIR(info.st_mode) ? update_source_check_folder(a->place.where, why) : SV_OK;
}

static int answer(const asked *a, sv_err err, const sv_why *why) {
    bool no = err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID || err == SV_ERR_NOT_FOUND
              || err == SV_ERR_STATE;
    if (a->json && (err == SV_OK || no)) {
        char room[JSON_MAX];
        sv_textbuf text = SV_TEXTBUF(room);
        sv_json_out json = SV_JSON_OUT(&text);
        sv_json_open_object(&json);
        sv_json_add_bool(&json, "trusted", err == SV_OK);
        sv_json_add_str(&json, "why", err == SV_OK ? NULL : why->text);
        sv_json_close_object(&json);
        (void) printf("%.*s\n", SV_TEXT_ARG(sv_textbuf_text(&text)));
    }
    if (err == SV_OK) {
        return SV_EXIT_DONE;
    }
    (void) sv_exit_with(err, why);
    return no ? SV_EXIT_NO : sv_exit_of(err);
}

int update_verify(int argc, char **argv) {
    static const update_page page = {
        "selvedge update verify WHERE --root root.json [--target PATH | --image FILE] [--hardware "
        "H] "
        "[--product P] [--counter N]",
        "Would a device that trusts root.json believe this? WHERE is a repository's folder, a "
        "bundle, "
        "or the\naddress of a repository (http://..., its metadata alone). Everything is judged as "
        "on "
        "a device: who\nsigned, until when, and of each image every byte. Exit 0: yes; 1: no, with "
        "the reason.\n\n"
        "example: selvedge update verify repo --root root.json\n"
        "example: selvedge update verify release.tar --root root.json --hardware rev-b --counter "
        "6\n"
        "example: selvedge update verify repo --root root.json --image firmware.img",
    };
    asked a = { 0 };
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "root", "FILE", SV_OPTION_TEXT, &a.place.root, "the root that is trusted", true, 0, 0 },
        { "target", "PATH", SV_OPTION_TEXT, &a.target, "this image alone", false, 0, 0 },
        { "image", "FILE", SV_OPTION_TEXT, &a.image, "is this file a release that is signed there?",
          false, 0, 0 },
        { "hardware", "ID", SV_OPTION_TEXT, &a.hardware, "the device's hardware", false, 0, 0 },
        { "product", "P", SV_OPTION_TEXT, &a.product, "what the device is", false, 0, 0 },
        { "counter", "N", SV_OPTION_INT, &a.counter, "the release counter it has", false, 1,
          UINT32_MAX },
        { "ca", "FILE", SV_OPTION_TEXT, &a.place.ca,
          "for https: the certificates to trust [the system's]", false, 0, 0 },
        SV_OUTPUT_OPTION(a.output),
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a.place.where = plain[0];
    a.place.now_us = sv_clock_wall_us();
    sv_err err = sv_output_parse(a.output, &a.json, &why);
    if (err == SV_OK) {
        err = check_named(&a, &why);
    }
    return err != SV_OK ? update_end(err, &why) : answer(&a, verify(&a, &why), &why);
}
