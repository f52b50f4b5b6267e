#include <update/director_make.h>

#include <base/mem.h>
#include <codec/encode.h>

enum { ENTRY_MAX = 1024, HEX_ROOM = 2 * SV_DIRECT_HASH_BYTES + 1 };

void sv_director_documents_drop(sv_director_documents *documents) {
    sv_textbuf_drop(&documents->targets);
    sv_textbuf_drop(&documents->snapshot);
    sv_textbuf_drop(&documents->timestamp);
}

/// What is composed, and by whom it is signed.
typedef struct making {
    const sv_direct *direct;
    sv_tuf_head head;
    const char *keyid;
    sv_tuf_signature_of *sign;
    void *arg;
} making;

static void write_entry(const sv_direct *direct, sv_textbuf *entry) {
    char room[HEX_ROOM];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(entry);
    sv_hex_add(&hex, direct->sha256, sizeof direct->sha256);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "length", (int64_t) direct->length);
    sv_json_key(&out, "hashes");
    sv_json_open_object(&out);
    sv_json_add_text(&out, "sha256", sv_textbuf_text(&hex));
    sv_json_close_object(&out);
    sv_json_key(&out, "custom");
    sv_json_open_object(&out);
    sv_json_key(&out, "selvedge");
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", direct->device);
    sv_json_add_int(&out, "counter", direct->counter);
    sv_json_close_object(&out);
    sv_json_close_object(&out);
    sv_json_close_object(&out);
}

static sv_err put_signature(const making *m, sv_textbuf *document, sv_tuf_type type,
                            sv_textbuf *out, sv_why *why) {
    return sv_tuf_sign_as(sv_textbuf_text(document), type, m->keyid, m->sign, m->arg, out, why);
}

static sv_err make_targets(const making *m, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    char room[ENTRY_MAX];
    sv_textbuf entry = SV_TEXTBUF(room);
    sv_tuf_change change = { .path = sv_text_of(m->direct->path) };
    if (change.path.len > 0) {
        write_entry(m->direct, &entry);
        change.entry = sv_textbuf_text(&entry);
    }
    SV_TRY(sv_tuf_targets_make(&m->head, NULL, &change, &bare, why));
    return put_signature(m, &bare, SV_TUF_TARGETS, out, why);
}

static sv_err make_snapshot(const making *m, const sv_textbuf *targets, sv_textbuf *out,
                            sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    const sv_tuf_announced file = { .name = "targets.json",
                                    .version = m->head.version,
                                    .bytes = sv_textbuf_text(targets) };
    SV_TRY(sv_tuf_snapshot_make(&m->head, &file, 1, &bare, why));
    return put_signature(m, &bare, SV_TUF_SNAPSHOT, out, why);
}

static sv_err make_timestamp(const making *m, const sv_textbuf *snapshot, sv_textbuf *out,
                             sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    const sv_tuf_announced file = { .name = "snapshot.json",
                                    .version = m->head.version,
                                    .bytes = sv_textbuf_text(snapshot) };
    SV_TRY(sv_tuf_timestamp_make(&m->head, &file, &bare, why));
    return put_signature(m, &bare, SV_TUF_TIMESTAMP, out, why);
}

sv_err sv_director_compose(const sv_direct *direct, const char *keyid, sv_tuf_signature_of *sign,
                           void *arg, sv_director_documents *out, sv_why *why) {
    SV_DEFER(sv_director_documents_drop)
    sv_director_documents made = { .targets = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX),
                                   .snapshot = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX),
                                   .timestamp = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX) };
    SV_TRY(sv_direct_check(direct, why));
    const making m = { .direct = direct,
                       .head = { .version = direct->version,
                                 .expires_us = direct->now_us + SV_DIRECTOR_VALID_US },
                       .keyid = keyid,
                       .sign = sign,
                       .arg = arg };
    SV_TRY(make_targets(&m, &made.targets, why));
    SV_TRY(make_snapshot(&m, &made.targets, &made.snapshot, why));
    SV_TRY(make_timestamp(&m, &made.snapshot, &made.timestamp, why));
    *out = made;
    made = (sv_director_documents){ 0 };
    return SV_OK;
}

