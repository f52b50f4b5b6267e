// `selvedge firmware install`
#include "command.h"
#include "firmware.h"
#include "firmware_release.h"
#include "firmware_slots.h"
#include "update_image.h"
#include <base/mem.h>
#include <crypto/digest.h>
#include <crypto/firmware.h>
#include <crypto/key_store.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <update/boot_header.h>

enum { HEADER_FILE_MAX = SV_BOOT_HEADER_BYTES + 1 };

typedef struct asked {
    const char *image, *dir, *key, *signature, *header, *version, *output;
    const char *root, *target, *keys; ///< of a release
    int64_t counter, cut_after, seed;
    bool again, json;
} asked;

static sv_err check_asked(asked *a, sv_why *why) {
    SV_TRY(sv_output_parse(a->output, &a->json, why));
    if (a->image == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "name the image to install; see --help");
    }
    if (a->header != NULL && (a->signature != NULL || a->version != NULL || a->counter != 0)) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--header says it all: --signature, --release and --counter are for an image "
            "without one");
    }
    bool is_said = a->header != NULL || a->signature != NULL || a->version != NULL;
    if (a->root != NULL && (is_said || a->counter != 0)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--root is for a release, which says it all: --header, --signature, "
                       "--release and --counter are for an image");
    }
    return a->root == NULL && (a->target != NULL || a->keys != NULL)
               ? sv_fail(why, SV_ERR_INVALID,
                         "--target and --keys are for a release: name the root that it is judged "
                         "from with --root")
               : SV_OK;
}

static sv_err read_header(const asked *a, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(HEADER_FILE_MAX + 1);
    SV_TRY(sv_disk_read(a->header, &text, why));
    if (text.len != SV_BOOT_HEADER_BYTES) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is no boot header: it has %zu bytes, not %d",
                       a->header, text.len, SV_BOOT_HEADER_BYTES);
    }
    memcpy(out, text.at, SV_BOOT_HEADER_BYTES);
    return SV_OK;
}

/// Is the image signed by one of the keys that are trusted there? The signature is over the bytes
/// whose SHA-256 `digest` becomes.
static sv_err verify_signature(const firmware_slots *slots, const asked *a,
                               uint8_t digest[SV_BOOT_DIGEST_BYTES], sv_why *why) {
    sv_err err = sv_fail(why, SV_ERR_UNTRUSTED, "no key is trusted in '%s': name one with --key",
                         slots->dir);
    for (size_t i = 0; err != SV_OK && i < slots->keys.file_count; i++) {
        err = sv_firmware_verify_digest(a->image, a->signature, slots->keys.files[i], digest, why);
    }
    return err == SV_OK ? SV_OK
                        : sv_fail(why, err == SV_ERR_IO ? err : SV_ERR_UNTRUSTED,
                                  "'%s' is not signed by a key that is trusted in '%s'", a->image,
                                  slots->dir);
}

/// One more than whatever is known there, or what an update under way has already.
static uint32_t next_counter(const firmware_slots *slots, const firmware_next *next,
                             const uint8_t digest[SV_BOOT_DIGEST_BYTES]) {
    const sv_trial *trial = &slots->engine.journal.trial;
    uint32_t counter = next->state.counter;
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        if (next->has_header[i] && next->headers[i].counter > counter) {
            counter = next->headers[i].counter;
        }
    }
    bool goes_on = trial->state >= SV_TRIAL_NOTIFIED && trial->state <= SV_TRIAL_INSTALLED
                   && memcmp(trial->release.digest, digest, SV_BOOT_DIGEST_BYTES) == 0;
    return goes_on ? trial->release.counter : counter + 1;
}

/// The folder's own key signs: of an image that was signed otherwise, or where nobody is trusted.
static sv_err make_header(firmware_slots *slots, const asked *a, update_file *image,
                          const firmware_next *next, uint8_t out[SV_BOOT_HEADER_BYTES],
                          sv_why *why) {
    sv_boot_header header = { .image_bytes = image->bytes.length,
                              .hardware_count = 1,
                              .product = "firmware",
                              .slot = "rootfs",
                              .hardware = { "any" } };
    if (a->signature != NULL) {
        SV_TRY(verify_signature(slots, a, header.digest, why));
    } else if (slots->keys.file_count > 0) {
        return sv_fail(
            why, SV_ERR_UNTRUSTED,
            "'%s' trusts keys: an image has to be signed by one of them. Give its "
            "--header (selvedge update sign) or its --signature (selvedge firmware sign)",
            slots->dir);
    } else {
        SV_TRY(update_file_digest(image, header.digest, why));
    }
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    SV_TRY(firmware_slots_own_key(slots, &key, why));
    header.counter =
        a->counter != 0 ? (uint32_t) a->counter : next_counter(slots, next, header.digest);
    int len = a->version != NULL
                  ? snprintf(header.version, sizeof header.version, "%s", a->version)
                  : snprintf(header.version, sizeof header.version, "%" PRIu32, header.counter);
    if (len < 0 || (size_t) len >= sizeof header.version) {
        return sv_fail(why, SV_ERR_INVALID, "--release has at most %d characters",
                       SV_BOOT_NAME_MAX);
    }
    return sv_boot_header_sign(&header, key, out, why);
}

