// What devices answer. A device cannot answer for another one: the topic's device, which its
// certificate has proved at the door, must be the one that was asked. What answers nothing costs no
// write.
#include "act_own.h"
#include <sys/clock.h>
#include <sys/log.h>

enum { ANSWER_MAX = 2 * GW_RESULT_BYTES_MAX, ERROR_MAX = 255 };

/// `results/<device>/<name>`.
static bool read_topic(sv_text topic, sv_text *device, sv_text *name) {
    (void) sv_text_cut(&topic, '/');
    *device = sv_text_cut(&topic, '/');
    *name = topic;
    return sv_id_is_valid(*device) && sv_id_is_valid(*name);
}

/// Counted always, logged once a second.
static void refuse(gw *g, sv_text topic, const char *why) {
    int64_t now_us = sv_clock_monotonic_us();
    g->acts.results_refused++;
    if (now_us - g->acts.logged_us >= SV_TIME_SECOND_US) {
        g->acts.logged_us = now_us;
        SV_LOG(warn, "result.refused", SV_TEXT_FMT ": %s", SV_TEXT_ARG(topic), why);
    }
}

/// At most so many bytes, and no half character.
static sv_text cut_short(sv_text text, size_t max) {
    size_t len = text.len < max ? text.len : max;
    while (len < text.len && len > 0 && ((unsigned char) text.at[len] & 0xC0) == 0x80) {
        len--;
    }
    return (sv_text){ .at = text.at, .len = len };
}

static void take(gw *g, sv_text topic, gw_command *command, const sv_json *root) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(ANSWER_MAX);
    sv_json_out out = SV_JSON_OUT(&answer);
    sv_json_put_value(&out, root);
    if (answer.overflowed) {
        refuse(g, topic, "an answer that grows beyond measure");
        return;
    }
    sv_text error = SV_TEXT("");
    const sv_json *fault = sv_json_get(root, "error");
    bool failed = fault != NULL && !sv_json_is_null(fault);
    if (failed && (!sv_json_text(fault, &error) || error.len == 0)) {
        error = SV_TEXT("the device says that it did not do it");
    }
    gw_command_sent(g, command);
    gw_command_note(g, command->seq, failed ? GW_COMMAND_FAILED : GW_COMMAND_ANSWERED,
                    cut_short(error, ERROR_MAX), sv_textbuf_text(&answer));
    SV_LOG(info, failed ? "command.failed" : "command.answered", "%s by %s, id %s", command->name,
           command->device, command->id);
    gw_command_close(g, command);
}

void gw_act_result(gw *g, sv_text topic, sv_text payload) {
    sv_text device;
    sv_text name;
    sv_text id;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (!read_topic(topic, &device, &name) || sv_map_count(g->acts.open) == 0) {
        g->acts.results_passed++;
        return;
    }
    if (payload.len > GW_RESULT_BYTES_MAX) {
        refuse(g, topic, "more bytes than an answer may have (4096)");
        return;
    }
    gw_command *command = NULL;
    if (sv_json_parse(payload, &root, NULL, NULL) == SV_OK && sv_json_is_object(root)
        && sv_json_text(sv_json_get(root, "id"), &id)) {
        command = sv_map_get(g->acts.open, id);
    }
    if (command == NULL) {
        g->acts.results_passed++;
    } else if (!sv_text_is(device, command->device) || !sv_text_is(name, command->name)) {
        refuse(g, topic, "it answers what another device, or another command, was asked");
    } else {
        take(g, topic, command, root);
    }
}
