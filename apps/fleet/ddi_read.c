#include "ddi_read.h"

#include <string.h>
#include <strings.h>

static const char *const EXECUTIONS[SV_DDI_EXECUTION__COUNT] = {
    "closed",   "proceeding", "canceled", "scheduled",
    "rejected", "resumed",    "download", "downloaded",
};
static const char *const FINISHED[SV_DDI_FINISHED__COUNT] = { "none", "success", "failure" };

static sv_err parse(sv_text body, sv_json **root, sv_why *why) {
    if (body.len > SV_DDI_BODY_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are more than %d", body.len,
                       SV_DDI_BODY_MAX);
    }
    SV_TRY(sv_json_parse(body, root, NULL, why));
    return sv_json_is_object(*root) ? SV_OK
                                    : sv_fail(why, SV_ERR_INVALID, "the body is no JSON object");
}

/// One of `names`; `out` stays when there is none.
static sv_err read_choice(const sv_json *value, const char *what, const char *const *names,
                          int count, int *out, sv_why *why) {
    sv_text word;
    if (value == NULL) {
        return SV_OK;
    }
    if (!sv_json_text(value, &word)) {
        return sv_fail(why, SV_ERR_INVALID, "%s is no text", what);
    }
    for (int i = 0; i < count; i++) {
        if (sv_text_is(word, names[i])) {
            *out = i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "%s is never '%.*s'", what,
                   (int) (word.len < SV_ID_MAX ? word.len : SV_ID_MAX), word.at);
}

static void read_lines(const sv_json *details, sv_ddi_heard *out) {
    size_t count = sv_json_count(details);
    size_t over = count > SV_ACTION_LINES_MAX ? count - SV_ACTION_LINES_MAX : 0;
    for (size_t i = 0; i < count; i++) {
        bool kept = i < SV_DDI_FIRST_LINES || i >= SV_DDI_FIRST_LINES + over;
        sv_text line;
        if (kept && sv_json_text(sv_json_at(details, i), &line)) {
            out->lines[out->line_count++] = line;
        }
    }
}

static int64_t number_of(const sv_json *object, const char *key) {
    int64_t number = -1;
    return sv_json_int(sv_json_get(object, key), &number) && number >= 0 ? number : -1;
}

static sv_text text_of(const sv_json *object, const char *key) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &text);
    return text;
}

static void read_ours(const sv_json *ours, sv_ddi_heard *out) {
    out->ours = sv_json_is_object(ours);
    out->state = text_of(ours, "state");
    out->version = text_of(ours, "version");
    out->sha256 = text_of(ours, "sha256");
    out->slot = text_of(ours, "slot");
    out->why = text_of(ours, "why");
    out->counter = number_of(ours, "counter");
    out->bytes = number_of(ours, "bytes");
    out->bytes_of = number_of(ours, "of");
    out->encoding = text_of(ours, "encoding");
    out->fetched = number_of(ours, "fetched");
    out->noted = number_of(ours, "number") >= 0;
}

static sv_err read_status(const sv_json *status, sv_ddi_heard *out, sv_why *why) {
    int execution = -1;
    int finished = SV_DDI_NONE;
    if (!sv_json_is_object(status)) {
        return sv_fail(why, SV_ERR_INVALID, "status is no object");
    }
    SV_TRY(read_choice(sv_json_get(status, "execution"), "status.execution", EXECUTIONS,
                       SV_DDI_EXECUTION__COUNT, &execution, why));
    if (execution < 0) {
        return sv_fail(why, SV_ERR_INVALID, "status.execution is missing");
    }
    const sv_json *result = sv_json_get(status, "result");
    SV_TRY(read_choice(sv_json_get(result, "finished"), "status.result.finished", FINISHED,
                       SV_DDI_FINISHED__COUNT, &finished, why));
    out->execution = (sv_ddi_execution) execution;
    out->finished = (sv_ddi_finished) finished;
    const sv_json *progress = sv_json_get(result, "progress");
    out->count = number_of(progress, "cnt");
    out->of = number_of(progress, "of");
    read_lines(sv_json_get(status, "details"), out);
    read_ours(sv_json_get(status, "selvedge"), out);
    return SV_OK;
}

sv_err sv_ddi_feedback_read(sv_text body, sv_ddi_heard *out, sv_why *why) {
    *out = (sv_ddi_heard){ 0 };
    SV_TRY(parse(body, &out->root, why));
    return read_status(sv_json_get(out->root, "status"), out, why);
}

void sv_ddi_heard_drop(sv_ddi_heard *heard) {
    sv_json_drop(&heard->root);
}

