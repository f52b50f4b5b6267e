// What parses as an address, written out again, parses to the same address.
#include <codec/url.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_url url;
    if (sv_url_parse((sv_text){ .at = (const char *) data, .len = size }, &url, NULL) != SV_OK) {
        return 0;
    }
    char text[SV_URL_HOST_MAX + SV_URL_PATH_MAX + 32];
    sv_textbuf out = SV_TEXTBUF(text);
    bool is_ipv6 = strchr(url.host, ':') != NULL;
    sv_textbuf_addf(&out, "%s://%s%s%s:%u%s", url.tls ? "https" : "http", is_ipv6 ? "[" : "",
                    url.host, is_ipv6 ? "]" : "", (unsigned) url.port, url.path);
    sv_url again;
    if (sv_url_parse(sv_textbuf_text(&out), &again, NULL) != SV_OK || again.tls != url.tls
        || again.port != url.port || strcmp(again.host, url.host) != 0
        || strcmp(again.path, url.path) != 0) {
        abort();
    }
    return 0;
}
