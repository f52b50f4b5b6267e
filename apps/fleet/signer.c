#include "signer.h"

#include <base/fd.h>
#include <base/mem.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/// A question; a CRL asks many times, as one.
typedef struct question {
    sv_signer_request request;
    sv_signer_done *done; ///< NULL: whoever asked has gone
    void *arg;
    int64_t sent_us;
    struct question *next;
} question;

typedef struct queue {
    question *first, **end;
    size_t count;
} queue;

/// The CRL under way.
typedef struct crl_work {
    const sv_signer_record *records;
    size_t count, given;
    sv_textbuf der;
    bool active;
} crl_work;

struct sv_signer {
    sv_loop *loop;
    struct sockaddr_un address;
    int64_t (*mono_us)(void);
    int fd;
    sv_watch *watch;
    sv_timer *pump; ///< sends what waits, away from whoever asks
    sv_timer *tick;
    uint64_t number;
    queue waiting, sent;
    crl_work crl;
    bool was_up, told;
};

static void queue_add(queue *to, question *item) {
    item->next = NULL;
    *to->end = item;
    to->end = &item->next;
    to->count++;
}

static void queue_add_first(queue *to, question *item) {
    item->next = to->first;
    to->first = item;
    to->end = item->next == NULL ? &item->next : to->end;
    to->count++;
}

static question *queue_take(queue *from) {
    question *item = from->first;
    if (item != NULL) {
        from->first = item->next;
        from->end = from->first == NULL ? &from->first : from->end;
        from->count--;
    }
    return item;
}

static question *queue_take_number(queue *from, uint64_t number) {
    queue rest = { .end = &rest.first };
    question *found = NULL;
    for (question *item = NULL; (item = queue_take(from)) != NULL;) {
        if (found == NULL && item->request.head.number == number) {
            found = item;
        } else {
            queue_add(&rest, item);
        }
    }
    *from = rest;
    from->end = rest.first == NULL ? &from->first : rest.end;
    return found;
}

static bool is_of_crl(const question *item) {
    return item->request.head.verb >= SV_SIGNER_CRL_BEGIN
           && item->request.head.verb <= SV_SIGNER_CRL_PART;
}

/// The end of a question: its owner hears of it, once.
static void end(sv_signer *signer, question *item, sv_err err, sv_text bytes, const sv_why *why) {
    if (is_of_crl(item)) {
        signer->crl.active = false;
    }
    if (item->done != NULL) {
        item->done(item->arg, err, bytes, why);
    }
    free(item);
    if (!signer->crl.active) {
        sv_textbuf_drop(&signer->crl.der);
        signer->crl.der = SV_TEXTBUF_HEAP(SV_SIGNER_DER_MAX);
    }
}

/// Close the line; everything without an answer ends with `sentence`.
static void break_off(sv_signer *signer, const char *sentence) {
    sv_watch_drop(&signer->watch);
    sv_fd_drop(&signer->fd);
    sv_why why = { 0 };
    sv_err err = sv_fail(&why, SV_ERR_UNAVAILABLE, "%s", sentence);
    if (signer->was_up) {
        signer->was_up = false;
        SV_LOG(warn, "signer.away", "%s", sentence);
    }
    // Somebody may ask again from within `done`; that waits for the next line.
    size_t count = signer->sent.count + signer->waiting.count;
    for (size_t i = 0; i < count; i++) {
        question *item = queue_take(&signer->sent);
        item = item != NULL ? item : queue_take(&signer->waiting);
        if (item == NULL) {
            break;
        }
        end(signer, item, err, SV_TEXT(""), &why);
    }
}

// ---- answers ------------------------------------------------------------------------------------

static void crl_step(sv_signer *signer, question *item, const sv_signer_answer *answer) {
    crl_work *crl = &signer->crl;
    if (item->request.head.verb >= SV_SIGNER_CRL_END) {
        sv_textbuf_add(&crl->der,
                       (sv_text){ .at = (const char *) answer->data, .len = answer->bytes });
        if (crl->der.overflowed || answer->bytes == 0 || crl->der.len > answer->total) {
            sv_why why = { 0 };
            sv_err err = sv_fail(&why, SV_ERR_INVALID, "the signer's CRL does not end");
            end(signer, item, err, SV_TEXT(""), &why);
            return;
        }
        if (crl->der.len == answer->total) {
            end(signer, item, SV_OK, sv_textbuf_text(&crl->der), NULL);
            return;
        }
        item->request.head.verb = SV_SIGNER_CRL_PART;
        item->request.offset = crl->der.len;
    } else if (crl->given < crl->count) {
        size_t left = crl->count - crl->given;
        size_t count = left < SV_SIGNER_RECORDS_MAX ? left : SV_SIGNER_RECORDS_MAX;
        item->request.head.verb = SV_SIGNER_CRL_RECORDS;
        item->request.records.count = count;
        memcpy(item->request.records.at, crl->records + crl->given, count * sizeof *crl->records);
        crl->given += count;
    } else {
        item->request.head.verb = SV_SIGNER_CRL_END;
    }
    queue_add(&signer->waiting, item);
}

