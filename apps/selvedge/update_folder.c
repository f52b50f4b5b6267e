#include "update_folder.h"
#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_MAX = 128 * 1024 };

sv_err update_folder_path(const update_folder *folder, const char *sub, const char *name,
                          char room[SV_PATH_MAX], sv_why *why) {
    int len = sub == NULL ? snprintf(room, SV_PATH_MAX, "%s/%s", folder->dir, name)
                          : snprintf(room, SV_PATH_MAX, "%s/%s/%s", folder->dir, sub, name);
    return len > 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path of '%.80s' in '%.200s' is too long", name,
                         folder->dir);
}

// ---- keys.json ----------------------------------------------------------------------------------

static sv_err save(const update_folder *folder, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(LIST_MAX);
    sv_json_out json = SV_JSON_OUT(&text);
    sv_json_open_object(&json);
    sv_json_key(&json, "keys");
    sv_json_open_array(&json);
    for (size_t i = 0; i < folder->key_count; i++) {
        sv_json_open_object(&json);
        sv_json_add_str(&json, "id", folder->keys[i].id);
        sv_json_add_str(&json, "name", folder->keys[i].name);
        sv_json_add_str(&json, "place", folder->keys[i].place);
        sv_json_close_object(&json);
    }
    sv_json_close_array(&json);
    sv_json_key(&json, "others");
    sv_json_open_array(&json);
    for (size_t i = 0; i < folder->other_count; i++) {
        sv_json_open_object(&json);
        sv_json_add_str(&json, "id", folder->others[i].id);
        sv_json_add_str(&json, "name", folder->others[i].name);
        sv_json_close_object(&json);
    }
    sv_json_close_array(&json);
    sv_json_close_object(&json);
    sv_textbuf_add_char(&text, '\n');
    SV_TRY(update_folder_path(folder, NULL, "keys.json", path, why));
    return sv_disk_replace(path, sv_textbuf_text(&text), 0600, why);
}

static bool take(const sv_json *one, const char *member, char *room, size_t room_bytes) {
    sv_text text;
    return sv_json_text(sv_json_get(one, member), &text)
           && sv_text_copy(text, room, room_bytes) == SV_OK && room[0] != '\0';
}

/// Notes that are none are left out.
static void read_others(update_folder *folder, const sv_json *others) {
    for (size_t i = 0; i < sv_json_count(others) && folder->other_count < UPDATE_OTHERS_MAX; i++) {
        update_other *other = &folder->others[folder->other_count];
        const sv_json *one = sv_json_at(others, i);
        if (take(one, "id", other->id, sizeof other->id)
            && take(one, "name", other->name, sizeof other->name)) {
            folder->other_count++;
        }
    }
}

static sv_err read_keys(update_folder *folder, const char *path, sv_text text, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *document = NULL;
    sv_why inner = { 0 };
    if (sv_json_parse(text, &document, NULL, &inner) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%s': %.200s", path, inner.text);
    }
    const sv_json *keys = sv_json_get(document, "keys");
    if (!sv_json_is_array(keys) || sv_json_count(keys) > UPDATE_KEYS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' has no list of at most %d keys", path,
                       UPDATE_KEYS_MAX);
    }
    for (size_t i = 0; i < sv_json_count(keys); i++) {
        update_key *key = &folder->keys[i];
        const sv_json *one = sv_json_at(keys, i);
        if (!take(one, "id", key->id, sizeof key->id)
            || !take(one, "name", key->name, sizeof key->name)
            || !take(one, "place", key->place, sizeof key->place)) {
            return sv_fail(why, SV_ERR_INVALID, "'%s': key %zu lacks id, name or place", path,
                           i + 1);
        }
    }
    folder->key_count = sv_json_count(keys);
    read_others(folder, sv_json_get(document, "others"));
    return SV_OK;
}

// ---- the folder ---------------------------------------------------------------------------------

void update_folder_drop(update_folder **folder) {
    if (*folder != NULL) {
        sv_fd_drop(&(*folder)->lock);
        free(*folder);
        *folder = NULL;
    }
}

static sv_err lock_folder(const char *dir, update_folder *folder, sv_why *why) {
    char path[SV_PATH_MAX];
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    folder->lock = -1;
    if (len == 0
        || sv_text_copy((sv_text){ .at = dir, .len = len }, folder->dir, sizeof folder->dir)
               != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%.80s' is no path for a folder of keys", dir);
    }
    SV_TRY(update_folder_path(folder, NULL, "lock", path, why));
    return sv_disk_lock(path, &folder->lock, why);
}

