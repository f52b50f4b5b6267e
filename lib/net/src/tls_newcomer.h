// Who somebody with a certificate that is not good any more, or not ours, says it is.
#ifndef SV_NET_TLS_NEWCOMER_H
#define SV_NET_TLS_NEWCOMER_H

#include "tls_internal.h"

/// Of one of ours whose chain has been judged. SV_ERR_STATE when it has not ended.
sv_err sv_newcomer_expired(const X509 *leaf, bool allow_classic, sv_newcomer *out, sv_why *why);

/// Of one that a manufacturer's CA has signed. SV_ERR_UNTRUSTED when its subject has neither CN nor
/// serialNumber, or more than one of either, or one that is longer than SV_NEWCOMER_NAME_ROOM.
sv_err sv_newcomer_manufactured(const X509 *leaf, sv_newcomer *out, sv_why *why);

#endif
