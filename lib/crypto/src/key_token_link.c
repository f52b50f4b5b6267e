#include "key_token.h"
#include "pki_internal.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef struct module {
    char path[SV_TOKEN_PATH_ROOM];
    CK_FUNCTION_LIST *call;
} module;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static module modules[SV_TOKEN_MODULES_MAX]; // guarded by `loading`
static size_t module_count;

static pthread_rwlock_t working = PTHREAD_RWLOCK_INITIALIZER; // written: while a module starts anew
static uint64_t starts;                                       // guarded by `working`

static sv_err initialize(CK_FUNCTION_LIST *call, sv_why *why) {
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    CK_RV code = call->C_Initialize(&threads);
    return code == CKR_CRYPTOKI_ALREADY_INITIALIZED ? SV_OK : sv_token_judge(code, "start", why);
}

static sv_err load(const char *path, CK_FUNCTION_LIST **out, sv_why *why) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
    CK_C_GetFunctionList list = NULL;
    *(void **) (void *) &list = found;
    if (list == NULL || list(out) != CKR_OK) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "'%s' is no PKCS#11 module that can be loaded; is its package installed?",
                       path);
    }
    return initialize(*out, why);
}

static sv_err find_module(const char *path, CK_FUNCTION_LIST **out, sv_why *why) {
    for (size_t i = 0; i < module_count; i++) {
        if (strcmp(modules[i].path, path) == 0) {
            *out = modules[i].call;
            return SV_OK;
        }
    }
    if (module_count == SV_TOKEN_MODULES_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d PKCS#11 modules in one program",
                       SV_TOKEN_MODULES_MAX);
    }
    module new = { 0 };
    SV_TRY(sv_text_copy(sv_text_of(path), new.path, sizeof new.path));
    SV_TRY(load(path, &new.call, why));
    modules[module_count++] = new;
    *out = new.call;
    return SV_OK;
}

static sv_err module_of(const sv_token_uri *uri, CK_FUNCTION_LIST **out, sv_why *why) {
    (void) pthread_mutex_lock(&loading);
    sv_err err = find_module(uri->module, out, why);
    (void) pthread_mutex_unlock(&loading);
    return err;
}

/// `*seen`: the start that the job has worked with.
static sv_err do_once(sv_token_job *job, void *arg, uint64_t *seen, sv_why *why) {
    (void) pthread_rwlock_rdlock(&working);
    *seen = starts;
    sv_err err = job(arg, why);
    (void) pthread_rwlock_unlock(&working);
    return err;
}

/// Unless another thread has done so since.
static sv_err start_anew(CK_FUNCTION_LIST *call, uint64_t seen, sv_why *why) {
    (void) pthread_rwlock_wrlock(&working);
    sv_err err = SV_OK;
    if (starts == seen) {
        starts++;
        (void) call->C_Finalize(NULL);
        err = initialize(call, why);
    }
    (void) pthread_rwlock_unlock(&working);
    return err;
}

sv_err sv_token_do(const sv_token_uri *uri, sv_token_job *job, void *arg, sv_why *why) {
    CK_FUNCTION_LIST *call = NULL;
    uint64_t seen = 0;
    SV_TRY(module_of(uri, &call, why));
    sv_err err = do_once(job, arg, &seen, why);
    for (int tries = 1; err == SV_ERR_UNAVAILABLE && tries < SV_TOKEN_TRIES; tries++) {
        (void) usleep(SV_TOKEN_PAUSE_US);
        SV_TRY(start_anew(call, seen, why));
        err = do_once(job, arg, &seen, why);
    }
    return err;
}

sv_err sv_token_judge(CK_RV code, const char *what, sv_why *why) {
    switch (code) {
    case CKR_OK:
        return SV_OK;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the token refuses the PIN; put the right one into the file of pin-source "
                       "before its tries are used up");
    case CKR_PIN_LOCKED:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the token's PIN is locked; unlock it with the tool of its maker");
    case CKR_USER_PIN_NOT_INITIALIZED: // what SoftHSM says, too, while another process logs in
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "the token has no user PIN yet; initialise it with the tool of its maker");
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the token went away: it did not %s; is it there?",
                       what);
    case CKR_MECHANISM_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
        return sv_fail(why, SV_ERR_INVALID, "the token cannot %s: it knows no ECDSA P-256", what);
    default:
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the token did not %s: PKCS#11 error 0x%lx", what,
                       code);
    }
}

/// Names in a token are padded with spaces.
static bool padded_is(const unsigned char *field, size_t bytes, const char *name) {
    size_t len = strlen(name);
    if (len > bytes || memcmp(field, name, len) != 0) {
        return false;
    }
    for (size_t i = len; i < bytes; i++) {
        if (field[i] != ' ' && field[i] != '\0') {
            return false;
        }
    }
    return true;
}

