// Gateways hear of what was decided: each change at once over their stream, a fresh head every
// minute, and by asking, whatever they have missed. What they hear is signed; the key is the
// signer's. [standing-9]
#ifndef SV_FLEET_STANDING_PUSH_H
#define SV_FLEET_STANDING_PUSH_H

#include "standing.h"

#include <net/http_server.h>

enum {
    SV_STANDING_EVENT_LINES = 40,     ///< in one event; a gateway fetches what are more
    SV_STANDING_EVENT_MAX = 8 * 1024, ///< bytes of one
};
#define SV_STANDING_HEAD_US SV_TIME_MINUTE_US ///< between heads
#define SV_STANDING_RETRY_US SV_TIME_SECOND_US

/// `head` with its signature, or why there is none.
typedef void sv_standing_signed_fn(void *arg, sv_err err, const sv_standing_head *head,
                                   const sv_why *why);
/// Who signs: `done` is called once, now or later.
typedef void sv_standing_sign_fn(void *signer, const sv_standing_head *head,
                                 sv_standing_signed_fn *done, void *arg);

/// How far gateways could be told.
typedef struct sv_standing_pushing {
    sv_standing_sign_fn *sign; ///< NULL: no signer is configured
    void *signer;
    sv_standing_head head; ///< the last one that was signed; no signature: none yet
    int64_t head_mono_us;
    int64_t tried_mono_us;
    bool under_way;
    unsigned rewrites; ///< how often rows have given way to others: what was asked before is void
    unsigned asked;    ///< `rewrites` when that which is under way was asked
    sv_why why;        ///< why the last try failed; empty: it did not
} sv_standing_pushing;

/// selvedge-signer: `signer` is the line to it (signer.h).
void sv_standing_ask_signer(void *signer, const sv_standing_head *head, sv_standing_signed_fn *done,
                            void *arg);
void sv_standing_sign_with(sv_standing_log *log, sv_standing_sign_fn *sign, void *signer);

/// Have signed and push what is not yet; a fresh head when it is time. Cheap when nothing is. Once
/// a second, and after every decision.
void sv_standing_turn(struct sv_fleet *fleet);
/// A gateway has opened its stream: the head tells it whether it missed something.
void sv_standing_greet(struct sv_fleet *fleet, const sv_gateway *gateway);
/// Answer `GET /v1/gateway/{id}/standing?after=`, now or when the page is signed.
void sv_standing_give(struct sv_fleet *fleet, const sv_gateway *gateway, int64_t after,
                      sv_http_request *request);
/// `POST /v1/standing {"version","hash"}`: how far a gateway has come. SV_ERR_INVALID.
sv_err sv_standing_take_report(struct sv_fleet *fleet, sv_gateway *gateway, sv_text body,
                               sv_textbuf *answer, sv_why *why);
/// {"version","head":{"version","at"}|null,"cannot":<why no more is signed>|null,"gateways":[{"id",
/// "site","connected","version","at"}]}: `at` is when it said so.
/// Gateways of these sites alone (sv_person.sites); "": of all.
void sv_standing_write_gateways(struct sv_fleet *fleet, const char *sites, sv_json_out *out);

#endif
