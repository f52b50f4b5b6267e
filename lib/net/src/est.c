#include "est_read.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX = 512, ORIGIN_MAX = 320, PATH_MAX_BYTES = 128 };

struct sv_est {
    sv_http_client *http;
    sv_est_done *done; ///< NULL: nobody asks
    void *arg;
};

sv_err sv_est_open(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls, sv_est **out,
                   sv_why *why) {
    char origin[ORIGIN_MAX];
    bool is_v6 = strchr(host, ':') != NULL;
    int len = snprintf(origin, sizeof origin, is_v6 ? "https://[%s]:%u" : "https://%s:%u", host,
                       (unsigned) port);
    if (len < 0 || (size_t) len >= sizeof origin) {
        return sv_fail(why, SV_ERR_INVALID, "the name '%.64s…' is too long", host);
    }
    SV_DEFER(sv_est_drop) sv_est *est = sv_mem_new(sizeof *est);
    SV_TRY(sv_http_client_open(loop, origin, tls, SV_EST_PATIENCE_US, &est->http, why));
    sv_http_client_reply_max(est->http, SV_EST_BODY_MAX);
    *out = est;
    est = NULL;
    return SV_OK;
}

static void answered(void *arg, const sv_http_reply_view *view, const sv_why *why) {
    sv_est *est = arg;
    if (est->done == NULL) {
        return; // dropped
    }
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    sv_est_reply reply = { .step = view->failed_at };
    sv_why fault = { 0 };
    sv_err err = SV_OK;
    if (view->status == 0) {
        fault = *why;
        err = why->code;
    } else {
        err = est_read(view, &certs, &reply, &fault);
    }
    reply.certs = err == SV_OK ? &certs : NULL;
    sv_est_done *done = est->done;
    est->done = NULL;
    done(est->arg, &reply, err == SV_OK ? NULL : &fault);
}

static sv_err ask(sv_est *est, const sv_http_errand *errand, sv_est_done *done, void *arg) {
    if (est->done != NULL) {
        return SV_ERR_STATE;
    }
    SV_TRY(sv_http_client_ask(est->http, errand, answered, est));
    est->done = done;
    est->arg = arg;
    return SV_OK;
}

sv_err sv_est_authorities(sv_est *est, sv_est_done *done, void *arg) {
    const sv_http_field fields[] = { { "Accept", "application/pkcs7-mime" } };
    const sv_http_errand errand = { .method = "GET",
                                    .path = "/.well-known/est/cacerts",
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields) };
    return ask(est, &errand, done, arg);
}

/// `Basic`, id and token in base64.
static sv_err write_secret(const sv_est_ask *question, char room[SECRET_MAX]) {
    char plain[SECRET_MAX / 2];
    sv_textbuf said = SV_TEXTBUF(plain);
    sv_textbuf out = { .at = room, .cap = SECRET_MAX };
    sv_textbuf_addf(&said, "%s:%s", question->id, question->token);
    sv_textbuf_add_str(&out, "Basic ");
    sv_base64_add(&out, sv_textbuf_text(&said));
    bool fits = !said.overflowed && sv_textbuf_end(&out) == SV_OK;
    OPENSSL_cleanse(plain, sizeof plain);
    return fits ? SV_OK : SV_ERR_INVALID;
}

static sv_err write_path(const sv_est_ask *question, char room[PATH_MAX_BYTES]) {
    bool labelled = question->label != NULL;
    sv_textbuf path = { .at = room, .cap = PATH_MAX_BYTES };
    sv_textbuf_addf(&path, "/.well-known/est/%s%s%s", labelled ? question->label : "",
                    labelled ? "/" : "", question->again ? "simplereenroll" : "simpleenroll");
    return sv_textbuf_end(&path) == SV_OK ? SV_OK : SV_ERR_INVALID;
}

sv_err sv_est_enrol(sv_est *est, const sv_est_ask *question, sv_est_done *done, void *arg) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    char secret[SECRET_MAX];
    char path[PATH_MAX_BYTES];
    SV_TRY(write_path(question, path));
    bool by_token = question->id != NULL && question->token != NULL;
    if (by_token) {
        SV_TRY(write_secret(question, secret));
    }
    sv_est_base64_add(&body, question->request);
    const sv_http_field fields[] = { { "Authorization", by_token ? secret : NULL },
                                     { "Content-Type", "application/pkcs10" },
                                     { "Content-Transfer-Encoding", "base64" },
                                     { "Accept", "application/pkcs7-mime" } };
    const sv_http_errand errand = { .method = "POST",
                                    .path = path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .body = sv_textbuf_text(&body) };
    sv_err err = body.overflowed ? SV_ERR_INVALID : ask(est, &errand, done, arg);
    OPENSSL_cleanse(secret, sizeof secret);
    return err;
}

void sv_est_drop(sv_est **est) {
    sv_est *gone = *est;
    if (gone == NULL) {
        return;
    }
    *est = NULL;
    gone->done = NULL;
    sv_http_client_drop(&gone->http);
    free(gone);
}
