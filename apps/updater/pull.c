// An image's bytes on their way into the slot: index, content key and chunks are wanted from the
// agent, judged, opened and written; what lies in the slot already is found there.
#include "index_room.h"
#include "updater.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum { PROGRESS_BYTES = 1024 * 1024 }; ///< written, then it is told

typedef struct pull {
    updater *u;
    const sv_target *target;
    bool has_key;
    uint8_t key[SV_UPDATER_KEY_BYTES];
    sv_slot_image old; ///< that a delta starts from; its disk NULL: none
    uint8_t old_digest[SV_TARGET_HASH_BYTES];
    const sv_encoding *encoding;
    index_room index;
    sv_image_reader *reader;
    // the chunk that comes
    uint64_t told;
    size_t have;
    char stored[SV_CHUNK_STORED_MAX];
    uint8_t plain[SV_CHUNK_BYTES];
} pull;

static void wipe_key(pull *p) {
    explicit_bzero(p->key, sizeof p->key);
    p->has_key = false;
}

static void drop_pull(pull **p) {
    if (*p != NULL) {
        wipe_key(*p);
        sv_image_reader_drop(&(*p)->reader);
        index_room_drop(&(*p)->index);
        sv_slot_image_drop(&(*p)->old);
        explicit_bzero((*p)->plain, sizeof(*p)->plain);
        sv_mem_drop(p);
    }
}

// ---- what is wanted -----------------------------------------------------------------------------

/// `/artifacts/<sha256>/<encoding>` and what follows it.
static sv_err artifact(const pull *p, const sv_encoding *encoding, const char *behind,
                       sv_updater_want *want) {
    char name[SV_ENCODING_NAME_ROOM];
    sv_textbuf path = SV_TEXTBUF(want->path);
    sv_encoding_file(encoding, name);
    sv_textbuf_add_str(&path, "/artifacts/");
    sv_hex_add(&path, p->target->digest, sizeof p->target->digest);
    sv_textbuf_add_char(&path, '/');
    sv_textbuf_add_str(&path, name);
    sv_textbuf_add_str(&path, behind);
    return sv_textbuf_end(&path);
}

static sv_err add_to_index(void *arg, sv_text bytes, sv_why *why) {
    return index_room_add(arg, bytes, why);
}

static sv_err want_index(pull *p, const sv_encoding *encoding, sv_why *why) {
    sv_updater_want want = { .kind = SV_UPDATER_INDEX,
                             .bytes = sv_image_index_bytes(p->target->length) };
    index_room_drop(&p->index);
    SV_TRY(artifact(p, encoding, ".index", &want));
    SV_TRY(index_room_open(&p->index, p->u->config->state, want.bytes, why));
    SV_TRY(updater_want(p->u, &want, add_to_index, &p->index, why));
    return index_room_end(&p->index, why);
}

typedef struct key_room {
    uint8_t *at;
    size_t got;
} key_room;

static sv_err add_to_key(void *arg, sv_text bytes, sv_why *why) {
    key_room *room = arg; // no more than is wanted comes
    (void) why;
    if (bytes.len > 0) {
        memcpy(room->at + room->got, bytes.at, bytes.len);
    }
    room->got += bytes.len;
    return SV_OK;
}

/// The content key, which the agent has unwrapped. [updater-10]
static sv_err want_key(pull *p, sv_why *why) {
    sv_updater_want want = { .kind = SV_UPDATER_KEY, .bytes = SV_UPDATER_KEY_BYTES };
    sv_textbuf path = SV_TEXTBUF(want.path);
    key_room room = { .at = p->key };
    if (!p->target->sealed || p->has_key) {
        return SV_OK;
    }
    sv_textbuf_addf(&path, "/tuf/director/%s/key/", p->u->config->id);
    sv_hex_add(&path, p->target->digest, sizeof p->target->digest);
    sv_textbuf_add_str(&path, ".cms");
    SV_TRY(sv_textbuf_end(&path));
    sv_err err = updater_want(p->u, &want, add_to_key, &room, why);
    p->u->peer->wipe(p->u->peer->arg);
    SV_TRY(err);
    p->has_key = true;
    return SV_OK;
}

static sv_err open_reader(pull *p, const sv_encoding *encoding, sv_why *why) {
    bool delta = encoding->kind == SV_ENCODING_DELTA;
    SV_TRY(want_key(p, why));
    SV_TRY(want_index(p, encoding, why));
    const sv_image_opening opening = {
        .target = p->target,
        .encoding = encoding,
        .index = { .at = p->index.at, .len = p->index.bytes },
        .content_key = p->target->sealed ? p->key : NULL,
        .old = delta ? &p->old.bytes : NULL,
        .old_digest = delta ? p->old_digest : NULL,
    };
    sv_image_reader_drop(&p->reader);
    return sv_image_reader_open(&opening, &p->reader, why);
}

// ---- what is there already ----------------------------------------------------------------------

/// The bytes up to the end of the chunk that is wanted next.
static size_t wanted_of_chunk(const pull *p, uint64_t *at, uint64_t *chunk) {
    *at = sv_engine_wanted(p->u->engine);
    *chunk = *at / SV_CHUNK_BYTES;
    return sv_chunk_bytes(p->target->length, *chunk) - (size_t) (*at % SV_CHUNK_BYTES);
}

