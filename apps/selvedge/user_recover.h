// `selvedge user recover`: on the server's console, with its database at hand, nobody is locked
// out.
#ifndef SELVEDGE_USER_RECOVER_H
#define SELVEDGE_USER_RECOVER_H

int cmd_user_recover(int argc, char **argv);

#endif
