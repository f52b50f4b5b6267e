#include <inttypes.h>
#include <string.h>
#include <update/director.h>

// ---- one assignment
// ----------------------------------------------------------------------------------------

static sv_err check_device(const sv_json *ours, const char *id, sv_why *why) {
    sv_text device = { 0 };
    if (!sv_json_text(sv_json_get(ours, "device"), &device)) {
        return sv_fail(
            why, SV_ERR_UNTRUSTED,
            "the director names no device (custom.selvedge.device): an assignment is for one");
    }
    if (!sv_text_is(device, id)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the assignment is for device \"%.*s\", not for %s",
                       (int) (device.len < 80 ? device.len : 80), device.at, id);
    }
    return SV_OK;
}

typedef struct hash_match {
    const sv_json *other;
    sv_why *why;
} hash_match;

static sv_err match_hash(void *arg, sv_text kind, const sv_json *value) {
    const hash_match *match = arg;
    char name[32];
    sv_text left = { 0 };
    sv_text right = { 0 };
    if (sv_text_copy(kind, name, sizeof name) != SV_OK || !sv_json_text(value, &left)
        || !sv_json_text(sv_json_get(match->other, name), &right) || !sv_text_eq(left, right)) {
        return sv_fail(match->why, SV_ERR_UNTRUSTED,
                       "director and image repository do not agree on hash %.*s",
                       (int) (kind.len < 32 ? kind.len : 32), kind.at);
    }
    return SV_OK;
}

/// The same file, to the last hash that either of them names.
static sv_err check_file(const sv_director_entry *image, const sv_director_entry *director,
                         sv_why *why) {
    if (!sv_text_eq(image->path, director->path)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the director means \"%.*s\", which is not \"%.*s\"",
                       (int) (director->path.len < 100 ? director->path.len : 100),
                       director->path.at, (int) (image->path.len < 100 ? image->path.len : 100),
                       image->path.at);
    }
    if (image->file.length != director->file.length) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the director says %" PRId64 " bytes, the image repository %" PRId64,
                       director->file.length, image->file.length);
    }
    hash_match match = { .other = director->file.hashes, .why = why };
    SV_TRY(sv_json_each(image->file.hashes, match_hash, &match));
    match.other = image->file.hashes;
    return sv_json_each(director->file.hashes, match_hash, &match);
}

static const sv_director_slot *slot_of(const sv_director_device *device, const char *name) {
    for (size_t i = 0; i < device->slot_count; i++) {
        if (strcmp(device->slots[i].name, name) == 0) {
            return &device->slots[i];
        }
    }
    return NULL;
}

static bool runs_on(const sv_target *image, const char *hardware) {
    for (size_t i = 0; i < image->hardware_count; i++) {
        if (strcmp(image->hardware[i], hardware) == 0) {
            return true;
        }
    }
    return false;
}

static sv_err check_fit(const sv_target *image, const sv_director_device *device, sv_why *why) {
    if (strcmp(image->product, device->product) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is for product %s, not for %s",
                       image->product, device->product);
    }
    if (!runs_on(image, device->hardware)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is not for hardware %s (%s%s)",
                       device->hardware, image->hardware[0],
                       image->hardware_count > 1 ? " and others" : "");
    }
    const sv_director_slot *slot = slot_of(device, image->slot);
    if (slot == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the image is for a slot of class %s, which the device has not",
                       image->slot);
    }
    if (image->counter < slot->counter) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the image's release counter is %" PRIu32 ", and %" PRIu32
                       " was confirmed already",
                       image->counter, slot->counter);
    }
    return SV_OK;
}

/// A director may say which release it means; then it means that one.
static sv_err check_counter(const sv_json *ours, const sv_target *image, sv_why *why) {
    const sv_json *value = sv_json_get(ours, "counter");
    int64_t counter = 0;
    if (value != NULL && (!sv_json_int(value, &counter) || counter != image->counter)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the director means another release: its counter is not %" PRIu32,
                       image->counter);
    }
    return SV_OK;
}

sv_err sv_director_agree(const sv_director_entry *image, const sv_director_entry *director,
                         const sv_director_device *device, sv_target *out, sv_why *why) {
    const sv_json *ours = sv_json_get(director->file.custom, "selvedge");
    SV_TRY(check_device(ours, device->id, why));
    SV_TRY(check_file(image, director, why));
    SV_TRY(sv_target_read(&image->file, out, why));
    SV_TRY(check_counter(ours, out, why));
    return check_fit(out, device, why);
}

// ---- all of them
// ----------------------------------------------------------------------------------------

typedef struct planning {
    sv_director_find *find;
    void *arg;
    const sv_director_device *device;
    sv_assignment *out;
    size_t count;
    sv_why *why;
} planning;

static sv_err take(void *arg, sv_text path, const sv_json *value) {
    planning *p = arg;
    if (p->count == SV_DIRECTOR_SLOTS_MAX) {
        return sv_fail(p->why, SV_ERR_UNTRUSTED, "the director assigns more than %d images",
                       SV_DIRECTOR_SLOTS_MAX);
    }
    sv_director_entry director = { .path = path };
    sv_director_entry image = { .path = path };
    if (!sv_tuf_file_read(value, &director.file)) {
        return sv_fail(p->why, SV_ERR_INVALID, "an assignment is not an object");
    }
    sv_err err = p->find(p->arg, path, &image.file, p->why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(p->why, SV_ERR_UNTRUSTED,
                       "the director assigns \"%.*s\", which the image repository does not have",
                       (int) (path.len < 200 ? path.len : 200), path.at);
    }
    SV_TRY(err);
    sv_assignment *next = &p->out[p->count];
    next->path = path;
    SV_TRY(sv_director_agree(&image, &director, p->device, &next->image, p->why));
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->out[i].image.slot, next->image.slot) == 0) {
            return sv_fail(p->why, SV_ERR_UNTRUSTED,
                           "the director assigns two images for slot class %s", next->image.slot);
        }
    }
    p->count++;
    return SV_OK;
}

sv_err sv_director_plan(const sv_tuf_metadata *targets, sv_director_find *find, void *arg,
                        const sv_director_device *device, sv_assignment *out, size_t *count,
                        sv_why *why) {
    planning p = { find, arg, device, out, 0, why };
    SV_TRY(sv_json_each(sv_json_get(targets->content, "targets"), take, &p));
    *count = p.count;
    return SV_OK;
}
