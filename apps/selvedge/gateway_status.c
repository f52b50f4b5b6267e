// `selvedge gateway status`: asks the gateway's local page and shows it as a person reads it.
#include "gateway_status.h"
#include "command.h"
#include "show.h"
#include <base/num.h>
#include <codec/json.h>
#include <math.h>
#include <net/http_client.h>
#include <stdio.h>
#include <string.h>
#include <sys/loop.h>

enum { ASK_US = 5 * 1000000, TURN_US = 50000, DENIED_SHOWN = 3, LIFE_DAYS_MAX = 36500 };

typedef struct answer {
    bool done;
    int status;
    sv_textbuf body;
    sv_why why;
} answer;

static void take_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *mine = arg;
    mine->done = true;
    mine->status = reply->status;
    sv_textbuf_add(&mine->body, reply->body);
    if (why != NULL) {
        mine->why = *why;
    }
}

static sv_err ask(uint16_t port, const sv_http_errand *asked, answer *out, sv_why *why) {
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", port);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_http_client_drop) sv_http_client *client = NULL;
    SV_TRY(sv_loop_open(&loop, why));
    SV_TRY(sv_http_client_open(loop, origin, NULL, ASK_US, &client, why));
    SV_TRY(sv_http_client_ask(client, asked, take_answer, out));
    while (!out->done) {
        sv_loop_turn(loop, TURN_US);
    }
    if (out->status == 0) {
        return sv_fail(why, SV_ERR_UNAVAILABLE,
                       "no gateway answers on port %u of this machine (%s); --port is `http: port` "
                       "of its configuration",
                       port, out->why.text);
    }
    return sv_textbuf_end(&out->body);
}

static double number(const sv_json *root, const char *section, const char *key) {
    double value = SV_NAN;
    (void) sv_json_number(sv_json_get(sv_json_get(root, section), key), &value);
    return value;
}

static bool flag(const sv_json *root, const char *section, const char *key) {
    bool value = false;
    (void) sv_json_bool(sv_json_get(sv_json_get(root, section), key), &value);
    return value;
}

static sv_text words(const sv_json *root, const char *section, const char *key) {
    sv_text value = SV_TEXT("");
    (void) sv_json_text(sv_json_get(sv_json_get(root, section), key), &value);
    return value;
}

