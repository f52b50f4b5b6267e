#include "device_renewed.h"
#include "fleet_verb.h"
#include <base/time.h>
#include <codec/encode.h>
#include <stdio.h>
#include <sys/clock.h>

typedef struct asked {
    sv_fleet_asked fleet; ///< device
    const char *ago;
    bool failed;
    int64_t ago_us;
} asked;

static sv_err say(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path_room[SV_FLEET_API_PATH_MAX];
    char body_room[64];
    sv_textbuf path = SV_TEXTBUF(path_room);
    sv_textbuf body = SV_TEXTBUF(body_room);
    sv_json_out out = SV_JSON_OUT(&body);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_textbuf_addf(&path, "/api/v1/devices/%s/renewed", a->fleet.plain[0]);
    sv_json_open_object(&out);
    sv_json_add_bool(&out, "failed", a->failed);
    if (a->ago_us > 0) {
        sv_json_add_int(&out, "at", (sv_clock_wall_us() - a->ago_us) / 1000);
    }
    sv_json_close_object(&out);
    SV_TRY(sv_textbuf_end(&path));
    SV_TRY(sv_fleet_api_post(api, path_room, sv_textbuf_text(&body), &root, why));
    if (!a->fleet.json) {
        (void) printf("%s begins a new life%s\n", a->fleet.plain[0],
                      a->failed ? "; models are judged by how the last one ended" : "");
    }
    return SV_OK;
}

static sv_err check(void *arg, sv_why *why) {
    asked *a = arg;
    if (a->ago != NULL
        && (sv_duration_parse(sv_text_of(a->ago), &a->ago_us) != SV_OK || a->ago_us < 0)) {
        return sv_fail(why, SV_ERR_INVALID, "--ago '%.32s' is not a time, such as 30m, 5h or 2d",
                       a->ago);
    }
    return SV_OK;
}

int cmd_device_renewed(int argc, char **argv) {
    asked a = { .failed = false };
    const sv_option options[] = {
        { .name = "failed",
          .kind = SV_OPTION_FLAG,
          .target = &a.failed,
          .help = "it ran until it failed; else it was renewed in time" },
        { .name = "ago",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.ago,
          .help = "its life was over so long ago, such as 5h or 2d; else now" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device renewed DEVICE",
        .about = "What was worn of it was replaced: models of remaining life begin its life anew, "
                 "and its FAILURE\nalert is over. What they had said of it is held against how its "
                 "life ended.\n\n"
                 "  selvedge device renewed press-17                      a new bearing, in time\n"
                 "  selvedge device renewed press-17 --failed --ago 5h    it had seized",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device renewed press-17",
        .check = check,
        .ask = say,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
