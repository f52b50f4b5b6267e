// Content keys of sealed images, on their way from the release engineer to devices: here they rest
// sealed with a key that lies beside the database, and leave wrapped for one device's certificate.
// Nobody reads one through the API. [images-9]
#ifndef SV_FLEET_IMAGE_KEYS_H
#define SV_FLEET_IMAGE_KEYS_H

#include "images.h"

#include <crypto/aead.h>
#include <crypto/content_key.h>

#define SV_IMAGE_KEYS_FILE "images.key"

/// The key beside the database `store`; made (0600) when there is none.
sv_err sv_image_keys_open(const char *store, sv_aead **out, sv_why *why);

/// Keep it. SV_ERR_NOT_FOUND: no sealed image has these bytes; SV_ERR_INVALID: it does not open the
/// image, of which everything is here.
sv_err sv_image_key_put(sv_fleet *fleet, sv_text sha256, const uint8_t key[SV_CONTENT_KEY_BYTES],
                        const char *user, sv_why *why);
/// CMS for the certificate (DER), after what is in `cms` already. SV_ERR_NOT_FOUND when there is
/// none; SV_ERR_STATE when nothing can be wrapped for such a certificate (Ed25519).
sv_err sv_image_key_wrap(sv_fleet *fleet, sv_text sha256, sv_text certificate, sv_textbuf *cms,
                         sv_why *why);

#endif
