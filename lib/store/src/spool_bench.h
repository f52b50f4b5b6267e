// What the spool's tests share: a folder, a clock and a disk of their own, and records that are
// numbers.
#ifndef SV_STORE_SPOOL_BENCH_H
#define SV_STORE_SPOOL_BENCH_H

#include "spool_file.h"

#include <base/test.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <store/spool.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ALERT, READING, NUMBERS_MAX = 16384 };

#define SECOND_US INT64_C(1000000)

static char folder[64];
static sv_spool_options options;
static sv_spool_now now;
static unsigned damages;

static inline void on_damaged(void *arg, const char *sentence) {
    (void) arg;
    assert_non_null(strstr(sentence, folder));
    damages++;
}

static inline int make_folder(void **state) {
    (void) state;
    (void) snprintf(folder, sizeof folder, "/tmp/sv-spool-XXXXXX");
    assert_non_null(mkdtemp(folder));
    options = (sv_spool_options){ .folder = folder,
                                  .bytes = SV_SPOOL_BYTES_MIN,
                                  .age_us = INT64_C(86400) * SECOND_US,
                                  .every_us = 2 * SECOND_US,
                                  .damaged = on_damaged };
    now = (sv_spool_now){ .wall_us = (int64_t) time(NULL) * SECOND_US, .monotonic_us = SECOND_US };
    damages = 0;
    return 0;
}

static inline int remove_folder(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static inline void empty_folder(void) {
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
    assert_int_equal(mkdir(folder, 0700), 0);
}

static inline sv_spool *open_spool(void) {
    sv_spool *s = NULL;
    sv_why why = { 0 };
    if (sv_spool_open(&options, &s, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return s;
}

static inline void pass(int64_t us) {
    now.wall_us += us;
    now.monotonic_us += us;
}

/// A record that is `number` and, with `bytes`, so long.
static inline uint64_t add(sv_spool *s, unsigned class, unsigned number, size_t bytes, bool take) {
    static char payload[SV_SPOOL_PAYLOAD_MAX];
    memset(payload, '.', sizeof payload);
    int len = snprintf(payload, sizeof payload, "%u ", number);
    sv_spool_record record = {
        .class = class,
        .at_us = now.wall_us,
        .topic = SV_TEXT("sensors/press-1/oil"),
        .payload = { .at = payload, .len = bytes > (size_t) len ? bytes : (size_t) len },
    };
    return sv_spool_add(s, &record, take, now);
}

static inline void commit(sv_spool *s) {
    sv_why why = { 0 };
    if (sv_spool_commit(s, now, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static inline unsigned number_of(const sv_spool_record *record) {
    char text[16] = { 0 };
    sv_text rest = record->payload;
    assert_int_equal(sv_text_copy(sv_text_cut(&rest, ' '), text, sizeof text), SV_OK);
    return (unsigned) strtoul(text, NULL, 10);
}

static inline void take_is(sv_spool *s, unsigned class, unsigned number, bool settle) {
    sv_spool_record record;
    assert_true(sv_spool_take(s, &record, now));
    assert_int_equal(record.class, class);
    assert_int_equal(number_of(&record), number);
    assert_true(sv_text_is(record.topic, "sensors/press-1/oil"));
    if (settle) {
        sv_spool_settle(s, record.token);
    }
}

static inline void take_is_over(sv_spool *s) {
    sv_spool_record record;
    assert_false(sv_spool_take(s, &record, now));
    assert_false(sv_spool_waits(s, ALERT) || sv_spool_waits(s, READING));
}

static inline sv_spool_counts counts_of(const sv_spool *s) {
    sv_spool_counts counts;
    sv_spool_count(s, &counts);
    return counts;
}

/// Files whose names hold `part`.
static inline unsigned files(const char *part) {
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += strstr(entry->d_name, part) != NULL ? 1 : 0;
    }
    (void) closedir(dir);
    return count;
}

static inline void path_of(unsigned class, uint32_t number, char path[128]) {
    char name[SPOOL_NAME_ROOM];
    spool_name_format((spool_name){ .class = class, .number = number }, name);
    (void) snprintf(path, 128, "%s/%s", folder, name);
}

static size_t power_bytes; // until the disk is full, or the power gone
static inline bool disk_write(int fd, sv_text content) {
    size_t len = content.len < power_bytes ? content.len : power_bytes;
    power_bytes -= len;
    bool all = len == content.len;
    assert_int_equal(write(fd, content.at, len), len);
    errno = ENOSPC;
    return all;
}

/// A committed file of six records; its bytes.
static inline size_t write_six(char content[1024]) {
    SV_DEFER(sv_spool_drop) sv_spool *s = open_spool();
    for (unsigned i = 1; i <= 6; i++) {
        add(s, READING, i, 40, false);
    }
    commit(s);
    char path[128];
    path_of(READING, 1, path);
    sv_textbuf file = { .at = content, .cap = 1024 };
    assert_int_equal(sv_disk_read(path, &file, NULL), SV_OK);
    assert_int_equal(unlink(path), 0);
    return file.len;
}

static inline void put_file(const char *content, size_t len) {
    char path[128];
    path_of(READING, 1, path);
    assert_int_equal(sv_disk_replace(path, (sv_text){ .at = content, .len = len }, 0600, NULL),
                     SV_OK);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
