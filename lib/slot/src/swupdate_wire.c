#include "swupdate_wire.h"

#include <base/text.h>
#include <stdio.h>
#include <string.h>

sv_err swu_install(const char *selection, const char *mark, uint64_t bytes, swu_message *out,
                   sv_why *why) {
    sv_text mode = sv_text_of(selection);
    sv_text set = sv_text_cut(&mode, ',');
    memset(out, 0, sizeof *out); // what lies between its members goes over the socket too
    out->magic = SWU_MAGIC;
    out->kind = SWU_INSTALL;
    swu_request *request = &out->of.install.request;
    request->api = SWU_API;
    request->source = SWU_SOURCE_LOCAL;
    request->dry_run = SWU_RUN_INSTALL;
    request->bytes = (size_t) bytes;
    (void) snprintf(request->info, sizeof request->info, "%s", mark);
    return set.len > 0 && mode.len > 0 && memchr(mode.at, ',', mode.len) == NULL
                   && sv_text_copy(set, request->set, sizeof request->set) == SV_OK
                   && sv_text_copy(mode, request->mode, sizeof request->mode) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'%.100s' is no selection of SWUpdate's: write SET,MODE", selection);
}

/// "ERROR : text", or with where it was in their sources: "ERROR file : function : line : text".
static sv_text without_level(sv_text text) {
    static const sv_text LEVEL = { .at = "ERROR ", .len = 6 };
    static const sv_text BARE = { .at = "ERROR : ", .len = 8 };
    if (!sv_text_starts(text, LEVEL)) {
        return text;
    }
    sv_text rest = text;
    for (int parts = sv_text_starts(text, BARE) ? 1 : 3; parts > 0; parts--) {
        (void) sv_text_cut(&rest, ':');
    }
    return rest.len > 0 ? rest : text;
}

void swu_text(const char *theirs, size_t theirs_bytes, char *out, size_t out_bytes) {
    sv_text text = without_level((sv_text){ .at = theirs, .len = strnlen(theirs, theirs_bytes) });
    text = sv_text_trim(text);
    size_t len = text.len < out_bytes ? text.len : out_bytes - 1;
    for (size_t i = 0; i < len; i++) {
        out[i] = (char) (text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?');
    }
    out[len] = '\0';
}

static bool is_marked(const swu_progress *message, const swu_course *course) {
    size_t len = strlen(course->mark);
    return message->info_len == len && len <= sizeof message->info
           && memcmp(message->info, course->mark, len) == 0;
}

/// Of all its steps.
static int percent_of(const swu_progress *message) {
    unsigned steps = message->steps > 0 ? message->steps : 1;
    unsigned step = message->step > 0 ? message->step - 1 : 0;
    unsigned of_step = message->percent < 100 ? message->percent : 100;
    return step >= steps ? 100 : (int) (((uint64_t) step * 100 + of_step) / steps);
}

void swu_follow(const swu_progress *message, swu_course *course) {
    char image[64];
    switch (message->status) {
    case SWU_START:
        course->foreign = !is_marked(message, course);
        return;
    case SWU_SUCCESS:
        course->end = SWU_SUCCEEDED;
        return;
    case SWU_FAILURE:
        course->end = SWU_FAILED;
        return;
    default:
        break;
    }
    if (message->step > 0) {
        course->percent = percent_of(message);
        swu_text(message->image, sizeof message->image, image, sizeof image);
        if (image[0] != '\0') {
            (void) snprintf(course->says, sizeof course->says, "it writes %s", image);
        }
    }
}
