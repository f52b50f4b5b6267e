#include <base/fd.h>
#include <base/mem.h>
#include <crypto/content_key.h>
#include <ddi/updater.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sv_ddi_updater {
    sv_loop *loop;
    const sv_ddi_updater_events *events;
    void *arg;
    struct sockaddr_un address;
    char id[SV_UPDATER_ID_ROOM];
    sv_ddi_fetch *fetch; ///< NULL: nothing is fetched
    int fd;
    bool busy;
    sv_watch *readable, *writable;
    sv_timer *patience, *later;
    sv_why fault;         ///< that `later` tells
    sv_updater_want want; ///< that is answered; its kind is SV_UPDATER_WANT_KIND__COUNT: none
    uint64_t want_number, given;
    sv_updater_message word; ///< the last of what is wanted, which the socket does not take yet
    bool has_word;
    char cms[SV_CONTENT_CMS_MAX];
    size_t cms_bytes;
    uint8_t packet[SV_UPDATER_PACKET_MAX]; ///< one that comes, or one that goes
};

static void wipe(void *secret, size_t bytes) {
    explicit_bzero(secret, bytes);
}

static void hang_up(sv_ddi_updater *updater) {
    if (updater->fetch != NULL) {
        sv_ddi_fetch_stop(updater->fetch);
    }
    sv_watch_drop(&updater->readable);
    sv_watch_drop(&updater->writable);
    sv_timer_stop(updater->patience);
    sv_timer_stop(updater->later);
    sv_fd_drop(&updater->fd);
    updater->want.kind = SV_UPDATER_WANT_KIND__COUNT;
    updater->has_word = false;
    updater->busy = false;
}

static void end(sv_ddi_updater *updater, const sv_updater_message *answer, const sv_why *why) {
    hang_up(updater);
    updater->events->ended(updater->arg, answer, why);
}

static void on_later(void *arg) {
    sv_ddi_updater *updater = arg;
    const sv_why why = updater->fault;
    end(updater, NULL, &why);
}

/// Outside of whatever is running now.
static void fail_later(sv_ddi_updater *updater) {
    sv_timer_once(updater->later, 0);
}

static void on_patience(void *arg) {
    sv_ddi_updater *updater = arg;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the updater has not said a word for %lld s",
                   (long long) (SV_DDI_UPDATER_PATIENCE_US / SV_TIME_SECOND_US));
    end(updater, NULL, &why);
}

static void on_writable(void *arg);

