#include "update_documents.h"
#include <base/mem.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char PENDING[] = "pending";
static const char SETTLED[] = "metadata";

void update_document_drop(update_document *document) {
    sv_textbuf_drop(&document->bytes);
    sv_tuf_drop(&document->metadata);
}

sv_tuf_type update_type_of(const char *role) {
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        if (strcmp(role, sv_tuf_type_name(type)) == 0) {
            return type;
        }
    }
    return SV_TUF_TARGETS;
}

// ---- kept ---------------------------------------------------------------------------------------

static sv_err path_of(const update_folder *folder, const char *sub, const char *role,
                      char room[SV_PATH_MAX], sv_why *why) {
    char name[UPDATE_NAME_ROOM + sizeof ".json"];
    (void) snprintf(name, sizeof name, "%s.json", role);
    bool root = sub == SETTLED && strcmp(role, "root") == 0;
    return update_folder_path(folder, root ? NULL : sub, name, room, why);
}

/// Names the file, should it not be what it is to be.
static sv_err parse(const char *path, update_document *document, sv_why *why) {
    sv_why inner = { 0 };
    sv_err err = sv_tuf_read(sv_textbuf_text(&document->bytes), update_type_of(document->role),
                             &document->metadata, &inner);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "'%.160s': %.200s", path, inner.text);
}

static sv_err load(const update_folder *folder, const char *sub, const char *role,
                   update_document *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(update_document_drop)
    update_document document = { .bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1),
                                 .pending = sub == PENDING };
    SV_TRY(sv_text_copy(sv_text_of(role), document.role, sizeof document.role));
    SV_TRY(path_of(folder, sub, role, path, why));
    SV_TRY(sv_disk_read(path, &document.bytes, why));
    SV_TRY(parse(path, &document, why));
    *out = document;
    document = (update_document){ 0 };
    return SV_OK;
}

sv_err update_settled(const update_folder *folder, const char *role, update_document *out,
                      sv_why *why) {
    return load(folder, SETTLED, role, out, why);
}

sv_err update_newest(const update_folder *folder, const char *role, update_document *out,
                     sv_why *why) {
    sv_err err = load(folder, PENDING, role, out, why);
    return err == SV_ERR_NOT_FOUND ? load(folder, SETTLED, role, out, why) : err;
}

sv_err update_document_read(const char *role, sv_text bytes, update_document *out, sv_why *why) {
    SV_DEFER(update_document_drop)
    update_document document = { .bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1),
                                 .pending = true };
    SV_TRY(sv_text_copy(sv_text_of(role), document.role, sizeof document.role));
    sv_textbuf_add(&document.bytes, bytes);
    SV_TRY(sv_tuf_read(bytes, update_type_of(role), &document.metadata, why));
    *out = document;
    document = (update_document){ 0 };
    return SV_OK;
}

static sv_err keep(const update_folder *folder, const char *sub, const char *role, sv_text bytes,
                   sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(update_folder_path(folder, NULL, sub, path, why));
    SV_TRY(sv_disk_make_folder(path, 0755, why));
    SV_TRY(path_of(folder, sub, role, path, why));
    return sv_disk_replace(path, bytes, 0644, why);
}

/// Of a root, every version is kept: clients follow them one by one. [repo-8]
sv_err update_settle_now(const update_folder *folder, const char *role, sv_text bytes,
                         sv_why *why) {
    if (strcmp(role, "root") == 0) {
        SV_DEFER(update_document_drop) update_document root = { 0 };
        char name[UPDATE_NAME_ROOM];
        SV_TRY(update_document_read(role, bytes, &root, why));
        (void) snprintf(name, sizeof name, "%lld.root", (long long) root.metadata->version);
        SV_TRY(keep(folder, SETTLED, name, bytes, why));
    }
    return keep(folder, SETTLED, role, bytes, why);
}

// ---- who judges ---------------------------------------------------------------------------------

void update_judges_drop(update_judges *judges) {
    for (size_t i = 0; i < UPDATE_JUDGES_MAX; i++) {
        update_document_drop(&judges->sources[i]);
    }
}

/// Whom a targets file names for a role that it hands on to.
static bool delegation_of(const sv_tuf_metadata *targets, const char *role, sv_tuf_voucher *out) {
    const sv_json *delegations = sv_json_get(targets->content, "delegations");
    const sv_json *roles = sv_json_get(delegations, "roles");
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *one = sv_json_at(roles, i);
        sv_text name;
        if (sv_json_text(sv_json_get(one, "name"), &name) && sv_text_is(name, role)) {
            *out = (sv_tuf_voucher){ .keys = sv_json_get(delegations, "keys"),
                                     .keyids = sv_json_get(one, "keyids") };
            return sv_json_int(sv_json_get(one, "threshold"), &out->threshold);
        }
    }
    return false;
}

/// SV_ERR_STATE when `targets` hands nothing on to the role: what is signed for it counts nowhere.
static sv_err find_delegation(const sv_tuf_metadata *targets, const char *role, sv_tuf_voucher *out,
                              sv_why *why) {
    return delegation_of(targets, role, out)
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "targets hands nothing on to a role %s; `selvedge update keys delegate` "
                         "does. (A file of metadata is called after its role: root.json, "
                         "targets.json)",
                         role);
}

