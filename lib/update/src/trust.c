#include "trust_own.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>

static sv_trust_want want_of(const sv_trust *trust, sv_tuf_type type) {
    return (sv_trust_want){
        .name = sv_tuf_type_name(type),
        .type = type,
        .by = sv_tuf_root_names(trust->root, type),
    };
}

// ---- root
// ------------------------------------------------------------------------------------------

/// A root that vouches for itself.
static sv_err read_root(sv_text bytes, sv_tuf_metadata **out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    SV_TRY(sv_tuf_read(bytes, SV_TUF_ROOT, &root, why));
    sv_tuf_voucher own = sv_tuf_root_names(root, SV_TUF_ROOT);
    SV_TRY(sv_tuf_check(root, &own, why));
    *out = root;
    root = NULL;
    return SV_OK;
}

sv_err sv_trust_root_check(sv_text bytes, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *root = NULL;
    return read_root(bytes, &root, why);
}

sv_err sv_trust_open(const sv_trust_io *io, int64_t now_us, sv_trust **out, sv_why *why) {
    SV_DEFER(sv_trust_drop) sv_trust *trust = sv_mem_new(sizeof *trust);
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    trust->io = *io;
    trust->now_us = now_us;
    SV_TRY(io->load(io->arg, "root.json", &bytes, why));
    SV_TRY(read_root(sv_textbuf_text(&bytes), &trust->root, why));
    *out = trust;
    trust = NULL;
    return SV_OK;
}

void sv_trust_drop(sv_trust **trust) {
    if (*trust != NULL) {
        sv_trust_visits_forget(*trust);
        sv_tuf_drop(&(*trust)->root);
        sv_tuf_drop(&(*trust)->timestamp);
        sv_tuf_drop(&(*trust)->snapshot);
        sv_tuf_drop(&(*trust)->targets);
        free(*trust);
        *trust = NULL;
    }
}

/// The next root: signed by those whom the present one names, and by those it names itself.
static sv_err next_root(sv_trust *trust, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_ROOT_MAX + 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *next = NULL;
    const sv_trust_want want = want_of(trust, SV_TUF_ROOT);
    int64_t version = trust->root->version + 1;
    SV_TRY(sv_trust_ask(trust, &want, version, &bytes, why));
    SV_TRY(sv_trust_judge(&want, sv_textbuf_text(&bytes), &next, why));
    sv_tuf_voucher own = sv_tuf_root_names(next, SV_TUF_ROOT);
    sv_why inner = { 0 };
    if (sv_tuf_check(next, &own, &inner) != SV_OK) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "root: by its own keys: %.300s", inner.text);
    }
    if (next->version != version) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "root: it is version %lld where %lld follows",
                       (long long) next->version, (long long) version);
    }
    SV_TRY(sv_trust_keep(trust, &want, sv_textbuf_text(&bytes), why));
    sv_tuf_drop(&trust->root);
    trust->root = next;
    next = NULL;
    return SV_OK;
}

static sv_err refresh_root(sv_trust *trust, sv_why *why) {
    for (size_t i = 0; i < SV_TRUST_ROOTS_MAX; i++) {
        sv_err err = next_root(trust, why);
        if (err == SV_ERR_NOT_FOUND) {
            break;
        }
        SV_TRY(err);
    }
    return sv_trust_end_check(trust, "root", trust->root, why);
}

// ---- timestamp
// -------------------------------------------------------------------------------------

static int64_t snapshot_version(const sv_tuf_metadata *timestamp) {
    sv_tuf_file file = { 0 };
    return sv_tuf_file_of(timestamp, SV_TEXT("snapshot.json"), &file) ? file.version : 0;
}

static sv_err check_no_way_back(const sv_tuf_metadata *old, const sv_tuf_metadata *fresh,
                                sv_why *why) {
    if (fresh->version < old->version) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "timestamp: version %lld is before %lld, seen already",
                       (long long) fresh->version, (long long) old->version);
    }
    if (snapshot_version(fresh) < snapshot_version(old)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "timestamp: its snapshot %lld is before %lld, seen already",
                       (long long) snapshot_version(fresh), (long long) snapshot_version(old));
    }
    return SV_OK;
}

