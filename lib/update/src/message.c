#include <base/little.h>
#include <string.h>
#include <update/message.h>

static const char MAGIC[4] = { 'S', 'v', 'U', 'p' };

/// One description of each shape serves both ways: what a member is, where `writing`, goes out, and
/// comes in otherwise.
typedef struct wire {
    char *at;
    char *end;
    bool writing;
    bool wrong;
} wire;

/// The next bytes; NULL: there are not as many.
static char *take(wire *w, size_t bytes) {
    if (w->wrong || (size_t) (w->end - w->at) < bytes) {
        w->wrong = true;
        return NULL;
    }
    char *at = w->at;
    w->at += bytes;
    return at;
}

static uint64_t number(wire *w, uint64_t value, unsigned bytes, uint64_t max) {
    char *at = take(w, bytes);
    if (at == NULL) {
        return 0;
    }
    if (w->writing) {
        sv_little_put(value, bytes, at);
        return value;
    }
    value = sv_little_get(at, bytes);
    w->wrong = w->wrong || value > max;
    return value;
}

static uint8_t small(wire *w, uint8_t value, uint8_t max) {
    return (uint8_t) number(w, value, 1, max);
}

static uint32_t number32(wire *w, uint32_t value) {
    return (uint32_t) number(w, value, 4, UINT32_MAX);
}

static uint64_t number64(wire *w, uint64_t value) {
    return number(w, value, 8, UINT64_MAX);
}

static bool yes(wire *w, bool value) {
    return number(w, value ? 1 : 0, 1, 1) != 0;
}

static void bytes_of(wire *w, uint8_t *bytes, size_t len) {
    char *at = take(w, len);
    if (at != NULL && w->writing) {
        memcpy(at, bytes, len);
    } else if (at != NULL) {
        memcpy(bytes, at, len);
    }
}

static bool is_printable(char c) {
    return c >= 0x20 && c < 0x7f;
}

/// Two bytes of length, then the text.
static void text(wire *w, char *value, size_t room) {
    size_t len = w->writing ? strnlen(value, room - 1) : 0;
    len = (size_t) number(w, len, 2, room - 1);
    char *at = w->wrong ? NULL : take(w, len);
    if (at == NULL) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (w->writing) {
            at[i] = is_printable(value[i]) ? value[i] : '?';
        } else {
            w->wrong = w->wrong || !is_printable(at[i]);
            value[i] = at[i];
        }
    }
    if (!w->writing) {
        value[len] = '\0';
    }
}

// ---- the shapes ---------------------------------------------------------------------------------

static void check(wire *w, sv_updater_check *m) {
    m->now_us = (int64_t) number(w, (uint64_t) m->now_us, 8, INT64_MAX);
    m->hold = yes(w, m->hold);
    m->action = number32(w, m->action);
}

static void give(wire *w, sv_updater_give *m) {
    m->offset = number(w, m->offset, 8, INT64_MAX);
    m->last = yes(w, m->last);
    m->bytes.len = (size_t) number(w, m->bytes.len, 4, SV_UPDATER_PIECE_MAX);
    char *at = take(w, w->wrong ? 0 : m->bytes.len);
    if (at != NULL && w->writing && m->bytes.len > 0) {
        memcpy(at, m->bytes.at, m->bytes.len);
    } else if (at != NULL && !w->writing) {
        m->bytes.at = at;
        w->wrong = w->wrong || (m->bytes.len == 0 && !m->last);
    }
}

static void refused(wire *w, sv_updater_refused *m) {
    m->err = small(w, m->err, SV_ERR__COUNT - 1);
    w->wrong = w->wrong || m->err == SV_OK;
    text(w, m->why, sizeof m->why);
}

static void health(wire *w, sv_updater_health *m) {
    m->healthy = yes(w, m->healthy);
    text(w, m->why, sizeof m->why);
}

static void want(wire *w, sv_updater_want *m) {
    m->kind = small(w, m->kind, SV_UPDATER_WANT_KIND__COUNT - 1);
    m->offset = number(w, m->offset, 8, INT64_MAX);
    m->bytes = number(w, m->bytes, 8, INT64_MAX);
    text(w, m->path, sizeof m->path);
}

static void progress(wire *w, sv_updater_progress *m) {
    m->bytes = number64(w, m->bytes);
    m->of = number64(w, m->of);
    m->fetched = number64(w, m->fetched);
    text(w, m->encoding, sizeof m->encoding);
    text(w, m->version, sizeof m->version);
}

