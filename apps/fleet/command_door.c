#include "command_door.h"

#include "commands.h"
#include "views.h"

#include <codec/json.h>

static void answer_command(const sv_visit *v, const sv_command *command) {
    char room[512];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", command->id);
    sv_json_add_str(&out, "device", command->device->id);
    sv_json_add_text(&out, "name", command->name);
    sv_json_add_int(&out, "until", command->until_ms);
    sv_json_close_object(&out);
    sv_http_reply(v->request, 202, "application/json", sv_textbuf_text(&json));
}

void sv_command_door_send(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    int64_t within_s = SV_COMMAND_WITHIN_S;
    if (device == NULL || !sv_visit_number(v, "within", SV_COMMAND_WITHIN_MAX_S, &within_s)) {
        return;
    }
    if (sv_http_body(v->request).len > SV_COMMAND_BYTES_MAX) {
        sv_http_problem(v->request, 413, "Too large", "a command has at most %d bytes",
                        SV_COMMAND_BYTES_MAX);
        return;
    }
    sv_why why = { 0 };
    sv_command command = {
        .device = device, .name = v->name, .within_s = within_s, .user = v->person.user
    };
    sv_err err = sv_downlink_command(v->fleet, &command, sv_http_body(v->request), &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_commands_tell(v->fleet, sv_text_of(command.id));
    answer_command(v, &command);
}

void sv_command_door_list(sv_visit *v) {
    char cursor[SV_VISIT_WORD_MAX];
    char next[SV_COMMANDS_CURSOR_MAX];
    int64_t limit = SV_COMMANDS_LIMIT_DEFAULT;
    const sv_device *device = sv_visit_device(v);
    if (device == NULL || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_COMMANDS_LIMIT_MAX, &limit)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_commands_list(v->fleet, device, limit > 0 ? (size_t) limit : 1,
                                  cursor[0] != '\0' ? cursor : NULL, &out, next, &why);
    if (err == SV_OK) {
        sv_json_add_str(&out, "next", next[0] != '\0' ? next : NULL);
        sv_json_close_object(&out);
    }
    sv_visit_json(v, err, &json, &why);
}

void sv_command_door_show(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_commands_write(v->fleet, v->id, &out, NULL, &why), &json, &why);
}
