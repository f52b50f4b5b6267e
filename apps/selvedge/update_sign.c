// `selvedge update sign`
#include "update.h"
#include "update_bins.h"
#include "update_change.h"
#include "update_cosign.h"
#include "update_image.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_MAX = 32 * 1024 };

typedef struct asked {
    const char *dir, *metadata, *out, *renew, *withdraw, *role, *valid;
    const char *take[SV_OPTION_LIST_MAX];
    const char *image, *product, *version, *slot, *name, *notes, *boot;
    const char *hardware[SV_OPTION_LIST_MAX], *from[SV_OPTION_LIST_MAX];
    int64_t counter; ///< 0: not said
    bool plain;
} asked;

static sv_err renew(const update_folder *folder, const asked *a, sv_why *why) {
    const sv_tuf_change nothing = { 0 };
    int64_t expires_us = 0;
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    if (strcmp(a->renew, "root") == 0) {
        SV_DEFER(sv_mem_drop)
        sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
        SV_TRY(update_root_roles(folder, roles, why));
        return update_root_change(folder, roles, expires_us, why);
    }
    if (strcmp(a->renew, "bins") == 0) {
        size_t count = 0;
        SV_TRY(update_bins_count(folder, &count, why));
        return count > 0 ? update_bins_renew(folder, expires_us, why)
                         : sv_fail(why, SV_ERR_INVALID,
                                   "--renew bins: there are none; `selvedge update keys bins` "
                                   "makes them");
    }
    if (strcmp(a->renew, "targets") != 0 && !sv_tuf_role_is_valid(sv_text_of(a->renew))) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--renew '%.80s': root, targets, bins or a supplier's role; snapshot and timestamp "
            "are renewed by `selvedge update publish`",
            a->renew);
    }
    return update_targets_change(folder, a->renew, &nothing, expires_us, why);
}

/// Who says so: the supplier's role that was named, else the house.
static sv_err role_of(const update_folder *folder, const asked *a, const char *path,
                      char room[UPDATE_NAME_ROOM], sv_why *why) {
    if (a->role == NULL) {
        return update_bins_role(folder, sv_text_of(path), room, why);
    }
    sv_text role = sv_text_of(a->role);
    if (sv_tuf_is_bin(role)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--role %.80s is a hash bin: which one it is follows from the path. Leave "
                       "--role out",
                       a->role);
    }
    if ((!sv_tuf_role_is_valid(role) && !sv_text_is(role, "targets"))
        || sv_text_copy(role, room, UPDATE_NAME_ROOM) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--role '%.80s' vouches for no images: targets or a supplier's role does",
                       a->role);
    }
    return SV_OK;
}

static sv_err withdraw(const update_folder *folder, const asked *a, sv_why *why) {
    const sv_tuf_change change = { .path = sv_text_of(a->withdraw) };
    char role[UPDATE_NAME_ROOM];
    int64_t expires_us = 0;
    SV_TRY(role_of(folder, a, a->withdraw, role, why));
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    return update_targets_change(folder, role, &change, expires_us, why);
}

// ---- an image -----------------------------------------------------------------------------------

static sv_err take_name(const char *option, const char *value, bool valid, char *room,
                        sv_why *why) {
    if (value == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--%s is missing: see selvedge update sign --help",
                       option);
    }
    if (!valid || sv_text_copy(sv_text_of(value), room, SV_TARGET_NAME_ROOM) != SV_OK) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--%s '%.80s': letters, digits and . _ - (a version also + ~), beginning with "
            "a letter or digit, at most 64",
            option, value);
    }
    return SV_OK;
}

static sv_err take_hardware(const asked *a, sv_target *out, sv_why *why) {
    for (size_t i = 0; a->hardware[i] != NULL; i++) {
        if (i == SV_TARGET_HARDWARE_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "an image is for at most %d kinds of hardware",
                           SV_TARGET_HARDWARE_MAX);
        }
        const char *id = a->hardware[i];
        for (size_t k = 0; k < i; k++) {
            if (strcmp(a->hardware[k], id) == 0) {
                return sv_fail(why, SV_ERR_INVALID, "--hardware %.80s is given twice", id);
            }
        }
        SV_TRY(take_name("hardware", id, sv_target_name_is_valid(sv_text_of(id)), out->hardware[i],
                         why));
        out->hardware_count = i + 1;
    }
    return out->hardware_count > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "--hardware is missing: the ids of the hardware that the image is for");
}

