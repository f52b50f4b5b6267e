// Reads the answer of an EST server: status, headers, body. Pure.
#ifndef SV_NET_EST_READ_H
#define SV_NET_EST_READ_H

#include <net/est.h>
#include <net/http_client.h>

/// The moment of a Date header (RFC 9110 §5.6.7, the one form that is sent today); 0 for anything
/// else.
int64_t est_date(sv_text text);
/// Certificates, owned by the caller, or the sentence. Fills status, clock and wait of `reply`.
sv_err est_read(const sv_http_reply_view *view, sv_certs *certs, sv_est_reply *reply, sv_why *why);

#endif