static bool fits(const sv_token_uri *uri, const CK_TOKEN_INFO *info) {
    return (info->flags & CKF_TOKEN_INITIALIZED) != 0
           && (uri->token[0] == '\0' || padded_is(info->label, sizeof info->label, uri->token))
           && (uri->serial[0] == '\0'
               || padded_is(info->serialNumber, sizeof info->serialNumber, uri->serial));
}

static sv_err find_token(CK_FUNCTION_LIST *call, const sv_token_uri *uri, CK_SLOT_ID *out,
                         CK_TOKEN_INFO *info, sv_why *why) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = SV_COUNT(slots);
    SV_TRY(sv_token_judge(call->C_GetSlotList(CK_TRUE, slots, &count), "list its slots", why));
    size_t found = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO of;
        if (call->C_GetTokenInfo(slots[i], &of) == CKR_OK && fits(uri, &of)) {
            *out = slots[i];
            *info = of;
            found++;
        }
    }
    if (found == 0) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "there is no token '%s%s' that '%s' knows; is it plugged in?", uri->token,
                       uri->serial, uri->module);
    }
    return found == 1
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "%zu tokens fit; say which with token=NAME or serial=NUMBER", found);
}

sv_err sv_token_check_tries(CK_FLAGS token_flags, sv_why *why) {
    if ((token_flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the token has one try for its PIN left, or none; it is left to you: log in "
                       "once with the tool of its maker");
    }
    return SV_OK;
}

static sv_err log_in(const sv_token_session *session, const sv_token_uri *uri,
                     const CK_TOKEN_INFO *info, sv_why *why) {
    if (uri->pin_file[0] == '\0') {
        return (info->flags & CKF_LOGIN_REQUIRED) == 0
                   ? SV_OK
                   : sv_fail(why, SV_ERR_INVALID,
                             "the token wants its PIN; put it into a file (0600) and add "
                             "pin-source=file:/PATH to the URI");
    }
    SV_TRY(sv_token_check_tries(info->flags, why));
    SV_DEFER(sv_secret_drop) sv_textbuf content = { 0 };
    SV_TRY(sv_secret_read("PIN file", uri->pin_file, &content, why));
    sv_text pin = sv_text_trim(sv_textbuf_text(&content));
    if (pin.len == 0 || pin.len > SV_TOKEN_PIN_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "PIN file '%s' holds no PIN", uri->pin_file);
    }
    CK_RV code = session->call->C_Login(session->at, CKU_USER, (unsigned char *) (uintptr_t) pin.at,
                                        pin.len);
    return code == CKR_USER_ALREADY_LOGGED_IN ? SV_OK : sv_token_judge(code, "log in", why);
}

sv_err sv_token_session_open(const sv_token_uri *uri, bool writes, sv_token_session *out,
                             sv_why *why) {
    SV_DEFER(sv_token_session_drop) sv_token_session session = { 0 };
    CK_FUNCTION_LIST *call = NULL;
    CK_SLOT_ID slot = 0;
    CK_TOKEN_INFO info = { .flags = 0 };
    SV_TRY(module_of(uri, &call, why));
    SV_TRY(find_token(call, uri, &slot, &info, why));
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
    SV_TRY(sv_token_judge(call->C_OpenSession(slot, flags, NULL, NULL, &session.at),
                          "open a session", why));
    session.call = call;
    session.start = starts;
    SV_TRY(log_in(&session, uri, &info, why));
    *out = session;
    session = (sv_token_session){ 0 };
    return SV_OK;
}

bool sv_token_session_is_open(const sv_token_session *session) {
    return session->call != NULL && session->start == starts;
}

void sv_token_session_drop(sv_token_session *session) {
    if (sv_token_session_is_open(session)) {
        (void) session->call->C_CloseSession(session->at);
    }
    *session = (sv_token_session){ 0 };
}

sv_err sv_token_find(const sv_token_session *session, const sv_token_uri *uri,
                     CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out, sv_why *why) {
    CK_ATTRIBUTE wanted[3] = { { CKA_CLASS, &class, sizeof class } };
    CK_ULONG count = 1;
    if (uri->object[0] != '\0') {
        wanted[count++] =
            (CK_ATTRIBUTE){ CKA_LABEL, (void *) (uintptr_t) uri->object, strlen(uri->object) };
    }
    if (uri->id_len > 0) {
        wanted[count++] = (CK_ATTRIBUTE){ CKA_ID, (void *) (uintptr_t) uri->id, uri->id_len };
    }
    CK_OBJECT_HANDLE found[2];
    CK_ULONG found_count = 0;
    SV_TRY(sv_token_judge(session->call->C_FindObjectsInit(session->at, wanted, count),
                          "look for the key", why));
    CK_RV code = session->call->C_FindObjects(session->at, found, SV_COUNT(found), &found_count);
    (void) session->call->C_FindObjectsFinal(session->at);
    SV_TRY(sv_token_judge(code, "look for the key", why));
    if (found_count == 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the token holds no key '%s' of this kind",
                       uri->object);
    }
    if (found_count > 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the token holds several keys that fit; say which with id=%%01");
    }
    *out = found[0];
    return SV_OK;
}
