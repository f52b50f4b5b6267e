// What parses as host and port, written out again, parses to the same two.
#include <codec/url.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    char host[SV_URL_HOST_MAX];
    char again[SV_URL_HOST_MAX];
    uint16_t port = 0;
    uint16_t again_port = 0;
    sv_why why = { 0 };
    if (sv_host_port_parse(text, 8883, host, &port, &why) != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    char room[SV_URL_HOST_MAX + 16];
    sv_textbuf out = SV_TEXTBUF(room);
    bool is_ipv6 = strchr(host, ':') != NULL;
    sv_textbuf_addf(&out, is_ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned) port);
    if (host[0] == '\0' || port == 0
        || sv_host_port_parse(sv_textbuf_text(&out), 1, again, &again_port, NULL) != SV_OK
        || again_port != port || strcmp(again, host) != 0) {
        abort();
    }
    return 0;
}