static sv_err skip_chunks(pull *p, sv_why *why) {
    uint64_t at = 0;
    uint64_t chunk = 0;
    while (sv_engine_wanted(p->u->engine) < p->target->length) {
        size_t bytes = wanted_of_chunk(p, &at, &chunk);
        size_t whole = sv_chunk_bytes(p->target->length, chunk);
        SV_TRY(sv_engine_there(p->u->engine, chunk * SV_CHUNK_BYTES, p->plain, whole, why));
        if (!sv_image_chunk_is(p->reader, chunk,
                               (sv_text){ .at = (const char *) p->plain, .len = whole })) {
            return SV_OK;
        }
        SV_TRY(sv_engine_skip(p->u->engine, bytes, why));
    }
    return SV_OK;
}

/// More may lie in the slot than was noted; chunk by chunk, by the raw encoding's index.
/// [updater-8]
static sv_err find_what_is_there(pull *p, sv_why *why) {
    const sv_encoding *raw = sv_target_encoding(p->target, SV_TEXT("raw"));
    uint64_t before = sv_engine_wanted(p->u->engine);
    sv_why inner = { 0 };
    sv_err err = raw != NULL ? open_reader(p, raw, &inner) : SV_ERR_NOT_FOUND;
    if (err == SV_ERR_NOT_FOUND) {
        return SV_OK;
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", inner.text);
    }
    SV_TRY(skip_chunks(p, why));
    SV_LOG(info, "updater.found",
           "%llu bytes were in the slot already, behind %llu that were noted",
           (unsigned long long) (sv_engine_wanted(p->u->engine) - before),
           (unsigned long long) before);
    return SV_OK;
}

// ---- chunks -------------------------------------------------------------------------------------

static void tell_progress(pull *p, bool at_once) {
    const sv_engine *engine = p->u->engine;
    uint64_t at = sv_engine_wanted(engine);
    if (!at_once && at - p->told < PROGRESS_BYTES) {
        return;
    }
    p->told = at;
    sv_updater_message message = { .verb = SV_UPDATER_PROGRESS };
    message.progress =
        (sv_updater_progress){ .bytes = at, .of = p->target->length, .fetched = p->u->fetched };
    sv_encoding_name(p->encoding, message.progress.encoding);
    memcpy(message.progress.version, p->target->version, sizeof p->target->version);
    // Whoever does not want to know finds out by the next want.
    (void) (p->u->peer->send(p->u->peer->arg, &message, NULL) == SV_OK);
}

static sv_err write_chunk(pull *p, sv_why *why) {
    uint64_t at = 0;
    uint64_t chunk = 0;
    size_t whole = 0;
    size_t bytes = wanted_of_chunk(p, &at, &chunk);
    SV_TRY(sv_image_chunk_open(p->reader, chunk, (sv_text){ .at = p->stored, .len = p->have },
                               p->plain, &whole, why));
    p->u->fetched += p->have;
    p->have = 0;
    SV_TRY(sv_engine_write(p->u->engine, p->plain + (whole - bytes), bytes, why));
    tell_progress(p, false);
    return SV_OK;
}

static sv_err take_bytes(void *arg, sv_text bytes, sv_why *why) {
    pull *p = arg;
    const sv_image_index *index = sv_image_reader_index(p->reader);
    while (bytes.len > 0 && sv_engine_wanted(p->u->engine) < p->target->length) {
        uint64_t chunk = sv_engine_wanted(p->u->engine) / SV_CHUNK_BYTES;
        size_t left = sv_image_stored_bytes(index, chunk) - p->have;
        size_t take = bytes.len < left ? bytes.len : left;
        memcpy(p->stored + p->have, bytes.at, take);
        p->have += take;
        bytes.at += take;
        bytes.len -= take;
        if (take == left) {
            SV_TRY(write_chunk(p, why));
        }
    }
    return SV_OK;
}

static sv_err pull_chunks(pull *p, sv_why *why) {
    const sv_image_plan plan = { .index = sv_image_reader_index(p->reader),
                                 .bytes_max = SV_UPDATER_RANGE_MAX };
    sv_image_fetch fetch;
    uint64_t at = 0;
    while ((at = sv_engine_wanted(p->u->engine)) < p->target->length
           && sv_image_plan_next(&plan, at / SV_CHUNK_BYTES, &fetch)) {
        sv_updater_want want = { .kind = SV_UPDATER_CHUNKS,
                                 .offset = fetch.range.at,
                                 .bytes = fetch.range.bytes };
        SV_TRY(artifact(p, p->encoding, "", &want));
        p->have = 0;
        SV_TRY(updater_want(p->u, &want, take_bytes, p, why));
        tell_progress(p, true);
    }
    return SV_OK;
}

// ---- the image that is there --------------------------------------------------------------------

