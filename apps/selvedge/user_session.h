// `selvedge user link` and `selvedge user sessions`.
#ifndef SELVEDGE_USER_SESSION_H
#define SELVEDGE_USER_SESSION_H

#include "fleet_api.h"

int cmd_user_link(int argc, char **argv);
int cmd_user_sessions(int argc, char **argv);

/// The link that the last answer brought, to stderr with what it is for: it is a secret.
void sv_user_show_link(const sv_fleet_api *api, const char *name);

#endif
