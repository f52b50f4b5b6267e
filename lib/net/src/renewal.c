#include "renewal_plan.h"

#include <base/mem.h>
#include <base/prng.h>
#include <crypto/est_answer.h>
#include <crypto/key_store.h>
#include <crypto/pair.h>
#include <crypto/random.h>
#include <crypto/request.h>
#include <net/est.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>

enum {
    HOST_MAX = 256,
    LABEL_ROOM = 32,
    SENTENCE_MAX = SV_WHY_MAX + 256,
    TIME_ROOM = 32,
    CHAIN_MAX = 64 * 1024
};

struct sv_renewal {
    sv_loop *loop;
    sv_renewal_events events;
    void *arg;
    char id[SV_ID_ROOM], label[LABEL_ROOM], host[HOST_MAX], ca[SV_PATH_MAX];
    uint16_t port;
    sv_pair pair;
    renewal_plan plan;
    sv_prng jitter;
    sv_timer *look;
    int64_t next_try_us; ///< monotonic
    int64_t again_us;    ///< how long the server asked to wait; 0: it did not
    bool on_trial;       ///< the owner connects with what was offered
    bool untaken;        ///< the files hold one that has not connected yet
    unsigned refusals;   ///< of it
    bool absence_said;
    sv_est *est; ///< of the question that is open; NULL: none is
    sv_tls *tls;
    EVP_PKEY *key; ///< that it is about
};

static void say(const sv_renewal *r, bool good, const char *event, const char *fmt, ...)
    SV_PRINTF(4, 5);

static void say(const sv_renewal *r, bool good, const char *event, const char *fmt, ...) {
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    r->events.said(r->arg, good, event, sentence);
}

static const char *time_text(char room[TIME_ROOM], int64_t at_us) {
    sv_textbuf buf = { .at = room, .cap = TIME_ROOM };
    sv_time_add(&buf, at_us - at_us % SV_TIME_SECOND_US);
    return sv_textbuf_end(&buf) == SV_OK ? room : "?";
}

static double chance(sv_renewal *r) {
    return sv_prng_unit(&r->jitter);
}

static void end_question(sv_renewal *r) {
    sv_est_drop(&r->est);
    sv_tls_drop(&r->tls);
    EVP_PKEY_free(r->key);
    r->key = NULL;
}

/// At the latest when it is due anyway.
static void look_in(sv_renewal *r, int64_t us) {
    int64_t usual_us = renewal_look_us(&r->plan);
    sv_timer_once(r->look, us < usual_us ? us : usual_us);
}

/// Another try after a while; returns how long it is.
static int64_t wait_for_next(sv_renewal *r, bool seldom) {
    r->plan.failures++;
    int64_t wait_us = renewal_wait_us(&r->plan, seldom, chance(r));
    wait_us = renewal_asked_us(&r->plan, wait_us, r->again_us);
    r->again_us = 0;
    r->next_try_us = sv_clock_monotonic_us() + wait_us;
    look_in(r, wait_us);
    return wait_us;
}

static void fail(sv_renewal *r, const sv_why *why) {
    char end[TIME_ROOM];
    char clock[TIME_ROOM];
    bool absent = why->code == SV_ERR_NOT_FOUND;
    int64_t wait_us = wait_for_next(r, absent);
    if (absent && r->absence_said) {
        return;
    }
    r->absence_said = absent;
    if (absent) {
        say(r, false, "certificate.by_hand",
            "%s:%u does not renew certificates (%s); this one ends %s: renew it by hand, or say "
            "'enrolment: {renew: off}' where somebody else does",
            r->host, r->port, why->text, time_text(end, r->plan.validity.end_us));
        return;
    }
    say(r, false, "certificate.waits",
        "not renewed: %s; the certificate ends %s, this machine's clock says %s; next try in %.0f "
        "s",
        why->text, time_text(end, r->plan.validity.end_us), time_text(clock, sv_clock_wall_us()),
        (double) wait_us / 1e6);
}

