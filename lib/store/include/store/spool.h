// A durable queue of small records for a device whose server may be away for days.
//
// Records have a class: 0 is the most urgent, and what is less urgent makes room first. A new
// record waits in memory for its group: sv_spool_commit writes it, with everything else that waits,
// once the oldest has waited `every_us`, so that a record that is delivered sooner never touches
// the flash and a crash at any moment loses at most what is younger than `every_us`. What is
// committed is in segment files, appended and removed whole: no record is ever rewritten. There is
// no mark on disk for how far a segment has been delivered; after a crash up to one segment of each
// class (and what was in flight) is delivered again, so records need names or numbers of their own.
// (Files of its own and not db.h: SQLite wrote 2.3 to 2.7 times the bytes for the same groups and
// took 2 to 3 MB of memory.)
//
// Bounds, besides those of the options: when files would exceed `bytes`, the oldest segment of the
// least urgent class goes, never one of a more urgent class than what is to be written. Below
// `free` the files may not grow: each group is paid for with the oldest segments. A segment goes
// when its newest record is older than `age_us`: by the monotonic clock for what this process
// wrote, by the file's time for older ones, and not at all when either clock reading is from before
// 2024 (a board that woke in 1970). Without a folder, or while the disk takes nothing, up to
// SV_SPOOL_MEMORY_BYTES wait in memory and the oldest of the least urgent class go first.
//
// All on one thread; sv_spool_commit blocks for the disk. A second process is kept out by a lock.
#ifndef SV_STORE_SPOOL_H
#define SV_STORE_SPOOL_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_SPOOL_CLASSES = 4,
    SV_SPOOL_TOPIC_MAX = 512,            ///< bytes
    SV_SPOOL_PAYLOAD_MAX = 8192,         ///< bytes
    SV_SPOOL_SEGMENT_BYTES = 64 * 1024,  ///< of one file
    SV_SPOOL_SEGMENT_RECORDS = 1024,     ///< in one file
    SV_SPOOL_BLOCK_BYTES = 4096,         ///< a file counts as whole blocks, as the disk counts it
    SV_SPOOL_GROUP_BYTES = 64 * 1024,    ///< so much waits no longer for its time
    SV_SPOOL_MEMORY_BYTES = 1024 * 1024, ///< of records that are not on disk
    SV_SPOOL_FLIGHT_MAX = 512,           ///< taken and not settled
    SV_SPOOL_BYTES_MIN = 1024 * 1024,    ///< smallest `bytes`
    SV_SPOOL_DAMAGED_MAX = 4,            ///< files set aside; further ones are removed
    SV_SPOOL_AGE_STEPS = 16,             ///< a segment spans at most this part of `age_us`
};

typedef struct sv_spool sv_spool;

typedef struct sv_spool_now {
    int64_t wall_us, monotonic_us;
} sv_spool_now;

/// Why a record went without being delivered.
typedef enum sv_spool_loss {
    SV_SPOOL_LOST_BYTES, ///< the spool (without a folder: the memory) was full
    SV_SPOOL_LOST_AGE,
    SV_SPOOL_LOST_FREE, ///< the file system was full, or below `free`
    SV_SPOOL_LOSS__COUNT
} sv_spool_loss;
const char *sv_spool_loss_name(sv_spool_loss loss); ///< "bytes", "age", "free"

typedef struct sv_spool_record {
    unsigned class;
    int64_t at_us; ///< wall clock when it was added, as the clock said it
    sv_text topic, payload;
    uint64_t token; ///< for sv_spool_settle
} sv_spool_record;

/// The disk as the spool uses it; NULL members: the real one.
typedef struct sv_spool_disk {
    /// Bytes free on the file system for who is not root; < 0: unknown.
    int64_t (*room)(const char *folder);
    /// Write everything and bring it to the medium; false with errno.
    bool (*write)(int fd, sv_text content);
} sv_spool_disk;

typedef struct sv_spool_options {
    const char *folder; ///< made if missing, mode 0700; NULL or "": memory only
    int64_t bytes;      ///< of all files, in whole blocks; at least SV_SPOOL_BYTES_MIN
    int64_t age_us;
    int64_t free; ///< bytes left to others on the file system
    int64_t every_us;
    sv_spool_disk disk;
    /// A damaged file was met: its sentence. Borrowed; may be NULL.
    void (*damaged)(void *arg, const char *sentence);
    void *arg;
} sv_spool_options;

typedef struct sv_spool_counts {
    int64_t bytes;                       ///< of the files now, in whole blocks
    uint64_t committed;                  ///< records written to files since opening
    uint64_t settled;                    ///< records delivered out of files since opening
    uint64_t lost[SV_SPOOL_LOSS__COUNT]; ///< records since opening
    size_t in_memory, in_flight;         ///< records now
} sv_spool_counts;

/// Texts of `options` are copied. SV_ERR_STATE when another process has the folder, SV_ERR_IO and
/// SV_ERR_NO_SPACE when it cannot be used. What is in the files is looked at when its turn comes: a
/// damaged one is reported, its readable records are delivered, and it is kept beside the others
/// as `….damaged-<unix seconds>`. A torn end, as a power cut leaves it, is no damage.
sv_err sv_spool_open(const sv_spool_options *options, sv_spool **out, sv_why *why);
/// Forgets what is not committed.
void sv_spool_drop(sv_spool **spool);

/// Texts are copied, `token` is ignored. With `take` the record counts as taken and its token is
/// returned. 0: not taken, or there was no room beside more urgent records and it is lost
/// (counted).
uint64_t sv_spool_add(sv_spool *spool, const sv_spool_record *record, bool take, sv_spool_now now);

/// The oldest record of the most urgent class that is neither taken nor settled, in the order of
/// adding within its class; its texts are borrowed until the next call. False: nothing waits, or
/// SV_SPOOL_FLIGHT_MAX are in flight.
bool sv_spool_take(sv_spool *spool, sv_spool_record *out, sv_spool_now now);
/// Delivered. A token that is 0, unknown, or of a record that was lost meanwhile is passed over.
void sv_spool_settle(sv_spool *spool, uint64_t token);
/// Whether there is a record of this class that is neither taken nor settled (a damaged file may
/// make this true for nothing, until sv_spool_take has met it).
bool sv_spool_waits(const sv_spool *spool, unsigned class);

/// Monotonic time at which sv_spool_commit ought to be called; INT64_MAX: not needed.
int64_t sv_spool_due_us(const sv_spool *spool);
/// Write what is only in memory. SV_ERR_NO_SPACE, SV_ERR_IO: it stays in memory and is due again
/// after `every_us`.
sv_err sv_spool_commit(sv_spool *spool, sv_spool_now now, sv_why *why);

void sv_spool_count(const sv_spool *spool, sv_spool_counts *out);

#endif
