// For tests: a folder in memory that keeps every write and flush, fails where it is told to, loses
// power, and can be broken in the ways that an update engine is broken in.
#ifndef SV_SLOT_TEST_MEDIUM_H
#define SV_SLOT_TEST_MEDIUM_H

#include <base/crc.h>
#include <base/little.h>
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <slot/twin.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MEDIUM_FILES = 12, ///< that ever were
    MEDIUM_FILE_MAX = 8192,
    MEDIUM_EVENTS_MAX = 512,
    MEDIUM_SECTOR = 512,
};

typedef struct medium_file {
    uint64_t bytes;
    uint8_t data[MEDIUM_FILE_MAX];
} medium_file;

/// What is on a platter: files, and the names in the folder.
typedef struct platter {
    medium_file files[MEDIUM_FILES];
    char names[MEDIUM_FILES][SV_SLOT_NAME_MAX + 1]; ///< of a file; "": it has none
    int made;                                       ///< files that ever were
    uint32_t ticks; ///< of a counter in hardware, which has no cache
} platter;

typedef enum medium_kind {
    MEDIUM_WRITE,
    MEDIUM_LENGTH,
    MEDIUM_SYNC,
    MEDIUM_NAME, ///< file `file` is called `name` from now on ("": it is not there any more)
    MEDIUM_SYNC_FOLDER,
    MEDIUM_TICK,
} medium_kind;

typedef struct medium_event {
    medium_kind kind;
    int file;
    uint64_t at, len;
    uint8_t *data;
    char name[SV_SLOT_NAME_MAX + 1];
} medium_event;

typedef struct medium {
    sv_slot_disk disk;
    platter begin; ///< on the medium when recording began
    platter now;   ///< as programs see it
    medium_event events[MEDIUM_EVENTS_MAX];
    size_t count;
    size_t calls;       ///< of the table, whatever they do
    size_t fail_at;     ///< this call, from 1, fails; 0: none
    size_t fail_for;    ///< so many calls from there on
    sv_err fault;       ///< with this
    const char *unread; ///< a file that is not given back; NULL: none
    // Ways to be broken.
    const char *no_sync_of; ///< a file whose flushes do nothing
    bool no_sync_folder;
    bool in_place;       ///< what has two copies has one
    bool no_checksum;    ///< a copy is taken whatever its checksum says
    const char *flips;   ///< a file that keeps other bytes than were written …
    unsigned flips_left; ///< … so many times
} medium;

static inline bool medium_stop(medium *m) {
    m->calls++;
    return m->fail_at != 0 && m->calls >= m->fail_at && m->calls - m->fail_at < m->fail_for;
}

#define MEDIUM_CALL(m, why)                                                                        \
    do {                                                                                           \
        if (medium_stop(m)) {                                                                      \
            return sv_fail(why, (m)->fault, "the medium fails at call %zu", (m)->calls);           \
        }                                                                                          \
    } while (0)

static inline medium_event *medium_note(medium *m, medium_kind kind, int file) {
    assert_true(m->count < MEDIUM_EVENTS_MAX);
    medium_event *event = &m->events[m->count++];
    *event = (medium_event){ .kind = kind, .file = file };
    return event;
}

