#include <codec/encode.h>
#include <codec/json.h>
#include <ddi/document.h>
#include <stdio.h>
#include <string.h>
#include <update/trial.h>

enum { TIME_ROOM = 40 };

/// "00:05:00", also "1:2:3".
static bool read_sleep(sv_text text, int64_t *out_us) {
    uint64_t hours = 0;
    uint64_t minutes = 0;
    uint64_t seconds = 0;
    sv_text rest = text;
    if (sv_text_u64(sv_text_cut(&rest, ':'), 999, &hours) != SV_OK
        || sv_text_u64(sv_text_cut(&rest, ':'), 59, &minutes) != SV_OK
        || sv_text_u64(rest, 59, &seconds) != SV_OK) {
        return false;
    }
    int64_t sleep_us = (int64_t) (hours * 3600 + minutes * 60 + seconds) * SV_TIME_SECOND_US;
    *out_us = sleep_us < SV_DDI_SLEEP_MIN_US   ? SV_DDI_SLEEP_MIN_US
              : sleep_us > SV_DDI_SLEEP_MAX_US ? SV_DDI_SLEEP_MAX_US
                                               : sleep_us;
    return true;
}

/// The number at the end of a link's path: ".../deploymentBase/7?c=-12345".
static sv_err read_link(const sv_json *links, const char *name, int64_t *out, sv_why *why) {
    const sv_json *link = sv_json_get(links, name);
    sv_text href = { 0 };
    if (link == NULL) {
        return SV_OK;
    }
    if (!sv_json_text(sv_json_get(link, "href"), &href)) {
        return sv_fail(why, SV_ERR_INVALID, "_links.%s has no href", name);
    }
    sv_text path = sv_text_cut(&href, '?');
    sv_text last = path;
    while (path.len > 0) {
        last = sv_text_cut(&path, '/');
    }
    uint64_t action = 0;
    if (sv_text_u64(last, SV_DDI_ACTION_MAX, &action) != SV_OK || action == 0) {
        return sv_fail(why, SV_ERR_INVALID, "_links.%s does not end with the number of an action",
                       name);
    }
    *out = (int64_t) action;
    return SV_OK;
}

static sv_err read_object(sv_text json, sv_json **out, sv_why *why) {
    if (json.len > SV_DDI_DOCUMENT_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are more than %d", json.len,
                       SV_DDI_DOCUMENT_MAX);
    }
    SV_TRY(sv_json_parse(json, out, NULL, why));
    return sv_json_is_object(*out) ? SV_OK
                                   : sv_fail(why, SV_ERR_INVALID, "the answer is no JSON object");
}

sv_err sv_ddi_poll_read(sv_text json, sv_ddi_poll *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(read_object(json, &root, why));
    sv_ddi_poll poll = { 0 };
    sv_text sleep = { 0 };
    const sv_json *polling = sv_json_get(sv_json_get(root, "config"), "polling");
    if (sv_json_text(sv_json_get(polling, "sleep"), &sleep) && !read_sleep(sleep, &poll.sleep_us)) {
        return sv_fail(why, SV_ERR_INVALID, "config.polling.sleep is not HH:MM:SS");
    }
    const sv_json *links = sv_json_get(root, "_links");
    SV_TRY(read_link(links, "deploymentBase", &poll.deployment, why));
    SV_TRY(read_link(links, "cancelAction", &poll.cancel, why));
    poll.wants_config = sv_json_is_object(sv_json_get(links, "configData"));
    *out = poll;
    return SV_OK;
}

/// A number, or a text that is one.
static bool read_action(const sv_json *value, int64_t *out) {
    sv_text text = { 0 };
    uint64_t action = 0;
    if (sv_json_text(value, &text)) {
        if (sv_text_u64(text, SV_DDI_ACTION_MAX, &action) != SV_OK || action == 0) {
            return false;
        }
        *out = (int64_t) action;
        return true;
    }
    int64_t number = 0;
    if (!sv_json_int(value, &number) || number < 1 || number > SV_DDI_ACTION_MAX) {
        return false;
    }
    *out = number;
    return true;
}

static sv_err read_urgency(const sv_json *deployment, const char *name, sv_ddi_urgency *out,
                           sv_why *why) {
    static const char *const NAMES[] = { "skip", "attempt", "forced" };
    sv_text text = { 0 };
    if (!sv_json_text(sv_json_get(deployment, name), &text)) {
        return sv_fail(why, SV_ERR_INVALID, "deployment.%s is missing", name);
    }
    for (unsigned i = 0; i < SV_COUNT(NAMES); i++) {
        if (sv_text_is(text, NAMES[i])) {
            *out = (sv_ddi_urgency) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "deployment.%s is none of skip, attempt, forced", name);
}

/// The first artifact of a chunk that has a digest.
static void read_digest(const sv_json *chunk, sv_ddi_deployment *out) {
    const sv_json *artifacts = sv_json_get(chunk, "artifacts");
    for (size_t i = 0; i < sv_json_count(artifacts) && !out->has_digest; i++) {
        sv_text hex = { 0 };
        const sv_json *hashes = sv_json_get(sv_json_at(artifacts, i), "hashes");
        out->has_digest = sv_json_text(sv_json_get(hashes, "sha256"), &hex)
                          && sv_hex_parse(hex, out->digest, sizeof out->digest) == SV_OK;
    }
}

static void read_chunks(const sv_json *chunks, sv_ddi_deployment *out) {
    for (size_t i = 0; i < sv_json_count(chunks); i++) {
        const sv_json *chunk = sv_json_at(chunks, i);
        sv_text version = { 0 };
        if (out->version[0] == '\0' && sv_json_text(sv_json_get(chunk, "version"), &version)) {
            // One that is too long for us is as good as none: it is shown, and decides nothing.
            (void) (sv_text_copy(version, out->version, sizeof out->version) == SV_OK);
        }
        read_digest(chunk, out);
    }
}

sv_err sv_ddi_deployment_read(sv_text json, sv_ddi_deployment *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(read_object(json, &root, why));
    sv_ddi_deployment read = { 0 };
    const sv_json *deployment = sv_json_get(root, "deployment");
    if (!read_action(sv_json_get(root, "id"), &read.action)) {
        return sv_fail(why, SV_ERR_INVALID, "id is not the number of an action");
    }
    SV_TRY(read_urgency(deployment, "download", &read.download, why));
    SV_TRY(read_urgency(deployment, "update", &read.update, why));
    sv_text window = { 0 };
    read.outside_window = sv_json_text(sv_json_get(deployment, "maintenanceWindow"), &window)
                          && sv_text_is(window, "unavailable");
    read_chunks(sv_json_get(deployment, "chunks"), &read);
    *out = read;
    return SV_OK;
}

sv_err sv_ddi_cancel_read(sv_text json, int64_t *action, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(read_object(json, &root, why));
    const sv_json *stop = sv_json_get(sv_json_get(root, "cancelAction"), "stopId");
    return read_action(stop, action)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "cancelAction.stopId is not the number of an action");
}