static void release(wire *w, sv_updater_release *m) {
    m->known = yes(w, m->known);
    m->counter = number32(w, m->counter);
    m->image_bytes = number(w, m->image_bytes, 8, SV_BOOT_IMAGE_MAX);
    bytes_of(w, m->digest, sizeof m->digest);
    text(w, m->product, sizeof m->product);
    text(w, m->version, sizeof m->version);
}

static void report(wire *w, sv_journal_report *m) {
    m->number = number64(w, m->number);
    m->state = small(w, m->state, SV_TRIAL_STATE__COUNT - 1);
    m->slot = small(w, m->slot, SV_BOOT_SLOTS - 1);
    m->counter = number32(w, m->counter);
    m->action = number32(w, m->action);
    bytes_of(w, m->digest, sizeof m->digest);
    text(w, m->version, sizeof m->version);
    text(w, m->why, sizeof m->why);
}

static void status_of_device(wire *w, sv_updater_status *m) {
    text(w, m->id, sizeof m->id);
    text(w, m->product, sizeof m->product);
    text(w, m->hardware, sizeof m->hardware);
    text(w, m->slot_class, sizeof m->slot_class);
    m->running = small(w, m->running, SV_BOOT_NO_SLOT);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        m->boot[i] = small(w, m->boot[i], SV_BOOT_SLOT_BAD);
    }
    m->counter = number32(w, m->counter);
    release(w, &m->runs);
    release(w, &m->other);
}

static void status_of_update(wire *w, sv_updater_status *m) {
    m->state = small(w, m->state, SV_TRIAL_STATE__COUNT - 1);
    m->next = small(w, m->next, SV_TRIAL_ACT__COUNT - 1);
    m->slot = small(w, m->slot, SV_BOOT_SLOTS - 1);
    m->action = number32(w, m->action);
    release(w, &m->update);
    text(w, m->encoding, sizeof m->encoding);
    m->written = number(w, m->written, 8, SV_BOOT_IMAGE_MAX);
    text(w, m->why, sizeof m->why);
    m->busy = yes(w, m->busy);
    m->start = number64(w, m->start);
    m->start_ms = number32(w, m->start_ms);
    m->health_ms = number32(w, m->health_ms);
}

static void status(wire *w, sv_updater_status *m) {
    status_of_device(w, m);
    status_of_update(w, m);
    m->reports_lost = number64(w, m->reports_lost);
    m->report_count = small(w, m->report_count, SV_JOURNAL_REPORTS_MAX);
    for (size_t i = 0; i < m->report_count && !w->wrong; i++) {
        report(w, &m->reports[i]);
    }
    m->bad_count = small(w, m->bad_count, SV_JOURNAL_BAD_MAX);
    for (size_t i = 0; i < m->bad_count && !w->wrong; i++) {
        bytes_of(w, m->bad[i], sizeof m->bad[i]);
    }
}

static void entries(wire *w, sv_updater_entries *m) {
    m->count = (size_t) number(w, m->count, 2, SV_HISTORY_ENTRIES_MAX);
    char *at = take(w, w->wrong ? 0 : m->count * SV_HISTORY_ENTRY_BYTES);
    if (at != NULL && w->writing && m->count > 0) {
        memcpy(at, m->bytes, m->count * SV_HISTORY_ENTRY_BYTES);
    } else if (at != NULL && !w->writing) {
        m->bytes = (const uint8_t *) at;
        sv_history_entry entry;
        for (size_t i = 0; i < m->count && !w->wrong; i++) {
            const uint8_t *bytes = m->bytes + i * SV_HISTORY_ENTRY_BYTES;
            w->wrong = sv_history_entry_read(bytes, &entry, NULL) != SV_OK;
        }
    }
}

