// What the files of enrolment share.
#ifndef SV_FLEET_ENROL_OWN_H
#define SV_FLEET_ENROL_OWN_H

#include "enrol.h"

enum { SV_ENROL_TOLD_MAX = 20 }; ///< of more added at once live clients are not told one by one

void sv_enrol_hash(sv_text token, char out[SV_ENROL_HASH_ROOM]);

#endif
