// Users and groups of this machine, as configurations name them.
#ifndef SV_SYS_ACCOUNT_H
#define SV_SYS_ACCOUNT_H

#include <base/err.h>
#include <base/text.h>

typedef enum sv_account_kind { SV_ACCOUNT_USER, SV_ACCOUNT_GROUP } sv_account_kind;

/// The number of a user or group: the text is one, or a name that this machine knows.
/// SV_ERR_NOT_FOUND with what to write.
sv_err sv_account_number(sv_text text, sv_account_kind kind, int64_t *out, sv_why *why);

#endif
