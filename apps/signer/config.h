// The signer's configuration: one YAML file, checked as a whole.
#ifndef SV_SIGNER_CONFIG_H
#define SV_SIGNER_CONFIG_H

#include <codec/config.h>
#include <model/id.h>
#include <sys/disk.h>

typedef struct signer_config {
    char pki[SV_PATH_MAX];
    char key[SV_PATH_MAX]; ///< empty: ca.key of the folder
    char socket[SV_PATH_MAX];
    int64_t allow_uid;    ///< -1: the signer's own
    int64_t socket_group; ///< -1: the socket is for its user alone
    int64_t lifetime_max_us;
    int64_t crl_valid_us;
    unsigned roles; ///< bit per sv_role
} signer_config;

extern const sv_config_key SIGNER_KEYS[];

/// The whole file's faults in `faults`; SV_ERR_INVALID when there are any.
sv_err signer_config_read(sv_text yaml, signer_config *out, sv_config_faults *faults);

#endif