static void take_time(sv_renewal *r, const sv_est_reply *reply) {
    if (reply->server_us != 0) {
        r->plan.offset_us = reply->server_us - sv_clock_instant().uptime_us;
        r->plan.told = true;
    }
}

// ---- the next certificate -----------------------------------------------------------------------

static sv_err read_validity(sv_renewal *r, sv_why *why) {
    SV_TRY(sv_validity_of_file(r->pair.cert, &r->plan.validity, why));
    r->plan.chance = chance(r);
    return SV_OK;
}

static sv_err change_files(sv_renewal *r, sv_why *why) {
    SV_TRY(sv_pair_change(&r->pair, why));
    return read_validity(r, why);
}

static bool has_ended(const sv_renewal *r, const sv_validity *validity) {
    const sv_instant now = sv_clock_instant();
    return validity->end_us <= renewal_now_us(&r->plan, &now);
}

/// There is nothing to go back to: what comes next takes the place, whether it has connected or
/// not.
static sv_err change_if_ended(sv_renewal *r, sv_why *why) {
    if (has_ended(r, &r->plan.validity) && sv_pair_has_next(&r->pair)) {
        SV_TRY(change_files(r, why));
        r->untaken = true;
    }
    return SV_OK;
}

/// One of an earlier try that is still good. One that has ended as well is the newest of this
/// device all the same, and the one to be followed.
static bool has_next(sv_renewal *r) {
    sv_validity next;
    if (!sv_pair_has_next(&r->pair)
        || sv_validity_of_file(r->pair.next_cert, &next, NULL) != SV_OK) {
        return false;
    }
    if (!has_ended(r, &next)) {
        return true;
    }
    bool newest = has_ended(r, &r->plan.validity) && next.end_us > r->plan.validity.end_us;
    sv_err err = newest ? change_files(r, NULL) : sv_pair_forget_next(&r->pair, NULL);
    (void) (err == SV_OK);
    return false;
}

static sv_err make_offer(sv_renewal *r, sv_tls **out, sv_why *why) {
    SV_TRY(change_if_ended(r, why));
    sv_tls_files files = { .ca = r->ca,
                           .cert = r->untaken ? r->pair.cert : r->pair.next_cert,
                           .key = r->untaken ? r->pair.key : r->pair.next_key };
    return sv_tls_client(&files, out, why);
}

static void offer(sv_renewal *r) {
    sv_why why;
    sv_tls *tls = NULL;
    if (make_offer(r, &tls, &why) != SV_OK) {
        fail(r, &why);
        return;
    }
    r->on_trial = true;
    r->events.offered(r->arg, tls);
}

static sv_err keep(sv_renewal *r, const sv_certs *certs, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf chain = SV_TEXTBUF_HEAP(CHAIN_MAX);
    SV_TRY(sv_est_leaf(certs, r->key, r->id, r->ca, &chain, why));
    return sv_pair_keep_next(&r->pair, sv_textbuf_text(&chain), why);
}

static void on_certificate(void *arg, const sv_est_reply *reply, const sv_why *why) {
    sv_renewal *r = arg;
    sv_why fault;
    take_time(r, reply);
    r->again_us = reply->again_us;
    if (reply->certs != NULL && keep(r, reply->certs, &fault) == SV_OK) {
        end_question(r);
        offer(r);
        return;
    }
    fault = reply->certs == NULL ? *why : fault;
    end_question(r);
    fail(r, &fault);
}

