// Inside the artifact cache: what it keeps (cache_disk.c), how it gets it (cache_fetch.c) and whom
// it hands it to (cache_serve.c).
#ifndef SELVEDGE_GATEWAY_CACHE_OWN_H
#define SELVEDGE_GATEWAY_CACHE_OWN_H

#include "cache.h"
#include "cache_index.h"
#include "cache_name.h"

#include <base/map.h>
#include <crypto/digest.h>
#include <model/id.h>
#include <net/http_client.h>
#include <net/http_range.h>
#include <sys/disk.h>
#include <sys/queue.h>

/// Room for a piece: its last chunk may reach over the end.
enum { GW_CACHE_ROOM = GW_CACHE_PIECE_BYTES + GW_CACHE_STORED_MAX };

/// What is known of a chunk.
typedef enum gw_cache_chunk {
    GW_CHUNK_UNKNOWN, ///< whether the disk has it
    GW_CHUNK_MISSING,
    GW_CHUNK_UNDER_WAY,
    GW_CHUNK_HERE,
} gw_cache_chunk;

/// What is known by one SHA-256: a folder.
typedef struct gw_cache_image {
    char sha256[GW_CACHE_HEX_ROOM];
    uint64_t bytes;  ///< of its files on the disk
    int64_t used_us; ///< wall clock: by the time of its files at the start
    size_t objects;  ///< that are open
    sv_map *allowed; ///< device -> gw_cache_yes; NULL: not read yet
} gw_cache_image;

typedef struct gw_cache_yes {
    int64_t at_us; ///< monotonic; 0: before the last start
} gw_cache_yes;

/// An encoding, or a file: its bytes and its index.
typedef struct gw_cache_object {
    TAILQ_ENTRY(gw_cache_object) link;
    gw_cache *cache;
    gw_cache_image *image;
    char name[GW_CACHE_FILE_ROOM];
    char path[GW_CACHE_PATH_ROOM]; ///< at the fleet server, of what is fetched
    bool is_file;                  ///< judged as a whole; one object for each path
    bool whole;                    ///< of a file: it was
    int fd;                        ///< of its bytes; -1: none are kept
    gw_cache_index index;          ///< count 0: not known yet
    uint8_t *states;               ///< gw_cache_chunk of each
    unsigned generation;           ///< of the index
    int64_t index_us; ///< monotonic, when the fleet server gave it; 0: before the start
    bool index_due, index_under_way;
    sv_digest *digest; ///< of a file that is not whole, up to the chunk `filled`
    uint64_t filled;
    size_t fetches;   ///< pieces under way
    unsigned wrong;   ///< pieces in a row that were not what they had to be
    int64_t again_us; ///< monotonic: not before
    char *spare;      ///< the last piece, while it could not be kept
    uint64_t spare_first, spare_count;
} gw_cache_object;

typedef enum gw_cache_stage {
    GW_JOB_ASK,   ///< may the device have it?
    GW_JOB_INDEX, ///< it waits for the index, to be answered with it
    GW_JOB_BYTES, ///< so for the bytes
} gw_cache_stage;

/// A device's request.
typedef struct gw_cache_job {
    TAILQ_ENTRY(gw_cache_job) link;
    TAILQ_ENTRY(gw_cache_job) hungry_link;
    bool hungry; ///< its device has read what it got: it is its turn soon
    gw_cache *cache;
    sv_http_request *request; ///< NULL: the answer has begun
    sv_http_flow *flow;
    char device[SV_ID_ROOM];
    char *certificate; ///< while it is to be asked for
    gw_cache_name name;
    char path[GW_CACHE_PATH_ROOM];
    gw_cache_stage stage;
    bool asking; ///< the question is under way
    gw_cache_object *object;
    uint64_t at, to;
    bool waiting; ///< for the chunk that `at` is in
    int64_t since_us;
    sv_http_range_kind range;
} gw_cache_job;

typedef enum gw_cache_errand { GW_ERRAND_ASK, GW_ERRAND_INDEX, GW_ERRAND_PIECE } gw_cache_errand;

typedef struct gw_cache_lane {
    gw_cache *cache;
    sv_http_client *http;
    bool busy;
    gw_cache_errand errand;
    gw_cache_job *job;       ///< of a question; NULL: it has gone
    gw_cache_object *object; ///< of the others
    uint64_t first, count;
    unsigned generation; ///< of the object's index, when the piece was asked for
    sv_textbuf body;
    bool answered_well; ///< 200 to 299
} gw_cache_lane;

typedef TAILQ_HEAD(gw_cache_jobs, gw_cache_job) gw_cache_jobs;
typedef TAILQ_HEAD(gw_cache_objects, gw_cache_object) gw_cache_objects;

