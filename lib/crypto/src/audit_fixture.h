// A small honest log with a signer of its own, as records in the order of an export, for tests.
#ifndef SV_CRYPTO_AUDIT_FIXTURE_H
#define SV_CRYPTO_AUDIT_FIXTURE_H

#include "pki_internal.h"
#include <base/mem.h>
#include <base/test.h>
#include <base/time.h>
#include <crypto/audit_export.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <time.h>

enum { LOG_MAX = 64, WORDS_MAX = 16 };

typedef struct plant {
    char dir[32];
    EVP_PKEY *key;
    sv_audit_trust *trust;
} plant;

static inline int64_t plant_now_us(void) {
    return (int64_t) time(NULL) * SV_TIME_SECOND_US;
}

static inline void plant_make(plant *p, sv_key_kind kind) {
    char path[PATH_MAX];
    sv_why why = { 0 };
    memcpy(p->dir, "/tmp/sv-audit-XXXXXX", sizeof "/tmp/sv-audit-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    const sv_pki_setup setup = { .dir = p->dir, .domain = "plant.example", .key = kind };
    if (sv_pki_init(&setup, &why) != SV_OK
        || sv_disk_join(path, sizeof path, p->dir, "ca.crt") != SV_OK
        || sv_audit_trust_open(path, &p->trust, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(sv_disk_join(path, sizeof path, p->dir, "ca.key"), SV_OK);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    p->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(p->key);
}

static inline void plant_drop(plant *p) {
    sv_audit_trust_drop(&p->trust);
    EVP_PKEY_free(p->key);
    assert_int_equal(sv_disk_remove_tree(p->dir, NULL), SV_OK);
}

/// Records as they stand, each with the number of the line that it is, or that it stands behind.
typedef struct log_book {
    sv_audit_record at[LOG_MAX];
    size_t count;
    int64_t last;
    uint8_t hash[SV_AUDIT_HASH_BYTES];
} log_book;

static inline sv_audit_record *log_add(log_book *book, sv_audit_kind kind) {
    assert_true(book->count < LOG_MAX);
    book->at[book->count] = (sv_audit_record){ .kind = kind };
    return &book->at[book->count++];
}

static inline void log_head(log_book *book, int64_t after) {
    log_add(book, SV_AUDIT_HEAD)->head =
        (sv_audit_head){ .server = SV_TEXT("fleet"), .after = after, .filter = SV_TEXT("") };
}

static inline void log_line(log_book *book, sv_text detail) {
    sv_audit_line *line = &log_add(book, SV_AUDIT_LINE)->line;
    *line = (sv_audit_line){ .seq = ++book->last,
                             .at_us = plant_now_us() + book->last,
                             .who = SV_TEXT("ada"),
                             .from = SV_TEXT("192.0.2.7"),
                             .what = SV_TEXT("device.edit"),
                             .about = SV_TEXT("press-1"),
                             .outcome = SV_TEXT("done"),
                             .detail = detail,
                             .before = SV_TEXT("{\"site\":\"north\"}"),
                             .after = SV_TEXT("{\"site\":\"s\xc3\xbc"
                                              "d\"}") };
    memcpy(line->prev, book->hash, sizeof line->prev);
    assert_int_equal(sv_audit_hash(line, line->hash, NULL), SV_OK);
    memcpy(book->hash, line->hash, sizeof book->hash);
}

static inline void log_checkpoint(log_book *book, const plant *p) {
    sv_audit_checkpoint *checkpoint = &log_add(book, SV_AUDIT_CHECKPOINT)->checkpoint;
    *checkpoint =
        (sv_audit_checkpoint){ .seq = book->last,
                               .seal = { .at_us = plant_now_us(), .domain = "plant.example" } };
    memcpy(checkpoint->hash, book->hash, sizeof checkpoint->hash);
    assert_int_equal(sv_audit_checkpoint_sign(p->key, checkpoint, NULL), SV_OK);
}

/// The `count` lines that were written last have been pruned.
static inline void log_prune(log_book *book, const plant *p, size_t count) {
    assert_true(count > 0 && count <= book->count);
    const sv_audit_line first = book->at[book->count - count].line;
    book->count -= count;
    sv_audit_gap *gap = &log_add(book, SV_AUDIT_GAP)->gap;
    *gap = (sv_audit_gap){ .first = first.seq,
                           .last = book->last,
                           .seal = { .at_us = plant_now_us(), .domain = "plant.example" } };
    memcpy(gap->prev, first.prev, sizeof gap->prev);
    memcpy(gap->hash, book->hash, sizeof gap->hash);
    assert_int_equal(sv_audit_gap_sign(p->key, gap, NULL), SV_OK);
}

static inline void log_end(log_book *book) {
    log_add(book, SV_AUDIT_END)->end = (sv_audit_end){ .last = book->last };
}

static inline sv_audit_verdict judge_texts(const plant *p, const sv_text *lines, size_t count) {
    SV_DEFER(sv_audit_export_drop) sv_audit_export *reading = sv_audit_export_new(p->trust);
    sv_audit_verdict verdict;
    sv_why why = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (sv_audit_export_line(reading, lines[i], &why) != SV_OK) {
            fail_msg("record %zu: %s", i, why.text);
        }
    }
    assert_int_equal(sv_audit_export_end(reading, &verdict, NULL), SV_OK);
    return verdict;
}

static inline sv_audit_verdict judge_log(const plant *p, const log_book *book) {
    sv_text lines[LOG_MAX] = { 0 };
    sv_textbuf rooms[LOG_MAX] = { 0 };
    for (size_t i = 0; i < book->count; i++) {
        rooms[i] = SV_TEXTBUF_HEAP(SV_AUDIT_RECORD_MAX);
        sv_audit_record_add(&rooms[i], &book->at[i]);
        lines[i] = sv_textbuf_text(&rooms[i]);
    }
    sv_audit_verdict verdict = judge_texts(p, lines, book->count);
    for (size_t i = 0; i < book->count; i++) {
        sv_textbuf_drop(&rooms[i]);
    }
    return verdict;
}

#endif