/// The boot header of a release that was judged: its own, which one of the keys that are trusted
/// there has to have signed. Where none is, the folder's key signs what the root vouches for.
static sv_err header_of_release(firmware_slots *slots, const firmware_release *release,
                                uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    const sv_target *target = &release->target;
    sv_boot_header header;
    if (slots->keys.file_count > 0) {
        sv_err err = sv_boot_header_of(target, &header, why);
        if (err == SV_OK) {
            memcpy(out, target->boot, SV_BOOT_HEADER_BYTES);
        }
        return err == SV_ERR_NOT_FOUND
                   ? sv_fail(why, SV_ERR_UNTRUSTED,
                             "'%s' trusts keys, and '%.160s' has no boot header by one of them: "
                             "sign it with a boot key (selvedge update keys new boot)",
                             slots->dir, release->path)
                   : err;
    }
    header = (sv_boot_header){ .image_bytes = target->length,
                               .counter = target->counter,
                               .hardware_count = (unsigned) target->hardware_count };
    memcpy(header.digest, target->digest, sizeof header.digest);
    memcpy(header.product, target->product, sizeof target->product);
    memcpy(header.version, target->version, sizeof target->version);
    memcpy(header.slot, target->slot, sizeof target->slot);
    memcpy(header.hardware, target->hardware, sizeof target->hardware);
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = NULL;
    SV_TRY(firmware_slots_own_key(slots, &key, why));
    return sv_boot_header_sign(&header, key, out, why);
}

/// From where it is wanted to the end. Where somebody else has said what the image is, what goes in
/// is hashed: another file is found before it is read back, and not written again.
static sv_err push(firmware_slots *slots, update_file *image, bool foreign, sv_why *why) {
    SV_DEFER(sv_mem_drop) uint8_t *piece = sv_mem_new(SV_CHUNK_BYTES);
    SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(SV_DIGEST_SHA256);
    sv_engine *engine = &slots->engine;
    const sv_trial_release *release = &engine->journal.trial.release;
    bool whole =
        foreign && sv_engine_next(engine) == SV_TRIAL_WRITE && sv_engine_wanted(engine) == 0;
    while (sv_engine_next(engine) == SV_TRIAL_WRITE) {
        uint64_t at = sv_engine_wanted(engine);
        uint64_t left = release->image_bytes - at;
        size_t bytes = left < SV_CHUNK_BYTES ? (size_t) left : (size_t) SV_CHUNK_BYTES;
        SV_TRY(image->bytes.read(image->bytes.arg, at, piece, bytes, why));
        if (whole) {
            sv_digest_add(digest, (sv_text){ .at = (const char *) piece, .len = bytes });
        }
        SV_TRY(sv_engine_write(engine, piece, bytes, why));
    }
    uint8_t sum[SV_BOOT_DIGEST_BYTES];
    sv_digest_end(digest, sum);
    if (whole && memcmp(sum, release->digest, sizeof sum) != 0) {
        SV_TRY(sv_engine_fail(engine, "the image is not the one that was signed", why));
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is not the image that its boot header is about",
                       image->path);
    }
    return SV_OK;
}

/// What is read back is what was signed, or it is written once more.
static sv_err push_and_install(firmware_slots *slots, update_file *image, bool foreign,
                               sv_why *why) {
    sv_err err = SV_OK;
    do {
        SV_TRY(push(slots, image, foreign, why));
        err = sv_engine_install(&slots->engine, why);
    } while (err == SV_ERR_UNTRUSTED && sv_engine_next(&slots->engine) == SV_TRIAL_WRITE);
    return err;
}

static sv_err find_header(firmware_slots *slots, const asked *a, update_file *image,
                          const firmware_release *release, const firmware_next *next,
                          uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    return release != NULL     ? header_of_release(slots, release, out, why)
           : a->header != NULL ? read_header(a, out, why)
                               : make_header(slots, a, image, next, out, why);
}

static sv_err install(firmware_slots *slots, const asked *a, update_file *image,
                      const firmware_release *release, sv_why *why) {
    uint8_t header[SV_BOOT_HEADER_BYTES];
    firmware_next next;
    SV_TRY(firmware_slots_make(slots, image->bytes.length, why));
    // Whatever would run without a trial is what runs.
    SV_TRY(firmware_slots_next(slots, false, &next, why));
    slots->boot_file.running = next.choice.slot;
    SV_TRY(sv_engine_wake(&slots->engine, why));
    SV_TRY(find_header(slots, a, image, release, &next, header, why));
    sv_boot_header said;
    bool readable = sv_boot_header_read(header, sizeof header, &said) == SV_BOOT_GOOD;
    if (readable && said.image_bytes != image->bytes.length) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "'%s' has %" PRIu64
                       " bytes, and its boot header is about an image of %" PRIu64,
                       image->path, image->bytes.length, said.image_bytes);
    }
    if (readable && a->again) {
        SV_TRY(sv_engine_forgive(&slots->engine, said.digest, why));
    }
    SV_TRY(sv_engine_offer(&slots->engine, header, sizeof header, "", why));
    return push_and_install(slots, image, a->header != NULL, why);
}

