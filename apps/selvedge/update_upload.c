// `selvedge update upload`: a repository, or a file of another update system, to the fleet server.
#include "update.h"

#include "fleet_verb.h"
#include "show.h"
#include "update_parts.h"
#include "update_source.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { NAME_ROOM = 256, HEX_ROOM = 2 * SV_TARGET_HASH_BYTES + 1, KEY_PATH_ROOM = 128 };

typedef struct asked {
    sv_fleet_asked fleet;
    const char *repo, *keys;
    const char *product, *version, *hardware, *name;
    int64_t images, keyless; ///< of the repository; of them, whose content key is missing there
} asked;

/// An upload on its way.
typedef struct upload {
    asked *a;
    update_parts parts;
    update_source *source;
    update_folder *folder; ///< of keys; NULL: none was named
    sv_why *why;
} upload;

static void hex_of(const uint8_t digest[SV_TARGET_HASH_BYTES], char room[HEX_ROOM]) {
    sv_textbuf hex = { .at = room, .cap = HEX_ROOM };
    sv_hex_add(&hex, digest, SV_TARGET_HASH_BYTES);
    (void) (sv_textbuf_end(&hex) == SV_OK);
}

// ---- a repository's bytes -----------------------------------------------------------------------

static sv_err send_artifact(upload *u, const char *hex, const char *file, sv_why *why) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    (void) snprintf(name, sizeof name, "artifacts/%s/%s", hex, file);
    if (sv_disk_join(path, sizeof path, u->a->repo, name) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is too long a path", u->a->repo);
    }
    return update_part_send(&u->parts, name, path, why);
}

/// The index tells whether the server has the encoding, for it comes to its place last.
static sv_err send_encoding(upload *u, const char *hex, const sv_encoding *encoding, sv_why *why) {
    char file[SV_ENCODING_NAME_ROOM];
    char index[SV_ENCODING_NAME_ROOM + 8];
    char name[NAME_ROOM];
    bool there = false;
    sv_encoding_file(encoding, file);
    (void) snprintf(index, sizeof index, "%s.index", file);
    (void) snprintf(name, sizeof name, "artifacts/%s/%s", hex, index);
    SV_TRY(update_part_is_there(&u->parts, name, &there, why));
    if (there) {
        return SV_OK;
    }
    SV_TRY(send_artifact(u, hex, file, why));
    return send_artifact(u, hex, index, why);
}

static sv_err send_image(void *arg, sv_text path, const sv_json *entry) {
    upload *u = arg;
    sv_tuf_file file;
    char hex[HEX_ROOM];
    (void) path;
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    if (!sv_tuf_file_read(entry, &file)) {
        return SV_OK;
    }
    sv_err err = sv_target_read(&file, target, u->why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err; // none of ours
    }
    u->a->images++;
    hex_of(target->digest, hex);
    for (size_t i = 0; i < target->encoding_count; i++) {
        SV_TRY(send_encoding(u, hex, &target->encodings[i], u->why));
    }
    return SV_OK;
}

// ---- its metadata -------------------------------------------------------------------------------

static sv_err send_metadata(upload *u, const char *file, sv_why *why) {
    char name[NAME_ROOM];
    char path[SV_PATH_MAX];
    (void) snprintf(name, sizeof name, "metadata/%.200s", file);
    if (sv_disk_join(path, sizeof path, u->a->repo, name) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' is too long a path", u->a->repo);
    }
    return update_part_send(&u->parts, name, path, why);
}

static sv_err send_role(void *arg, sv_text name, const sv_json *value) {
    upload *u = arg;
    char file[NAME_ROOM];
    sv_tuf_file said;
    if (!sv_tuf_file_read(value, &said) || name.len > 200) {
        return SV_OK;
    }
    (void) snprintf(file, sizeof file, "%" PRId64 "." SV_TEXT_FMT, said.version, SV_TEXT_ARG(name));
    return send_metadata(u, file, u->why);
}

/// The timestamp last: with it there is something to publish.
static sv_err send_all_metadata(upload *u, sv_why *why) {
    char file[NAME_ROOM];
    const sv_tuf_metadata *snapshot = u->source->snapshot.metadata;
    for (int64_t version = 1; version <= u->source->root.metadata->version; version++) {
        (void) snprintf(file, sizeof file, "%" PRId64 ".root.json", version);
        SV_TRY(send_metadata(u, file, why));
    }
    SV_TRY(sv_json_each(sv_json_get(snapshot->content, "meta"), send_role, u));
    (void) snprintf(file, sizeof file, "%" PRId64 ".snapshot.json", snapshot->version);
    SV_TRY(send_metadata(u, file, why));
    return send_metadata(u, "timestamp.json", why);
}

// ---- content keys -------------------------------------------------------------------------------

