#include "pki_internal.h"
#include <crypto/key_store.h>
#include <crypto/pair.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const HARD[] = { "tpm2:", "pkcs11:" };

enum { NUMBER_MAX = 1000000000 };

static sv_err name_path(char room[SV_PATH_MAX], const char *folder, unsigned number,
                        const char *name, sv_why *why) {
    int len = snprintf(room, SV_PATH_MAX, "%s/%u%s", folder, number, name);
    return len >= 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%s' is too long", folder);
}

static sv_err join(char room[SV_PATH_MAX], const char *folder, const char *name, sv_why *why) {
    return sv_disk_join(room, SV_PATH_MAX, folder, name) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%s' is too long", folder);
}

static bool read_link(const char *path, char room[SV_PATH_MAX]) {
    ssize_t len = readlink(path, room, SV_PATH_MAX - 1);
    room[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

static unsigned number_in_use(const char *folder) {
    char path[SV_PATH_MAX];
    char target[SV_PATH_MAX];
    uint64_t number = 0;
    bool told = sv_disk_join(path, sizeof path, folder, "now") == SV_OK && read_link(path, target)
                && sv_text_u64(sv_text_of(target), NUMBER_MAX, &number) == SV_OK;
    return told ? (unsigned) number : 0;
}

/// Pairs from before, and links that were not put in their place.
static void clear_away(const sv_pair *pair) {
    DIR *folder = opendir(pair->folder);
    for (struct dirent *item = NULL; folder != NULL && (item = readdir(folder)) != NULL;) {
        uint64_t number = 0;
        bool is_pair = sv_text_u64(sv_text_of(item->d_name), NUMBER_MAX, &number) == SV_OK;
        bool is_over = is_pair && number != pair->now && number != (uint64_t) pair->now + 1;
        char path[SV_PATH_MAX];
        if (is_over && sv_disk_join(path, sizeof path, pair->folder, item->d_name) == SV_OK) {
            (void) (sv_disk_remove_tree(path, NULL) == SV_OK);
        }
    }
    if (folder != NULL) {
        (void) closedir(folder);
    }
}

static sv_err find_next(sv_pair *pair, sv_why *why) {
    SV_TRY(name_path(pair->next_cert, pair->folder, pair->now + 1, "/cert.pem", why));
    if (pair->hard_key) {
        return sv_text_copy(sv_text_of(pair->key), pair->next_key, sizeof pair->next_key);
    }
    return name_path(pair->next_key, pair->folder, pair->now + 1, "/key.pem", why);
}

sv_err sv_pair_open(const char *cert, const char *key, sv_pair *out, sv_why *why) {
    sv_pair pair = { 0 };
    int len = snprintf(pair.folder, sizeof pair.folder, "%s.d", cert);
    if (len < 0 || (size_t) len >= sizeof pair.folder
        || sv_text_copy(sv_text_of(cert), pair.cert, sizeof pair.cert) != SV_OK
        || sv_text_copy(sv_text_of(key), pair.key, sizeof pair.key) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%s' is too long", cert);
    }
    for (size_t i = 0; i < SV_COUNT(HARD); i++) {
        pair.hard_key = pair.hard_key || sv_text_starts(sv_text_of(key), sv_text_of(HARD[i]));
    }
    pair.now = number_in_use(pair.folder);
    SV_TRY(find_next(&pair, why));
    clear_away(&pair);
    *out = pair;
    return SV_OK;
}

// ---- the next pair ------------------------------------------------------------------------------

static sv_err make_next_folder(const sv_pair *pair, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(name_path(path, pair->folder, pair->now + 1, "", why));
    SV_TRY(sv_disk_make_folder(pair->folder, 0700, why));
    return sv_disk_make_folder(path, 0700, why);
}

static sv_key_kind kind_of(const EVP_PKEY *key) {
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return SV_KEY_RSA;
    case EVP_PKEY_ED25519:
        return SV_KEY_ED25519;
    default:
        return SV_KEY_EC;
    }
}

static sv_err copy_file(const char *from, const char *to, mode_t mode, sv_why *why) {
    SV_DEFER(sv_secret_drop) sv_textbuf content = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_disk_read(from, &content, why));
    return sv_disk_replace(to, sv_textbuf_text(&content), mode, why);
}

/// A file that is no key any more (a full disk) is made anew.
static bool open_next_key(const sv_pair *pair, const EVP_PKEY *current, bool same, EVP_PKEY **out) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    if (sv_key_open(pair->next_key, &key, NULL) != SV_OK
        || (EVP_PKEY_eq(key, current) == 1) != same) {
        ERR_clear_error();
        return false;
    }
    *out = key;
    key = NULL;
    return true;
}

sv_err sv_pair_next_key(const sv_pair *pair, bool same, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *current = NULL;
    SV_TRY(sv_key_open(pair->key, &current, why));
    if (pair->hard_key) {
        *out = current;
        current = NULL;
        return SV_OK;
    }
    SV_TRY(make_next_folder(pair, why));
    if (open_next_key(pair, current, same, out)) {
        return SV_OK;
    }
    SV_TRY(sv_pair_forget_next(pair, why));
    SV_TRY(make_next_folder(pair, why));
    if (!same) {
        return sv_key_make(pair->next_key, kind_of(current), out, why);
    }
    SV_TRY(copy_file(pair->key, pair->next_key, 0600, why));
    return sv_key_open(pair->next_key, out, why);
}

