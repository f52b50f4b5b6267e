// Names out of certificates that nobody has judged, for sentences and logs: plain ASCII, whatever
// is in them.
#ifndef SV_CRYPTO_SHOWN_H
#define SV_CRYPTO_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

struct asn1_string_st;
struct x509_st;

enum { SV_SHOWN_ROOM = 96 };

/// A name's text. What is not plain ASCII, and the backslash, is escaped (\x1b). False when it is
/// no text, or does not fit whole: then as much as fits is there.
bool sv_asn1_escape(const struct asn1_string_st *value, char *room, size_t room_bytes);

/// The CN of a certificate, escaped; the rest of a long one is left out ("..."). "" when it has
/// none; `certificate` may be NULL.
void sv_certificate_shown(const struct x509_st *certificate, char *room, size_t room_bytes);

#endif
