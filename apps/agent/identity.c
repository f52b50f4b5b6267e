#include "identity.h"

#include <base/mem.h>
#include <crypto/identity.h>
#include <stdlib.h>
#include <sys/log.h>

struct sv_agent_identity {
    sv_mqtt_client *client;
    sv_renewal *renewal; ///< NULL: somebody else renews
    sv_validity validity;
    sv_tls *first; ///< of the start, and its owner's
    sv_tls *used;  ///< of a renewal; NULL: the first is
    sv_tls *trial; ///< NULL: none is tried
};

static void on_offer(void *arg, sv_tls *tls) {
    sv_agent_identity *identity = arg;
    sv_tls_drop(&identity->trial);
    identity->trial = tls;
    SV_LOG(info, "certificate.tried", "a new certificate is here; the connection changes to it");
    sv_mqtt_client_use(identity->client, tls);
}

void sv_agent_identity_again(const sv_agent_identity *identity) {
    sv_mqtt_client_use(identity->client, identity->trial != NULL  ? identity->trial
                                         : identity->used != NULL ? identity->used
                                                                  : identity->first);
}

static void on_word(void *arg, bool good, const char *event, const char *sentence) {
    (void) arg;
    sv_log_write(good ? SV_LOG_info : SV_LOG_warn, event, "%s", sentence);
}

static void take_trial(sv_agent_identity *identity) {
    sv_tls_drop(&identity->used);
    identity->used = identity->trial;
    identity->trial = NULL;
}

bool sv_agent_identity_up(sv_agent_identity *identity) {
    if (identity->trial == NULL || identity->renewal == NULL) {
        return false;
    }
    take_trial(identity);
    sv_renewal_taken(identity->renewal);
    return true;
}

void sv_agent_identity_down(sv_agent_identity *identity, const sv_why *why) {
    if (identity->renewal == NULL || why->code != SV_ERR_UNTRUSTED) {
        return;
    }
    if (identity->trial == NULL) {
        sv_renewal_doubt(identity->renewal);
        return;
    }
    if (!sv_renewal_refused(identity->renewal, why)) {
        take_trial(identity);
        return;
    }
    sv_mqtt_client_use(identity->client, identity->used != NULL ? identity->used : identity->first);
    sv_tls_drop(&identity->trial);
}

void sv_agent_identity_rest(sv_agent_identity *identity) {
    sv_renewal_drop(&identity->renewal);
}

void sv_agent_identity_tell(const sv_agent_identity *identity, sv_health_metrics *out) {
    sv_renewal_view view = { .end_us = identity->validity.end_us };
    if (identity->renewal != NULL) {
        sv_renewal_look(identity->renewal, &view);
    }
    out->certificate_end_us = view.end_us;
    out->renewal_us = view.next_us;
}

sv_err sv_agent_identity_open(sv_loop *loop, const sv_agent_config *config, sv_tls *tls,
                              sv_mqtt_client *client, sv_agent_identity **out, sv_why *why) {
    static const sv_renewal_events EVENTS = { .offered = on_offer, .said = on_word };
    const sv_renewal_options options = { .id = config->id,
                                         .host = config->enrolment.host,
                                         .port = config->enrolment.port,
                                         .ca = config->tls.ca,
                                         .cert = config->tls.cert,
                                         .key = config->tls.key };
    SV_DEFER(sv_agent_identity_drop) sv_agent_identity *identity = sv_mem_new(sizeof *identity);
    identity->client = client;
    identity->first = tls;
    SV_TRY(sv_validity_of_file(config->tls.cert, &identity->validity, why));
    if (config->enrolment.renew == SV_AGENT_RENEW_AUTOMATIC) {
        SV_TRY(sv_renewal_open(loop, &options, &EVENTS, identity, &identity->renewal, why));
    }
    *out = identity;
    identity = NULL;
    return SV_OK;
}

void sv_agent_identity_drop(sv_agent_identity **identity) {
    sv_agent_identity *gone = *identity;
    if (gone == NULL) {
        return;
    }
    *identity = NULL;
    sv_renewal_drop(&gone->renewal);
    sv_tls_drop(&gone->trial);
    sv_tls_drop(&gone->used);
    free(gone);
}
