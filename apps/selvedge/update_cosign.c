#include "update_cosign.h"
#include "show.h"
#include "update_change.h"
#include "update_image.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/canonical.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>

enum { FORM_MAX = 8 * 1024 * 1024 };

// ---- what is new --------------------------------------------------------------------------------

typedef struct comparing {
    const sv_json *other;
    const char *mark;   ///< of what the other lacks
    const char *change; ///< of what the other says differently; NULL: nothing is said of it
    size_t count;
} comparing;

static bool is_same(const sv_json *left, const sv_json *right) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf one = SV_TEXTBUF_HEAP(FORM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf two = SV_TEXTBUF_HEAP(FORM_MAX);
    return sv_canonical_add(left, &one, NULL) == SV_OK
           && sv_canonical_add(right, &two, NULL) == SV_OK
           && sv_text_eq(sv_textbuf_text(&one), sv_textbuf_text(&two));
}

static const sv_json *member(const sv_json *object, sv_text key) {
    char room[SV_TUF_TARGET_PATH_ROOM];
    return sv_text_copy(key, room, sizeof room) == SV_OK ? sv_json_get(object, room) : NULL;
}

static void print_entry(const char *mark, sv_text key, const sv_json *value) {
    sv_text hash = sv_show_words(sv_json_get(value, "hashes"), "sha256");
    const sv_json *ours = sv_json_get(sv_json_get(value, "custom"), "selvedge");
    (void) printf("  %s ", mark);
    sv_show_plain(key);
    if (hash.len > 0) {
        (void) printf("  %lld bytes, sha256 %.*s", (long long) sv_show_number(value, "length"),
                      SV_TEXT_ARG(hash));
    }
    if (ours != NULL) {
        (void) printf(", release counter %lld, for ", (long long) sv_show_number(ours, "counter"));
        sv_show_json(sv_json_get(ours, "hardware"));
    }
    (void) putchar('\n');
}

static sv_err compare_member(void *arg, sv_text key, const sv_json *value) {
    comparing *c = arg;
    const sv_json *other = member(c->other, key);
    const char *mark = other == NULL                                 ? c->mark
                       : c->change != NULL && !is_same(value, other) ? c->change
                                                                     : NULL;
    if (mark != NULL) {
        print_entry(mark, key, value);
        c->count++;
    }
    return SV_OK;
}

static sv_err compare(const sv_json *now, const sv_json *before, size_t *count) {
    comparing fresh = { .other = before, .mark = "new", .change = "changed" };
    comparing gone = { .other = now, .mark = "gone" };
    SV_TRY(sv_json_each(now, compare_member, &fresh));
    SV_TRY(sv_json_each(before, compare_member, &gone));
    *count += fresh.count + gone.count;
    return SV_OK;
}

/// Of a root its keys and roles, of targets its entries and to whom they are handed on.
static const struct {
    const char *outer, *inner;
} PARTS[] = { { "keys", NULL }, { "roles", NULL }, { "targets", NULL }, { "delegations", "keys" } };

static bool same_roles(const sv_json *left, const sv_json *right) {
    const sv_json *a = sv_json_get(sv_json_get(left, "delegations"), "roles");
    const sv_json *b = sv_json_get(sv_json_get(right, "delegations"), "roles");
    return a == b || (a != NULL && b != NULL && is_same(a, b));
}

static void print_roles(const sv_json *content) {
    const sv_json *roles = sv_json_get(sv_json_get(content, "delegations"), "roles");
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        (void) printf("  handed on: ");
        sv_show_json(sv_json_at(roles, i));
        (void) putchar('\n');
    }
}

sv_err update_difference_print(const update_folder *folder, const update_document *document,
                               sv_why *why) {
    SV_DEFER(update_document_drop) update_document before = { 0 };
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    size_t count = 0;
    sv_err err = update_settled(folder, document->role, &before, why);
    if (err != SV_ERR_NOT_FOUND) {
        SV_TRY(err);
    }
    const sv_json *now = document->metadata->content;
    const sv_json *old = before.metadata != NULL ? before.metadata->content : NULL;
    sv_time_add(&end, document->metadata->expires_us);
    (void) printf("%s version %lld, until " SV_TEXT_FMT ", says beyond what is known here:\n",
                  document->role, (long long) document->metadata->version,
                  SV_TEXT_ARG(sv_textbuf_text(&end)));
    for (size_t i = 0; i < SV_COUNT(PARTS); i++) {
        const sv_json *left = sv_json_get(now, PARTS[i].outer);
        const sv_json *right = sv_json_get(old, PARTS[i].outer);
        bool deep = PARTS[i].inner != NULL;
        SV_TRY(compare(deep ? sv_json_get(left, PARTS[i].inner) : left,
                       deep ? sv_json_get(right, PARTS[i].inner) : right, &count));
    }
    if (!same_roles(now, old)) {
        print_roles(now);
    } else if (count == 0) {
        (void) printf("  nothing but a later end\n");
    }
    return SV_OK;
}