struct gw_cache {
    sv_loop *loop;
    char dir[SV_PATH_MAX];
    int lock;
    int64_t rate, wait_us, reserve;
    double tokens;     ///< bytes that may be asked for now
    int64_t filled_us; ///< monotonic, when they were counted last
    sv_timer *sweep, *soon, *feed;
    gw_cache_lane lanes[GW_CACHE_LANES];
    gw_cache_jobs jobs, hungry;
    size_t job_count;
    gw_cache_objects objects;
    size_t object_count;
    sv_map *images;
    sv_digest *digest; ///< for one chunk at a time
    char room[GW_CACHE_STORED_MAX];
    bool told_full;
    gw_cache_counts counts;
    bool closing;
};

// ---- cache_disk.c

sv_err gw_cache_disk_open(gw_cache *cache, int64_t bytes, sv_why *why);
void gw_cache_disk_close(gw_cache *cache);
/// NULL: there is no room for another one.
gw_cache_image *gw_cache_image_of(gw_cache *cache, const char *sha256);
/// `<dir>/<sha256>[/<name><suffix>]`.
sv_err gw_cache_file_path(const gw_cache *cache, const gw_cache_image *image, const char *name,
                          const char *suffix, char room[SV_PATH_MAX]);
/// Put it there whole; it need not last.
sv_err gw_cache_put(const char *path, sv_text content);
/// Its bytes on the disk; with `make` also when there are none yet. None for who stands back.
void gw_cache_open_bytes(gw_cache_object *object, bool make);
/// Keep a chunk; false: it stands back, or there is no room, which is counted.
bool gw_cache_store(gw_cache_object *object, uint64_t chunk, sv_text bytes);
/// The chunk, from the disk or the piece that could not be kept; empty when it is not there.
sv_text gw_cache_load(gw_cache_object *object, uint64_t chunk);
bool gw_cache_has_room(gw_cache *cache);
/// What its files take is looked at anew.
void gw_cache_weigh(gw_cache *cache, gw_cache_image *image);

// ---- cache_object.c

/// NULL: there is no room for another one.
gw_cache_object *gw_cache_object_of(gw_cache *cache, const gw_cache_name *name, const char *path);
/// Its index is known from now on. Bytes on the disk are looked at when they are wanted.
void gw_cache_object_index(gw_cache_object *object, gw_cache_index *index);
/// Nothing of it is kept: it was not what it had to be.
void gw_cache_object_forget(gw_cache_object *object);
void gw_cache_object_drop(gw_cache_object *object);
/// A device waits for it.
bool gw_cache_object_is_wanted(const gw_cache_object *object);
/// It may be closed: nobody waits for it, and nothing of it is under way.
bool gw_cache_object_is_idle(const gw_cache_object *object);
/// A file that is not whole is kept for one of its names at a time: another one has it. [cache-5]
bool gw_cache_stands_back(const gw_cache_object *object);
/// The index as the fleet server gives it: kept when it is one. Another one than before puts every
/// chunk to the test again.
bool gw_cache_object_take_index(gw_cache_object *object, sv_text bytes, sv_why *why);
/// A chunk that has come, or (`stored`) lies on the disk: false when it is wrong, or the last one
/// of a file that is wrong then. Kept when it is right.
bool gw_cache_object_take(gw_cache_object *object, uint64_t chunk, sv_text bytes, bool stored);

// ---- cache_allow.c

/// False: it has to be asked for; `stale`: it was a yes once, which holds while nobody answers.
bool gw_cache_is_allowed(gw_cache *cache, const char *sha256, const char *device, bool *stale);
void gw_cache_allow(gw_cache *cache, gw_cache_image *image, const char *device);
void gw_cache_disallow(gw_cache *cache, const char *sha256, const char *device);

// ---- cache_fetch.c

sv_err gw_cache_fetch_open(gw_cache *cache, const gw_cache_options *options, sv_why *why);
void gw_cache_fetch_close(gw_cache *cache);
/// Ask for as much of what is wanted as there are connections, and bytes allowed, for.
void gw_cache_fetch(gw_cache *cache);

void gw_cache_mark(gw_cache_object *object, uint64_t first, uint64_t count, gw_cache_chunk state);

// ---- cache_came.c

void gw_cache_index_came(gw_cache_lane *lane, const sv_http_reply_view *reply, const sv_why *why);
void gw_cache_piece_came(gw_cache_lane *lane, const sv_http_reply_view *reply, const sv_why *why);

// ---- cache_serve.c

/// The fleet server has said whether the device may.
void gw_cache_job_answered(gw_cache_job *job, const sv_http_reply_view *reply, bool well,
                           const sv_why *why);
/// Goes on with those that wait for something of this object.
void gw_cache_jobs_go_on(gw_cache_object *object);
/// They cannot be answered.
void gw_cache_jobs_fail(gw_cache_object *object, int status, const char *sentence, bool begun_too);
void gw_cache_job_fail(gw_cache_job *job, int status, const char *sentence);
void gw_cache_jobs_sweep(gw_cache *cache, int64_t now_us);
/// `arg` is the cache: the next of those that are hungry, so many of them that readings and alerts
/// wait for nobody's download.
void gw_cache_feed(void *arg);
/// Somebody is about to be given something of it.
bool gw_cache_is_eaten(const gw_cache_object *object);

#endif
