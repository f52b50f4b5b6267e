// A host and an origin, a line each. Who passes as this machine is one of its three names, with a
// port at most; who passes as the same origin ends with the host, after a scheme.
#include "local_guard.h"

#include <base/text.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check(const char *host, const char *origin) {
    if (gw_host_is_loopback(host)) {
        size_t name = host[0] == '[' ? 5 : strcspn(host, ":");
        must(name == 9 || name == 5);
        must(strspn(host + name, ":0123456789") == strlen(host + name));
        must(strlen(host + name) <= 6);
    }
    if (gw_origin_is_same(origin, host)) {
        must(strlen(origin) == strlen(host) + 7 || strlen(origin) == strlen(host) + 8);
        must(strstr(origin, "://") != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char host[256];
    char origin[256];
    sv_text rest = { .at = (const char *) data, .len = size };
    sv_text first = sv_text_cut(&rest, '\n');
    if (memchr(data, '\0', size) == NULL && sv_text_copy(first, host, sizeof host) == SV_OK
        && sv_text_copy(sv_text_cut(&rest, '\n'), origin, sizeof origin) == SV_OK) {
        check(host, origin);
    }
    return 0;
}