/// SV_ERR_NO_SPACE: not now; on_writable comes when it can.
static sv_err send_message(sv_ddi_updater *updater, const sv_updater_message *message) {
    size_t bytes = sv_updater_write(message, updater->packet);
    ssize_t sent = send(updater->fd, updater->packet, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool is_full = sent < 0 && (errno == EAGAIN || errno == ENOBUFS);
    if (sent < 0 && !is_full) {
        (void) sv_fail(&updater->fault, SV_ERR_UNAVAILABLE, "the updater hung up: %m");
        return SV_ERR_UNAVAILABLE;
    }
    if (sent >= 0) {
        sv_timer_once(updater->patience, SV_DDI_UPDATER_PATIENCE_US);
        return SV_OK;
    }
    if (updater->writable == NULL && updater->fetch != NULL) {
        updater->writable = sv_watch_writable(updater->loop, updater->fd, on_writable, updater);
    }
    return SV_ERR_NO_SPACE;
}

static sv_err give(sv_ddi_updater *updater, sv_text bytes, bool last) {
    const sv_updater_message message = {
        .verb = SV_UPDATER_GIVE,
        .number = updater->want_number,
        .give = { .offset = updater->given, .last = last, .bytes = bytes },
    };
    sv_err err = send_message(updater, &message);
    if (err == SV_OK) {
        updater->given += bytes.len;
    }
    return err;
}

static size_t on_bytes(void *arg, sv_text bytes) {
    sv_ddi_updater *updater = arg;
    if (updater->want.kind == SV_UPDATER_KEY) {
        size_t room = sizeof updater->cms - updater->cms_bytes;
        size_t take = bytes.len < room ? bytes.len : room;
        memcpy(updater->cms + updater->cms_bytes, bytes.at, take);
        updater->cms_bytes += take;
        return bytes.len; // there is room: no more may come
    }
    size_t piece = bytes.len < SV_UPDATER_PIECE_MAX ? bytes.len : SV_UPDATER_PIECE_MAX;
    sv_err err = give(updater, (sv_text){ .at = bytes.at, .len = piece }, false);
    if (err == SV_ERR_UNAVAILABLE) {
        fail_later(updater);
    }
    return err == SV_OK ? piece : 0;
}

/// What ends a thing that is wanted; where pieces fill the socket it waits behind them.
static void say_word(sv_ddi_updater *updater, const sv_updater_message *word) {
    updater->want.kind = SV_UPDATER_WANT_KIND__COUNT;
    sv_err err = send_message(updater, word);
    bool is_copied = word->verb != SV_UPDATER_GIVE || word->give.bytes.len == 0;
    if (err == SV_ERR_NO_SPACE && is_copied) {
        updater->word = *word;
        updater->has_word = true;
    } else if (err != SV_OK) {
        fail_later(updater);
    }
}

static void on_writable(void *arg) {
    sv_ddi_updater *updater = arg;
    sv_watch_drop(&updater->writable);
    if (updater->has_word) {
        updater->has_word = false;
        say_word(updater, &updater->word);
    } else {
        sv_ddi_fetch_go_on(updater->fetch);
    }
}

static void say_failed(sv_ddi_updater *updater, sv_err err, const sv_why *why) {
    sv_updater_message message = {
        .verb = err == SV_ERR_NOT_FOUND ? SV_UPDATER_ABSENT : SV_UPDATER_FAILED,
        .number = updater->want_number,
    };
    if (err != SV_ERR_NOT_FOUND) {
        message.failed.err = (uint8_t) err;
        (void) (sv_text_copy(sv_text_of(why->text), message.failed.why, sizeof message.failed.why)
                == SV_OK);
    }
    say_word(updater, &message);
}

static void give_key(sv_ddi_updater *updater) {
    uint8_t key[SV_UPDATER_KEY_BYTES];
    sv_why why = { 0 };
    const sv_text cms = { .at = updater->cms, .len = updater->cms_bytes };
    sv_err err = updater->events->open_key == NULL
                     ? sv_fail(&why, SV_ERR_STATE, "nobody here opens content keys")
                     : updater->events->open_key(updater->arg, cms, key, &why);
    if (err != SV_OK) {
        say_failed(updater, err == SV_ERR_NOT_FOUND ? SV_ERR_INVALID : err, &why);
        return;
    }
    const sv_updater_message message = {
        .verb = SV_UPDATER_GIVE,
        .number = updater->want_number,
        .give = { .last = true, .bytes = { .at = (const char *) key, .len = sizeof key } },
    };
    say_word(updater, &message);
    wipe(key, sizeof key);
    wipe(updater->packet, SV_UPDATER_HEAD_BYTES + sizeof key + 64);
}

static void on_fetched(void *arg, sv_err err, const sv_why *why) {
    sv_ddi_updater *updater = arg;
    if (err != SV_OK) {
        say_failed(updater, err, why);
    } else if (updater->want.kind == SV_UPDATER_KEY) {
        give_key(updater);
    } else {
        const sv_updater_message message = {
            .verb = SV_UPDATER_GIVE,
            .number = updater->want_number,
            .give = { .offset = updater->given, .last = true },
        };
        say_word(updater, &message);
    }
}

static void on_waits(void *arg, const sv_why *why, int64_t wait_us) {
    const sv_ddi_updater *updater = arg;
    if (updater->events->waits != NULL) {
        updater->events->waits(updater->arg, why, wait_us);
    }
}

/// Fetch what is wanted. [ddid-4]
static sv_err begin_want(sv_ddi_updater *updater, const sv_updater_want *want, sv_why *why) {
    SV_TRY(sv_updater_want_check(want, sv_text_of(updater->id), why));
    if (updater->fetch == NULL || updater->want.kind != SV_UPDATER_WANT_KIND__COUNT) {
        return sv_fail(why, SV_ERR_STATE, "'%.200s' is wanted, and nothing was to be", want->path);
    }
    updater->want = *want;
    updater->given = 0;
    updater->cms_bytes = 0;
    switch ((sv_updater_want_kind) want->kind) {
    case SV_UPDATER_METADATA:
        return sv_ddi_fetch_file(updater->fetch, want->path, want->bytes);
    case SV_UPDATER_KEY:
        return sv_ddi_fetch_file(updater->fetch, want->path, sizeof updater->cms);
    case SV_UPDATER_INDEX:
    case SV_UPDATER_CHUNKS:
        return sv_ddi_fetch_range(updater->fetch, want->path, want->offset, want->bytes);
    case SV_UPDATER_WANT_KIND__COUNT:
        break;
    }
    return SV_ERR_INVALID;
}

static void on_message(sv_ddi_updater *updater, const sv_updater_message *message) {
    sv_why why = { 0 };
    if (message->verb == SV_UPDATER_WANT) {
        updater->want_number = message->number;
        if (begin_want(updater, &message->want, &why) != SV_OK) {
            end(updater, NULL, &why);
        }
    } else if (message->verb == SV_UPDATER_PROGRESS) {
        if (updater->events->progress != NULL) {
            updater->events->progress(updater->arg, &message->progress);
        }
    } else if (sv_updater_verb_is_agents(message->verb)) {
        (void) sv_fail(&why, SV_ERR_INVALID, "the updater says %s, which is not its to say",
                       sv_updater_verb_name(message->verb));
        end(updater, NULL, &why);
    } else {
        end(updater, message, NULL);
    }
}

static void on_readable(void *arg) {
    sv_ddi_updater *updater = arg;
    static sv_updater_message message;
    sv_why why = { 0 };
    ssize_t got =
        recv(updater->fd, updater->packet, sizeof updater->packet, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the updater hung up");
    } else if ((size_t) got > sizeof updater->packet) {
        (void) sv_fail(&why, SV_ERR_INVALID, "the updater said %zd bytes at once", got);
    } else if (sv_updater_read(updater->packet, (size_t) got, &message, &why) == SV_OK) {
        sv_timer_once(updater->patience, SV_DDI_UPDATER_PATIENCE_US);
        on_message(updater, &message);
        return;
    }
    end(updater, NULL, &why);
}

static const sv_ddi_fetch_events FETCH_EVENTS = { .bytes = on_bytes,
                                                  .done = on_fetched,
                                                  .waits = on_waits };

sv_err sv_ddi_updater_open(sv_loop *loop, const sv_ddi_updater_options *options,
                           const sv_ddi_updater_events *events, void *arg, sv_ddi_updater **out,
                           sv_why *why) {
    SV_DEFER(sv_ddi_updater_drop) sv_ddi_updater *updater = sv_mem_new(sizeof *updater);
    updater->loop = loop;
    updater->events = events;
    updater->arg = arg;
    updater->fd = -1;
    updater->want.kind = SV_UPDATER_WANT_KIND__COUNT;
    updater->address.sun_family = AF_UNIX;
    if (sv_text_copy(sv_text_of(options->socket), updater->address.sun_path,
                     sizeof updater->address.sun_path)
        != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is too long for the name of a socket",
                       options->socket);
    }
    SV_TRY(sv_text_copy(sv_text_of(options->id), updater->id, sizeof updater->id));
    updater->patience = sv_timer_new(loop, on_patience, updater);
    updater->later = sv_timer_new(loop, on_later, updater);
    if (options->origin != NULL) {
        SV_TRY(sv_ddi_fetch_open(loop, options->origin, options->tls, options->rate, &FETCH_EVENTS,
                                 updater, &updater->fetch, why));
    }
    *out = updater;
    updater = NULL;
    return SV_OK;
}

