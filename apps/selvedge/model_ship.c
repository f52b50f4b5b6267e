// selvedge model put, list, shadow, live, rollback, off: models on their way to gateways, through
// the fleet server (docs/spec/model.md).
#include "fleet_verb.h"
#include "model.h"
#include "show.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <model/id.h>
#include <stdio.h>
#include <sys/disk.h>

enum { SIGNATURE_MAX = 1024, BODY_MAX = 1024 * 1024, DO_ROOM = 128 };

#define ROW_NAME 20

typedef struct asked {
    sv_fleet_asked fleet; ///< the file, or the model's name
    const char *name, *signature, *row, *horizon, *site, *act;
    double confidence;
    int64_t version, row_us, horizon_us;
} asked;

// ---- put ----------------------------------------------------------------------------------------

static sv_err read_duration(const char *option, const char *text, int64_t *out, sv_why *why) {
    sv_err err = sv_duration_parse(sv_text_of(text), out);
    return err == SV_OK && *out >= SV_TIME_SECOND_US && *out % SV_TIME_SECOND_US == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "--%s: '%.60s' is no time of whole seconds, as 4h",
                         option, text);
}

static sv_err check_put(void *arg, sv_why *why) {
    asked *a = arg;
    if (a->fleet.plain[0] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "which file? selvedge model put FILE");
    }
    SV_TRY(sv_id_check("--name", sv_text_of(a->name), why));
    SV_TRY(read_duration("row", a->row, &a->row_us, why));
    return a->horizon == NULL ? SV_OK : read_duration("horizon", a->horizon, &a->horizon_us, why);
}

/// A model of classes says itself within how many rows its classes come true.
static sv_err find_horizon(const asked *a, const sv_model *model, int64_t *out, sv_why *why) {
    *out = a->horizon_us / SV_TIME_SECOND_US;
    if (model->task == SV_MODEL_RUL) {
        return a->horizon != NULL
                   ? SV_OK
                   : sv_fail(why, SV_ERR_INVALID,
                             "--horizon: within which time is a failure of interest? 14d, say");
    }
    int64_t learnt_s = (int64_t) model->within * (a->row_us / SV_TIME_SECOND_US);
    if (a->horizon != NULL && *out != learnt_s) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "--horizon %.40s: the model has learnt what comes true within %g rows, which "
            "is %" PRId64 " s; leave the option out",
            a->horizon, (double) model->within, learnt_s);
    }
    *out = learnt_s;
    return SV_OK;
}

static sv_err write_body(const asked *a, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf signature = SV_TEXTBUF_HEAP(SIGNATURE_MAX);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    int64_t horizon_s = 0;
    SV_TRY(model_load(a->fleet.plain[0], &bytes, model, why));
    SV_TRY(find_horizon(a, model, &horizon_s, why));
    SV_TRY(sv_disk_read(a->signature, &signature, why));
    sv_textbuf_add_str(out, "{\"model\":\"");
    sv_base64_add(out, sv_textbuf_text(&bytes));
    sv_textbuf_add_str(out, "\",\"signature\":\"");
    sv_base64_add(out, sv_textbuf_text(&signature));
    sv_textbuf_addf(out, "\",\"row_s\":%" PRId64 ",\"horizon_s\":%" PRId64 ",\"confidence\":%.6g}",
                    a->row_us / SV_TIME_SECOND_US, horizon_s, a->confidence);
    return sv_textbuf_end(out);
}

static sv_err put(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) snprintf(path, sizeof path, "/api/v1/models/%s", a->name);
    if (write_body(a, &body, why) != SV_OK) {
        return SV_ERR_INVALID;
    }
    const sv_fleet_api_errand errand = { .method = "PUT",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_TRY(sv_fleet_api_ask(api, &errand, &root, why));
    if (a->fleet.json) {
        sv_fleet_show_json(root);
    } else {
        (void) printf("%s version %lld; selvedge model shadow %s --site SITE runs it\n", a->name,
                      (long long) sv_show_number(root, "version"), a->name);
    }
    return SV_OK;
}

