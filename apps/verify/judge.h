// The answer to what was asked.
#ifndef VERIFY_JUDGE_H
#define VERIFY_JUDGE_H

#include "ask.h"

/// SV_OK: it may be started, and `header` says what it is. SV_ERR_UNTRUSTED: it may not. Other
/// errors: it could not be judged. `why` says it with the values. [boot-14] [boot-15]
sv_err verify_judge(const verify_ask *ask, sv_boot_header *header, sv_why *why);

#endif
