// Which image this device is to have: the director's word, held against the image repository's,
// each followed from a root of its own. What they serve comes through the agent, what is trusted is
// kept in the state folder.
#include "shelf.h"
#include "updater.h"

#include <base/mem.h>
#include <base/time.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>
#include <update/director.h>

typedef struct repository {
    updater *u;
    const char *shelf; ///< "image", "director"
    sv_trust *trust;   ///< NULL until it is followed
    int64_t now_us;
} repository;

static sv_err add_part(void *arg, sv_text bytes, sv_why *why) {
    (void) why;
    sv_textbuf_add(arg, bytes);
    return SV_OK;
}

static sv_err fetch(void *arg, const char *name, size_t bytes_max, sv_textbuf *out, sv_why *why) {
    const repository *r = arg;
    sv_updater_want want = { .kind = SV_UPDATER_METADATA, .bytes = bytes_max };
    bool image = strcmp(r->shelf, "image") == 0;
    int len = snprintf(want.path, sizeof want.path, "/tuf/%s%s%s/metadata/%s", r->shelf,
                       image ? "" : "/", image ? "" : r->u->config->id, name);
    if (len < 0 || (size_t) len >= sizeof want.path) {
        return sv_fail(why, SV_ERR_INVALID, "the name is too long");
    }
    return updater_want(r->u, &want, add_part, out, why);
}

static sv_err load(void *arg, const char *name, sv_textbuf *out, sv_why *why) {
    const repository *r = arg;
    char kept[SV_SLOT_NAME_MAX + 1];
    shelf_name(r->shelf, name, kept);
    return shelf_read(r->u->state, kept, out, why);
}

static sv_err keep(void *arg, const char *name, sv_text bytes, sv_why *why) {
    const repository *r = arg;
    char kept[SV_SLOT_NAME_MAX + 1];
    shelf_name(r->shelf, name, kept);
    return shelf_keep(r->u->state, kept, bytes, why);
}

/// To its newest metadata.
static sv_err follow(repository *r, sv_why *why) {
    const sv_trust_io io = { .arg = r, .fetch = fetch, .load = load, .keep = keep };
    sv_why inner = { 0 };
    sv_err err = sv_trust_open(&io, r->now_us, &r->trust, &inner);
    if (err == SV_OK) {
        err = sv_trust_refresh(r->trust, &inner);
    }
    return err == SV_OK ? SV_OK
                        : sv_fail(why, err, "%s: %.340s",
                                  strcmp(r->shelf, "image") == 0 ? "image repository" : "director",
                                  inner.text);
}

/// Asked for each assignment: the image repository is followed when there is one at all.
static sv_err find(void *arg, sv_text path, sv_tuf_file *out, sv_why *why) {
    repository *r = arg;
    sv_trust_target target;
    if (r->trust == NULL) {
        SV_TRY(follow(r, why));
    }
    SV_TRY(sv_trust_find(r->trust, path, &target, why));
    *out = target.file;
    return SV_OK;
}

/// A director's targets have the second in which they were signed as their version.
static void note_time(const updater *u, const sv_tuf_metadata *targets) {
    if (targets->version < INT64_MAX / SV_TIME_SECOND_US) {
        u->signed_us(targets->version * SV_TIME_SECOND_US);
    }
}

static void drop(repository *r) {
    sv_trust_drop(&r->trust);
}

sv_err updater_follow(updater *u, int64_t now_us, sv_target *out, bool *found, sv_why *why) {
    SV_DEFER(drop) repository director = { .u = u, .shelf = "director", .now_us = now_us };
    SV_DEFER(drop) repository image = { .u = u, .shelf = "image", .now_us = now_us };
    SV_DEFER(sv_mem_drop) sv_assignment *plan = sv_mem_array(SV_DIRECTOR_SLOTS_MAX, sizeof *plan);
    const sv_director_slot slot = { .name = u->config->slot, .counter = u->seen.boot.counter };
    const sv_director_device device = { .id = u->config->id,
                                        .product = u->config->product,
                                        .hardware = u->config->hardware,
                                        .slots = &slot,
                                        .slot_count = 1 };
    size_t count = 0;
    SV_TRY(follow(&director, why));
    const sv_tuf_metadata *targets = sv_trust_targets_file(director.trust);
    note_time(u, targets);
    int64_t believed_us = u->believed_us(); // with what was just signed
    image.now_us = believed_us > now_us ? believed_us : now_us;
    SV_TRY(sv_director_plan(targets, find, &image, &device, plan, &count, why));
    *found = count > 0;
    if (count > 0) {
        *out = plan[0].image;
    }
    return SV_OK;
}

// ---- the roots to begin with --------------------------------------------------------------------

static sv_err take_root(const char *path, const sv_slot_disk *state, const char *shelf,
                        sv_why *why) {
    char kept[SV_SLOT_NAME_MAX + 1];
    SV_DEFER(sv_textbuf_drop) sv_textbuf there = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    sv_why inner = { 0 };
    shelf_name(shelf, "root.json", kept);
    sv_err err = shelf_read(state, kept, &there, &inner);
    if (err != SV_ERR_NOT_FOUND) {
        return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", inner.text);
    }
    SV_TRY(sv_disk_read(path, &bytes, why));
    if (sv_trust_root_check(sv_textbuf_text(&bytes), &inner) != SV_OK) {
        return sv_fail(why, inner.code, "'%.128s': %.240s", path, inner.text);
    }
    SV_TRY(shelf_keep(state, kept, sv_textbuf_text(&bytes), why));
    SV_LOG(info, "updater.root", "the %s's root is trusted from now on, from %s", shelf, path);
    return SV_OK;
}

sv_err updater_take_roots(const updater_config *config, const sv_slot_disk *state, sv_why *why) {
    SV_TRY(take_root(config->image_root, state, "image", why));
    return take_root(config->director_root, state, "director", why);
}
