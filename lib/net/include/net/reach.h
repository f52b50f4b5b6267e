// Which addresses anybody on the internet may reach, by the special-purpose registries of IANA
// (RFC 6890): not loopback, private, link-local, shared, multicast, unspecified, documentation or
// reserved ones, and no IPv4 address in an IPv6 one's clothes.
#ifndef SV_NET_REACH_H
#define SV_NET_REACH_H

#include <base/err.h>

struct sockaddr;

/// SV_ERR_UNTRUSTED with the address and its range; other families than IP are refused as well.
sv_err sv_reach_public(const struct sockaddr *address, sv_why *why);

#endif
