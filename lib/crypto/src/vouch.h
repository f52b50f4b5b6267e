// What the old key says of the next one, as an attribute of its request.
#ifndef SV_CRYPTO_VOUCH_H
#define SV_CRYPTO_VOUCH_H

#include "own.h"

/// Of the attribute whose one value is the signature, an OCTET STRING: an arc made of a UUID (ITU-T
/// X.667), which nobody has to assign.
#define SV_VOUCH_OID "2.25.147604552804960925152795094707819558359"

/// `old`, the key of `current`, signs for `key`; before the request is signed itself.
sv_err sv_vouch(X509_REQ *request, EVP_PKEY *key, EVP_PKEY *old, const X509 *current, sv_why *why);

#endif
