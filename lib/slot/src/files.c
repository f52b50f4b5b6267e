#include "tree_walk.h"

#include <base/fd.h>
#include <boot/pick.h>
#include <errno.h>
#include <fcntl.h>
#include <slot/files.h>
#include <slot/tree.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096 };

static const char *const TREES[SV_BOOT_SLOTS] = { "tree-a", "tree-b" };
static const char *const FRESH[SV_BOOT_SLOTS] = { "tree-a.new", "tree-b.new" };
static const char CURRENT[] = "current";
static const char NEXT[] = "current.new";

sv_err sv_files_open(sv_files *files, const char *path, sv_why *why) {
    files->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return files->folder >= 0
                   && sv_text_copy(sv_text_of(path), files->path, sizeof files->path) == SV_OK
               ? SV_OK
               : sv_tree_fail("open the folder", path, why);
}

void sv_files_drop(sv_files *files) {
    sv_fd_drop(&files->folder);
    files->folder = -1;
}

// ---- a tree -------------------------------------------------------------------------------------

static sv_err remove_tree(const sv_files *files, const char *name, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, files->path, name));
    return sv_disk_remove_tree(path, why);
}

static sv_err sync_folder(const sv_files *files, sv_why *why) {
    return fsync(files->folder) == 0 ? SV_OK : sv_tree_fail("flush", files->path, why);
}