static sv_err send_key(upload *u, const char *hex, sv_why *why) {
    SV_DEFER(sv_image_key_wipe) sv_image_key key = { .sealed_count = 0 };
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    uint8_t digest[SV_TARGET_HASH_BYTES];
    char room[HEX_ROOM];
    char path[KEY_PATH_ROOM];
    SV_TRY(sv_hex_parse(sv_text_of(hex), digest, sizeof digest));
    SV_TRY(update_content_key(u->folder, digest, &key, why));
    hex_of(key.bytes, room);
    (void) snprintf(path, sizeof path, "/api/v1/images/keys/%s", hex);
    const sv_fleet_api_errand errand = {
        .method = "PUT", .path = path, .content_type = "text/plain", .body = sv_text_of(room)
    };
    sv_err err = sv_fleet_api_ask(u->parts.api, &errand, &answer, why);
    explicit_bzero(room, sizeof room);
    return err;
}

static bool says(const sv_json *item, const char *member, const char *word) {
    sv_text text = { 0 };
    return sv_json_text(sv_json_get(item, member), &text) && sv_text_is(text, word);
}

static sv_err look_at_key(upload *u, const sv_json *item, sv_why *why) {
    char hex[HEX_ROOM];
    sv_text sha256 = { 0 };
    if (!says(item, "key", "missing") || !sv_json_text(sv_json_get(item, "sha256"), &sha256)
        || sv_text_copy(sha256, hex, sizeof hex) != SV_OK) {
        return SV_OK;
    }
    sv_why inner = { 0 };
    sv_err err = u->folder != NULL ? send_key(u, hex, &inner) : SV_ERR_NOT_FOUND;
    if (err == SV_ERR_NOT_FOUND) {
        u->a->keyless++;
        return SV_OK;
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "content key of %s: %.300s", hex, inner.text);
}

/// What the server has no key of, page by page.
static sv_err send_keys(upload *u, sv_why *why) {
    char cursor[SV_FLEET_API_PATH_MAX / 2] = "";
    do {
        SV_DEFER(sv_json_drop) sv_json *page = NULL;
        char room[SV_FLEET_API_PATH_MAX];
        sv_textbuf path = SV_TEXTBUF(room);
        sv_text next = { 0 };
        sv_textbuf_add_str(&path, "/api/v1/images?");
        sv_fleet_path_add(&path, "cursor", cursor);
        SV_TRY(sv_textbuf_end(&path));
        SV_TRY(sv_fleet_api_get(u->parts.api, room, &page, why));
        const sv_json *items = sv_json_get(page, "items");
        for (size_t i = 0; i < sv_json_count(items); i++) {
            SV_TRY(look_at_key(u, sv_json_at(items, i), why));
        }
        cursor[0] = '\0';
        if (sv_json_text(sv_json_get(page, "next"), &next)) {
            SV_TRY(sv_text_copy(next, cursor, sizeof cursor));
        }
    } while (cursor[0] != '\0');
    return SV_OK;
}

// ---- a repository -------------------------------------------------------------------------------

static void close_upload(upload *u) {
    update_source_drop(&u->source);
    update_folder_drop(&u->folder);
}

static sv_err open_repo(upload *u, sv_why *why) {
    const update_place place = { .where = u->a->repo, .now_us = sv_clock_wall_us() };
    SV_TRY(update_source_open(&place, &u->source, why));
    if (strcmp(update_source_kind(u->source), "repository") != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is a %s; --repo is the folder that `selvedge update publish` "
                       "writes",
                       u->a->repo, update_source_kind(u->source));
    }
    return u->a->keys != NULL ? update_folder_open(u->a->keys, &u->folder, why) : SV_OK;
}

static void say_done(const asked *a, const update_parts *parts, const sv_json *answer) {
    int64_t set = 0;
    (void) sv_json_int(sv_json_get(answer, "set"), &set);
    if (a->fleet.json) {
        (void) printf("{\"set\":%" PRId64 ",\"images\":%" PRId64 ",\"files\":%" PRId64
                      ",\"bytes\":%" PRId64 ",\"keys_missing\":%" PRId64 "}\n",
                      set, a->images, parts->files, parts->bytes, a->keyless);
    } else {
        (void) printf("%" PRId64 " images are served (set %" PRId64 "); %" PRId64
                      " files were sent, %" PRId64 " bytes\n",
                      a->images, set, parts->files, parts->bytes);
    }
    if (a->keyless > 0) {
        (void) fprintf(stderr,
                       "the server has no content key of %" PRId64
                       " sealed images, which no device can open: %s\n",
                       a->keyless,
                       a->keys != NULL ? "nor has the folder of keys"
                                       : "upload again with --keys KEYS");
    }
}

static sv_err upload_repo(asked *a, sv_fleet_api *api, sv_why *why) {
    SV_DEFER(close_upload) upload u = { .a = a, .parts = { .api = api }, .why = why };
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    SV_TRY(open_repo(&u, why));
    for (size_t i = 0; i < u.source->targets_count; i++) {
        const sv_tuf_metadata *targets = u.source->targets[i].metadata;
        SV_TRY(sv_json_each(sv_json_get(targets->content, "targets"), send_image, &u));
    }
    SV_TRY(send_all_metadata(&u, why));
    SV_TRY(update_parts_judged(&u.parts, "/api/v1/images/publish", &answer, why));
    SV_TRY(send_keys(&u, why));
    say_done(a, &u.parts, answer);
    a->fleet.no = a->keyless > 0 && a->keys != NULL;
    return SV_OK;
}