static sv_err describe(const asked *a, sv_target *out, sv_why *why) {
    sv_text version = sv_text_of(a->version);
    SV_TRY(take_name("product", a->product, sv_target_name_is_valid(sv_text_of(a->product)),
                     out->product, why));
    SV_TRY(
        take_name("version", a->version, sv_target_version_is_valid(version), out->version, why));
    SV_TRY(
        take_name("slot", a->slot, sv_target_name_is_valid(sv_text_of(a->slot)), out->slot, why));
    if (a->notes != NULL && sv_text_copy(sv_text_of(a->notes), out->notes, sizeof out->notes)) {
        return sv_fail(why, SV_ERR_INVALID, "--notes have at most %d bytes",
                       SV_TARGET_NOTES_ROOM - 1);
    }
    return take_hardware(a, out, why);
}

typedef struct counting {
    const char *product;
    uint32_t highest;
} counting;

static sv_err count_release(void *arg, sv_text path, const sv_json *value) {
    counting *c = arg;
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    sv_tuf_file file;
    (void) path;
    if (sv_tuf_file_read(value, &file) && sv_target_read(&file, target, NULL) == SV_OK
        && strcmp(target->product, c->product) == 0 && target->counter > c->highest) {
        c->highest = target->counter;
    }
    return SV_OK;
}

/// One more than the highest of the product, when nothing is said.
static sv_err choose_counter(const update_folder *folder, const asked *a, const char *role,
                             sv_target *out, sv_why *why) {
    counting c = { .product = out->product };
    SV_TRY(update_bins_each(folder, role, count_release, &c, why));
    if (a->counter == 0 && c.highest == UINT32_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the release counter of %s is at its end",
                       out->product);
    }
    out->counter = a->counter > 0 ? (uint32_t) a->counter : c.highest + 1;
    if (out->counter < c.highest) {
        (void) fprintf(stderr,
                       "note: release counter %u is below the %u of another %s: a device that has "
                       "confirmed that one will refuse this one\n",
                       out->counter, c.highest, out->product);
    }
    return SV_OK;
}

// ---- beside what is a release already -----------------------------------------------------------

typedef struct beside {
    const char *path, *role;
    const asked *asked;
    const update_folder *folder;
    sv_target *target;
    sv_why *why;
} beside;

static sv_err check_same_path(const beside *b, const sv_target *old) {
    if (memcmp(old->digest, b->target->digest, sizeof old->digest) != 0) {
        return sv_fail(b->why, SV_ERR_STATE,
                       "'%.160s' is a release already, with other bytes. Give this one another "
                       "--version or --name, or withdraw that one first",
                       b->path);
    }
    if (b->asked->counter == 0 && strcmp(old->product, b->target->product) == 0) {
        b->target->counter = old->counter; // the same once more is no newer than it was
    }
    return SV_OK;
}

/// What is a release stays what it is, and its bytes are either sealed or plain. [repo-12]
/// [repo-13]
static sv_err check_beside(void *arg, sv_text path, const sv_json *value) {
    const beside *b = arg;
    SV_DEFER(sv_mem_drop) sv_target *old = sv_mem_new(sizeof *old);
    sv_tuf_file file;
    if (!sv_tuf_file_read(value, &file) || sv_target_read(&file, old, NULL) != SV_OK) {
        return SV_OK;
    }
    if (sv_text_is(path, b->path)) {
        return check_same_path(b, old);
    }
    if (memcmp(old->digest, b->target->digest, sizeof old->digest) != 0
        || old->sealed == b->target->sealed) {
        return SV_OK;
    }
    return sv_fail(b->why, SV_ERR_STATE,
                   "the release '" SV_TEXT_FMT "' has the same bytes and is %s: both are sealed or "
                   "both are plain. %s --plain, or withdraw that one first",
                   SV_TEXT_ARG(path), old->sealed ? "sealed" : "plain",
                   old->sealed ? "Leave out" : "Say");
}

static sv_err check_new(void *arg, sv_target *target, sv_why *why) {
    beside *b = arg;
    b->target = target;
    b->why = why;
    return update_bins_each(b->folder, b->role, check_beside, b, why);
}

