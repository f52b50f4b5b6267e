// `selvedge rules check FILE`.
#ifndef SELVEDGE_RULES_CHECK_H
#define SELVEDGE_RULES_CHECK_H

int rules_check_main(int argc, char **argv);

#endif