sv_err update_role_check(const update_folder *folder, const char *role, sv_why *why) {
    SV_DEFER(update_document_drop) update_document targets = { 0 };
    sv_tuf_voucher by;
    if (sv_tuf_name_is_top(sv_text_of(role))) {
        return SV_OK;
    }
    sv_err err = update_newest(folder, "targets", &targets, why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK; // who holds keys of one role alone need not have the rest
    }
    SV_TRY(err);
    return find_delegation(targets.metadata, role, &by, why) == SV_OK ? SV_OK : SV_ERR_INVALID;
}

sv_err update_pend(const update_folder *folder, const char *role, sv_text bytes, sv_why *why) {
    SV_TRY(update_role_check(folder, role, why));
    return keep(folder, PENDING, role, bytes, why);
}

static sv_err judges_of_root(const update_folder *folder, const update_document *document,
                             update_judges *out, sv_why *why) {
    SV_TRY(update_document_read("root", sv_textbuf_text(&document->bytes), &out->sources[0], why));
    out->by[0] = sv_tuf_root_names(out->sources[0].metadata, SV_TUF_ROOT);
    out->as[0] = "its own root keys";
    out->count = 1;
    sv_err err = update_settled(folder, "root", &out->sources[1], why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    SV_TRY(err);
    if (out->sources[1].metadata->version >= document->metadata->version) {
        return SV_OK; // it is that one
    }
    out->by[1] = sv_tuf_root_names(out->sources[1].metadata, SV_TUF_ROOT);
    out->as[1] = "the root keys before it";
    out->count = 2;
    return SV_OK;
}

static sv_err judges(const update_folder *folder, const update_document *document,
                     update_judges *out, sv_why *why) {
    sv_tuf_type type = update_type_of(document->role);
    bool top = sv_tuf_name_is_top(sv_text_of(document->role));
    if (type == SV_TUF_ROOT) {
        return judges_of_root(folder, document, out, why);
    }
    sv_err err = update_newest(folder, top ? "root" : "targets", &out->sources[0], why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK; // who holds keys of one role alone need not have the rest
    }
    SV_TRY(err);
    if (top) {
        out->by[0] = sv_tuf_root_names(out->sources[0].metadata, type);
    } else {
        SV_TRY(find_delegation(out->sources[0].metadata, document->role, &out->by[0], why));
    }
    out->as[0] = top ? "the keys in root" : "the keys in targets";
    out->count = 1;
    out->pending = out->sources[0].pending;
    return SV_OK;
}

sv_err update_judges_of(const update_folder *folder, const update_document *document,
                        update_judges *out, sv_why *why) {
    SV_DEFER(update_judges_drop) update_judges made = { 0 };
    SV_TRY(judges(folder, document, &made, why));
    *out = made;
    made = (update_judges){ 0 };
    return SV_OK;
}

// ---- signing ------------------------------------------------------------------------------------

typedef struct signers {
    const update_folder *folder;
    const update_key *keys[UPDATE_KEYS_MAX];
    size_t count;
} signers;

static void add_signer(signers *all, const update_key *key) {
    for (size_t i = 0; i < all->count; i++) {
        if (all->keys[i] == key) {
            return;
        }
    }
    if (key != NULL && all->count < UPDATE_KEYS_MAX) {
        all->keys[all->count++] = key;
    }
}

static void take_unsigned(void *arg, sv_text keyid, bool has_signed) {
    signers *all = arg;
    char id[SV_TUF_KEYID_ROOM];
    if (!has_signed && sv_text_copy(keyid, id, sizeof id) == SV_OK) {
        add_signer(all, update_folder_key(all->folder, id));
    }
}

static sv_err find_signers(const update_folder *folder, const update_document *document,
                           signers *out, sv_why *why) {
    SV_DEFER(update_judges_drop) update_judges by = { 0 };
    SV_TRY(update_judges_of(folder, document, &by, why));
    for (size_t i = 0; i < by.count; i++) {
        SV_TRY(sv_tuf_signers(document->metadata, &by.by[i], take_unsigned, out, why));
    }
    for (size_t i = 0; by.count == 0 && i < folder->key_count; i++) {
        add_signer(out, &folder->keys[i]);
    }
    return SV_OK;
}

static sv_err sign_with(const signers *all, const update_key *key, sv_tuf_type type,
                        sv_textbuf *text, size_t *signed_with, sv_why *why) {
    SV_DEFER(sv_key_drop) struct evp_pkey_st *opened = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf next = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    sv_why inner = { 0 };
    sv_err err = update_folder_key_open(all->folder, key, &opened, &inner);
    if (err == SV_ERR_NOT_FOUND) {
        (void) fprintf(stderr, "key %s is not here, its signature is left out (%.300s)\n",
                       key->name, inner.text);
        return SV_OK;
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "key %s: %.300s", key->name, inner.text);
    }
    SV_TRY(sv_tuf_sign(sv_textbuf_text(text), type, opened, &next, why));
    sv_textbuf_clear(text);
    sv_textbuf_add(text, sv_textbuf_text(&next));
    (*signed_with)++;
    return SV_OK;
}

