// A database that is written by a thread of its own, so that no commit holds up the loop. The
// loop's thread records statements with their values; what is recorded together is a group, and a
// group is one transaction, written in order. Whoever waits for something to be on disk remembers
// the number of the group it was recorded with and goes on when `committed` names that number or a
// later one.
//
// A group is closed when its first message has waited `wait_us`, when it holds `messages_max`
// messages, or when somebody is in a hurry, but always by the loop itself: what is recorded within
// one event of the loop is one group. And never before the one under way is committed: a slow disk
// makes larger groups, not a queue of small ones. When the disk is full the group stays and is
// tried again every SV_WRITER_RETRY_US; any other failure is final.
//
// Everything is called on the loop's thread. What is read belongs on a second handle of the same
// file, which sees what is committed and nothing else.
#ifndef SV_STORE_WRITER_H
#define SV_STORE_WRITER_H

#include <store/db.h>
#include <sys/loop.h>

enum {
    SV_WRITER_RETRY_US = 1000000,
    SV_WRITER_BYTES_MAX = 64 * 1024 * 1024, ///< of one group; what does not fit ends the program
    SV_WRITER_TALLIES_MAX = 64,             ///< sv_writer_tally in one group
};

typedef struct sv_writer sv_writer;

typedef struct sv_writer_events {
    void (*committed)(void *arg, uint64_t group);
    /// The disk is full (SV_ERR_NO_SPACE: it is tried again, `committed` follows when there is
    /// room) or the database cannot be written any more (anything else).
    void (*failed)(void *arg, const sv_why *why);
} sv_writer_events;

typedef struct sv_writer_options {
    size_t messages_max; ///< about; those of one turn of the loop stay together
    int64_t wait_us;
    size_t behind_bytes; ///< recorded and not committed, above which sv_writer_is_behind
} sv_writer_options;

/// Takes `db` over (its thread uses it from now on) and drops it at the end.
sv_err sv_writer_open(sv_loop *loop, sv_db **db, const sv_writer_options *options,
                      const sv_writer_events *events, void *arg, sv_writer **out, sv_why *why);
/// Commits what is recorded, if that can be done at once; `committed` is called for it.
void sv_writer_drop(sv_writer **writer);

/// Begin a statement; its values follow in the order of its parameters. `sql` is a literal.
void sv_writer_add(sv_writer *writer, const char *sql);
void sv_writer_int(sv_writer *writer, int64_t value);
void sv_writer_number(sv_writer *writer, double value); ///< not finite: NULL
void sv_writer_text(sv_writer *writer, sv_text value);  ///< copied
void sv_writer_str(sv_writer *writer, const char *value);
void sv_writer_bytes(sv_writer *writer, sv_text value); ///< a BLOB; copied
void sv_writer_null(sv_writer *writer);
/// Once committed, the rows that this statement changed are added to `*sum`, just before
/// `committed`.
void sv_writer_tally(sv_writer *writer, int64_t *sum);

/// The number of the group that is being recorded; numbers rise by one, from 1.
uint64_t sv_writer_group(const sv_writer *writer);
/// The group that holds the last thing recorded; 0: nothing was yet.
uint64_t sv_writer_last(const sv_writer *writer);
/// One message is complete.
void sv_writer_message(sv_writer *writer);
/// Commit in the next turn of the loop, or as soon as the one before is done.
void sv_writer_hurry(sv_writer *writer);
bool sv_writer_is_behind(const sv_writer *writer);
/// True from a `failed` for want of space until the next commit.
bool sv_writer_is_full(const sv_writer *writer);
/// Wait until everything recorded so far is committed or has failed.
void sv_writer_wait(sv_writer *writer);

#endif
