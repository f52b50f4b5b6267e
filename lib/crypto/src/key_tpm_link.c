#include "key_tpm.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static const char DEFAULT_TPM[] = "device:/dev/tpmrm0";

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static sv_tpm_functions functions; // guarded by `loading` until `loaded`
static bool loaded;

const char *sv_tpm_name(void) {
    static const char *const SETTINGS[] = { "SELVEDGE_TPM", "TPM2TOOLS_TCTI" };
    for (size_t i = 0; i < SV_COUNT(SETTINGS); i++) {
        const char *set = getenv(SETTINGS[i]); // NOLINT(concurrency-mt-unsafe): nobody sets it
        if (set != NULL && set[0] != '\0') {
            return set;
        }
    }
    return DEFAULT_TPM;
}

static sv_err library(const char *name, void **out, sv_why *why) {
    *out = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (*out == NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "to use the TPM takes the library %s; install libtss2-esys-3.0.2-0, "
                       "libtss2-mu0, libtss2-tctildr0 and libtss2-tcti-device0",
                       name);
    }
    return SV_OK;
}

static sv_err find(void *from, const char *name, void *out, sv_why *why) {
    void *found = dlsym(from, name);
    if (found == NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "the TPM's library on this machine is too old: it has no %s; 3.2 is known "
                       "to do",
                       name);
    }
    *(void **) out = found;
    return SV_OK;
}

/// These libraries write what goes wrong to stderr themselves, and take only the environment's word
/// on how much. Ours says it in a sentence; who has set TSS2_LOG wants to hear them.
static void keep_quiet(void) {
    (void) setenv("TSS2_LOG", "all+none", 0); // NOLINT(concurrency-mt-unsafe): once, at the start
}

static sv_err load(sv_tpm_functions *to, sv_why *why) {
    void *esys = NULL;
    void *mu = NULL;
    void *tcti = NULL;
    keep_quiet();
    SV_TRY(library("libtss2-esys.so.0", &esys, why));
    SV_TRY(library("libtss2-mu.so.0", &mu, why));
    SV_TRY(library("libtss2-tctildr.so.0", &tcti, why));
#define FROM_ESYS(name) SV_TRY(find(esys, #name, (void *) &to->name, why));
#define FROM_MU(name) SV_TRY(find(mu, #name, (void *) &to->name, why));
#define FROM_TCTI(name) SV_TRY(find(tcti, #name, (void *) &to->name, why));
    SV_TPM_ESYS(FROM_ESYS)
    SV_TPM_MU(FROM_MU)
    SV_TPM_TCTI(FROM_TCTI)
    return SV_OK;
}

sv_err sv_tpm_load(const sv_tpm_functions **out, sv_why *why) {
    (void) pthread_mutex_lock(&loading);
    sv_err err = loaded ? SV_OK : load(&functions, why);
    loaded = err == SV_OK;
    (void) pthread_mutex_unlock(&loading);
    *out = err == SV_OK ? &functions : NULL;
    return err;
}

static sv_err connect_to(sv_tpm *tpm, sv_why *why) {
    TSS2_RC code = tpm->call->Tss2_TctiLdr_Initialize(sv_tpm_name(), &tpm->tcti);
    if (code == TSS2_RC_SUCCESS) {
        code = tpm->call->Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
    }
    if (code != TSS2_RC_SUCCESS) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "no TPM answers at '%s' (0x%x); is there one, and may this user use it "
                       "(group tss)? SELVEDGE_TPM names another",
                       sv_tpm_name(), (unsigned) code);
    }
    return SV_OK;
}

void sv_tpm_hang_up(sv_tpm *tpm) {
    if (tpm->esys != NULL) {
        tpm->call->Esys_Finalize(&tpm->esys);
    }
    if (tpm->tcti != NULL) {
        tpm->call->Tss2_TctiLdr_Finalize(&tpm->tcti);
    }
}

sv_err sv_tpm_connect(sv_tpm *out, sv_why *why) {
    sv_tpm tpm = { 0 };
    SV_TRY(sv_tpm_load(&tpm.call, why));
    sv_err err = connect_to(&tpm, why);
    if (err != SV_OK) {
        sv_tpm_hang_up(&tpm);
        return err;
    }
    *out = tpm;
    return SV_OK;
}

static sv_err do_once(sv_tpm *tpm, sv_tpm_job *job, void *arg, sv_why *why) {
    (void) pthread_mutex_lock(&turn);
    sv_err err = connect_to(tpm, why);
    if (err == SV_OK) {
        err = job(tpm, arg, why);
    }
    sv_tpm_hang_up(tpm);
    (void) pthread_mutex_unlock(&turn);
    return err;
}

sv_err sv_tpm_do(sv_tpm_job *job, void *arg, sv_why *why) {
    sv_tpm tpm = { 0 };
    SV_TRY(sv_tpm_load(&tpm.call, why));
    sv_err err = do_once(&tpm, job, arg, why);
    for (int waited_ms = 0; err == SV_ERR_NO_SPACE && waited_ms < SV_TPM_SLOT_WAIT_MS;
         waited_ms += 10) {
        (void) usleep(10000);
        err = do_once(&tpm, job, arg, why);
    }
    return err;
}

/// A fault that names its parameter or session, without the number.
static TSS2_RC plain(TSS2_RC code) {
    return (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3f) : code;
}

sv_err sv_tpm_judge(TSS2_RC code, const char *what, sv_why *why) {
    if (code == TSS2_RC_SUCCESS) {
        return SV_OK;
    }
    if ((code & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the TPM at '%s' went away: it did not %s (0x%x)",
                       sv_tpm_name(), what, (unsigned) code);
    }
    switch (plain(code)) {
    case TPM2_RC_INTEGRITY:
    case TPM2_RC_SIZE:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "this TPM cannot %s: it was made in another TPM, or this one was cleared; "
                       "enrol again with a key of this one",
                       what);
    case TPM2_RC_BAD_AUTH:
    case TPM2_RC_AUTH_FAIL:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "this TPM does not %s without its owner's password; keep the key at a "
                       "handle (tpm2:handle=0x81000001) that its owner has made",
                       what);
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_SESSION_MEMORY:
        return sv_fail(why, SV_ERR_NO_SPACE,
                       "the TPM has no slot free to %s; use the kernel's resource manager "
                       "(device:/dev/tpmrm0)",
                       what);
    default:
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the TPM did not %s: TPM error 0x%x", what,
                       (unsigned) code);
    }
}
