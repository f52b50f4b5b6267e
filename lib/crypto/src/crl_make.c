#include "own.h"
#include <base/time.h>
#include <crypto/crl_make.h>
#include <time.h>

// DER: SEQUENCE, INTEGER, BIT STRING, UTCTime, GeneralizedTime, [0]
enum {
    SEQUENCE = 0x30,
    INTEGER = 0x02,
    BITS = 0x03,
    UTC_TIME = 0x17,
    LONG_TIME = 0x18,
    EXTENSIONS = 0xA0,
    SERIAL_MAX = 20,
    YEAR_OF_LONG_TIME = 2050,
};
#define LAST_SECOND INT64_C(253402300799) // of the year 9999

SV_OWN(digest_drop, EVP_MD_CTX, EVP_MD_CTX_free)

static void add_byte(sv_textbuf *out, unsigned byte) {
    sv_textbuf_add_char(out, (char) byte);
}

static void add_head(sv_textbuf *out, unsigned tag, size_t len) {
    add_byte(out, tag);
    if (len < 0x80) {
        add_byte(out, (unsigned) len);
        return;
    }
    unsigned bytes = len > 0xFFFFFF ? 4 : len > 0xFFFF ? 3 : len > 0xFF ? 2 : 1;
    add_byte(out, 0x80 | bytes);
    for (unsigned i = bytes; i > 0; i--) {
        add_byte(out, (unsigned) (len >> (8 * (i - 1))) & 0xFF);
    }
}

static size_t head_bytes(size_t len) {
    return len < 0x80 ? 2 : len <= 0xFF ? 3 : len <= 0xFFFF ? 4 : len <= 0xFFFFFF ? 5 : 6;
}

static void add_serial(sv_textbuf *out, const uint8_t *serial, size_t bytes) {
    bool high = (serial[0] & 0x80) != 0; // else it would be negative
    add_head(out, INTEGER, bytes + (high ? 1 : 0));
    if (high) {
        add_byte(out, 0);
    }
    sv_textbuf_add(out, (sv_text){ .at = (const char *) serial, .len = bytes });
}

static sv_err add_time(sv_textbuf *out, int64_t at_s, sv_why *why) {
    struct tm parts;
    time_t at = (time_t) at_s;
    if (at_s < 0 || at_s > LAST_SECOND || gmtime_r(&at, &parts) == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "%lld is no second of the years 1970 to 9999",
                       (long long) at_s);
    }
    int year = parts.tm_year + 1900;
    char text[32];
    sv_textbuf digits = SV_TEXTBUF(text);
    if (year >= YEAR_OF_LONG_TIME) {
        sv_textbuf_addf(&digits, "%04d", year);
    } else {
        sv_textbuf_addf(&digits, "%02d", year % 100);
    }
    sv_textbuf_addf(&digits, "%02d%02d%02d%02d%02dZ", parts.tm_mon + 1, parts.tm_mday,
                    parts.tm_hour, parts.tm_min, parts.tm_sec);
    add_head(out, year >= YEAR_OF_LONG_TIME ? LONG_TIME : UTC_TIME, digits.len);
    sv_textbuf_add(out, sv_textbuf_text(&digits));
    return SV_OK;
}

sv_err sv_crl_add(sv_textbuf *records, const uint8_t *serial, size_t bytes, int64_t at_s,
                  sv_why *why) {
    while (bytes > 0 && serial[0] == 0) {
        serial++;
        bytes--;
    }
    if (bytes == 0 || bytes > SERIAL_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a serial number has 1 to %d bytes and is not 0",
                       SERIAL_MAX);
    }
    char room[SV_CRL_RECORD_MAX];
    sv_textbuf record = SV_TEXTBUF(room);
    add_serial(&record, serial, bytes);
    SV_TRY(add_time(&record, at_s, why));
    add_head(records, SEQUENCE, record.len);
    sv_textbuf_add(records, sv_textbuf_text(&record));
    return records->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the list has more than %d records",
                                         SV_CRL_RECORDS_MAX)
                               : SV_OK;
}

static sv_err add_extensions(X509_CRL *crl, X509 *issuer, uint64_t number, sv_why *why) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    SV_DEFER(sv_extension_drop)
    X509_EXTENSION *authority =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    SV_DEFER(sv_asn1_integer_drop) ASN1_INTEGER *value = ASN1_INTEGER_new();
    if (authority == NULL || X509_CRL_add_ext(crl, authority, -1) != 1 || value == NULL
        || ASN1_INTEGER_set_uint64(value, number) != 1
        || X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot extend a CRL");
    }
    return SV_OK;
}

