// `selvedge update keys`: who vouches for what.
#include "update_keys.h"
#include "update.h"
#include "update_change.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 9 };

// ---- init ---------------------------------------------------------------------------------------

typedef struct setup {
    const char *dir, *key, *valid;
    const char *places[SV_OPTION_LIST_MAX];
    int64_t threshold, count;
    sv_key_kind kind;
} setup;

/// The n-th "<role>=PLACE" of the list.
static const char *place_of(const setup *s, const char *role, size_t n) {
    size_t len = strlen(role);
    for (size_t i = 0; s->places[i] != NULL; i++) {
        if (strncmp(s->places[i], role, len) == 0 && s->places[i][len] == '=' && n-- == 0) {
            return s->places[i] + len + 1;
        }
    }
    return NULL;
}

static sv_err check_places(const setup *s, sv_why *why) {
    for (size_t i = 0; s->places[i] != NULL; i++) {
        sv_text rest = sv_text_of(s->places[i]);
        sv_text role = sv_text_cut(&rest, '=');
        if (!sv_tuf_name_is_top(role) || rest.len == 0) {
            return sv_fail(why, SV_ERR_INVALID,
                           "--place '%.120s' is not ROLE=PLACE with root, targets, snapshot or "
                           "timestamp as the role",
                           s->places[i]);
        }
    }
    return SV_OK;
}

static sv_err make_role(update_folder *folder, const setup *s, sv_tuf_type type,
                        sv_tuf_holders *out, sv_why *why) {
    const char *role = sv_tuf_type_name(type);
    bool offline = type == SV_TUF_ROOT || type == SV_TUF_TARGETS;
    size_t count = offline ? (size_t) s->count : 1;
    out->count = 0;
    out->threshold = offline ? s->threshold : 1;
    for (size_t i = 0; i < count; i++) {
        char name[UPDATE_NAME_ROOM];
        (void) snprintf(name, sizeof name, count == 1 ? "%s" : "%s-%zu", role, i + 1);
        const update_wish wish = { name, s->kind, place_of(s, role, i) };
        SV_TRY(update_folder_key_make(folder, &wish, &out->keys[out->count], why));
        out->count++;
    }
    return SV_OK;
}

static sv_err make_all(const setup *s, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    const sv_tuf_change nothing = { 0 };
    int64_t root_end = 0;
    int64_t targets_end = 0;
    SV_TRY(update_end_of(s->valid, UPDATE_DAYS_ROOT, &root_end, why));
    SV_TRY(update_end_of(s->valid, UPDATE_DAYS_TARGETS, &targets_end, why));
    SV_TRY(check_places(s, why));
    if (s->threshold > s->count) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--threshold %lld of --count %lld keys can never be met",
                       (long long) s->threshold, (long long) s->count);
    }
    SV_TRY(update_folder_make(s->dir, &folder, why));
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        SV_TRY(make_role(folder, s, type, &roles[type], why));
    }
    SV_TRY(update_root_change(folder, roles, root_end, why));
    SV_TRY(update_targets_change(folder, "targets", &nothing, targets_end, why));
    (void) printf("Devices get '%s/root.json' when they are made. Keep root*.key and targets*.key "
                  "off this machine\nwhen nothing is being signed; a copy in a safe, for who loses "
                  "them cannot go on.\n",
                  folder->dir);
    return SV_OK;
}

static int init(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys init --dir KEYS [--threshold K --count N] [--key TYPE] "
        "[--place ROLE=PLACE]...",
        "Make the keys of a repository, and its first root. Four roles sign:\n\n"
        "  root       says whose keys count for all four; offline, in a safe\n"
        "  targets    says which images exist; offline, used at a release\n"
        "  snapshot   says which metadata belongs together; in the publishing job\n"
        "  timestamp  says that this is the newest; in the publishing job\n\n"
        "With --threshold 2 --count 3, root and targets take two of three keys: one that is stolen "
        "signs\nnothing, one that is lost stops nothing.\n\n"
        "example: selvedge update keys init --dir keys --threshold 2 --count 3\n"
        "example: selvedge update keys init --dir keys --key ec --place "
        "'root=pkcs11:token=releases;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so"
        "&pin-source=file:/root/pin'",
    };
    setup s = { .key = "ed25519", .threshold = 1, .count = 1 };
    const sv_option options[] = {
        { "dir", "KEYS", SV_OPTION_TEXT, &s.dir, "the new folder of keys", true, 0, 0 },
        { "threshold", "K", SV_OPTION_INT, &s.threshold,
          "signatures that root and targets take [1]", false, 1, COUNT_MAX },
        { "count", "N", SV_OPTION_INT, &s.count, "keys of root and of targets [1]", false, 1,
          COUNT_MAX },
        { "key", "TYPE", SV_OPTION_TEXT, &s.key, "ed25519, ec or rsa [ed25519]", false, 0, 0 },
        { "place", "ROLE=PLACE", SV_OPTION_LIST, s.places,
          "where a key is, or is to be: tpm2:..., pkcs11:..., a file", false, 0, 0 },
        UPDATE_FOR_OPTION(s.valid),
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), NULL, 0, 0, &code)) {
        return code;
    }
    sv_why why = { 0 };
    sv_err err = sv_key_kind_parse(sv_text_of(s.key), &s.kind, &why);
    return update_end(err == SV_OK ? make_all(&s, &why) : err, &why);
}