static sv_err refresh_timestamp(sv_trust *trust, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_TUF_TIMESTAMP_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TIMESTAMP_MAX + 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *old = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *fresh = NULL;
    const sv_trust_want want = want_of(trust, SV_TUF_TIMESTAMP);
    old = sv_trust_kept(trust, &want, &kept);
    SV_TRY(sv_trust_ask(trust, &want, 0, &bytes, why));
    SV_TRY(sv_trust_judge(&want, sv_textbuf_text(&bytes), &fresh, why));
    if (old != NULL) {
        SV_TRY(check_no_way_back(old, fresh, why));
    }
    bool known = old != NULL && old->version == fresh->version;
    sv_tuf_metadata **chosen = known ? &old : &fresh;
    SV_TRY(sv_trust_end_check(trust, want.name, *chosen, why));
    if (!known) {
        SV_TRY(sv_trust_keep(trust, &want, sv_textbuf_text(&bytes), why));
    }
    trust->timestamp = *chosen;
    *chosen = NULL;
    return SV_OK;
}

// ---- snapshot
// --------------------------------------------------------------------------------------

typedef struct comparison {
    const sv_tuf_metadata *fresh;
    sv_why *why;
} comparison;

/// What the snapshot seen before knows, the fresh one has to know as well, as new or newer.
static sv_err compare_file(void *arg, sv_text name, const sv_json *old) {
    const comparison *c = arg;
    int64_t before = 0;
    sv_tuf_file now = { 0 };
    if (!sv_tuf_file_of(c->fresh, name, &now)) {
        return sv_fail(c->why, SV_ERR_UNTRUSTED, "snapshot: " SV_TEXT_FMT " has gone from it",
                       SV_TEXT_ARG(name));
    }
    if (sv_json_int(sv_json_get(old, "version"), &before) && now.version < before) {
        return sv_fail(c->why, SV_ERR_UNTRUSTED,
                       "snapshot: " SV_TEXT_FMT " %lld is before %lld, seen already",
                       SV_TEXT_ARG(name), (long long) now.version, (long long) before);
    }
    return SV_OK;
}

static sv_err fresh_snapshot(sv_trust *trust, const sv_trust_want *want, const sv_tuf_metadata *old,
                             sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_SNAPSHOT_MAX + 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *fresh = NULL;
    int64_t version = sv_trust_is_consistent(trust) ? want->said->version : 0;
    SV_TRY(sv_trust_ask(trust, want, version, &bytes, why));
    SV_TRY(sv_trust_judge(want, sv_textbuf_text(&bytes), &fresh, why));
    if (old != NULL) {
        comparison c = { .fresh = fresh, .why = why };
        SV_TRY(sv_json_each(sv_json_get(old->content, "meta"), compare_file, &c));
    }
    SV_TRY(sv_trust_end_check(trust, want->name, fresh, why));
    SV_TRY(sv_trust_keep(trust, want, sv_textbuf_text(&bytes), why));
    trust->snapshot = fresh;
    fresh = NULL;
    return SV_OK;
}

static sv_err refresh_snapshot(sv_trust *trust, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf kept = SV_TEXTBUF_HEAP(SV_TUF_SNAPSHOT_MAX + 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *old = NULL;
    sv_trust_want want = want_of(trust, SV_TUF_SNAPSHOT);
    sv_tuf_file said = { 0 };
    (void) sv_tuf_file_of(trust->timestamp, SV_TEXT("snapshot.json"), &said);
    old = sv_trust_kept(trust, &want, &kept); // of any version: it says what was seen
    want.said = &said;
    if (old != NULL && old->version == said.version
        && sv_tuf_file_check(&said, sv_textbuf_text(&kept), NULL) == SV_OK
        && sv_trust_end_check(trust, want.name, old, NULL) == SV_OK) {
        trust->snapshot = old;
        old = NULL;
        return SV_OK;
    }
    return fresh_snapshot(trust, &want, old, why);
}

sv_err sv_trust_refresh(sv_trust *trust, sv_why *why) {
    sv_trust_visits_forget(trust);
    sv_tuf_drop(&trust->timestamp);
    sv_tuf_drop(&trust->snapshot);
    sv_tuf_drop(&trust->targets);
    SV_TRY(refresh_root(trust, why));
    SV_TRY(refresh_timestamp(trust, why));
    SV_TRY(refresh_snapshot(trust, why));
    sv_tuf_voucher by = sv_tuf_root_names(trust->root, SV_TUF_TARGETS);
    return sv_trust_targets(trust, "targets", &by, &trust->targets, why);
}

const sv_tuf_metadata *sv_trust_targets_file(const sv_trust *trust) {
    return trust->targets;
}