static int open_tree(const sv_files *files, const char *name) {
    return openat(files->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static sv_err compare_with(const sv_files *files, const char *name, const sv_tree_archive *archive,
                           bool from_medium, sv_why *why) {
    SV_DEFER(sv_fd_drop) int tree = open_tree(files, name);
    if (tree < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? sv_fail(why, SV_ERR_UNTRUSTED, "there is no folder '%s'", name)
                   : sv_tree_fail("open", name, why);
    }
    return sv_tree_compare(archive, tree, from_medium, why);
}

/// Unpacked and flushed under another name.
static sv_err unpack(const sv_files *files, unsigned slot, const sv_tree_archive *archive,
                     sv_why *why) {
    SV_TRY(remove_tree(files, FRESH[slot], why));
    if (mkdirat(files->folder, FRESH[slot], 0755) != 0) {
        return sv_tree_fail("make", FRESH[slot], why);
    }
    SV_DEFER(sv_fd_drop) int tree = open_tree(files, FRESH[slot]);
    if (tree < 0 || fchmod(tree, 0755) != 0) {
        return sv_tree_fail("open", FRESH[slot], why);
    }
    return sv_tree_unpack(archive, tree, why);
}

/// Again when it gives back other bytes than were written.
static sv_err unpack_and_compare(const sv_files *files, unsigned slot,
                                 const sv_tree_archive *archive, sv_why *why) {
    sv_err err = SV_ERR_UNTRUSTED;
    for (int tries = 0; err == SV_ERR_UNTRUSTED && tries < SV_FILES_TRIES; tries++) {
        SV_TRY(unpack(files, slot, archive, why));
        err = compare_with(files, FRESH[slot], archive, true, why);
    }
    return err;
}

static sv_tree_archive archive_of(const sv_files *files, const sv_boot_header *header,
                                  const sv_image_bytes *image) {
    return (sv_tree_archive){ .image = image,
                              .digest = header->digest,
                              .bytes_max = files->bytes_max,
                              .tick = files->tick,
                              .tick_arg = files->tick_arg };
}

/// The tree before it is removed when the new one is whole.
static sv_err place_beside(const sv_files *files, unsigned slot, const sv_tree_archive *archive,
                           sv_why *why) {
    sv_err err = unpack_and_compare(files, slot, archive, why);
    if (err == SV_OK) {
        err = remove_tree(files, TREES[slot], why);
    }
    if (err == SV_OK && renameat(files->folder, FRESH[slot], files->folder, TREES[slot]) != 0) {
        err = sv_tree_fail("rename", FRESH[slot], why);
    }
    if (err != SV_OK) {
        (void) (remove_tree(files, FRESH[slot], NULL) == SV_OK);
        return err;
    }
    return sync_folder(files, why);
}

static sv_err place(void *arg, unsigned slot, const sv_boot_header *header,
                    const sv_image_bytes *image, sv_why *why) {
    const sv_files *files = arg;
    const sv_tree_archive archive = archive_of(files, header, image);
    SV_TRY(remove_tree(files, TREES[slot], why)); // first, for its room
    return place_beside(files, slot, &archive, why);
}

static sv_err check(void *arg, unsigned slot, const sv_boot_header *header, sv_why *why) {
    const sv_files *files = arg;
    SV_DEFER(sv_slot_image_drop) sv_slot_image image = { .disk = NULL };
    SV_TRY(files->installer->image(files->installer->arg, slot, &image, why));
    const sv_tree_archive archive = archive_of(files, header, &image.bytes);
    return compare_with(files, TREES[slot], &archive, false, why);
}

sv_placer sv_files_placer(sv_files *files) {
    return (sv_placer){ .arg = files, .place = place, .check = check, .keeps_image = true };
}

// ---- the link -----------------------------------------------------------------------------------

sv_err sv_files_current(const sv_files *files, unsigned *slot, sv_why *why) {
    char to[SV_SLOT_NAME_MAX];
    ssize_t len = readlinkat(files->folder, CURRENT, to, sizeof to);
    *slot = SV_BOOT_NO_SLOT;
    if (len < 0) {
        return errno == ENOENT   ? SV_OK
               : errno == EINVAL ? sv_fail(why, SV_ERR_UNTRUSTED, "'%s/%s' is there and is no link",
                                           files->path, CURRENT)
                                 : sv_tree_fail("read the link", CURRENT, why);
    }
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        if (sv_text_is((sv_text){ .at = to, .len = (size_t) len }, TREES[i])) {
            *slot = i;
        }
    }
    return SV_OK;
}

/// In one rename: whoever follows it finds the one tree or the other.
static sv_err lead_to(const sv_files *files, unsigned slot, sv_why *why) {
    unsigned before = SV_BOOT_NO_SLOT;
    SV_TRY(sv_files_current(files, &before, why));
    if (before == slot) {
        return SV_OK;
    }
    if (unlinkat(files->folder, NEXT, 0) != 0 && errno != ENOENT) {
        return sv_tree_fail("remove", NEXT, why);
    }
    if (symlinkat(TREES[slot], files->folder, NEXT) != 0) {
        return sv_tree_fail("make the link", NEXT, why);
    }
    return renameat(files->folder, NEXT, files->folder, CURRENT) == 0
               ? sync_folder(files, why)
               : sv_tree_fail("change the link", CURRENT, why);
}

// ---- a start ------------------------------------------------------------------------------------

/// A slot as a boot loader sees it.
typedef struct candidate {
    uint8_t header[SV_BOOT_HEADER_BYTES];
    sv_slot_image image;
} candidate;

typedef struct candidates {
    candidate of[SV_BOOT_SLOTS];
    sv_boot_place places[SV_BOOT_SLOTS];
} candidates;

static bool read_candidate(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    const candidate *c = arg;
    return c->image.bytes.read(c->image.bytes.arg, offset, out, len, NULL) == SV_OK;
}

static void drop_candidates(candidates *all) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        sv_slot_image_drop(&all->of[i].image);
    }
}

/// What cannot be read is passed over, as a boot loader does.
static void look(const sv_files *files, candidates *all) {
    const sv_installer *installer = files->installer;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        candidate *c = &all->of[i];
        if (installer->header(installer->arg, i, c->header, NULL) == SV_OK
            && installer->image(installer->arg, i, &c->image, NULL) == SV_OK) {
            all->places[i] = (sv_boot_place){ .header = c->header,
                                              .image_max = c->image.bytes.length,
                                              .image = { .arg = c, .read = read_candidate } };
        }
    }
}

static void tell(const sv_files *files, const char *what, unsigned slot, const sv_why *why) {
    char sentence[SV_WHY_MAX + 64];
    if (files->tell != NULL) {
        (void) snprintf(sentence, sizeof sentence, "%s %s: %s", TREES[slot], what, why->text);
        files->tell(files->tell_arg, sentence);
    }
}

