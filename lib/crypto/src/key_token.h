// The inside of the PKCS#11 store: modules, sessions with tokens, and what is found there.
#ifndef SV_CRYPTO_KEY_TOKEN_H
#define SV_CRYPTO_KEY_TOKEN_H

#include "key_token_uri.h"
#include <p11-kit/pkcs11.h>

enum {
    SV_TOKEN_MODULES_MAX = 8, ///< of a process
    SV_TOKEN_TRIES = 5,       ///< of a job, with new starts between them
    SV_TOKEN_PAUSE_US = 20000,
    SV_TOKEN_PIN_MAX = 256,
};

typedef sv_err sv_token_job(void *arg, sv_why *why);
/// Do `job` with the URI's module, which is loaded once for the process and stays. When the job
/// ends with SV_ERR_UNAVAILABLE the module is started anew and the job begun again: some know of a
/// token only what was there when they started, or read it while another process wrote.
sv_err sv_token_do(const sv_token_uri *uri, sv_token_job *job, void *arg, sv_why *why);
/// SV_OK, or why the token did not do `what`.
sv_err sv_token_judge(CK_RV code, const char *what, sv_why *why);

/// A session of one's own, logged in when the URI has a PIN; zero is closed. All of it is touched
/// inside a job alone, and is void after a new start of its module.
typedef struct sv_token_session {
    CK_FUNCTION_LIST *call; ///< NULL: closed
    CK_SESSION_HANDLE at;
    uint64_t start; ///< which start of the module it belongs to
} sv_token_session;

/// The last try of a PIN is a person's: a program that starts again and again would lock the token.
/// SV_ERR_UNTRUSTED when that one is next, or past. [keys-7]
sv_err sv_token_check_tries(CK_FLAGS token_flags, sv_why *why);

sv_err sv_token_session_open(const sv_token_uri *uri, bool writes, sv_token_session *out,
                             sv_why *why);
bool sv_token_session_is_open(const sv_token_session *session);
void sv_token_session_drop(sv_token_session *session);

/// The one object of `class` that the URI names. SV_ERR_NOT_FOUND, or SV_ERR_INVALID when there are
/// several.
sv_err sv_token_find(const sv_token_session *session, const sv_token_uri *uri,
                     CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out, sv_why *why);

#endif