// ---- a file -------------------------------------------------------------------------------------

static const char *file_name(const asked *a) {
    const char *slash = strrchr(a->fleet.plain[0], '/');
    return a->name != NULL ? a->name : slash != NULL ? slash + 1 : a->fleet.plain[0];
}

static sv_err digest_of(const char *path, char hex[HEX_ROOM], sv_why *why) {
    SV_DEFER(update_file_drop) update_file file = { .fd = -1 };
    uint8_t digest[SV_TARGET_HASH_BYTES];
    SV_TRY(update_file_open(path, &file, why));
    SV_TRY(update_file_digest(&file, digest, why));
    hex_of(digest, hex);
    return SV_OK;
}

static sv_err offer(asked *a, update_parts *parts, const char *hex, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_text image = { 0 };
    sv_textbuf_add_str(&path, "/api/v1/images/files?");
    sv_fleet_path_add(&path, "sha256", hex);
    sv_fleet_path_add(&path, "name", file_name(a));
    sv_fleet_path_add(&path, "product", a->product);
    sv_fleet_path_add(&path, "version", a->version);
    sv_fleet_path_add(&path, "hardware", a->hardware);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "name, product, version and hardware are too long");
    }
    SV_TRY(update_parts_judged(parts, room, &answer, why));
    (void) sv_json_text(sv_json_get(answer, "path"), &image);
    if (a->fleet.json) {
        sv_fleet_show_json(answer);
    } else {
        (void) printf("it is the image " SV_TEXT_FMT "\n", SV_TEXT_ARG(image));
    }
    return SV_OK;
}

static sv_err upload_file(asked *a, sv_fleet_api *api, sv_why *why) {
    update_parts parts = { .api = api };
    char hex[HEX_ROOM];
    char name[NAME_ROOM];
    SV_TRY(digest_of(a->fleet.plain[0], hex, why));
    (void) snprintf(name, sizeof name, "artifacts/%s/%.150s", hex, file_name(a));
    SV_TRY(update_part_send(&parts, name, a->fleet.plain[0], why));
    return offer(a, &parts, hex, why);
}

// ---- the command --------------------------------------------------------------------------------

static sv_err check(void *arg, sv_why *why) {
    const asked *a = arg;
    bool file = a->fleet.plain[0] != NULL;
    if (file == (a->repo != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "say what to upload: --repo REPO, which `selvedge update publish` wrote, or "
                       "a FILE of another update system");
    }
    if (file && (a->product == NULL || a->version == NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a file does not say what it is: give --product and --version, as its "
                       "devices report them");
    }
    if (file && a->keys != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--keys is for a repository");
    }
    return SV_OK;
}

static sv_err ask(void *arg, sv_fleet_api *api, sv_why *why) {
    asked *a = arg;
    return a->repo != NULL ? upload_repo(a, api, why) : upload_file(a, api, why);
}

#define TEXT_OPTION(word, kind_of, text, what)                                                     \
    {                                                                                              \
        .name = (word), .value = (kind_of), .kind = SV_OPTION_TEXT, .target = &(text),             \
        .help = (what)                                                                             \
    }

int update_upload(int argc, char **argv) {
    asked a = { .repo = NULL };
    const sv_option options[] = {
        TEXT_OPTION("repo", "REPO", a.repo, "the repository to upload"),
        TEXT_OPTION("keys", "KEYS", a.keys,
                    "the folder of keys, for the content keys of sealed images; private keys stay "
                    "in it"),
        TEXT_OPTION("product", "P", a.product, "of a FILE: what devices it is for"),
        TEXT_OPTION("version", "V", a.version, "of a FILE: which version it brings"),
        TEXT_OPTION("hardware", "H,…", a.hardware, "of a FILE: for which hardware"),
        TEXT_OPTION("name", "NAME", a.name, "of a FILE: how devices see it called [its own name]"),
        TEXT_OPTION("server", "URL", a.fleet.place.url, "the same as --url"),
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update upload --repo REPO [--keys KEYS] --url URL --token-file FILE\n"
                 "       selvedge update upload FILE.swu --product P --version V --url URL "
                 "--token-file FILE",
        .about = "Bring a published repository to the fleet server, which judges it as a device "
                 "would and then serves it.\nWhat the server has already is not sent again; after "
                 "an interruption it goes on where it was.\nThe token needs the scope updates "
                 "(role release). Private keys stay where they are: of KEYS the\ncontent keys of "
                 "sealed images are sent, with which devices open what they fetch.\n\n"
                 "  selvedge update publish --keys keys --repo repo\n"
                 "  selvedge update upload --repo repo --keys keys --url "
                 "https://fleet.example:8443 --token-file release.token\n\n"
                 "A file of SWUpdate or RAUC is offered to devices that ask over DDI; they judge "
                 "it by their own means.",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check,
        .ask = ask,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