/// Unpacked beside the tree that is not whole, which makes room for it only where it has to.
static sv_err make_anew(const sv_files *files, unsigned slot, const sv_tree_archive *archive,
                        sv_why *why) {
    sv_err err = place_beside(files, slot, archive, why);
    if (err == SV_ERR_NO_SPACE) {
        SV_TRY(remove_tree(files, TREES[slot], why));
        err = place_beside(files, slot, archive, why);
    }
    return err;
}

/// The tree of an archive that was judged: as it is there, or made anew. `never`: it cannot be.
static sv_err make_whole(const sv_files *files, unsigned slot, const candidate *c, bool *never,
                         sv_why *why) {
    sv_boot_header said;
    sv_why fault = { 0 };
    *never = true;
    if (sv_boot_header_read(c->header, sizeof c->header, &said) != SV_BOOT_GOOD) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it has no header");
    }
    const sv_tree_archive archive = archive_of(files, &said, &c->image.bytes);
    sv_err err = compare_with(files, TREES[slot], &archive, false, &fault);
    if (err != SV_ERR_UNTRUSTED) { // whole, or nobody knows
        *never = false;
        return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
    }
    tell(files, "is made anew", slot, &fault);
    err = make_anew(files, slot, &archive, why);
    *never = err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID;
    return err;
}

/// What a fault of the machine has kept from being started.
typedef struct hindered {
    bool is[SV_BOOT_SLOTS];
    sv_boot_slot after[SV_BOOT_SLOTS]; ///< it had its try, and no more
    sv_why why;                        ///< of the first
} hindered;

static sv_err fail_to_choose(const sv_files *files, const hindered *h, sv_why *why) {
    return h->why.code != SV_OK
               ? sv_fail(why, h->why.code, "%s", h->why.text)
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "neither slot in '%.200s' may be started: no archive there is signed by "
                         "the device's keys, for this device, undamaged, and not given up",
                         files->path);
}

static void note_hindered(hindered *h, const sv_boot_choice *choice, const sv_why *fault) {
    h->is[choice->slot] = true;
    h->after[choice->slot] = choice->after.slots[choice->slot];
    if (h->why.code == SV_OK) {
        h->why = *fault;
    }
}

/// The choice whose tree is whole.
static sv_err choose(const sv_files *files, const sv_boot_state *state, const sv_boot_keys *keys,
                     const sv_boot_device *device, sv_boot_choice *out, sv_why *why) {
    SV_DEFER(drop_candidates) candidates all = { .places = { { .header = NULL } } };
    uint8_t block[BLOCK_BYTES];
    hindered h = { .why = { .code = SV_OK } };
    look(files, &all);
    for (;;) {
        sv_why fault = { 0 };
        bool never = true;
        sv_boot_pick(state, all.places, keys, device, true, block, sizeof block, out);
        if (out->slot >= SV_BOOT_SLOTS) {
            return fail_to_choose(files, &h, why);
        }
        if (make_whole(files, out->slot, &all.of[out->slot], &never, &fault) == SV_OK) {
            break;
        }
        tell(files, "cannot be started", out->slot, &fault);
        if (!never) {
            note_hindered(&h, out, &fault);
        }
        all.places[out->slot].header = NULL;
    }
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        out->after.slots[i] = h.is[i] ? h.after[i] : out->after.slots[i];
    }
    return SV_OK;
}

sv_err sv_files_start(sv_files *files, sv_boot_file *boot, const sv_boot_keys *keys,
                      const sv_boot_device *device, unsigned *slot, sv_why *why) {
    sv_boot_state state;
    sv_boot_choice choice;
    SV_TRY(sv_boot_file_read(boot, &state, NULL, why));
    SV_TRY(choose(files, &state, keys, device, &choice, why));
    if (memcmp(choice.after.slots, state.slots, sizeof state.slots) != 0) {
        SV_TRY(sv_boot_file_keep(boot, &choice.after, why));
    }
    SV_TRY(lead_to(files, choice.slot, why));
    *slot = choice.slot;
    return SV_OK;
}