int cmd_model_put(int argc, char **argv) {
    asked a = { .confidence = 0.3 };
    const sv_option options[] = {
        { .name = "name",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &a.name,
          .required = true,
          .help = "what the model is of, as press; a file of the same name is its next version" },
        { .name = "signature",
          .value = "SIG",
          .kind = SV_OPTION_TEXT,
          .target = &a.signature,
          .required = true,
          .help = "as selvedge firmware sign made it; gateways verify it by their models.key" },
        { .name = "row",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.row,
          .required = true,
          .help = "how long a row of the files was that the model has learnt from, as 4h" },
        { .name = "horizon",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.horizon,
          .help = "within which a failure is of interest, as 14d; a model of classes says it "
                  "itself" },
        { .name = "confidence",
          .value = "P",
          .kind = SV_OPTION_NUMBER,
          .target = &a.confidence,
          .min = 0.001,
          .max = 0.999,
          .help = "from which probability of failing within it an alert is raised [0.3]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge model put FILE --name NAME --signature SIG --row TIME [--horizon TIME]",
        .about = "Hands a model of remaining life or of classes and its signature to the fleet "
                 "server, as the "
                 "next version of its name.\nIt runs nowhere until `shadow` or `live` says so.\n\n"
                 "  selvedge firmware sign press.model --key firmware.key --out press.sig\n"
                 "  selvedge model put press.model --signature press.sig --name press --row 4h "
                 "--horizon 14d",
        .options = options,
        .option_count = SV_COUNT(options),
        .plain_max = 1,
        .check = check_put,
        .ask = put,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- list ---------------------------------------------------------------------------------------

static void show_version(const sv_json *item) {
    sv_show_cell(sv_show_words(item, "name"), ROW_NAME);
    (void) printf("%7lld  %6lld s  %8lld s  %7lld  ", (long long) sv_show_number(item, "version"),
                  (long long) sv_show_number(item, "row_s"),
                  (long long) sv_show_number(item, "horizon_s"),
                  (long long) sv_show_number(item, "bytes"));
    sv_show_plain(sv_show_words(item, "by"));
    (void) puts("");
}

static void show_place(const sv_json *item) {
    sv_show_cell(sv_show_words(item, "name"), ROW_NAME);
    (void) printf(
        "live %lld, in shadow %lld, before %lld\n", (long long) sv_show_number(item, "live"),
        (long long) sv_show_number(item, "shadow"), (long long) sv_show_number(item, "before"));
    if (sv_show_words(item, "why").len > 0) {
        (void) printf("  by itself: ");
        sv_show_plain(sv_show_words(item, "why"));
        (void) puts("");
    }
}

static void show_told(sv_text gateway, const sv_json *item) {
    double strange = 0;
    (void) sv_json_number(sv_json_get(item, "strange"), &strange);
    (void) printf("gateway ");
    sv_show_plain(gateway);
    (void) printf(": ");
    sv_show_plain(sv_show_words(item, "name"));
    (void) printf(" version %lld is ", (long long) sv_show_number(item, "version"));
    sv_show_plain(sv_show_words(item, "mode"));
    (void) printf(", %lld machines, %lld alarms, %.0f %% strange, wrong about %lld of %lld lives ",
                  (long long) sv_show_number(item, "machines"),
                  (long long) sv_show_number(item, "alarms"), 100 * strange,
                  (long long) sv_show_number(item, "wrong"),
                  (long long) sv_show_number(item, "ended"));
    sv_show_plain(sv_show_words(item, "why"));
    (void) puts("");
}

static void show_site(const sv_json *root) {
    const sv_json *items = sv_json_get(root, "items");
    const sv_json *gateways = sv_json_get(root, "gateways");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_place(sv_json_at(items, i));
    }
    for (size_t i = 0; i < sv_json_count(gateways); i++) {
        const sv_json *gateway = sv_json_at(gateways, i);
        const sv_json *models = sv_json_get(gateway, "models");
        for (size_t m = 0; m < sv_json_count(models); m++) {
            show_told(sv_show_words(gateway, "id"), sv_json_at(models, m));
        }
    }
}

static sv_err list(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX] = "/api/v1/models";
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (a->site != NULL) {
        (void) snprintf(path, sizeof path, "/api/v1/sites/%s/models", a->site);
    }
    SV_TRY(sv_fleet_api_get(api, path, &root, why));
    const sv_json *items = sv_json_get(root, "items");
    if (a->fleet.json) {
        sv_fleet_show_json(a->site != NULL ? root : items);
        return SV_OK;
    }
    if (a->site != NULL) {
        show_site(root);
        return SV_OK;
    }
    (void) printf("%-*s  VERSION       ROW     HORIZON    BYTES  BY\n", ROW_NAME, "MODEL");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_version(sv_json_at(items, i));
    }
    return SV_OK;
}

