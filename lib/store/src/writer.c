#include <assert.h>
#include <base/mem.h>
#include <math.h>
#include <stdlib.h>
#include <store/writer.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/worker.h>

// What is recorded is a list of entries: one byte that says which, then its value.
typedef enum entry { ADD = 1, INT, NUMBER, TEXT, BYTES, NOTHING, TALLY } entry;

typedef struct tally {
    int64_t *sum;
    int64_t changed;
} tally;

typedef struct group {
    sv_textbuf entries;
    size_t messages;
    tally tallies[SV_WRITER_TALLIES_MAX];
    size_t tally_count;
} group;

struct sv_writer {
    sv_loop *loop;
    sv_worker *worker;
    sv_db *db; ///< of the worker's thread
    sv_writer_events events;
    void *arg;
    sv_writer_options options;
    group groups[2];
    group *open;      ///< being recorded
    group *under_way; ///< being written, or waiting to be tried again; NULL: none
    uint64_t number;  ///< of the open group
    sv_timer *timer;  ///< the open group has waited long enough
    sv_timer *retry;
    bool due, full, broken;
    sv_err err; ///< what became of the group under way
    sv_why why;
};

// On the worker's thread.

static void take(sv_text *rest, void *out, size_t bytes) {
    assert(rest->len >= bytes);
    memcpy(out, rest->at, bytes);
    rest->at += bytes;
    rest->len -= bytes;
}

static sv_text take_text(sv_text *rest) {
    size_t len = 0;
    take(rest, &len, sizeof len);
    assert(rest->len >= len);
    sv_text text = { .at = rest->at, .len = len };
    rest->at += len;
    rest->len -= len;
    return text;
}

static void bind(sv_stmt *stmt, entry kind, int index, sv_text *rest) {
    int64_t whole = 0;
    double number = 0;
    switch (kind) {
    case INT:
        take(rest, &whole, sizeof whole);
        sv_stmt_bind_int(stmt, index, whole);
        break;
    case NUMBER:
        take(rest, &number, sizeof number);
        sv_stmt_bind_number(stmt, index, number);
        break;
    case TEXT:
        sv_stmt_bind_text(stmt, index, take_text(rest));
        break;
    case BYTES:
        sv_stmt_bind_bytes(stmt, index, take_text(rest));
        break;
    case NOTHING:
    case ADD:
    case TALLY:
        sv_stmt_bind_null(stmt, index);
        break;
    }
}

/// Runs the statement at the front of `rest`, and takes it and what belongs to it.
static sv_err run_one(sv_writer *writer, sv_text *rest, size_t *tallied, sv_why *why) {
    char kind = 0;
    const char *sql = NULL;
    sv_stmt *stmt = NULL;
    take(rest, &kind, 1);
    assert(kind == ADD);
    take(rest, &sql, sizeof sql);
    SV_TRY(sv_db_stmt(writer->db, sql, &stmt, why));
    for (int index = 1; rest->len > 0 && rest->at[0] != ADD && rest->at[0] != TALLY; index++) {
        take(rest, &kind, 1);
        bind(stmt, (entry) kind, index, rest);
    }
    SV_TRY(sv_stmt_run(stmt, why));
    while (rest->len > 0 && rest->at[0] == TALLY) {
        take(rest, &kind, 1);
        writer->under_way->tallies[(*tallied)++].changed = sv_db_changes(writer->db);
    }
    return SV_OK;
}

static void write_group(void *arg) {
    sv_writer *writer = arg;
    sv_text rest = sv_textbuf_text(&writer->under_way->entries);
    size_t tallied = 0;
    writer->why = (sv_why){ .code = SV_OK };
    writer->err = sv_db_begin(writer->db, &writer->why);
    while (writer->err == SV_OK && rest.len > 0) {
        writer->err = run_one(writer, &rest, &tallied, &writer->why);
    }
    if (writer->err == SV_OK) {
        writer->err = sv_db_commit(writer->db, &writer->why);
    } else {
        sv_db_rollback(writer->db);
    }
}

