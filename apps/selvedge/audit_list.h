// `selvedge audit list`: who did what about an identity.
#ifndef SELVEDGE_AUDIT_LIST_H
#define SELVEDGE_AUDIT_LIST_H

int cmd_audit_list(int argc, char **argv);

#endif