static void on_time(void *arg, const sv_est_reply *reply, const sv_why *why) {
    sv_renewal *r = arg;
    sv_why fault = { 0 };
    bool answered = reply->status != 0;
    take_time(r, reply);
    if (!answered) {
        fault = *why;
    } else if (reply->server_us == 0) {
        (void) sv_fail(&fault, SV_ERR_UNAVAILABLE, "%s:%u does not say what time it is", r->host,
                       r->port);
    }
    end_question(r);
    r->plan.in_doubt = r->plan.in_doubt && !answered;
    if (fault.text[0] != '\0') {
        fail(r, &fault);
        return;
    }
    const sv_instant now = sv_clock_instant();
    bool rests = renewal_what(&r->plan, &now) == RENEWAL_REST;
    int64_t wait_us = rests ? renewal_wait_us(&r->plan, false, chance(r)) : 0;
    r->next_try_us = sv_clock_monotonic_us() + wait_us;
    look_in(r, wait_us);
}

// ---- questions ----------------------------------------------------------------------------------

static sv_err open_door(sv_renewal *r, sv_why *why) {
    sv_tls_files files = { .ca = r->ca, .cert = r->pair.cert, .key = r->pair.key };
    SV_TRY(sv_tls_client(&files, &r->tls, why));
    return sv_est_open(r->loop, r->host, r->port, r->tls, &r->est, why);
}

static sv_err ask_time(sv_renewal *r, sv_why *why) {
    SV_TRY(open_door(r, why));
    sv_err err = sv_est_authorities(r->est, on_time, r);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "the question for the time cannot be asked");
}

static void key_drop(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}

/// Where the next key is another one, the one in use vouches for it. [renewal-7]
static sv_err write_request(const sv_renewal *r, bool same_key, sv_textbuf *out, sv_why *why) {
    SV_DEFER(key_drop) EVP_PKEY *current = NULL;
    if (!same_key && !r->pair.hard_key) {
        SV_TRY(sv_key_open(r->pair.key, &current, why));
    }
    return sv_request_follow(r->key, current, r->pair.cert, out, why);
}

static sv_err ask_certificate(sv_renewal *r, bool same_key, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    SV_TRY(sv_pair_next_key(&r->pair, same_key, &r->key, why));
    SV_TRY(write_request(r, same_key, &request, why));
    SV_TRY(open_door(r, why));
    const sv_est_ask question = { .request = sv_textbuf_text(&request),
                                  .label = r->label[0] != '\0' ? r->label : NULL,
                                  .again = true };
    sv_err err = sv_est_enrol(r->est, &question, on_certificate, r);
    return err == SV_OK ? SV_OK : sv_fail(why, err, "the request does not fit");
}

/// Somebody may have put another certificate in its place.
static bool is_as_planned(sv_renewal *r) {
    sv_validity validity = r->plan.validity;
    return sv_validity_of_file(r->pair.cert, &validity, NULL) != SV_OK
           || validity.end_us == r->plan.validity.end_us || read_validity(r, NULL) != SV_OK;
}

static void on_look(void *arg) {
    sv_renewal *r = arg;
    look_in(r, INT64_MAX);
    if (r->on_trial) {
        (void) (change_if_ended(r, NULL) == SV_OK);
    }
    if (r->est != NULL || r->on_trial || sv_clock_monotonic_us() < r->next_try_us) {
        return;
    }
    if (r->untaken && !has_ended(r, &r->plan.validity)) {
        offer(r);
        return;
    }
    const sv_instant now = sv_clock_instant();
    renewal_need need = renewal_what(&r->plan, &now);
    if (need == RENEWAL_REST || !is_as_planned(r)) {
        return;
    }
    if (need != RENEWAL_ASK_TIME && has_next(r)) {
        offer(r);
        return;
    }
    sv_why why;
    sv_err err = need == RENEWAL_ASK_TIME ? ask_time(r, &why)
                                          : ask_certificate(r, need == RENEWAL_GRACE, &why);
    if (err != SV_OK) {
        end_question(r);
        fail(r, &why);
    }
}

// ---- the owner's side ---------------------------------------------------------------------------

