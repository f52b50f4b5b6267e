// Where an encoding's index is kept while its chunks come: 36 bytes for each 64 KiB of an image. A
// small one in memory, a large one in a file of the state folder that has no name, mapped, so that
// the machine may take its pages back.
#ifndef SV_UPDATER_INDEX_ROOM_H
#define SV_UPDATER_INDEX_ROOM_H

#include <base/err.h>
#include <base/text.h>

enum { INDEX_ROOM_HEAP_MAX = 1024 * 1024 };

typedef struct index_room {
    char *at; ///< once it is whole
    size_t bytes, got;
    int file; ///< -1: in memory
} index_room;

/// For exactly `bytes`, in pieces. `folder` is the state folder's path.
sv_err index_room_open(index_room *room, const char *folder, uint64_t bytes, sv_why *why);
sv_err index_room_add(index_room *room, sv_text piece, sv_why *why);
/// All has come.
sv_err index_room_end(index_room *room, sv_why *why);
void index_room_drop(index_room *room);

#endif
