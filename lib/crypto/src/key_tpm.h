// The inside of the TPM store: how this process speaks to the TPM, and the file of a wrapped key.
//
// The TPM's libraries (tss2) are loaded when the first key asks for them, and a connection lasts
// for one piece of work: nothing stays behind in the TPM's few slots, other programs get their
// turn, and a TPM that was away is simply asked again.
#ifndef SV_CRYPTO_KEY_TPM_H
#define SV_CRYPTO_KEY_TPM_H

#include "key_store_internal.h"
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

// Every function of the libraries that is used, by library.
#define SV_TPM_ESYS(X)                                                                             \
    X(Esys_Initialize)                                                                             \
    X(Esys_Finalize)                                                                               \
    X(Esys_Free)                                                                                   \
    X(Esys_CreatePrimary)                                                                          \
    X(Esys_Create)                                                                                 \
    X(Esys_Load)                                                                                   \
    X(Esys_Sign)                                                                                   \
    X(Esys_ECDH_ZGen)                                                                              \
    X(Esys_FlushContext)                                                                           \
    X(Esys_ContextSave)                                                                            \
    X(Esys_ContextLoad)                                                                            \
    X(Esys_TR_SetAuth)                                                                             \
    X(Esys_TR_FromTPMPublic)                                                                       \
    X(Esys_ReadPublic)                                                                             \
    X(Esys_EvictControl)                                                                           \
    X(Esys_GetCapability)                                                                          \
    X(Esys_NV_DefineSpace)                                                                         \
    X(Esys_NV_ReadPublic)                                                                          \
    X(Esys_NV_Increment)                                                                           \
    X(Esys_NV_Read)                                                                                \
    X(Esys_NV_Write)                                                                               \
    X(Esys_NV_WriteLock)                                                                           \
    X(Esys_HierarchyChangeAuth)
#define SV_TPM_MU(X)                                                                               \
    X(Tss2_MU_TPM2B_PUBLIC_Marshal)                                                                \
    X(Tss2_MU_TPM2B_PUBLIC_Unmarshal)                                                              \
    X(Tss2_MU_TPM2B_PRIVATE_Marshal)                                                               \
    X(Tss2_MU_TPM2B_PRIVATE_Unmarshal)
#define SV_TPM_TCTI(X)                                                                             \
    X(Tss2_TctiLdr_Initialize)                                                                     \
    X(Tss2_TctiLdr_Finalize)

typedef struct sv_tpm_functions {
#define SV_TPM_MEMBER(name) __typeof__(name) *(name);
    SV_TPM_ESYS(SV_TPM_MEMBER)
    SV_TPM_MU(SV_TPM_MEMBER)
    SV_TPM_TCTI(SV_TPM_MEMBER)
#undef SV_TPM_MEMBER
} sv_tpm_functions;

/// A connection to the TPM; zeroed is closed.
typedef struct sv_tpm {
    const sv_tpm_functions *call;
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
} sv_tpm;

enum { SV_TPM_SLOT_WAIT_MS = 5000 };

typedef sv_err sv_tpm_job(const sv_tpm *tpm, void *arg, sv_why *why);
/// Do `job` with a connection of its own. Threads of the process take turns. A job that ends with
/// SV_ERR_NO_SPACE, because other programs hold the TPM's slots, is begun again while they may do
/// so. SV_ERR_UNAVAILABLE when there is no TPM, or no library to speak to it.
sv_err sv_tpm_do(sv_tpm_job *job, void *arg, sv_why *why);
/// A connection that is kept until it is hung up; who keeps it is the only thread that uses it.
sv_err sv_tpm_connect(sv_tpm *out, sv_why *why);
void sv_tpm_hang_up(sv_tpm *tpm);
/// The libraries alone, for what needs no TPM.
sv_err sv_tpm_load(const sv_tpm_functions **out, sv_why *why);
/// Which TPM: SELVEDGE_TPM or TPM2TOOLS_TCTI of the environment, else the kernel's.
const char *sv_tpm_name(void);
/// Does it hold something at this handle?
sv_err sv_tpm_is_taken(const sv_tpm *tpm, TPM2_HANDLE handle, bool *out, sv_why *why);
/// SV_OK, or why the TPM did not do `what`.
sv_err sv_tpm_judge(TSS2_RC code, const char *what, sv_why *why);

/// Everything a key's file holds: both halves, the private one readable by its own TPM alone.
typedef struct sv_tpm_wrapped {
    TPM2B_PUBLIC open;
    TPM2B_PRIVATE sealed;
} sv_tpm_wrapped;

/// PEM "TSS2 PRIVATE KEY" (ASN.1 of TPM 2.0 keys), parent: the owner hierarchy's P-256 storage key,
/// no password. [keys-3]
sv_err sv_tpm_wrapped_parse(const sv_tpm_functions *call, sv_text pem, sv_tpm_wrapped *out,
                            sv_why *why);
sv_err sv_tpm_wrapped_add(const sv_tpm_functions *call, const sv_tpm_wrapped *wrapped,
                          sv_textbuf *out, sv_why *why);

#endif