/// Signed by nobody yet.
static sv_err make_root(struct evp_pkey_st *key, int64_t version, int64_t now_us, sv_textbuf *out,
                        sv_why *why) {
    SV_DEFER(sv_mem_drop)
    sv_tuf_holders *roles = sv_mem_array(SV_TUF_TYPE__COUNT, sizeof *roles);
    const sv_tuf_head head = { .version = version,
                               .expires_us = now_us + SV_DIRECTOR_ROOT_VALID_US };
    for (size_t i = 0; i < SV_TUF_TYPE__COUNT; i++) {
        roles[i].count = 1;
        roles[i].threshold = 1;
        SV_TRY(sv_tuf_public_of(key, &roles[i].keys[0], why));
    }
    return sv_tuf_root_make(&head, roles, out, why);
}

sv_err sv_director_root_make(struct evp_pkey_st *key, int64_t now_us, sv_textbuf *out,
                             sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_TRY(make_root(key, 1, now_us, &bare, why));
    return sv_tuf_sign(sv_textbuf_text(&bare), SV_TUF_ROOT, key, out, why);
}

sv_err sv_director_root_version(sv_text root, int64_t *out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    SV_TRY(sv_tuf_read(root, SV_TUF_ROOT, &read, why));
    *out = read->version;
    return SV_OK;
}

sv_err sv_director_root_next(sv_text root, struct evp_pkey_st *old, struct evp_pkey_st *key,
                             int64_t now_us, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bare = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf once = SV_TEXTBUF_HEAP(SV_DIRECTOR_DOCUMENT_MAX);
    int64_t version = 0;
    SV_TRY(sv_director_root_version(root, &version, why));
    if (version >= SV_DIRECTOR_ROOTS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the director has had %d roots; no more follow",
                       SV_DIRECTOR_ROOTS_MAX);
    }
    SV_TRY(make_root(key, version + 1, now_us, &bare, why));
    SV_TRY(sv_tuf_sign(sv_textbuf_text(&bare), SV_TUF_ROOT, old, &once, why));
    SV_TRY(sv_tuf_sign(sv_textbuf_text(&once), SV_TUF_ROOT, key, out, why));
    return sv_director_root_follows(root, sv_textbuf_text(out), why);
}

sv_err sv_director_root_follows(sv_text root, sv_text next, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *before = NULL;
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *after = NULL;
    SV_TRY(sv_tuf_read(root, SV_TUF_ROOT, &before, why));
    SV_TRY(sv_tuf_read(next, SV_TUF_ROOT, &after, why));
    if (after->version != before->version + 1) {
        return sv_fail(why, SV_ERR_INVALID, "root %lld of the director does not follow root %lld",
                       (long long) after->version, (long long) before->version);
    }
    const sv_tuf_voucher old = sv_tuf_root_names(before, SV_TUF_ROOT);
    const sv_tuf_voucher own = sv_tuf_root_names(after, SV_TUF_ROOT);
    SV_TRY(sv_tuf_check(after, &old, why));
    return sv_tuf_check(after, &own, why);
}

sv_err sv_director_root_key(sv_text root, sv_tuf_public *out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    SV_DEFER(sv_mem_drop) sv_tuf_holders *holders = sv_mem_new(sizeof *holders);
    SV_TRY(sv_tuf_read(root, SV_TUF_ROOT, &read, why));
    const sv_tuf_voucher own = sv_tuf_root_names(read, SV_TUF_ROOT);
    SV_TRY(sv_tuf_check(read, &own, why));
    const sv_tuf_voucher by = sv_tuf_root_names(read, SV_TUF_TARGETS);
    SV_TRY(sv_tuf_holders_read(&by, holders, why));
    if (holders->count != 1) {
        return sv_fail(why, SV_ERR_INVALID, "the director's root names %zu keys, not one",
                       holders->count);
    }
    *out = holders->keys[0];
    return SV_OK;
}
