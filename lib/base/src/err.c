#include <base/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef sv_fail // the analyzers' view of it

static const char *const NAMES[SV_ERR__COUNT] = {
    [SV_OK] = "ok",
    [SV_ERR_INVALID] = "invalid",
    [SV_ERR_NOT_FOUND] = "not-found",
    [SV_ERR_NO_SPACE] = "no-space",
    [SV_ERR_IO] = "io",
    [SV_ERR_UNTRUSTED] = "untrusted",
    [SV_ERR_STATE] = "state",
    [SV_ERR_UNAVAILABLE] = "unavailable",
};

const char *sv_err_name(sv_err err) {
    return (unsigned) err < SV_ERR__COUNT ? NAMES[err] : "unknown";
}

const char *sv_errno_text(int number) {
    const char *text = strerrordesc_np(number);
    return text != NULL ? text : "unknown error";
}

sv_err sv_fail(sv_why *why, sv_err code, const char *fmt, ...) {
    if (why != NULL) {
        why->code = code;
        va_list args;
        va_start(args, fmt);
        (void) vsnprintf(why->text, sizeof why->text, fmt, args);
        va_end(args);
    }
    return code;
}