static bool has_delta_from(const sv_target *target, const uint8_t *digest) {
    for (size_t i = 0; i < target->encoding_count; i++) {
        const sv_encoding *encoding = &target->encodings[i];
        if (encoding->kind == SV_ENCODING_DELTA
            && memcmp(encoding->from, digest, sizeof encoding->from) == 0) {
            return true;
        }
    }
    return false;
}

/// What runs, where a delta starts from it and its bytes are still those that were signed: a file
/// system that was mounted to be written is another one. Where it cannot be read there is no delta,
/// and no fault. [updater-7]
static void open_old(pull *p) {
    const updater_seen *seen = &p->u->seen;
    unsigned slot = seen->running < SV_BOOT_SLOTS ? seen->running : seen->boot.primary;
    sv_why why = { 0 };
    if (slot >= SV_BOOT_SLOTS || !seen->slots[slot].known
        || !has_delta_from(p->target, seen->slots[slot].digest)) {
        return;
    }
    sv_err err = p->u->engine->installer->image(p->u->engine->installer->arg, slot, &p->old, &why);
    if (err == SV_OK) {
        err = sv_image_digest(&p->old.bytes, p->old_digest, &why);
    }
    if (err != SV_OK
        || memcmp(p->old_digest, seen->slots[slot].digest, sizeof p->old_digest) != 0) {
        SV_LOG(info, "updater.no_delta", "slot %s: %s", sv_slot_letter(slot),
               err != SV_OK ? why.text : "it was written to since it was installed");
        sv_slot_image_drop(&p->old);
    }
}

static bool is_under_way(const updater *u, const sv_target *target) {
    const sv_trial *trial = &u->engine->journal.trial;
    return trial->state == SV_TRIAL_DOWNLOADING
           && memcmp(trial->release.digest, target->digest, sizeof target->digest) == 0;
}

/// Everything has come already: only whether it may still be installed is asked.
static sv_err offer_what_came(updater *u, const sv_target *target, bool *came, sv_why *why) {
    const sv_trial_release *release = &u->engine->journal.trial.release;
    uint8_t state = u->engine->journal.trial.state;
    *came = (state == SV_TRIAL_DOWNLOADING || state == SV_TRIAL_VERIFIED)
            && memcmp(release->digest, target->digest, sizeof target->digest) == 0
            && sv_engine_wanted(u->engine) >= target->length;
    if (*came) {
        const sv_trial_release begun = *release; // what is remembered changes meanwhile
        SV_TRY(sv_engine_offer(u->engine, target->boot, target->boot_len, begun.encoding, why));
        *came = sv_engine_wanted(u->engine) >= target->length; // another slot begins anew
    }
    return SV_OK;
}

sv_err updater_pull(updater *u, const sv_target *target, sv_why *why) {
    char name[SV_ENCODING_NAME_ROOM];
    bool came = false;
    SV_TRY(offer_what_came(u, target, &came, why));
    if (came) {
        return SV_OK;
    }
    SV_DEFER(drop_pull) pull *p = sv_mem_new(sizeof *p);
    p->u = u;
    p->target = target;
    p->index.file = -1;
    // Under way before this start: more than was noted may be in the slot.
    bool resumed = is_under_way(u, target) && !u->engine->writing;
    open_old(p);
    p->encoding =
        updater_choose(target, p->old.disk != NULL ? p->old_digest : NULL,
                       is_under_way(u, target) ? u->engine->journal.trial.release.encoding : "");
    if (p->encoding == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "%s %s has no encoding that can be opened here",
                       target->product, target->version);
    }
    sv_encoding_name(p->encoding, name);
    SV_TRY(sv_engine_offer(u->engine, target->boot, target->boot_len, name, why));
    if (resumed && sv_engine_wanted(u->engine) < target->length) {
        SV_TRY(find_what_is_there(p, why));
    }
    if (sv_engine_wanted(u->engine) >= target->length) {
        return SV_OK;
    }
    SV_TRY(open_reader(p, p->encoding, why));
    wipe_key(p);
    SV_LOG(info, "updater.pull", "%s %s as %.16s, from byte %llu of %llu", target->product,
           target->version, name, (unsigned long long) sv_engine_wanted(u->engine),
           (unsigned long long) target->length);
    return pull_chunks(p, why);
}

void updater_tell_placing(updater *u, int percent, const char *says) {
    const sv_trial_release *release = &u->engine->journal.trial.release;
    sv_updater_message message = { .verb = SV_UPDATER_PROGRESS };
    bool swupdate = u->config->installer == UPDATER_SWUPDATE;
    SV_LOG(info, "updater.placing", "%s, %d %%: %s", swupdate ? "SWUpdate" : "RAUC", percent, says);
    if (u->peer == NULL || percent < 0 || percent > 100) {
        return;
    }
    message.progress =
        (sv_updater_progress){ .bytes = release->image_bytes * (unsigned) percent / 100,
                               .of = release->image_bytes,
                               .fetched = u->fetched };
    (void) snprintf(message.progress.encoding, sizeof message.progress.encoding, "%s",
                    swupdate ? "swupdate" : "rauc");
    memcpy(message.progress.version, release->version, sizeof release->version);
    (void) (u->peer->send(u->peer->arg, &message, NULL) == SV_OK);
}
