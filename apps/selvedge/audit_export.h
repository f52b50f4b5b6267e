// `selvedge audit export`: the log with its proofs, to be kept and verified elsewhere.
#ifndef SELVEDGE_AUDIT_EXPORT_H
#define SELVEDGE_AUDIT_EXPORT_H

#include "audit_list.h"

int cmd_audit_export(int argc, char **argv);

#endif
