// One file: asked for, judged, kept.
#include "trust_own.h"
#include <base/time.h>
#include <codec/encode.h>
#include <stdio.h>

/// The same failure, with the file's name before it.
static sv_err about(sv_why *why, const char *name, sv_err err, const sv_why *inner) {
    return sv_fail(why, err, "%s: %.320s", name, inner->text);
}

static sv_err judge(const sv_trust_want *want, sv_text bytes, sv_tuf_metadata **out, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
    if (want->said != NULL) {
        SV_TRY(sv_tuf_file_check(want->said, bytes, why));
    }
    SV_TRY(sv_tuf_read(bytes, want->type, &metadata, why));
    SV_TRY(sv_tuf_check(metadata, &want->by, why));
    if (want->said != NULL && metadata->version != want->said->version) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it is version %lld where %lld is announced",
                       (long long) metadata->version, (long long) want->said->version);
    }
    *out = metadata;
    metadata = NULL;
    return SV_OK;
}

sv_err sv_trust_judge(const sv_trust_want *want, sv_text bytes, sv_tuf_metadata **out,
                      sv_why *why) {
    sv_why inner = { 0 };
    sv_err err = judge(want, bytes, out, &inner);
    return err == SV_OK ? SV_OK : about(why, want->name, err, &inner);
}

sv_err sv_trust_end_check(const sv_trust *trust, const char *name, const sv_tuf_metadata *metadata,
                          sv_why *why) {
    if (metadata->expires_us > trust->now_us) {
        return SV_OK;
    }
    char room[64];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, metadata->expires_us);
    return sv_fail(why, SV_ERR_UNTRUSTED, "%s: its time ended at " SV_TEXT_FMT, name,
                   SV_TEXT_ARG(sv_textbuf_text(&text)));
}

static sv_err name_kept(const sv_trust_want *want, char room[SV_TRUST_NAME_ROOM]) {
    int len = snprintf(room, SV_TRUST_NAME_ROOM, "%s.json", want->name);
    return len > 0 && len < SV_TRUST_NAME_ROOM ? SV_OK : SV_ERR_NO_SPACE;
}

sv_tuf_metadata *sv_trust_kept(const sv_trust *trust, const sv_trust_want *want,
                               sv_textbuf *bytes) {
    char name[SV_TRUST_NAME_ROOM];
    sv_tuf_metadata *metadata = NULL;
    if (name_kept(want, name) != SV_OK || trust->io.load(trust->io.arg, name, bytes, NULL) != SV_OK
        || sv_trust_judge(want, sv_textbuf_text(bytes), &metadata, NULL) != SV_OK) {
        return NULL;
    }
    return metadata;
}

sv_err sv_trust_ask(const sv_trust *trust, const sv_trust_want *want, int64_t version,
                    sv_textbuf *out, sv_why *why) {
    char name[SV_TRUST_NAME_ROOM];
    size_t most = sv_tuf_type_max(want->type);
    int len = version > 0
                  ? snprintf(name, sizeof name, "%lld.%s.json", (long long) version, want->name)
                  : snprintf(name, sizeof name, "%s.json", want->name);
    if (len <= 0 || (size_t) len >= sizeof name) {
        return sv_fail(why, SV_ERR_INVALID, "%s: the name is too long", want->name);
    }
    if (want->said != NULL && want->said->length >= 0 && (size_t) want->said->length < most) {
        most = (size_t) want->said->length;
    }
    sv_why inner = { 0 };
    sv_err err = trust->io.fetch(trust->io.arg, name, most, out, &inner);
    return err == SV_OK ? SV_OK : about(why, name, err, &inner);
}

sv_err sv_trust_keep(const sv_trust *trust, const sv_trust_want *want, sv_text bytes, sv_why *why) {
    char name[SV_TRUST_NAME_ROOM];
    SV_TRY(name_kept(want, name));
    return trust->io.keep(trust->io.arg, name, bytes, why);
}

bool sv_trust_is_consistent(const sv_trust *trust) {
    bool consistent = false;
    (void) sv_json_bool(sv_json_get(trust->root->content, "consistent_snapshot"), &consistent);
    return consistent;
}

static sv_err fresh_targets(const sv_trust *trust, const sv_trust_want *want, sv_tuf_metadata **out,
                            sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *metadata = NULL;
    int64_t version = sv_trust_is_consistent(trust) ? want->said->version : 0;
    SV_TRY(sv_trust_ask(trust, want, version, &bytes, why));
    SV_TRY(sv_trust_judge(want, sv_textbuf_text(&bytes), &metadata, why));
    SV_TRY(sv_trust_end_check(trust, want->name, metadata, why));
    SV_TRY(sv_trust_keep(trust, want, sv_textbuf_text(&bytes), why));
    *out = metadata;
    metadata = NULL;
    return SV_OK;
}

sv_err sv_trust_targets(const sv_trust *trust, const char *role, const sv_tuf_voucher *by,
                        sv_tuf_metadata **out, sv_why *why) {
    char plain[SV_TUF_NAME_ROOM + sizeof ".json"];
    char quoted[SV_TRUST_NAME_ROOM];
    sv_textbuf name = SV_TEXTBUF(quoted);
    sv_tuf_file said;
    sv_percent_add(&name, sv_text_of(role));
    (void) snprintf(plain, sizeof plain, "%s.json", role);
    if (sv_textbuf_end(&name) != SV_OK
        || !sv_tuf_file_of(trust->snapshot, sv_text_of(plain), &said)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "snapshot: it does not know %s", plain);
    }
    const sv_trust_want want = { .name = quoted, .type = SV_TUF_TARGETS, .by = *by, .said = &said };
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TUF_TARGETS_MAX + 1);
    sv_tuf_metadata *kept = sv_trust_kept(trust, &want, &bytes);
    if (kept != NULL && sv_trust_end_check(trust, quoted, kept, NULL) == SV_OK) {
        *out = kept;
        return SV_OK;
    }
    sv_tuf_drop(&kept);
    return fresh_targets(trust, &want, out, why);
}
