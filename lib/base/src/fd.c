#include <base/fd.h>
#include <unistd.h>

void sv_fd_drop(int *fd) {
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}

int sv_fd_take(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}