static sv_err sign_with_all(const signers *all, const update_document *document, sv_textbuf *out,
                            size_t *signed_with, sv_why *why) {
    sv_textbuf_add(out, sv_textbuf_text(&document->bytes));
    *signed_with = 0;
    for (size_t i = 0; i < all->count; i++) {
        SV_TRY(sign_with(all, all->keys[i], update_type_of(document->role), out, signed_with, why));
    }
    return SV_OK;
}

sv_err update_sign_document(const update_folder *folder, const update_document *document,
                            sv_textbuf *out, size_t *signed_with, sv_why *why) {
    signers all = { .folder = folder };
    SV_TRY(find_signers(folder, document, &all, why));
    return sign_with_all(&all, document, out, signed_with, why);
}

sv_err update_sign_by(const update_folder *folder, const update_document *document,
                      const sv_tuf_voucher *by, sv_textbuf *out, size_t *signed_with, sv_why *why) {
    signers all = { .folder = folder };
    SV_TRY(sv_tuf_signers(document->metadata, by, take_unsigned, &all, why));
    return sign_with_all(&all, document, out, signed_with, why);
}

static bool is_signed_enough(const update_document *document, const update_judges *by) {
    bool enough = by->count > 0 && !by->pending;
    for (size_t i = 0; enough && i < by->count; i++) {
        enough = sv_tuf_check(document->metadata, &by->by[i], NULL) == SV_OK;
    }
    return enough;
}

static sv_err settle(const update_folder *folder, const char *role, sv_why *why) {
    SV_DEFER(update_document_drop) update_document document = { 0 };
    SV_DEFER(update_judges_drop) update_judges by = { 0 };
    char path[SV_PATH_MAX];
    SV_TRY(load(folder, PENDING, role, &document, why));
    sv_err err = update_judges_of(folder, &document, &by, why);
    if (err == SV_ERR_STATE) {
        return SV_OK; // a supplier's who is one no more: that stops nobody else
    }
    SV_TRY(err);
    if (!is_signed_enough(&document, &by)) {
        return SV_OK;
    }
    SV_TRY(update_settle_now(folder, role, sv_textbuf_text(&document.bytes), why));
    SV_TRY(path_of(folder, PENDING, role, path, why));
    if (unlink(path) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot remove '%s': %m", path);
    }
    return sv_disk_sync_folder_of(path, why);
}

sv_err update_settle(const update_folder *folder, sv_why *why) {
    SV_DEFER(sv_mem_drop) update_roles *roles = sv_mem_new(sizeof *roles);
    SV_TRY(update_pending_roles(folder, roles, why));
    for (size_t i = 0; i < roles->count; i++) {
        SV_TRY(settle(folder, roles->names[i], why));
    }
    return SV_OK;
}

sv_err update_sign_pending(const update_folder *folder, const char *role, size_t *signed_with,
                           sv_why *why) {
    SV_DEFER(update_document_drop) update_document document = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    SV_TRY(load(folder, PENDING, role, &document, why));
    SV_TRY(update_sign_document(folder, &document, &text, signed_with, why));
    if (*signed_with > 0) {
        SV_TRY(update_pend(folder, role, sv_textbuf_text(&text), why));
    }
    return update_settle(folder, why);
}

// ---- what is pending ----------------------------------------------------------------------------

static void add_role(update_roles *roles, const char *name) {
    for (size_t i = 0; i < roles->count; i++) {
        if (strcmp(roles->names[i], name) == 0) {
            return;
        }
    }
    if (roles->count < UPDATE_ROLES_MAX) {
        (void) snprintf(roles->names[roles->count++], UPDATE_NAME_ROOM, "%.64s", name);
    }
}

static void add_file(update_roles *out, const char *file) {
    sv_text name = sv_text_of(file);
    char role[UPDATE_NAME_ROOM];
    size_t end = sizeof ".json" - 1;
    if (name.len <= end || strcmp(file + name.len - end, ".json") != 0) {
        return;
    }
    name.len -= end;
    if (sv_text_copy(name, role, sizeof role) == SV_OK && sv_tuf_role_is_valid(name)) {
        add_role(out, role);
    }
}

/// root before targets before the rest, for each is judged by the one before.
void update_roles_in(const char *folder, update_roles *out) {
    static const char *const FIRST[] = { "root", "targets" };
    const struct dirent *entry = NULL;
    out->count = 0;
    for (size_t i = 0; i < SV_COUNT(FIRST); i++) {
        char path[SV_PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s.json", folder, FIRST[i]);
        if (len > 0 && (size_t) len < sizeof path && sv_disk_exists(path)) {
            add_role(out, FIRST[i]);
        }
    }
    DIR *dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        add_file(out, entry->d_name);
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
}

sv_err update_pending_roles(const update_folder *folder, update_roles *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(update_folder_path(folder, NULL, PENDING, path, why));
    update_roles_in(path, out);
    return SV_OK;
}