/// A file's name on every system, and a plain address. [repo-13]
static sv_err check_part(sv_text part, const char *path, sv_why *why) {
    if (part.len == 0) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--name '%.120s' has an empty part: no / at the beginning or end, and no two "
            "beside each other",
            path);
    }
    if (sv_text_is(part, ".") || sv_text_is(part, "..")) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--name '%.120s' has a part '" SV_TEXT_FMT
                       "', which leads to another folder; leave it out",
                       path, SV_TEXT_ARG(part));
    }
    for (size_t i = 0; i < part.len; i++) {
        if (part.at[i] <= ' ' || part.at[i] >= 0x7f || part.at[i] == '\\') {
            return sv_fail(why, SV_ERR_INVALID,
                           "--name '%.120s': byte 0x%02x in '" SV_TEXT_FMT
                           "' is not allowed; printable ASCII but blanks and \\ is",
                           path, (unsigned char) part.at[i], SV_TEXT_ARG(part));
        }
    }
    return SV_OK;
}

static sv_err path_of(const asked *a, char room[SV_TUF_TARGET_PATH_ROOM], sv_why *why) {
    int len = a->name != NULL
                  ? snprintf(room, SV_TUF_TARGET_PATH_ROOM, "%s", a->name)
                  : snprintf(room, SV_TUF_TARGET_PATH_ROOM, "%s/%s.img", a->product, a->version);
    if (len <= 0 || len >= SV_TUF_TARGET_PATH_ROOM) {
        return sv_fail(why, SV_ERR_INVALID, "--name has 1 to %d bytes, not %d",
                       SV_TUF_TARGET_PATH_ROOM - 1, len);
    }
    sv_text part = { .at = room };
    for (int i = 0; i <= len; i++) {
        if (room[i] == '/' || room[i] == '\0') {
            part.len = (size_t) (room + i - part.at);
            SV_TRY(check_part(part, room, why));
            part.at = room + i + 1;
        }
    }
    return SV_OK;
}

static sv_err add_release(const update_folder *folder, const asked *a, const beside *as,
                          const sv_target *target, sv_why *why) {
    char room[ENTRY_MAX];
    sv_textbuf entry = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&entry);
    int64_t expires_us = 0;
    sv_target_write(target, &json);
    SV_TRY(sv_textbuf_end(&entry));
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_TARGETS, &expires_us, why));
    const sv_tuf_change change = { .path = sv_text_of(as->path), .entry = sv_textbuf_text(&entry) };
    (void) printf("%s: %s %s, release counter %u, %llu bytes, %s\n", as->path, target->product,
                  target->version, target->counter, (unsigned long long) target->length,
                  target->sealed ? "sealed" : "plain");
    for (size_t i = 0; i < target->encoding_count; i++) {
        char name[SV_ENCODING_NAME_ROOM];
        sv_encoding_name(&target->encodings[i], name);
        (void) printf("  %-12.18s %llu bytes\n", name,
                      (unsigned long long) target->encodings[i].length);
    }
    return update_targets_change(folder, as->role, &change, expires_us, why);
}

static const char *boot_key(const update_folder *folder, const asked *a) {
    return a->boot != NULL ? a->boot : update_folder_key(folder, "boot") != NULL ? "boot" : NULL;
}

static sv_err sign_image(const update_folder *folder, const asked *a, sv_why *why) {
    SV_DEFER(sv_mem_drop) update_image *image = sv_mem_new(sizeof *image);
    char path[SV_TUF_TARGET_PATH_ROOM];
    char role[UPDATE_NAME_ROOM];
    beside releases = { .path = path, .role = role, .asked = a, .folder = folder };
    *image = (update_image){ .file = a->image,
                             .from = a->from,
                             .plain = a->plain,
                             .boot_key = boot_key(folder, a),
                             .check = check_new,
                             .check_arg = &releases };
    SV_TRY(describe(a, &image->target, why));
    SV_TRY(path_of(a, path, why));
    SV_TRY(role_of(folder, a, path, role, why));
    SV_TRY(update_role_check(folder, role, why));
    SV_TRY(choose_counter(folder, a, role, &image->target, why));
    SV_TRY(update_image_make(folder, image, why));
    return add_release(folder, a, &releases, &image->target, why);
}

// ---- the verb -----------------------------------------------------------------------------------

/// One thing at a time.
static sv_err check_asked(const asked *a, sv_why *why) {
    const char *const ways[] = { a->image, a->metadata, a->renew, a->withdraw, a->take[0] };
    size_t count = 0;
    for (size_t i = 0; i < SV_COUNT(ways); i++) {
        count += ways[i] != NULL ? 1 : 0;
    }
    if (count != 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%s: IMAGE, --metadata FILE, --take FILE, --renew ROLE or --withdraw PATH",
                       count == 0 ? "nothing to sign" : "one thing at a time");
    }
    return SV_OK;
}

