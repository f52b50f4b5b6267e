// `selvedge device renewed`: what was worn of a device was replaced, before or after it failed.
#ifndef SELVEDGE_DEVICE_RENEWED_H
#define SELVEDGE_DEVICE_RENEWED_H

int cmd_device_renewed(int argc, char **argv);

#endif
