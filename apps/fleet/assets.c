#include "assets.h"

#include <codec/encode.h>
#include <crypto/random.h>
#include <string.h>

extern const char sv_asset_index[], sv_asset_index_end[];
extern const char sv_asset_app[], sv_asset_app_end[];
extern const char sv_asset_later[], sv_asset_later_end[];
extern const char sv_asset_style[], sv_asset_style_end[];
extern const char sv_asset_worker[], sv_asset_worker_end[];
extern const char sv_asset_icon[], sv_asset_icon_end[];
extern const char sv_asset_app_gz[], sv_asset_app_gz_end[];
extern const char sv_asset_later_gz[], sv_asset_later_gz_end[];
extern const char sv_asset_style_gz[], sv_asset_style_gz_end[];

typedef struct asset {
    const char *path;
    const char *content_type;
    const char *at, *end;
    const char *packed, *packed_end; ///< by gzip; NULL: not worth it
} asset;

static const asset ASSETS[] = {
    { "/", "text/html; charset=utf-8", sv_asset_index, sv_asset_index_end, NULL, NULL },
    { "/index.html", "text/html; charset=utf-8", sv_asset_index, sv_asset_index_end, NULL, NULL },
    { "/app.js", "text/javascript; charset=utf-8", sv_asset_app, sv_asset_app_end, sv_asset_app_gz,
      sv_asset_app_gz_end },
    { "/later.js", "text/javascript; charset=utf-8", sv_asset_later, sv_asset_later_end,
      sv_asset_later_gz, sv_asset_later_gz_end },
    { "/app.css", "text/css; charset=utf-8", sv_asset_style, sv_asset_style_end, sv_asset_style_gz,
      sv_asset_style_gz_end },
    { "/events-worker.js", "text/javascript; charset=utf-8", sv_asset_worker, sv_asset_worker_end,
      NULL, NULL },
    { "/favicon.svg", "image/svg+xml", sv_asset_icon, sv_asset_icon_end, NULL, NULL },
};

static const asset *asset_at(sv_text path) {
    for (size_t i = 0; i < SV_COUNT(ASSETS); i++) {
        if (sv_text_is(path, ASSETS[i].path)) {
            return &ASSETS[i];
        }
    }
    bool has_dot = memchr(path.at, '.', path.len) != NULL;
    bool is_ours = sv_text_starts(path, SV_TEXT("/api"))
                   || sv_text_starts(path, SV_TEXT("/metrics"))
                   || sv_text_starts(path, SV_TEXT("/healthz"));
    return has_dot || is_ours ? NULL : &ASSETS[0];
}

static bool takes_gzip(const sv_http_request *request) {
    const char *accepted = sv_http_header(request, "Accept-Encoding");
    return accepted != NULL && strstr(accepted, "gzip") != NULL
           && strstr(accepted, "gzip;q=0") == NULL;
}

bool sv_assets_answer(sv_http_request *request) {
    const asset *found = asset_at(sv_http_path(request));
    if (found == NULL) {
        return false;
    }
    bool packed = found->packed != NULL && takes_gzip(request);
    const char *at = packed ? found->packed : found->at;
    const char *end = packed ? found->packed_end : found->end;
    sv_text content = { .at = at, .len = (size_t) (end - at) };
    uint8_t digest[32];
    char tag_room[32];
    sv_textbuf tag = SV_TEXTBUF(tag_room);
    sv_sha256(content, digest);
    sv_textbuf_add_char(&tag, '"');
    sv_hex_add(&tag, digest, 8);
    sv_textbuf_add_char(&tag, '"');
    if (sv_textbuf_end(&tag) != SV_OK) {
        return false;
    }
    // The names carry no version, so a browser asks each time, and mostly gets 304.
    sv_http_reply_header(request, "Cache-Control", "no-cache");
    sv_http_reply_header(request, "ETag", tag.at);
    sv_http_reply_header(request, "Vary", "Accept-Encoding");
    if (packed) {
        sv_http_reply_header(request, "Content-Encoding", "gzip");
    }
    const char *known = sv_http_header(request, "If-None-Match");
    bool same = known != NULL && strstr(known, tag.at) != NULL;
    sv_http_reply(request, same ? 304 : 200, found->content_type, same ? SV_TEXT("") : content);
    return true;
}
