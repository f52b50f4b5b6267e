#include "crl.h"

#include "fleet.h"
#include "standing.h"

#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <crypto/pki.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

struct sv_crl {
    sv_crl_make_fn *make;
    char *der; ///< NULL: none was made yet
    size_t len;
    int64_t version; ///< of the log of standing
    int64_t from_us, until_us;
    int64_t coming_version;                       ///< of the one that is being made
    sv_signer_record *records;                    ///< of the one that is being made; NULL: none is
    sv_http_request *waiting[SV_CRL_WAITING_MAX]; ///< for it
    size_t waiting_count;
    sv_why failed; ///< why none could be made the last time; no text: it could
    int64_t failed_mono_us;
};

enum { RETRY_S = 5 }; ///< after which a failed one is tried again

sv_crl *sv_crl_new(sv_crl_make_fn *make) {
    sv_crl *crl = sv_mem_new(sizeof *crl);
    crl->make = make;
    return crl;
}

// ---- answers ------------------------------------------------------------------------------------

static void answer(const sv_crl *crl, sv_http_request *request) {
    char etag[64];
    const char *had = sv_http_header(request, "If-None-Match");
    (void) snprintf(etag, sizeof etag, "\"%" PRId64 "-%" PRId64 "\"", crl->version,
                    crl->from_us / SV_TIME_SECOND_US);
    sv_http_reply_header(request, "ETag", etag);
    if (had != NULL && strcmp(had, etag) == 0) {
        sv_http_reply(request, 304, NULL, SV_TEXT(""));
        return;
    }
    sv_http_reply(request, 200, "application/pkix-crl",
                  (sv_text){ .at = crl->der, .len = crl->len });
}

static void refuse(sv_http_request *request, const char *why) {
    char seconds[16];
    (void) snprintf(seconds, sizeof seconds, "%d", RETRY_S);
    sv_http_reply_header(request, "Retry-After", seconds);
    sv_http_problem(request, 503, "Not available", "%s", why);
}

static void answer_waiting(sv_crl *crl, const char *why) {
    size_t count = crl->waiting_count;
    crl->waiting_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (crl->der != NULL) {
            answer(crl, crl->waiting[i]);
        } else {
            refuse(crl->waiting[i], why);
        }
    }
}

void sv_crl_drop(sv_crl **crl) {
    sv_crl *old = *crl;
    *crl = NULL;
    if (old != NULL) {
        answer_waiting(old, "the server ends");
        free(old->records);
        free(old->der);
        free(old);
    }
}

// ---- making one ---------------------------------------------------------------------------------

typedef struct gathering {
    const sv_fleet *fleet;
    sv_signer_record *list;
    size_t count, room;
} gathering;

/// What has ended is not on the list: it counts for nobody anyway.
static void add(gathering *all, sv_text serial, sv_text id, int64_t from_us, int64_t until_us) {
    sv_standing now = sv_standing_of(all->fleet->standing, id);
    sv_signer_record record = { .revoked_at_s = now.before_us / SV_TIME_SECOND_US };
    size_t bytes = serial.len / 2;
    if (from_us >= now.before_us || until_us <= all->fleet->believed_us() || bytes == 0
        || bytes > SV_SIGNER_SERIAL_MAX || sv_hex_parse(serial, record.serial, bytes) != SV_OK
        || all->count == SV_SIGNER_CRL_MAX) {
        return;
    }
    record.bytes = (uint32_t) bytes;
    if (all->count == all->room) {
        all->room = all->room == 0 ? 64 : all->room * 2;
        all->list = sv_mem_resize(all->list, all->room * sizeof *all->list);
    }
    all->list[all->count++] = record;
}

