// HTTP Basic (RFC 7617) as EST carries it: the user name is an id, the password a token.
#ifndef SV_FLEET_EST_BASIC_H
#define SV_FLEET_EST_BASIC_H

#include <base/err.h>
#include <base/text.h>

enum { SV_BASIC_ROOM = 256 }; ///< of user name, colon and password

typedef struct sv_basic {
    char room[SV_BASIC_ROOM];
    sv_text user, password; ///< in `room`
} sv_basic;

/// SV_ERR_INVALID for another scheme, no base64, no colon, an empty user name, or more than fits.
sv_err sv_basic_parse(sv_text header, sv_basic *out);

#endif
