// `selvedge update list`, `show`, `devices`, and the verbs that change a campaign.
#include "update_campaign.h"
#include "show.h"
#include "update.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROW_STATE 9
#define ROW_DEVICE 24

const char update_campaign_head[] = "    ID  STATE      CONFIRMED     NAME AND IMAGE";

sv_err update_campaign_path(const char *id, const char *behind, char room[SV_FLEET_API_PATH_MAX]) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/updates/%s%s", id, behind);
    return sv_textbuf_end(&path);
}

sv_err update_campaign_check(const char *id, sv_why *why) {
    uint64_t number;
    if (id == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "name the campaign: selvedge update list shows the numbers");
    }
    return sv_text_u64(sv_text_of(id), INT64_MAX, &number) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%.40s' is no number of a campaign", id);
}

// ---- showing ------------------------------------------------------------------------------------

static int64_t count_of(const sv_json *campaign, const char *key) {
    return sv_show_number(sv_json_get(campaign, "counts"), key);
}

void update_campaign_line(const sv_json *campaign, void *arg) {
    sv_text why = sv_show_words(campaign, "why");
    char counts[48];
    (void) arg;
    (void) snprintf(counts, sizeof counts, "%lld/%lld", (long long) count_of(campaign, "confirmed"),
                    (long long) count_of(campaign, "devices"));
    (void) printf("%6lld  ", (long long) sv_show_number(campaign, "id"));
    sv_show_cell(sv_show_words(campaign, "state"), ROW_STATE);
    (void) printf("%-12s  ", counts);
    sv_show_plain(sv_show_words(campaign, "name"));
    (void) printf("  (");
    sv_show_plain(sv_show_words(campaign, "image"));
    (void) puts(")");
    if (why.len > 0) {
        (void) printf("        ");
        sv_show_plain(why);
        (void) puts("");
    }
}

static void show_words(const char *name, sv_text text) {
    if (text.len > 0) {
        (void) printf("%-10s ", name);
        sv_show_plain(text);
        (void) puts("");
    }
}

static void show_counts(const sv_json *counts, const char *name, sv_text state) {
    static const char *const COLUMNS[] = { "devices",     "planned", "waiting",   "downloading",
                                           "installed",   "trial",   "confirmed", "failed",
                                           "rolled_back", "silent",  "canceled" };
    (void) printf("%-5s ", name);
    for (size_t i = 0; i < SV_COUNT(COLUMNS); i++) {
        (void) printf("%11lld ", (long long) sv_show_number(counts, COLUMNS[i]));
    }
    sv_show_plain(state);
    (void) puts("");
}

static void show_waves(const sv_json *campaign) {
    const sv_json *waves = sv_json_get(campaign, "waves");
    (void) puts("\nWAVE      DEVICES     PLANNED     WAITING DOWNLOADING   INSTALLED       TRIAL   "
                "CONFIRMED      FAILED ROLLED BACK      SILENT    CANCELED STATE");
    for (size_t i = 0; i < sv_json_count(waves); i++) {
        const sv_json *wave = sv_json_at(waves, i);
        char name[24];
        (void) snprintf(name, sizeof name, "%lld", (long long) sv_show_number(wave, "number"));
        show_counts(wave, name, sv_show_words(wave, "state"));
    }
    show_counts(sv_json_get(campaign, "counts"), "all", SV_TEXT(""));
}

static void show_part(const char *before, const char *name, int64_t part, int64_t whole) {
    if (part > 0) {
        (void) printf("%s%s %.0f %%", before, name, 100.0 * (double) part / (double) whole);
    }
}

/// "41 MiB instead of 3.2 GiB: deltas and compression 92 %, site caches 6 %". [campaign-42]
static void show_traffic(const sv_json *traffic) {
    int64_t image = sv_show_number(traffic, "image");
    int64_t fetched = sv_show_number(traffic, "fetched");
    int64_t sent = sv_show_number(traffic, "sent");
    char room[2][SV_SHOW_BYTES_ROOM];
    if (sent <= 0 && image <= 0) {
        return;
    }
    (void) printf("%-10s %s", "sent", sv_show_bytes((double) sent, room[0]));
    if (sent < image) {
        int64_t packed = image > fetched ? image - fetched : 0;
        (void) printf(" instead of %s", sv_show_bytes((double) image, room[1]));
        show_part(": ", "deltas and compression", packed, image);
        show_part(packed > 0 ? ", " : ": ", "site caches", image - packed - sent, image);
    }
    (void) puts("");
}

