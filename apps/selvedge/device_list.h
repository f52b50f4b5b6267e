// `selvedge device list` and `device show`: who is there, and all there is to say about one.
#ifndef SELVEDGE_DEVICE_LIST_H
#define SELVEDGE_DEVICE_LIST_H

int cmd_device_list(int argc, char **argv);
int cmd_device_show(int argc, char **argv);

#endif