static sv_err check_site(void *arg, sv_why *why) {
    const asked *a = arg;
    return a->site == NULL ? SV_OK : sv_id_check("--site", sv_text_of(a->site), why);
}

int cmd_model_list(int argc, char **argv) {
    asked a = { .site = NULL };
    const sv_option options[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .help = "what runs there, and what its gateways say of it [all versions there are]" },
    };
    const sv_fleet_verb verb = {
        .usage = "selvedge model list [--site SITE]",
        .about = "The models at the fleet server; or which versions run at a site, on how many "
                 "machines, how often\nthey have raised an alarm (or would have), how much of "
                 "what machines say is strange to them, and\nabout how many of the last lives that "
                 "ended they were wrong.",
        .options = options,
        .option_count = SV_COUNT(options),
        .check = check_site,
        .ask = list,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

// ---- where it runs ------------------------------------------------------------------------------

static sv_err act(void *arg, sv_fleet_api *api, sv_why *why) {
    const asked *a = arg;
    char path[SV_FLEET_API_PATH_MAX];
    char room[DO_ROOM];
    sv_textbuf body = SV_TEXTBUF(room);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) snprintf(path, sizeof path, "/api/v1/sites/%s/models/%s", a->site, a->fleet.plain[0]);
    sv_textbuf_addf(&body, "{\"do\":\"%s\"", a->act);
    if (a->version > 0) {
        sv_textbuf_addf(&body, ",\"version\":%" PRId64, a->version);
    }
    sv_textbuf_add_char(&body, '}');
    const sv_fleet_api_errand errand = { .method = "POST",
                                         .path = path,
                                         .content_type = "application/json",
                                         .body = sv_textbuf_text(&body) };
    SV_TRY(sv_fleet_api_ask(api, &errand, &root, why));
    if (a->fleet.json) {
        sv_fleet_show_json(root);
    } else {
        show_site(root);
    }
    return SV_OK;
}

static int run_act(int argc, char **argv, const char *name, const char *usage, const char *about,
                   bool versioned) {
    asked a = { .act = name };
    const sv_option options[] = {
        { .name = "site",
          .value = "SITE",
          .kind = SV_OPTION_TEXT,
          .target = &a.site,
          .required = true,
          .help = "at whose gateways" },
        { .name = "version",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &a.version,
          .min = 1,
          .max = 1e9,
          .help = "which [live: the one in shadow; else the newest]" },
    };
    const sv_fleet_verb verb = {
        .usage = usage,
        .about = about,
        .options = options,
        .option_count = versioned ? SV_COUNT(options) : 1,
        .plain_max = 1,
        .first = "model",
        .missing = "name the model: selvedge model list shows them",
        .check = check_site,
        .ask = act,
    };
    return sv_fleet_verb_run(&verb, &a.fleet, &a, argc, argv);
}

int cmd_model_shadow(int argc, char **argv) {
    return run_act(argc, argv, "shadow", "selvedge model shadow NAME --site SITE [--version N]",
                   "Runs a version at a site beside what is live: it is watched and recorded, and "
                   "raises nothing.",
                   true);
}

int cmd_model_live(int argc, char **argv) {
    return run_act(argc, argv, "live", "selvedge model live NAME --site SITE [--version N]",
                   "Lets a version raise FAILURE alerts at a site; what was live before is "
                   "remembered for `rollback`.",
                   true);
}

int cmd_model_rollback(int argc, char **argv) {
    return run_act(argc, argv, "rollback", "selvedge model rollback NAME --site SITE",
                   "What was live before is live again (or nothing is), and what is live goes into "
                   "the shadow.\nExit 1: nothing is live.",
                   false);
}

int cmd_model_off(int argc, char **argv) {
    return run_act(argc, argv, "off", "selvedge model off NAME --site SITE",
                   "No version runs at the site any more, and what it knew of machines is "
                   "forgotten.",
                   false);
}
