#include "own.h"
#include <codec/encode.h>
#include <crypto/est.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <string.h>

enum { LINE_BYTES = 64 / 4 * 3, DER_MAX = SV_EST_BODY_MAX / 4 * 3 };

SV_OWN(sv_pkcs7_drop, PKCS7, PKCS7_free)

void sv_certs_drop(sv_certs *certs) {
    for (size_t i = 0; i < certs->count; i++) {
        X509_free(certs->at[i]);
    }
    *certs = (sv_certs){ 0 };
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

sv_err sv_est_base64_parse(sv_text body, sv_textbuf *out, sv_why *why) {
    if (body.len > SV_EST_BODY_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the body has %zu bytes; %d are taken", body.len,
                       SV_EST_BODY_MAX);
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf digits = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX + 2);
    sv_textbuf_add_char(&digits, ':');
    for (size_t i = 0; i < body.len; i++) {
        if (!is_space(body.at[i])) {
            sv_textbuf_add_char(&digits, body.at[i]);
        }
    }
    if (digits.len == 1) {
        return sv_fail(why, SV_ERR_INVALID, "the body is empty; base64 is expected");
    }
    sv_textbuf_add_char(&digits, ':');
    sv_err err = sv_field_bytes_parse(sv_textbuf_text(&digits), out);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "the body is not base64");
}

void sv_est_base64_add(sv_textbuf *out, sv_text bytes) {
    const size_t step = LINE_BYTES;
    for (size_t i = 0; i < bytes.len; i += step) {
        size_t left = bytes.len - i;
        sv_base64_add(out, (sv_text){ bytes.at + i, left < step ? left : step });
        sv_textbuf_add_char(out, '\n');
    }
}

/// Signs nothing: no content, no signer.
static PKCS7 *certs_only(X509 *const *certs, size_t count) {
    SV_DEFER(sv_pkcs7_drop) PKCS7 *message = PKCS7_new();
    if (message == NULL || PKCS7_set_type(message, NID_pkcs7_signed) != 1) {
        return NULL;
    }
    message->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
    for (size_t i = 0; i < count; i++) {
        if (PKCS7_add_certificate(message, certs[i]) != 1) {
            return NULL;
        }
    }
    PKCS7 *made = message;
    message = NULL;
    return made;
}

sv_err sv_est_certs_add(sv_textbuf *out, X509 *const *certs, size_t count, sv_why *why) {
    SV_DEFER(sv_pkcs7_drop) PKCS7 *message = certs_only(certs, count);
    unsigned char *der = NULL;
    int len = message != NULL ? i2d_PKCS7(message, &der) : -1;
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot put certificates together");
    }
    sv_base64_add(out, (sv_text){ (const char *) der, (size_t) len });
    OPENSSL_free(der);
    return SV_OK;
}

sv_err sv_est_certs_of_file(const char *path, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    SV_DEFER(sv_bio_drop) BIO *bio = NULL;
    SV_TRY(sv_bio_open(path, &bio, why));
    X509 *next = NULL;
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (certs.count == SV_EST_CERTS_MAX) {
            X509_free(next);
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than %d certificates", path,
                           SV_EST_CERTS_MAX);
        }
        certs.at[certs.count++] = next;
    }
    ERR_clear_error();
    if (certs.count == 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no certificate (PEM)", path);
    }
    return sv_est_certs_add(out, certs.at, certs.count, why);
}

static sv_err take_certs(const PKCS7 *message, sv_certs *out, sv_why *why) {
    const STACK_OF(X509) *held =
        PKCS7_type_is_signed(message) && message->d.sign != NULL ? message->d.sign->cert : NULL;
    int count = held != NULL ? sk_X509_num(held) : 0;
    if (count <= 0 || count > SV_EST_CERTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the answer holds %d certificates; 1 to %d are taken",
                       count > 0 ? count : 0, SV_EST_CERTS_MAX);
    }
    sv_certs certs = { .count = (size_t) count };
    for (int i = 0; i < count; i++) {
        certs.at[i] = sk_X509_value(held, i);
        (void) X509_up_ref(certs.at[i]);
    }
    *out = certs;
    return SV_OK;
}

sv_err sv_est_certs_parse(sv_text body, sv_certs *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(DER_MAX);
    SV_TRY(sv_est_base64_parse(body, &der, why));
    const unsigned char *at = (const unsigned char *) der.at;
    SV_DEFER(sv_pkcs7_drop) PKCS7 *message = d2i_PKCS7(NULL, &at, (long) der.len);
    if (message == NULL || (const char *) at != der.at + der.len) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the answer is not certificates (PKCS#7)");
    }
    return take_certs(message, out, why);
}
