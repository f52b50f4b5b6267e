// A counter in the TPM that nothing lowers, in two NV indexes of the owner's: one that the TPM
// counts up by one at a time, and behind it, at the next index, where it began, written once and
// locked for good. A TPM begins a new counter where the highest one it ever had was; what is read
// here begins at 0.
//
// Raising it takes a secret, which is made with it and kept in a file: others who may use the TPM
// would count it past all releases. Lowering it takes the owner, who can delete both indexes.
// The connection is made once and kept, so that a process may give up its other rights after that;
// with the kernel's resource manager (/dev/tpmrm0) it takes no turn from anybody. [keys-30]
#ifndef SV_CRYPTO_TPM_COUNTER_H
#define SV_CRYPTO_TPM_COUNTER_H

#include <base/err.h>
#include <stdint.h>

enum {
    SV_TPM_COUNTER_FIRST = 0x01800000, ///< what the owner may define
    SV_TPM_COUNTER_LAST = 0x01bffffe,
    SV_TPM_COUNTER_INDEX = 0x01805e1a, ///< where nobody says another
    SV_TPM_COUNTER_STEPS = 1000,       ///< that a number may be away
    SV_TPM_COUNTER_RAISE_US = 1000000, ///< of one raise: it begins no step after that
};

/// Called before each step, of which a TPM makes ten in a second, or a thousand.
typedef struct sv_tpm_pace {
    void (*tick)(void *arg); ///< NULL: nobody
    void *arg;
} sv_tpm_pace;

typedef struct sv_tpm_counter sv_tpm_counter;

/// Is there a TPM that answers? SV_ERR_UNAVAILABLE with the reason.
sv_err sv_tpm_answers(sv_why *why);
/// What is there, without making or changing anything: SV_ERR_NOT_FOUND when the counter was not
/// made yet, and else as sv_tpm_counter_open and sv_tpm_counter_read. `warning` is what is not as
/// it should be with one that can be read.
sv_err sv_tpm_counter_look(uint32_t index, const char *secret_file, uint32_t *out, sv_why *warning,
                           sv_why *why);

/// Connect, and define what is not there yet, with the secret in `secret_file`, which is made where
/// it is missing. SV_ERR_UNAVAILABLE: no TPM, or it does not do it; SV_ERR_UNTRUSTED: it wants a
/// password, or the counter's secret is not in the file, and its owner has a password;
/// SV_ERR_STATE: something else is at these indexes.
sv_err sv_tpm_counter_open(uint32_t index, const char *secret_file, sv_tpm_counter **out,
                           sv_why *why);
/// What is not as it should be with a counter that is open, its code SV_OK when nothing is: it has
/// no secret, as those that were made by older versions, or the file does not hold it, and it is
/// read and not raised.
const sv_why *sv_tpm_counter_warning(const sv_tpm_counter *counter);
void sv_tpm_counter_drop(sv_tpm_counter **counter);

sv_err sv_tpm_counter_read(const sv_tpm_counter *counter, uint32_t *out, sv_why *why);
/// One step at a time, so that a cut anywhere leaves a number on the way; one that is as high
/// already stays. SV_ERR_STATE for one that is more than SV_TPM_COUNTER_STEPS away: nothing is
/// done. SV_ERR_UNAVAILABLE after SV_TPM_COUNTER_RAISE_US, on the way: the next call goes on.
/// `pace` may be NULL.
sv_err sv_tpm_counter_raise(const sv_tpm_counter *counter, uint32_t to, const sv_tpm_pace *pace,
                            sv_why *why);

#endif