/// "3 d 4 h", "12 min", "9 s"
static const char *span(double s, char room[32]) {
    long long whole = (long long) s;
    if (whole >= 86400) {
        (void) snprintf(room, 32, "%lld d %lld h", whole / 86400, whole % 86400 / 3600);
    } else if (whole >= 3600) {
        (void) snprintf(room, 32, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
    } else if (whole >= 60) {
        (void) snprintf(room, 32, "%lld min", whole / 60);
    } else {
        (void) snprintf(room, 32, "%lld s", whole);
    }
    return room;
}

static void show_front(const sv_json *root) {
    if (!sv_text_is(words(root, "front", "kind"), "listen")) {
        (void) printf("broker    %s\n", flag(root, "front", "up") ? "connected" : "NOT CONNECTED");
        return;
    }
    (void) printf("door      %.0f clients, %.0f sessions, %.0f retained, %.0f messages waiting\n",
                  number(root, "front", "clients"), number(root, "front", "sessions"),
                  number(root, "front", "retained"), number(root, "front", "queued"));
    (void) printf("          %.0f refused, %.0f denied, %.0f dropped since the start\n",
                  number(root, "front", "refused"), number(root, "front", "denied"),
                  number(root, "front", "dropped"));
    if (number(root, "front", "slowed_total") > 0) {
        (void) printf("          clients sent too much %.0f times and were slowed down, %.0f now\n",
                      number(root, "front", "slowed_total"), number(root, "front", "slowed"));
    }
    const sv_json *most = sv_json_get(sv_json_get(root, "front"), "denied_most");
    for (size_t i = 0; i < sv_json_count(most) && i < DENIED_SHOWN; i++) {
        double count = 0;
        (void) sv_json_number(sv_json_get(sv_json_at(most, i), "count"), &count);
        (void) printf("          " SV_TEXT_FMT " was denied %.0f times\n",
                      SV_TEXT_ARG(sv_show_words(sv_json_at(most, i), "id")), count);
    }
}

/// What of the store had to go, because it was old enough or there was no room.
static void show_let_go(const sv_json *dropped) {
    static const char *const REASONS[] = { "retention", "bytes", "free" };
    for (size_t i = 0; i < SV_COUNT(REASONS); i++) {
        double samples = number(dropped, REASONS[i], "samples");
        double minutes = number(dropped, REASONS[i], "minutes");
        if (samples + minutes > 0) {
            (void) printf("          let go by store.%s: %.0f samples, whose minutes stay, and "
                          "%.0f minutes\n",
                          REASONS[i], samples, minutes);
        }
    }
}

static void show_store(const sv_json *root) {
    char room[4][32];
    sv_text path = words(root, "store", "path");
    (void) printf("store     %s of at most %s, %s free on the disk, " SV_TEXT_FMT "\n",
                  sv_show_bytes(number(root, "store", "bytes"), room[0]),
                  sv_show_bytes(number(root, "store", "bytes_max"), room[1]),
                  sv_show_bytes(number(root, "store", "free"), room[2]), SV_TEXT_ARG(path));
    if (flag(root, "store", "full")) {
        (void) puts("          THE DISK IS FULL: nothing is acknowledged until there is room");
    }
    show_let_go(sv_json_get(sv_json_get(root, "store"), "dropped"));
    double per_reading = number(root, "store", "written_per_reading");
    if (isfinite(per_reading)) {
        (void) printf("disk      %.0f bytes written per reading, %s a day at this rate\n",
                      per_reading,
                      sv_show_bytes(number(root, "store", "written_per_day"), room[3]));
    }
    double days = number(root, "store", "life_days");
    if (isfinite(days)) {
        (void) printf("          its endurance of %s lasts %s%s\n",
                      sv_show_bytes(number(root, "store", "endurance"), room[0]),
                      days > LIFE_DAYS_MAX ? "more than " : "",
                      span(fmin(days, LIFE_DAYS_MAX) * 86400, room[1]));
    }
}

/// What had to go before the fleet server had it: nothing, or a line for every reason.
static void show_dropped(const sv_json *dropped) {
    static const char *const REASONS[] = { "bytes", "age", "free" };
    for (size_t i = 0; i < SV_COUNT(REASONS); i++) {
        double averages = number(dropped, REASONS[i], "averages");
        double minutes = number(dropped, REASONS[i], "minutes");
        double alerts = number(dropped, REASONS[i], "alerts");
        if (averages + minutes + alerts > 0) {
            (void) printf("          DROPPED by fleet.spool.%s: %.0f averages, %.0f minutes, %.0f "
                          "alerts\n",
                          REASONS[i], averages, minutes, alerts);
        }
    }
    double held = number(dropped, "rule", "averages") + number(dropped, "rule", "minutes")
                  + number(dropped, "rule", "alerts");
    if (held > 0) {
        (void) printf("          %.0f held back: `uplink: never` came while they waited\n", held);
    }
}

static void show_uplink(const sv_json *root) {
    char room[3][32];
    sv_text url = words(root, "uplink", "url");
    if (url.len == 0) {
        (void) puts("uplink    none: this gateway stands alone");
        return;
    }
    (void) printf("uplink    %s, " SV_TEXT_FMT "\n", flag(root, "uplink", "up") ? "up" : "DOWN",
                  SV_TEXT_ARG(url));
    (void) printf("          %.0f items and %.0f alerts wait, %s of at most %s",
                  number(root, "uplink", "spool"), number(root, "uplink", "spool_alerts"),
                  sv_show_bytes(number(root, "uplink", "spool_bytes"), room[1]),
                  sv_show_bytes(number(root, "uplink", "spool_bytes_max"), room[2]));
    double oldest = number(root, "uplink", "oldest_s");
    if (oldest >= 0) {
        (void) printf(", the oldest for %s of at most %s", span(oldest, room[0]),
                      span(number(root, "uplink", "age_max_s"), room[1]));
    }
    (void) printf("; %.0f refused since the start\n", number(root, "uplink", "refused"));
    show_dropped(sv_json_get(sv_json_get(root, "uplink"), "dropped"));
    double in = number(root, "uplink", "bytes_in");
    if (in > 0) {
        (void) printf("          %s up of %s in (%.0f %%)\n",
                      sv_show_bytes(number(root, "uplink", "bytes_up"), room[1]),
                      sv_show_bytes(in, room[2]), 100 * number(root, "uplink", "bytes_up") / in);
    }
}

static void show_clocks(const sv_json *root) {
    const sv_json *furthest = sv_json_get(sv_json_get(root, "clocks"), "furthest");
    for (size_t i = 0; i < sv_json_count(furthest); i++) {
        char room[32];
        double ahead_ms = 0;
        sv_text device = SV_TEXT("");
        (void) sv_json_number(sv_json_get(sv_json_at(furthest, i), "ahead_ms"), &ahead_ms);
        (void) sv_json_text(sv_json_get(sv_json_at(furthest, i), "device"), &device);
        (void) printf("%s" SV_TEXT_FMT " is %s %s\n", i == 0 ? "clocks    " : "          ",
                      SV_TEXT_ARG(device), span(fabs(ahead_ms) / 1000, room),
                      ahead_ms > 0 ? "ahead" : "behind");
    }
    double corrected = number(root, "clocks", "corrected");
    if (corrected > 0) {
        (void) printf("corrected %.0f readings of clocks in doubt, since the start\n", corrected);
    }
    double steps = number(root, "clocks", "steps");
    if (steps > 0) {
        (void) printf("clock     this machine's own was set %.0f times since the start\n", steps);
    }
}

static void show_rules(const sv_json *root) {
    const sv_json *refused = sv_json_get(sv_json_get(root, "rules"), "refused");
    if (sv_text_is(words(root, "rules", "from"), "fleet")) {
        (void) printf(
            "rules     version %.0f from the fleet server, instead of the sections of its "
            "file\n",
            number(root, "rules", "version"));
    } else {
        (void) puts("rules     those of its file");
    }
    if (sv_json_is_object(refused)) {
        sv_text why = SV_TEXT("");
        double version = 0;
        (void) sv_json_text(sv_json_get(refused, "why"), &why);
        (void) sv_json_number(sv_json_get(refused, "version"), &version);
        (void) printf("          VERSION %.0f WAS REFUSED: " SV_TEXT_FMT "\n", version,
                      SV_TEXT_ARG(why));
    }
}

/// Of the fleet server, that the rules name.
static void show_groups(const sv_json *root) {
    const sv_json *groups = sv_json_get(sv_json_get(root, "groups"), "groups");
    for (size_t i = 0; i < sv_json_count(groups); i++) {
        const sv_json *group = sv_json_at(groups, i);
        bool known = false;
        sv_text name = SV_TEXT("");
        int64_t devices = 0;
        (void) sv_json_bool(sv_json_get(group, "known"), &known);
        (void) sv_json_text(sv_json_get(group, "name"), &name);
        (void) sv_json_int(sv_json_get(group, "devices"), &devices);
        (void) printf("%s" SV_TEXT_FMT, i == 0 ? "groups    " : ", ", SV_TEXT_ARG(name));
        if (known) {
            (void) printf(" %lld", (long long) devices);
        } else {
            (void) printf(" NOT KNOWN, so it matches nobody");
        }
    }
    (void) printf("%s", sv_json_count(groups) > 0 ? "\n" : "");
}

static void show_work(const sv_json *one, bool first) {
    sv_text device = sv_show_words(one, "device");
    sv_text why = sv_show_words(one, "why");
    (void) printf("%s" SV_TEXT_FMT " until ", first ? "quiet     " : "          ",
                  SV_TEXT_ARG(device.len > 0 ? device : SV_TEXT("all of the site")));
    sv_show_time(one, "until");
    (void) printf(", says ");
    sv_show_plain(sv_show_words(one, "by"));
    (void) printf("%s", why.len > 0 ? ": " : "");
    sv_show_plain(why);
    (void) puts("");
}

/// What is being worked on.
static void show_maintenance(const sv_json *root) {
    const sv_json *items = sv_json_get(sv_json_get(root, "maintenance"), "items");
    for (size_t i = 0; i < sv_json_count(items); i++) {
        show_work(sv_json_at(items, i), i == 0);
    }
    double more = number(root, "maintenance", "count") - (double) sv_json_count(items);
    if (more > 0) {
        (void) printf("          and %.0f more\n", more);
    }
}

/// Who is quarantined by this gateway itself.
static void show_held(const sv_json *held) {
    for (size_t i = 0; i < sv_json_count(held); i++) {
        const sv_json *one = sv_json_at(held, i);
        (void) printf("          QUARANTINED HERE: " SV_TEXT_FMT ", its key was used from ",
                      SV_TEXT_ARG(sv_show_words(one, "id")));
        sv_show_plain(sv_show_words(one, "places"));
        (void) puts("");
    }
}

/// Who still counts, as far as that is known.
static void show_standing(const sv_json *root) {
    const sv_json *standing = sv_json_get(root, "standing");
    double version = number(root, "standing", "version");
    if (isfinite(number(root, "standing", "at"))) {
        (void) printf("standing  change %.0f, told ", version);
        sv_show_time(standing, "at");
        (void) printf("%s; %.0f turned away, %.0f connections ended\n",
                      flag(root, "standing", "old") ? " (TOO LONG AGO)" : "",
                      number(root, "standing", "turned_away"), number(root, "standing", "ended"));
    }
    show_held(sv_json_get(standing, "quarantined_here"));
    double messages = number(standing, "set_aside", "messages");
    double dropped = number(standing, "set_aside", "dropped");
    if (messages + dropped > 0) {
        (void) printf("          %.0f messages of %.0f quarantined devices set aside, %.0f had to "
                      "go (selvedge gateway set-aside)\n",
                      messages, number(standing, "set_aside", "devices"), dropped);
    }
}

static void show(const sv_json *root) {
    char room[32];
    sv_text id = SV_TEXT("");
    sv_text site = SV_TEXT("");
    double uptime_s = 0;
    double alerts = 0;
    (void) sv_json_text(sv_json_get(root, "id"), &id);
    (void) sv_json_text(sv_json_get(root, "site"), &site);
    (void) sv_json_number(sv_json_get(root, "uptime_s"), &uptime_s);
    (void) sv_json_number(sv_json_get(root, "alerts_open"), &alerts);
    (void) printf("gateway   " SV_TEXT_FMT " at " SV_TEXT_FMT ", running for %s\n", SV_TEXT_ARG(id),
                  SV_TEXT_ARG(site), span(uptime_s, room));
    show_front(root);
    (void) printf("readings  %.1f a second, %.0f stored, %.0f refused, %.0f seen before; %.0f of "
                  "%.0f devices online, %.0f alerts open\n",
                  number(root, "readings", "per_s"), number(root, "readings", "stored"),
                  number(root, "readings", "refused"), number(root, "readings", "repeated"),
                  number(root, "readings", "devices_online"), number(root, "readings", "devices"),
                  alerts);
    show_clocks(root);
    show_rules(root);
    show_groups(root);
    show_maintenance(root);
    show_standing(root);
    show_store(root);
    gateway_show_cache(sv_json_get(root, "cache"));
    show_uplink(root);
}

sv_err gateway_fetch(uint16_t port, const char *path, bool json, sv_json **out, sv_why *why) {
    const sv_http_errand asked = { .method = "GET", .path = path, .body = SV_TEXT("") };
    answer got = { .body = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX) };
    sv_err err = ask(port, &asked, &got, why);
    if (err == SV_OK && got.status != 200) {
        err = sv_fail(why, SV_ERR_UNAVAILABLE, "the page on port %u answered %d: no gateway?", port,
                      got.status);
    }
    if (err == SV_OK) {
        err = sv_json_parse(sv_textbuf_text(&got.body), out, NULL, why);
    }
    if (err == SV_OK && json) {
        (void) puts(got.body.at);
    }
    sv_textbuf_drop(&got.body);
    return err;
}

