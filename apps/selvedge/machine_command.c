#include "machine_command.h"

#include <codec/json.h>
#include <model/id.h>

/// NULL: done.
static const char *fault_of(sv_machine *machine, sv_text name, bool late) {
    bool stop = sv_text_is(name, "stop");
    if (!stop && !sv_text_is(name, "start") && !sv_text_is(name, "ping")) {
        return "this machine knows start, stop and ping";
    }
    if (late) {
        return "too late: the request was not worth doing any more";
    }
    if (sv_text_is(name, "ping")) {
        return NULL;
    }
    if (machine == NULL) {
        return "this machine replays a file and can be neither started nor stopped";
    }
    machine->stopped = stop;
    return NULL;
}

bool sv_machine_obey(sv_machine *machine, sv_text name, sv_text request, int64_t now_ms,
                     sv_textbuf *answer) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text id;
    int64_t until_ms = INT64_MAX;
    if (request.len > SV_MACHINE_REQUEST_MAX || sv_json_parse(request, &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(root, "id"), &id) || !sv_id_is_valid(id)) {
        return false;
    }
    (void) sv_json_int(sv_json_get(root, "until"), &until_ms);
    const char *fault = fault_of(machine, name, now_ms > until_ms);
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "id", id);
    if (fault != NULL) {
        sv_json_add_str(&out, "error", fault);
    } else {
        sv_json_add_str(&out, "state", machine != NULL && machine->stopped ? "stopped" : "running");
    }
    sv_json_close_object(&out);
    return sv_textbuf_end(answer) == SV_OK;
}
