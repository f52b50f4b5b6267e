// `selvedge device update`, `updates` and `versions`: what devices run, and what one is to install.
#ifndef SELVEDGE_DEVICE_UPDATE_H
#define SELVEDGE_DEVICE_UPDATE_H

int cmd_device_update(int argc, char **argv);
int cmd_device_updates(int argc, char **argv);
int cmd_device_versions(int argc, char **argv);

#endif
