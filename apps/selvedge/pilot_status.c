// The compact live status: a block of lines on a terminal, drawn again every second.
#include "pilot.h"
#include <codec/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EVERY_US = 1000000, ANSWER_MAX = 1024 * 1024, LINE_BYTES = 512, LINES = 3, COLUMNS = 80 };

/// The block stands right above the cursor.
static bool drawn;

void pilot_status_clear(void) {
    if (drawn) {
        (void) printf("\r\033[%dA\033[J", LINES);
        (void) fflush(stdout);
        drawn = false;
    }
}

/// A line that does not wrap: a wrapped one would spoil the next drawing.
static void draw_line(const sv_textbuf *line) {
    struct winsize size = { 0 };
    int columns =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
    (void) printf("%.*s\n", columns - 1, sv_textbuf_text(line).at);
}

static bool ask(pilot *p, const char *path, sv_textbuf *body, sv_json **out) {
    sv_why why = { 0 };
    return pilot_ask(p, p->http, "GET", path, NULL, body, NULL, &why) == 200
           && sv_json_parse(sv_textbuf_text(body), out, NULL, &why) == SV_OK;
}

static double number_at(const sv_json *root, const char *section, const char *key) {
    double value = 0;
    (void) sv_json_number(sv_json_get(section == NULL ? root : sv_json_get(root, section), key),
                          &value);
    return value;
}

static void add_overview(pilot *p, sv_textbuf *line) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    if (!ask(p, "/api/v1/overview", &body, &root)) {
        sv_textbuf_add_str(line, "the fleet server does not answer at the moment");
        return;
    }
    sv_textbuf_addf(line,
                    "%.0f of %.0f devices online   %.0f readings/s   open alerts: %.0f (critical: "
                    "%.0f)",
                    number_at(root, "devices", "online"), number_at(root, "devices", "total"),
                    number_at(root, NULL, "readings_per_s"), number_at(root, "alerts", "open"),
                    number_at(root, "alerts", "critical"));
}

static void add_newest_alert(pilot *p, sv_textbuf *line) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ANSWER_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text device = SV_TEXT("");
    sv_text sensor = SV_TEXT("");
    sv_text message = SV_TEXT("");
    if (!ask(p, "/api/v1/alerts?state=open&limit=1", &body, &root)) {
        return;
    }
    const sv_json *alert = sv_json_at(sv_json_get(root, "items"), 0);
    (void) sv_json_text(sv_json_get(alert, "sensor"), &sensor);
    if (sv_json_text(sv_json_get(alert, "device"), &device)
        && sv_json_text(sv_json_get(alert, "message"), &message)) {
        sv_textbuf_addf(line, "newest alert  " SV_TEXT_FMT " " SV_TEXT_FMT ": " SV_TEXT_FMT,
                        SV_TEXT_ARG(device), SV_TEXT_ARG(sensor), SV_TEXT_ARG(message));
    }
}

static void add_memory(const pilot *p, sv_textbuf *line) {
    sv_textbuf_add_str(line, "memory");
    for (size_t i = 0; i < p->child_count; i++) {
        const pilot_child *child = &p->children[i];
        int64_t pss = pilot_child_pss(child);
        if (pss > 0) {
            sv_textbuf_addf(line, "  %s %.1f MB", child->name, (double) pss / 1048576);
        }
    }
}

static void draw(pilot *p) {
    char rooms[LINES][LINE_BYTES] = { "" };
    sv_textbuf overview = SV_TEXTBUF(rooms[0]);
    sv_textbuf alert = SV_TEXTBUF(rooms[1]);
    sv_textbuf memory = SV_TEXTBUF(rooms[2]);
    add_overview(p, &overview);
    add_newest_alert(p, &alert);
    add_memory(p, &memory);
    pilot_status_clear();
    draw_line(&overview);
    draw_line(&alert);
    draw_line(&memory);
    (void) fflush(stdout);
    drawn = true;
}

/// The terminal's keyboard: Enter asks for a new login link.
typedef struct keyboard {
    sv_watch *watch;
    bool enter;
} keyboard;

static void on_key(void *arg) {
    keyboard *keys = arg;
    char typed[256];
    ssize_t len = read(STDIN_FILENO, typed, sizeof typed);
    keys->enter = keys->enter || (len > 0 && memchr(typed, '\n', (size_t) len) != NULL);
    if (len <= 0) {
        sv_watch_drop(&keys->watch);
    }
}

static void print_link(const char *link) {
    pilot_status_clear();
    (void) printf("The dashboard, with a login that works once:\n  %s\n\n", link);
    (void) fflush(stdout);
}

static void print_new_link(pilot *p) {
    char link[PILOT_LINK_ROOM];
    sv_why why = { 0 };
    if (pilot_login_link(p, link, &why) == SV_OK) {
        print_link(link);
    } else {
        pilot_say("no login link: %s", why.text);
    }
}

/// One second of watching.
static void watch_on(pilot *p, keyboard *keys) {
    draw(p);
    for (int i = 0; i < 10 && !keys->enter; i++) {
        pilot_wait(p, EVERY_US / 10);
    }
    if (keys->enter) {
        keys->enter = false;
        // The Enter has moved the cursor down a line.
        (void) fputs("\033[A", stdout);
        print_new_link(p);
    }
}

void pilot_watch(pilot *p, const char *login_link) {
    bool terminal = isatty(STDOUT_FILENO) == 1;
    bool typing = terminal && isatty(STDIN_FILENO) == 1;
    keyboard keys = { .watch = NULL };
    if (typing) {
        keys.watch = sv_watch_readable(p->loop, STDIN_FILENO, on_key, &keys);
    }
    (void) printf("\n");
    print_link(login_link);
    (void) printf(
        "The gateway's own page%s%s, for people at the machine:\n  http://127.0.0.1:%u/\n\n",
        p->site_count > 1 ? " at " : "", p->site_count > 1 ? p->sites[0].name : "",
        p->sites[0].http.number);
    (void) printf("%sCtrl-C stops everything and keeps the data.\n\n",
                  typing ? "Enter gives a new link. " : "");
    (void) fflush(stdout);
    int64_t end_us = p->options.seconds == 0
                         ? INT64_MAX
                         : sv_clock_monotonic_us() + p->options.seconds * 1000000;
    while (!p->interrupted && sv_clock_monotonic_us() < end_us) {
        if (terminal) {
            watch_on(p, &keys);
        } else {
            pilot_wait(p, EVERY_US);
        }
    }
    sv_watch_drop(&keys.watch);
    pilot_status_clear();
}