// On the loop's thread.

static void group_written(void *arg);

static void submit(sv_writer *writer) {
    // There is never more than one.
    sv_err err = sv_worker_submit(writer->worker, write_group, group_written, writer);
    assert(err == SV_OK);
    (void) err;
}

static void close_group(sv_writer *writer) {
    if (writer->under_way != NULL || writer->open->entries.len == 0 || writer->broken) {
        return;
    }
    writer->due = false;
    sv_timer_stop(writer->timer);
    writer->under_way = writer->open;
    writer->open = writer->open == &writer->groups[0] ? &writer->groups[1] : &writer->groups[0];
    writer->number++;
    submit(writer);
}

static void group_clear(group *done) {
    sv_textbuf_clear(&done->entries);
    done->messages = 0;
    done->tally_count = 0;
}

static void group_committed(sv_writer *writer) {
    group *done = writer->under_way;
    for (size_t i = 0; i < done->tally_count; i++) {
        *done->tallies[i].sum += done->tallies[i].changed;
    }
    group_clear(done);
    writer->under_way = NULL;
    writer->full = false;
    writer->events.committed(writer->arg, writer->number - 1);
    if (writer->due || writer->open->messages >= writer->options.messages_max) {
        close_group(writer);
    }
}

static void group_written(void *arg) {
    sv_writer *writer = arg;
    if (writer->err == SV_OK) {
        group_committed(writer);
        return;
    }
    bool first = !writer->full;
    writer->full = writer->err == SV_ERR_NO_SPACE;
    writer->broken = !writer->full;
    if (writer->full) {
        sv_timer_once(writer->retry, SV_WRITER_RETRY_US);
    }
    if (first || writer->broken) {
        writer->events.failed(writer->arg, &writer->why);
    }
}

static void on_retry(void *arg) {
    submit(arg);
}

static void on_due(void *arg) {
    sv_writer *writer = arg;
    writer->due = true;
    close_group(writer);
}

sv_err sv_writer_open(sv_loop *loop, sv_db **db, const sv_writer_options *options,
                      const sv_writer_events *events, void *arg, sv_writer **out, sv_why *why) {
    sv_worker *worker = NULL;
    SV_TRY(sv_worker_open(loop, 1, &worker, why));
    sv_writer *writer = sv_mem_new(sizeof *writer);
    *writer = (sv_writer){ .loop = loop,
                           .worker = worker,
                           .db = *db,
                           .events = *events,
                           .arg = arg,
                           .options = *options,
                           .number = 1 };
    *db = NULL;
    writer->groups[0].entries = SV_TEXTBUF_HEAP(SV_WRITER_BYTES_MAX);
    writer->groups[1].entries = SV_TEXTBUF_HEAP(SV_WRITER_BYTES_MAX);
    writer->open = &writer->groups[0];
    writer->timer = sv_timer_new(loop, on_due, writer);
    writer->retry = sv_timer_new(loop, on_retry, writer);
    *out = writer;
    return SV_OK;
}

void sv_writer_wait(sv_writer *writer) {
    for (uint64_t last = writer->number; !writer->broken && !writer->full;) {
        if (writer->under_way == NULL) {
            if (writer->number > last || writer->open->entries.len == 0) {
                return;
            }
            close_group(writer);
        }
        sv_worker_wait(writer->worker);
    }
}

void sv_writer_drop(sv_writer **writer) {
    sv_writer *mine = *writer;
    if (mine == NULL) {
        return;
    }
    sv_timer_stop(mine->retry);
    if (mine->full) {
        // One last try; nobody who was told that it is kept depends on it.
        mine->full = false;
        submit(mine);
        sv_worker_wait(mine->worker);
    }
    sv_writer_wait(mine);
    sv_worker_drop(&mine->worker);
    sv_timer_drop(&mine->timer);
    sv_timer_drop(&mine->retry);
    sv_db_drop(&mine->db);
    sv_textbuf_drop(&mine->groups[0].entries);
    sv_textbuf_drop(&mine->groups[1].entries);
    free(mine);
    *writer = NULL;
}

