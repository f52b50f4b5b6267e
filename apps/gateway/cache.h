// The artifact cache of a site: what devices ask for below /artifacts/ is fetched from the fleet
// server once, chunk by chunk, each judged before it is kept or handed on, and again when it is
// read from the disk; and the update metadata that was seen last, for while the link is down
// (docs/spec/cache.md).
//
// Nothing on the disk has to be whole or durable: a chunk is there when its bytes have the hash
// that its index says. So a kill, a power cut or a worn disk cost a fetch and nothing else.
#ifndef SELVEDGE_GATEWAY_CACHE_H
#define SELVEDGE_GATEWAY_CACHE_H

#include <base/err.h>
#include <base/text.h>
#include <codec/json.h>
#include <net/http_server.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    GW_CACHE_LANES = 6,                  ///< connections to the fleet server
    GW_CACHE_JOBS = 512,                 ///< requests of devices; more are answered 503
    GW_CACHE_PER_DEVICE = 8,             ///< of these by one device; more are answered 429
    GW_CACHE_OBJECTS = 32,               ///< encodings and files that are open at once
    GW_CACHE_IMAGES = 4096,              ///< kept on the disk; the one used longest ago goes
    GW_CACHE_ALLOWED = 10000,            ///< devices that may have one image
    GW_CACHE_PIECE_BYTES = 1024 * 1024,  ///< asked for at once, at most
    GW_CACHE_CHUNK_BYTES = 64 * 1024,    ///< of a file that has no index of its own
    GW_CACHE_RESERVE = 64 * 1024 * 1024, ///< bytes that are left free on the disk
    GW_CACHE_FEED = 8,  ///< chunks that are read in one turn of the loop: some 2 ms
    GW_CACHE_TRIES = 3, ///< that a chunk is wrong before its devices hear of it
    GW_CACHE_DEADLINE_US = 30 * 1000000, ///< for an answer, or the next 256 KiB of it
    GW_CACHE_WAIT_US = 60 * 1000000,     ///< a device waits so long for its next chunk
    GW_CACHE_AGAIN_US = 1000000,         ///< after a failure
    GW_CACHE_INDEX_US = 60 * 1000000,    ///< an index that is older is asked for again
    GW_CACHE_METADATA_FILES = 256,       ///< of the image repository; the oldest goes
    GW_CACHE_METADATA_OF_DEVICE = 32,    ///< of the director, for each device
    GW_CACHE_RETRY_S = 5,                ///< when to come again after a 503
};
/// What a cache may take unless it is configured: so much, but no more than a quarter of its disk.
#define GW_CACHE_USUAL_BYTES (INT64_C(2) << 30)
/// A fleet server's yes is asked for again after that.
#define GW_CACHE_ALLOWED_US (INT64_C(24) * 3600 * 1000000)
/// A file of the image repository whose name holds its version is not asked for again for so long.
#define GW_CACHE_METADATA_S 3600
/// That there is no next root is remembered so long, as long as what a director says lasts.
#define GW_CACHE_NO_ROOT_S (INT64_C(7) * 86400)

typedef struct gw_cache gw_cache;

typedef struct gw_cache_options {
    const char *dir; ///< made when it is not there
    int64_t bytes;   ///< at most; 0: as GW_CACHE_USUAL_BYTES says
    int64_t rate;    ///< bytes a second from the fleet server; 0: no bound
    const char *fleet_url;
    sv_tls *fleet_tls;            ///< must outlive the cache
    int64_t deadline_us, wait_us; ///< 0: as above
    int64_t reserve;              ///< 0: GW_CACHE_RESERVE
} gw_cache_options;

typedef struct gw_cache_counts {
    uint64_t hits, misses; ///< chunks that were there when a device came for them, or not
    uint64_t served_bytes; ///< to devices
    uint64_t up_bytes;     ///< from the fleet server, of artifacts
    uint64_t asked;        ///< requests to the fleet server
    uint64_t poisoned;     ///< chunks, files and indexes that were not what they had to be
    uint64_t rotten;       ///< chunks on the disk that were not what was written
    uint64_t unstored;     ///< chunks that were handed on and not kept: the disk is full
    uint64_t evicted;      ///< images that had to go
    uint64_t failed;       ///< requests of devices that could not be answered
    uint64_t stale;        ///< metadata that was answered while the fleet server was away
    uint64_t bytes;        ///< on the disk now
    uint64_t bytes_max;
    size_t images;
} gw_cache_counts;

sv_err gw_cache_open(sv_loop *loop, const gw_cache_options *options, gw_cache **out, sv_why *why);
gw_cache_counts gw_cache_count(const gw_cache *cache);
/// After the server whose requests it took: what waits is answered 503.
void gw_cache_drop(gw_cache **cache);

/// Who asks: the device's id, and its certificate as Client-Cert.
typedef struct gw_cache_asker {
    const char *device, *certificate;
} gw_cache_asker;

/// A request for `target` (as gw_relay_target writes it): true when it is the cache's, which
/// answers it now or later. False: it goes on to the fleet server.
bool gw_cache_take(gw_cache *cache, sv_http_request *request, sv_text target,
                   const gw_cache_asker *asker);

/// The fleet server has answered 200 to a GET for `target` of this device: update metadata is kept.
void gw_cache_keep(gw_cache *cache, const char *device, sv_text target, sv_text body);
/// The fleet server has none: of `N.root.json` that is remembered, of all else it is passed over.
/// [cache-12]
void gw_cache_keep_none(gw_cache *cache, const char *device, sv_text target);
/// Whether `request` was answered with metadata whose name holds its version, and which was had
/// not long ago.
bool gw_cache_answer_fresh(gw_cache *cache, sv_http_request *request, sv_text target);
/// Whether `request` was answered with the metadata that was seen last, because the fleet server
/// does not answer.
bool gw_cache_answer_stale(gw_cache *cache, sv_http_request *request, const char *device,
                           sv_text target);

void gw_cache_put_status(const gw_cache *cache, sv_json_out *out);

#endif
