// What `selvedge-agent enrol` leaves in its folder, each file whole or not there: ca.crt, then,
// once the certificate has come, agent.yaml where there is none, and the certificate last. Where
// that is, everything is. [est-6]
#ifndef SV_AGENT_ENROL_FILES_H
#define SV_AGENT_ENROL_FILES_H

#include "enrol.h"

typedef struct sv_agent_enrol_files {
    char ca[SV_PATH_MAX], cert[SV_PATH_MAX], yaml[SV_PATH_MAX], spool[SV_PATH_MAX];
} sv_agent_enrol_files;

/// Makes the folder. SV_ERR_STATE when there is a certificate already.
sv_err sv_agent_enrol_find(const sv_agent_enrolment *with, sv_agent_enrol_files *out, sv_why *why);
sv_err sv_agent_keep_authority(const sv_agent_enrol_files *files, sv_text pem, sv_why *why);
sv_err sv_agent_keep_certificate(const sv_agent_enrolment *with, const sv_agent_enrol_files *files,
                                 sv_text chain, sv_why *why);

#endif
