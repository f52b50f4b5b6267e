// What the spool's two halves share: spool.c (records, memory, flight) and spool_disk.c (segments).
#ifndef SV_STORE_SPOOL_OWN_H
#define SV_STORE_SPOOL_OWN_H

#include "spool_file.h"

#include <store/spool.h>
#include <sys/disk.h>

enum { SPOOL_FILE_BYTES_MAX = 2 * SV_SPOOL_SEGMENT_BYTES }; ///< a larger one is not ours

/// A record in memory, not (yet) on disk.
typedef struct spool_staged {
    struct spool_staged *next;
    uint64_t token; ///< 0: not taken
    int64_t at_us, added_us;
    size_t topic_len, payload_len;
    char texts[];
} spool_staged;

typedef struct spool_segment {
    uint32_t number;
    uint32_t bytes;
    uint32_t records, settled; ///< `records` of an earlier process's file are known once it is read
    bool ours;                 ///< written by this process: `records` and `newest_us` are known
    bool read;                 ///< the reader has come to it; it is closed
    bool damaged;
    int64_t oldest_us, newest_us; ///< monotonic, of the records; ours only
    int64_t changed_us;           ///< wall clock, the file's time; not ours only
    uint8_t *skip;                ///< bit per record that was taken while in memory; may be NULL
} spool_segment;

/// The records of one class: segments, oldest first, then what is in memory.
typedef struct spool_lane {
    spool_staged *first, *last;
    spool_segment *segments;
    size_t count, room;
    uint32_t next_number;
    int active; ///< descriptor of the last segment, which is appended to; -1: none
    /// The reader: the segment `reading` in memory.
    sv_textbuf content;
    bool has_content;
    uint32_t reading;
    size_t read_at, read_index;
} spool_lane;

/// A taken record; while it is in memory `segment` means nothing.
typedef struct spool_flight {
    uint64_t token; ///< 0: free
    unsigned class;
    bool on_disk;
    uint32_t segment;
} spool_flight;

struct sv_spool {
    sv_spool_options options;
    char folder[SV_PATH_MAX]; ///< empty: memory only
    int lock;
    spool_lane lanes[SV_SPOOL_CLASSES];
    spool_flight flights[SV_SPOOL_FLIGHT_MAX];
    uint64_t last_token;
    size_t memory_bytes;
    int64_t retry_us; ///< after a commit that failed
    int64_t credit;   ///< bytes given back while the file system is short of them
    size_t set_aside; ///< damaged files beside the others
    sv_textbuf group;
    sv_spool_counts counts;
};

void spool_stage_pop(sv_spool *s, spool_lane *lane);
spool_flight *spool_flight_find(sv_spool *s, uint64_t token);

sv_err spool_disk_open(sv_spool *s, sv_why *why);
void spool_disk_close(sv_spool *s);
spool_segment *spool_segment_find(spool_lane *lane, uint32_t number);
/// The segment's file goes (a damaged one is set aside); `seg` is gone then.
void spool_segment_remove(sv_spool *s, unsigned class, spool_segment *seg);
/// Remove it when all its records are settled.
void spool_segment_finish(sv_spool *s, unsigned class, spool_segment *seg);
/// Remove the segments that are too old.
void spool_disk_trim(sv_spool *s, sv_spool_now now);
/// Write the lane's records in memory to its segments.
sv_err spool_lane_write(sv_spool *s, unsigned class, sv_spool_now now, sv_why *why);
/// The next record on disk that is neither taken nor settled.
bool spool_lane_read(sv_spool *s, unsigned class, spool_item *out);

#endif