static sv_err gather_issued(gathering *all, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(all->fleet->db,
                      "SELECT serial, id, not_before_us, not_after_us FROM certificate", &row,
                      why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        add(all, sv_stmt_text(row, 0), sv_stmt_text(row, 1), sv_stmt_int(row, 2),
            sv_stmt_int(row, 3));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void add_record(void *arg, const sv_pki_record *record) {
    add(arg, sv_text_of(record->serial), sv_text_of(record->id), record->not_before_us,
        record->not_after_us);
}

static int by_serial(const void *left, const void *right) {
    const sv_signer_record *a = left;
    const sv_signer_record *b = right;
    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes ? -1 : 1;
    }
    return memcmp(a->serial, b->serial, a->bytes);
}

/// Many are known both here and to the folder.
static void drop_doubles(gathering *all) {
    size_t kept = 0;
    qsort(all->list, all->count, sizeof *all->list, by_serial);
    for (size_t i = 0; i < all->count; i++) {
        if (kept == 0 || by_serial(&all->list[kept - 1], &all->list[i]) != 0) {
            all->list[kept++] = all->list[i];
        }
    }
    all->count = kept;
}

/// What was issued here, and what the PKI folder knows.
static sv_err gather(gathering *all, sv_why *why) {
    all->list = sv_mem_new(sizeof *all->list);
    all->room = 1;
    SV_TRY(gather_issued(all, why));
    if (all->fleet->config.pki[0] != '\0') {
        SV_TRY(sv_pki_list(all->fleet->config.pki, add_record, all, why));
    }
    drop_doubles(all);
    return SV_OK;
}

static sv_err take(sv_crl *crl, sv_text der, sv_why *why) {
    SV_TRY(sv_crl_times(der, &crl->from_us, &crl->until_us, why));
    free(crl->der);
    crl->der = sv_mem_new(der.len + 1);
    memcpy(crl->der, der.at, der.len);
    crl->len = der.len;
    crl->version = crl->coming_version;
    return SV_OK;
}

/// `why`: why none could be made; NULL: it was.
static void note_end(const sv_fleet *fleet, const sv_why *why) {
    sv_crl *crl = fleet->crl;
    crl->failed.text[0] = '\0';
    crl->failed_mono_us = fleet->mono_us();
    if (why != NULL) {
        crl->failed = *why;
    }
}

static void on_made(void *arg, sv_err err, sv_text bytes, const sv_why *why) {
    const sv_fleet *fleet = arg;
    sv_crl *crl = fleet->crl;
    sv_why fault = { .text = "" };
    free(crl->records);
    crl->records = NULL;
    if (err == SV_OK) {
        err = take(crl, bytes, &fault);
        why = &fault;
    }
    if (err != SV_OK) {
        SV_LOG(error, "crl.failed", "%s", why->text);
    }
    note_end(fleet, err == SV_OK ? NULL : why);
    answer_waiting(crl, err == SV_OK ? "" : why->text);
}

static sv_err begin(sv_fleet *fleet, sv_why *why) {
    sv_crl *crl = fleet->crl;
    gathering all = { .fleet = fleet };
    sv_err err = gather(&all, why);
    if (err == SV_OK) {
        err = crl->make(fleet->signer, all.list, all.count, on_made, fleet, why);
    }
    if (err != SV_OK) {
        free(all.list);
        note_end(fleet, why);
        return err;
    }
    crl->records = all.list;
    crl->coming_version = sv_standing_version(fleet->standing);
    return SV_OK;
}

/// Nothing was decided since, and a third of its life is not over.
static bool is_fresh(const sv_fleet *fleet) {
    const sv_crl *crl = fleet->crl;
    return crl->der != NULL && crl->version == sv_standing_version(fleet->standing)
           && fleet->wall_us() - crl->from_us < (crl->until_us - crl->from_us) / 3;
}

/// Anybody may ask, and what is to be on it is dear to gather: not again and again for nothing.
static sv_err begin_in_time(sv_fleet *fleet, sv_why *why) {
    const sv_crl *crl = fleet->crl;
    if (crl->failed.text[0] != '\0'
        && fleet->mono_us() - crl->failed_mono_us < RETRY_S * SV_TIME_SECOND_US) {
        *why = crl->failed;
        return SV_ERR_UNAVAILABLE;
    }
    return begin(fleet, why);
}

void sv_crl_give(sv_fleet *fleet, sv_http_request *request) {
    sv_crl *crl = fleet->crl;
    sv_why why = { .text = "" };
    sv_err err = SV_OK;
    sv_http_reply_header(request, "Cache-Control", "no-cache");
    if (!is_fresh(fleet) && crl->records == NULL) {
        err = begin_in_time(fleet, &why);
    }
    if (is_fresh(fleet) || (err != SV_OK && crl->der != NULL)) {
        answer(crl, request);
    } else if (err != SV_OK) {
        refuse(request, why.text);
    } else if (crl->waiting_count == SV_CRL_WAITING_MAX) {
        refuse(request, "too many wait for the revocation list that is being made");
    } else {
        crl->waiting[crl->waiting_count++] = request;
    }
}
