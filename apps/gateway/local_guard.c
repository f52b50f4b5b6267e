#include "local_guard.h"
#include <base/text.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/// `:8080`, or nothing.
static bool is_port_or_end(const char *text) {
    if (text[0] == '\0') {
        return true;
    }
    size_t digits = strspn(text + 1, "0123456789");
    return text[0] == ':' && digits > 0 && digits < 6 && text[1 + digits] == '\0';
}

bool gw_host_is_loopback(const char *host) {
    static const char *const NAMES[] = { "127.0.0.1", "localhost", "[::1]" };
    if (host == NULL) {
        return true;
    }
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        size_t len = strlen(NAMES[i]);
        if (strncasecmp(host, NAMES[i], len) == 0 && is_port_or_end(host + len)) {
            return true;
        }
    }
    return false;
}

bool gw_origin_is_same(const char *origin, const char *host) {
    static const char *const SCHEMES[] = { "http://", "https://" };
    if (origin == NULL) {
        return true;
    }
    for (size_t i = 0; host != NULL && i < SV_COUNT(SCHEMES); i++) {
        size_t len = strlen(SCHEMES[i]);
        if (strncasecmp(origin, SCHEMES[i], len) == 0 && strcasecmp(origin + len, host) == 0) {
            return true;
        }
    }
    return false;
}
