#include "device_token.h"
#include "fleet_verb.h"
#include "show.h"
#include <model/id.h>
#include <stdio.h>

typedef struct asked {
    sv_fleet_asked fleet; ///< device
    const char *site;     ///< in its place
    bool remove;
} asked;

static void show_made(const asked *a, const sv_json *made) {
    if (a->fleet.json) {
        sv_fleet_show_json(made);
        return;
    }
    sv_show_plain(sv_show_words(made, "token"));
    (void) puts("");
    if (!sv_show_is(made, "taken")) {
        (void) fprintf(stderr,
                       "the fleet server takes none yet: say ddi: {%s: true} in its "
                       "configuration\n",
                       a->site != NULL ? "gateway_tokens" : "target_tokens");
    }
}

static sv_err ask(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *made = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path,
                    a->site != NULL ? "/api/v1/sites/%s/gateway-token"
                                    : "/api/v1/devices/%s/target-token",
                    a->site != NULL ? a->site : a->fleet.plain[0]);
    SV_TRY(sv_textbuf_end(&path));
    const sv_fleet_api_errand errand = { .method = a->remove ? "DELETE" : "POST", .path = room };
    SV_TRY(sv_fleet_api_ask(api, &errand, &made, why));
    if (!a->remove) {
        show_made(a, made);
    } else if (!a->fleet.json) {
        (void) printf("the token of %s is good for nothing any more\n",
                      a->site != NULL ? a->site : a->fleet.plain[0]);
    }
    return SV_OK;
}

static sv_err check(void *arg, sv_why *why) {
    const asked *a = arg;
    const char *named = a->site != NULL ? a->site : a->fleet.plain[0];
    if (named == NULL || (a->site != NULL && a->fleet.plain[0] != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "name a device, selvedge device token press-1, or --site SITE alone");
    }
    return sv_id_is_valid(sv_text_of(named))
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.80s' is no %s", named,
                         a->site != NULL ? "site" : "device id");
}

int cmd_device_token(int argc, char **argv) {
    asked a = { .remove = false };
    const sv_option options[] = {
        { .name = "remove",
          .kind = SV_OPTION_FLAG,
          .target = &a.remove,
          .help = "the one it has is good for nothing any more" },
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "in place of a device: a gateway token, one for those of the site that have "
                  "nothing of their own" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device token DEVICE | --site SITE [--remove]",
        .about = "A target token for a device whose update client (SWUpdate, RAUC) shows no "
                 "certificate. It is shown once,\nis good for updates at the fleet server's own "
                 "door alone, and ends the one before.\n\n"
                 "  selvedge device token press-1\n"
                 "  selvedge device token --site plant-1",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check,
        .ask = ask,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
