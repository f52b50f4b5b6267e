// The verbs of `selvedge detect`, each in a file of its own.
#ifndef SELVEDGE_DETECT_H
#define SELVEDGE_DETECT_H

int cmd_detect_stream(int argc, char **argv);
int cmd_detect_machine(int argc, char **argv);
int cmd_detect_vibration(int argc, char **argv);

#endif
