// http:// and https:// addresses (RFC 3986), reduced to what a client needs to connect and ask.
#ifndef SV_CODEC_URL_H
#define SV_CODEC_URL_H

#include <base/err.h>
#include <base/text.h>

enum { SV_URL_HOST_MAX = 256, SV_URL_PATH_MAX = 2048 };

typedef struct sv_url {
    bool tls;
    char host[SV_URL_HOST_MAX]; ///< name or address, IPv6 without brackets
    uint16_t port;              ///< 80 or 443 where the address names none
    char path[SV_URL_PATH_MAX]; ///< path and query, at least "/"; no fragment
} sv_url;

/// User names in addresses, other schemes, spaces and control characters are refused.
sv_err sv_url_parse(sv_text text, sv_url *out, sv_why *why);

/// `host:port`, `[::1]:port` or a host alone (then `fallback_port`).
sv_err sv_host_port_parse(sv_text text, uint16_t fallback_port, char host[SV_URL_HOST_MAX],
                          uint16_t *port, sv_why *why);

#endif
