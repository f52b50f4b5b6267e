#include "device_update.h"
#include "fleet_verb.h"
#include "show.h"
#include <stdio.h>

enum { BODY_MAX = 2048, VERSION_WIDTH = 16, PRODUCT_WIDTH = 20 };

typedef struct asked {
    sv_fleet_asked fleet; ///< device
    const char *image;
    bool force, ask, again, cancel;
} asked;

static sv_err put_path(const asked *a, char room[SV_FLEET_API_PATH_MAX]) {
    sv_textbuf path = { .at = room, .cap = SV_FLEET_API_PATH_MAX };
    sv_textbuf_addf(&path, "/api/v1/devices/%s/updates", a->fleet.plain[0]);
    return sv_textbuf_end(&path);
}

// ---- showing ------------------------------------------------------------------------------------

static void show_said(const char *before, sv_text words) {
    if (words.len > 0) {
        (void) printf("%s", before);
        sv_show_plain(words);
    }
}

/// "1.1  rolled-back: the health check failed".
static void show_state(const sv_json *action) {
    int64_t of = sv_show_number(action, "of");
    sv_show_plain(sv_show_words(action, "state"));
    sv_text class = sv_show_words(action, "class");
    if (class.len > 0 && !sv_text_eq(class, sv_show_words(action, "state"))) {
        show_said(", ", class);
    }
    if (of > 0 && sv_text_is(sv_show_words(action, "state"), "downloading")) {
        (void) printf(" %lld%%", (long long) (sv_show_number(action, "bytes") * 100 / of));
    }
    show_said(": ", sv_show_words(action, "why"));
}

static void show_action(const sv_json *action) {
    const sv_json *log = sv_json_get(action, "log");
    sv_show_time(action, "created");
    (void) printf("  ");
    sv_show_plain(sv_show_words(action, "image"));
    show_said(", ", sv_show_words(action, "version"));
    (void) printf(", asked for by ");
    sv_show_plain(sv_show_words(action, "by"));
    (void) printf("\n  ");
    show_state(action);
    (void) puts("");
    for (size_t i = 0; i < sv_json_count(log); i++) {
        (void) printf("  ");
        sv_show_time(sv_json_at(log, i), "at");
        show_said("  ", sv_show_words(sv_json_at(log, i), "line"));
        (void) puts("");
    }
}

static void show_running(const asked *a, const sv_json *running) {
    (void) printf("%s", a->fleet.plain[0]);
    if (!sv_json_is_object(running)) {
        (void) puts(" has not said what it runs");
        return;
    }
    sv_text version = sv_show_words(running, "version");
    (void) printf(" runs ");
    sv_show_plain(version.len > 0 ? version : SV_TEXT("what it has no version of"));
    show_said(" of ", sv_show_words(running, "product"));
    show_said(", slot ", sv_show_words(running, "slot"));
    (void) printf(", as it said ");
    sv_show_time(running, "at");
    (void) puts("");
}

static sv_err ask_updates(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    SV_TRY(put_path(a, path));
    SV_TRY(sv_fleet_api_get(api, path, &root, why));
    if (a->fleet.json) {
        sv_fleet_show_json(root);
        return SV_OK;
    }
    const sv_json *items = sv_json_get(root, "items");
    sv_text diverges = sv_show_words(root, "diverges");
    show_running(a, sv_json_get(root, "running"));
    if (diverges.len > 0) {
        show_said("not what it should: ", diverges);
        (void) puts("");
    }
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_action(sv_json_at(items, i));
    }
    return SV_OK;
}

// ---- one image for one device -------------------------------------------------------------------

static void write_wish(const asked *a, sv_textbuf *body) {
    sv_json_out out = SV_JSON_OUT(body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "image", a->image);
    sv_json_add_bool(&out, "forced", a->force);
    sv_json_add_bool(&out, "ask", a->ask);
    sv_json_add_bool(&out, "again", a->again);
    sv_json_close_object(&out);
}

