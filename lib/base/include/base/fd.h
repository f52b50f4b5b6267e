// An owned file descriptor: -1 is empty.
#ifndef SV_BASE_FD_H
#define SV_BASE_FD_H

/// Close, for SV_DEFER; -1 is left alone.
void sv_fd_drop(int *fd);
/// Hand the descriptor on: the owner's variable becomes -1.
int sv_fd_take(int *fd);

#endif