sv_err sv_ddi_confirmation_read(sv_text body, sv_ddi_heard *heard, bool *yes, sv_why *why) {
    static const char *const ANSWERS[] = { "denied", "confirmed" };
    int answer = -1;
    *heard = (sv_ddi_heard){ 0 };
    SV_TRY(parse(body, &heard->root, why));
    SV_TRY(read_choice(sv_json_get(heard->root, "confirmation"), "confirmation", ANSWERS, 2,
                       &answer, why));
    if (answer < 0) {
        return sv_fail(why, SV_ERR_INVALID, "confirmation is missing");
    }
    read_lines(sv_json_get(heard->root, "details"), heard);
    *yes = answer == 1;
    return SV_OK;
}

// ---- what a feedback says -----------------------------------------------------------------------

static bool speaks_of_download(const sv_ddi_heard *heard) {
    for (size_t i = 0; i < heard->line_count; i++) {
        const char *at = heard->lines[i].at;
        for (size_t left = heard->lines[i].len; left >= sizeof "download" - 1; left--, at++) {
            if (strncasecmp(at, "download", sizeof "download" - 1) == 0) {
                return true;
            }
        }
    }
    return false;
}

/// A failure of who does not say more. Of ours it is the download until its bytes were verified;
/// of others who speaks of one.
static sv_action_class class_of(const sv_ddi_heard *heard, sv_action_state now) {
    if (now == SV_ACTION_INSTALLED || now == SV_ACTION_TRIAL) {
        return heard->ours && sv_text_is(heard->state, "failed") ? SV_ACTION_BY_INSTALL
                                                                 : SV_ACTION_FINE;
    }
    bool early = now <= SV_ACTION_DOWNLOADING;
    return early && (heard->ours || speaks_of_download(heard)) ? SV_ACTION_BY_DOWNLOAD
                                                               : SV_ACTION_FINE;
}

static sv_action_said closed(const sv_ddi_heard *heard) {
    if (heard->finished == SV_DDI_SUCCESS) {
        return SV_SAID_SUCCESS;
    }
    if (heard->ours && sv_text_is(heard->state, "rolled-back")) {
        return SV_SAID_ROLLED_BACK;
    }
    return heard->ours && sv_text_is(heard->state, "refused") ? SV_SAID_REFUSED : SV_SAID_FAILURE;
}

/// Of one of ours that goes on.
static sv_action_said ours_goes_on(const sv_ddi_heard *heard) {
    static const struct {
        const char *state;
        sv_action_said said;
    } WORDS[] = {
        { "notified", SV_SAID_SEEN },     { "downloading", SV_SAID_DOWNLOADING },
        { "verified", SV_SAID_VERIFIED }, { "installed", SV_SAID_INSTALLED },
        { "trial", SV_SAID_TRIAL },       { "rolled-back", SV_SAID_ROLLED_BACK },
        { "refused", SV_SAID_REFUSED },   { "failed", SV_SAID_FAILURE },
    };
    for (size_t i = 0; i < SV_COUNT(WORDS); i++) {
        if (sv_text_is(heard->state, WORDS[i].state)) {
            return WORDS[i].said;
        }
    }
    return SV_SAID_NOTHING;
}

/// Of somebody else's: all its parts are there when it has counted them all.
static sv_action_said goes_on(const sv_ddi_heard *heard, sv_action_state now) {
    if (heard->of > 0) {
        return heard->count >= heard->of ? SV_SAID_INSTALLED : SV_SAID_DOWNLOADING;
    }
    return now < SV_ACTION_DOWNLOADING ? SV_SAID_DOWNLOADING : SV_SAID_NOTHING;
}

static sv_action_said said(const sv_ddi_heard *heard, sv_action_state now) {
    switch (heard->execution) {
    case SV_DDI_CLOSED:
    case SV_DDI_CANCELED:
        return closed(heard);
    case SV_DDI_REJECTED:
        return SV_SAID_REFUSED;
    case SV_DDI_DOWNLOAD:
        return SV_SAID_DOWNLOADING;
    case SV_DDI_DOWNLOADED:
        return SV_SAID_VERIFIED;
    case SV_DDI_SCHEDULED:
    case SV_DDI_RESUMED:
        return heard->ours ? ours_goes_on(heard) : SV_SAID_NOTHING;
    case SV_DDI_PROCEEDING:
    case SV_DDI_EXECUTION__COUNT:
    default:
        return heard->ours ? ours_goes_on(heard) : goes_on(heard, now);
    }
}

/// A device says at once that it has the image, or starts again, and tells after that what it had
/// written down on the way there. [action-2]
static bool is_history(const sv_ddi_heard *heard, sv_action_said said, sv_action_state now) {
    bool starts = now == SV_ACTION_INSTALLED || now == SV_ACTION_TRIAL;
    return heard->noted
           && ((said == SV_SAID_DOWNLOADING && (starts || now == SV_ACTION_VERIFIED))
               || (said == SV_SAID_VERIFIED && starts));
}

