#include "own_certificate.h"

#include "audit_log.h"

#include <base/mem.h>
#include <crypto/cert_facts.h>
#include <crypto/est_answer.h>
#include <crypto/issue.h>
#include <crypto/key_store.h>
#include <crypto/pair.h>
#include <crypto/random.h>
#include <crypto/request.h>
#include <net/renewal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { DOORS = 2, LOOKS = 200, RETRIES = 50 };

typedef struct own {
    sv_own_certificates *all;
    const char *cert, *key;
    sv_validity validity;
    double chance;
    int64_t next_try_us; ///< monotonic
    bool under_way;
    sv_pair pair;
    struct evp_pkey_st *next_key; ///< of the question that is open
    char id[SV_ID_ROOM];
} own;

struct sv_own_certificates {
    sv_fleet *fleet;
    sv_own_sign *sign;
    sv_loop_fn *changed;
    void *arg;
    sv_timer *look;
    own doors[DOORS];
    size_t count;
};

static int64_t between(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

static int64_t lifetime_us(const own *o) {
    return o->validity.end_us - o->validity.begin_us;
}

static double chance(void) {
    uint32_t bits = 0;
    sv_random(&bits, sizeof bits);
    return (double) bits / ((double) UINT32_MAX + 1);
}

static sv_err read_validity(own *o, sv_why *why) {
    o->chance = chance();
    return sv_validity_of_file(o->cert, &o->validity, why);
}

static void end_question(own *o) {
    o->under_way = false;
    sv_key_drop(&o->next_key);
}

static void fail(own *o, const sv_why *why) {
    int64_t wait_us = between(lifetime_us(o) / RETRIES, SV_OWN_RETRY_MIN_US, SV_OWN_RETRY_MAX_US);
    end_question(o);
    o->next_try_us = o->all->fleet->mono_us() + wait_us;
    int64_t left_us = o->validity.end_us - o->all->fleet->believed_us();
    SV_LOG(warn, "certificate.waits",
           "'%s' is not renewed: %s; it ends in %lld hours; next try in %lld s", o->cert, why->text,
           (long long) (left_us / SV_TIME_HOUR_US), (long long) (wait_us / SV_TIME_SECOND_US));
}

/// So that whoever reads the log of events knows why the server shows another one.
static void write_down(const own *o) {
    const sv_audit_event event = { .at_us = o->all->fleet->wall_us(),
                                   .who = "fleet",
                                   .what = "certificate.renew",
                                   .about = o->id,
                                   .outcome = SV_AUDIT_DONE,
                                   .detail = "the fleet server's own, through the signer" };
    sv_why why;
    if (sv_audit_add(o->all->fleet->db, &event, &why) != SV_OK) {
        SV_LOG(error, "audit.failed", "%s", why.text);
    }
}

static sv_err keep(own *o, sv_text der, sv_why *why) {
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf chain = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    SV_TRY(sv_certs_push_der(&certs, der, why));
    SV_TRY(
        sv_est_leaf(&certs, o->next_key, o->id, o->all->fleet->config.devices.tls.ca, &chain, why));
    SV_TRY(sv_pair_keep_next(&o->pair, sv_textbuf_text(&chain), why));
    return sv_pair_change(&o->pair, why);
}

static void signed_now(void *arg, sv_err err, sv_text bytes, const sv_why *why) {
    own *o = arg;
    sv_why fault;
    if (err != SV_OK || keep(o, bytes, &fault) != SV_OK || read_validity(o, &fault) != SV_OK) {
        fail(o, err != SV_OK ? why : &fault);
        return;
    }
    end_question(o);
    write_down(o);
    SV_LOG(info, "certificate.renewed", "'%s' is a new one, good for %lld hours", o->cert,
           (long long) (lifetime_us(o) / SV_TIME_HOUR_US));
    o->all->changed(o->all->arg);
}

/// As the one in use says, for a new key.
static sv_err write_issue(own *o, sv_issue *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    SV_DEFER(sv_certs_drop) sv_certs now = { 0 };
    SV_TRY(sv_pair_open(o->cert, o->key, &o->pair, why));
    SV_TRY(sv_pair_next_key(&o->pair, false, &o->next_key, why));
    SV_TRY(sv_request_follow(o->next_key, NULL, o->cert, &request, why));
    SV_TRY(sv_issue_from_csr(sv_textbuf_text(&request), out, why));
    SV_TRY(sv_certs_read(o->cert, &now, why));
    SV_TRY(sv_issue_add_names_of(out, now.at[0], why));
    out->role = SV_ROLE_SERVER;
    out->lifetime_s = lifetime_us(o) / SV_TIME_SECOND_US;
    return sv_text_copy(sv_text_of(out->id), o->id, sizeof o->id);
}

static void renew(own *o) {
    sv_issue issue;
    sv_why why;
    o->under_way = true;
    if (write_issue(o, &issue, &why) != SV_OK
        || o->all->sign(o->all->fleet->signer, &issue, signed_now, o, &why) != SV_OK) {
        fail(o, &why);
    }
}

static void look_at(own *o) {
    const sv_fleet *fleet = o->all->fleet;
    sv_validity now;
    if (o->under_way || fleet->mono_us() < o->next_try_us) {
        return;
    }
    // Somebody may have put another one in its place.
    if (sv_validity_of_file(o->cert, &now, NULL) == SV_OK && now.end_us != o->validity.end_us) {
        o->validity = now;
    }
    if (fleet->believed_us() >= sv_renewal_due_us(&o->validity, o->chance)) {
        renew(o);
    }
}

void sv_own_certificates_look(sv_own_certificates *all) {
    int64_t next_us = SV_OWN_LOOK_MAX_US;
    for (size_t i = 0; i < all->count; i++) {
        own *o = &all->doors[i];
        look_at(o);
        int64_t look_us = between(lifetime_us(o) / LOOKS, SV_OWN_LOOK_MIN_US, SV_OWN_LOOK_MAX_US);
        next_us = look_us < next_us ? look_us : next_us;
    }
    sv_timer_once(all->look, next_us);
}

static void on_look(void *arg) {
    sv_own_certificates_look(arg);
}

static void add(sv_own_certificates *all, const sv_fleet_door *door) {
    own *o = &all->doors[all->count];
    sv_why why;
    if (door->tls.cert[0] == '\0'
        || (all->count > 0 && strcmp(all->doors[0].cert, door->tls.cert) == 0)) {
        return;
    }
    *o = (own){ .all = all, .cert = door->tls.cert, .key = door->tls.key };
    if (read_validity(o, &why) != SV_OK) {
        SV_LOG(warn, "certificate.by_hand", "%s; it is not renewed", why.text);
        return;
    }
    all->count++;
    if (sv_pair_may_change(o->cert, &why) != SV_OK) {
        SV_LOG(warn, "certificate.by_hand", "%s", why.text);
    }
}

sv_own_certificates *sv_own_certificates_open(sv_fleet *fleet, sv_own_sign *sign,
                                              sv_loop_fn *changed, void *arg) {
    if (fleet->signer == NULL) {
        return NULL;
    }
    sv_own_certificates *all = sv_mem_new(sizeof *all);
    *all = (sv_own_certificates){ .fleet = fleet, .sign = sign, .changed = changed, .arg = arg };
    add(all, &fleet->config.devices);
    add(all, &fleet->config.operators);
    all->look = sv_timer_new(fleet->loop, on_look, all);
    sv_timer_once(all->look, SV_OWN_LOOK_MIN_US);
    return all;
}

void sv_own_certificates_drop(sv_own_certificates **certificates) {
    sv_own_certificates *gone = *certificates;
    if (gone == NULL) {
        return;
    }
    *certificates = NULL;
    for (size_t i = 0; i < gone->count; i++) {
        if (gone->doors[i].under_way) {
            sv_signer_forget(gone->fleet->signer, &gone->doors[i]);
        }
        end_question(&gone->doors[i]);
    }
    sv_timer_drop(&gone->look);
    free(gone);
}
