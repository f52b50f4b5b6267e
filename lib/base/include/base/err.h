// The one error type. A code says what the caller can do about a failure;
// an `sv_why` carries the sentence a human will read in the fleet dashboard.
#ifndef SV_BASE_ERR_H
#define SV_BASE_ERR_H

#include <base/attr.h>

typedef enum SV_NODISCARD sv_err {
    SV_OK = 0,
    SV_ERR_INVALID,     ///< input breaks its format or its limits; retrying cannot help
    SV_ERR_NOT_FOUND,   ///< the named thing does not exist
    SV_ERR_NO_SPACE,    ///< a buffer, queue or partition is full
    SV_ERR_IO,          ///< the kernel or the medium refused; may be transient
    SV_ERR_UNTRUSTED,   ///< a signature, certificate or permission check said no
    SV_ERR_STATE,       ///< valid request, wrong moment
    SV_ERR_UNAVAILABLE, ///< peer or resource not reachable now; retry with backoff
    SV_ERR__COUNT
} sv_err;

/// Stable lower-case identifier for logs and for the wire, e.g. "not-found".
const char *sv_err_name(sv_err err);

/// strerror without its shared buffer; never NULL.
const char *sv_errno_text(int number);

enum { SV_WHY_MAX = 384 };

typedef struct sv_why {
    sv_err code;
    char text[SV_WHY_MAX]; ///< one sentence: what was wrong, with the value, and what to do
} sv_why;

/// Fill `why` (which may be NULL) and return `code`, so that failing is one statement.
SV_PRINTF(3, 4) sv_err sv_fail(sv_why *why, sv_err code, const char *fmt, ...);

// Analyzers read one file at a time: this tells them that sv_fail (and what is made like it)
// returns its code, or every failed call would look to them as if it might have succeeded.
#if defined(__clang_analyzer__) || defined(SV_ANALYZE)
#define SV_FAIL_AS(function, why, code, ...)                                                       \
    ({                                                                                             \
        sv_err sv_code_ = (code);                                                                  \
        if (function((why), sv_code_, __VA_ARGS__) != sv_code_) {                                  \
            __builtin_unreachable();                                                               \
        }                                                                                          \
        sv_code_;                                                                                  \
    })
#define sv_fail(why, code, ...) SV_FAIL_AS((sv_fail), why, code, __VA_ARGS__)
#endif

/// Leave the function when `call` fails. Safe at any line: owned values are SV_DEFERred.
#define SV_TRY(call)                                                                               \
    do {                                                                                           \
        sv_err sv_try_err_ = (call);                                                               \
        if (sv_try_err_ != SV_OK) {                                                                \
            return sv_try_err_;                                                                    \
        }                                                                                          \
    } while (0)

#endif