static void payload(wire *w, sv_updater_message *m) {
    switch ((sv_updater_verb) m->verb) {
    case SV_UPDATER_CHECK:
        check(w, &m->check);
        break;
    case SV_UPDATER_GIVE:
        give(w, &m->give);
        break;
    case SV_UPDATER_FAILED:
        refused(w, &m->failed);
        break;
    case SV_UPDATER_HEALTH:
        health(w, &m->health);
        break;
    case SV_UPDATER_DELIVERED:
        m->delivered = number64(w, m->delivered);
        break;
    case SV_UPDATER_FORGIVE:
        bytes_of(w, m->forgive, sizeof m->forgive);
        break;
    case SV_UPDATER_STATUS:
        status(w, &m->status);
        break;
    case SV_UPDATER_WANT:
        want(w, &m->want);
        break;
    case SV_UPDATER_PROGRESS:
        progress(w, &m->progress);
        break;
    case SV_UPDATER_IDLE:
        m->idle = small(w, m->idle, SV_UPDATER_IDLE__COUNT - 1);
        break;
    case SV_UPDATER_REFUSED:
        refused(w, &m->refused);
        break;
    case SV_UPDATER_ENTRIES:
        entries(w, &m->entries);
        break;
    case SV_UPDATER_HISTORY:
    case SV_UPDATER_ASK:
    case SV_UPDATER_ABSENT:
    case SV_UPDATER_ROLLBACK:
    case SV_UPDATER_WITHDRAW:
    case SV_UPDATER_REBOOT:
        break;
    }
}

// ---- packets ------------------------------------------------------------------------------------

static const char *const AGENTS[] = { "ask",     "check",    "give",      "absent",
                                      "failed",  "health",   "delivered", "rollback",
                                      "forgive", "withdraw", "history" };
static const char *const UPDATERS[] = { "status", "want",    "progress", "idle",
                                        "reboot", "refused", "entries" };

const char *sv_updater_verb_name(unsigned verb) {
    if (sv_updater_verb_is_agents(verb)) {
        return AGENTS[verb - SV_UPDATER_ASK];
    }
    return verb >= SV_UPDATER_STATUS && verb <= SV_UPDATER_ENTRIES
               ? UPDATERS[verb - SV_UPDATER_STATUS]
               : "unknown";
}

bool sv_updater_verb_is_agents(unsigned verb) {
    return verb >= SV_UPDATER_ASK && verb <= SV_UPDATER_HISTORY;
}

/// Head of a packet whose payload has `bytes`.
static void head(wire *w, sv_updater_message *m, uint32_t *bytes) {
    char magic[sizeof MAGIC];
    memcpy(magic, MAGIC, sizeof magic);
    bytes_of(w, (uint8_t *) magic, sizeof magic);
    w->wrong = w->wrong || memcmp(magic, MAGIC, sizeof magic) != 0
               || number(w, SV_UPDATER_FORMAT, 1, UINT8_MAX) != SV_UPDATER_FORMAT;
    m->verb = small(w, m->verb, UINT8_MAX);
    w->wrong = w->wrong || number(w, 0, 2, UINT16_MAX) != 0;
    m->number = number64(w, m->number);
    *bytes = number32(w, *bytes);
}

sv_err sv_updater_read(const void *packet, size_t bytes, sv_updater_message *out, sv_why *why) {
    // What reads does not write; the cursor serves both ways.
    char *at = (char *) (uintptr_t) packet;
    wire w = { .at = at, .end = at + bytes };
    sv_updater_message message = { 0 };
    uint32_t announced = 0;
    head(&w, &message, &announced);
    if (w.wrong) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a packet of %zu bytes that is not one of the updater's, format %d", bytes,
                       SV_UPDATER_FORMAT);
    }
    if (announced != (size_t) (w.end - w.at) || announced > SV_UPDATER_PAYLOAD_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a packet of %zu bytes that says it has %u + %d", bytes,
                       announced, SV_UPDATER_HEAD_BYTES);
    }
    const char *name = sv_updater_verb_name(message.verb);
    payload(&w, &message);
    if (w.wrong || w.at != w.end || strcmp(name, "unknown") == 0) {
        return sv_fail(why, SV_ERR_INVALID, "a packet (verb %u, %s) that says what none says",
                       message.verb, name);
    }
    *out = message;
    return SV_OK;
}

size_t sv_updater_write(const sv_updater_message *message, uint8_t out[SV_UPDATER_PACKET_MAX]) {
    sv_updater_message copy = *message;
    char *at = (char *) out;
    wire w = { .at = at + SV_UPDATER_HEAD_BYTES,
               .end = at + SV_UPDATER_PACKET_MAX,
               .writing = true };
    payload(&w, &copy);
    uint32_t bytes = (uint32_t) (w.at - at - SV_UPDATER_HEAD_BYTES);
    wire front = { .at = at, .end = at + SV_UPDATER_HEAD_BYTES, .writing = true };
    head(&front, &copy, &bytes);
    return SV_UPDATER_HEAD_BYTES + bytes;
}
