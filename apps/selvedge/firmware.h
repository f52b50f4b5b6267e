// The verbs of `selvedge firmware` that try an update on a folder with two slots.
#ifndef SELVEDGE_FIRMWARE_H
#define SELVEDGE_FIRMWARE_H

int firmware_install(int argc, char **argv);
int firmware_boot(int argc, char **argv);
int firmware_slots_look(int argc, char **argv);

#endif