static sv_err run(const asked *a, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_TRY(check_asked(a, why));
    SV_TRY(update_folder_open(a->dir, &folder, why));
    if (a->image != NULL) {
        return sign_image(folder, a, why);
    }
    if (a->metadata != NULL) {
        return update_cosign_all(folder, a->metadata, a->out, why);
    }
    if (a->renew != NULL) {
        return renew(folder, a, why);
    }
    if (a->withdraw != NULL) {
        return withdraw(folder, a, why);
    }
    for (size_t i = 0; a->take[i] != NULL; i++) {
        SV_TRY(update_take_all(folder, a->take[i], why));
    }
    return SV_OK;
}

static const update_page PAGE = {
    "selvedge update sign IMAGE --product P --version V --hardware H... --keys KEYS\n"
    "       selvedge update sign --metadata FILE | --take FILE... | --renew ROLE | --withdraw PATH "
    "--keys KEYS",
    "Say that IMAGE is a release. It is cut into chunks, compressed, and sealed with a content key "
    "of "
    "its own,\nwhich stays in KEYS/content; with --from OLD, a device that has OLD fetches only "
    "what "
    "differs.\nThe counter is what devices never go below; without --counter it is one more than "
    "the "
    "last.\nA key called \"boot\" (`keys new boot --key ec`) also signs the header that boot "
    "loaders "
    "judge.\n\n"
    "Metadata goes from hand to hand until enough have signed it: KEYS/pending/targets.json on a "
    "stick "
    "to\nanother machine, there `sign --metadata`, and back with `sign --take`.\n\n"
    "example: selvedge update sign firmware.img --product lathe-ctl --version 2.1.0 --hardware "
    "rev-b "
    "--keys keys\n"
    "example: selvedge update sign --metadata /media/usb/targets.json --keys my-keys\n"
    "example: selvedge update sign --take /media/usb/targets.json --keys keys",
};

int update_sign(int argc, char **argv) {
    asked a = { .slot = "rootfs" };
    const char *plain[2] = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "product", "P", SV_OPTION_TEXT, &a.product, "what it is firmware of", false, 0, 0 },
        { "version", "V", SV_OPTION_TEXT, &a.version, "its version, for people", false, 0, 0 },
        { "hardware", "ID", SV_OPTION_LIST, a.hardware, "which hardware it fits; may be repeated",
          false, 0, 0 },
        { "slot", "CLASS", SV_OPTION_TEXT, &a.slot, "the kind of slot it goes into [rootfs]", false,
          0, 0 },
        { "counter", "N", SV_OPTION_INT, &a.counter,
          "release counter [one more than the last; of the same release again, as before]", false,
          1, UINT32_MAX },
        { "from", "OLD", SV_OPTION_LIST, a.from, "an older image, for those who have it", false, 0,
          0 },
        { "plain", NULL, SV_OPTION_FLAG, &a.plain,
          "not sealed: other TUF clients can fetch it, and so can anybody", false, 0, 0 },
        { "name", "PATH", SV_OPTION_TEXT, &a.name, "what it is called [<product>/<version>.img]",
          false, 0, 0 },
        { "notes", "TEXT", SV_OPTION_TEXT, &a.notes, "what is new, for people", false, 0, 0 },
        { "boot", "KEY", SV_OPTION_TEXT, &a.boot,
          "the key of KEYS that signs the boot header [\"boot\", if there is one]", false, 0, 0 },
        { "role", "NAME", SV_OPTION_TEXT, &a.role,
          "who says so: a supplier's role [targets, or the hash bin of the path]", false, 0, 0 },
        { "metadata", "FILE", SV_OPTION_TEXT, &a.metadata,
          "add the signatures of this folder's keys to a file that others began, or to all of a "
          "folder",
          false, 0, 0 },
        { "out", "FILE", SV_OPTION_TEXT, &a.out, "where it goes then [FILE itself]", false, 0, 0 },
        { "take", "FILE", SV_OPTION_LIST, a.take,
          "take in what others have signed, or a folder of it, and settle what enough have signed",
          false, 0, 0 },
        { "renew", "ROLE", SV_OPTION_TEXT, &a.renew,
          "the same again with a later end: root, targets, bins or a supplier's role", false, 0,
          0 },
        { "withdraw", "PATH", SV_OPTION_TEXT, &a.withdraw, "an image is no release any more", false,
          0, 0 },
        UPDATE_FOR_OPTION(a.valid),
    };
    int code = 0;
    if (!update_begin(argc, argv, PAGE, options, SV_COUNT(options), plain, 0, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a.image = plain[0];
    return update_end(run(&a, &why), &why);
}
