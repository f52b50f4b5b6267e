// Another root: keys come, go, and take each other's place.
#include "update.h"
#include "update_change.h"
#include "update_keys.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS_MIN = 8, NAMES_MAX = 99 };

typedef struct asked {
    const char *dir, *role, *old, *valid, *key, *place;
    const char *publics[SV_OPTION_LIST_MAX];
    int64_t threshold; ///< 0: as it is
    int64_t expires_us;
} asked;

sv_err update_public_read(const char *path, sv_tuf_public *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(UPDATE_PUBLIC_MAX);
    SV_DEFER(sv_json_drop) sv_json *value = NULL;
    sv_why inner = { 0 };
    sv_err err = sv_disk_read(path, &text, &inner);
    if (err == SV_ERR_NOT_FOUND || err == SV_ERR_IO) {
        return sv_fail(why, err, "%s", inner.text);
    }
    if (err == SV_OK) {
        err = sv_json_parse(sv_textbuf_text(&text), &value, NULL, &inner);
    }
    if (err == SV_OK) {
        err = sv_tuf_public_read(value, out, &inner);
    }
    return err == SV_OK ? SV_OK
                        : sv_fail(why, SV_ERR_INVALID,
                                  "'%.120s' is no public key as `keys new` writes it: %.200s", path,
                                  inner.text);
}

static sv_err top_role(const char *text, sv_tuf_type *out, sv_why *why) {
    if (!sv_tuf_name_is_top(sv_text_of(text))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.80s' is not root, targets, snapshot or timestamp; for a supplier's role "
                       "say `keys delegate` again with the keys that are to count",
                       text);
    }
    *out = update_type_of(text);
    return SV_OK;
}

sv_err update_public_take(update_folder *folder, const char *path, sv_tuf_public *out,
                          sv_why *why) {
    char name[UPDATE_NAME_ROOM];
    const char *slash = strrchr(path, '/');
    sv_text rest = sv_text_of(slash != NULL ? slash + 1 : path);
    sv_text stem = sv_text_cut(&rest, '.');
    SV_TRY(update_public_read(path, out, why));
    bool sound = sv_tuf_role_is_valid(stem) && sv_text_copy(stem, name, sizeof name) == SV_OK;
    return sound ? update_folder_note(folder, out->id, name, why) : SV_OK;
}

/// Which of the role's keys is meant: by its id, the beginning of it, or what it is called here.
static sv_err find_holder(const update_folder *folder, const sv_tuf_holders *holders,
                          const asked *a, size_t *out, sv_why *why) {
    const char *named = update_folder_id(folder, a->old);
    const char *id = named != NULL ? named : a->old;
    size_t found = holders->count;
    for (size_t i = 0; i < holders->count; i++) {
        if (strlen(id) >= ID_DIGITS_MIN && strncmp(holders->keys[i].id, id, strlen(id)) == 0) {
            found = i;
        }
    }
    if (found == holders->count) {
        return sv_fail(why, SV_ERR_INVALID,
                       "role %s has no key '%.80s'; `selvedge update keys show --keys %.80s` lists "
                       "them by name and id (at least %d digits)",
                       a->role, a->old, folder->dir, ID_DIGITS_MIN);
    }
    *out = found;
    return SV_OK;
}

static sv_err add_publics(update_folder *folder, const asked *a, sv_tuf_holders *holders,
                          sv_why *why) {
    for (size_t i = 0; a->publics[i] != NULL; i++) {
        if (holders->count == SV_TUF_HOLDERS_MAX) {
            return sv_fail(why, SV_ERR_NO_SPACE, "role %s would have more than %d keys", a->role,
                           SV_TUF_HOLDERS_MAX);
        }
        SV_TRY(update_public_take(folder, a->publics[i], &holders->keys[holders->count], why));
        holders->count++;
    }
    return SV_OK;
}

typedef sv_err edit(update_folder *folder, const asked *a, sv_tuf_holders *holders, sv_why *why);

static sv_err change_role(const asked *a, edit *how, sv_why *why) {
    SV_DEFER(update_folder_drop) update_folder *folder = NULL;
    SV_DEFER(sv_mem_drop) sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    sv_tuf_type type = SV_TUF_ROOT;
    int64_t expires_us = 0;
    SV_TRY(top_role(a->role, &type, why));
    SV_TRY(update_end_of(a->valid, UPDATE_DAYS_ROOT, &expires_us, why));
    SV_TRY(update_folder_open(a->dir, &folder, why));
    SV_TRY(update_root_roles(folder, roles, why));
    SV_TRY(how(folder, a, &roles[type], why));
    if (a->threshold > 0) {
        roles[type].threshold = a->threshold;
    }
    SV_TRY(sv_tuf_holders_check(&roles[type], a->role, why));
    SV_TRY(update_root_change(folder, roles, expires_us, why));
    (void) printf("Then: selvedge update publish --keys %s --repo REPO\n", folder->dir);
    return SV_OK;
}

static int run(int argc, char **argv, update_page page, const sv_option *options, size_t count,
               asked *a, size_t wanted, edit *how) {
    const char *plain[3] = { 0 };
    int code = 0;
    if (!update_begin(argc, argv, page, options, count, plain, wanted, wanted, &code)) {
        return code;
    }
    sv_why why = { 0 };
    a->role = plain[0];
    a->old = plain[1];
    return update_end(change_role(a, how, &why), &why);
}