// ---- from hand to hand --------------------------------------------------------------------------

/// "usb/7.targets.json" is of targets.
static sv_err role_of(const char *file, char room[UPDATE_NAME_ROOM], sv_why *why) {
    const char *slash = strrchr(file, '/');
    sv_text name = sv_text_of(slash != NULL ? slash + 1 : file);
    size_t end = sizeof ".json" - 1;
    bool json = name.len > end && strcmp(name.at + name.len - end, ".json") == 0;
    name.len -= json ? end : 0;
    sv_text rest = name;
    uint64_t number = 0;
    if (sv_text_u64(sv_text_cut(&rest, '.'), INT64_MAX, &number) == SV_OK && rest.len > 0) {
        name = rest;
    }
    bool known =
        sv_text_is(name, "root") || sv_text_is(name, "targets") || sv_tuf_role_is_valid(name);
    if (!json || !known || sv_text_copy(name, room, UPDATE_NAME_ROOM) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is not called after a role: root.json, targets.json, or as the "
                       "supplier's role is",
                       file);
    }
    return SV_OK;
}

static sv_err read_file(const char *file, update_document *out, sv_why *why) {
    char role[UPDATE_NAME_ROOM];
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    sv_why inner = { 0 };
    SV_TRY(role_of(file, role, why));
    SV_TRY(sv_disk_read(file, &bytes, why));
    sv_err err = update_document_read(role, sv_textbuf_text(&bytes), out, &inner);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "'%.160s': %.200s", file, inner.text);
}

/// What is older than what is known here, or the same version of something else, is signed by
/// nobody by mistake. [repo-3]
static sv_err check_newest(const update_folder *folder, const update_document *document,
                           const char *file, sv_why *why) {
    SV_DEFER(update_document_drop) update_document newest = { 0 };
    sv_err err = update_newest(folder, document->role, &newest, why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    SV_TRY(err);
    const sv_tuf_metadata *given = document->metadata;
    if (given->version < newest.metadata->version) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%.120s' is outdated: it is %s version %lld, and '%.80s' has version %lld. "
                       "Sign the newest instead",
                       file, document->role, (long long) given->version, folder->dir,
                       (long long) newest.metadata->version);
    }
    if (given->version == newest.metadata->version
        && !is_same(given->content, newest.metadata->content)) {
        return sv_fail(
            why, SV_ERR_STATE,
            "'%.120s' is outdated: '%.80s' has another %s of the same version %lld. Sign "
            "the newest instead",
            file, folder->dir, document->role, (long long) given->version);
    }
    return SV_OK;
}

static sv_err check_time(const update_document *document, const char *file, sv_why *why) {
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_time_add(&end, document->metadata->expires_us);
    return document->metadata->expires_us > sv_clock_wall_us()
               ? SV_OK
               : sv_fail(
                   why, SV_ERR_STATE,
                   "'%.160s' ended at " SV_TEXT_FMT
                   ": no device would believe it, whoever signs. Who began it renews it with: "
                   "selvedge update sign --renew %s",
                   file, SV_TEXT_ARG(sv_textbuf_text(&end)), document->role);
}

sv_err update_cosign(const update_folder *folder, const char *file, const char *out, sv_why *why) {
    SV_DEFER(update_document_drop) update_document document = { 0 };
    SV_DEFER(update_document_drop) update_document after = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    size_t signed_with = 0;
    SV_TRY(read_file(file, &document, why));
    SV_TRY(check_newest(folder, &document, file, why));
    SV_TRY(check_time(&document, file, why));
    SV_TRY(update_difference_print(folder, &document, why));
    SV_TRY(update_sign_document(folder, &document, &text, &signed_with, why));
    if (signed_with == 0) {
        (void) update_missing_print(folder, &document, stderr, NULL);
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "no key of '%.160s' that counts for %s has still to sign this", folder->dir,
                       document.role);
    }
    SV_TRY(sv_disk_replace(out != NULL ? out : file, sv_textbuf_text(&text), 0644, why));
    SV_TRY(update_document_read(document.role, sv_textbuf_text(&text), &after, why));
    return update_missing_print(folder, &after, stdout, why);
}

/// Signatures to the same content, or a newer document in place of what is there.
static sv_err join(const update_document *mine, const update_document *theirs, sv_textbuf *out,
                   sv_why *why) {
    sv_text own = mine->metadata != NULL ? sv_textbuf_text(&mine->bytes) : SV_TEXT("");
    sv_text other = sv_textbuf_text(&theirs->bytes);
    if (mine->metadata != NULL && mine->metadata->version == theirs->metadata->version) {
        return sv_tuf_signatures_join(own, other, update_type_of(theirs->role), out, why);
    }
    if (mine->metadata != NULL && mine->metadata->version > theirs->metadata->version) {
        return sv_fail(why, SV_ERR_STATE, "%s version %lld is older than the %lld that is here",
                       theirs->role, (long long) theirs->metadata->version,
                       (long long) mine->metadata->version);
    }
    sv_textbuf_add(out, other);
    return sv_textbuf_end(out);
}

