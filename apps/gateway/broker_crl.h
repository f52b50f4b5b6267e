// The revocation list of an external broker: fetched from the fleet server, judged, written to the
// file that the broker reads, and the broker told. mosquitto reads it on SIGHUP, for new
// connections alone (docs/guide/brokers.md). Numbers only rise: what is older than the file, or is
// signed by nobody we trust, or has ended, stays out, and the file stays as it is. [broker-3]
#ifndef SELVEDGE_GATEWAY_BROKER_CRL_H
#define SELVEDGE_GATEWAY_BROKER_CRL_H

#include <base/err.h>
#include <base/time.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/loop.h>
#include <sys/types.h>

struct gw;

enum { GW_BROKER_PID_ROOM = 32 };
#define GW_BROKER_CRL_HURRY_US SV_TIME_SECOND_US ///< for the fleet server to have made the list
#define GW_BROKER_CRL_RETRY_US (15 * SV_TIME_SECOND_US) ///< after a try that failed

typedef struct gw_broker_crl {
    sv_timer *timer; ///< NULL: there is no such file
    bool under_way, again;
    sv_why wrong;    ///< of the last try, said once; its code is SV_OK when that was good
    int64_t number;  ///< of the list in the file; -1: there is none
    uint64_t issuer; ///< whose it is: each authority counts for itself
    int64_t ends_us;
} gw_broker_crl;

/// The first look is at once.
void gw_broker_crl_open(struct gw *g);
/// Somebody's standing has changed: the list is another one now.
void gw_broker_crl_hurry(struct gw *g);
void gw_broker_crl_close(struct gw *g);

/// The process that the file names, when that is a mosquitto: a number left over from before a
/// restart may be somebody else's by now.
sv_err gw_broker_pid(const char *pid_file, pid_t *out, sv_why *why);

#endif
