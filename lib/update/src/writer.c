// Root, snapshot and timestamp.
#include "writer_own.h"
#include <base/time.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <string.h>

enum { HASH_BYTES = 32, HEX_ROOM = 2 * HASH_BYTES + 1 };

#define SPEC_VERSION "1.0.31"

void sv_tuf_begin(sv_json_out *out, sv_tuf_type type, const sv_tuf_head *head) {
    char room[40];
    sv_textbuf end = SV_TEXTBUF(room);
    sv_time_add(&end, head->expires_us - head->expires_us % SV_TIME_SECOND_US);
    sv_json_open_object(out);
    sv_json_key(out, "signatures");
    sv_json_open_array(out);
    sv_json_close_array(out);
    sv_json_key(out, "signed");
    sv_json_open_object(out);
    sv_json_add_str(out, "_type", sv_tuf_type_name(type));
    sv_json_add_str(out, "spec_version", SPEC_VERSION);
    sv_json_add_int(out, "version", head->version);
    sv_json_add_text(out, "expires", sv_textbuf_text(&end));
}

/// What cannot be read back is not given away.
sv_err sv_tuf_end(sv_json_out *out, sv_tuf_type type, sv_why *why) {
    SV_DEFER(sv_tuf_drop) sv_tuf_metadata *read = NULL;
    sv_json_close_object(out);
    sv_json_close_object(out);
    sv_text text = sv_textbuf_text(out->buf);
    if (sv_textbuf_end(out->buf) != SV_OK || text.len > sv_tuf_type_max(type)) {
        return sv_fail(why, SV_ERR_NO_SPACE, "%s.json would have more than %zu bytes",
                       sv_tuf_type_name(type), sv_tuf_type_max(type));
    }
    return sv_tuf_read(text, type, &read, why);
}

// ---- root ---------------------------------------------------------------------------------------

static bool stands_before(const sv_tuf_holders *all, size_t role, size_t key) {
    for (size_t r = 0; r <= role; r++) {
        for (size_t k = 0; k < (r < role ? all[r].count : key); k++) {
            if (strcmp(all[r].keys[k].id, all[role].keys[key].id) == 0) {
                return true;
            }
        }
    }
    return false;
}

/// Every key once, whatever it is used for.
static void add_keys(sv_json_out *out, const sv_tuf_holders *all, size_t count) {
    sv_json_key(out, "keys");
    sv_json_open_object(out);
    for (size_t r = 0; r < count; r++) {
        for (size_t k = 0; k < all[r].count; k++) {
            if (!stands_before(all, r, k)) {
                sv_json_key(out, all[r].keys[k].id);
                sv_tuf_public_write(&all[r].keys[k], out);
            }
        }
    }
    sv_json_close_object(out);
}

void sv_tuf_keyids_add(sv_json_out *out, const sv_tuf_holders *holders) {
    sv_json_key(out, "keyids");
    sv_json_open_array(out);
    for (size_t i = 0; i < holders->count; i++) {
        sv_json_put_str(out, holders->keys[i].id);
    }
    sv_json_close_array(out);
    sv_json_add_int(out, "threshold", holders->threshold);
}

sv_err sv_tuf_root_make(const sv_tuf_head *head, const sv_tuf_holders roles[SV_TUF_TYPE__COUNT],
                        sv_textbuf *out, sv_why *why) {
    sv_json_out json = SV_JSON_OUT(out);
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        SV_TRY(sv_tuf_holders_check(&roles[type], sv_tuf_type_name(type), why));
    }
    sv_tuf_begin(&json, SV_TUF_ROOT, head);
    sv_json_add_bool(&json, "consistent_snapshot", true);
    add_keys(&json, roles, SV_TUF_TYPE__COUNT);
    sv_json_key(&json, "roles");
    sv_json_open_object(&json);
    for (sv_tuf_type type = 0; type < SV_TUF_TYPE__COUNT; type++) {
        sv_json_key(&json, sv_tuf_type_name(type));
        sv_json_open_object(&json);
        sv_tuf_keyids_add(&json, &roles[type]);
        sv_json_close_object(&json);
    }
    sv_json_close_object(&json);
    return sv_tuf_end(&json, SV_TUF_ROOT, why);
}

// ---- snapshot and timestamp ---------------------------------------------------------------------

static void add_announced(sv_json_out *out, const sv_tuf_announced *file) {
    uint8_t hash[HASH_BYTES];
    char room[HEX_ROOM];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_sha256(file->bytes, hash);
    sv_hex_add(&hex, hash, sizeof hash);
    sv_json_key(out, file->name);
    sv_json_open_object(out);
    sv_json_key(out, "hashes");
    sv_json_open_object(out);
    sv_json_add_text(out, "sha256", sv_textbuf_text(&hex));
    sv_json_close_object(out);
    sv_json_add_int(out, "length", (int64_t) file->bytes.len);
    sv_json_add_int(out, "version", file->version);
    sv_json_close_object(out);
}

static sv_err announce(sv_tuf_type type, const sv_tuf_head *head, const sv_tuf_announced *files,
                       size_t count, sv_textbuf *out, sv_why *why) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_tuf_begin(&json, type, head);
    sv_json_key(&json, "meta");
    sv_json_open_object(&json);
    for (size_t i = 0; i < count; i++) {
        add_announced(&json, &files[i]);
    }
    sv_json_close_object(&json);
    return sv_tuf_end(&json, type, why);
}

sv_err sv_tuf_snapshot_make(const sv_tuf_head *head, const sv_tuf_announced *files, size_t count,
                            sv_textbuf *out, sv_why *why) {
    return announce(SV_TUF_SNAPSHOT, head, files, count, out, why);
}

sv_err sv_tuf_timestamp_make(const sv_tuf_head *head, const sv_tuf_announced *snapshot,
                             sv_textbuf *out, sv_why *why) {
    return announce(SV_TUF_TIMESTAMP, head, snapshot, 1, out, why);
}
