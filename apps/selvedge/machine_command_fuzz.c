// A line with the command's name, then the request. Whatever it is: an answer is JSON with an id.
#include "machine_command.h"

#include <codec/json.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sv_machine machine;
    char room[SV_MACHINE_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_text request = { .at = (const char *) data, .len = size };
    sv_text name = sv_text_cut(&request, '\n');
    if (!sv_machine_obey(size % 2 == 0 ? &machine : NULL, name, request, 1000, &answer)) {
        return 0;
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text id;
    if (sv_json_parse(sv_textbuf_text(&answer), &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(root, "id"), &id)) {
        abort();
    }
    return 0;
}