/// A list without records, signed: OpenSSL writes everything but those.
static sv_err make_empty(const sv_issuer *issuer, const sv_crl_frame *frame, X509_CRL **out,
                         sv_why *why) {
    SV_DEFER(sv_crl_drop) X509_CRL *crl = X509_CRL_new();
    SV_DEFER(sv_asn1_time_drop)
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t) (frame->from_us / SV_TIME_SECOND_US));
    SV_DEFER(sv_asn1_time_drop)
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t) (frame->until_us / SV_TIME_SECOND_US));
    if (crl == NULL || from == NULL || until == NULL
        || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1
        || X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)) != 1
        || X509_CRL_set1_lastUpdate(crl, from) != 1 || X509_CRL_set1_nextUpdate(crl, until) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a CRL");
    }
    SV_TRY(add_extensions(crl, issuer->certificate, frame->number, why));
    if (X509_CRL_sign(crl, issuer->key, sv_pkey_digest(issuer->key)) <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign the CRL");
    }
    *out = crl;
    crl = NULL;
    return SV_OK;
}

/// What is signed, with the records before the extensions, which come last.
static sv_err add_body(X509_CRL *empty, sv_text records, sv_textbuf *out, sv_why *why) {
    unsigned char *body = NULL;
    unsigned char *last = NULL;
    int body_len = i2d_re_X509_CRL_tbs(empty, &body);
    int last_len = i2d_X509_EXTENSIONS(X509_CRL_get0_extensions(empty), &last);
    OPENSSL_free(last);
    long content = 0;
    int tag = 0;
    int class = 0;
    const unsigned char *at = body;
    if (body_len <= 0 || last_len <= 0
        || (ASN1_get_object(&at, &content, &tag, &class, body_len) & 0x80) != 0) {
        OPENSSL_free(body);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a CRL");
    }
    size_t tail = head_bytes((size_t) last_len) + (size_t) last_len;
    size_t front = (size_t) content - tail;
    size_t middle = records.len == 0 ? 0 : head_bytes(records.len) + records.len;
    add_head(out, SEQUENCE, front + middle + tail);
    sv_textbuf_add(out, (sv_text){ .at = (const char *) at, .len = front });
    if (middle > 0) {
        add_head(out, SEQUENCE, records.len);
        sv_textbuf_add(out, records);
    }
    sv_textbuf_add(out, (sv_text){ .at = (const char *) at + front, .len = tail });
    OPENSSL_free(body);
    return out->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the CRL is too long") : SV_OK;
}

static sv_err add_signature(const X509_CRL *empty, EVP_PKEY *key, sv_text body, sv_textbuf *out,
                            sv_why *why) {
    uint8_t signature[SV_PUBLIC_KEY_MAX];
    size_t len = sizeof signature;
    SV_DEFER(digest_drop) EVP_MD_CTX *context = EVP_MD_CTX_new();
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(empty, NULL, &algorithm);
    unsigned char *kind = NULL;
    int kind_len = i2d_X509_ALGOR(algorithm, &kind);
    if (context == NULL || kind_len <= 0
        || EVP_DigestSignInit(context, NULL, sv_pkey_digest(key), NULL, key) != 1
        || EVP_DigestSign(context, signature, &len, (const unsigned char *) body.at, body.len)
               != 1) {
        OPENSSL_free(kind);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign the CRL");
    }
    size_t bits = len + 1; // and how many of the last byte are unused: none
    add_head(out, SEQUENCE, body.len + (size_t) kind_len + head_bytes(bits) + bits);
    sv_textbuf_add(out, body);
    sv_textbuf_add(out, (sv_text){ .at = (const char *) kind, .len = (size_t) kind_len });
    add_head(out, BITS, bits);
    add_byte(out, 0);
    sv_textbuf_add(out, (sv_text){ .at = (const char *) signature, .len = len });
    OPENSSL_free(kind);
    return out->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the CRL is too long") : SV_OK;
}

sv_err sv_crl_sign(const sv_issuer *issuer, const sv_crl_frame *frame, sv_text records,
                   sv_textbuf *der, sv_why *why) {
    SV_DEFER(sv_crl_drop) X509_CRL *empty = NULL;
    SV_TRY(make_empty(issuer, frame, &empty, why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
    SV_TRY(add_body(empty, records, &body, why));
    return add_signature(empty, issuer->key, sv_textbuf_text(&body), der, why);
}
