// `selvedge device revoke|quarantine|release|retire`: decides whether an id counts, and says when
// each gateway has it in force. `replace`: a new key for the place of an old one.
#ifndef SELVEDGE_DEVICE_STANDING_H
#define SELVEDGE_DEVICE_STANDING_H

int cmd_device_revoke(int argc, char **argv);
int cmd_device_quarantine(int argc, char **argv);
int cmd_device_release(int argc, char **argv);
int cmd_device_replace(int argc, char **argv);
int cmd_device_retire(int argc, char **argv);

#endif