static sv_err ask_update(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *action = NULL;
    char path[SV_FLEET_API_PATH_MAX];
    char room[BODY_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    SV_TRY(put_path(a, path));
    if (!a->cancel) {
        write_wish(a, &body);
    }
    const sv_fleet_api_errand errand = { .method = a->cancel ? "DELETE" : "POST",
                                         .path = path,
                                         .content_type = a->cancel ? NULL : "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_TRY(sv_fleet_api_ask(api, &errand, &action, why));
    if (a->fleet.json) {
        sv_fleet_show_json(action);
        return SV_OK;
    }
    (void) printf("action %lld of %s: ", (long long) sv_show_number(action, "action"),
                  a->fleet.plain[0]);
    sv_show_plain(sv_show_words(action, "image"));
    (void) printf(", ");
    show_state(action);
    (void) puts("");
    return SV_OK;
}

static sv_err check_update(void *arg, sv_why *why) {
    const asked *a = arg;
    bool more = a->force || a->ask || a->again;
    if (a->cancel ? a->image != NULL || more : a->image == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "say what is to be installed, --image PATH, or --cancel alone");
    }
    return SV_OK;
}

int cmd_device_update(int argc, char **argv) {
    asked a = { .image = NULL };
    const sv_option options[] = {
        { .name = "image",
          .value = "PATH",
          .kind = SV_OPTION_TEXT,
          .target = &a.image,
          .help = "what it is to install, as it was published" },
        { .name = "force",
          .kind = SV_OPTION_FLAG,
          .target = &a.force,
          .help = "it is not to wait for a better moment" },
        { .name = "ask",
          .kind = SV_OPTION_FLAG,
          .target = &a.ask,
          .help = "somebody at the device says yes first, where its client can ask" },
        { .name = "again",
          .kind = SV_OPTION_FLAG,
          .target = &a.again,
          .help = "also when it has failed with it, or runs it already" },
        { .name = "cancel",
          .kind = SV_OPTION_FLAG,
          .target = &a.cancel,
          .help = "what is under way there is not to be done" },
    };
    const sv_fleet_verb verb = {
        .usage =
            "selvedge device update DEVICE --image PATH [--force] [--ask] [--again] | --cancel",
        .about = "One device is to install one image; what is under way there is superseded. Many "
                 "devices, in waves\nthat stop by themselves: selvedge update start.\n\n"
                 "  selvedge device update press-1 --image press/1.1.img",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device update press-1 --image press/1.1.img",
        .check = check_update,
        .ask = ask_update,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_device_updates(int argc, char **argv) {
    asked a = { .image = NULL };
    const sv_fleet_verb verb = {
        .usage = "selvedge device updates DEVICE",
        .about = "What a device runs, and what became of each update of it, the newest first, with "
                 "its log.\n\n"
                 "  selvedge device updates press-1",
        .plain_max = 1,
        .first = "device id",
        .missing = "name the device: selvedge device updates press-1",
        .ask = ask_updates,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- which versions there are -------------------------------------------------------------------

static void show_diverging(int64_t count) {
    if (count > 0) {
        (void) fprintf(stderr,
                       "%lld %s something else than %s should: selvedge device list --query "
                       "diverges\n",
                       (long long) count, count == 1 ? "device runs" : "devices run",
                       count == 1 ? "it" : "they");
    }
}

static sv_err ask_versions(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf path = SV_TEXTBUF(room);
    sv_textbuf_add_str(&path, "/api/v1/versions?");
    sv_fleet_path_add(&path, "product", a->image);
    SV_TRY(sv_textbuf_end(&path));
    SV_TRY(sv_fleet_api_get(api, room, &root, why));
    const sv_json *items = sv_json_get(root, "items");
    if (a->fleet.json) {
        sv_fleet_show_json(items);
        return SV_OK;
    }
    for (size_t i = 0; i < sv_json_count(items); i++) {
        const sv_json *kind = sv_json_at(items, i);
        sv_show_cell(sv_show_words(kind, "product"), PRODUCT_WIDTH);
        sv_show_cell(sv_show_words(kind, "version"), VERSION_WIDTH);
        int64_t wrong = sv_show_number(kind, "went_wrong");
        (void) printf("%lld", (long long) sv_show_number(kind, "devices"));
        if (wrong > 0) {
            (void) printf("  (went wrong on %lld)", (long long) wrong);
        }
        (void) puts("");
    }
    show_diverging(sv_show_number(root, "diverging"));
    if (sv_json_count(items) == 0) {
        (void) fprintf(stderr, "no device has said what it runs\n");
    }
    return SV_OK;
}

int cmd_device_versions(int argc, char **argv) {
    asked a = { .image = NULL };
    const sv_option options[] = {
        { .name = "product",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &a.image,
          .help = "of this product alone" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge device versions [--product NAME]",
        .about = "Which versions devices say they run, and how many of them. Which devices those "
                 "are:\nselvedge device list --version 1.0, or --query 'version < 1.1'. A version "
                 "that went wrong on devices "
                 "(it failed there, or was\ngone back from) is marked; how many devices run "
                 "something else than they should is said at the end.",
        .options = options,
        .option_count = SV_COUNT(options),
        .ask = ask_versions,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}