void update_campaign_show(const sv_json *campaign) {
    (void) printf("%-10s %lld\n", "campaign", (long long) sv_show_number(campaign, "id"));
    show_words("name", sv_show_words(campaign, "name"));
    show_words("image", sv_show_words(campaign, "image"));
    show_words("version", sv_show_words(campaign, "version"));
    show_words("state", sv_show_words(campaign, "state"));
    show_words("why", sv_show_words(campaign, "why"));
    bool prestage = false;
    if (sv_json_bool(sv_json_get(campaign, "prestage"), &prestage) && prestage) {
        (void) printf("%-10s %lld have the image and wait for their window\n", "ready",
                      (long long) sv_show_number(campaign, "ready"));
    }
    (void) printf("%-10s ", "started");
    sv_show_time(campaign, "created");
    (void) printf(" by ");
    sv_show_plain(sv_show_words(campaign, "created_by"));
    (void) puts("");
    show_traffic(sv_json_get(campaign, "traffic"));
    show_waves(campaign);
}

// ---- list ---------------------------------------------------------------------------------------

typedef struct asked {
    sv_fleet_asked fleet;
    const char *state;
    int64_t wave, limit;
    const char *verb;
} asked;

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/updates?");
    sv_fleet_path_add(&path, "state", a->state);
    SV_TRY(sv_textbuf_end(&path));
    const sv_fleet_list campaigns = { .path = room,
                                      .limit = a->limit,
                                      .head = update_campaign_head,
                                      .line = update_campaign_line,
                                      .none = "there is no campaign" };
    return sv_fleet_list_show(api, &campaigns, a->fleet.json, why);
}