// ---- add ----------------------------------------------------------------------------------------

static sv_err add(update_folder *folder, const asked *a, sv_tuf_holders *holders, sv_why *why) {
    return add_publics(folder, a, holders, why);
}

int update_keys_add(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys add ROLE --public FILE... [--threshold K] --keys KEYS",
        "Somebody else's key counts for ROLE (root, targets, snapshot, timestamp) from now on. It "
        "takes a new\nroot, which enough of the present root keys sign, and enough of those that "
        "it "
        "names.\n\n"
        "example: selvedge update keys add targets --public anna.json --public ben.json "
        "--threshold "
        "2 --keys keys",
    };
    asked a = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "public", "FILE", SV_OPTION_LIST, a.publics, "a public half, as `keys new` writes it",
          true, 0, 0 },
        { "threshold", "K", SV_OPTION_INT, &a.threshold, "signatures that ROLE takes [as before]",
          false, 1, SV_TUF_HOLDERS_MAX },
        UPDATE_FOR_OPTION(a.valid),
    };
    return run(argc, argv, page, options, SV_COUNT(options), &a, 1, add);
}

// ---- remove -------------------------------------------------------------------------------------

static sv_err take_out(update_folder *folder, const asked *a, sv_tuf_holders *holders,
                       sv_why *why) {
    size_t at = 0;
    SV_TRY(find_holder(folder, holders, a, &at, why));
    memmove(&holders->keys[at], &holders->keys[at + 1],
            (holders->count - at - 1) * sizeof holders->keys[0]);
    holders->count--;
    return SV_OK;
}

int update_keys_remove(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys remove ROLE KEY [--threshold K] --keys KEYS",
        "A key counts for ROLE no more. What only it had signed is signed again by those that "
        "stay. KEY is a name\nor an id, as `keys show` lists them.\n\n"
        "example: selvedge update keys remove targets cleo --keys keys",
    };
    asked a = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "threshold", "K", SV_OPTION_INT, &a.threshold, "signatures that ROLE takes [as before]",
          false, 1, SV_TUF_HOLDERS_MAX },
        UPDATE_FOR_OPTION(a.valid),
    };
    return run(argc, argv, page, options, SV_COUNT(options), &a, 2, take_out);
}

// ---- replace ------------------------------------------------------------------------------------

/// "targets-4": the next that is free.
static sv_err free_name(const update_folder *folder, const char *role, char room[UPDATE_NAME_ROOM],
                        sv_why *why) {
    for (int n = 2; n <= NAMES_MAX; n++) {
        (void) snprintf(room, UPDATE_NAME_ROOM, "%s-%d", role, n);
        if (update_folder_key(folder, room) == NULL) {
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_NO_SPACE, "'%s' has too many keys for %s", folder->dir, role);
}

static sv_err kind_like(const asked *a, const sv_tuf_public *old, sv_key_kind *out, sv_why *why) {
    if (a->key != NULL) {
        return sv_key_kind_parse(sv_text_of(a->key), out, why);
    }
    *out = strcmp(old->type, "rsa") == 0     ? SV_KEY_RSA
           : strcmp(old->type, "ecdsa") == 0 ? SV_KEY_EC
                                             : SV_KEY_ED25519;
    return SV_OK;
}

static sv_err swap_in(update_folder *folder, const asked *a, sv_tuf_holders *holders, sv_why *why) {
    size_t at = 0;
    char name[UPDATE_NAME_ROOM];
    update_wish wish = { .name = name, .place = a->place };
    SV_TRY(find_holder(folder, holders, a, &at, why));
    if (a->publics[0] != NULL) {
        return update_public_take(folder, a->publics[0], &holders->keys[at], why);
    }
    SV_TRY(kind_like(a, &holders->keys[at], &wish.kind, why));
    SV_TRY(free_name(folder, a->role, name, why));
    SV_TRY(update_folder_key_make(folder, &wish, &holders->keys[at], why));
    (void) printf("new key %s: %s\n", holders->keys[at].id, name);
    return SV_OK;
}

int update_keys_replace(int argc, char **argv) {
    static const update_page page = {
        "selvedge update keys replace ROLE KEY [--public FILE | --key TYPE | --place PLACE] "
        "--keys KEYS",
        "Another key in place of KEY (a name or an id, as `keys show` lists them): what to do when "
        "one is stolen, lost or old. A new root "
        "says "
        "so; enough\nof the present root keys sign it, and enough of those that it names. Devices "
        "follow it with their\nnext look, and what the old key signs counts nothing from then "
        "on.\n\n"
        "example: selvedge update keys replace targets 3f9a61c2d01b --keys keys",
    };
    asked a = { 0 };
    const sv_option options[] = {
        UPDATE_KEYS_OPTION(a.dir),
        { "public", "FILE", SV_OPTION_LIST, a.publics,
          "the other key, as `keys new` writes it [a new one is made here]", false, 0, 0 },
        { "key", "TYPE", SV_OPTION_TEXT, &a.key, "ed25519, ec or rsa [as the old one]", false, 0,
          0 },
        { "place", "PLACE", SV_OPTION_TEXT, &a.place,
          "where the new key is, or is to be [a file in KEYS]", false, 0, 0 },
        UPDATE_FOR_OPTION(a.valid),
    };
    return run(argc, argv, page, options, SV_COUNT(options), &a, 2, swap_in);
}
