// What somebody from outside is answered at a door: one handshake, as a program of today would
// begin it, or one that no door should take (old versions, suites without AEAD, without any
// secrecy, no TLS at all), and perhaps one question. For looking at a deployment, not for talking
// to it: nothing that is heard is believed, and the caller waits.
#ifndef SV_NET_PROBE_H
#define SV_NET_PROBE_H

#include <base/err.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum sv_probe_way {
    SV_PROBE_MODERN, ///< TLS 1.2 or 1.3, whatever the door likes best
    SV_PROBE_OLD,    ///< TLS 1.1 at most
    SV_PROBE_CBC,    ///< TLS 1.2 with suites of the CBC kind alone
    SV_PROBE_NULL,   ///< TLS 1.2 with suites that keep nothing secret, or prove nobody
    SV_PROBE_PLAIN,  ///< no TLS
} sv_probe_way;

typedef enum sv_probe_answer {
    SV_PROBE_NOBODY,  ///< no connection, or silence
    SV_PROBE_REFUSED, ///< sent away
    SV_PROBE_TAKEN,   ///< let in; without TLS: answered; for the bad ways: the door agreed to a
                      ///< version and a suite, whatever it said of the certificate afterwards
} sv_probe_answer;

enum {
    SV_PROBE_HEARD_ROOM = 8192,
    SV_PROBE_PATIENCE_MS = 3000, ///< for each step
    SV_PROBE_STAY_MS = 400,      ///< who is not sent away within that was let in
};

typedef struct sv_probe {
    const char *address; ///< IPv4 or IPv6
    uint16_t port;
    sv_probe_way way;
    const char *ca;      ///< PEM of who should vouch for the door; NULL: that is not judged
    bool stranger;       ///< show a certificate that was made just now and that nobody knows
    const char *request; ///< sent when it was let in; NULL: wait whether it is sent away
} sv_probe;

typedef struct sv_probed {
    sv_probe_answer answer;
    char version[16], suite[64]; ///< of the handshake
    bool aead;
    char chain[160];                 ///< why `ca` does not vouch for it; "": it does
    char heard[SV_PROBE_HEARD_ROOM]; ///< the beginning of the answer to `request`
    sv_why why;                      ///< of NOBODY and REFUSED
} sv_probed;

/// The process must ignore SIGPIPE.
void sv_probe_door(const sv_probe *probe, sv_probed *out);

#endif