sv_err update_folder_make(const char *dir, update_folder **out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(update_folder_drop) update_folder *folder = sv_mem_new(sizeof *folder);
    folder->lock = -1;
    SV_TRY(sv_disk_make_folder(dir, 0700, why));
    SV_TRY(lock_folder(dir, folder, why));
    SV_TRY(update_folder_path(folder, NULL, "keys.json", path, why));
    if (sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%s' holds keys already; nothing is written over. Name a new folder", dir);
    }
    SV_TRY(save(folder, why));
    *out = folder;
    folder = NULL;
    return SV_OK;
}

/// What a command that was killed left on its way; this one has the lock.
static sv_err clear(const update_folder *folder, sv_why *why) {
    static const char *const FOLDERS[] = { "", "metadata", "pending", "public", "content" };
    for (size_t i = 0; i < SV_COUNT(FOLDERS); i++) {
        char path[SV_PATH_MAX];
        SV_TRY(update_folder_path(folder, NULL, FOLDERS[i], path, why));
        SV_TRY(sv_disk_clear_drafts(path, NULL, why));
    }
    return update_artifacts_clear(folder->dir, why);
}

sv_err update_folder_open(const char *dir, update_folder **out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(update_folder_drop) update_folder *folder = sv_mem_new(sizeof *folder);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(LIST_MAX);
    folder->lock = -1;
    bool named = sv_disk_join(path, sizeof path, dir, "keys.json") == SV_OK;
    if (named && !sv_disk_exists(path) && errno != ENOENT) {
        return sv_fail(why, errno == ENOTDIR ? SV_ERR_INVALID : SV_ERR_IO, "cannot open '%s': %m",
                       path);
    }
    if (!named || !sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is no folder of keys: there is no keys.json in it. Make one with: "
                       "selvedge update keys init --dir %.60s",
                       dir, dir);
    }
    SV_TRY(lock_folder(dir, folder, why));
    SV_TRY(clear(folder, why));
    SV_TRY(sv_disk_read(path, &text, why));
    SV_TRY(read_keys(folder, path, sv_textbuf_text(&text), why));
    *out = folder;
    folder = NULL;
    return SV_OK;
}

// ---- keys ---------------------------------------------------------------------------------------

static sv_err place_path(const update_folder *folder, const char *place, char *room,
                         size_t room_bytes, sv_why *why) {
    bool relative = place[0] != '/' && !sv_key_is_hard(sv_text_of(place));
    int len = snprintf(room, room_bytes, "%s%s%s", relative ? folder->dir : "", relative ? "/" : "",
                       place);
    return len > 0 && (size_t) len < room_bytes
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the place '%.120s' of a key is too long", place);
}

const update_key *update_folder_key(const update_folder *folder, const char *id_or_name) {
    const update_key *found = NULL;
    size_t matches = 0;
    size_t len = strlen(id_or_name);
    for (size_t i = 0; i < folder->key_count; i++) {
        const update_key *key = &folder->keys[i];
        if (strcmp(key->name, id_or_name) == 0 || strcmp(key->id, id_or_name) == 0) {
            return key;
        }
        if (len >= UPDATE_SHORT_ID && strncmp(key->id, id_or_name, len) == 0) {
            found = key;
            matches++;
        }
    }
    return matches == 1 ? found : NULL;
}

static void forget_other(update_folder *folder, size_t at) {
    memmove(&folder->others[at], &folder->others[at + 1],
            (folder->other_count - at - 1) * sizeof folder->others[0]);
    folder->other_count--;
}

sv_err update_folder_note(update_folder *folder, const char *id, const char *name, sv_why *why) {
    update_other other = { 0 };
    if (update_folder_key(folder, id) != NULL || update_folder_key(folder, name) != NULL) {
        return SV_OK; // it has a name here already, or another key has this one
    }
    SV_TRY(sv_text_copy(sv_text_of(id), other.id, sizeof other.id));
    SV_TRY(sv_text_copy(sv_text_of(name), other.name, sizeof other.name));
    for (size_t i = folder->other_count; i > 0; i--) {
        if (strcmp(folder->others[i - 1].id, id) == 0
            || strcmp(folder->others[i - 1].name, name) == 0) {
            forget_other(folder, i - 1);
        }
    }
    if (folder->other_count == UPDATE_OTHERS_MAX) {
        forget_other(folder, 0);
    }
    folder->others[folder->other_count++] = other;
    return save(folder, why);
}