sv_action_word sv_ddi_word(const sv_ddi_heard *heard, sv_action_state now) {
    sv_action_said what = said(heard, now);
    sv_action_word word = { .said = is_history(heard, what, now) ? SV_SAID_NOTHING : what,
                            .why = heard->why,
                            .bytes = heard->bytes,
                            .of = heard->bytes_of,
                            .lines = heard->lines,
                            .line_count = heard->line_count };
    if (word.said == SV_SAID_FAILURE) {
        word.by = class_of(heard, now);
        bool silent = word.why.len == 0 && heard->line_count > 0;
        word.why = silent ? heard->lines[heard->line_count - 1] : word.why;
    }
    return word;
}

// ---- what it runs -------------------------------------------------------------------------------

/// Short and printable, else nothing.
static void keep_word(sv_text said, char room[SV_RUNNING_WORD_ROOM]) {
    for (size_t i = 0; i < said.len; i++) {
        unsigned char byte = (unsigned char) said.at[i];
        if (byte < 0x20 || byte == 0x7F) {
            said.len = 0;
        }
    }
    if (sv_text_copy(said, room, SV_RUNNING_WORD_ROOM) != SV_OK) {
        room[0] = '\0';
    }
}

static void keep_hash(sv_text said, char room[SV_RUNNING_SHA256_ROOM]) {
    bool fine = said.len == SV_RUNNING_SHA256_ROOM - 1;
    for (size_t i = 0; fine && i < said.len; i++) {
        char c = said.at[i];
        bool upper = c >= 'A' && c <= 'F';
        fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || upper;
        room[i] = (char) (upper ? c - 'A' + 'a' : c);
    }
    room[fine ? said.len : 0] = '\0';
}

void sv_ddi_running_of(const sv_ddi_heard *heard, sv_running *running) {
    keep_word(heard->version, running->version);
    keep_word(heard->slot, running->slot);
    keep_hash(heard->sha256, running->sha256);
    running->counter = heard->counter > 0 ? heard->counter : 0;
    keep_word(SV_TEXT("confirmed"), running->boot);
}

static sv_err keep_attribute(void *arg, sv_text key, const sv_json *value) {
    sv_running *r = arg;
    const struct {
        const char *key;
        char *room;
    } words[] = {
        { "product", r->product }, { "version", r->version },   { "hardware", r->hardware },
        { "slot", r->slot },       { "timezone", r->timezone }, { "boot", r->boot },
        { "client", r->client },
    };
    sv_text said = SV_TEXT("");
    (void) sv_json_text(value, &said);
    for (size_t i = 0; i < SV_COUNT(words); i++) {
        if (sv_text_is(key, words[i].key)) {
            keep_word(said, words[i].room);
        }
    }
    if (sv_text_is(key, "sha256")) {
        keep_hash(said, r->sha256);
    }
    uint64_t number = 0;
    if (sv_text_is(key, "counter") && !sv_json_int(value, &r->counter)) {
        r->counter = sv_text_u64(said, UINT32_MAX, &number) == SV_OK ? (int64_t) number : 0;
    }
    return SV_OK;
}

static sv_err drop_attribute(void *arg, sv_text key, const sv_json *value) {
    (void) value;
    return keep_attribute(arg, key, NULL);
}

sv_err sv_ddi_config_read(sv_text body, sv_running *running, sv_why *why) {
    static const char *const MODES[] = { "replace", "merge", "remove" };
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int mode = 0;
    SV_TRY(parse(body, &root, why));
    SV_TRY(
        read_choice(sv_json_get(root, "mode"), "mode", MODES, (int) SV_COUNT(MODES), &mode, why));
    const sv_json *data = sv_json_get(root, "data");
    if (!sv_json_is_object(data)) {
        return sv_fail(why, SV_ERR_INVALID, "data is no object");
    }
    if (mode == 0) {
        *running = (sv_running){ .at_us = running->at_us };
    }
    return sv_json_each(data, mode == 2 ? drop_attribute : keep_attribute, running);
}

sv_err sv_ddi_installed_read(sv_text body, sv_running *running, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text version;
    SV_TRY(parse(body, &root, why));
    if (!sv_json_text(sv_json_get(root, "version"), &version)) {
        return sv_fail(why, SV_ERR_INVALID, "version is no text");
    }
    keep_word(version, running->version);
    keep_word(text_of(root, "name"), running->product);
    running->sha256[0] = '\0';
    running->counter = 0;
    return SV_OK;
}
