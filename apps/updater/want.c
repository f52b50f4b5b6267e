#include "updater.h"

/// How far an errand is.
typedef struct errand {
    const sv_updater_want *want;
    uint64_t number, got;
    int64_t begun_us;
    updater_part *part;
    void *arg;
} errand;

/// Who brings less than 64 KiB in the time that one answer may take is slower than is waited for.
static int64_t deadline(const updater *u, const errand *e) {
    return e->begun_us
           + u->config->patience_us * (int64_t) (1 + e->got / (uint64_t) SV_UPDATER_PIECE_MAX);
}

static sv_err take_piece(updater *u, errand *e, const sv_updater_give *give, bool *done,
                         sv_why *why) {
    if (give->offset != e->got) {
        u->broken = true;
        return sv_fail(why, SV_ERR_INVALID, "'%.200s': byte %llu was given where %llu follows",
                       e->want->path, (unsigned long long) give->offset,
                       (unsigned long long) e->got);
    }
    if (give->bytes.len > e->want->bytes - e->got) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' has more than %llu bytes", e->want->path,
                       (unsigned long long) e->want->bytes);
    }
    e->got += give->bytes.len;
    SV_TRY(e->part(e->arg, give->bytes, why));
    *done = give->last;
    if (give->last && e->want->kind != SV_UPDATER_METADATA && e->got != e->want->bytes) {
        return sv_fail(why, SV_ERR_INVALID, "'%.200s' ends after %llu bytes of %llu", e->want->path,
                       (unsigned long long) e->got, (unsigned long long) e->want->bytes);
    }
    return SV_OK;
}

static sv_err take_answer(updater *u, errand *e, const sv_updater_message *m, bool *done,
                          sv_why *why) {
    if (m->number == e->number && m->verb == SV_UPDATER_GIVE) {
        return take_piece(u, e, &m->give, done, why);
    }
    if (m->number == e->number && m->verb == SV_UPDATER_ABSENT) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no '%.200s'", e->want->path);
    }
    if (m->number == e->number && m->verb == SV_UPDATER_FAILED) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "'%.120s' could not be fetched: %.200s",
                       e->want->path, m->failed.why);
    }
    u->broken = true;
    return sv_fail(why, SV_ERR_INVALID, "%s %llu came where an answer to want %llu was due",
                   sv_updater_verb_name(m->verb), (unsigned long long) m->number,
                   (unsigned long long) e->number);
}

sv_err updater_want(updater *u, const sv_updater_want *want, updater_part *part, void *arg,
                    sv_why *why) {
    sv_updater_message message = { .verb = SV_UPDATER_WANT, .number = ++u->want_number };
    errand e = { .want = want,
                 .number = message.number,
                 .begun_us = u->peer->now_us(u->peer->arg),
                 .part = part,
                 .arg = arg };
    SV_TRY(sv_updater_want_check(want, sv_text_of(u->config->id), why));
    message.want = *want;
    SV_TRY(u->peer->send(u->peer->arg, &message, why));
    for (bool done = false; !done;) {
        sv_err err = u->peer->receive(u->peer->arg, deadline(u, &e), &message, why);
        u->broken = u->broken || err == SV_ERR_INVALID;
        SV_TRY(err);
        SV_TRY(take_answer(u, &e, &message, &done, why));
    }
    return SV_OK;
}