const char *update_folder_name(const update_folder *folder, sv_text id) {
    char room[SV_TUF_KEYID_ROOM];
    if (sv_text_copy(id, room, sizeof room) != SV_OK) {
        return NULL;
    }
    const update_key *own = update_folder_key(folder, room);
    for (size_t i = 0; own == NULL && i < folder->other_count; i++) {
        if (strcmp(folder->others[i].id, room) == 0) {
            return folder->others[i].name;
        }
    }
    return own != NULL ? own->name : NULL;
}

const char *update_folder_id(const update_folder *folder, const char *id_or_name) {
    const update_key *own = update_folder_key(folder, id_or_name);
    for (size_t i = 0; own == NULL && i < folder->other_count; i++) {
        if (strcmp(folder->others[i].name, id_or_name) == 0) {
            return folder->others[i].id;
        }
    }
    return own != NULL ? own->id : NULL;
}

sv_err update_folder_key_open(const update_folder *folder, const update_key *key,
                              struct evp_pkey_st **out, sv_why *why) {
    char where[SV_PATH_MAX + SV_KEY_PLACE_ROOM];
    SV_DEFER(sv_key_drop) struct evp_pkey_st *opened = NULL;
    sv_tuf_public half;
    SV_TRY(place_path(folder, key->place, where, sizeof where, why));
    SV_TRY(sv_key_open(where, &opened, why));
    SV_TRY(sv_tuf_public_of(opened, &half, why));
    if (strcmp(half.id, key->id) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the key '%s' is %.*s, not %.*s as keys.json says: somebody has put another "
                       "in its place",
                       key->place, UPDATE_SHORT_ID, half.id, UPDATE_SHORT_ID, key->id);
    }
    *out = opened;
    opened = NULL;
    return SV_OK;
}

/// What is in hardware, or was made by somebody else, is taken as it is.
static sv_err make_or_take(const char *where, bool given, sv_key_kind kind,
                           struct evp_pkey_st **out, sv_why *why) {
    sv_err err = given ? sv_key_open(where, out, why) : SV_ERR_NOT_FOUND;
    return err == SV_ERR_NOT_FOUND ? sv_key_make(where, kind, out, why) : err;
}

sv_err update_folder_key_make(update_folder *folder, const update_wish *wish, sv_tuf_public *out,
                              sv_why *why) {
    char file[SV_PATH_MAX];
    char where[SV_PATH_MAX + SV_KEY_PLACE_ROOM];
    SV_DEFER(sv_key_drop) struct evp_pkey_st *made = NULL;
    if (folder->key_count == UPDATE_KEYS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "a folder has at most %d keys", UPDATE_KEYS_MAX);
    }
    if (!sv_tuf_role_is_valid(sv_text_of(wish->name))
        && !sv_tuf_name_is_top(sv_text_of(wish->name))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a key cannot be called \"%.80s\": letters, digits, _ and -, at most 64",
                       wish->name);
    }
    if (update_folder_key(folder, wish->name) != NULL) {
        return sv_fail(why, SV_ERR_STATE, "'%s' has a key called %s already; choose another name",
                       folder->dir, wish->name);
    }
    (void) snprintf(file, sizeof file, "%s.key", wish->name);
    const char *place = wish->place != NULL ? wish->place : file;
    update_key *key = &folder->keys[folder->key_count];
    SV_TRY(place_path(folder, place, where, sizeof where, why));
    SV_TRY(make_or_take(where, wish->place != NULL, wish->kind, &made, why));
    SV_TRY(sv_tuf_public_of(made, out, why));
    if (update_folder_key(folder, out->id) != NULL) {
        return sv_fail(why, SV_ERR_STATE, "the key at '%s' is in '%s' already", place, folder->dir);
    }
    SV_TRY(sv_text_copy(sv_text_of(out->id), key->id, sizeof key->id));
    SV_TRY(sv_text_copy(sv_text_of(wish->name), key->name, sizeof key->name));
    SV_TRY(sv_text_copy(sv_text_of(place), key->place, sizeof key->place));
    folder->key_count++;
    return save(folder, why);
}
