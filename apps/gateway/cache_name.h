// What an address below /artifacts/ stands for. Pure.
#ifndef SELVEDGE_GATEWAY_CACHE_NAME_H
#define SELVEDGE_GATEWAY_CACHE_NAME_H

#include <base/text.h>
#include <stdbool.h>

enum {
    GW_CACHE_HEX_ROOM = 64 + 1,
    GW_CACHE_FILE_ROOM = 80,
    GW_CACHE_PATH_ROOM = 1024, ///< longer ones are not kept
};

typedef struct gw_cache_name {
    char sha256[GW_CACHE_HEX_ROOM];
    char file[GW_CACHE_FILE_ROOM]; ///< "raw", "zstd", "delta-<sha256>", or "file" for all others
    bool is_index;                 ///< of that encoding
    bool is_file;
} gw_cache_name;

/// `target` is written as gw_relay_target writes it. False: nothing that is cached, also whatever
/// has a query. [cache-2]
bool gw_cache_name_read(sv_text target, gw_cache_name *out);

/// A file of the update metadata, and where it is kept: "image/<name>", or
/// "director/<device>/<name>" when it is this device's own. False: nothing that is kept. [cache-10]
bool gw_cache_metadata_name(sv_text target, const char *device, char *room, size_t room_bytes);
/// Its name holds its version, so that it never becomes another one.
bool gw_cache_metadata_is_versioned(const char *name);

#endif