static void take(sv_signer *signer, const sv_signer_answer *answer) {
    question *item = queue_take_number(&signer->sent, answer->head.number);
    if (item == NULL || item->request.head.verb != answer->head.verb) {
        if (item != NULL) {
            queue_add(&signer->sent, item);
        }
        break_off(signer, "the signer answered what nobody asked; its line was cut");
        return;
    }
    if (answer->err != SV_OK) {
        sv_why why = { 0 };
        sv_err err = sv_fail(&why, (sv_err) answer->err, "%s", answer->sentence);
        end(signer, item, err, SV_TEXT(""), &why);
    } else if (is_of_crl(item) && item->done != NULL) {
        crl_step(signer, item, answer);
    } else if (answer->bytes != answer->total) {
        sv_why why = { 0 };
        sv_err err = sv_fail(&why, SV_ERR_INVALID, "the signer's answer is not whole");
        end(signer, item, err, SV_TEXT(""), &why);
    } else {
        sv_text bytes = { .at = (const char *) answer->data, .len = answer->bytes };
        end(signer, item, SV_OK, bytes, NULL);
    }
}

static void on_readable(void *arg) {
    sv_signer *signer = arg;
    // As many as one turn of the loop may take.
    for (int i = 0; i < SV_SIGNER_WINDOW && signer->fd >= 0; i++) {
        static sv_signer_answer packet; // the loop is one thread
        ssize_t got = recv(signer->fd, &packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (got <= 0) {
            break_off(signer, "the signer went away before it answered; nothing was issued");
            return;
        }
        sv_signer_answer answer;
        sv_why why;
        if (sv_signer_answer_read(&packet, (size_t) got, &answer, &why) != SV_OK) {
            break_off(signer, why.text);
            return;
        }
        take(signer, &answer);
    }
    sv_timer_once(signer->pump, 0);
}

// ---- the line -----------------------------------------------------------------------------------

static sv_err reach(sv_signer *signer, sv_why *why) {
    if (signer->fd >= 0) {
        return SV_OK;
    }
    SV_DEFER(sv_fd_drop) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0
        || connect(fd, (const struct sockaddr *) &signer->address, sizeof signer->address) != 0) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "no signer is reached at '%s' (%m); start selvedge-signer",
                       signer->address.sun_path);
    }
    signer->fd = sv_fd_take(&fd);
    signer->watch = sv_watch_readable(signer->loop, signer->fd, on_readable, signer);
    signer->was_up = true;
    signer->told = false;
    SV_LOG(info, "signer.up", "%s", signer->address.sun_path);
    return SV_OK;
}

static void on_pump(void *arg) {
    sv_signer *signer = arg;
    while (signer->fd >= 0 && signer->sent.count < SV_SIGNER_WINDOW && signer->waiting.count > 0) {
        question *item = queue_take(&signer->waiting);
        item->request.head.number = ++signer->number;
        item->sent_us = signer->mono_us();
        queue_add(&signer->sent, item);
        if (send(signer->fd, &item->request, sizeof item->request, MSG_DONTWAIT | MSG_NOSIGNAL)
            != (ssize_t) sizeof item->request) {
            break_off(signer, "the signer went away before it answered; nothing was issued");
        }
    }
    if (signer->fd < 0 && signer->waiting.count > 0) {
        break_off(signer, "the signer went away before it was asked; nothing was issued");
    }
}

static void on_tick(void *arg) {
    sv_signer *signer = arg;
    sv_why why = { 0 };
    const question *oldest = signer->sent.first;
    if (oldest != NULL && signer->mono_us() - oldest->sent_us > SV_SIGNER_WAIT_US) {
        break_off(signer, "the signer said nothing for 15 seconds; its line was cut");
    }
    if (reach(signer, &why) != SV_OK && !signer->told) {
        signer->told = true;
        SV_LOG(warn, "signer.away", "%s", why.text);
    }
}

sv_signer *sv_signer_open(sv_loop *loop, const char *socket_path, int64_t (*mono_us)(void)) {
    sv_signer *signer = sv_mem_new(sizeof *signer);
    *signer = (sv_signer){
        .loop = loop, .fd = -1, .address = { .sun_family = AF_UNIX }, .mono_us = mono_us
    };
    // One that does not fit is never reached, and the tick says so.
    (void) sv_text_copy(sv_text_of(socket_path), signer->address.sun_path,
                        sizeof signer->address.sun_path);
    signer->waiting.end = &signer->waiting.first;
    signer->sent.end = &signer->sent.first;
    signer->crl.der = SV_TEXTBUF_HEAP(SV_SIGNER_DER_MAX);
    signer->pump = sv_timer_new(loop, on_pump, signer);
    signer->tick = sv_timer_new(loop, on_tick, signer);
    sv_timer_every(signer->tick, SV_SIGNER_RETRY_US);
    on_tick(signer);
    return signer;
}