/// `20261122T061504`, as DDI's clients write it.
static void add_time(sv_json_out *json, int64_t at_us) {
    char room[TIME_ROOM] = "";
    char compact[TIME_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf short_text = SV_TEXTBUF(compact);
    sv_time_add(&text, at_us / SV_TIME_SECOND_US * SV_TIME_SECOND_US);
    for (size_t i = 0; i < text.len && room[i] != 'Z'; i++) {
        if (room[i] != '-' && room[i] != ':') {
            sv_textbuf_add_char(&short_text, room[i]);
        }
    }
    sv_json_add_text(json, "time", sv_textbuf_text(&short_text));
}

/// Cut where a letter of UTF-8 ends.
static sv_text cut(sv_text text) {
    if (text.len >= SV_TRIAL_WHY_ROOM) {
        text.len = SV_TRIAL_WHY_ROOM - 1;
        while (text.len > 0 && ((uint8_t) text.at[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static void add_text(sv_json_out *json, const char *name, const char *value) {
    if (value != NULL && value[0] != '\0') {
        sv_json_add_text(json, name, cut(sv_text_of(value)));
    }
}

static void add_int(sv_json_out *json, const char *name, int64_t value) {
    if (value >= 0) {
        sv_json_add_int(json, name, value);
    }
}

static void add_state(sv_json_out *json, const sv_ddi_state *state) {
    sv_json_key(json, "selvedge");
    sv_json_open_object(json);
    add_text(json, "state", state->state);
    add_text(json, "version", state->version);
    if (state->digest != NULL) {
        char hex[2 * SV_BOOT_DIGEST_BYTES + 1];
        sv_textbuf text = SV_TEXTBUF(hex);
        sv_hex_add(&text, state->digest, SV_BOOT_DIGEST_BYTES);
        sv_json_add_text(json, "sha256", sv_textbuf_text(&text));
    }
    add_int(json, "counter", state->counter);
    if (state->slot >= 0) {
        sv_json_add_str(json, "slot", state->slot == 0 ? "a" : "b");
    }
    add_text(json, "why", state->why);
    add_int(json, "number", state->number);
    add_int(json, "bytes", state->bytes);
    add_int(json, "of", state->of);
    add_text(json, "encoding", state->encoding);
    add_int(json, "fetched", state->fetched);
    sv_json_close_object(json);
}

static void add_result(sv_json_out *json, const sv_ddi_feedback *feedback) {
    static const char *const FINISHED[] = { "none", "success", "failure" };
    sv_json_key(json, "result");
    sv_json_open_object(json);
    sv_json_add_str(json, "finished", FINISHED[feedback->finished]);
    const sv_ddi_state *state = feedback->state;
    if (state != NULL && state->of > 0 && state->bytes >= 0) {
        sv_json_key(json, "progress");
        sv_json_open_object(json);
        sv_json_add_int(json, "cnt", state->bytes);
        sv_json_add_int(json, "of", state->of);
        sv_json_close_object(json);
    }
    sv_json_close_object(json);
}

void sv_ddi_feedback_write(const sv_ddi_feedback *feedback, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    char id[24];
    (void) snprintf(id, sizeof id, "%lld", (long long) feedback->action);
    sv_json_add_str(&json, "id", id);
    add_time(&json, feedback->at_us);
    sv_json_key(&json, "status");
    sv_json_open_object(&json);
    add_result(&json, feedback);
    sv_json_add_str(&json, "execution",
                    feedback->rejected ? "rejected"
                    : feedback->closed ? "closed"
                                       : "proceeding");
    sv_json_key(&json, "details");
    sv_json_open_array(&json);
    for (size_t i = 0; i < feedback->detail_count; i++) {
        sv_json_put_text(&json, cut(feedback->details[i]));
    }
    sv_json_close_array(&json);
    if (feedback->state != NULL) {
        add_state(&json, feedback->state);
    }
    sv_json_close_object(&json);
    sv_json_close_object(&json);
}

void sv_ddi_config_write(int64_t at_us, const sv_ddi_attribute *attributes, size_t count,
                         sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "mode", "replace");
    add_time(&json, at_us);
    sv_json_key(&json, "data");
    sv_json_open_object(&json);
    for (size_t i = 0; i < count; i++) {
        add_text(&json, attributes[i].name, attributes[i].value);
    }
    sv_json_close_object(&json);
    sv_json_close_object(&json);
}
