// What `pilot --check` sees of updates: a machine is told to install 1.1, and in the end runs it,
// confirmed, as the fleet server has heard.
#include "machine.h"
#include "pilot_check.h"

#include <stdio.h>

/// Not the first machine: a fault of its own is waited for.
static void name_machine(const checks *c, char id[SV_ID_ROOM]) {
    sv_textbuf text = { .at = id, .cap = SV_ID_ROOM };
    sv_machine_id(c->p->options.devices > 2 ? 2 : 1, &text);
    (void) sv_textbuf_end(&text);
}

static void name_path(const checks *c, char path[CHECK_PATH_ROOM]) {
    char id[SV_ID_ROOM];
    name_machine(c, id);
    (void) snprintf(path, CHECK_PATH_ROOM, "/api/v1/devices/%s/updates", id);
}

static bool has_no_signer(const checks *c, sv_why *detail) {
    bool none = c->p->signer_socket[0] == '\0';
    if (none) {
        (void) sv_fail(detail, SV_OK, "there is no signer, and so there are no updates");
    }
    return none;
}

/// What the machine runs, and how its last update is doing; both "" when it has none.
static bool look_at_machine(checks *c, char version[64], char state[64], sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[CHECK_PATH_ROOM];
    sv_text text = { 0 };
    version[0] = state[0] = '\0';
    name_path(c, path);
    if (!check_ask(c, path, &body, &root, detail)) {
        return false;
    }
    if (sv_json_text(sv_json_get(sv_json_get(root, "running"), "version"), &text)) {
        (void) (sv_text_copy(text, version, 64) == SV_OK);
    }
    const sv_json *last = sv_json_at(sv_json_get(root, "items"), 0);
    if (sv_json_text(sv_json_get(last, "state"), &text)) {
        (void) (sv_text_copy(text, state, 64) == SV_OK);
    }
    return true;
}

bool check_update_begins(checks *c, sv_why *detail) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(CHECK_BODY_MAX);
    char path[CHECK_PATH_ROOM];
    char version[64];
    char state[64];
    if (has_no_signer(c, detail)) {
        return true;
    }
    if (!look_at_machine(c, version, state, detail)) {
        return false;
    }
    name_path(c, path);
    int status = state[0] != '\0'
                     ? 201
                     : pilot_ask(c->p, c->p->http, "POST", path, "{\"image\":\"machine/1.1.img\"}",
                                 &body, NULL, detail);
    if (status == 201) {
        (void) sv_fail(detail, SV_OK, "1.1 was uploaded and assigned");
    } else if (status != 0) {
        (void) sv_fail(detail, SV_ERR_UNAVAILABLE, "%d: %.150s", status, body.at);
    }
    return status == 201;
}

bool check_update_ends(checks *c, sv_why *detail) {
    char id[SV_ID_ROOM];
    char version[64];
    char state[64];
    if (has_no_signer(c, detail)) {
        return true;
    }
    if (!look_at_machine(c, version, state, detail)) {
        return false;
    }
    name_machine(c, id);
    (void) sv_fail(detail, SV_OK, "%s runs %s, its update is %s", id, version, state);
    return sv_text_is(sv_text_of(state), "confirmed") && sv_text_is(sv_text_of(version), "1.1");
}
