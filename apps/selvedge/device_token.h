// `selvedge device token`: a device without a certificate may ask for updates.
#ifndef SELVEDGE_DEVICE_TOKEN_H
#define SELVEDGE_DEVICE_TOKEN_H

int cmd_device_token(int argc, char **argv);

#endif