static sv_err reach(sv_ddi_updater *updater) {
    updater->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (updater->fd < 0
        || connect(updater->fd, (const struct sockaddr *) &updater->address,
                   sizeof updater->address)
               != 0) {
        return sv_fail(&updater->fault, SV_ERR_UNAVAILABLE, "the updater is not at %s: %m",
                       updater->address.sun_path);
    }
    updater->readable = sv_watch_readable(updater->loop, updater->fd, on_readable, updater);
    return SV_OK;
}

sv_err sv_ddi_updater_ask(sv_ddi_updater *updater, const sv_updater_message *question) {
    if (updater->busy) {
        return SV_ERR_STATE;
    }
    updater->busy = true;
    updater->fault = (sv_why){ 0 };
    if (reach(updater) != SV_OK || send_message(updater, question) != SV_OK) {
        fail_later(updater);
    }
    return SV_OK;
}

bool sv_ddi_updater_is_busy(const sv_ddi_updater *updater) {
    return updater->busy;
}

void sv_ddi_updater_stop(sv_ddi_updater *updater) {
    hang_up(updater);
}

void sv_ddi_updater_drop(sv_ddi_updater **updater) {
    sv_ddi_updater *gone = *updater;
    if (gone == NULL) {
        return;
    }
    *updater = NULL;
    if (gone->patience != NULL && gone->later != NULL) {
        hang_up(gone);
    }
    sv_ddi_fetch_drop(&gone->fetch);
    sv_timer_drop(&gone->patience);
    sv_timer_drop(&gone->later);
    free(gone);
}
