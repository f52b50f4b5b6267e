// A certificate that renews itself: at two thirds of its lifetime a new key is made, the EST door
// is asked (simplereenroll, by the certificate in use), and the owner is offered a TLS context with
// the new pair. Only when that has connected do the files change (crypto/pair.h), so that what they
// hold has worked once; until then the old one goes on. What fails is tried again. All on the
// loop's thread; docs/spec/renewal.md.
#ifndef SV_NET_RENEWAL_H
#define SV_NET_RENEWAL_H

#include <base/err.h>
#include <base/time.h>
#include <crypto/identity.h>
#include <net/tls.h>
#include <sys/loop.h>

#define SV_RENEWAL_SPREAD 0.05                                ///< of the lifetime, to both sides
#define SV_RENEWAL_LOOK_MIN_US INT64_C(250000)                ///< between two looks at the plan
#define SV_RENEWAL_LOOK_MAX_US SV_TIME_MINUTE_US              //
#define SV_RENEWAL_WAIT_MIN_US SV_TIME_SECOND_US              ///< after a failure
#define SV_RENEWAL_WAIT_FIRST_MAX_US (10 * SV_TIME_MINUTE_US) ///< after the first one
#define SV_RENEWAL_WAIT_MAX_US (6 * SV_TIME_HOUR_US)          ///< after many
#define SV_RENEWAL_SELDOM_MAX_US SV_TIME_DAY_US               ///< where renewal is not offered

enum { SV_RENEWAL_REFUSALS_MAX = 3 }; ///< then the new certificate is given up, and asked for anew

typedef struct sv_renewal sv_renewal;

/// When a certificate is to be renewed; `chance` in [0, 1) is its place in the spread. [renewal-2]
int64_t sv_renewal_due_us(const sv_validity *validity, double chance);

typedef struct sv_renewal_options {
    const char *id;
    const char *label; ///< as in sv_est_ask: "gateway" where a gateway renews its own; NULL: none
    const char *host;  ///< of the EST door
    uint16_t port;
    const char *ca, *cert, *key; ///< as in sv_tls_files; the last two change
} sv_renewal_options;

typedef struct sv_renewal_events {
    /// The next certificate. Connect with it and say how that went: sv_renewal_taken or
    /// sv_renewal_refused. The context is the owner's.
    void (*offered)(void *arg, sv_tls *tls);
    /// For the log: "certificate.renewed", "certificate.waits", ... `good`: nobody has to do
    /// anything.
    void (*said)(void *arg, bool good, const char *event, const char *sentence);
} sv_renewal_events;

/// Texts of `options` are copied. SV_ERR_INVALID, SV_ERR_IO when the certificate cannot be read.
/// Nothing is called from within.
sv_err sv_renewal_open(sv_loop *loop, const sv_renewal_options *options,
                       const sv_renewal_events *events, void *arg, sv_renewal **out, sv_why *why);
/// What was offered has connected: the files hold it from now on.
void sv_renewal_taken(sv_renewal *renewal);
/// It was refused: the one before goes on, and this one is offered again later. False: the one
/// before has ended, and this is what there is.
bool sv_renewal_refused(sv_renewal *renewal, const sv_why *why);
/// A server refused the certificate in use: it may have ended, by a better clock than ours.
void sv_renewal_doubt(sv_renewal *renewal);

typedef struct sv_renewal_view {
    int64_t begin_us, end_us; ///< of the certificate in use
    int64_t next_us;          ///< the next renewal, or the next try; by the wall clock as it is now
} sv_renewal_view;
void sv_renewal_look(const sv_renewal *renewal, sv_renewal_view *out);
void sv_renewal_drop(sv_renewal **renewal);

#endif
