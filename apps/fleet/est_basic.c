#include "est_basic.h"

#include <crypto/est.h>
#include <string.h>
#include <strings.h>

sv_err sv_basic_parse(sv_text header, sv_basic *out) {
    sv_text rest = sv_text_trim(header);
    sv_text scheme = sv_text_cut(&rest, ' ');
    if (scheme.len != 5 || strncasecmp(scheme.at, "Basic", 5) != 0) {
        return SV_ERR_INVALID;
    }
    sv_textbuf bytes = { .at = out->room, .cap = sizeof out->room };
    SV_TRY(sv_est_base64_parse(rest, &bytes, NULL));
    sv_text both = sv_textbuf_text(&bytes);
    if (bytes.overflowed || memchr(both.at, ':', both.len) == NULL) {
        return SV_ERR_INVALID;
    }
    sv_text user = sv_text_cut(&both, ':');
    if (user.len == 0 || memchr(user.at, '\0', user.len) != NULL) {
        return SV_ERR_INVALID;
    }
    out->user = user;
    out->password = both;
    return SV_OK;
}
