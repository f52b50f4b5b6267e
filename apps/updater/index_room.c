#include "index_room.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/mman.h>
#include <unistd.h>

static sv_err fail(const char *what, sv_why *why) {
    return sv_fail(why, errno == ENOSPC || errno == EDQUOT ? SV_ERR_NO_SPACE : SV_ERR_IO,
                   "cannot %s the index of the image in the state folder: %m", what);
}

/// It has its name for a moment alone; what a process that was killed there left goes.
static sv_err open_file(const char *folder, int *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, folder, "index.new"));
    (void) unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail("keep", why);
    }
    (void) unlink(path);
    *out = fd;
    return SV_OK;
}

sv_err index_room_open(index_room *room, const char *folder, uint64_t bytes, sv_why *why) {
    *room = (index_room){ .bytes = (size_t) bytes, .file = -1 };
    if (bytes > INDEX_ROOM_HEAP_MAX) {
        return open_file(folder, &room->file, why);
    }
    room->at = sv_mem_new((size_t) bytes);
    return SV_OK;
}

sv_err index_room_add(index_room *room, sv_text piece, sv_why *why) {
    if (piece.len > room->bytes - room->got) {
        return sv_fail(why, SV_ERR_INVALID, "the index has more than %zu bytes", room->bytes);
    }
    if (room->file < 0 && piece.len > 0) {
        memcpy(room->at + room->got, piece.at, piece.len);
    }
    for (size_t done = 0; room->file >= 0 && done < piece.len;) {
        ssize_t put =
            pwrite(room->file, piece.at + done, piece.len - done, (off_t) (room->got + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return fail("write", why);
        }
        done += (size_t) put;
    }
    room->got += piece.len;
    return SV_OK;
}

sv_err index_room_end(index_room *room, sv_why *why) {
    if (room->got != room->bytes) {
        return sv_fail(why, SV_ERR_INVALID, "the index has %zu bytes instead of %zu", room->got,
                       room->bytes);
    }
    if (room->file >= 0) {
        void *at = mmap(NULL, room->bytes, PROT_READ, MAP_PRIVATE, room->file, 0);
        if (at == MAP_FAILED) {
            return fail("read", why);
        }
        room->at = at;
    }
    return SV_OK;
}

void index_room_drop(index_room *room) {
    if (room->file < 0) {
        free(room->at);
    } else if (room->at != NULL) {
        (void) munmap(room->at, room->bytes);
    }
    room->at = NULL;
    sv_fd_drop(&room->file);
    room->file = -1;
}
