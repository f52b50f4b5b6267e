#include "client.h"

#include <stdarg.h>
#include <stdio.h>

_Static_assert(SELVEDGE_ERROR_TEXT_MAX == (int) SV_WHY_MAX, "every sentence of ours fits");
_Static_assert(SELVEDGE_INVALID == (int) SV_ERR_INVALID
                   && SELVEDGE_NOT_FOUND == (int) SV_ERR_NOT_FOUND
                   && SELVEDGE_FULL == (int) SV_ERR_NO_SPACE && SELVEDGE_IO == (int) SV_ERR_IO
                   && SELVEDGE_UNTRUSTED == (int) SV_ERR_UNTRUSTED
                   && SELVEDGE_STATE == (int) SV_ERR_STATE
                   && SELVEDGE_UNAVAILABLE == (int) SV_ERR_UNAVAILABLE,
               "the public codes are ours under other names");

selvedge_code client_failed(const sv_why *why, selvedge_error *error) {
    return client_fail(error, (selvedge_code) why->code, "%s", why->text);
}

selvedge_code client_fail(selvedge_error *error, selvedge_code code, const char *fmt, ...) {
    if (error != NULL) {
        error->code = code;
        va_list args;
        va_start(args, fmt);
        (void) vsnprintf(error->text, sizeof error->text, fmt, args);
        va_end(args);
    }
    return code;
}

selvedge_code client_check(const selvedge_client *client, selvedge_error *error) {
    return client != NULL ? SELVEDGE_OK
                          : client_fail(error, SELVEDGE_INVALID,
                                        "there is no client: it was not opened, or is closed");
}

const char *selvedge_code_name(selvedge_code code) {
    return code == SELVEDGE_FULL ? "full" : sv_err_name((sv_err) code);
}

const char *selvedge_client_version(void) {
    return SV_VERSION;
}