void sv_renewal_taken(sv_renewal *r) {
    char end[TIME_ROOM];
    char due[TIME_ROOM];
    sv_why why;
    if (!r->on_trial) {
        return;
    }
    r->on_trial = false;
    if (!r->untaken && change_files(r, &why) != SV_OK) {
        fail(r, &why);
        return;
    }
    r->untaken = false;
    r->plan.failures = 0;
    r->refusals = 0;
    r->absence_said = false;
    look_in(r, INT64_MAX);
    say(r, true, "certificate.renewed", "the new one ends %s and is renewed about %s",
        time_text(end, r->plan.validity.end_us), time_text(due, renewal_due_us(&r->plan)));
}

bool sv_renewal_refused(sv_renewal *r, const sv_why *why) {
    if (!r->on_trial) {
        return true;
    }
    r->on_trial = false;
    bool goes_back = !r->untaken;
    bool gives_up = goes_back && ++r->refusals >= SV_RENEWAL_REFUSALS_MAX;
    if (gives_up) {
        r->refusals = 0;
        (void) (sv_pair_forget_next(&r->pair, NULL) == SV_OK);
    }
    int64_t wait_us = wait_for_next(r, false);
    const char *then = !goes_back ? "the one before has ended, so this one is tried again"
                       : gives_up ? "another is asked for"
                                  : "the one before goes on, and this one is tried again";
    say(r, false, "certificate.refused", "the new one: %s; %s in %.0f s", why->text, then,
        (double) wait_us / 1e6);
    return goes_back;
}

void sv_renewal_doubt(sv_renewal *r) {
    if (!r->on_trial && !r->plan.in_doubt) {
        r->plan.in_doubt = true;
        look_in(r, SV_RENEWAL_LOOK_MIN_US);
    }
}

void sv_renewal_look(const sv_renewal *r, sv_renewal_view *out) {
    const sv_instant now = sv_clock_instant();
    int64_t due_in_us = renewal_due_us(&r->plan) - renewal_now_us(&r->plan, &now);
    int64_t try_in_us = r->next_try_us - sv_clock_monotonic_us();
    int64_t in_us = due_in_us > try_in_us ? due_in_us : try_in_us;
    *out = (sv_renewal_view){
        .begin_us = r->plan.validity.begin_us,
        .end_us = r->plan.validity.end_us,
        .next_us = now.wall_us + (in_us > 0 ? in_us : 0),
    };
}

static sv_err copy(const char *from, char *room, size_t room_bytes, sv_why *why) {
    return sv_text_copy(sv_text_of(from), room, room_bytes) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.64s…' is too long", from);
}

sv_err sv_renewal_open(sv_loop *loop, const sv_renewal_options *options,
                       const sv_renewal_events *events, void *arg, sv_renewal **out, sv_why *why) {
    SV_DEFER(sv_renewal_drop) sv_renewal *r = sv_mem_new(sizeof *r);
    r->loop = loop;
    r->events = *events;
    r->arg = arg;
    r->port = options->port;
    sv_random(&r->jitter.state, sizeof r->jitter.state);
    SV_TRY(copy(options->id, r->id, sizeof r->id, why));
    SV_TRY(copy(options->label != NULL ? options->label : "", r->label, sizeof r->label, why));
    SV_TRY(copy(options->host, r->host, sizeof r->host, why));
    SV_TRY(copy(options->ca, r->ca, sizeof r->ca, why));
    SV_TRY(sv_pair_open(options->cert, options->key, &r->pair, why));
    SV_TRY(read_validity(r, why));
    r->look = sv_timer_new(loop, on_look, r);
    look_in(r, SV_RENEWAL_LOOK_MIN_US);
    *out = r;
    r = NULL;
    return SV_OK;
}

void sv_renewal_drop(sv_renewal **renewal) {
    sv_renewal *r = *renewal;
    if (r == NULL) {
        return;
    }
    *renewal = NULL;
    sv_timer_drop(&r->look);
    end_question(r);
    free(r);
}
