// The page on loopback for Prometheus and people at the machine (docs/spec/gateway-local.md).
#ifndef SELVEDGE_GATEWAY_LOCAL_H
#define SELVEDGE_GATEWAY_LOCAL_H

#include <net/http_server.h>

typedef struct gw gw;

enum {
    GW_LOCAL_MAX = 8 * 1024 * 1024, ///< bytes of one answer of the local page
};

sv_err gw_local_open(gw *g, sv_why *why);
/// Before files are confined: from where the bytes written to disk are known.
void gw_local_watch_disk(void);
void gw_local_status(const gw *g, sv_textbuf *text);
void gw_local_metrics(const gw *g, sv_textbuf *out);
/// From where somebody asks: this machine, or at the page's own door, who has shown the token.
typedef enum gw_asked_from { GW_ASKED_HERE, GW_ASKED_FROM_AFAR } gw_asked_from;
void gw_local_answer(gw *g, sv_http_request *request, gw_asked_from from);
/// A change that no other site's page has made a browser send; else it is answered.
bool gw_local_is_meant(sv_http_request *request);
/// One of the files of the page for people; which paths are.
bool gw_local_page_has(sv_text path);
void gw_local_page(sv_http_request *request);
/// `GET /v1/devices`.
void gw_local_devices(gw *g, sv_http_request *request);
/// `GET /v1/series`.
void gw_local_series(gw *g, sv_http_request *request);

#endif