static int finish(firmware_slots *slots, const asked *a, sv_err err, sv_why *why) {
    sv_why shown = { 0 };
    sv_err last = firmware_slots_report(slots, a->json, &shown);
    if (slots->power.gone) {
        (void) fprintf(stderr, "run it again without --power-cut-after, and the update goes on\n");
        return SV_EXIT_MACHINE;
    }
    return err != SV_OK ? sv_exit_with(err, why) : last != SV_OK ? sv_exit_with(last, &shown) : 0;
}

/// A file, or what a release has in it.
static sv_err open_image(const asked *a, update_file *image, firmware_release **release,
                         sv_why *why) {
    const firmware_release_asked wish = {
        .where = a->image, .root = a->root, .target = a->target, .keys = a->keys
    };
    if (a->root == NULL) {
        return update_file_open(a->image, image, why);
    }
    SV_TRY(firmware_release_open(&wish, release, why));
    const sv_target *target = &(*release)->target;
    *image = (update_file){ .fd = -1, .bytes = (*release)->bytes, .path = (*release)->path };
    (void) fprintf(stderr, "%s: %s %s, release counter %u, signed by enough\n", image->path,
                   target->product, target->version, target->counter);
    return SV_OK;
}

static int run(const asked *a, sv_why *why) {
    SV_DEFER(firmware_release_drop) firmware_release *release = NULL;
    SV_DEFER(update_file_drop) update_file image = { .fd = -1 };
    SV_DEFER(sv_mem_drop) firmware_slots *slots = sv_mem_new(sizeof *slots);
    slots->lock = -1;
    sv_err err = open_image(a, &image, &release, why);
    if (err != SV_OK) {
        return sv_exit_with(err, why);
    }
    err = firmware_slots_open(slots, a->dir, true, a->key, (uint64_t) a->cut_after,
                              (uint64_t) a->seed, why);
    int code = 0;
    if (err == SV_OK) {
        err = install(slots, a, &image, release, why);
        sv_engine_end(&slots->engine);
        code = finish(slots, a, err, why);
    } else {
        code = sv_exit_with(err, why);
    }
    firmware_slots_drop(slots);
    return code;
}

int firmware_install(int argc, char **argv) {
    asked a = { .seed = 1 };
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        { "slots", "DIR", SV_OPTION_TEXT, &a.dir, "the folder with both slots, made when absent",
          true, 0, 0 },
        { "key", "PUB", SV_OPTION_TEXT, &a.key,
          "a public key that is trusted there from the first time on", false, 0, 0 },
        { "header", "FILE", SV_OPTION_TEXT, &a.header,
          "the image's boot header, signed by a key that is trusted there", false, 0, 0 },
        { "signature", "SIG", SV_OPTION_TEXT, &a.signature,
          "the image's signature (firmware sign), by a key that is trusted there", false, 0, 0 },
        { "root", "FILE", SV_OPTION_TEXT, &a.root,
          "IMAGE is a repository's folder or a bundle, judged from this root", false, 0, 0 },
        { "target", "PATH", SV_OPTION_TEXT, &a.target, "the image in it [the only one]", false, 0,
          0 },
        { "keys", "DIR", SV_OPTION_TEXT, &a.keys,
          "the folder of keys of who signed it, for a sealed one", false, 0, 0 },
        { "release", "VERSION", SV_OPTION_TEXT, &a.version,
          "what an image without --header is called [its counter]", false, 0, 0 },
        { "counter", "N", SV_OPTION_INT, &a.counter,
          "release counter of an image without --header [the next one]", false, 1, UINT32_MAX },
        { "again", NULL, SV_OPTION_FLAG, &a.again, "also when it was tried and rolled back", false,
          0, 0 },
        { "power-cut-after", "N", SV_OPTION_INT, &a.cut_after,
          "the power goes at the N-th write, flush or name", false, 1, 1e12 },
        { "seed", "N", SV_OPTION_INT, &a.seed, "what then becomes of what was not flushed [1]",
          false, 0, 1e15 },
        SV_OUTPUT_OPTION(a.output),
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    a.image = plain[0];
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge firmware install IMAGE --slots DIR [--power-cut-after N]",
            "Install an image as a device does: into the slot that does not run, read "
            "back, armed for a trial.\nDIR has two slots as files. Where no key is "
            "trusted in DIR/keys, one made for DIR signs.\nA release of `selvedge update "
            "publish` or `bundle` is judged from --root, as on a device.\nThen: "
            "selvedge firmware boot --slots DIR --healthy (or --failing).\n\n"
            "example: selvedge firmware install rootfs.img --slots slots\n"
            "example: selvedge firmware install release.tar --root root.json --keys "
            "keys --slots slots",
            options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? check_asked(&a, &why) : err;
    return err == SV_OK ? run(&a, &why) : sv_exit_with(err, &why);
}