sv_err sv_pair_keep_next(const sv_pair *pair, sv_text chain, sv_why *why) {
    SV_TRY(make_next_folder(pair, why));
    return sv_disk_replace(pair->next_cert, chain, 0644, why);
}

bool sv_pair_has_next(const sv_pair *pair) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    bool fits = sv_disk_exists(pair->next_cert)
                && sv_cert_of_file(pair->next_cert, &certificate, NULL) == SV_OK
                && sv_key_open(pair->next_key, &key, NULL) == SV_OK
                && EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1;
    ERR_clear_error();
    return fits;
}

sv_err sv_pair_forget_next(const sv_pair *pair, sv_why *why) {
    char path[SV_PATH_MAX];
    // The certificate first: a key without one is a beginning, the other is nothing.
    SV_TRY(sv_disk_remove_tree(pair->next_cert, why));
    SV_TRY(name_path(path, pair->folder, pair->now + 1, "", why));
    return sv_disk_remove_tree(path, why);
}

// ---- the change ---------------------------------------------------------------------------------

/// `path` becomes a link, at once, whatever it was.
static sv_err put_link(const char *path, const char *target, sv_why *why) {
    char temporary[SV_PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (len < 0 || (size_t) len >= sizeof temporary) {
        return sv_fail(why, SV_ERR_INVALID, "the path '%s' is too long", path);
    }
    (void) unlink(temporary);
    if (symlink(target, temporary) != 0 || rename(temporary, path) != 0) {
        sv_err err = sv_fail(why, errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO,
                             "cannot link '%s' to '%s': %m", path, target);
        (void) unlink(temporary);
        return err;
    }
    return sv_disk_sync_folder_of(path, why);
}

static sv_text folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return (sv_text){ path, slash == NULL ? 0 : (size_t) (slash - path) + 1 };
}

/// What the link at `path` says: relative where the two stand side by side, so that the folder can
/// be moved.
static sv_err link_target(const sv_pair *pair, const char *path, const char *name,
                          char room[SV_PATH_MAX], sv_why *why) {
    sv_text home = folder_of(pair->folder);
    const char *from = pair->folder + home.len;
    char whole[PATH_MAX];
    if (!sv_text_eq(folder_of(path), home)) {
        from = realpath(pair->folder, whole);
    }
    int len = snprintf(room, SV_PATH_MAX, "%s/now/%s", from == NULL ? "" : from, name);
    return from != NULL && len > 0 && len < SV_PATH_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot find the folder '%s': %m", pair->folder);
}

static sv_err link_to_pair(const sv_pair *pair, const char *path, const char *name, sv_why *why) {
    char target[SV_PATH_MAX];
    char there[SV_PATH_MAX];
    SV_TRY(link_target(pair, path, name, target, why));
    bool done = read_link(path, there) && strcmp(there, target) == 0;
    return done ? SV_OK : put_link(path, target, why);
}

static bool is_linked(const sv_pair *pair) {
    char target[SV_PATH_MAX];
    char there[SV_PATH_MAX];
    return link_target(pair, pair->cert, "cert.pem", target, NULL) == SV_OK
           && read_link(pair->cert, there) && strcmp(there, target) == 0;
}

/// Plain files become links to copies of themselves: nothing that anybody reads changes.
static sv_err link_plain_files(const sv_pair *pair, sv_why *why) {
    char path[SV_PATH_MAX];
    char number[16];
    (void) snprintf(number, sizeof number, "%u", pair->now);
    SV_TRY(name_path(path, pair->folder, pair->now, "", why));
    SV_TRY(sv_disk_make_folder(path, 0700, why));
    SV_TRY(name_path(path, pair->folder, pair->now, "/cert.pem", why));
    SV_TRY(copy_file(pair->cert, path, 0644, why));
    if (!pair->hard_key) {
        SV_TRY(name_path(path, pair->folder, pair->now, "/key.pem", why));
        SV_TRY(copy_file(pair->key, path, 0600, why));
    }
    SV_TRY(join(path, pair->folder, "now", why));
    SV_TRY(put_link(path, number, why));
    if (!pair->hard_key) {
        SV_TRY(link_to_pair(pair, pair->key, "key.pem", why));
    }
    return link_to_pair(pair, pair->cert, "cert.pem", why);
}

sv_err sv_pair_change(sv_pair *pair, sv_why *why) {
    char now[SV_PATH_MAX];
    char number[16];
    if (!sv_pair_has_next(pair)) {
        return sv_fail(why, SV_ERR_STATE, "there is no pair at '%s' to change to", pair->next_cert);
    }
    if (!is_linked(pair)) {
        SV_TRY(link_plain_files(pair, why));
    }
    (void) snprintf(number, sizeof number, "%u", pair->now + 1);
    SV_TRY(join(now, pair->folder, "now", why));
    SV_TRY(put_link(now, number, why));
    pair->now++;
    SV_TRY(find_next(pair, why));
    clear_away(pair);
    return SV_OK;
}

sv_err sv_pair_may_change(const char *cert, sv_why *why) {
    const char *slash = strrchr(cert, '/');
    char folder[SV_PATH_MAX] = ".";
    if (slash != NULL) {
        (void) snprintf(folder, sizeof folder, "%.*s", slash == cert ? 1 : (int) (slash - cert),
                        cert);
    }
    if (access(folder, W_OK | X_OK) == 0) {
        return SV_OK;
    }
    return sv_fail(why, SV_ERR_IO,
                   "'%s' cannot be renewed here, for the folder '%s' cannot be written (%m); give "
                   "it to the user this program runs as, or renew it by hand",
                   cert, folder);
}
