// `selvedge device add`: a device, or a file of them, that may have a certificate.
#ifndef SELVEDGE_DEVICE_ADD_H
#define SELVEDGE_DEVICE_ADD_H

int cmd_device_add(int argc, char **argv);

#endif