/// A root follows the one before it; the first one of a folder is believed, as on a device.
static sv_err check_root(const update_folder *folder, const update_document *theirs, sv_why *why) {
    SV_DEFER(update_document_drop) update_document settled = { 0 };
    if (strcmp(theirs->role, "root") != 0) {
        return SV_OK;
    }
    sv_err err = update_settled(folder, "root", &settled, why);
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    SV_TRY(err);
    return theirs->metadata->version == settled.metadata->version + 1
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "root %lld cannot follow the root %lld that is here; take in the ones "
                         "between first",
                         (long long) theirs->metadata->version,
                         (long long) settled.metadata->version);
}

/// They lie beside the file, or beside the folder that it is in, as in a folder of keys.
static sv_err take_artifacts(const update_folder *folder, const update_document *theirs,
                             const char *file, sv_why *why) {
    char beside[SV_PATH_MAX];
    const char *slash = strrchr(file, '/');
    int len = slash != NULL ? (int) (slash - file) : 1;
    static const char *const WAYS[] = { "", "/.." };
    for (size_t i = 0; i < SV_COUNT(WAYS); i++) {
        if (snprintf(beside, sizeof beside, "%.*s%s", len, slash != NULL ? file : ".", WAYS[i])
            >= (int) sizeof beside) {
            return sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", file);
        }
        SV_TRY(update_artifacts_take(folder, theirs, beside, why));
    }
    return SV_OK;
}

sv_err update_take(const update_folder *folder, const char *file, sv_why *why) {
    SV_DEFER(update_document_drop) update_document theirs = { 0 };
    SV_DEFER(update_document_drop) update_document mine = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    SV_TRY(read_file(file, &theirs, why));
    SV_TRY(check_root(folder, &theirs, why));
    sv_err err = update_newest(folder, theirs.role, &mine, why);
    if (err != SV_ERR_NOT_FOUND) {
        SV_TRY(err);
    }
    SV_TRY(join(&mine, &theirs, &text, why));
    if (mine.metadata == NULL || mine.metadata->version != theirs.metadata->version) {
        SV_TRY(update_difference_print(folder, &theirs, why));
    }
    SV_TRY(take_artifacts(folder, &theirs, file, why));
    SV_TRY(update_pend(folder, theirs.role, sv_textbuf_text(&text), why));
    SV_TRY(update_settle(folder, why));
    return update_tell(folder, theirs.role, why);
}

// ---- a folder of them ---------------------------------------------------------------------------

/// `folder/<role>.json`
static sv_err file_in(const char *folder, const char *role, char room[SV_PATH_MAX], sv_why *why) {
    int len = snprintf(room, SV_PATH_MAX, "%s/%s.json", folder, role);
    return len > 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.160s' is too long a path", folder);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/// SV_ERR_NOT_FOUND when no file of metadata is there.
static sv_err list(const char *folder, update_roles *out, sv_why *why) {
    update_roles_in(folder, out);
    return out->count > 0 ? SV_OK
                          : sv_fail(why, SV_ERR_NOT_FOUND,
                                    "no metadata in '%.200s': files called after their roles, like "
                                    "targets.json",
                                    folder);
}

sv_err update_cosign_all(const update_folder *folder, const char *file, const char *out,
                         sv_why *why) {
    SV_DEFER(sv_mem_drop) update_roles *roles = sv_mem_new(sizeof *roles);
    size_t done = 0;
    if (!is_folder(file)) {
        return update_cosign(folder, file, out, why);
    }
    if (out != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--out is for one file, and '%.160s' is a folder",
                       file);
    }
    SV_TRY(list(file, roles, why));
    for (size_t i = 0; i < roles->count; i++) {
        char path[SV_PATH_MAX];
        SV_TRY(file_in(file, roles->names[i], path, why));
        sv_err err = update_cosign(folder, path, NULL, why);
        if (err != SV_ERR_UNTRUSTED) { // which says: none of ours has still to sign it
            SV_TRY(err);
            done++;
        }
    }
    return done > 0 ? SV_OK : SV_ERR_UNTRUSTED;
}

sv_err update_take_all(const update_folder *folder, const char *file, sv_why *why) {
    SV_DEFER(sv_mem_drop) update_roles *roles = sv_mem_new(sizeof *roles);
    if (!is_folder(file)) {
        return update_take(folder, file, why);
    }
    SV_TRY(list(file, roles, why));
    for (size_t i = 0; i < roles->count; i++) {
        char path[SV_PATH_MAX];
        SV_TRY(file_in(file, roles->names[i], path, why));
        if (sv_disk_exists(path)) { // of our own pending/, one can settle the next
            SV_TRY(update_take(folder, path, why));
        }
    }
    return SV_OK;
}