static inline int platter_find(const platter *p, const char *name) {
    for (int i = 0; i < p->made; i++) {
        if (strcmp(p->names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static inline void medium_name(medium *m, int file, const char *name) {
    (void) snprintf(m->now.names[file], sizeof m->now.names[file], "%s", name);
    medium_event *event = medium_note(m, MEDIUM_NAME, file);
    (void) snprintf(event->name, sizeof event->name, "%s", name);
}

static inline sv_err medium_open(void *arg, const char *name, unsigned how, int *file,
                                 sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    int found = platter_find(&m->now, name);
    if ((how & SV_SLOT_MAKE) != 0 && found < 0) {
        assert_true(m->now.made < MEDIUM_FILES);
        found = m->now.made++;
        m->now.files[found] = (medium_file){ .bytes = 0 };
        medium_name(m, found, name);
    } else if ((how & SV_SLOT_MAKE) != 0) {
        return sv_fail(why, SV_ERR_IO, "'%s' is there", name);
    }
    if (found < 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no '%s'", name);
    }
    *file = found;
    return SV_OK;
}

static inline void medium_close(void *arg, int file) {
    (void) arg;
    assert_true(file >= 0 && file < MEDIUM_FILES);
}

static inline sv_err medium_length(void *arg, int file, uint64_t *bytes, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    *bytes = m->now.files[file].bytes;
    return SV_OK;
}

static inline sv_err medium_set_length(void *arg, int file, uint64_t bytes, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    assert_true(bytes <= MEDIUM_FILE_MAX);
    m->now.files[file].bytes = bytes;
    medium_note(m, MEDIUM_LENGTH, file)->len = bytes;
    return SV_OK;
}

static inline bool medium_is(const medium *m, int file, const char *begin) {
    return strncmp(m->now.names[file], begin, strlen(begin)) == 0;
}

static inline bool medium_is_twin(const medium *m, int file) {
    return medium_is(m, file, "boot-state") || medium_is(m, file, "journal")
           || medium_is(m, file, "loader");
}

/// Two copies of one thing: a twin, or a boot loader's environment.
static inline bool medium_has_copies(const medium *m, int file) {
    return medium_is_twin(m, file) || medium_is(m, file, "env");
}

/// Whoever looks at the checksum of what was read finds it right.
static inline void medium_excuse(const medium *m, int file, uint8_t *out, size_t len) {
    uint64_t payload = len == SV_TWIN_COPY_BYTES ? sv_little_get((const char *) out + 16, 4) : 0;
    if (medium_is_twin(m, file) && payload > 0 && payload <= SV_TWIN_PAYLOAD_MAX) {
        memset(out + 20, 0, 4);
        sv_text copy = { .at = (const char *) out, .len = SV_TWIN_HEAD_BYTES + (size_t) payload };
        sv_little_put(sv_crc32(copy), 4, (char *) out + 20);
    } else if (medium_is(m, file, "env") && len > 5) {
        sv_text words = { .at = (const char *) out + 5, .len = len - 5 };
        sv_little_put(sv_crc32(words), 4, (char *) out);
    }
}

static inline sv_err medium_read(void *arg, int file, uint64_t at, uint8_t *out, size_t len,
                                 sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    if (m->unread != NULL && strcmp(m->unread, m->now.names[file]) == 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s'", m->unread);
    }
    if (at + len > m->now.files[file].bytes) {
        return sv_fail(why, SV_ERR_IO, "'%s' ends too soon", m->now.names[file]);
    }
    at = m->in_place && medium_has_copies(m, file) ? 0 : at;
    memcpy(out, m->now.files[file].data + at, len);
    if (m->no_checksum) {
        medium_excuse(m, file, out, len);
    }
    return SV_OK;
}

static inline sv_err medium_write(void *arg, int file, uint64_t at, const uint8_t *bytes,
                                  size_t len, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    assert_true(at + len <= m->now.files[file].bytes);
    at = m->in_place && medium_has_copies(m, file) ? 0 : at;
    medium_event *event = medium_note(m, MEDIUM_WRITE, file);
    event->at = at;
    event->len = len;
    event->data = sv_mem_new(len);
    memcpy(event->data, bytes, len);
    if (m->flips != NULL && m->flips_left > 0 && strcmp(m->flips, m->now.names[file]) == 0) {
        event->data[len / 2] ^= 1;
        m->flips_left--;
    }
    memcpy(m->now.files[file].data + at, event->data, len);
    return SV_OK;
}

static inline sv_err medium_sync(void *arg, int file, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    if (m->no_sync_of == NULL || strcmp(m->no_sync_of, m->now.names[file]) != 0) {
        (void) medium_note(m, MEDIUM_SYNC, file);
    }
    return SV_OK;
}

static inline sv_err medium_forget(void *arg, int file, sv_why *why) {
    medium *m = arg;
    (void) file;
    MEDIUM_CALL(m, why);
    return SV_OK;
}

static inline sv_err medium_unlink(void *arg, const char *name, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    int file = platter_find(&m->now, name);
    if (file >= 0) {
        medium_name(m, file, "");
    }
    return SV_OK;
}

static inline sv_err medium_rename(void *arg, const char *from, const char *to, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    int file = platter_find(&m->now, from);
    int old = platter_find(&m->now, to);
    assert_true(file >= 0 && old < 0); // nothing here replaces a name
    medium_name(m, file, to);
    return SV_OK;
}

static inline sv_err medium_sync_folder(void *arg, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    if (!m->no_sync_folder) {
        (void) medium_note(m, MEDIUM_SYNC_FOLDER, -1);
    }
    return SV_OK;
}

static inline sv_err medium_ticks(void *arg, uint32_t *out, sv_why *why) {
    medium *m = arg;
    MEDIUM_CALL(m, why);
    *out = m->now.ticks;
    return SV_OK;
}

static inline sv_err medium_raise(void *arg, uint32_t to, sv_why *why) {
    medium *m = arg;
    while (m->now.ticks < to) {
        MEDIUM_CALL(m, why);
        m->now.ticks++;
        (void) medium_note(m, MEDIUM_TICK, -1);
    }
    return SV_OK;
}

static inline void medium_forget_events(medium *m) {
    for (size_t i = 0; i < m->count; i++) {
        free(m->events[i].data);
    }
    m->count = 0;
}

/// Record from what is on this platter; the ways to be broken stay.
static inline void medium_begin(medium *m, const platter *from) {
    medium_forget_events(m);
    if (from != &m->begin) {
        m->begin = *from;
    }
    m->now = m->begin;
    m->calls = 0;
    m->fail_at = 0;
    m->disk = (sv_slot_disk){ .arg = m,
                              .open = medium_open,
                              .close = medium_close,
                              .length = medium_length,
                              .set_length = medium_set_length,
                              .read = medium_read,
                              .write = medium_write,
                              .sync = medium_sync,
                              .forget = medium_forget,
                              .rename = medium_rename,
                              .unlink = medium_unlink,
                              .sync_folder = medium_sync_folder };
}

/// A file that is there from the beginning.
static inline void platter_add(platter *p, const char *name, uint64_t bytes) {
    int file = p->made++;
    p->files[file] = (medium_file){ .bytes = bytes };
    (void) snprintf(p->names[file], sizeof p->names[file], "%s", name);
}

#endif
