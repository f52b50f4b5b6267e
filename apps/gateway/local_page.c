// The page for people at the machine: its files, embedded in the program. The style is the
// dashboard's own.
#include "gateway.h"

extern const char gw_page_html[], gw_page_html_end[];
extern const char gw_page_script[], gw_page_script_end[];
extern const char gw_page_style[], gw_page_style_end[];
extern const char gw_page_icon[], gw_page_icon_end[];

static const struct {
    const char *path, *type, *at, *end;
} FILES[] = {
    { "/", "text/html; charset=utf-8", gw_page_html, gw_page_html_end },
    { "/page.js", "text/javascript; charset=utf-8", gw_page_script, gw_page_script_end },
    { "/page.css", "text/css; charset=utf-8", gw_page_style, gw_page_style_end },
    { "/favicon.svg", "image/svg+xml", gw_page_icon, gw_page_icon_end },
};

static const struct {
    const char *name, *value;
} HEADERS[] = {
    { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "
                                 "img-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
                                 "base-uri 'none'; form-action 'none'" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cache-Control", "no-store" },
};

static size_t file_at(sv_text path) {
    size_t at = 0;
    while (at < SV_COUNT(FILES) && !sv_text_is(path, FILES[at].path)) {
        at++;
    }
    return at;
}

bool gw_local_page_has(sv_text path) {
    return file_at(path) < SV_COUNT(FILES);
}

void gw_local_page(sv_http_request *request) {
    size_t at = file_at(sv_http_path(request));
    for (size_t h = 0; h < SV_COUNT(HEADERS); h++) {
        sv_http_reply_header(request, HEADERS[h].name, HEADERS[h].value);
    }
    sv_http_reply(request, 200, FILES[at].type,
                  (sv_text){ .at = FILES[at].at, .len = (size_t) (FILES[at].end - FILES[at].at) });
}
