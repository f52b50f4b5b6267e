// How many files and sockets this process may have open at once.
#ifndef SV_SYS_DESCRIPTORS_H
#define SV_SYS_DESCRIPTORS_H

#include <stdint.h>

/// As many as the machine allows without asking (the hard limit of RLIMIT_NOFILE); returns how many
/// that are, or how many they were when they cannot be raised.
uint64_t sv_descriptors_raise(void);

#endif
