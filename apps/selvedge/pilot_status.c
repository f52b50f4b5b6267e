// The compact live status: one block of lines on a terminal, drawn again every second.
#include "pilot.h"
#include <codec/json.h>
#include <stdio.h>
#include <sys/clock.h>
#include <unistd.h>

enum { EVERY_US = 1000000, OVERVIEW_MAX = 1024 * 1024, LINE_BYTES = 256 };

typedef struct overview {
    double total, online, open, critical, readings_per_s;
} overview;

static double number_at(const sv_json *root, const char *section, const char *key) {
    double value = 0;
    (void) sv_json_number(sv_json_get(section == NULL ? root : sv_json_get(root, section), key),
                          &value);
    return value;
}

static bool ask_overview(pilot *p, overview *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(OVERVIEW_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_why why = { 0 };
    if (pilot_ask(p, p->http, "GET", "/api/v1/overview", NULL, &body, NULL, &why) != 200
        || sv_json_parse(sv_textbuf_text(&body), &root, NULL, &why) != SV_OK) {
        return false;
    }
    *out = (overview){
        .total = number_at(root, "devices", "total"),
        .online = number_at(root, "devices", "online"),
        .open = number_at(root, "alerts", "open"),
        .critical = number_at(root, "alerts", "critical"),
        .readings_per_s = number_at(root, NULL, "readings_per_s"),
    };
    return true;
}

static void add_memory(const pilot *p, sv_textbuf *line) {
    sv_textbuf_add_str(line, "memory");
    for (size_t i = 0; i < p->child_count && line->len + 40 < LINE_BYTES; i++) {
        const pilot_child *child = &p->children[i];
        int64_t pss = pilot_child_pss(child);
        if (pss > 0) {
            sv_textbuf_addf(line, "  %s %.1f MB", child->name, (double) pss / 1048576);
        }
    }
}

static void draw(pilot *p, bool again) {
    overview seen = { 0 };
    bool known = ask_overview(p, &seen);
    char room[LINE_BYTES];
    sv_textbuf line = SV_TEXTBUF(room);
    add_memory(p, &line);
    if (again) {
        (void) fputs("\033[2A", stdout);
    }
    if (known) {
        (void) printf("\033[K%.0f of %.0f devices online   %.0f readings/s   %.0f alerts open "
                      "(%.0f critical)\n",
                      seen.online, seen.total, seen.readings_per_s, seen.open, seen.critical);
    } else {
        (void) printf("\033[Kthe fleet server does not answer at the moment\n");
    }
    (void) printf("\033[K%s\n", room);
    (void) fflush(stdout);
}

void pilot_watch(pilot *p, const char *login_link) {
    bool terminal = isatty(STDOUT_FILENO) == 1;
    (void) printf("\nThe dashboard, with a login that works once:\n  %s\nCtrl-C stops everything "
                  "and keeps the data.\n\n",
                  login_link);
    (void) fflush(stdout);
    int64_t end_us = p->options.seconds == 0
                         ? INT64_MAX
                         : sv_clock_monotonic_us() + p->options.seconds * 1000000;
    bool again = false;
    while (!p->interrupted && sv_clock_monotonic_us() < end_us) {
        if (terminal) {
            draw(p, again);
            again = true;
        }
        pilot_wait(p, EVERY_US);
    }
}