sv_err gateway_change(uint16_t port, const char *path, sv_text body, sv_why *why) {
    const sv_http_field fields[] = { { "Content-Type", "application/json" },
                                     { "X-Selvedge", "1" } };
    const sv_http_errand asked = { .method = "POST",
                                   .path = path,
                                   .fields = fields,
                                   .field_count = SV_COUNT(fields),
                                   .body = body };
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    answer got = { .body = SV_TEXTBUF_HEAP(SV_HTTP_REPLY_MAX) };
    sv_err err = ask(port, &asked, &got, why);
    if (err == SV_OK && got.status != 200) {
        sv_text detail = SV_TEXT("no gateway?");
        if (sv_json_parse(sv_textbuf_text(&got.body), &root, NULL, NULL) == SV_OK) {
            (void) sv_json_text(sv_json_get(root, "detail"), &detail);
        }
        err = sv_fail(why, sv_status_err(got.status), "%.*s",
                      (int) (detail.len < 300 ? detail.len : 300), detail.at);
    }
    sv_textbuf_drop(&got.body);
    return err;
}

static int show_status(uint16_t port, bool json) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { .text = "" };
    sv_err err = gateway_fetch(port, "/v1/status", json, &root, &why);
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    if (!json) {
        show(root);
    }
    return flag(root, "store", "full") || !flag(root, "front", "up") ? SV_EXIT_NO : SV_EXIT_DONE;
}

