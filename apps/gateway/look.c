#include "gateway.h"
#include <codec/encode.h>
#include <sys/log.h>

enum { DIGEST_BYTES = 32, TOPIC_ROOM = SV_ID_ROOM + 16, PAYLOAD_ROOM = 512 };

typedef struct look {
    sv_text device, version, sha256; ///< the last two may be empty: nothing is to be run any more
} look;

static bool is_version(sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~') {
            return false;
        }
    }
    return text.len > 0 && text.len <= GW_LOOK_VERSION_MAX;
}

/// As it is written everywhere: lower case.
static bool is_digest(sv_text text) {
    uint8_t bytes[DIGEST_BYTES];
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] >= 'A' && text.at[i] <= 'F') {
            return false;
        }
    }
    return sv_hex_parse(text, bytes, sizeof bytes) == SV_OK;
}

static bool read_look(const sv_json *data, look *out) {
    *out = (look){ .version = SV_TEXT(""), .sha256 = SV_TEXT("") };
    bool has_version = sv_json_text(sv_json_get(data, "version"), &out->version);
    bool has_sha256 = sv_json_text(sv_json_get(data, "sha256"), &out->sha256);
    return sv_json_text(sv_json_get(data, "device"), &out->device) && sv_id_is_valid(out->device)
           && has_version == has_sha256
           && (!has_version || (is_version(out->version) && is_digest(out->sha256)));
}

static bool publish(gw *g, const look *what) {
    char topic_room[TOPIC_ROOM];
    char payload_room[PAYLOAD_ROOM];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf payload = SV_TEXTBUF(payload_room);
    sv_json_out out = SV_JSON_OUT(&payload);
    sv_textbuf_add_str(&topic, "updates/");
    sv_textbuf_add(&topic, what->device);
    sv_json_open_object(&out);
    if (what->sha256.len > 0) {
        sv_json_add_text(&out, "version", what->version);
        sv_json_add_text(&out, "sha256", what->sha256);
    }
    sv_json_close_object(&out);
    return sv_textbuf_end(&topic) == SV_OK && sv_textbuf_end(&payload) == SV_OK
           && gw_publish(g, sv_textbuf_text(&topic), sv_textbuf_text(&payload), 0);
}

void gw_look_take(gw *g, sv_text data) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    look what;
    if (data.len > GW_LOOK_DATA_MAX || sv_json_parse(data, &root, NULL, NULL) != SV_OK
        || !read_look(root, &what)) {
        g->looks.refused++;
        SV_LOG(warn, "push.skipped", "event 'update' is refused");
    } else if (g->exit_code != 0 || g->full || sv_writer_is_behind(g->writer)
               || !publish(g, &what)) {
        g->looks.missed++;
        SV_LOG(warn, "look.missed", SV_TEXT_FMT " is not told to look for its update now",
               SV_TEXT_ARG(what.device));
    } else {
        g->looks.told++;
    }
}