void sv_signer_drop(sv_signer **signer) {
    if (*signer == NULL) {
        return;
    }
    (*signer)->was_up = false;
    break_off(*signer, "the fleet server is ending; nothing was issued");
    sv_timer_drop(&(*signer)->pump);
    sv_timer_drop(&(*signer)->tick);
    sv_textbuf_drop(&(*signer)->crl.der);
    free(*signer);
    *signer = NULL;
}

bool sv_signer_is_up(const sv_signer *signer) {
    return signer != NULL && signer->fd >= 0;
}

// ---- questions ----------------------------------------------------------------------------------

static sv_err ask(sv_signer *signer, sv_signer_verb verb, sv_signer_done *done, void *arg,
                  question **out, sv_why *why) {
    if (signer == NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "this server has no signer; name its socket with signer: {socket: PATH}");
    }
    SV_TRY(reach(signer, why));
    if (signer->waiting.count + signer->sent.count >= SV_SIGNER_QUEUE_MAX) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "%d questions wait for the signer already; ask again in a moment",
                       SV_SIGNER_QUEUE_MAX);
    }
    question *item = sv_mem_new(sizeof *item);
    item->request.head = (sv_signer_head){ .magic = SV_SIGNER_MAGIC,
                                           .version = SV_SIGNER_VERSION,
                                           .verb = (uint16_t) verb };
    item->done = done;
    item->arg = arg;
    sv_timer_once(signer->pump, 0);
    *out = item;
    return SV_OK;
}

sv_err sv_signer_issue(sv_signer *signer, const sv_issue *issue, sv_signer_done *done, void *arg,
                       sv_why *why) {
    question *item = NULL;
    SV_TRY(ask(signer, SV_SIGNER_ISSUE, done, arg, &item, why));
    item->request.issue = *issue;
    queue_add(&signer->waiting, item);
    return SV_OK;
}

sv_err sv_signer_standing(sv_signer *signer, int64_t version,
                          const uint8_t hash[SV_STANDING_HASH_BYTES], int64_t at_us,
                          sv_signer_done *done, void *arg, sv_why *why) {
    question *item = NULL;
    SV_TRY(ask(signer, SV_SIGNER_STANDING, done, arg, &item, why));
    item->request.standing.version = version;
    item->request.standing.at_us = at_us;
    memcpy(item->request.standing.hash, hash, SV_STANDING_HASH_BYTES);
    // A revocation waits behind no enrolment.
    queue_add_first(&signer->waiting, item);
    return SV_OK;
}

sv_err sv_signer_audit(sv_signer *signer, const sv_signer_statement *statement,
                       sv_signer_done *done, void *arg, sv_why *why) {
    question *item = NULL;
    SV_TRY(ask(signer, SV_SIGNER_AUDIT, done, arg, &item, why));
    item->request.audit = *statement;
    queue_add(&signer->waiting, item);
    return SV_OK;
}

sv_err sv_signer_direct(sv_signer *signer, const sv_direct *direct, sv_signer_done *done, void *arg,
                        sv_why *why) {
    question *item = NULL;
    SV_TRY(ask(signer, SV_SIGNER_DIRECT, done, arg, &item, why));
    item->request.direct = *direct;
    queue_add(&signer->waiting, item);
    return SV_OK;
}

sv_err sv_signer_director_root(sv_signer *signer, int64_t version, sv_signer_done *done, void *arg,
                               sv_why *why) {
    question *item = NULL;
    SV_TRY(ask(signer, SV_SIGNER_DIRECTOR_ROOT, done, arg, &item, why));
    item->request.offset = (uint64_t) version;
    queue_add(&signer->waiting, item);
    return SV_OK;
}

sv_err sv_signer_crl(sv_signer *signer, const sv_signer_record *records, size_t count,
                     sv_signer_done *done, void *arg, sv_why *why) {
    question *item = NULL;
    if (signer != NULL && signer->crl.active) {
        return sv_fail(why, SV_ERR_STATE, "another CRL is being made; ask again in a moment");
    }
    if (count > SV_SIGNER_CRL_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu records are more than a CRL of %d holds", count,
                       SV_SIGNER_CRL_MAX);
    }
    SV_TRY(ask(signer, SV_SIGNER_CRL_BEGIN, done, arg, &item, why));
    sv_textbuf_clear(&signer->crl.der);
    signer->crl.records = records;
    signer->crl.count = count;
    signer->crl.given = 0;
    signer->crl.active = true;
    queue_add(&signer->waiting, item);
    return SV_OK;
}

static void forget_in(queue *items, const void *arg) {
    for (question *item = items->first; item != NULL; item = item->next) {
        item->done = item->arg == arg ? NULL : item->done;
    }
}

void sv_signer_forget(sv_signer *signer, const void *arg) {
    if (signer != NULL) {
        forget_in(&signer->waiting, arg);
        forget_in(&signer->sent, arg);
    }
}