/// Half a statement must not be written, and leaving it out would be a lie.
static void too_much(sv_writer *writer) {
    if (writer->broken) {
        return;
    }
    sv_why why;
    (void) sv_fail(&why, SV_ERR_STATE, "more than %d bytes wait to be written",
                   SV_WRITER_BYTES_MAX);
    writer->broken = true;
    writer->events.failed(writer->arg, &why);
}

/// One entry: its kind and `bytes` of value, which the caller writes; NULL when it does not fit.
static char *put_room(sv_writer *writer, entry kind, size_t bytes) {
    char *room = sv_textbuf_grow(&writer->open->entries, 1 + bytes);
    if (room == NULL) {
        too_much(writer);
        return NULL;
    }
    *room = (char) kind;
    return room + 1;
}

static void put(sv_writer *writer, entry kind, const void *value, size_t bytes) {
    char *room = put_room(writer, kind, bytes);
    if (room != NULL && bytes > 0) {
        memcpy(room, value, bytes);
    }
}

static void put_text(sv_writer *writer, entry kind, sv_text value) {
    char *room = put_room(writer, kind, sizeof value.len + value.len);
    if (room != NULL) {
        memcpy(room, &value.len, sizeof value.len);
        if (value.len > 0) {
            memcpy(room + sizeof value.len, value.at, value.len);
        }
    }
}

void sv_writer_add(sv_writer *writer, const char *sql) {
    if (writer->open->entries.len == 0 && !sv_timer_is_set(writer->timer)) {
        sv_timer_once(writer->timer, writer->options.wait_us);
    }
    put(writer, ADD, &sql, sizeof sql);
}

void sv_writer_int(sv_writer *writer, int64_t value) {
    put(writer, INT, &value, sizeof value);
}

void sv_writer_number(sv_writer *writer, double value) {
    put(writer, NUMBER, &value, sizeof value);
}

void sv_writer_text(sv_writer *writer, sv_text value) {
    put_text(writer, TEXT, value);
}

void sv_writer_str(sv_writer *writer, const char *value) {
    put_text(writer, TEXT, sv_text_of(value));
}

void sv_writer_bytes(sv_writer *writer, sv_text value) {
    put_text(writer, BYTES, value);
}

void sv_writer_null(sv_writer *writer) {
    put(writer, NOTHING, NULL, 0);
}

void sv_writer_tally(sv_writer *writer, int64_t *sum) {
    group *open = writer->open;
    assert(open->tally_count < SV_WRITER_TALLIES_MAX);
    open->tallies[open->tally_count++] = (tally){ .sum = sum };
    put(writer, TALLY, NULL, 0);
}

uint64_t sv_writer_group(const sv_writer *writer) {
    return writer->number;
}

uint64_t sv_writer_last(const sv_writer *writer) {
    return writer->open->entries.len > 0 ? writer->number : writer->number - 1;
}

void sv_writer_message(sv_writer *writer) {
    writer->open->messages++;
    if (writer->open->messages >= writer->options.messages_max) {
        sv_writer_hurry(writer);
    }
}

void sv_writer_hurry(sv_writer *writer) {
    writer->due = true;
    if (writer->under_way == NULL) {
        // Not here: what belongs together may not be complete.
        sv_timer_once(writer->timer, 0);
    }
}

bool sv_writer_is_behind(const sv_writer *writer) {
    size_t waiting = writer->open->entries.len;
    waiting += writer->under_way != NULL ? writer->under_way->entries.len : 0;
    return waiting > writer->options.behind_bytes;
}

bool sv_writer_is_full(const sv_writer *writer) {
    return writer->full;
}