static int show_sensors(uint16_t port, const char *device, bool json) {
    SV_DEFER(sv_json_drop) sv_json *streams = NULL;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { .text = "" };
    char path[128];
    (void) snprintf(path, sizeof path, "/v1/streams%s%s",
                    device == NULL ? "" : "?device=", device == NULL ? "" : device);
    sv_err err = gateway_fetch(port, path, json, &streams, &why);
    if (err == SV_OK && !json) {
        err = gateway_fetch(port, "/v1/status", false, &root, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    if (!json) {
        gateway_sensors_show(streams, sv_json_get(root, "uplink"), device == NULL);
    }
    return SV_EXIT_DONE;
}

int cmd_gateway_status(int argc, char **argv) {
    int64_t port = GATEWAY_PORT;
    bool sensors = false;
    const char *device = NULL;
    const char *output = "table";
    const sv_option options[] = {
        { .name = "port",
          .value = "PORT",
          .kind = SV_OPTION_INT,
          .target = &port,
          .min = 1,
          .max = 65535,
          .help = "the gateway's local page, `http: port` of its configuration [9464]" },
        { .name = "sensors",
          .kind = SV_OPTION_FLAG,
          .target = &sensors,
          .help = "bytes in and bytes up of each sensor, the dearest first" },
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &device,
          .help = "those of this device" },
        SV_OUTPUT_OPTION(output),
    };
    bool json = false;
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge gateway status [--port PORT] [--sensors [--device ID]]",
                        "How the gateway on this machine is doing: who is connected, what waits "
                        "to go up and since when, what\nwas dropped, and what its writing costs "
                        "the disk; with --sensors which of them cost the link how much.\nExit 0; 1 "
                        "when its disk is full or devices cannot be heard; 3 when no gateway "
                        "answers.",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(output, &json, &why);
    }
    if (err == SV_OK && device != NULL && (!sensors || !sv_id_is_valid(sv_text_of(device)))) {
        err = sv_fail(&why, SV_ERR_INVALID, "--device %s: %s", device,
                      sensors ? "no device id" : "with --sensors alone");
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return sensors ? show_sensors((uint16_t) port, device, json)
                   : show_status((uint16_t) port, json);
}
