// `selvedge director rotate`: another key for what devices are told to run. The root that follows
// is signed by both; from its being on the disk on, the old key is of no use to whoever has
// followed it, and it is removed. Whatever is cut off in between is brought to its end by the next
// try, or by the signer. [director-9]
#include "command.h"
#include "options.h"

#include <base/fd.h>
#include <crypto/key_store.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>
#include <update/director_make.h>

typedef struct rotation {
    char folder[SV_PATH_MAX]; ///< the signer's
    char key_path[SV_PATH_MAX], next_path[SV_PATH_MAX], root_path[SV_PATH_MAX];
    struct stat owner; ///< of the key: what is made is whose it is
    struct evp_pkey_st *key, *next;
    sv_tuf_public who;
    sv_textbuf root; ///< the newest
    int64_t version;
} rotation;

static sv_err join(const char *folder, const char *name, char out[SV_PATH_MAX], sv_why *why) {
    return sv_disk_join(out, SV_PATH_MAX, folder, name) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path '%.64s...' is too long", folder);
}

/// Where root `version` is; in r->root_path.
static sv_err name_root(rotation *r, int64_t version, sv_why *why) {
    char name[64] = SV_DIRECTOR_FIRST_ROOT_FILE;
    if (version > 1) {
        (void) snprintf(name, sizeof name, "director.%lld.root.json", (long long) version);
    }
    return join(r->folder, name, r->root_path, why);
}

static sv_err find_newest(rotation *r, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf next = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_TRY(name_root(r, 1, why));
    sv_err err = sv_disk_read(r->root_path, &r->root, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is not there: --dir is the PKI folder that selvedge-signer has "
                       "run with",
                       r->root_path);
    }
    for (r->version = 1; err == SV_OK; r->version++) {
        SV_TRY(name_root(r, r->version + 1, why));
        sv_textbuf_clear(&next);
        err = sv_disk_read(r->root_path, &next, why);
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        SV_TRY(err);
        SV_TRY(sv_director_root_follows(sv_textbuf_text(&r->root), sv_textbuf_text(&next), why));
        sv_textbuf_clear(&r->root);
        sv_textbuf_add(&r->root, sv_textbuf_text(&next));
    }
    return err;
}

/// What root made is its owner's, who runs the signer.
static sv_err give_away(const rotation *r, const char *path, sv_why *why) {
    return geteuid() != 0 || chown(path, r->owner.st_uid, r->owner.st_gid) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot give '%.200s' to the signer: %s", path,
                         strerrordesc_np(errno));
}

static sv_err read_key(const char *path, struct evp_pkey_st **key, sv_tuf_public *who,
                       sv_why *why) {
    SV_TRY(sv_key_open(path, key, why));
    return sv_tuf_public_of(*key, who, why);
}

/// The next key takes the old one's place, and that is no more.
static sv_err swap_keys(const rotation *r, sv_why *why) {
    if (rename(r->next_path, r->key_path) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot rename '%.200s': %s", r->next_path,
                       strerrordesc_np(errno));
    }
    return sv_disk_sync_folder_of(r->key_path, why);
}

/// The newest root is there, and its key has not taken its place. SV_ERR_NOT_FOUND: nothing was cut
/// off.
static sv_err finish(rotation *r, sv_why *why) {
    sv_tuf_public named;
    SV_TRY(sv_director_root_key(sv_textbuf_text(&r->root), &named, why));
    SV_TRY(read_key(r->key_path, &r->key, &r->who, why));
    if (strcmp(named.id, r->who.id) == 0) {
        return SV_ERR_NOT_FOUND;
    }
    sv_err err = read_key(r->next_path, &r->next, &r->who, why);
    if (err != SV_OK || strcmp(named.id, r->who.id) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "root %lld in '%.200s' is of another key than director.key beside it: "
                       "restore the one that belongs to it",
                       (long long) r->version, r->folder);
    }
    return swap_keys(r, why);
}

static sv_err make_next(rotation *r, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf made = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    if (unlink(r->next_path) != 0 && errno != ENOENT) { // of a try that was cut off before its root
        return sv_fail(why, SV_ERR_IO, "cannot remove '%.200s': %s", r->next_path,
                       strerrordesc_np(errno));
    }
    SV_TRY(sv_key_make(r->next_path, SV_KEY_EC, &r->next, why));
    SV_TRY(give_away(r, r->next_path, why));
    SV_TRY(sv_tuf_public_of(r->next, &r->who, why));
    SV_TRY(sv_director_root_next(sv_textbuf_text(&r->root), r->key, r->next, sv_clock_believed_us(),
                                 &made, why));
    SV_TRY(name_root(r, r->version + 1, why));
    SV_TRY(sv_disk_replace(r->root_path, sv_textbuf_text(&made), 0644, why));
    SV_TRY(give_away(r, r->root_path, why));
    r->version++;
    return swap_keys(r, why);
}

static sv_err open_folder(rotation *r, const char *dir, int *lock, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(join(dir, "signer", r->folder, why));
    SV_TRY(join(r->folder, SV_DIRECTOR_KEY_FILE, r->key_path, why));
    SV_TRY(join(r->folder, SV_DIRECTOR_NEXT_KEY_FILE, r->next_path, why));
    SV_TRY(join(r->folder, "director.lock", path, why));
    SV_TRY(find_newest(r, why));
    if (stat(r->key_path, &r->owner) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s': %s", r->key_path, strerrordesc_np(errno));
    }
    return sv_disk_lock(path, lock, why);
}

static void drop(rotation *r) {
    sv_key_drop(&r->key);
    sv_key_drop(&r->next);
    sv_textbuf_drop(&r->root);
}

static sv_err rotate(const char *dir, sv_why *why) {
    SV_DEFER(drop) rotation r = { .root = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX) };
    SV_DEFER(sv_fd_drop) int lock = -1;
    SV_TRY(open_folder(&r, dir, &lock, why));
    sv_err err = finish(&r, why);
    bool was_cut = err == SV_OK;
    if (err == SV_ERR_NOT_FOUND) {
        err = make_next(&r, why);
    }
    SV_TRY(err);
    (void) printf("root %lld of the director, key %s\n", (long long) r.version, r.who.id);
    (void) fprintf(stderr,
                   "%sSend the signer SIGHUP (systemctl reload selvedge-signer): it signs with the "
                   "new key from\nthen on, and the fleet server takes the root within seconds. "
                   "Devices follow it by themselves,\nalso after several changes, when they come "
                   "back.\n",
                   was_cut ? "A change that was cut off is at its end now; the old key is gone.\n"
                           : "The old key is gone.\n");
    return SV_OK;
}

static int rotate_main(int argc, char **argv) {
    const char *dir = NULL;
    const sv_option options[] = {
        { .name = "dir",
          .value = "DIR",
          .kind = SV_OPTION_TEXT,
          .target = &dir,
          .help = "the PKI folder, at the signer",
          .required = true },
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge director rotate --dir DIR",
                        "A new key for what devices are told to run. Devices follow it: the new "
                        "root is signed by the\nold key too. To be run where the signer's folder "
                        "is, as its user or as root.\n\n"
                        "  selvedge director rotate --dir /var/lib/selvedge/pki",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? rotate(dir, &why) : err;
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}

int cmd_director(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "rotate", "another key, which devices follow", rotate_main },
    };
    return sv_command_run("selvedge director", "What devices are told to run: who signs it.", verbs,
                          SV_COUNT(verbs), argc, argv);
}
