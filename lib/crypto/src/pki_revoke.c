#include "pki_internal.h"
#include <base/time.h>
#include <codec/json.h>
#include <crypto/crl_make.h>
#include <crypto/key_store.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <time.h>

enum { CRL_DAYS = 30 };

sv_err sv_pki_revoke(const char *dir, const char *id, sv_why *why) {
    SV_TRY(sv_id_check("id", sv_text_of(id), why));
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "revoked.ndjson", why));

    // Certificates count in whole seconds: the bound is the next one, so that what was issued in
    // this second is covered too.
    char moment[40];
    sv_textbuf before = SV_TEXTBUF(moment);
    sv_time_add(&before, ((int64_t) time(NULL) + 1) * SV_TIME_SECOND_US);
    char room[256];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&line);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "id", id);
    sv_json_add_text(&json, "before", sv_textbuf_text(&before));
    sv_json_close_object(&json);
    sv_textbuf_add_char(&line, '\n');
    SV_TRY(sv_textbuf_end(&line));
    return sv_disk_append(path, sv_textbuf_text(&line), 0644, why);
}

/// The number of the first CRL of a file; 0 when there is none.
static sv_err number_in(const char *path, uint64_t *out, sv_why *why) {
    *out = 0;
    if (!sv_disk_exists(path)) {
        return SV_OK;
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_crl_drop)
    X509_CRL *crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    SV_DEFER(sv_asn1_integer_drop)
    ASN1_INTEGER *last = crl != NULL ? X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL) : NULL;
    if (last == NULL || ASN1_INTEGER_get_uint64(out, last) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a CRL of ours", path);
    }
    return SV_OK;
}

sv_err sv_pki_crl_number(const char *dir, uint64_t *out, sv_why *why) {
    char path[PATH_MAX];
    uint64_t by_hand = 0;
    SV_TRY(sv_pki_path(path, dir, "crl.pem", why));
    SV_TRY(number_in(path, &by_hand, why));
    SV_TRY(sv_pki_path(path, dir, "signer/crl-number", why));
    uint64_t by_signer = 0;
    if (sv_disk_exists(path)) {
        char room[64];
        sv_textbuf text = SV_TEXTBUF(room);
        SV_TRY(sv_disk_read(path, &text, why));
        if (sv_text_u64(sv_text_trim(sv_textbuf_text(&text)), INT64_MAX, &by_signer) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' is no number", path);
        }
    }
    *out = by_hand > by_signer ? by_hand : by_signer;
    return SV_OK;
}

typedef struct crl_build {
    sv_textbuf records;
    int64_t now_s;
    sv_err err;
} crl_build;

static unsigned digit(char c) {
    return (unsigned) (c <= '9' ? c - '0' : c - 'A' + 10);
}

static void visit(void *arg, const sv_pki_record *record) {
    crl_build *build = arg;
    if (!record->revoked || build->err != SV_OK) {
        return;
    }
    uint8_t serial[SV_PKI_SERIAL_ROOM / 2];
    size_t bytes = strlen(record->serial) / 2;
    for (size_t i = 0; i < bytes; i++) {
        serial[i] =
            (uint8_t) (digit(record->serial[2 * i]) << 4 | digit(record->serial[2 * i + 1]));
    }
    build->err = sv_crl_add(&build->records, serial, bytes, build->now_s, NULL);
}

static void build_drop(crl_build *build) {
    sv_textbuf_drop(&build->records);
}

static sv_err add_list(const sv_issuer *issuer, const sv_crl_frame *frame, sv_text records,
                       sv_textbuf *pem, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
    SV_TRY(sv_crl_sign(issuer, frame, records, &der, why));
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL
        || PEM_write_bio(bio, PEM_STRING_X509_CRL, "", (const unsigned char *) der.at,
                         (long) der.len)
               <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write the CRL as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_textbuf_add(pem, (sv_text){ .at = at, .len = (size_t) len });
    return pem->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the CRLs are too long") : SV_OK;
}

static sv_err add_former_list(const sv_pki *pki, X509 *former, const sv_crl_frame *frame,
                              sv_text records, sv_textbuf *pem, sv_why *why) {
    char serial[SV_PKI_SERIAL_ROOM];
    char name[SV_PKI_SERIAL_ROOM + 16];
    char path[PATH_MAX];
    SV_TRY(sv_pki_serial(former, serial, why));
    (void) snprintf(name, sizeof name, "former/%s.key", serial);
    SV_TRY(sv_pki_path(path, pki->dir, name, why));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    sv_why reason = { 0 };
    if (sv_key_open(path, &key, &reason) != SV_OK) {
        return sv_fail(why, SV_ERR_STATE,
                       "%s; it signs the list for the certificates it issued. When those have all "
                       "ended, take its certificate out of ca.crt",
                       reason.text);
    }
    const sv_issuer issuer = { .certificate = former, .key = key, .domain = pki->domain };
    return add_list(&issuer, frame, records, pem, why);
}

sv_err sv_crl_times(sv_text der, int64_t *from_us, int64_t *until_us, sv_why *why) {
    const unsigned char *at = (const unsigned char *) der.at;
    SV_DEFER(sv_crl_drop) X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long) der.len);
    if (crl == NULL || X509_CRL_get0_nextUpdate(crl) == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "%zu bytes are no revocation list with an end",
                           der.len);
    }
    *from_us = sv_asn1_time_us(X509_CRL_get0_lastUpdate(crl));
    *until_us = sv_asn1_time_us(X509_CRL_get0_nextUpdate(crl));
    return SV_OK;
}

sv_err sv_pki_crl(const char *dir, const char *out_path, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    char newest[PATH_MAX];
    SV_TRY(sv_pki_path(newest, dir, "crl.pem", why));
    int64_t now_s = (int64_t) time(NULL);
    sv_crl_frame frame = { .from_us = now_s * SV_TIME_SECOND_US,
                           .until_us = now_s * SV_TIME_SECOND_US + CRL_DAYS * SV_TIME_DAY_US };
    SV_TRY(sv_pki_crl_number(dir, &frame.number, why));
    frame.number++;
    SV_DEFER(build_drop)
    crl_build build = { .records = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX), .now_s = now_s };
    SV_TRY(sv_pki_list(dir, visit, &build, why));
    if (build.err != SV_OK) {
        return sv_fail(why, build.err, "more than %d certificates are revoked", SV_CRL_RECORDS_MAX);
    }
    sv_text records = sv_textbuf_text(&build.records);
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf pem = SV_TEXTBUF_HEAP((size_t) SV_CRL_MADE_MAX * 2 * (1 + SV_PKI_FORMER_MAX));
    const sv_issuer issuer = { .certificate = pki.issuing, .key = pki.key, .domain = pki.domain };
    SV_TRY(add_list(&issuer, &frame, records, &pem, why));
    for (size_t i = 0; i < pki.former_count; i++) {
        SV_TRY(add_former_list(&pki, pki.former[i], &frame, records, &pem, why));
    }
    SV_TRY(sv_disk_replace(newest, sv_textbuf_text(&pem), 0644, why));
    return sv_disk_replace(out_path, sv_textbuf_text(&pem), 0644, why);
}