int update_list(int argc, char **argv) {
    asked a = { .limit = 20 };
    const sv_option options[] = {
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "approval, scheduled, running, paused, stopped or done" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .max = 1000000,
          .help = "at most so many, the newest; 0: all [20]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update list [--state running]",
        .about = "Campaigns, the newest first, with how many devices are confirmed, and why one "
                 "has paused.\n\n"
                 "  selvedge update list --state paused",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- one ----------------------------------------------------------------------------------------

static sv_err check(void *arg, sv_why *why) {
    const asked *a = arg;
    return update_campaign_check(a->fleet.plain[0], why);
}

static sv_err show(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *campaign = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(update_campaign_path(a->fleet.plain[0], "", path));
    SV_TRY(sv_fleet_api_get(api, path, &campaign, why));
    if (a->fleet.json) {
        sv_fleet_show_json(campaign);
    } else {
        update_campaign_show(campaign);
    }
    return SV_OK;
}

static int show_campaign(int argc, char **argv) {
    asked a = { .limit = 0 };
    const sv_fleet_verb verb = {
        .usage = "selvedge update show NUMBER",
        .about = "A campaign: how far each wave is, and why it has paused or stopped.\n\n"
                 "  selvedge update show 7\n"
                 "  selvedge update devices 7 --state failed",
        .plain_max = 1,
        .check = check,
        .ask = show,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

static bool is_campaign(const char *word) {
    uint64_t number;
    return sv_text_u64(sv_text_of(word), INT64_MAX, &number) == SV_OK && access(word, F_OK) != 0;
}

int update_show_any(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        bool is_value = i > 1 && argv[i - 1][0] == '-' && strchr(argv[i - 1], '=') == NULL;
        if (!is_value && is_campaign(argv[i])) {
            return show_campaign(argc, argv);
        }
    }
    return update_show(argc, argv);
}

// ---- its devices --------------------------------------------------------------------------------

static void show_device(const sv_json *device, void *arg) {
    sv_text why = sv_show_words(device, "why");
    (void) arg;
    sv_show_cell(sv_show_words(device, "device"), ROW_DEVICE);
    (void) printf("%4lld  ", (long long) sv_show_number(device, "wave"));
    sv_show_cell(sv_show_words(device, "state"), 11);
    sv_show_time(device, "updated");
    (void) printf("  ");
    sv_show_plain(why.len > 0 ? why : sv_show_words(device, "class"));
    (void) puts("");
}

static sv_err devices(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char room[SV_FLEET_API_PATH_MAX];
    char head[96];
    char wave[24];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_addf(&path, "/api/v1/updates/%s/devices?", a->fleet.plain[0]);
    (void) snprintf(wave, sizeof wave, "%lld", (long long) a->wave);
    sv_fleet_path_add(&path, "state", a->state);
    sv_fleet_path_add(&path, "wave", a->wave > 0 ? wave : NULL);
    SV_TRY(sv_textbuf_end(&path));
    (void) snprintf(head, sizeof head, "%-*s  WAVE  STATE        %-20s  WHY", ROW_DEVICE, "DEVICE",
                    "SINCE");
    const sv_fleet_list members = { .path = room,
                                    .limit = a->limit,
                                    .head = head,
                                    .line = show_device,
                                    .none = "there is no such device in it" };
    return sv_fleet_list_show(api, &members, a->fleet.json, why);
}

int update_devices(int argc, char **argv) {
    asked a = { .limit = 100 };
    const sv_option options[] = {
        { .name = "state",
          .value = "STATE",
          .kind = SV_OPTION_TEXT,
          .target = &a.state,
          .help = "planned, waiting, downloading, installed, trial, confirmed, failed, "
                  "rolled_back, silent, unproved, worse or canceled" },
        { .name = "wave",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.wave,
          .max = 32,
          .help = "of this wave alone" },
        { .name = "limit",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.limit,
          .max = 10000000,
          .help = "at most so many; 0: all [100]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update devices NUMBER [--state failed] [--wave 2]",
        .about = "The devices of a campaign, by id: where each is, and why.\n\n"
                 "  selvedge update devices 7 --state failed",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check,
        .ask = devices,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- verbs --------------------------------------------------------------------------------------

typedef struct change {
    asked a;
    const char *devices[SV_OPTION_LIST_MAX];
} change;

static void put_body(const change *c, sv_textbuf *body) {
    sv_json_out out = SV_JSON_OUT(body);
    sv_json_open_object(&out);
    if (c->devices[0] != NULL) {
        sv_json_key(&out, "devices");
        sv_json_open_array(&out);
        for (size_t i = 0; i < SV_OPTION_LIST_MAX && c->devices[i] != NULL; i++) {
            sv_json_put_str(&out, c->devices[i]);
        }
        sv_json_close_array(&out);
    }
    sv_json_close_object(&out);
}

static sv_err act(void *arg, sv_fleet_api *api, sv_why *why) {
    const change *c = arg;
    SV_DEFER(sv_json_drop) sv_json *campaign = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(16384);
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(update_campaign_path(c->a.fleet.plain[0], c->a.verb, path));
    put_body(c, &body);
    SV_TRY(sv_fleet_api_post(api, path, sv_textbuf_text(&body), &campaign, why));
    if (c->a.fleet.json) {
        sv_fleet_show_json(campaign);
    } else {
        update_campaign_line(campaign, NULL);
    }
    return SV_OK;
}

static sv_err check_change(void *arg, sv_why *why) {
    const change *c = arg;
    return update_campaign_check(c->a.fleet.plain[0], why);
}

static int run_change(const char *path, const char *usage, const char *about, int argc,
                      char **argv) {
    change c = { .a = { .verb = path } };
    const sv_fleet_verb verb = {
        .usage = usage, .about = about, .plain_max = 1, .check = check_change, .ask = act
    };
    return sv_fleet_verb_run(&verb, &c.a.fleet, &c, argc, argv);
}

int update_pause(int argc, char **argv) {
    return run_change("/pause", "selvedge update pause NUMBER",
                      "Nobody new begins; who has begun goes on to the end. Exit 1: it is not "
                      "running.\n\n"
                      "  selvedge update pause 7",
                      argc, argv);
}

int update_resume(int argc, char **argv) {
    return run_change("/resume", "selvedge update resume NUMBER",
                      "It goes on. What came to grief so far stops it no more, and a wave that "
                      "has ended is good enough.\nLook first: selvedge update devices 7 --state "
                      "failed. Exit 1: it is not paused.\n\n"
                      "  selvedge update resume 7",
                      argc, argv);
}

int update_stop(int argc, char **argv) {
    return run_change("/stop", "selvedge update stop NUMBER",
                      "For good. What is not in a slot yet is taken back; no device goes back to "
                      "what it ran before.\nTo go on later, pause instead. Exit 1: it has "
                      "ended.\n\n"
                      "  selvedge update stop 7",
                      argc, argv);
}

int update_approve(int argc, char **argv) {
    return run_change("/approve", "selvedge update approve NUMBER",
                      "Say yes to a campaign that somebody else started with --approvals. Exit 1: "
                      "you started it, or have said so.\n\n"
                      "  selvedge update approve 7",
                      argc, argv);
}

int update_retry(int argc, char **argv) {
    change c = { .a = { .verb = "/retry" } };
    const sv_option options[] = {
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_LIST,
          .target = c.devices,
          .help = "this one, also one that was taken out; again for more [all that came to "
                  "grief]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge update retry NUMBER [--device ID]...",
        .about = "Devices that came to grief try again, and the campaign goes on. Without this "
                 "word nobody is\ngiven an image again that failed there. Exit 1: nobody came to "
                 "grief, or it was stopped.\n\n"
                 "  selvedge update retry 7 --device press-1",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check_change,
        .ask = act,
    };
    return sv_fleet_verb_run(&verb, &c.a.fleet, &c, argc, argv);
}
