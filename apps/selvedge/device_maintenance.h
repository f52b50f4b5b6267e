// `selvedge device maintenance`: somebody works on a device, or on a whole site.
#ifndef SELVEDGE_DEVICE_MAINTENANCE_H
#define SELVEDGE_DEVICE_MAINTENANCE_H

int cmd_device_maintenance(int argc, char **argv);

#endif