// ---- new ----------------------------------------------------------------------------------------

static sv_err write_public(const update_folder *folder, const char *name, const sv_tuf_public *key,
                           sv_why *why) {
    char path[SV_PATH_MAX];
    char file[UPDATE_NAME_ROOM + sizeof ".json"];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(UPDATE_PUBLIC_MAX);
    sv_json_out json = SV_JSON_OUT(&text);
    sv_tuf_public_write(key, &json);
    sv_textbuf_add_char(&text, '\n');
    SV_TRY(update_folder_path(folder, NULL, "public", path, why));
    SV_TRY(sv_disk_make_folder(path, 0755, why));
    (void) snprintf(file, sizeof file, "%s.json", name);
    SV_TRY(update_folder_path(folder, "public", file, path, why));
    SV_TRY(sv_disk_replace(path, sv_textbuf_text(&text), 0644, why));
    (void) printf("key %s: %s\nHand on its public half: %s\n", key->id, name, path);
    return SV_OK;
}

static sv_err make_one(const char *dir, const update_wish *wish, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    char path[SV_PATH_MAX];
    sv_tuf_public key;
    bool there = sv_disk_join(path, sizeof path, dir, "keys.json") == SV_OK && sv_disk_exists(path);
    SV_TRY(there ? update_folder_open(dir, &folder, why) : update_folder_make(dir, &folder, why));
    SV_TRY(update_folder_key_make(folder, wish, &key, why));
    return write_public(folder, wish->name, &key, why);
}

static int make(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys new NAME --keys KEYS [--key TYPE | --place PLACE]",
        "A key of one's own, on one's own machine: for somebody who is to sign with others, or a "
        "supplier.\nIts public half goes to who keeps the root: `keys add` or `keys delegate` "
        "takes "
        "it in. The folder is\nmade when there is none.\n\n"
        "example: selvedge update keys new anna --keys my-keys",
    };
    const char *dir = NULL;
    const char *type = "ed25519";
    const char *plain[2] = { 0 };
    update_wish wish = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(dir),
        { "key", "TYPE", SV_OPTION_TEXT, &type, "ed25519, ec or rsa [ed25519]", false, 0, 0 },
        { "place", "PLACE", SV_OPTION_TEXT, &wish.place,
          "where the key is, or is to be: tpm2:..., pkcs11:..., a file [KEYS/NAME.key]", false, 0,
          0 },
    };
    int code = 0;
    if (!update_begin(argc, argv, page, options, SV_COUNT(options), plain, 1, 1, &code)) {
        return code;
    }
    sv_why why = { 0 };
    wish.name = plain[0];
    sv_err err = sv_key_kind_parse(sv_text_of(type), &wish.kind, &why);
    return update_end(err == SV_OK ? make_one(dir, &wish, &why) : err, &why);
}

int update_keys(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "init", "the keys of a repository, and its first root", init },
        { "new", "a key of one's own, to sign with others", make },
        { "add", "somebody else's key counts for a role from now on", update_keys_add },
        { "replace", "another key in place of one that is stolen, lost or old",
          update_keys_replace },
        { "remove", "a key counts for a role no more", update_keys_remove },
        { "delegate", "a supplier vouches for some paths with keys of his own",
          update_keys_delegate },
        { "undelegate", "and does so no more", update_keys_undelegate },
        { "bins", "thousands of releases are spread over small files", update_keys_bins },
        { "show", "whose keys count for what, until when, and who is missing", update_keys_show },
    };
    return sv_command_run("selvedge update keys",
                          "The keys that sign updates. A device believes root.json, and from there "
                          "only what the keys named\nin it vouch for.\n"
                          "Begin with: selvedge update keys init --dir keys",
                          verbs, SV_COUNT(verbs), argc, argv);
}
