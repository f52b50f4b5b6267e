#include <codec/url.h>

enum { PORT_MAX = 65535 };

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '.' || c == '_';
}

static bool is_ipv6_char(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':'
           || c == '.';
}

static sv_err check_chars(sv_text host, bool (*allowed)(char), sv_why *why) {
    if (host.len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "the address names no host");
    }
    for (size_t i = 0; i < host.len; i++) {
        if (!allowed(host.at[i])) {
            return sv_fail(why, SV_ERR_INVALID, "a host cannot hold the character at place %zu",
                           i + 1);
        }
    }
    return SV_OK;
}

static sv_err parse_port(sv_text text, uint16_t *out, sv_why *why) {
    uint64_t port = 0;
    if (sv_text_u64(text, PORT_MAX, &port) != SV_OK || port == 0) {
        return sv_fail(why, SV_ERR_INVALID, "\"" SV_TEXT_FMT "\" is not a port between 1 and 65535",
                       SV_TEXT_ARG(text));
    }
    *out = (uint16_t) port;
    return SV_OK;
}

// Leaves in `rest` what follows the host: empty, or a colon and the port.
static sv_err cut_host(sv_text *rest, sv_text *host, sv_why *why) {
    if (rest->len == 0 || rest->at[0] != '[') {
        size_t len = 0;
        while (len < rest->len && rest->at[len] != ':') {
            len++;
        }
        *host = (sv_text){ .at = rest->at, .len = len };
        *rest = (sv_text){ .at = rest->at + len, .len = rest->len - len };
        return check_chars(*host, is_name_char, why);
    }
    size_t end = 1;
    while (end < rest->len && rest->at[end] != ']') {
        end++;
    }
    if (end == rest->len) {
        return sv_fail(why, SV_ERR_INVALID, "the address has a [ without its ]");
    }
    *host = (sv_text){ .at = rest->at + 1, .len = end - 1 };
    *rest = (sv_text){ .at = rest->at + end + 1, .len = rest->len - end - 1 };
    return check_chars(*host, is_ipv6_char, why);
}

sv_err sv_host_port_parse(sv_text text, uint16_t fallback_port, char host[SV_URL_HOST_MAX],
                          uint16_t *port, sv_why *why) {
    sv_text rest = text;
    sv_text name = { 0 };
    SV_TRY(cut_host(&rest, &name, why));

    uint16_t named = fallback_port;
    if (rest.len > 0) {
        if (rest.at[0] != ':') {
            return sv_fail(why, SV_ERR_INVALID, "after the host only a colon and a port may stand");
        }
        SV_TRY(parse_port((sv_text){ .at = rest.at + 1, .len = rest.len - 1 }, &named, why));
    }
    if (name.len >= SV_URL_HOST_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the host is longer than %d characters",
                       SV_URL_HOST_MAX - 1);
    }
    SV_TRY(sv_text_copy(name, host, SV_URL_HOST_MAX));
    *port = named;
    return SV_OK;
}

static sv_err cut_scheme(sv_text *rest, bool *tls, sv_why *why) {
    static const sv_text HTTP = { .at = "http://", .len = 7 };
    static const sv_text HTTPS = { .at = "https://", .len = 8 };
    *tls = sv_text_starts(*rest, HTTPS);
    if (!*tls && !sv_text_starts(*rest, HTTP)) {
        return sv_fail(why, SV_ERR_INVALID, "the address must start with http:// or https://");
    }
    size_t len = *tls ? HTTPS.len : HTTP.len;
    *rest = (sv_text){ .at = rest->at + len, .len = rest->len - len };
    return SV_OK;
}

static sv_err check_visible(sv_text text, sv_why *why) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~') {
            return sv_fail(why, SV_ERR_INVALID,
                           "an address cannot hold the character at place %zu: percent-encode it",
                           i + 1);
        }
    }
    return SV_OK;
}

static size_t length_until(sv_text text, const char *marks) {
    for (size_t i = 0; i < text.len; i++) {
        for (const char *mark = marks; *mark != '\0'; mark++) {
            if (text.at[i] == *mark) {
                return i;
            }
        }
    }
    return text.len;
}

static sv_err put_path(sv_text path, char room[SV_URL_PATH_MAX], sv_why *why) {
    sv_textbuf out = { .at = room, .cap = SV_URL_PATH_MAX };
    if (path.len == 0 || path.at[0] != '/') {
        sv_textbuf_add_char(&out, '/');
    }
    sv_textbuf_add(&out, path);
    if (sv_textbuf_end(&out) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path is longer than %d characters",
                       SV_URL_PATH_MAX - 1);
    }
    return SV_OK;
}

sv_err sv_url_parse(sv_text text, sv_url *out, sv_why *why) {
    SV_TRY(check_visible(text, why));
    sv_url url = { 0 };
    sv_text rest = text;
    SV_TRY(cut_scheme(&rest, &url.tls, why));

    sv_text authority = { .at = rest.at, .len = length_until(rest, "/?#") };
    sv_text tail = { .at = rest.at + authority.len, .len = rest.len - authority.len };
    if (length_until(authority, "@") < authority.len) {
        return sv_fail(why, SV_ERR_INVALID, "an address may not hold a user name or password");
    }
    SV_TRY(sv_host_port_parse(authority, url.tls ? 443 : 80, url.host, &url.port, why));
    tail.len = length_until(tail, "#");
    SV_TRY(put_path(tail, url.path, why));

    *out = url;
    return SV_OK;
}
