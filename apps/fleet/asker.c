#include "asker.h"

#include "certificate_shown.h"
#include "standing.h"

#include <codec/encode.h>

// ---- who it is ----------------------------------------------------------------------------------

static const sv_site *site_of(const sv_fleet *fleet, const char *device_id) {
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(device_id));
    return device != NULL ? device->site : NULL;
}

static sv_err read_certificate(const sv_asker_claim *claim, const sv_tls *door, sv_identity *out,
                               sv_why *why) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    if (claim->client_certs != 1
        || sv_field_bytes_parse(sv_text_of(claim->client_cert), &der) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "Client-Cert is not one byte sequence (:<base64>:) of at most %d bytes",
                       SV_CERTIFICATE_MAX);
    }
    return sv_tls_judge(door, sv_textbuf_text(&der), out, why);
}

/// Nobody is bound to a site here: a device that no gateway has named by a reading or by its
/// presence belongs to none.
static sv_err judge_passed_on(const sv_fleet *fleet, const sv_tls *door,
                              const sv_asker_claim *claim, sv_gateway *gateway, sv_asker *out,
                              sv_why *why) {
    sv_identity who;
    SV_TRY(read_certificate(claim, door, &who, why));
    SV_TRY(sv_standing_allows(fleet->standing, who.id, who.not_before_us, why));
    if (who.role != SV_ROLE_DEVICE) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is a %s; gateways speak for devices alone",
                       who.id, sv_role_name(who.role));
    }
    const sv_site *site = site_of(fleet, who.id);
    if (site == NULL) {
        return sv_fail(why, SV_ERR_STATE,
                       "device %s belongs to no site yet; its first reading or presence at a "
                       "gateway binds it",
                       who.id);
    }
    if (site != gateway->site) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "device %s belongs to site %s, not to %s", who.id,
                       site->name, gateway->site->name);
    }
    *out = (sv_asker){ .who = who, .gateway = gateway, .site = site };
    return SV_OK;
}

static sv_err judge(const sv_fleet *fleet, const sv_tls *door, const sv_asker_claim *claim,
                    sv_asker *out, sv_why *why) {
    const sv_identity *peer = claim->peer;
    if (peer == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the peer has shown no certificate");
    }
    SV_TRY(sv_standing_allows(fleet->standing, peer->id, peer->not_before_us, why));
    if (peer->role != SV_ROLE_GATEWAY && claim->client_certs > 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "Client-Cert is for gateways; '%s' is a %s", peer->id,
                       sv_role_name(peer->role));
    }
    if (peer->role == SV_ROLE_DEVICE) {
        *out = (sv_asker){ .who = *peer, .site = site_of(fleet, peer->id) };
        return SV_OK;
    }
    if (peer->role != SV_ROLE_GATEWAY) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this door is for gateways and devices; '%s' is a %s",
                       peer->id, sv_role_name(peer->role));
    }
    sv_gateway *gateway = sv_registry_gateway(fleet->registry, peer->id);
    if (gateway == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "gateway %s is not named in the fleet server's configuration; add it under "
                       "gateways:",
                       peer->id);
    }
    if (claim->client_certs > 0) {
        return judge_passed_on(fleet, door, claim, gateway, out, why);
    }
    *out = (sv_asker){ .who = *peer, .gateway = gateway, .site = gateway->site };
    return SV_OK;
}

sv_err sv_asker_judge(const sv_fleet *fleet, const sv_tls *door, const sv_asker_claim *claim,
                      sv_asker *out, sv_why *why) {
    SV_TRY(judge(fleet, door, claim, out, why));
    if (out->who.role == SV_ROLE_DEVICE) {
        sv_certificate_shown_note(fleet, out->who.id, out->who.not_after_us);
    }
    return SV_OK;
}
