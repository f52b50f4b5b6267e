// `selvedge simulate`: many machines with their own certificates, in one process.
#ifndef SELVEDGE_SIMULATE_H
#define SELVEDGE_SIMULATE_H

int cmd_simulate(int argc, char **argv);

#endif
